"""Distances of results from true values in units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["as_float64", "exponent_of", "finfo", "ulp_error"]

Array = NDArray[Any]


def ulp_error(
    result: ArrayLike, truth: ArrayLike, dtype: DTypeLike | None = None
) -> NDArray[np.float64]:
    """Return the error of each result in ulp of its true value.

    Parameters
    ----------
    result : array_like
        The computed values, in `dtype`.
    truth : array_like
        float64 values, for results of at most 32 bits; an object array of mpmath numbers, for any.
    dtype : dtype, optional
        The dtype whose ulp is the unit; that of `result` by default.

    Returns
    -------
    ndarray of float64
        The error is 0 for two NaNs, two equal infinities, an infinite result for a finite truth that
        rounds to it, and zeros of any sign. It is infinite if only one of the two is NaN or infinite.
    """
    result, truth = np.asarray(result), np.asarray(truth)
    dtype = np.dtype(result.dtype if dtype is None else dtype)
    if truth.dtype == object:
        rounded, distance = _exact_distance(result, truth, dtype)
    elif dtype == np.float64:
        raise TypeError(
            "the truth for float64 results needs more digits: expected an object array of mpmath numbers"
        )
    else:
        rounded, distance = _distance(result, truth.astype(np.float64), dtype)
    with np.errstate(invalid="ignore"):  # a signalling NaN
        result = result.astype(np.float64)
    same = (result == rounded) | (np.isnan(result) & np.isnan(rounded))
    special = ~(np.isfinite(result) & np.isfinite(rounded))
    # If the truth rounds to infinity and the result is finite, use the ordinary distance.
    special &= ~(np.isfinite(result) & np.isfinite(distance))
    return np.where(special, np.where(same, 0.0, np.inf), distance)


def as_float64(truth: ArrayLike) -> NDArray[np.float64]:
    """Return true values, mpmath numbers or floats, as float64."""
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # NumPy 2.0 warns of what overflows and of NaN
        return np.asarray(truth).astype(np.float64)


def finfo(dtype: np.dtype[Any]) -> Any:
    """Return the limits of a floating dtype, bfloat16 included."""
    if dtype.name == "bfloat16":
        import ml_dtypes  # which defines it

        return ml_dtypes.finfo(dtype)
    return np.finfo(dtype)


def _distance(result: Array, truth: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return the truth rounded to dtype, and the distance of the result from the truth in ulp."""
    info = finfo(np.dtype(dtype))
    with np.errstate(all="ignore"):
        distance = np.ldexp(np.abs(result - truth), int(info.nmant) - exponent_of(truth, info))
        return truth.astype(dtype).astype(np.float64), distance


def exponent_of(truth: Array, info: Any) -> Array:
    """Return the binary exponent of each value, that of the smallest normal number for smaller ones."""
    exponent = np.where(truth == 0, int(info.minexp), np.frexp(truth)[1] - 1)
    return np.clip(exponent, int(info.minexp), int(info.maxexp) - 1)


def _exact_distance(result: Array, truth: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    info = finfo(np.dtype(dtype))
    result, truth = np.broadcast_arrays(result, truth)
    rounded, distance = np.empty(result.shape), np.empty(result.shape)
    for index, true in np.ndenumerate(truth):
        with np.errstate(over="ignore"):
            rounded[index] = dtype.type(float(true))
        context = true.context
        exponent = context.mag(true) - 1 if context.isnormal(true) else int(info.minexp)
        exponent = min(max(exponent, int(info.minexp)), int(info.maxexp) - 1)
        difference = abs(context.mpf(float(result[index])) - true)
        distance[index] = float(context.ldexp(difference, int(info.nmant) - exponent))
    return rounded, distance
