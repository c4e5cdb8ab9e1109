"""Compositions of the exponential."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

from ..arithmetic import Mathematics, Number
from .exponential import _sech_squared, _sigmoid, softcap, softcap_rise
from .table import by, clipped, derivative_of
from .weighted import EXP_LIMIT, NORMAL_DENSITY_0, NORMAL_LIMIT


def lisht(m: Mathematics, x: Number) -> Number:
    return x * m.tanh(x)


@derivative_of(lisht)
def _(m: Mathematics, x: Number) -> Number:
    bounded = clipped(m, x, -EXP_LIMIT, EXP_LIMIT)
    return m.tanh(x) + bounded * _sech_squared(m, bounded)


def situ(m: Mathematics, x: Number, scale: Number = 4.0) -> Number:
    c, e = softcap(m, x, scale), m.exp(-m.magnitude(x))
    below = m.times_exp_over(c, m.minimum(x, 0.0), m.wide(e) + 1.0)
    return m.where(x < 0, below, c / (1 + e))


@derivative_of(situ)
def _(m: Mathematics, x: Number, scale: Number) -> Number:
    # σ(x)·(sech²(x/scale) + c·σ(-x)), c = scale·tanh(x/scale)
    bell, negated = _sech_squared(m, m.wide(x) / scale), -m.magnitude(x)
    c, e = softcap(m, x, scale), m.exp(negated)
    above = (bell + m.times_exp_over(c, negated, 1 + e)) / (1 + e)
    # Both terms cancel below 0: for small x/scale they are wide.
    near = clipped(m, x, -scale, scale)
    tanh = m.wide(near) / scale - m.x_minus_tanh(near / scale)
    small = m.narrow(tanh * scale / (m.wide(e) + 1.0) - tanh * tanh + 1.0)
    large = m.narrow(m.wide(c) / (m.wide(e) + 1.0) + bell)
    factor = m.where(m.magnitude(x) < scale, small, large)
    return m.where(x < 0, m.times_exp_over(factor, negated, 1 + e), above)


@by(situ, "scale")
def _(m: Mathematics, x: Number, scale: Number) -> Number:
    rise, e = softcap_rise(m, x, scale), m.exp(-m.magnitude(x))
    below = m.times_exp_over(rise, m.minimum(x, 0.0), m.wide(e) + 1.0)
    return m.where(x < 0, below, rise / (1 + e))


def _expm1(m: Mathematics, x: Number) -> Number:
    """Return eˣ - 1 for x ≤ 0, wide: its error is an ulp of the smaller one of eˣ and of itself."""
    far = x < -0.5
    return m.wide(m.where(far, m.exp(x), m.expm1(x))) + m.where(far, -1.0, 0.0)


def xielu(
    m: Mathematics,
    x: Number,
    alpha_p: Number = 0.8,
    alpha_n: Number = 0.8,
    beta: Number = 0.5,
    eps: Number = -1e-6,
) -> Number:
    above = x * (alpha_p * x + beta)
    # Far below, where α·x may overflow, eˣ is nothing beside the 1.
    slope = beta - alpha_n
    straight = m.where(slope == 0, 0.0, slope * x) - alpha_n
    near = m.where(x < -1e30, 0.0, m.minimum(x, 0.0))
    inner, linear = m.minimum(near, eps), m.wide(near) * beta
    bent = m.narrow((_expm1(m, inner) - near) * alpha_n + linear)
    # Near 0, with t = tanh(x/2): eˣ - 1 - x = (x·t - 2·(x/2 - t))/(1 - t), where nothing cancels.
    close = m.maximum(inner, -0.5)
    rest = m.x_minus_tanh(close / 2)
    t = m.wide(close) / 2.0 - rest
    bend = (t * close - 2 * rest) / (1.0 - t)
    flat = m.narrow((bend + (m.wide(inner) - near)) * alpha_n + linear)
    bent = m.where(inner > -0.5, flat, bent)
    return m.where(x > 0, above, m.where(x < -1e30, straight, bent))


@derivative_of(xielu)
def _(
    m: Mathematics, x: Number, alpha_p: Number, alpha_n: Number, beta: Number, eps: Number
) -> Number:
    below = m.narrow(_expm1(m, m.minimum(x, 0.0)) * alpha_n + beta)
    below = m.where(x < eps, below, beta - alpha_n)
    return m.where(x > 0, 2 * alpha_p * x + beta, below)


@by(xielu, "alpha_p")
def _(m: Mathematics, x: Number, *_: Number) -> Number:
    return m.where(x > 0, x * x, 0.0)


@by(xielu, "alpha_n")
def _(
    m: Mathematics, x: Number, alpha_p: Number, alpha_n: Number, beta: Number, eps: Number
) -> Number:
    return m.where(x > 0, 0.0, xielu(m, m.minimum(x, 0.0), 0.0, 1.0, 0.0, eps))


@by(xielu, "beta")
def _(m: Mathematics, x: Number, *_: Number) -> Number:
    return x


@by(xielu, "eps")
def _(
    m: Mathematics, x: Number, alpha_p: Number, alpha_n: Number, beta: Number, eps: Number
) -> Number:
    return m.where((x <= 0) & (x > eps), alpha_n * m.exp(m.minimum(eps, 0.0)), 0.0)


def sqrt_softplus(m: Mathematics, x: Number) -> Number:
    # Below 0 the root of log1p(E)/E, E = eˣ, times e^(x/2), which does not vanish as early as E.
    e = m.exp(-m.magnitude(x))
    logarithm = m.log1p_exp(-m.magnitude(x))
    gone = e < 1e-40
    ratio = m.where(gone, 1.0, m.narrow(logarithm) / m.where(gone, 1.0, e))
    below = m.times_exp(m.sqrt(ratio), m.minimum(x, 0.0) / 2)
    return m.where(x < 0, below, m.sqrt(m.where(x > 0, x, 0.0) + m.narrow(logarithm)))


def _from_root(m: Mathematics, y: Number) -> Number:
    return m.where(y < 1e-20, y / 2, -m.expm1(-y * y) / (2 * m.where(y < 1e-20, 1.0, y)))


@derivative_of(sqrt_softplus, from_output=_from_root)
def _(m: Mathematics, x: Number) -> Number:
    # σ(x)/(2y), which below 0 is y·(E/log1p(E))/(1 + E)/2
    y, e = sqrt_softplus(m, x), m.exp(-m.magnitude(x))
    gone = e < 1e-40
    ratio = m.where(gone, 1.0, m.narrow(m.log1p_exp(-m.magnitude(x))) / m.where(gone, 1.0, e))
    below = m.times_exp(1 / (m.sqrt(ratio) * (2 * (1 + e))), m.minimum(x, 0.0) / 2)
    return m.where(x < 0, below, _sigmoid(m, x) / (2 * m.where(x < 0, 1.0, y)))


# log(1 + 2·sinh²(x/2)) near 0.
def logcosh(m: Mathematics, x: Number) -> Number:
    a = m.magnitude(x)
    near = a < 1.3
    rise = m.wide(m.expm1(m.where(near, a, 0.0) / 2))
    sinh = rise + rise / (rise + 1.0)
    return m.where(
        near,
        m.log1p(m.narrow(sinh * sinh * 0.5)),
        m.narrow(m.log1p_exp(-2 * a) - m.log1p_exp(0.0 * m.minimum(a, 1.0))) + a,
    )


@derivative_of(logcosh)
def _(m: Mathematics, x: Number) -> Number:
    return m.tanh(x)


def _standardised(m: Mathematics, x: Number, mu: Number, sigma: Number) -> Number:
    """Return (x - mu)/sigma, wide, or so much that the tail has long been 0."""
    x = clipped(m, x, mu - NORMAL_LIMIT * sigma, mu + NORMAL_LIMIT * sigma)
    return (m.wide(x) - mu) / sigma


def laplace(m: Mathematics, x: Number, mu: Number = 0.707107, sigma: Number = 0.282095) -> Number:
    t = _standardised(m, x, mu, sigma)
    tail = m.times_exp(m.normal_tail(m.magnitude(m.narrow(t))), t * t * -0.5)
    return m.where(m.narrow(t) > 0, 1 - tail, tail)


@derivative_of(laplace)
def _(m: Mathematics, x: Number, mu: Number, sigma: Number) -> Number:
    t = _standardised(m, x, mu, sigma)
    return m.times_exp(m.wide(m.real(NORMAL_DENSITY_0)) / sigma, t * t * -0.5)


@by(laplace, "mu")
def _(m: Mathematics, x: Number, mu: Number, sigma: Number) -> Number:
    t = _standardised(m, x, mu, sigma)
    return -m.times_exp(m.wide(m.real(NORMAL_DENSITY_0)) / sigma, t * t * -0.5)


@by(laplace, "sigma")
def _(m: Mathematics, x: Number, mu: Number, sigma: Number) -> Number:
    t = _standardised(m, x, mu, sigma)
    return -m.times_exp(m.wide(m.real(NORMAL_DENSITY_0)) / sigma * t, t * t * -0.5)
