"""Compositions of the exponential: with a root, a parabola, a logarithm, and the normal cdf of a straight line."""

from __future__ import annotations

from typing import Any

from ..dialect import absent, copysign, exact, fma, low, per_type, sqrt
from ..elementary import (
    LARGEST,
    LN2,
    UNIT,
    exp_negative,
    expm1_of,
    log1p_parts,
    ratio_parts,
    tanh_parts,
)
from ..elementary import tanh as tanh_
from ..normal_tail import TAIL_END, half_square, tail_parts
from ..two_parts import fast_two_sum, remainder, two_product, two_sum
from .capped import logistic_of, situ_parts, situ_slope_parts
from .exponential import softcap_rise
from .table import elementwise, inside

# Up to here the reduction leaves x as it is.
RISING = per_type(f32=0.34375, f64=0.34375)


@elementwise(formula="x*tanh(x)", source="Roy, Manna, Dubey, Chaudhuri 2019, arXiv:1901.05894")
def lisht(x: Any) -> Any:
    """x·tanh x, an even function."""
    a = abs(x)
    y, y_low = tanh_parts(x)
    return fma(a, y, min(a, LARGEST) * y_low)


# From here on the derivative is 1 within an ulp, and e^-2x down to EXPM1_LOWEST known.
FLAT = per_type(f32=10.0, f64=20.0)


@lisht.derivative
def lisht_slope(x: Any) -> Any:
    a = abs(x)
    t, t_low, _ = expm1_of(-2.0 * a)
    y, y_low = ratio_parts(t, t_low)
    rise = a * (((1.0 - y) - y_low) * (1.0 + y))
    return copysign(y + ((rise if a < FLAT else 0.0) + y_low), x)


SITU_DOMAIN = ("1e-6 <= scale <= 1e6",)


@elementwise(
    formula="scale*tanh(x/scale)*sigma(x)",
    source="Moonshot AI, Kimi K3; Megatron Core's situ",
    domain=SITU_DOMAIN,
)
def situ(x: Any, scale: float = 4.0) -> Any:
    """`scale`·tanh(x/`scale`)·σ(x): silu with its linear factor capped."""
    p, _, unit = situ_parts(x, scale)
    return p * unit


@situ.derivative
def situ_slope(x: Any, scale: float) -> Any:
    d, unit = situ_slope_parts(x, scale)
    return d * unit


@situ.by("scale")
def situ_by_scale(x: Any, scale: float) -> Any:
    """(tanh z - z·sech² z)·σ(x) at z = x/scale."""
    e, s, _ = logistic_of(x)
    rise = softcap_rise(x, scale)
    return rise * s * e * UNIT if x < 0.0 else rise * s


# From here on x·(beta - alpha_n) - alpha_n is the value: neither product overflows before it.
STRAIGHT = per_type(f32=-(2.0**100), f64=-(2.0**900))


def bend_below(x: Any, eps: Any) -> Any:
    """expm1(min(x, eps)) - x in two parts, x being finite."""
    m = min(x, eps)
    above, above_low = two_sum(m, -x)
    t, t_low, bend = expm1_of(m)
    u, u_low = fast_two_sum(-m, t)
    near = m > -RISING
    total, total_low = two_sum(above, bend if near else u)
    rest = above_low + (low(eps) if x > eps else 0.0)
    return total, total_low + (rest + (0.0 if near else u_low + t_low))


@elementwise(
    formula="where(x > 0, alpha_p*x**2 + beta*x, where(x < eps, alpha_n*(exp(x) - 1 - x) + beta*x, "
    "alpha_n*(exp(eps) - 1 - x) + beta*x))",
    source="Huang, Schlag 2024, arXiv:2411.13010; Apertus",
    domain=(
        "-1e6 <= alpha_p <= 1e6",
        "-1e6 <= alpha_n <= 1e6",
        "-1e6 <= beta <= 1e6",
        "-1e6 <= eps <= 1e6",
    ),
)
def xielu(
    x: Any, alpha_p: float = 0.8, alpha_n: float = 0.8, beta: float = 0.5, eps: float = -1e-6
) -> Any:
    """`alpha_p`·x² + `beta`·x where x > 0, else `alpha_n`·(exp(min(x, `eps`)) - 1 - x) + `beta`·x.

    Both alphas are taken as they multiply, after the softplus of their parameters. The derivative between `eps` and 0
    is `beta` - `alpha_n`.
    """
    end = min(max(x, -LARGEST), LARGEST)
    rising = x * (fma(alpha_p, x, beta) + fma(low(alpha_p), end, low(beta)))
    h, h_low = bend_below(end, eps)
    p, p_low = two_product(alpha_n, h)
    b, b_low = two_product(beta, end)
    total, left = two_sum(p, b)
    rest = fma(low(alpha_n), h, p_low) + fma(low(beta), end, b_low)
    bent = total + (left + fma(alpha_n, h_low, rest))
    slope, slope_low = two_sum(beta, -alpha_n)
    slope, slope_low = fast_two_sum(slope, slope_low + (low(beta) - low(alpha_n)))
    far = end if slope == 0.0 else x
    straight = fma(slope, far, fma(slope_low, end, -alpha_n))
    return rising if x > 0.0 else (straight if x < STRAIGHT else bent)


