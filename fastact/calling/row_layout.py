"""The operands of a call of a row kernel, and their axes in memory order: outer, reduced, inner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .dtypes import Array, DType

__all__ = ["Index", "Layout", "RowOperands"]

Index = tuple[Any, ...]


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


class Layout:
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


def _without_last(array: Array, count: int) -> Array:
    """Drop the last axes, which have length 1."""
    index: Index = (..., *[0] * count)
    view: Array = array[index]
    return view
