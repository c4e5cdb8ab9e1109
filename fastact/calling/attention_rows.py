"""The logits of softmax and log_softmax, a block of rows at a time.

The logits of a block are x/temperature, capped, with a bias added, and with one more column for the sink.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .broadcast import as_slices, regions
from .dtypes import Array, DType, is_ready
from .fast import KernelTable
from .memory import Scratch

__all__ = ["Block", "Logits", "Rows"]

Block = tuple[Any, ...]

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


class Rows:
    """The operands with the reduced axes last, and scratch memory for blocks of them."""

    def __init__(self, logits: Logits, x: Array, n_bytes: int) -> None:
        axes, shape = logits.axes, x.shape
        self._order = [*(k for k in range(x.ndim) if k not in axes), *axes]
        self.depth = x.ndim - len(axes)
        self.dtype, self.cap = logits.dtype, logits.cap
        self.length = math.prod(shape[axis] for axis in axes)
        self.extra = int(logits.sink is not None)
        self.lead = tuple(shape[k] for k in self._order[: self.depth])
        self._size = max(1, n_bytes // (self.dtype.itemsize * (self.length + self.extra)))
        self.scratch = Scratch(self.dtype)
        self.x = self.last(x)
        self.bias, self.masked = (
            None if one is None else self.last(np.broadcast_to(one, shape))
            for one in (logits.bias, logits.mask)
        )
        heat = logits.temperature
        self._heat = self.last(heat) if isinstance(heat, np.ndarray) else heat
        self.sink = None if logits.sink is None else self.last(logits.sink)

    def last(self, array: Array) -> Array:
        """Return a view with the reduced axes last."""
        return array.transpose(self._order)

    def blocks(self) -> Iterator[Block]:
        """Yield the places of the blocks among the axes that are not reduced."""
        for region in regions(self.lead, self._size) if self.length else ():
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
        self.divide(view, self.x[place], self.heat(place))
        return rows, view

    def divide(self, view: Array, x: Array, heat: Any) -> None:
        """Fill memory with x/temperature."""
        self.scratch.copy(view, x)
        if not self._is_cold_or_hot():
            return
        np.divide(view, heat, out=view)
        if np.min(heat) < 1.0 and not np.isfinite(view).all():  # of a finite x it is finite
            largest = np.finfo(self.dtype).max
            np.copyto(view, np.clip(view, -largest, largest), where=np.isfinite(x))

    def logits(self, key: str, place: Block) -> tuple[Array, Array]:
        """Return the logits like `rows`; the last column is the sink."""
        rows, view = self.rows(key, place)
        rows[:, self.length :] = 0.0
        bias = None if self.bias is None else self.bias[place]
        self.fill(view, rows.reshape(-1), self.x[place], self.heat(place), bias)
        if self.sink is not None:
            rows[:, -1, 0] = self.sink[place].reshape(-1)
        return rows, view

    def fill(self, view: Array, flat: Array, x: Array, heat: Any, bias: Array | None) -> None:
        """Fill memory with logits; it is the view, of the shape of x, with zeros in between."""
        # The first step reads x where it is if it can.
        whole = flat.size == x.size
        if self._is_cold_or_hot() or not is_ready(x, self.dtype) or not (whole or self.cap is None):
            self.divide(view, x, heat)
            x = view
        if self.cap is not None:
            _CAPPED.kernel(self.dtype)(flat if x is view else x.reshape(-1), flat, self.cap)
            x = view
        if bias is not None:
            np.add(x, bias, out=view, casting="unsafe")
        elif x is not view:
            np.copyto(view, x)

    def _is_cold_or_hot(self) -> bool:
        return isinstance(self._heat, np.ndarray) or self._heat != 1.0

    def mask(self, place: Block) -> Array | None:
        """Return the mask as a row kernel takes it; the sink takes part."""
        if self.masked is None:
            return None
        part = self.masked[place]
        rows = math.prod(part.shape[: self.depth])
        mask = np.ones((rows, self.length + self.extra, 1), np.bool_)
        mask[:, : self.length] = part.reshape(rows, self.length, 1)
        return mask

    def uncap(self, gradient: Array, z: Array, mask: Array | None) -> None:
        """Turn a gradient into that by z = x/temperature, before the cap; what is not selected has none."""
        flat = gradient.reshape(-1)
        _CAPPED_VJP.kernel(self.dtype)(flat, z.reshape(-1), flat, self.cap)
        if mask is not None:
            np.copyto(gradient, 0.0, where=~mask)
