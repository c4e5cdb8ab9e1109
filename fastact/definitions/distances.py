"""Functions of a difference that is known to twice the precision, for losses: squares of it double its error."""

from __future__ import annotations

from typing import Any

from .coefficients.elementary import EXPM1
from .dialect import absent, fma, low, per_type, polynomial
from .elementary import (
    EXPM1_LOWEST,
    FARTHEST,
    HIGHEST,
    LARGEST,
    LN2,
    LOWERED,
    ROUNDER,
    TINY,
    expm1_parts,
    log1p_parts,
    reduced,
    reduction,
)
from .two_parts import fast_two_sum, fused_remainder, two_fma, two_product, two_sum

# Of numbers up to this the difference is finite.
HALF_OF_ALL = per_type(f32=2.0**127, f64=2.0**1023)


def difference(x: Any, target: Any) -> Any:
    """x - t, and what |x - t| lost in rounding; 0 where the difference is infinite."""
    d, d_low = two_sum(x, -target)
    d_low = d_low if d > 0.0 else -d_low
    return d, d_low if abs(d) <= LARGEST else 0.0


def half_difference(x: Any, target: Any) -> Any:
    """The same of (x - t)/2, which is finite for all numbers."""
    return difference(0.5 * x, 0.5 * target)


def finite_difference(x: Any, target: Any) -> Any:
    """x - t as (d, 1), or where that may be infinite as (d/2, 2), the product of both."""
    d = x - target
    far = abs(d) >= HALF_OF_ALL
    return 0.5 * x - 0.5 * target if far else d, 2.0 if far else 1.0


# Above, a - log 2 + log1p(e^-2a) cancels less than half of its digits; at 1.31 cosh a - 1 leaves the range of
# log1p_parts. With the split at 1.3 the error of float32 is 1.97 ulp, just below it.
COSH_SPLIT = per_type(f32=0.9, f64=0.9)


def log_cosh_parts(a: Any) -> Any:
    """log cosh a for a ≥ 0 as a number and a small one.

    Below COSH_SPLIT it is log1p(v) for v = cosh a - 1 = t²/(2·(1 + t)), t = expm1(-a), above it
    a - log 2 + log1p(e^-2a).
    """
    near = min(a, COSH_SPLIT)
    r, power = reduction(-near, absent, ROUNDER)
    q, q_low = fast_two_sum(r, r * r * polynomial(r, EXPM1))
    t, t_low = two_fma(power, q, power - 1.0)
    t_low = fma(power, q_low, t_low)
    square, square_low = two_product(t, t)
    square_low = fma(2.0 * t, t_low, square_low)
    d, d_low = fast_two_sum(1.0, t)
    half_inverse = 0.5 / d
    v = square * half_inverse
    v_low = fused_remainder(square, square_low, 2.0 * d, 2.0 * (d_low + t_low), v) * half_inverse
    ratio, ratio_low = log1p_parts(v)
    small, small_low = two_product(v, ratio)
    small_low = small_low + fma(v, ratio_low, v_low * ratio)
    e, e_low = expm1_parts(max(-2.0 * a, EXPM1_LOWEST))
    u = 1.0 + e
    far_ratio, far_ratio_low = log1p_parts(u)
    far, far_low = fast_two_sum(a, -LN2)
    rest = fma(u, far_ratio, far_low - low(LN2)) + fma(u, far_ratio_low, e_low)
    below = a < COSH_SPLIT
    rest = rest if a <= LARGEST else 0.0
    return small if below else far, small_low if below else rest


def times(factor: Any, d: Any, d_low: Any) -> Any:
    """`factor`·(d + d_low). The second product is infinite only where the first one is, perhaps of the other sign."""
    return fma(factor, d, min(max(min(max(factor, -LARGEST), LARGEST) * d_low, -LARGEST), LARGEST))


# exp(t) below TINY is computed so many powers of two too high. They are taken back in two steps, the first of which
# goes to d where that is large: no product overflows, and none that is rounded into the subnormals is used any more.
DEEP = per_type(f32=12583039.0 + 152.0, f64=6755399441056767.0 + 1080.0)
DEEP_FIRST = per_type(f32=2.0**-64, f64=2.0**-512)
DEEP_LAST = per_type(f32=2.0**-88, f64=2.0**-568)
WIDE = per_type(f32=2.0**64, f64=2.0**512)


def times_exp(d: Any, d_low: Any, t: Any) -> Any:
    """(d + d_low)·exp(t) for any d and t."""
    deep, wide = t < TINY, abs(d) > WIDE
    q, power = reduced(min(max(t, FARTHEST), HIGHEST), absent, DEEP if deep else LOWERED)
    first, last = DEEP_FIRST if deep else 1.0, DEEP_LAST if deep else 2.0
    before = first if wide else 1.0
    product = times(fma(power, q, power), d * before, d_low * before)
    return product * (1.0 if wide else first) * last
