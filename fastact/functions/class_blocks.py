"""Blocks of rows of the losses of class indices, whose temporaries fit a fixed size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.protocol import Kernel
from ..calling.dtypes import Array, is_ready
from ..calling.fast import KernelTable
from ..calling.memory import Scratch
from ..calling.row_layout import RowOperands
from ..calling.rows import compute

if TYPE_CHECKING:
    from .class_losses import ClassTask

__all__ = ["ELEMENTS", "Block", "Index", "taken"]

# Elements of a block that NumPy processes: three float64 temporaries are 768 KiB.
ELEMENTS = 1 << 15

_EXP_SUM = KernelTable.of_rows("_exp_sum", "forward")
_WITH_GRADIENT = KernelTable.of_rows("_cross_entropy", "forward")

Index = tuple[Any, ...]


class Block:
    """A block of rows: values for each row have shape (outer, inner).

    Attributes
    ----------
    x, out : ndarray
        The logits and their gradient, views of any layout; `out` is None if there is none to compute.
    shape : tuple of int
        The shape (outer, classes, inner).
    """

    def __init__(
        self,
        call: ClassTask,
        scratch: Scratch,
        rows: Index,
        elements: Index,
        out: Array | None,
        g: Array | None,
        scale: float,
    ) -> None:
        self.call, self.scratch, self.dtype = call, scratch, scratch.dtype
        x = call.x[elements]
        inner = math.prod(x.shape[call.axis + 1 :])
        outer = math.prod(x.shape[: call.axis])
        self.shape, self.row_shape = (outer, call.classes, inner), (outer, inner)
        self.x = x
        self.out = None if out is None else out[elements]
        self.target = call.target[(*rows, ...) if call.by_index else elements]
        self.missing = None if call.missing is None else call.missing[elements]
        self.rows_missing = (
            None
            if call.rows_missing is None
            else call.rows_missing[(*rows, ...)].reshape(self.row_shape)
        )
        self.scale = np.zeros(())
        if g is not None:
            part = g[(*rows, ...)].reshape(self.row_shape) if g.ndim else g
            self.scale = np.asarray(part.astype(np.float64) * scale)

    def losses(self) -> Array:
        """Return the losses in float64; write the gradient if requested."""
        raise NotImplementedError

    def picked(self, target: Array) -> Array:
        """Return the elements of x that class indices name, in float64."""
        picked = taken(self.x, self.along(target), self.call.axis)
        with_loop = picked.astype(self.call.loop, copy=False)
        return with_loop.reshape(self.row_shape).astype(np.float64)

    def along(self, values: Array) -> Array:
        """Return values of the rows in the shape of x, with length 1 along the axis."""
        axis, shape = self.call.axis, self.x.shape
        return values.reshape(*shape[:axis], 1, *shape[axis + 1 :])

    def pieces(self) -> Iterator[slice]:
        """Cut the classes of a row that has more than ELEMENTS."""
        for begin in range(0, self.call.classes, ELEMENTS):
            yield slice(begin, min(begin + ELEMENTS, self.call.classes))

    def piece(self, array: Array, classes: slice) -> Array:
        """Return some classes of an array of x's shape: a view."""
        index: Index = (*[slice(None)] * self.call.axis, classes, ...)
        view: Array = array[index]
        return view

    def maximum_and_others(self) -> tuple[Array, Array]:
        """Return the maximum and the sum of the other exponentials."""
        found = self.scratch.take("statistic", (2, *self.row_shape))
        self._run(_EXP_SUM.kernel(self.call.loop), (), (), (found[0], found[1]))
        maximum, others = found.astype(np.float64)
        return maximum, others

    def statistic(self, weight: Array, gradient: Array | None) -> tuple[Array, Array]:
        """Return the same, and write weight · scale · softmax to the gradient if there is one."""
        if gradient is None:
            return self.maximum_and_others()
        found = self.scratch.take("statistic", (2, *self.row_shape))
        factor = np.ascontiguousarray(self.scaled(weight).astype(self.dtype))
        kernel = _WITH_GRADIENT.kernel(self.call.loop)
        self._run(kernel, (factor,), (gradient,), (found[0], found[1]))
        maximum, others = found.astype(np.float64)
        return maximum, others

    def _run(
        self,
        kernel: Kernel,
        given: tuple[Array, ...],
        outs: tuple[Array, ...],
        found: tuple[Array, ...],
    ) -> None:
        """Call a kernel, directly if it takes the logits where they are."""
        if all(is_ready(one, self.scratch.ready) for one in (self.x, *outs)):
            into = (one.reshape(self.shape) for one in outs)
            kernel(self.x.reshape(self.shape), *given, *into, *found, None, 1.0)
            return
        columns = getattr(kernel, "columns", None)
        views = [self._columns(one) for one in (self.x, *outs)]
        strides = {None if one is None else one.strides for one in views}
        if columns is not None and None not in strides and len(strides) == 1:
            columns(views[0], *given, *views[1:], *found, None, 1.0)
            return
        rows = [self.along(one) for one in (*given, *found)]
        some, axes = len(given), (self.call.axis,)
        operands = RowOperands([self.x], rows[:some], outs, rows[some:], None, (1.0,))
        # An `out` of a wider dtype, too, gets what a gradient of the loss's dtype has; a scratch buffer does not.
        rounded = all(one is self.out for one in outs)
        loop = self.call.loop if rounded else self.dtype
        compute(kernel, self.dtype, loop, axes, operands, row_loop=self.dtype)

    def _columns(self, array: Array) -> Array | None:
        """Return a view (1, classes, inner) of some columns of a wider array, or None if it is none."""
        outer, classes, inner = self.shape
        index: Index = (*[0] * self.call.axis, 0, ...)
        if outer != 1 or self.scratch.ready != array.dtype or not array.flags.aligned:
            return None
        if not array[index].flags.c_contiguous:
            return None
        step, item = array.strides[self.call.axis], array.itemsize
        if step % item or step < inner * item:
            return None
        strides = step * classes, step, item
        return np.lib.stride_tricks.as_strided(array, (1, classes, inner), strides)

    def scaled(self, weight: Array) -> Array:
        """Return weight · scale, and 0 for a weight of 0: the scale of an empty mean is infinite."""
        scaled: Array = np.where(weight == 0.0, 0.0, weight * self.scale)
        return scaled

    def put(self, target: Array, values: Array) -> None:
        """Write values of the rows to the gradient by the logits that class indices name."""
        assert self.out is not None
        rounded = values.astype(self.dtype).astype(self.call.loop, copy=False)
        axis, whole = _short(self.out, self.call.axis)
        places = (*whole.shape[:axis], 1, *whole.shape[axis + 1 :])
        np.put_along_axis(whole, target.reshape(places), rounded.reshape(places), axis)

    def finish(self, statistic: Array, ignored: Array | None) -> None:
        """Set the gradient of ignored rows with NaN or infinite logits to 0."""
        assert self.out is not None
        if ignored is not None and (nonfinite := ignored & ~np.isfinite(statistic)).any():
            np.copyto(self.out, 0.0, where=self.along(nonfinite))

    def indices(self) -> tuple[Array, Array, Array]:
        """Return the classes (0 for ignored rows), which rows are ignored, and the weights (0 for those)."""
        target = self.target.reshape(self.row_shape)
        ignored = self.call.is_ignored(target)
        if self.rows_missing is not None:
            ignored |= self.rows_missing
        target = np.where(ignored, 0, target).astype(np.intp)
        if self.call.weight is None:
            return target, ignored, np.where(ignored, 0.0, 1.0)
        weight = self.call.weight[target].astype(np.float64)
        return target, ignored, np.where(ignored, 0.0, weight)


def taken(array: Array, indices: Array, axis: int) -> Array:
    """Return the elements at the indices, of length 1 along an axis, along that."""
    place, whole = _short(array, axis)
    shape = (*whole.shape[:place], 1, *whole.shape[place + 1 :])
    found: Array = np.take_along_axis(whole, indices.reshape(shape), place)
    return found.reshape(indices.shape)


def _short(array: Array, axis: int) -> tuple[int, Array]:
    """Return an axis among those that are long, and a view with these only: NumPy takes along one of at most 63."""
    long = [k for k, length in enumerate(array.shape) if length != 1 or k == axis]
    index = tuple(slice(None) if k in long else 0 for k in range(array.ndim))
    view: Array = array[(*index, ...)]
    return long.index(axis), view
