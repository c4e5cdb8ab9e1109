"""Logarithms; outside of their domain they are NaN."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from ..arithmetic import Mathematics, Number
from .table import derivative_of

LN2 = Fraction("0.69314718055994530941723212145817656807550013436025525412068000949339362196969472")


def _above(
    m: Mathematics, low: float, x: Number, function: Callable[[Number], Number], end: float
) -> Number:
    """Return function(x) for x > `low`, `end` at it, and NaN below."""
    inside = x > low
    found = function(m.where(inside, x, low + 0.5))
    return m.where(inside, found, m.where(x == low, end, math.nan))


def log1p(m: Mathematics, x: Number) -> Number:
    return _above(m, -1.0, x, m.log1p, -math.inf)


@derivative_of(log1p, from_output=lambda m, y: m.exp(-y))
def _(m: Mathematics, x: Number) -> Number:
    return _above(m, -1.0, x, lambda x: 1 / (1 + x), math.inf)


def expm1(m: Mathematics, x: Number) -> Number:
    return m.expm1(x)


@derivative_of(expm1, from_output=lambda m, y: y + 1.0)
def _(m: Mathematics, x: Number) -> Number:
    return m.exp(x)


def logit(m: Mathematics, x: Number) -> Number:
    def inside(x: Number) -> Number:
        near = m.magnitude(x - 0.5) < 0.25
        odds_less_one = m.narrow(m.wide(2 * x - 1) / (m.wide(1.0) - m.where(near, x, 0.5)))
        far = m.where(near, 0.5, x)
        return m.where(near, m.log1p(odds_less_one), m.log(far) - m.log1p(-far))

    y = _above(m, 0.0, m.where(x < 1, x, 0.5), inside, -math.inf)
    return m.where(x < 1, y, m.where(x == 1, math.inf, math.nan))


@derivative_of(logit, from_output=lambda m, y: 2.0 + (m.exp(y) + m.exp(-y)))
def _(m: Mathematics, x: Number) -> Number:
    slope = _above(m, 0.0, m.where(x < 1, x, 0.5), lambda x: 1 / (x * (1 - x)), math.inf)
    return m.where(x < 1, slope, m.where(x == 1, math.inf, math.nan))


def log1mexp(m: Mathematics, x: Number) -> Number:
    def inside(x: Number) -> Number:
        small = x < 0.7
        near = m.log(-m.expm1(-m.where(small, x, 0.5)))
        return m.where(small, near, m.log1p(-m.exp(-m.where(small, 1.0, x))))

    return _above(m, 0.0, x, inside, -math.inf)


@derivative_of(log1mexp, from_output=lambda m, y: m.expm1(-y))
def _(m: Mathematics, x: Number) -> Number:
    return _above(m, 0.0, x, lambda x: m.times_exp_over(1.0, -x, -m.expm1(-x)), math.inf)


def log_expm1(m: Mathematics, x: Number) -> Number:
    def inside(x: Number) -> Number:
        small, near = x < 0.4, m.magnitude(x - 0.7) < 0.3
        below = m.log(m.expm1(m.where(small, x, 0.1)))
        beside = m.narrow(m.wide(m.where(near, x, 0.7)) - m.real(LN2))
        above = x + m.log1p(-m.exp(-m.where(small, 1.0, x)))
        return m.where(small, below, m.where(near, m.log1p(2 * m.expm1(beside)), above))

    return _above(m, 0.0, x, inside, -math.inf)


@derivative_of(log_expm1, from_output=lambda m, y: 1.0 + m.exp(-y))
def _(m: Mathematics, x: Number) -> Number:
    return _above(m, 0.0, x, lambda x: -1 / m.expm1(-x), math.inf)


def entr(m: Mathematics, x: Number) -> Number:
    y = _above(m, 0.0, x, lambda x: -x * m.log(x), 0.0)
    return m.where(x < 0, -math.inf, y)


@derivative_of(entr)
def _(m: Mathematics, x: Number) -> Number:
    return _above(m, 0.0, x, lambda x: -m.log(x) - 1, math.inf)
