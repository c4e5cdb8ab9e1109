"""Calls of a row kernel, which takes arrays (outer, axis, inner), for arrays of any shape, layout and dtype.

The axes are taken in memory order. If the reduced ones are adjacent in it and every array is
contiguous, the kernel gets the arrays themselves. All others are processed in blocks of rows through
scratch memory of a fixed size, or through the output if it is contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backends.environment import silent
from ..backends.protocol import Kernel
from .axes import kept
from .broadcast import as_slices, regions
from .dtypes import Array, DType, computing, is_ready
from .fast import MAX_SIZE
from .long_rows import LongRow
from .memory import Scratch, scatter, without_overlap

__all__ = ["RowOperands", "compute"]

Index = tuple[Any, ...]

# Bytes of a block, over all operands, and bytes of a mask.
SCRATCH_BYTES = 3 << 17
MASK_BYTES = 1 << 18
# Bytes of the values for each row that are copied.
ROW_BYTES = 1 << 18
# With fewer elements in one kernel call, Python's overhead is noticeable.
FEW = 1 << 12


class RowOperands(NamedTuple):
    """The arrays of one call; None among the outputs means allocate one.

    Inputs, outputs and mask have one shape, with any strides; arrays with one value for each row have
    that shape with length 1 along the reduced axes.
    """

    inputs: Sequence[Array]
    row_inputs: Sequence[Array]
    outputs: Sequence[Array | None]
    row_outputs: Sequence[Array | None]
    where: Array | None
    params: Sequence[float]


def compute(
    kernel: Kernel,
    dtype: DType,
    loop: DType,
    axes: tuple[int, ...],
    operands: RowOperands,
    in_order: bool = False,
    row_loop: DType | None = None,
) -> list[Array]:
    """Run `kernel` over the rows along `axes` and return the outputs, then the values for each row.

    The elements of a row are taken in memory order, or in index order if `in_order`. The kernel takes
    arrays of `dtype`: `loop`, or the dtype that it is computed in. A 16-bit result is the float32 result
    rounded once; values for each row are of `row_loop`, or else of `loop`, too. An input that partially
    overlaps an output is copied first.
    """
    if _has_no_results(axes, operands):
        # A loop over 10**15 empty rows would not end.
        operands = _Layout(operands, axes, in_order).allocate(operands, loop)
    elif _is_small_and_plain(axes, operands):
        return _run_small(kernel, dtype, loop, axes, operands)
    else:
        operands = _without_overlap(operands)
        layout = _Layout(operands, axes, in_order)
        operands = layout.allocate(operands, loop)
        _Walk(kernel, Scratch(loop, dtype), Scratch(row_loop or loop), layout, operands).run()
    return [out for out in (*operands.outputs, *operands.row_outputs) if out is not None]


def _has_no_results(axes: tuple[int, ...], operands: RowOperands) -> bool:
    """Tell whether no output has an element; an empty row may still have a sum."""
    shape = operands.inputs[-1].shape
    return 0 in shape and (not operands.row_outputs or 0 in kept(shape, axes))


def _is_small_and_plain(axes: tuple[int, ...], operands: RowOperands) -> bool:
    """Tell whether new outputs in C order are right and a copy of the inputs fits a block."""
    inputs = operands.inputs
    return (
        all(out is None for out in (*operands.outputs, *operands.row_outputs))
        and all(array.flags.c_contiguous for array in inputs)
        and sum(array.size for array in inputs) * 16 <= SCRATCH_BYTES
        and bool(axes)
        and max(axes) - min(axes) + 1 == len(axes)
    )


def _run_small(
    kernel: Kernel, dtype: DType, loop: DType, axes: tuple[int, ...], operands: RowOperands
) -> list[Array]:
    """Compute in one call: a third of the time for a list, a number or a small mask."""
    shape = operands.inputs[-1].shape
    first, last = min(axes), max(axes) + 1
    outer, inner = math.prod(shape[:first]), math.prod(shape[last:])
    three, rows = (outer, math.prod(shape[first:last]), inner), (outer, inner)
    row_dtype = computing(loop)
    where = operands.where
    mask = None if where is None else np.ascontiguousarray(where).reshape(three)
    with silent():
        given = [_rounded(array, loop, dtype).reshape(three) for array in operands.inputs]
        given += [_rounded(array, loop, row_dtype).reshape(rows) for array in operands.row_inputs]
        outputs = [np.empty(three, dtype) for _ in operands.outputs]
        row_outputs = [np.empty(rows, row_dtype) for _ in operands.row_outputs]
        kernel(*given, *outputs, *row_outputs, mask, *operands.params)
        short = (*shape[:first], *[1] * (last - first), *shape[last:])
        results = [out.reshape(shape) for out in outputs] + [r.reshape(short) for r in row_outputs]
        return [result.astype(loop, copy=False) for result in results]


def _rounded(array: Array, loop: DType, dtype: DType) -> Array:
    """Return the array in `dtype` and C order, rounded to `loop` first, as NumPy does."""
    if array.dtype != loop:
        array = array.astype(loop)
    return np.require(array.astype(dtype, copy=False), requirements=["C", "A"])


def _without_overlap(operands: RowOperands) -> RowOperands:
    """Copy each operand that an output would overwrite before it is read."""
    inputs, row_inputs, where = operands.inputs, operands.row_inputs, operands.where
    outs = [*operands.outputs, *operands.row_outputs]
    read = iter(without_overlap(outs, [*inputs, *row_inputs, where]))
    return operands._replace(
        inputs=[next(read) for _ in inputs],
        row_inputs=[next(read) for _ in row_inputs],
        where=next(read),
    )


class _Layout:
    """The axes in the order outer, reduced, inner; those of length 1 are left out."""

    def __init__(self, operands: RowOperands, axes: tuple[int, ...], in_order: bool) -> None:
        # y, not g: a gradient is often one number, broadcast.
        leader = next((out for out in operands.outputs if out is not None), operands.inputs[-1])
        self.shape = leader.shape
        self._single = [axis for axis, length in enumerate(self.shape) if length == 1]
        order = [axis for axis, length in enumerate(self.shape) if length != 1]
        order.sort(key=lambda axis: -abs(leader.strides[axis]))
        self.reduced = [axis for axis in (sorted(order) if in_order else order) if axis in axes]
        kept = [axis for axis in order if axis not in axes]
        # Kept axes after the last reduced one are the inner ones.
        first_inner = len(order)
        while first_inner and order[first_inner - 1] in kept:
            first_inner -= 1
        self.inner = order[first_inner:]
        self.outer = [axis for axis in kept if axis not in self.inner]
        self.axes = axes

    def allocate(self, operands: RowOperands, loop: DType) -> RowOperands:
        """Allocate the missing outputs in the input's axis order."""
        outputs = [
            np.empty_like(operands.inputs[-1], loop, subok=False) if out is None else out
            for out in operands.outputs
        ]
        kept = tuple(1 if axis in self.axes else n for axis, n in enumerate(self.shape))
        order = [*self.outer, *self.inner, *self.reduced, *self._single]
        rows = [
            np.empty([kept[axis] for axis in order], loop).transpose(np.argsort(order))
            if out is None
            else out
            for out in operands.row_outputs
        ]
        return operands._replace(outputs=outputs, row_outputs=rows)

    def full(self, array: Array) -> Array:
        """Return a view of an array of the full shape, its axes in this layout's order."""
        order = [*self.outer, *self.reduced, *self.inner, *self._single]
        return _without_last(array.transpose(order), len(self._single))

    def row(self, array: Array) -> Array:
        """Return a view of an array with one value for each row, its axes in this layout's order."""
        order = [*self.outer, *self.inner, *self.reduced, *self._single]
        return _without_last(array.transpose(order), len(self.reduced) + len(self._single))

    def lengths(self, axes: Sequence[int]) -> tuple[int, ...]:
        """Return the lengths of some axes."""
        return tuple(self.shape[axis] for axis in axes)


