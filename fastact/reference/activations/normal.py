"""The normal distribution and its inverse."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

import math
from fractions import Fraction

from ..arithmetic import Mathematics, Number
from .table import clipped, derivative_of
from .weighted import NORMAL_DENSITY_0, NORMAL_LIMIT

SQRT_2 = Fraction("1.41421356237309504880168872420969807856967187537694807317667973799073247846211")
LN_2 = Fraction(
    "0.693147180559945309417232121458176568075500134360255254120680009493393621969694716"
)
ROOT_2PI = 1 / NORMAL_DENSITY_0
ERF_SLOPE_0 = NORMAL_DENSITY_0 * 2 * SQRT_2  # 2/√π
# Beyond it Mills' ratio is 1/t in every digit, and t·√2 or t·t may be infinite.
FAR = 1e100
SMALLEST = 5e-324
# Newton's method doubles the digits in each: 60 from two or three.
STEPS = 6


def _bell(m: Mathematics, factor: Fraction, x: Number, half: float) -> Number:
    """Return factor·exp(−half·x²)."""
    x = m.minimum(m.magnitude(x), NORMAL_LIMIT)
    return m.times_exp(m.real(factor), m.wide(x) * x * -half)


def _lower(m: Mathematics, x: Number) -> Number:
    """Return Φ(−|x|)."""
    t = m.minimum(m.magnitude(x), NORMAL_LIMIT)
    return m.times_exp(m.normal_tail(t), m.wide(t) * t * -0.5)


def _twice_beyond(m: Mathematics, x: Number) -> Number:
    """Return erfc |x|."""
    x = m.minimum(m.magnitude(x), NORMAL_LIMIT)
    return m.times_exp(m.normal_tail(m.real(SQRT_2) * x) * 2.0, m.wide(x) * x * -1.0)


def erf(m: Mathematics, x: Number) -> Number:
    beyond = 1 - _twice_beyond(m, x)
    far = m.where(x < 0, -beyond, beyond)
    return m.where(m.magnitude(x) < 0.5, m.erf(clipped(m, x, -0.5, 0.5)), far)


@derivative_of(erf)
def _(m: Mathematics, x: Number) -> Number:
    return _bell(m, ERF_SLOPE_0, x, 1.0)


def erfc(m: Mathematics, x: Number) -> Number:
    beyond = _twice_beyond(m, x)
    return m.where(x < 0, 2 - beyond, beyond)


@derivative_of(erfc)
def _(m: Mathematics, x: Number) -> Number:
    return -_bell(m, ERF_SLOPE_0, x, 1.0)


def _grown(m: Mathematics, x: Number) -> Number:
    """Return exp(x²)/2⁶⁴ for x ≥ −27, infinite before exp(x²) is."""
    x = clipped(m, x, -27.0, 27.0)
    return m.exp(m.wide(x) * x - m.real(64 * LN_2))


# exp(x²)·erfc(−|x|) is 2·exp(x²) less exp(x²)·erfc |x|.
def erfcx(m: Mathematics, x: Number) -> Number:
    b = m.magnitude(x)
    near = m.narrow(m.normal_tail(m.real(SQRT_2) * m.minimum(b, FAR)) * 2.0)
    far = m.narrow(m.real(ERF_SLOPE_0 / 2) / m.maximum(b, 1.0))
    return m.where(x < 0, _grown(m, x) * 2.0**65 - near, m.where(b > FAR, far, near))


# With R′ = tR − 1, t = x√2, it is −2/√π·(1 − tR); for x < 0 all terms have one sign.
@derivative_of(erfcx)
def _(m: Mathematics, x: Number) -> Number:
    b = m.magnitude(x)
    rest = m.rest_of_mills(m.real(SQRT_2) * m.minimum(b, FAR))
    near = m.narrow(m.real(ERF_SLOPE_0) * rest)
    far = m.narrow(m.real(ERF_SLOPE_0 / 2) / m.maximum(b, 1.0)) / m.maximum(b, 1.0)
    below = _grown(m, x) * b * 2.0**66 + near
    return -m.where(x < 0, below, m.where(b > FAR, far, near))


def ndtr(m: Mathematics, x: Number) -> Number:
    lower = _lower(m, x)
    return m.where(x < 0, lower, 1 - lower)


@derivative_of(ndtr)
def _(m: Mathematics, x: Number) -> Number:
    return _bell(m, NORMAL_DENSITY_0, x, 0.5)


def log_ndtr(m: Mathematics, x: Number) -> Number:
    t = m.magnitude(x)
    left = m.wide(t) * 0.5 * t - m.log(m.normal_tail(m.minimum(t, FAR)))
    return m.where(x < 0, -m.narrow(left), m.log1p(-_lower(m, x)) + 0.0)


@derivative_of(log_ndtr)
def _(m: Mathematics, x: Number) -> Number:
    t = m.magnitude(x)
    left = m.narrow(m.real(NORMAL_DENSITY_0) / m.normal_tail(m.minimum(t, FAR)))
    right = _bell(m, NORMAL_DENSITY_0, x, 0.5) / (1 - _lower(m, x))
    return m.where(x < 0, m.where(t > FAR, t, left), right)


def _tail_quantile(m: Mathematics, p: Number) -> Number:
    """Return the a with Φ(−a) = p ≤ 1/4: Newton's method on log Φ."""
    p = m.minimum(m.maximum(p, SMALLEST), 0.25)
    s = m.sqrt(m.narrow(m.log(p)) * -2)
    a = s - m.narrow(m.log(s * float(ROOT_2PI))) / s
    for _ in range(STEPS):
        mills = m.normal_tail(a)
        excess = m.wide(a) * a * -0.5 + m.log(mills) - m.log(p)
        a = a + m.narrow(excess) * m.narrow(mills) * float(ROOT_2PI)
    return a


