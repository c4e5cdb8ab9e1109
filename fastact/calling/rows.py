"""Calls of a row kernel, which takes arrays (outer, axis, inner), for arrays of any shape, layout and dtype.

The axes are taken in memory order. If the reduced ones are adjacent in it and every array is
contiguous, the kernel gets the arrays themselves. All others are processed in blocks of rows through
scratch memory of a fixed size, or through the output if it is contiguous.
"""

from __future__ import annotations

import math

import numpy as np

from ..backends.environment import silent
from ..backends.protocol import Kernel
from .axes import kept
from .dtypes import Array, DType, computing
from .memory import Scratch, without_overlap
from .row_layout import Layout, RowOperands
from .row_walk import SCRATCH_BYTES, Walk

__all__ = ["compute"]


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
        operands = Layout(operands, axes, in_order).allocate(operands, loop)
    elif _is_small_and_plain(axes, operands):
        return _run_small(kernel, dtype, loop, axes, operands)
    else:
        operands = _without_overlap(operands)
        layout = Layout(operands, axes, in_order)
        operands = layout.allocate(operands, loop)
        Walk(kernel, Scratch(loop, dtype), Scratch(row_loop or loop), layout, operands).run()
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
