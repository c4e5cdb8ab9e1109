"""The row functions, defined from the mathematics: what the kernels are checked against.

A definition is given the arithmetic `m` (see `row_arithmetic`), arrays of shape (rows, n), one value for each row in
shape (rows, 1), a mask of what counts and the temperature. `evaluate` runs it in float64, which is the `numpy` backend,
`exact` in 60 digits. sparsemax and entmax15 find their thresholds by sorting: Martins, Astudillo 2016,
arXiv:1602.02068, algorithm 1; Peters, Niculae, Martins 2019, arXiv:1905.05702, algorithm 2.

To add a row function, write its passes here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .row_arithmetic import FLOAT64_ROWS, exact_rows

__all__ = ["DEFINITIONS", "Definition", "evaluate", "exact"]

Array = np.ndarray[Any, np.dtype[Any]]
Arithmetic = Any  # FLOAT64_ROWS or exact_rows()


class Definition(NamedTuple):
    """One pass of one function: what it is given, what it returns, and how it is computed.

    `compute` takes the arithmetic, the inputs (rows, n), one value for each row (rows, 1), the mask of what counts and
    the temperature; it returns the outputs and then the values for each row in the same shapes.
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
        return DEFINITIONS[name, pass_].compute(FLOAT64_ROWS, *wide, selected, float(temperature))


def exact(
    name: str,
    pass_: str,
    *inputs: Sequence[float] | float,
    mask: Sequence[bool] | None = None,
    temperature: float = 1.0,
) -> tuple[Any, ...]:
    """Return what a pass makes of one row: arrays of mpmath numbers for elements, one number for the row.

    What the mask leaves out is None.

    Parameters
    ----------
    name, pass_ : str
        A key of `DEFINITIONS`.
    *inputs : sequences of float, or float
        The rows; a number is one that the row has one of.
    mask : sequence of bool, optional
        What counts; at least one element.
    temperature : float, optional
        What x is divided by.
    """
    m = exact_rows()
    definition = DEFINITIONS[name, pass_]
    with np.errstate(all="ignore"):
        rows = [m.array(np.reshape(values, (1, -1))) for values in inputs]
        selected = np.broadcast_to(np.True_ if mask is None else np.asarray(mask), rows[0].shape)
        results = definition.compute(m, *rows, selected, m.number(temperature))
        numbers = [m.numbers(one) for one in results]  # of which a choice made some plain floats
    nothing: Any = None
    elements = [np.where(selected, one, nothing)[0] for one in numbers[: definition.outputs]]
    return (*elements, *(one[0, 0] for one in numbers[definition.outputs :]))


# --- the softmax family --------------------------------------------------------------------------


def _maximum(x: Array, mask: Array) -> Array:
    counted = np.where(mask, x, -np.inf)
    maximum: Array = counted.max(axis=1, keepdims=True, initial=-np.inf)
    return maximum


def _rest_of_sum(m: Arithmetic, x: Array, maximum: Array, mask: Array, temperature: float) -> Array:
    """Sum e^z over all but one maximum: the sum over the row, less 1.

    It is -1 for a row with nothing in it, and NaN where the sum has no meaning.
    """
    terms = np.where(mask, m.exp(m.difference_over(x, maximum, temperature)), 0.0)
    if x.shape[1]:
        first = np.argmax(np.where(mask, x, -np.inf), axis=1, keepdims=True)
        np.put_along_axis(terms, first, 0.0, axis=1)
    total = np.where(m.isfinite(maximum), m.total(terms), np.nan)
    return np.where(mask.any(axis=1, keepdims=True), total, -1.0)