@xielu.derivative
def xielu_slope(x: Any, alpha_p: float, alpha_n: float, beta: float, eps: float) -> Any:
    rising = fma(2.0 * alpha_p, x, beta) + fma(2.0 * low(alpha_p), min(x, LARGEST), low(beta))
    t, t_low, _ = expm1_of(min(x, 0.0))
    moving = x < eps or (x == eps and low(eps) > 0.0)
    t = t if moving else (x if x != x else -1.0)
    t_low = t_low if moving else 0.0
    bent = fma(alpha_n, t, beta) + fma(alpha_n, t_low, fma(low(alpha_n), t, low(beta)))
    return rising if x > 0.0 else bent


@xielu.by("alpha_p")
def xielu_by_alpha_p(x: Any, alpha_p: float, alpha_n: float, beta: float, eps: float) -> Any:
    m = max(x, 0.0)
    return m * m


@xielu.by("alpha_n")
def xielu_by_alpha_n(x: Any, alpha_p: float, alpha_n: float, beta: float, eps: float) -> Any:
    h, h_low = bend_below(max(x, -LARGEST), eps)
    return inside(x <= 0.0, x, h + h_low if x > STRAIGHT else -x)


@xielu.by("beta")
def xielu_by_beta(x: Any, alpha_p: float, alpha_n: float, beta: float, eps: float) -> Any:
    return x


@xielu.by("eps")
def xielu_by_eps(x: Any, alpha_p: float, alpha_n: float, beta: float, eps: float) -> Any:
    t, _, _ = expm1_of(min(eps, 0.0))
    return inside(x <= 0.0 and x > eps, x, fma(alpha_n, t, alpha_n))


def root_parts(x: Any) -> Any:
    """√softplus(x) as (root, root_low, factor, small): (root + root_low)·factor·UNIT, or ·factor where x ≥ 0.

    Below 0 the factor is exp(x/2)/UNIT, which is a normal number down to the last subnormal result.
    """
    falling = x < 0.0
    e, unit = exp_negative(0.5 * x if falling else -x, absent)
    e_plain = e * unit
    small = e_plain * e_plain if falling else e_plain
    ratio, ratio_low = log1p_parts(small)
    p = ratio if falling else fma(small, ratio, x)
    root = sqrt(p)
    # 1/(2·root) for a root between √log 2 and 1, within a tenth.
    root_low = 0.55 * (fma(-root, root, p) + ratio_low) if falling else 0.0
    return root, root_low, e if falling else 1.0, small


@elementwise(
    aliases=("sqrtsoftplus",),
    formula="sqrt(log(1 + exp(x)))",
    source="DeepSeek-AI, DeepSeek-V4; Transformers' SqrtSoftplus",
)
def sqrt_softplus(x: Any) -> Any:
    """√log(1 + eˣ)."""
    root, root_low, factor, _ = root_parts(x)
    return fma(factor, root, factor * root_low) * (UNIT if x < 0.0 else 1.0)


@sqrt_softplus.derivative
def sqrt_softplus_slope(x: Any) -> Any:
    root, _, factor, small = root_parts(x)
    return factor / (2.0 * root * (1.0 + small)) * (UNIT if x < 0.0 else 1.0)


# Below this 1 - exp(-y²) is y², which may vanish where y does not.
SQUARED = per_type(f32=2.0**-13, f64=2.0**-27)


@sqrt_softplus.derivative_from_output()
def sqrt_softplus_slope_from_output(y: Any) -> Any:
    t, _, _ = expm1_of(-(y * y))
    return 0.5 * y if y < SQUARED else -t / (2.0 * y)


