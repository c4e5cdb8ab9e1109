"""Row kernels for logits that are made of x a block of rows at a time, as attention makes them.

The logits of a block are x/temperature, capped, with a bias added, and with one more column for the sink. They are
computed in scratch memory, where the row kernel finds them: nothing else has the size of an array.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import threads
from ..backends.environment import silent
from ..backends.registry import Kernel
from .broadcast import as_slices, regions
from .dtypes import Array, DType, is_ready
from .fast import KernelTable
from .memory import Scratch, scatter

__all__ = ["Logits", "forward", "unbroadcast", "vjp"]

Block = tuple[Any, ...]

# Bytes of the logits of a block, for each thread. softmax with cap and bias of 16 x 1024 x 1024 float32, two threads,
# ns an element with 64, 128 and 256 KiB: 1.5, 1.2 to 3.1, 2.4 (other programs were running); PyTorch 16 to 24.
BLOCK_BYTES = 1 << 17
# Bytes of a block of the vjp, over all its buffers.
VJP_BYTES = 1 << 18

_CAPPED = KernelTable.elementwise("softcap", "forward")
_CAPPED_VJP = KernelTable.elementwise("softcap", "vjp")


class Logits(NamedTuple):
    """What the logits of a call are made of besides x.

    Attributes
    ----------
    axes : tuple of int
        The reduced axes.
    dtype : numpy.dtype
        What they are computed in.
    temperature : float or ndarray
        Like `sink`, if it is not one number.
    cap : float, optional
        The largest size of a logit, before the bias is added.
    bias : ndarray, optional
        In a shape that broadcasts to that of x.
    sink : ndarray, optional
        In the shape of x with length 1 along the reduced axes.
    mask : ndarray of bool, optional
        What takes part, in the shape of x.
    """

    axes: tuple[int, ...]
    dtype: DType
    temperature: float | Array = 1.0
    cap: float | None = None
    bias: Array | None = None
    sink: Array | None = None
    mask: Array | None = None


class _Rows:
    """The operands with the reduced axes last, and scratch memory for blocks of them."""

    def __init__(self, logits: Logits, x: Array, n_bytes: int) -> None:
        axes, shape = logits.axes, x.shape
        self._order = [*(k for k in range(x.ndim) if k not in axes), *axes]
        self.depth = x.ndim - len(axes)
        self.dtype, self.cap = logits.dtype, logits.cap
        self.length = math.prod(shape[axis] for axis in axes)
        self.extra = int(logits.sink is not None)
        self._lead = tuple(shape[k] for k in self._order[: self.depth])
        self._size = max(1, n_bytes // (self.dtype.itemsize * (self.length + self.extra)))
        self.scratch = Scratch(self.dtype)
        self.x = self.last(x)
        self._bias, self._mask = (
            None if one is None else self.last(np.broadcast_to(one, shape))
            for one in (logits.bias, logits.mask)
        )
        self._sink, heat = logits.sink, logits.temperature
        self._heat = self.last(heat) if isinstance(heat, np.ndarray) else heat
        self._sink = None if self._sink is None else self.last(self._sink)

    def last(self, array: Array) -> Array:
        """Return a view with the reduced axes last."""
        return array.transpose(self._order)

    def blocks(self) -> Iterator[Block]:
        """Yield the places of the blocks among the axes that are not reduced."""
        for region in regions(self._lead, self._size) if self.length else ():
            yield (*as_slices(region, self.depth), ...)  # what is at it is an array, never a number

    def rows(self, key: str, place: Block) -> tuple[Array, Array]:
        """Return scratch memory for a block's rows, and without the last column in the shape of the block."""
        shape = self.x[place].shape
        rows = self.scratch.take(key, (math.prod(shape[: self.depth]), self.length + self.extra, 1))
        view = rows.reshape(*shape[: self.depth], self.length + self.extra)
        return rows, view[..., : self.length].reshape(shape)

    def heat(self, place: Block) -> Any:
        """Return the temperature, or that of each row."""
        return self._heat[place] if isinstance(self._heat, np.ndarray) else self._heat

    def divided(self, key: str, place: Block) -> tuple[Array, Array]:
        """Return x/temperature like `rows`; the last column is 0."""
        rows, view = self.rows(key, place)
        rows[:, self.length :] = 0.0
        self.scratch.copy(view, self.x[place])
        if not self._is_cold_or_hot():
            return rows, view
        heat = self.heat(place)
        np.divide(view, heat, out=view)
        if np.min(heat) < 1.0 and not np.isfinite(view).all():  # of a finite x it is finite
            largest = np.finfo(self.dtype).max
            np.copyto(view, np.clip(view, -largest, largest), where=np.isfinite(self.x[place]))
        return rows, view

    def logits(self, key: str, place: Block) -> tuple[Array, Array]:
        """Return the logits like `rows`; the last column is the sink."""
        rows, view = self.rows(key, place)
        x = self.x[place]
        # The first step reads x where it is if it can.
        if self._is_cold_or_hot() or not is_ready(x, self.dtype) or (self.extra and self.cap):
            rows, x = self.divided(key, place)
        if self.cap is not None:
            source = rows if x is view or self.extra else x
            _CAPPED.kernel(self.dtype)(source.reshape(-1), rows.reshape(-1), self.cap)
            x = view
        if self._bias is not None:
            np.add(x, self._bias[place], out=view, casting="unsafe")
        elif x is not view:
            np.copyto(view, x)
        if self._sink is not None:
            rows[:, -1, 0] = self._sink[place].reshape(-1)
        return rows, view

    def _is_cold_or_hot(self) -> bool:
        return isinstance(self._heat, np.ndarray) or self._heat != 1.0

    def mask(self, place: Block) -> Array | None:
        """Return the mask as a row kernel takes it; the sink takes part."""
        if self._mask is None:
            return None
        part = self._mask[place]
        rows = math.prod(part.shape[: self.depth])
        mask = np.ones((rows, self.length + self.extra, 1), np.bool_)
        mask[:, : self.length] = part.reshape(rows, self.length, 1)
        return mask


