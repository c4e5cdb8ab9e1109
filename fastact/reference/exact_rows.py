"""The truth about row functions: the plain formulas, over one row, in 60 digits; needs mpmath.

Nothing here is shared with the kernels or with `reference_rows`. sparsemax and entmax15 find their
support as they are defined, by trying its sizes on the sorted row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .arithmetic import exact_arithmetic

__all__ = ["FORMULAS", "exact"]

Number = Any  # an mpmath number
Row = list[Any]
Array = np.ndarray[Any, np.dtype[Any]]

#: (name, pass) -> formula; it takes the inputs, the row's own numbers and T, and returns the outputs
FORMULAS: dict[tuple[str, str], Callable[..., tuple[Any, ...]]] = {}


def formula(*keys: str) -> Callable[[Callable[..., tuple[Any, ...]]], Callable[..., Any]]:
    """Decorator: the formula of the passes named ``"function pass"``."""

    def add(function: Callable[..., tuple[Any, ...]]) -> Callable[..., Any]:
        FORMULAS.update({tuple(key.split()): function for key in keys})  # type: ignore[misc]
        return function

    return add


def exact(
    name: str,
    pass_: str,
    *inputs: Sequence[float],
    mask: Sequence[bool] | None = None,
    temperature: float = 1.0,
) -> tuple[Any, ...]:
    """Return what a pass makes of one row: object arrays for elements, mpmath numbers for the row.

    What the mask leaves out is None.

    Parameters
    ----------
    name, pass_ : str
        A key of `FORMULAS`.
    *inputs : sequences of float, or float
        The rows; a number is one that the row has one of.
    mask : sequence of bool, optional
        What counts; at least one element.
    temperature : float, optional
        What x is divided by.
    """
    number = exact_arithmetic().context.mpf
    length = next(len(one) for one in inputs if np.ndim(one))
    places = [k for k in range(length) if mask is None or mask[k]]
    given = [
        [number(float(one[k])) for k in places] if np.ndim(one) else number(float(one))  # type: ignore[arg-type]
        for one in inputs
    ]
    results = FORMULAS[name, pass_](*given, number(temperature))
    return tuple(
        _spread([number(value) for value in one], places, length) if isinstance(one, list) else one
        for one in results
    )


def _spread(values: Row, places: list[int], length: int) -> Array:
    row = np.full(length, None, dtype=object)
    row[places] = values
    return row


@lru_cache(maxsize=1 << 16)
def _exp(z: Number) -> Number:
    return exact_arithmetic().exp(z)


def _sum(terms: Any) -> Number:
    return exact_arithmetic().context.fsum(terms)


def _without_one_maximum(x: Row) -> tuple[Number, Row]:
    place = max(range(len(x)), key=x.__getitem__)
    return x[place], x[:place] + x[place + 1 :]


@formula("_exp_sum forward")
def _exp_sum(x: Row, t: Number) -> tuple[Any, ...]:
    maximum, others = _without_one_maximum(x)
    return maximum, _sum(_exp((v - maximum) / t) for v in others)


@formula("softmax forward")
def softmax(x: Row, t: Number) -> tuple[Any, ...]:
    maximum = max(x)
    terms = [_exp((v - maximum) / t) for v in x]
    total = _sum(terms)
    return ([term / total for term in terms],)


@formula("softmin forward")
def softmin(x: Row, t: Number) -> tuple[Any, ...]:
    shares: tuple[Any, ...] = softmax([-v for v in x], t)
    return shares


@formula("log_softmax forward")
def log_softmax(x: Row, t: Number) -> tuple[Any, ...]:
    maximum, others = _exp_sum(x, t)
    logarithm = exact_arithmetic().context.log1p(others)
    return ([(v - maximum) / t - logarithm for v in x],)


@formula("logsumexp forward")
def logsumexp(x: Row, t: Number) -> tuple[Any, ...]:
    maximum, others = _exp_sum(x, t)
    return (maximum / t + exact_arithmetic().context.log1p(others),)


@formula("logmeanexp forward")
def logmeanexp(x: Row, t: Number) -> tuple[Any, ...]:
    return (logsumexp(x, t)[0] - exact_arithmetic().context.log(len(x)),)


def _shifted(x: Row, t: Number) -> Row:
    """Return (x - max)/t, which leaves the shares as they are: 1e308 has no digit at 1 in 60."""
    maximum = max(x)
    return [(v - maximum) / t for v in x]


@formula("sparsemax forward")
def sparsemax(x: Row, t: Number) -> tuple[Any, ...]:
    z = _shifted(x, t)
    total, threshold = 0, None
    for size, v in enumerate(sorted(z, reverse=True), 1):
        total += v
        if 1 + size * v > total:
            threshold = (total - 1) / size
    return ([max(v - threshold, 0) for v in z],)


@formula("entmax15 forward")
def entmax15(x: Row, t: Number) -> tuple[Any, ...]:
    z = _shifted(x, 2 * t)
    total = squares = 0
    threshold = None
    for size, v in enumerate(sorted(z, reverse=True), 1):
        total, squares = total + v, squares + v * v
        rest = (1 - (squares - total * total / size)) / size
        if rest >= 0 and total / size - exact_arithmetic().sqrt(rest) <= v:
            threshold = total / size - exact_arithmetic().sqrt(rest)
    return ([max(v - threshold, 0) ** 2 for v in z],)


@formula("softmax vjp")
def _(g: Row, y: Row, t: Number) -> tuple[Any, ...]:
    mean = _sum(a * b for a, b in zip(g, y, strict=True))
    return ([b * (a - mean) / t for a, b in zip(g, y, strict=True)],)


@formula("softmin vjp")
def _(g: Row, y: Row, t: Number) -> tuple[Any, ...]:
    return FORMULAS["softmax", "vjp"](g, y, -t)


@formula("log_softmax vjp")
def _(g: Row, y: Row, t: Number) -> tuple[Any, ...]:
    total = _sum(g)
    return ([(a - _exp(b) * total) / t for a, b in zip(g, y, strict=True)],)


@formula("logsumexp vjp", "logmeanexp vjp")
def _(x: Row, g: Number, t: Number) -> tuple[Any, ...]:
    return ([g * share / t for share in softmax(x, t)[0]],)


@formula("sparsemax vjp")
def _(g: Row, y: Row, t: Number) -> tuple[Any, ...]:
    inside = [a for a, b in zip(g, y, strict=True) if b > 0]
    mean = _sum(inside) / len(inside)
    return ([(a - mean) / t if b > 0 else 0 * a for a, b in zip(g, y, strict=True)],)


@formula("entmax15 vjp")
def _(g: Row, y: Row, t: Number) -> tuple[Any, ...]:
    roots = [exact_arithmetic().sqrt(b) for b in y]
    mean = _sum(a * r for a, r in zip(g, roots, strict=True)) / _sum(roots)
    return ([r * (a - mean) / t for a, r in zip(g, roots, strict=True)],)


@formula("_softmax_from forward")
def _(x: Row, maximum: Number, others: Number, t: Number) -> tuple[Any, ...]:
    return ([_exp((v - maximum) / t) / (1 + others) for v in x],)


@formula("_log_softmax_from forward")
def _(x: Row, maximum: Number, others: Number, t: Number) -> tuple[Any, ...]:
    logarithm = exact_arithmetic().context.log1p(others)
    return ([(v - maximum) / t - logarithm for v in x],)


@formula("_cross_entropy forward")
def _(x: Row, scale: Number, t: Number) -> tuple[Any, ...]:
    return ([scale * share for share in softmax(x, t)[0]], *_exp_sum(x, t))
