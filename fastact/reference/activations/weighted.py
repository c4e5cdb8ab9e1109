"""x times a smooth step between 0 and 1."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

import math
from fractions import Fraction

from ..arithmetic import Mathematics, Number
from .table import by, clipped, derivative_of

QUICK_GELU_SLOPE = Fraction("1.702")  # Hendrycks and Gimpel, arXiv:1606.08415, section 2
GELU_TANH_CUBIC = Fraction("0.044715")  # the same
SQRT_2_OVER_PI = Fraction(
    "0.797884560802865355879892119868763736951717262329869315331851659341315851798604"
)
NORMAL_DENSITY_0 = SQRT_2_OVER_PI / 2  # 1/√(2π)
# Beyond these, e^(−x²/2) and e^−x are below 1e-700: less than the smallest double, whatever double
# multiplies them.
NORMAL_LIMIT, EXP_LIMIT = 60.0, 2000.0


def _gated(m: Mathematics, x: Number, z: Number) -> Number:
    """Return x·σ(z)."""
    negated = -m.magnitude(z)
    e = m.exp(negated)
    return m.where(m.narrow(z) < 0, m.times_exp_over(x, negated, m.wide(e) + 1.0), x / (1 + e))


def _gated_slope(m: Mathematics, v: Number, z: Number) -> Number:
    """Return the derivative of x·σ(z(x)), σ(z) + v·σ(z)σ(−z) with v = x·z′(x)."""
    # With E = e^z it is E(1 + v + E)/(1 + E)²; for z ≥ 0, with e = e^−z, (1 + e + v·e)/(1 + e)².
    # The wide 1 + v comes first because all cancellation, where the derivative vanishes, is there.
    negated = -m.magnitude(z)
    e = m.exp(negated)
    left = m.times_exp((v + 1.0) + e, negated)
    right = 1 + (e + m.times_exp(v, negated))
    return m.where(m.narrow(z) < 0, left, right) / (1 + e * (2 + e))


def _gelu(m: Mathematics, x: Number) -> Number:
    t = m.minimum(m.magnitude(x), NORMAL_LIMIT)
    lower = m.times_exp(m.normal_tail(t) * x, m.wide(t) * t * -0.5)  # x·Φ(−|x|)
    return m.where(x <= 0, lower, x - lower)


def gelu(m: Mathematics, x: Number, limit: Number = math.inf) -> Number:
    return clipped(m, _gelu(m, x), -limit, limit)


def _unclipped(m: Mathematics, y: Number, limit: Number, slope: Number) -> Number:
    return m.where(m.magnitude(y) > limit, 0.0, slope)


@derivative_of(gelu)
def _(m: Mathematics, x: Number, limit: Number) -> Number:
    # Φ(−t) − tφ(t) at x = −t; one minus that at x = t.
    t = m.minimum(m.magnitude(x), NORMAL_LIMIT)
    scaled = m.normal_tail(t) - m.real(NORMAL_DENSITY_0) * t
    lower = m.times_exp(scaled, m.wide(t) * t * -0.5)
    return _unclipped(m, _gelu(m, x), limit, m.where(x < 0, lower, 1 - lower))


@by(gelu, "limit")
def _(m: Mathematics, x: Number, limit: Number) -> Number:
    return _on_the_limit(m, _gelu(m, x), limit)


def _on_the_limit(m: Mathematics, y: Number, limit: Number) -> Number:
    return m.where(y > limit, 1.0, m.where(y < -limit, -1.0, 0.0))


# ½(1 + tanh u) = σ(2u)
def _gelu_tanh(m: Mathematics, x: Number) -> Number:
    t = m.wide(clipped(m, x, -NORMAL_LIMIT, NORMAL_LIMIT))
    k = 2 * SQRT_2_OVER_PI
    return _gated(m, x, (t * t * m.real(k * GELU_TANH_CUBIC) + m.real(k)) * t)


def gelu_tanh(m: Mathematics, x: Number, limit: Number = math.inf) -> Number:
    return clipped(m, _gelu_tanh(m, x), -limit, limit)


@derivative_of(gelu_tanh)
def _(m: Mathematics, x: Number, limit: Number) -> Number:
    t = m.wide(clipped(m, x, -NORMAL_LIMIT, NORMAL_LIMIT))
    k = 2 * SQRT_2_OVER_PI
    cubic = t * t * m.real(k * GELU_TANH_CUBIC)
    linear = m.real(k)
    slope = _gated_slope(m, (cubic * 3.0 + linear) * t, (cubic + linear) * t)
    return _unclipped(m, _gelu_tanh(m, x), limit, slope)


@by(gelu_tanh, "limit")
def _(m: Mathematics, x: Number, limit: Number) -> Number:
    return _on_the_limit(m, _gelu_tanh(m, x), limit)


def quick_gelu(m: Mathematics, x: Number) -> Number:
    return _gated(m, x, m.real(QUICK_GELU_SLOPE) * x)


@derivative_of(quick_gelu)
def _(m: Mathematics, x: Number) -> Number:
    z = m.real(QUICK_GELU_SLOPE) * x
    return _gated_slope(m, z, z)


def silu(m: Mathematics, x: Number, beta: Number = 1.0) -> Number:
    return _gated(m, x, m.wide(x) * beta)


@derivative_of(silu)
def _(m: Mathematics, x: Number, beta: Number) -> Number:
    z = m.wide(x) * beta
    return _gated_slope(m, z, z)


@by(silu, "beta")
def _(m: Mathematics, x: Number, beta: Number) -> Number:
    z = m.wide(x) * beta
    e = m.exp(-m.magnitude(z))
    bounded = clipped(m, x, -1e308, 1e308)
    return m.times_exp_over(bounded, -m.magnitude(z), (1 + e) * (1 + e)) * bounded


# tanh(log(1 + e^x)) = ((1 + e^x)² − 1)/((1 + e^x)² + 1). With E = e^x that is E(2 + E)/(2 + 2E +
# E²); with e = e^−x, used for x ≥ 0, (1 + 2e)/(1 + 2e + 2e²).
def mish(m: Mathematics, x: Number) -> Number:
    e = m.exp(-m.magnitude(x))
    first, last = m.where(x < 0, 2.0, 1.0), m.where(x < 0, 1.0, 2.0)
    numerator = m.wide(e) * last + first
    return m.times_exp_over(numerator * x, m.minimum(x, 0.0), (m.wide(e) * last + 2.0) * e + first)


@derivative_of(mish)
def _(m: Mathematics, x: Number) -> Number:
    # x times the derivative of the fractions above, plus the fractions: E(4(1 + x) + E(6 + 4x + E(4
    # + E)))/(E(E + 2) + 2)² and ((1 + 2e)D + 4x·e²(1 + e))/D², D = 1 + 2e + 2e².
    x = clipped(m, x, -EXP_LIMIT, EXP_LIMIT)
    e = m.exp(-m.magnitude(x))
    n = (m.wide(e) + 2.0) * e + 2.0
    left = m.times_exp_over(4 * (1 + x) + e * (6 + 4 * x + e * (4 + e)), -m.magnitude(x), n * n)
    d = 1 + 2 * e * (1 + e)
    right = ((1 + 2 * e) + 4 * x * e * e * (1 + e) / d) / d
    return m.where(x < 0, left, right)
