"""Definitions of the row functions, written from the mathematics, apart from the kernels.

`evaluate` takes float64 arrays of shape (rows, n), all rows at once, and carries the critical steps
with about twice the digits; `exact_rows` has the truth in 60. sparsemax and entmax15 find their
thresholds by sorting: Martins, Astudillo 2016, arXiv:1602.02068, algorithm 1; Peters, Niculae,
Martins 2019, arXiv:1905.05702, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .arithmetic import FLOAT64, Pair, difference_over

__all__ = ["DEFINITIONS", "Definition", "evaluate"]

Array = np.ndarray[Any, np.dtype[Any]]


class Definition(NamedTuple):
    """One pass of one function: what it is given, what it returns, and how it is computed.

    `compute` takes the inputs (rows, n), one value for each row (rows, 1), the mask of what counts
    and the temperature; it returns the outputs and then the values for each row in the same shapes.
    """

    inputs: int
    row_inputs: int
    outputs: int
    row_outputs: int
    compute: Callable[..., tuple[Array, ...]]


#: (name, pass) -> definition
DEFINITIONS: dict[tuple[str, str], Definition] = {}


def defines(
    *keys: str, inputs: int = 1, row_inputs: int = 0, outputs: int = 1, row_outputs: int = 0
) -> Callable[[Callable[..., tuple[Array, ...]]], Callable[..., tuple[Array, ...]]]:
    """Decorator: define the passes named ``"function pass"``."""

    def add(compute: Callable[..., tuple[Array, ...]]) -> Callable[..., tuple[Array, ...]]:
        for key in keys:
            name, pass_ = key.split()
            DEFINITIONS[name, pass_] = Definition(inputs, row_inputs, outputs, row_outputs, compute)
        return compute

    return add


def evaluate(
    name: str, pass_: str, *arrays: Array, mask: Array | None = None, temperature: float = 1.0
) -> tuple[Array, ...]:
    """Return the outputs of a pass, then its values for each row, in float64.

    Parameters
    ----------
    name, pass_ : str
        A key of `DEFINITIONS`.
    *arrays : ndarray
        The inputs, of shape (rows, n), then the values for each row, of shape (rows, 1).
    mask : ndarray of bool, optional
        What counts, in a shape that broadcasts to (rows, n).
    temperature : float, optional
        What x is divided by.
    """
    wide = [np.asarray(array, np.float64) for array in arrays]
    selected = np.broadcast_to(np.True_ if mask is None else mask, wide[0].shape)
    with np.errstate(all="ignore"):
        return DEFINITIONS[name, pass_].compute(*wide, selected, float(temperature))


# --- the softmax family --------------------------------------------------------------------------


def _scaled(x: Array, maximum: Array, temperature: float) -> Pair:
    """Return (x - maximum)/temperature: of its rounding, e^z would make hundreds of ulp."""
    return difference_over(x, maximum, temperature)


def _along(terms: Array) -> Array:
    """Sum each row, halving it again and again, and add what every addition rounded off (two-sum).

    NumPy's sum was 6.8 ulp off over a million equal terms.
    """
    total, lost = terms.astype(np.float64), np.zeros((len(terms), 1))
    while total.shape[1] > 1:
        half = total.shape[1] // 2
        a, b, rest = total[:, :half], total[:, half : 2 * half], total[:, 2 * half :]
        added = a + b
        part = added - a
        lost += ((a - (added - part)) + (b - part)).sum(axis=1, keepdims=True)
        total = np.concatenate([added, rest], axis=1)
    total = total.sum(axis=1, keepdims=True)
    result: Array = np.where(np.isfinite(lost), total + lost, total)
    return result


def _maximum(x: Array, mask: Array) -> Array:
    counted = np.where(mask, x, -np.inf)
    maximum: Array = counted.max(axis=1, keepdims=True, initial=-np.inf)
    return maximum


def _others(x: Array, maximum: Array, mask: Array, temperature: float) -> Array:
    """Sum e^z over all but one maximum: what 1 is missing from the sum over the row.

    It is -1 for a row with nothing in it, and NaN where the sum has no meaning.
    """
    terms = np.where(mask, FLOAT64.exp(_scaled(x, maximum, temperature)), 0.0)
    if x.shape[1]:
        first = np.argmax(np.where(mask, x, -np.inf), axis=1, keepdims=True)
        np.put_along_axis(terms, first, 0.0, axis=1)
    total = np.where(np.isfinite(maximum), _along(terms), np.nan)
    return np.where(mask.any(axis=1, keepdims=True), total, -1.0)


@defines("_exp_sum forward", outputs=0, row_outputs=2)
def _exp_sum(x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    maximum = _maximum(x, mask)
    return maximum, _others(x, maximum, mask, temperature)


@defines("_softmax_from forward", row_inputs=2)
def _softmax_from(
    x: Array, maximum: Array, others: Array, mask: Array, temperature: float
) -> tuple[Array, ...]:
    z = _scaled(x, maximum, temperature)
    share = FLOAT64.times_exp_over(1.0, z, Pair.of(others) + 1.0)
    return (np.where(mask, share, 0.0),)


@defines("_log_softmax_from forward", row_inputs=2)
def _log_softmax_from(
    x: Array, maximum: Array, others: Array, mask: Array, temperature: float
) -> tuple[Array, ...]:
    z = _scaled(x, maximum, temperature)
    return (np.where(mask, (z - np.log1p(others)).hi, -np.inf),)


@defines("softmax forward")
def softmax(x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _softmax_from(x, *_exp_sum(x, mask, temperature), mask, temperature)


@defines("softmin forward")
def softmin(x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return softmax(-x, mask, temperature)


@defines("log_softmax forward")
def log_softmax(x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _log_softmax_from(x, *_exp_sum(x, mask, temperature), mask, temperature)


@defines("_cross_entropy forward", row_inputs=1, row_outputs=2)
def _cross_entropy(x: Array, scale: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    maximum, others = _exp_sum(x, mask, temperature)
    (share,) = _softmax_from(x, maximum, others, mask, temperature)
    return np.where(mask, scale * share, 0.0), maximum, others


def _log_of_sum(maximum: Array, logarithm: Array | Pair, temperature: float) -> Array:
    total = Pair.of(maximum) / temperature + logarithm
    return np.where(np.isfinite(maximum), total.hi, maximum)


@defines("logsumexp forward", outputs=0, row_outputs=1)
def logsumexp(x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    maximum, others = _exp_sum(x, mask, temperature)
    return (_log_of_sum(maximum, np.log1p(others), temperature),)


@defines("logmeanexp forward", outputs=0, row_outputs=1)
def logmeanexp(x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    maximum, others = _exp_sum(x, mask, temperature)
    count = _along(mask).astype(np.float64)
    mean = (Pair.of(others) + 1.0) / count
    return (_log_of_sum(maximum, Pair(np.log(mean.hi), mean.lo / mean.hi), temperature),)


# --- the sparse ones -----------------------------------------------------------------------------


def _threshold(
    x: Array, mask: Array, temperature: float, fits: Callable[[Array, Array], Array],
    solve: Callable[[Array, Array, Array], Array],
) -> tuple[Array, Array]:  # fmt: skip
    """Return z = (x - maximum)/temperature and the threshold of the distribution over it.

    `fits` tells of each place in the sorted row whether the support reaches so far; `solve` gives
    the threshold from z, the mask of the support and its size.
    """
    z = np.where(mask, _scaled(x, _maximum(x, mask), temperature).hi, -np.inf)
    ordered = -np.sort(-z, axis=1)
    count = np.arange(1.0, z.shape[1] + 1.0)
    size = np.sum(fits(ordered, count), axis=1, keepdims=True)
    support = count <= size
    threshold = solve(np.where(support, ordered, 0.0), support, np.maximum(size, 1))
    sound = np.isfinite(_maximum(x, mask))
    return z, np.where(sound, threshold, np.nan)


@defines("sparsemax forward")
def sparsemax(x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    def fits(z: Array, count: Array) -> Array:
        return 1.0 + count * z > np.cumsum(z, axis=1)

    def solve(z: Array, support: Array, size: Array) -> Array:
        return (_along(z) - 1.0) / size

    z, threshold = _threshold(x, mask, temperature, fits, solve)
    return (np.where(mask, np.maximum(z - threshold, 0.0), 0.0),)


@defines("entmax15 forward")
def entmax15(x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    def fits(z: Array, count: Array) -> Array:
        # Below -1 nothing has a share; there the squares would be lost in their sum.
        half = np.maximum(z / 2.0, -2.0)
        mean = np.cumsum(half, axis=1) / count
        spread = np.cumsum(half * half, axis=1) - count * mean * mean
        reached: Array = mean - np.sqrt(np.maximum(1.0 - spread, 0.0) / count) <= half
        return reached

    def solve(z: Array, support: Array, size: Array) -> Array:
        mean = _along(z / 2.0) / size
        spread = _along(np.where(support, np.square(z / 2.0 - mean), 0.0))
        threshold: Array = mean - np.sqrt(np.maximum(1.0 - spread, 0.0) / size)
        return threshold

    z, threshold = _threshold(x, mask, temperature, fits, solve)
    return (np.where(mask, np.square(np.maximum(z / 2.0 - threshold, 0.0)), 0.0),)


# --- vector-Jacobian products --------------------------------------------------------------------


def _sum(terms: Array, mask: Array) -> Array:
    return _along(np.where(mask, terms, 0.0))


def _product(terms: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return (np.where(mask, terms / temperature, 0.0),)


@defines("softmax vjp", inputs=2)
def _(g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _product(y * (g - _sum(g * y, mask)), mask, temperature)


@defines("softmin vjp", inputs=2)
def _(g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _product(y * (_sum(g * y, mask) - g), mask, temperature)


@defines("log_softmax vjp", inputs=2)
def _(g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _product(g - np.exp(y) * _sum(g, mask), mask, temperature)


@defines("logsumexp vjp", "logmeanexp vjp", row_inputs=1)
def _(x: Array, g: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    (share,) = softmax(x, mask, temperature)
    return _product(g * share, mask, temperature)


@defines("sparsemax vjp", inputs=2)
def _(g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    support = mask & ~(y <= 0.0)
    mean = _sum(g, support) / _along(support)
    return _product(np.where(support, g - mean + 0.0 * y, 0.0), mask, temperature)


@defines("entmax15 vjp", inputs=2)
def _(g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    root = np.sqrt(y)
    mean = _sum(g * root, mask) / _sum(root, mask)
    return _product(root * (g - mean), mask, temperature)
