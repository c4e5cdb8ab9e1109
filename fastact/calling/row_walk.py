"""Blocks of rows, one after the other, as a row kernel takes them: (outer, axis, inner)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..backends.environment import silent
from ..backends.protocol import Kernel
from .broadcast import as_slices, regions
from .dtypes import Array, is_ready
from .fast import MAX_SIZE
from .long_rows import LongRow
from .memory import Scratch, scatter
from .row_layout import Index, Layout, RowOperands

__all__ = ["SCRATCH_BYTES", "Walk"]

# Bytes of a block, over all operands, and bytes of a mask.
SCRATCH_BYTES = 3 << 17
MASK_BYTES = 1 << 18
# Bytes of the values for each row that are copied.
ROW_BYTES = 1 << 18
# With fewer elements in one kernel call, Python's overhead is noticeable.
FEW = 1 << 12


class Walk:
    """One call: its operands in the layout's axis order, and scratch memory for pieces of them."""

    def __init__(
        self,
        kernel: Kernel,
        scratch: Scratch,
        row_scratch: Scratch,
        layout: Layout,
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
