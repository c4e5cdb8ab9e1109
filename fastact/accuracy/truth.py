"""True values of activations, and the unit of an error near their zeros."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..reference import activations
from .samples import blocks
from .ulp import as_float64, exponent_of, finfo

__all__ = ["error_near_zeros", "reference_of", "sign_changes", "truth"]

Array = NDArray[Any]


@lru_cache
def sign_changes(function: Any, *params: float, pass_: str = "derivative") -> tuple[float, ...]:
    """Return the points other than 0 where the derivative of a function, or the function, crosses zero."""
    reference = reference_of(function)
    x = np.concatenate([*blocks(np.float64, 1 << 47)])
    x = np.sort(x[np.isfinite(x)])
    sign = np.sign(reference.evaluate(pass_, x, *params))
    x, sign = x[sign != 0], sign[sign != 0]
    at = np.flatnonzero(sign[:-1] * sign[1:] < 0)
    low, high = x[at], x[at + 1]
    for _ in range(60):
        middle = low + (high - low) / 2
        left = np.sign(reference.evaluate(pass_, middle, *params)) == sign[at]
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return tuple(low[np.abs(low) > np.finfo(float).tiny].tolist())


def error_near_zeros(
    error: NDArray[np.float64], truth: Array, x: Array, dtype: DTypeLike, zeros: Sequence[float]
) -> NDArray[np.float64]:
    """Return the errors of a derivative or a function in a fixed unit near its zeros, other than at 0.

    Where it crosses zero, cancellation leaves absolute accuracy only. Within ±1 of such a point, where it is
    below 1/16, the unit is the ulp of the numbers just below 1/16: 2⁻²⁸ for float32.
    """
    info = finfo(np.dtype(dtype))
    size = np.abs(as_float64(truth))
    near = np.zeros(np.shape(x), dtype=bool)
    for zero in zeros:
        near |= (x >= zero - 1) & (x <= zero + 1)
    near &= size < 1 / 16
    with np.errstate(all="ignore"):
        return np.where(near, np.ldexp(error, np.minimum(exponent_of(size, info) + 5, 0)), error)


def reference_of(function: Any) -> Any:
    """Return the definition of an activation that is given by its name or itself."""
    return activations.Named(function) if isinstance(function, str) else function.reference


def truth(function: Any, pass_: str, x: Array, *params: Any) -> Array:
    """Return the true values of an activation, or of the one of that name, at x.

    They are float64 for arguments of lower precision, mpmath numbers for float64 arguments and for activations made
    by `fastact.activation`, whose expressions may lose digits in float64. Without mpmath, those raise ImportError.
    """
    reference = reference_of(function)
    if x.dtype != np.float64 and not reference.needs_digits:
        values = reference.evaluate(pass_, x, *params)
        return np.broadcast_to(values, np.broadcast_shapes(values.shape, x.shape))
    if find_spec("mpmath") is None:
        raise ImportError(
            f"the true values of {x.dtype} results need the package mpmath (pip install mpmath)"
        )
    columns = np.broadcast_arrays(x, *params)
    values = np.empty(columns[0].shape, dtype=object)
    for index in np.ndindex(values.shape):
        values[index] = reference.exact(pass_, *(float(column[index]) for column in columns))
    return values
