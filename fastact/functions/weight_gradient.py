"""The gradient of a shared weight: an accurate sum in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.environment import silent
from ..calling.broadcast import as_slices, regions

__all__ = ["SUM_BLOCK", "weight_gradient"]

Array = np.ndarray[Any, np.dtype[Any]]

# Elements of a partial sum of prelu's weight gradient: three float64 temporaries of it are 768 KiB.
SUM_BLOCK = 1 << 15


def weight_gradient(g: Array, x: Array, slope: Array, loop: np.dtype[Any]) -> Array:
    """Sum g * x over the elements with x < 0 that share a weight, in float64, both cast to `loop` first."""
    whole = _common_shape(g, x, slope)
    g, x = np.broadcast_to(g, whole), np.broadcast_to(x, whole)
    shape = (1,) * (x.ndim - slope.ndim) + slope.shape
    shared = tuple(axis for axis, length in enumerate(shape) if length == 1)
    total, lost = np.zeros(shape), np.zeros(shape)
    with silent():
        for region in regions(x.shape, SUM_BLOCK):
            index = as_slices(region, x.ndim)
            a, b = (array[index].astype(loop, copy=False) for array in (g, x))
            # For x >= 0 the output does not depend on the slope: 0 even for an infinite g.
            part = np.where(b >= 0, 0.0, np.multiply(a, b, dtype=np.float64))
            # The ellipsis keeps a zero-dimensional slice an array, for adding in place.
            held: tuple[Any, ...] = (
                *(slice(None) if a in shared else index[a] for a in range(x.ndim)),
                ...,
            )
            _add(total[held], lost[held], part.sum(axis=shared, keepdims=True))
        return np.where(np.isfinite(lost), total + lost, total)


def _common_shape(*arrays: Array) -> tuple[int, ...]:
    """Return the shape that the arrays broadcast to: np.broadcast_shapes stops at 32 dimensions."""
    try:
        walk = np.nditer(arrays, flags=["multi_index", "zerosize_ok"])
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"prelu.vjp(): operands of shape {shapes} do not broadcast") from None
    shape: tuple[int, ...] = walk.shape
    return shape


def _add(total: Array, lost: Array, part: Array) -> None:
    """Add `part` in place, accumulating the rounding errors in `lost` (Knuth's two-sum)."""
    before = total.copy()
    total += part
    kept = total - before
    lost += (before - (total - kept)) + (part - kept)
