"""Arguments of row functions: axes, temperature, masks, and operands with one value for each row."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..messages import shown
from .arguments import as_float, check_where
from .dtypes import Array, DType

__all__ = [
    "COLDEST",
    "HOTTEST",
    "broadcast",
    "checked_axes",
    "checked_axis",
    "expanded",
    "kept",
    "mask_for",
    "reduced",
    "split",
    "temperature_of",
    "walked_dtype",
]

Shape = tuple[int, ...]


def checked_axes(label: str, axis: Any, ndim: int) -> Shape:
    """Return the reduced axes as non-negative numbers; None means all of them.

    Raises
    ------
    numpy.exceptions.AxisError
        If an axis is out of range.
    ValueError
        If an axis is repeated.
    """
    if axis is None:
        return tuple(range(ndim))
    try:
        found: Shape = normalize_axis_tuple(axis, ndim, f"{label}()", allow_duplicate=True)
    except (TypeError, OverflowError) as error:
        raise _wrong_axis(label, axis, "an integer, a tuple of integers or None", error) from None
    if len(set(found)) < len(found):
        raise ValueError(f"{label}(): axis={shown(axis)}: repeated axis")
    return found


def _wrong_axis(label: str, axis: Any, expected: str, error: Exception) -> Exception:
    kind = TypeError if isinstance(error, TypeError) else np.exceptions.AxisError
    return kind(f"{label}(): axis={shown(axis)}: expected {expected}")


def checked_axis(label: str, axis: Any, ndim: int) -> int:
    """Return one axis as a non-negative number."""
    try:
        return normalize_axis_index(axis, ndim, f"{label}()")
    except (TypeError, OverflowError) as error:
        raise _wrong_axis(label, axis, "an integer", error) from None


@lru_cache(maxsize=1024)
def split(shape: Shape, axis: int) -> Shape | None:
    """Return (outer, axis, inner) of a contiguous array; None if it has no such axis or no elements."""
    if not -len(shape) <= axis < len(shape) or 0 in shape:
        return None
    axis %= len(shape)
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def kept(shape: Shape, axes: Shape) -> Shape:
    """Return the shape with length 1 along the reduced axes."""
    return tuple(1 if axis in axes else length for axis, length in enumerate(shape))


def reduced(shape: Shape, axes: Shape, keepdims: bool) -> Shape:
    """Return the shape without the reduced axes, or with length 1 along them."""
    if keepdims:
        return kept(shape, axes)
    return tuple(length for axis, length in enumerate(shape) if axis not in axes)


def temperature_of(label: str, name: str, value: Any) -> float:
    """Return the temperature, by which x is divided, as a float."""
    if not isinstance(value, (float, int, np.floating, np.integer)) or isinstance(value, bool):
        raise TypeError(f"{label}() takes a number for {name}, not {shown(value)}")
    number = as_float(label, name, value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"{label}(): {name}={shown(value)}: expected a positive finite number")
    return number


# Between these, a temperature and its reciprocal are both normal float32 numbers.
COLDEST, HOTTEST = 1e-37, 1e37


def walked_dtype(loop: DType, temperature: float) -> DType:
    """Return the dtype to compute in: float64 if the temperature's reciprocal is not a normal float32 number."""
    return loop if COLDEST <= temperature <= HOTTEST else np.dtype(np.float64)


def broadcast(label: str, name: str, array: Array, shape: Shape) -> Array:
    """Broadcast an operand to the shape of the data."""
    if array.shape == shape:
        return array
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"{label}(): {name} of shape {array.shape} does not broadcast to {shape}"
        ) from None


def mask_for(label: str, where: Any, shape: Shape) -> Array | None:
    """Return the mask in the shape of the data, or None if it selects everything."""
    mask = check_where(label, where)
    return None if mask is None else broadcast(label, "where", mask, shape)


def expanded(label: str, name: str, array: Array, shape: Shape, axes: Shape) -> Array:
    """Broadcast an array with one value for each row to the shape that `kept` returns.

    It may be given with the reduced axes, of length 1, or without them.
    """
    full = kept(shape, axes)
    if array.ndim == len(shape):
        return broadcast(label, name, array, full)
    short = broadcast(label, name, array, reduced(shape, axes, False))
    return np.expand_dims(short, axes)
