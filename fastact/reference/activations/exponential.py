"""Exponentials."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

import math
from fractions import Fraction

from ..arithmetic import Mathematics, Number
from .table import by, derivative_of

# Klambauer et al., arXiv:1706.02515, section 2
SELU_SCALE = Fraction("1.0507009873554804934193349852946")
SELU_SLOPE = SELU_SCALE * Fraction("1.6732632423543772848170429916717")


def _sigmoid(m: Mathematics, z: Number) -> Number:
    negated = -m.magnitude(z)
    e = m.exp(negated)
    return m.where(m.narrow(z) < 0, m.times_exp_over(1.0, negated, m.wide(e) + 1.0), 1 / (1 + e))


def _sech_squared(m: Mathematics, z: Number) -> Number:
    # 4/(e^z + e^−z)² with the larger exponential divided out
    doubled = m.magnitude(z) * -2.0
    e = m.exp(doubled)
    return m.times_exp(4.0, doubled) / (1 + e * (2 + e))


def sigmoid(m: Mathematics, x: Number) -> Number:
    return _sigmoid(m, x)


@derivative_of(sigmoid, from_output=lambda m, y: y * (1.0 - y))
def _(m: Mathematics, x: Number) -> Number:
    e = m.exp(-m.magnitude(x))
    return e / (1 + e * (2 + e))


def log_sigmoid(m: Mathematics, x: Number) -> Number:
    return m.narrow(m.minimum(x, 0.0) - m.log1p_exp(-m.magnitude(x)))


@derivative_of(log_sigmoid, from_output=lambda m, y: -m.expm1(y))
def _(m: Mathematics, x: Number) -> Number:
    return _sigmoid(m, -x)


def tanh(m: Mathematics, x: Number) -> Number:
    return m.tanh(x)


@derivative_of(tanh, from_output=lambda m, y: (1.0 - y) * (1.0 + y))
def _(m: Mathematics, x: Number) -> Number:
    return _sech_squared(m, x)


def tanh_shrink(m: Mathematics, x: Number) -> Number:
    return m.x_minus_tanh(x) + 0.0  # −0.0 − tanh(−0.0) is +0.0


@derivative_of(tanh_shrink)
def _(m: Mathematics, x: Number) -> Number:
    y = m.tanh(x)
    return y * y


def elu(m: Mathematics, x: Number, alpha: Number = 1.0) -> Number:
    return m.where(x > 0, x, alpha * m.expm1(x))


@derivative_of(elu, from_output=lambda m, y, alpha=1.0: m.where(y > 0, 1.0, y + alpha))
def _(m: Mathematics, x: Number, alpha: Number) -> Number:
    return m.where(x > 0, 1.0, m.times_exp(alpha, x))


@by(elu, "alpha")
def _(m: Mathematics, x: Number, alpha: Number) -> Number:
    return m.where(x > 0, 0.0, m.expm1(x))


def celu(m: Mathematics, x: Number, alpha: Number = 1.0) -> Number:
    q = x / alpha
    # A quotient so small may be subnormal, and have lost digits.
    return m.where((x > 0) | (m.magnitude(q) < 1e-290), x, alpha * m.expm1(q))


@derivative_of(celu, from_output=lambda m, y, alpha=1.0: m.where(y > 0, 1.0, y / alpha + 1.0))
def _(m: Mathematics, x: Number, alpha: Number) -> Number:
    return m.where(x > 0, 1.0, m.exp(m.wide(x) / alpha))


@by(celu, "alpha")
def _(m: Mathematics, x: Number, alpha: Number) -> Number:
    # With w = x/alpha it is expm1(w) - w·e^w; below |w| = 1/8 the series -w²/2 - w³/3 - w⁴/8 - …
    w = m.minimum(x, 0.0) / alpha
    near = m.maximum(w, -0.125)
    series = 0.0
    for k in range(13, 1, -1):
        series = series * near + m.narrow(m.real(Fraction(k - 1, math.factorial(k))))
    return m.where(w > -0.125, -near * near * series, m.expm1(w) - m.times_exp(w, w))


def selu(m: Mathematics, x: Number) -> Number:
    scale, slope = m.narrow(m.real(SELU_SCALE)), m.narrow(m.real(SELU_SLOPE))
    return m.where(x > 0, scale * x, slope * m.expm1(x))


@derivative_of(selu, from_output=lambda m, y: m.where(y > 0, SELU_SCALE, y + SELU_SLOPE))
def _(m: Mathematics, x: Number) -> Number:
    scale, slope = m.narrow(m.real(SELU_SCALE)), m.narrow(m.real(SELU_SLOPE))
    return m.where(x > 0, scale, m.times_exp(slope, x))


def softplus(m: Mathematics, x: Number, beta: Number = 1.0, threshold: Number = math.inf) -> Number:
    z = m.wide(x) * beta
    e = -m.magnitude(z)
    # Below −600, log1p(E) is E in every digit, and would be subnormal before it is divided by beta.
    rest = m.where(m.narrow(e) < -600, m.times_exp(1 / beta, e), m.narrow(m.log1p_exp(e) / beta))
    return m.where(m.narrow(z) > threshold, x, m.where(m.narrow(z) > 0, x, 0.0) + rest)


@derivative_of(
    softplus,
    from_output=lambda m, y, beta=1.0, threshold=math.inf: m.where(
        beta * y > threshold, 1.0, -m.expm1(-beta * y)
    ),
)
def _(m: Mathematics, x: Number, beta: Number, threshold: Number) -> Number:
    z = m.wide(x) * beta
    return m.where(m.narrow(z) > threshold, 1.0, _sigmoid(m, z))


@by(softplus, "beta")
def _(m: Mathematics, x: Number, beta: Number, threshold: Number) -> Number:
    z = m.wide(x) * beta
    e = -m.magnitude(z)
    whole = m.narrow(m.log1p_exp(e)) - m.times_exp_over(e, e, 1 + m.exp(e))
    return m.where(m.narrow(z) > threshold, 0.0, -whole / beta / beta)


@by(softplus, "threshold", constant=True)
def _(m: Mathematics, x: Number, beta: Number, threshold: Number) -> Number:
    return m.where(x == x, 0.0, 0.0)


def exponential(m: Mathematics, x: Number) -> Number:
    return m.exp(x)


@derivative_of(exponential, from_output=lambda m, y: y)
def _(m: Mathematics, x: Number) -> Number:
    return m.exp(x)


def softcap(m: Mathematics, x: Number, cap: Number) -> Number:
    q = x / cap
    # Where q is small, x less a small term hardly feels its rounding, nor its underflow.
    return m.where((m.magnitude(q) < 1) & (x != 0), x - cap * m.x_minus_tanh(q), cap * m.tanh(q))


@derivative_of(softcap)
def _(m: Mathematics, x: Number, cap: Number) -> Number:
    return _sech_squared(m, m.wide(x) / cap)


def softcap_rise(m: Mathematics, x: Number, cap: Number) -> Number:
    z = x / cap
    y = m.tanh(z)
    bounded = m.maximum(m.minimum(z, 1e4), -1e4)
    far = y - bounded * _sech_squared(m, bounded)
    return m.where(m.magnitude(z) < 1, z * y * y - m.x_minus_tanh(z), far)


by(softcap, "cap")(softcap_rise)
