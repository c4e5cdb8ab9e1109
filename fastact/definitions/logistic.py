"""x·σ(z) and its derivative, without a branch: what silu, quick_gelu, gelu_tanh and the gates are made of.

`swish` and `plain_slope` take a z between two bounds, which saves operations; the rest take any z, or return their
result in parts.
"""

from __future__ import annotations

from typing import Any

from .dialect import absent, fma, per_type
from .elementary import (
    BOTTOM,
    FARTHEST,
    LARGEST,
    LOWEST,
    ONE,
    ROUNDER,
    SATURATED,
    logistic_parts,
    one_plus_exp,
    reduced,
)


def swish_parts(x: Any, z: Any, z_low: Any) -> Any:
    """x·σ(z + z_low) as (p, p_low, unit), which stand for (p + p_low)·unit; 0 where σ is too small for any x."""
    s, s_low, unit, _ = logistic_parts(z, z_low)
    bounded = x if z > LOWEST else -0.0
    rest = x * s_low if abs(z) < -LOWEST else -0.0
    p = fma(bounded, s, rest)
    return p, fma(bounded, s, -p) + rest if abs(z) < -LOWEST else 0.0, unit


def swish(x: Any, z: Any, z_low: Any) -> Any:
    """x·σ(z + z_low) for z from BOTTOM to SATURATED. The quotient of a large x is infinite, the result x."""
    return min(x / one_plus_exp(z, z_low) * ONE, max(x, 0.0))


def swish_slope_parts(z: Any, z_low: Any, rise: Any, rise_low: Any) -> Any:
    """σ·(1 + rise·(1 - σ)), the derivative of x·σ(z) for rise = x·dz/dx; 1 - σ and rise to twice the precision.

    As (significand, unit).
    """
    s, s_low, unit, small = logistic_parts(z, z_low)
    plain = s * unit
    complement = 1.0 - plain
    complement_low = ((1.0 - complement) - plain) - s_low * unit
    complement = complement if z < 0.0 else small * s
    complement_low = complement_low if z < 0.0 else 0.0
    bounded = min(max(rise, -SLOPE_END), SLOPE_END)
    factor = fma(bounded, complement, 1.0) + (bounded * complement_low + rise_low * complement)
    return fma(s, factor, s_low * factor), unit


def swish_slope(z: Any, z_low: Any, rise: Any, rise_low: Any) -> Any:
    """The same, rounded."""
    p, unit = swish_slope_parts(z, z_low, rise, rise_low)
    return p * unit


# Larger factors of 1 - σ make no difference any more, and would be infinite in the end.
SLOPE_END = per_type(f32=1e6, f64=1e6)


# For x·σ(z) with any factor x: below DEPTH alone e⁻ᶻ is computed lower and x with it, by so much that the quotient is
# finite for the largest x and right for the smallest result.
DEPTH = per_type(f32=-70.0, f64=-700.0)
FAR_BELOW = per_type(f32=12583039.0 - 152.0, f64=6755399441056767.0 - 1080.0)
FAR_TOP = per_type(f32=2.0**-64, f64=2.0**-512)
FAR_DOWN = per_type(f32=2.0**-88, f64=2.0**-568)


def swish_of_any(x: Any, z: Any, z_low: Any) -> Any:
    """x·σ(z + z_low) for any x and z."""
    deep = z < DEPTH
    z = min(max(z, FARTHEST), SATURATED)
    q, power = reduced(-z, -z_low, FAR_BELOW if deep else ROUNDER)
    d = fma(power, q, 0.0 if deep else 1.0) + power
    return (
        (min(max(x, -LARGEST), LARGEST) * FAR_TOP if deep else x) / d * (FAR_DOWN if deep else 1.0)
    )


# Products with e⁻ˣ, too, are finite with this many powers of two less.
DEEP = per_type(f32=12583039.0 - 40.0, f64=6755399441056767.0 - 140.0)
DEEP_ONE = per_type(f32=2.0**-40, f64=2.0**-140)


def plain_slope(x: Any) -> Any:
    """σ·(1 + x·(1 - σ)) as (1 + e·(1 + x))/(1 + e)², e = exp(-x), in half the operations of `swish_slope`.

    The divisors have 1 + e rounded and what that lost, twice: their product is (1 + e)², but for one rounding. With the
    same divisor twice: 4.2 ulp in float32.
    """
    x = min(max(x, BOTTOM), SATURATED)
    q, power = reduced(-x, absent, DEEP)
    e = fma(power, q, power)
    first = e + DEEP_ONE
    second = e + (2.0 * DEEP_ONE - (first - e))
    return fma(e, 1.0 + x, DEEP_ONE) / first / second * DEEP_ONE