class _Walk:
    """One call: its operands in the layout's axis order, and scratch memory for pieces of them."""

    def __init__(
        self,
        kernel: Kernel,
        scratch: Scratch,
        row_scratch: Scratch,
        layout: _Layout,
        operands: RowOperands,
    ) -> None:
        self.kernel = kernel
        self.scratch = scratch
        self.row_scratch = row_scratch
        self.params = operands.params
        self.inputs = [layout.full(array) for array in operands.inputs]
        self.outputs = [layout.full(out) for out in operands.outputs if out is not None]
        self.row_inputs = [layout.row(array) for array in operands.row_inputs]
        self.row_outputs = [layout.row(out) for out in operands.row_outputs if out is not None]
        self.where = None if operands.where is None else layout.full(operands.where)
        self.outer = layout.lengths(layout.outer)
        self.inner = layout.lengths(layout.inner)
        self.reduced = layout.lengths(layout.reduced)
        self.axis = math.prod(self.reduced)

    def run(self) -> None:
        """Compute everything."""
        # Casts may overflow or see a NaN: silent whatever the caller's errstate.
        with silent():
            for outer, inner in self._pieces():
                self._piece(outer, inner)

    def _pieces(self) -> Iterator[tuple[Index, Index]]:
        """Cut the outer and the inner axes into pieces that are computed one by one."""
        outer_size, inner_size = self._sizes()
        for outer in _blocks(self.outer, outer_size):
            for inner in _blocks(self.inner, inner_size):
                yield outer, inner

    def _sizes(self) -> tuple[int, int]:
        """Return the numbers of outer and inner indices of a piece."""
        width = math.prod(self.inner)
        one = max(1, self.axis * width)
        arrays, rows = (*self.inputs, *self.outputs), (*self.row_inputs, *self.row_outputs)
        if all(is_ready(array, self.scratch.ready) for array in arrays):
            fitting = max(1, MAX_SIZE // one) if self.where is None else self._mask_span(one)
            if not all(is_ready(array, self.row_scratch.ready) for array in rows):
                fitting = min(fitting, ROW_BYTES // (8 * len(rows) * max(1, width)))
            if fitting:
                return min(fitting, max(1, MAX_SIZE // one)), max(1, width)
        full = len(self.inputs) + len(self.outputs)
        elements = SCRATCH_BYTES // (full * self.scratch.dtype.itemsize + 1)
        if one <= elements:
            return elements // one, max(1, width)
        return 1, max(1, elements // max(1, self.axis))

    def _mask_span(self, one: int) -> int:
        """Return the number of outer indices for which a view of the mask can be passed; 0 if none."""
        assert self.where is not None
        depth = len(self.outer)
        for lead in range(depth + 1):
            part = self.where[(0,) * lead] if 0 not in self.outer[:lead] else self.where
            span = math.prod(self.outer[lead:])
            if (part.flags.c_contiguous or _same_for_all(part, depth - lead)) and (
                span * one >= FEW or lead == 0
            ):
                return max(1, span)
        return max(1, MASK_BYTES // one) if one <= MASK_BYTES else 0

    def _piece(self, outer: Index, inner: Index) -> None:
        # The ellipsis keeps a zero-dimensional piece an array.
        block: Index = (*outer, *[slice(None)] * len(self.reduced), *inner, ...)
        rows_block: Index = (*outer, *inner, ...)
        sources = [array[block] for array in self.inputs]
        targets = [out[block] for out in self.outputs]
        row_targets = [out[rows_block] for out in self.row_outputs]
        depth = math.prod(sources[0].shape[: len(outer)])
        width = math.prod(sources[0].shape[len(outer) + len(self.reduced) :])
        shape, rows = (depth, self.axis, width), (depth, width)
        row_results = [
            self.row_scratch.destination(out, ("out", k), rows) for k, out in enumerate(row_targets)
        ]
        row_given = [
            self.row_scratch.gather(array[rows_block], ("in", k), rows)
            for k, array in enumerate(self.row_inputs)
        ]
        if depth * width == 1:
            one: Index = (
                *[0] * len(outer),
                *[slice(None)] * len(self.reduced),
                *[0] * len(inner),
                ...,
            )
            mask = None if self.where is None else self.where[block][one]
            row = LongRow(self.scratch, [s[one] for s in sources], [t[one] for t in targets], mask)
            if row.needs_parts(self.kernel):
                row.run(self.kernel, row_given, row_results, self.params)
                return self._store(self.row_scratch, row_targets, row_results)
        take, gather = self.scratch.destination, self.scratch.gather
        results = [take(out, ("out", k), shape) for k, out in enumerate(targets)]
        # A single input is copied directly to the memory of the result.
        destinations = results if len(sources) == 1 and results else [None] * len(sources)
        given = [
            gather(source, ("in", k), shape, destination)
            for k, (source, destination) in enumerate(zip(sources, destinations, strict=True))
        ]
        mask = None if self.where is None else self._mask(self.where[block], len(outer), shape)
        self.kernel(*given, *row_given, *results, *row_results, mask, *self.params)
        self._store(self.scratch, targets, results)
        self._store(self.row_scratch, row_targets, row_results)

    def _store(self, scratch: Scratch, targets: list[Array], results: list[Array]) -> None:
        """Round results, and copy them to where they belong unless they are there."""
        for target, result in zip(targets, results, strict=True):
            if not is_ready(target, scratch.ready):
                scatter(target, result, scratch.loop)

    def _mask(self, piece: Array, depth: int, shape: tuple[int, ...]) -> Array:
        if _same_for_all(piece, depth) and shape[0]:
            first: Array = piece[(0,) * depth]
            return first.reshape(1, *shape[1:])
        if piece.flags.c_contiguous:
            return piece.reshape(shape)
        copy = self.scratch.take("mask", shape, np.dtype(np.bool_))
        np.copyto(copy.reshape(piece.shape), piece)
        return copy


def _without_last(array: Array, count: int) -> Array:
    """Drop the last axes, which have length 1."""
    index: Index = (..., *[0] * count)
    view: Array = array[index]
    return view


def _same_for_all(mask: Array, depth: int) -> bool:
    """Tell whether the mask is the same, and contiguous, for every index of its first axes."""
    if any(
        stride and length > 1
        for stride, length in zip(mask.strides[:depth], mask.shape[:depth], strict=True)
    ):
        return False
    return 0 not in mask.shape and bool(mask[(0,) * depth].flags.c_contiguous)


def _blocks(shape: tuple[int, ...], size: int) -> Iterator[Index]:
    for region in regions(shape, size):
        yield as_slices(region, len(shape))
