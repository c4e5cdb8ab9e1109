"""x times a smooth step between 0 and 1: silu, mish, gelu and its approximations."""

from __future__ import annotations

from math import inf
from typing import Any

from ..dialect import absent, copysign, exact, fma, known, low, per_type
from ..elementary import (
    BOTTOM,
    FAR,
    LARGEST,
    LOWEST,
    SATURATED,
    SCALED,
    UNIT,
    exp_far,
    facing,
    reduced,
    scaled,
)
from ..gaussian import DENSITY, QUARTER, gelu_slope_tail, gelu_tail
from ..logistic import plain_slope, swish, swish_of_any, swish_slope
from ..two_parts import fast_two_sum, fused_remainder, remainder, two_fma, two_product, two_sum
from .table import above, elementwise, inside


@elementwise(
    aliases=("swish",),
    formula="x*sigma(beta*x)",
    source="Elfwing, Uchibe, Doya 2017, arXiv:1702.03118",
)
def silu(x: Any, beta: float = 1.0) -> Any:
    """x·σ(`beta`·x), the sigmoid-weighted linear unit."""
    z, z_low = scaled(x, beta)
    x = max(x, BOTTOM) if known(beta) else x
    return swish(x, min(x, SATURATED), z_low) if known(beta) else swish_of_any(x, z, z_low)


@silu.derivative
def silu_slope(x: Any, beta: float) -> Any:
    return plain_slope(x) if known(beta) else silu_slope_for(x, beta)


def silu_slope_for(x: Any, beta: Any) -> Any:
    # A beta of 1 in an array gives the bits of the default.
    z, z_low = scaled(x, beta)
    plain = beta == 1.0 and low(beta) == 0.0
    return plain_slope(x) if plain else swish_slope(z, z_low, z, z_low)


@silu.by("beta")
def silu_by_beta(x: Any, beta: float) -> Any:
    """x²·σ(z)·σ(-z) at z = beta·x."""
    z, z_low = scaled(x, beta)
    e, unit = exp_far(-abs(z), facing(z, z_low))
    d = fma(e, unit, 1.0)
    bounded = min(max(x, -LARGEST), LARGEST) if abs(z) < -FAR else 0.0
    return inside(x == x, x, bounded * (bounded * (e / (d * d))) * unit)


QUICK = exact("1.702")
# BOTTOM and SATURATED over 1.702
QUICK_BOTTOM = per_type(f32=-64.5, f64=-458.0)
QUICK_SATURATED = per_type(f32=24.5, f64=52.5)


@elementwise(
    formula="x*sigma(1.702*x)", source="Hendrycks, Gimpel 2016, arXiv:1606.08415, section 2"
)
def quick_gelu(x: Any) -> Any:
    """x·σ(1.702 x). Not Transformers' `gelu_fast`, which is `gelu_tanh`."""
    x = max(x, QUICK_BOTTOM)
    z, z_low = scaled(min(x, QUICK_SATURATED), QUICK)
    return swish(x, z, z_low)


@quick_gelu.derivative
def quick_gelu_slope(x: Any) -> Any:
    z, z_low = scaled(x, QUICK)
    return swish_slope(z, z_low, z, z_low)


def mish_parts(x: Any) -> Any:
    """tanh(softplus x) = n/(n + 2) with n = eˣ·(eˣ + 2), both multiplied by e^(-2x) for x ≥ 0.

    As (e, e_low, unit, small) with (e + e_low)·UNIT = exp(-|x|), which is small but for the low part, the numerator
    and the denominator, each in two parts.
    """
    q, power = reduced(max(-abs(x), LOWEST), absent, SCALED)
    e, e_low = two_fma(power, q, power)
    negative = x < 0.0
    small = e * UNIT
    wide, wide_low = fast_two_sum(2.0, small)
    flat, flat_low = two_fma(2.0, small, 1.0)
    steep = e * wide
    top = steep if negative else flat
    top_low = fma(e, wide, -steep) + e * wide_low if negative else flat_low
    left = small if negative else 2.0 * small
    right = wide if negative else small
    base = 2.0 if negative else flat
    d = fma(left, right, base)
    d_low = fma(left, right, base - d) + (small * wide_low if negative else flat_low)
    return e, e_low, UNIT if negative else 1.0, small, top, top_low, d, d_low


@elementwise(formula="x*tanh(softplus(x))", source="Misra 2019, arXiv:1908.08681")
def mish(x: Any) -> Any:
    """x·tanh(softplus x)."""
    _, _, unit, _, top, top_low, d, d_low = mish_parts(x)
    inverse = 1.0 / d
    q = top * inverse
    q_low = remainder(top, top_low, d, d_low, q) * inverse
    bounded = x if x > LOWEST else 0.0
    return copysign(fma(bounded, q, (x if abs(x) < -LOWEST else 0.0) * q_low) * unit, x)


