"""Roots and quotients."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

from ..arithmetic import Mathematics, Number
from .table import by, clipped, derivative_of


# With h = √(x² + b), (h − |x|)/2 = (b/4)/(h/2 + |x|/2): what is added to max(x, 0), and nothing
# overflows.
def _squareplus_parts(m: Mathematics, x: Number, b: Number) -> tuple[Number, Number]:
    h = m.hypot(x, m.sqrt(b))
    half = h / 2 + m.magnitude(x) / 2
    return h, m.where(b == 0, 0.0, b / 4 / m.where(half == 0, 1.0, half))


def squareplus(m: Mathematics, x: Number, b: Number = 4.0) -> Number:
    _, rest = _squareplus_parts(m, x, b)
    return m.where(x > 0, x, 0.0) + rest


@derivative_of(squareplus)
def _(m: Mathematics, x: Number, b: Number) -> Number:
    h, rest = _squareplus_parts(m, x, b)
    rest = rest / m.where(h == 0, 1.0, h)
    return m.where(x > 0, 1 - rest, rest)


@by(squareplus, "b")
def _(m: Mathematics, x: Number, b: Number) -> Number:
    h, _ = _squareplus_parts(m, x, b)
    return 0.25 / h


def softsign(m: Mathematics, x: Number) -> Number:
    x = clipped(m, x, -1e100, 1e100)  # ±1 in every digit, without ∞/∞
    return x / (1 + m.magnitude(x))


@derivative_of(softsign)
def _(m: Mathematics, x: Number) -> Number:
    d = 1 + m.magnitude(x)
    return 1 / d / d  # d² may overflow where its inverse is a subnormal