# Up to here cosh x - 1 is at most 1.
COSH_END = per_type(f32=1.3125, f64=1.3125)
# log 2 and e^-2x make no difference to x.
COSH_FAR = per_type(f32=1e10, f64=1e20)


@elementwise(formula="log(cosh(x))", source="definition")
def logcosh(x: Any) -> Any:
    """log cosh x, without cancellation near 0 and without overflow. The derivative is tanh x."""
    a = abs(x)
    near = a <= COSH_END
    s, s_low, _ = expm1_of(-a if near else -2.0 * a)
    # cosh a - 1 = s²/(2·(1 + s)) for s = e⁻ᵃ - 1; elsewhere 1 + s is e^-2a.
    e, e_low = fast_two_sum(1.0, s)
    e_low = e_low + s_low
    half = 0.5 * s
    n, n_low = two_product(half, s)
    n_low = fma(s, s_low, n_low)
    inverse = 1.0 / max(e, 0.25)
    u = n * inverse
    u_low = remainder(n, n_low, e, e_low, u) * inverse
    v = u if near else e + e_low
    ratio, ratio_low = log1p_parts(v)
    small = fma(v, ratio, fma(v, ratio_low, u_low * ratio if near else 0.0))
    high, high_low = fast_two_sum(a, -LN2)
    large = high + (small + (high_low - low(LN2)))
    return a if a > COSH_FAR else (small if near else large)


@logcosh.derivative
def logcosh_slope(x: Any) -> Any:
    return tanh_(x)


def standardised(x: Any, mu: Any, sigma: Any, end: Any) -> Any:
    """(x - mu)/sigma, clipped to ±end, in two parts; and 1/sigma in two parts."""
    d, d_low = two_sum(x, -mu)
    inverse = 1.0 / sigma
    inverse_low = remainder(1.0, absent, sigma, low(sigma), inverse) * inverse
    t, t_low = two_product(d, inverse)
    t_low = fma(d, inverse_low, fma(d_low - low(mu), inverse, t_low))
    inside_ = abs(t) < end
    return min(max(t, -end), end), t_low if inside_ else 0.0, inverse, inverse_low


@elementwise(
    formula="Phi((x - mu)/sigma)",
    source="Ma et al. 2022, arXiv:2209.10655 (Mega)",
    domain=("1e-6 <= sigma <= 1e6", "-1e6 <= mu <= 1e6"),
)
def laplace(x: Any, mu: float = 0.707107, sigma: float = 0.282095) -> Any:
    """Φ((x - `mu`)/`sigma`), Φ the normal cdf: a smooth approximation of relu squared in attention."""
    t, t_low, _, _ = standardised(x, mu, sigma, TAIL_END)
    h, h_low = half_square(t)
    u, _ = tail_parts(abs(t), t_low if t > 0.0 else -t_low, h, fma(t, t_low, h_low))
    return fma(u, -0.5 * UNIT, 1.0) if t > 0.0 else u * (0.5 * UNIT)


# 1/√(2π)
NORMAL_DENSITY = exact(
    "0.39894228040143267793994605993438186847585863116493465766592582967065792589930183850125233390731"
)
# exp(-t²/2) is LOWEST here.
BELL_END = per_type(f32=16.0, f64=40.0)


@laplace.derivative
def laplace_slope(x: Any, mu: float, sigma: float) -> Any:
    _, _, d, unit = laplace_bell(x, mu, sigma)
    return d * unit


@laplace.by("mu")
def laplace_by_mu(x: Any, mu: float, sigma: float) -> Any:
    _, _, d, unit = laplace_bell(x, mu, sigma)
    return -d * unit


@laplace.by("sigma")
def laplace_by_sigma(x: Any, mu: float, sigma: float) -> Any:
    t, t_low, d, unit = laplace_bell(x, mu, sigma)
    return -fma(t, d, t_low * d) * unit


def laplace_bell(x: Any, mu: Any, sigma: Any) -> Any:
    """t = (x - mu)/sigma in two parts, and φ(t)/sigma as (number, unit)."""
    t, t_low, inverse, inverse_low = standardised(x, mu, sigma, BELL_END)
    square, square_low = two_product(0.5 * t, t)
    e, unit = exp_negative(-square, -fma(t, t_low, square_low))
    c, c_low = two_product(NORMAL_DENSITY, inverse)
    c_low = c_low + (low(NORMAL_DENSITY) * inverse + NORMAL_DENSITY * inverse_low)
    return t, t_low, fma(e, c, e * c_low), unit