@mish.derivative
def mish_slope(x: Any) -> Any:
    e, e_low, unit, small, _, _, d, d_low = mish_parts(x)
    # For x < 0: e·(e³ + 4e² + 6e + 4 + 4x(1 + e))/d² with e = eˣ; for x ≥ 0 both are multiplied by e^(-4x).
    bounded = min(max(x, LOWEST), -LOWEST)
    slope = fma(4.0, bounded, 6.0)
    falling = fma(small, fma(small, 4.0 + small, slope), fma(4.0, bounded, 4.0))
    steepness = fma(small, fma(8.0, small, slope), falling)
    rising = fma(fma(2.0, small, 1.0), d, 4.0 * bounded * (small * small * (1.0 + small)))
    # The numerator rises with e by falling + e·(3e² + 8e + 6 + 4x). Without the low parts: 5.04 units near the zero.
    top = e * falling if x < 0.0 else rising
    top_low = fma(e, falling, -top) + steepness * e_low if x < 0.0 else 0.0
    square, square_low = two_product(d, d)
    square_low = square_low + 2.0 * (d * d_low)
    inverse = 1.0 / square
    q = top * inverse
    q_low = fused_remainder(top, top_low, square, square_low, q) * inverse
    return (q + q_low) * unit


GELU_CHOICES: dict[str, dict[object, str]] = {
    "approximate": {"none": "gelu", False: "gelu", "tanh": "gelu_tanh", True: "gelu_tanh"}
}


def clipped(y: Any, limit: Any) -> Any:
    return y if known(limit) else min(max(y, -limit), limit)


def unclipped(y: Any, limit: Any, slope: Any) -> Any:
    return slope if known(limit) else (0.0 if above(abs(y), limit) else slope)


def on_the_limit(y: Any, limit: Any) -> Any:
    """The derivative by the limit: ±1 where the result is clipped."""
    nowhere = y if y != y else 0.0
    return nowhere if known(limit) else inside(above(abs(y), limit), y, copysign(1.0, y))


def gelu_value(x: Any) -> Any:
    # max(x, 0) - |x|·Φ(-|x|) has no cancellation.
    return fma(gelu_tail(x), -UNIT, max(x, 0.0))


@elementwise(
    aliases=("gelu_python",),
    formula="clip(x*Phi(x), -limit, limit)",
    source="Hendrycks, Gimpel 2016, arXiv:1606.08415",
    choices=GELU_CHOICES,
    domain=("limit >= 0",),
    optional={"limit": inf},
)
def gelu(x: Any, limit: float | None = None) -> Any:
    """x·Φ(x), Φ the normal cdf. With `approximate="tanh"`, `gelu_tanh`.

    With a `limit` it is clipped to ±`limit`; the derivative is 0 where it is clipped.
    """
    return clipped(gelu_value(x), limit)


@gelu.derivative
def gelu_slope(x: Any, limit: float) -> Any:
    tail = gelu_slope_tail(x) * (QUARTER * UNIT)
    return unclipped(gelu_value(x), limit, 1.0 - tail if x > 0.0 else tail)


@gelu.by("limit")
def gelu_by_limit(x: Any, limit: float) -> Any:
    return on_the_limit(gelu_value(x), limit)


# DENSITY times 0.044715.
TANH_CUBIC = exact(
    "0.071354816272600248776338752279863540995592074770160212870127493894893876626349126834333992442661"
)
# Beyond this ±x is far in the tail where the result is x or 0: w is BOTTOM there.
TANH_END = per_type(f32=10.85, f64=21.8)


def tanh_argument(x: Any) -> Any:
    """The argument w of x·σ(w), to twice the precision, and what its cubic term adds to x·dw/dx."""
    square, square_low = two_product(x, x)
    p, p_low = two_product(TANH_CUBIC, square)
    p_low = p_low + (low(TANH_CUBIC) * square + TANH_CUBIC * square_low)
    m, m_low = two_sum(p, DENSITY)
    m_low = m_low + (p_low + low(DENSITY))
    w, w_low = two_product(x, m)
    return w, w_low + x * m_low, 2.0 * p * x


def gelu_tanh_value(x: Any) -> Any:
    x = max(x, -TANH_END)
    w, w_low, _ = tanh_argument(min(x, TANH_END))
    return swish(x, min(w, SATURATED), w_low)


@elementwise(
    aliases=(
        "gelu_new",
        "gelu_fast",
        "gelu_accurate",
        "gelu_pytorch_tanh",
        "gelu_python_tanh",
    ),
    formula="clip(x/2*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3))), -limit, limit)",
    source="Hendrycks, Gimpel 2016, arXiv:1606.08415, section 2",
    domain=("limit >= 0",),
    optional={"limit": inf},
)
def gelu_tanh(x: Any, limit: float | None = None) -> Any:
    """½x·(1 + tanh(√(2/π)·(x + 0.044715 x³))), clipped to ±`limit` as `gelu` is."""
    return clipped(gelu_tanh_value(x), limit)


@gelu_tanh.derivative
def gelu_tanh_slope(x: Any, limit: float) -> Any:
    w, w_low, cubic = tanh_argument(min(max(x, -TANH_END), TANH_END))
    rise = w + cubic
    slope = swish_slope(w, w_low, rise, (w - rise + cubic) + w_low)
    return unclipped(gelu_tanh_value(x), limit, slope)


@gelu_tanh.by("limit")
def gelu_tanh_by_limit(x: Any, limit: float) -> Any:
    return on_the_limit(gelu_tanh_value(x), limit)