def forward(kernel: Kernel, logits: Logits, x: Array, out: Array) -> None:
    """Compute softmax or log_softmax, whose kernel is given, of the logits."""
    work = _Rows(logits, x, BLOCK_BYTES * threads.get_num_threads())
    target = work.last(out)
    with silent():
        for place in work.blocks():
            rows, view = work.logits("z", place)
            into = target[place]
            direct = not work.extra and into.dtype == work.dtype and into.flags.carray
            result = into.reshape(rows.shape) if direct else rows
            kernel(rows, result, work.mask(place), 1.0)
            if not direct:
                scatter(into, view, work.dtype)


def vjp(
    kernels: tuple[Kernel, Kernel],
    logits: Logits,
    operands: tuple[Array, Array, Array],
    out: Array,
    dbias: Array | None,
    dsink: Array | None,
) -> None:
    """Compute the gradients by x, and by bias and sink if there are arrays for them.

    Parameters
    ----------
    kernels : tuple of callable
        The row kernels of the forward pass and of the vjp from its output.
    logits : Logits
        What the logits are made of.
    operands : tuple of ndarray
        g, y and x; x is only looked at if there is a cap or a sink.
    out, dbias, dsink : ndarray
        The gradients: of x's shape; of the shape of the bias, with as many axes as x and filled with 0; of the shape
        of the sink.
    """
    work = _Rows(logits, operands[2], VJP_BYTES * threads.get_num_threads() // 3)
    g, y, target = (work.last(array) for array in (*operands[:2], out))
    sums = None if dbias is None else work.last(dbias)
    last = None if dsink is None else work.last(dsink)
    with silent():
        for place in work.blocks():
            mask = work.mask(place)
            outputs, y_view = work.logits("y", place) if work.extra else work.rows("y", place)
            if work.extra:  # whose last column is what the sink gets
                kernels[0](outputs, outputs, mask, 1.0)
            work.scratch.copy(y_view, y[place])
            rows, view = work.rows("g", place)
            rows[:, work.length :] = 0.0
            work.scratch.copy(view, g[place])
            kernels[1](rows, outputs, rows, mask, 1.0)
            if last is not None:
                last[place] = rows[:, -1].reshape(last[place].shape)
            if sums is not None:
                _add(sums, view, place)
            _by_x(work, rows, view, place)
            scatter(target[place], view, work.dtype)


def _by_x(work: _Rows, rows: Array, view: Array, place: Block) -> None:
    """Turn the gradient by the logits into that by x."""
    if work.cap is not None:
        z, _ = work.divided("y", place)
        flat = rows.reshape(-1)
        _CAPPED_VJP.kernel(work.dtype)(flat, z.reshape(-1), flat, work.cap)
        mask = work.mask(place)
        if mask is not None:
            np.copyto(rows, 0.0, where=~mask)
    np.divide(view, work.heat(place), out=view)


def _add(sums: Array, view: Array, place: Block) -> None:
    """Add a block to the sums of the places that an element of the bias is added to."""
    whole = (*place[:-1], *[slice(None)] * (sums.ndim - len(place) + 1))
    index = tuple(slice(0, 1) if n == 1 else one for one, n in zip(whole, sums.shape, strict=True))
    part = sums[index]
    axes = tuple(
        axis
        for axis, (few, many) in enumerate(zip(part.shape, view.shape, strict=True))
        if few != many
    )
    part += view.sum(axis=axes, keepdims=True, dtype=np.float64) if axes else view


def unbroadcast(array: Array, shape: tuple[int, ...]) -> Array:
    """Sum an array to a shape that broadcasts to its own."""
    lead = tuple(range(array.ndim - len(shape)))
    summed = array.sum(axis=lead, dtype=np.float64)
    wide = tuple(k for k, n in enumerate(shape) if n == 1)
    result: Array = summed.sum(axis=wide, keepdims=True)
    return result