@defines("_exp_sum forward", outputs=0, row_outputs=2)
def _exp_sum(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    maximum = _maximum(x, mask)
    return maximum, _rest_of_sum(m, x, maximum, mask, temperature)


@defines("_softmax_from forward", row_inputs=2)
def _softmax_from(
    m: Arithmetic, x: Array, maximum: Array, rest: Array, mask: Array, temperature: float
) -> tuple[Array, ...]:
    z = m.difference_over(x, maximum, temperature)
    probability = m.times_exp_over(1.0, z, m.wide(rest) + 1.0)
    return (np.where(mask, probability, 0.0),)


@defines("_log_softmax_from forward", row_inputs=2)
def _log_softmax_from(
    m: Arithmetic, x: Array, maximum: Array, rest: Array, mask: Array, temperature: float
) -> tuple[Array, ...]:
    z = m.difference_over(x, maximum, temperature)
    return (np.where(mask, m.narrow(z - m.log1p(rest)), -np.inf),)


@defines("softmax forward")
def softmax(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _softmax_from(m, x, *_exp_sum(m, x, mask, temperature), mask, temperature)


@defines("softmin forward")
def softmin(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return softmax(m, -x, mask, temperature)


@defines("log_softmax forward")
def log_softmax(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _log_softmax_from(m, x, *_exp_sum(m, x, mask, temperature), mask, temperature)


@defines("_cross_entropy forward", row_inputs=1, row_outputs=2)
def _cross_entropy(
    m: Arithmetic, x: Array, scale: Array, mask: Array, temperature: float
) -> tuple[Array, ...]:
    maximum, rest = _exp_sum(m, x, mask, temperature)
    (probability,) = _softmax_from(m, x, maximum, rest, mask, temperature)
    return np.where(mask, scale * probability, 0.0), maximum, rest


def _log_of_sum(m: Arithmetic, maximum: Array, logarithm: Any, temperature: float) -> Array:
    total = m.wide(maximum) / temperature + logarithm
    return np.where(m.isfinite(maximum), m.narrow(total), maximum)


@defines("logsumexp forward", outputs=0, row_outputs=1)
def logsumexp(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    maximum, rest = _exp_sum(m, x, mask, temperature)
    return (_log_of_sum(m, maximum, m.log1p(rest), temperature),)


@defines("logmeanexp forward", outputs=0, row_outputs=1)
def logmeanexp(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    maximum, rest = _exp_sum(m, x, mask, temperature)
    count = m.total(mask).astype(np.float64)
    mean = (m.wide(rest) + 1.0) / count
    return (_log_of_sum(m, maximum, m.log(mean), temperature),)


# --- the sparse ones -----------------------------------------------------------------------------


def _threshold(
    m: Arithmetic, x: Array, mask: Array, temperature: float, fits: Callable[[Array, Array], Array],
    solve: Callable[[Array, Array, Array], Array],
) -> tuple[Array, Array]:  # fmt: skip
    """Return z = (x - maximum)/temperature and the threshold of the distribution over it.

    `fits` tells of each place in the sorted row whether the support reaches so far; `solve` gives
    the threshold from z, the mask of the support and its size.
    """
    z = np.where(mask, m.narrow(m.difference_over(x, _maximum(x, mask), temperature)), -np.inf)
    ordered = -np.sort(-z, axis=1)
    count = np.arange(1.0, z.shape[1] + 1.0)
    size = np.sum(fits(ordered, count), axis=1, keepdims=True)
    support = count <= size
    threshold = solve(np.where(support, ordered, 0.0), support, np.maximum(size, 1))
    sound = m.isfinite(_maximum(x, mask))
    return z, np.where(sound, threshold, np.nan)


@defines("sparsemax forward")
def sparsemax(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    def fits(z: Array, count: Array) -> Array:
        return 1.0 + count * z > np.cumsum(z, axis=1)

    def solve(z: Array, support: Array, size: Array) -> Any:
        return (m.total(z) - 1.0) / size

    z, threshold = _threshold(m, x, mask, temperature, fits, solve)
    return (np.where(mask, np.maximum(z - threshold, 0.0), 0.0),)


@defines("entmax15 forward")
def entmax15(m: Arithmetic, x: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    def fits(z: Array, count: Array) -> Array:
        # Below -1 all probabilities are 0; there the squares would be lost in their sum.
        half = np.maximum(z / 2.0, -2.0)
        mean = np.cumsum(half, axis=1) / count
        spread = np.cumsum(half * half, axis=1) - count * mean * mean
        reached: Array = mean - m.sqrt(np.maximum(1.0 - spread, 0.0) / count) <= half
        return reached

    def solve(z: Array, support: Array, size: Array) -> Array:
        mean = m.total(z / 2.0) / size
        spread = m.total(np.where(support, np.square(z / 2.0 - mean), 0.0))
        threshold: Array = mean - m.sqrt(np.maximum(1.0 - spread, 0.0) / size)
        return threshold

    z, threshold = _threshold(m, x, mask, temperature, fits, solve)
    return (np.where(mask, np.square(np.maximum(z / 2.0 - threshold, 0.0)), 0.0),)


def _power(m: Arithmetic, top: Any, z: Array, exponent: Array) -> Array:
    """Return (top - z)^exponent, 0 where top - z is not positive; top is 1 or 0."""
    inside = ~(top - z <= 0.0)
    base, close = np.where(inside, top - z, 1.0), inside & (top == 1.0)
    logarithm = np.where(close, m.log1p(np.where(close, -z, 0.0)), m.logarithm(base))
    result: Array = np.where(inside, m.exp(exponent * logarithm), 0.0)
    return result


@defines("_entmax forward", row_inputs=1)
def _entmax(
    m: Arithmetic, x: Array, excess: Array, mask: Array, temperature: float
) -> tuple[Array, ...]:
    """Newton's method between bounds of the threshold, which are bisected where it leaves them."""
    z = m.narrow(m.difference_over(x, _maximum(x, mask), temperature))
    below = np.where(mask & ~(z == -np.inf), -z * excess, np.inf)
    # Close to α = 1 what is missing in 1 has more digits.
    top = np.where(excess < 0.125, 1.0, 0.0)
    low = np.where(m.isfinite(_maximum(x, mask)), top - 1.0, np.nan)
    high, threshold = low + 1.0, low
    for _ in range(1100):
        base = top - (below + threshold)
        p = _power(m, top, below + threshold, 1.0 / excess)
        total = m.total(p)
        slope = m.total(np.where(p > 0.0, p / np.where(base > 0.0, base, 1.0), 0.0)) / excess
        low, high = np.where(total >= 1.0, threshold, low), np.where(total >= 1.0, high, threshold)
        new = threshold + (total - 1.0) / np.where(slope > 0.0, slope, 1.0)
        new = np.where((new >= low) & (new <= high), new, (low + high) / 2)
        if not np.any(abs(new - threshold) > m.digits * abs(new)):
            break
        threshold = new
    return (np.where(mask, _power(m, top, below + threshold, 1.0 / excess), 0.0),)


# --- vector-Jacobian products --------------------------------------------------------------------


def _sum(m: Arithmetic, terms: Array, mask: Array) -> Any:
    return m.total(np.where(mask, terms, 0.0))


def _product(terms: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return (np.where(mask, terms / temperature, 0.0),)


@defines("softmax vjp", inputs=2)
def _(m: Arithmetic, g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _product(y * (g - _sum(m, g * y, mask)), mask, temperature)


@defines("softmin vjp", inputs=2)
def _(m: Arithmetic, g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _product(y * (_sum(m, g * y, mask) - g), mask, temperature)


@defines("log_softmax vjp", inputs=2)
def _(m: Arithmetic, g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    return _product(g - m.exp(y) * _sum(m, g, mask), mask, temperature)


@defines("logsumexp vjp", "logmeanexp vjp", row_inputs=1)
def _(m: Arithmetic, x: Array, g: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    (probability,) = softmax(m, x, mask, temperature)
    return _product(g * probability, mask, temperature)


@defines("sparsemax vjp", inputs=2)
def _(m: Arithmetic, g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    support = mask & ~(y <= 0.0)
    mean = _sum(m, g, support) / m.total(support)
    return _product(np.where(support, g - mean + 0.0 * y, 0.0), mask, temperature)


@defines("entmax15 vjp", inputs=2)
def _(m: Arithmetic, g: Array, y: Array, mask: Array, temperature: float) -> tuple[Array, ...]:
    root = m.sqrt(y)
    mean = _sum(m, g * root, mask) / _sum(m, root, mask)
    return _product(root * (g - mean), mask, temperature)


@defines("_entmax vjp", inputs=2, row_inputs=1)
def _(
    m: Arithmetic, g: Array, y: Array, excess: Array, mask: Array, temperature: float
) -> tuple[Array, ...]:
    s = _power(m, 0.0, -y, 1.0 - excess)
    mean = _sum(m, g * s, mask & ~(y <= 0.0)) / _sum(m, s, mask)
    return _product(np.where(y <= 0.0, 0.0 * mean, s * (g - mean)), mask, temperature)