def _centre_quantile(m: Mathematics, y: Number) -> Number:
    """Return the z with erf z = y for |y| ≤ 1/2: Newton's method."""
    y = clipped(m, y, -0.5, 0.5)
    z = y / float(ERF_SLOPE_0)
    for _ in range(STEPS):
        z = z + (y - m.erf(z)) * m.exp(z * z) / float(ERF_SLOPE_0)
    return m.where(y == 0, y, z)


def _at_ends(m: Mathematics, rest: Number, inside: Number) -> Number:
    """Return `inside` where a positive rest of the probability is left, inf where none, NaN where less."""
    return m.where(rest > 0, inside, m.where(rest == 0, math.inf, math.nan))


def erfinv(m: Mathematics, x: Number) -> Number:
    rest = 1 - m.magnitude(x)
    tail = m.narrow(m.wide(_tail_quantile(m, rest / 2)) / m.real(SQRT_2))
    tail = _at_ends(m, rest, tail)
    far = m.where(x < 0, -tail, tail)
    return m.where(m.magnitude(x) <= 0.5, _centre_quantile(m, x), far)


# Φ(−a) is φ(a)·R, so that 1/φ(a) is R over the probability.
def _quantile_slope(m: Mathematics, centre: Number, p: Number) -> Number:
    """Return 1/φ(a) for the a with Φ(−a) = p, which is `centre` for p ≥ 1/4."""
    a = m.where(p < 0.25, _tail_quantile(m, p), m.magnitude(centre))
    ratio = m.narrow(m.normal_tail(a) * m.real(ROOT_2PI))
    return _at_ends(m, p, ratio / m.maximum(p, SMALLEST))


@derivative_of(erfinv)
def _(m: Mathematics, x: Number) -> Number:
    centre = m.narrow(m.real(SQRT_2) * _centre_quantile(m, x))
    slope = _quantile_slope(m, centre, (1 - m.magnitude(x)) / 2)
    return m.narrow(m.wide(slope) / m.real(2 * SQRT_2))


def ndtri(m: Mathematics, x: Number) -> Number:
    rest = m.minimum(x, 1 - x)
    tail = _at_ends(m, rest, _tail_quantile(m, rest))
    centre = m.narrow(m.real(SQRT_2) * _centre_quantile(m, 2 * (x - 0.5)))
    return m.where(rest < 0.25, m.where(x < 0.5, -tail, tail), centre)


@derivative_of(ndtri)
def _(m: Mathematics, x: Number) -> Number:
    centre = m.narrow(m.real(SQRT_2) * _centre_quantile(m, 2 * (x - 0.5)))
    return _quantile_slope(m, centre, m.minimum(x, 1 - x))
