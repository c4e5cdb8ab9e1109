"""The normal distribution's tail, without a branch: what gelu, its derivative and geglu are made of.

Float32 has polynomials in pieces, float64 one polynomial of a bounded form of Mills' ratio. Eight pieces in float64
would have degree 14 or so, and AVX2 has no single instruction to look up one of eight doubles.
"""

from __future__ import annotations

from typing import Any

from .coefficients.elementary import EXPM1, MILLS, MILLS_CENTRE, MILLS_END, MILLS_RISE
from .coefficients.tail import CENTRES, EXP2, EXP2_SLOPE, EXPONENT, SLOPE, TAIL, TAIL_RISE
from .dialect import (
    absent,
    exact,
    fma,
    leading,
    lookup,
    low,
    per_type,
    piecewise,
    polynomial,
    polynomial_parts,
    scale,
)
from .elementary import SCALED, reduction
from .two_parts import fast_two_sum, fused_remainder, two_fma, two_product

# --- float32: tables ---

# ROUNDER + UNIT_BITS, less the power of two by which the tables are too large.
HALF_SCALED = 12583039.0 + 63.0


def located(x: Any) -> Any:
    """a = |x| ≤ MILLS_END, the index of its piece and its distance from the centre there."""
    a = min(abs(x), MILLS_END)
    index = leading(a + 1.0)
    return a, index, a - lookup(index, CENTRES)


def bell(a: Any) -> Any:
    """2^(a²·EXPONENT)/2 as (1 + q)·power·UNIT."""
    square, square_low = two_product(a, a)
    t = fma(square, EXPONENT, HALF_SCALED)
    n = t - HALF_SCALED
    f = fma(square_low, EXPONENT, fma(square, EXPONENT, -n))
    # As f·(EXP2_SLOPE + …), whose bracket is rounded: 2.05 ulp in gelu at -1.86.
    return fma(f, EXP2_SLOPE, f * f * polynomial(f, EXP2)), scale(0.0, t)


def tail_by_table(x: Any) -> Any:
    """|x|·Φ(-|x|)/UNIT."""
    a, index, d = located(x)
    tail = fma(piecewise(d, index, TAIL_RISE), d, min(a, lookup(index, TAIL)))
    q, power = bell(a)
    tail = tail * power
    return fma(tail, q, tail)


def tail_parts_by_table(x: Any) -> Any:
    """|x|·Φ(-|x|)/UNIT in two parts."""
    a, index, d = located(x)
    tail, tail_low = two_fma(piecewise(d, index, TAIL_RISE), d, min(a, lookup(index, TAIL)))
    q, power = bell(a)
    total, total_low = fast_two_sum(tail, fma(tail, q, tail_low))
    return total * power, total_low * power


def slope_tail_by_table(x: Any) -> Any:
    """(Φ(-|x|) - |x|·φ(x))/UNIT."""
    a, index, d = located(x)
    slope = piecewise(d, index, SLOPE)
    q, power = bell(a)
    slope = slope * power
    return fma(slope, q, slope)


# --- float64: Mills' ratio ---


def mills_parts(x: Any) -> Any:
    """For a = |x| ≤ MILLS_END: a; t = a / (a + 4) and (a + 4) times its error; (a + 4)·Φ(-a)·exp(a²/2) in two parts."""
    a = min(abs(x), MILLS_END)
    s = a + 4.0
    s_low = a - (s - 4.0)  # exact for any a: s - 4 is a multiple of the last place of s
    t = a / s
    left = fused_remainder(a, absent, s, s_low, t)
    v = t - MILLS_CENTRE
    mills, mills_low = polynomial_parts(v, MILLS)
    # Rounding v matters for small t alone, where the function falls with a slope of about -4.
    return a, t, left, mills, fma(-4.0, t - (v + MILLS_CENTRE), mills_low)


def gaussian_parts(a: Any) -> Any:
    """exp(-a²/2) for a ≤ MILLS_END as (q, q_low, power): (1 + q + q_low) · power · UNIT."""
    half = 0.5 * a
    square, square_low = two_product(half, a)
    r, power = reduction(-square, -square_low, SCALED)
    return r, r * r * polynomial(r, EXPM1), power


def tail_parts_by_ratio(x: Any) -> Any:
    """|x|·Φ(-|x|)/UNIT in two parts."""
    a, t, left, mills, mills_low = mills_parts(x)
    q, q_low, power = gaussian_parts(a)
    tail = t * mills
    tail_low = fma(left, polynomial(t, MILLS_RISE), fma(t, mills_low, fma(t, mills, -tail)))
    rest = fma(tail, q, fma(tail, q_low, tail_low))
    total, total_low = fast_two_sum(tail, rest)
    return total * power, total_low * power


def tail_by_ratio(x: Any) -> Any:
    """|x|·Φ(-|x|)/UNIT."""
    tail, _ = tail_parts_by_ratio(x)
    return tail


# 4·φ(0), which is 2·√(2/π).
DENSITY = exact(
    "1.5957691216057307117597842397375274739034345246597386306637033186826317035972073540050093356292"
)


def slope_tail_by_ratio(x: Any) -> Any:
    """(Φ(-|x|) - |x|·φ(x))·4/UNIT."""
    a, t, left, mills, mills_low = mills_parts(x)
    q, q_low, power = gaussian_parts(a)
    # Φ(-a) - a·φ(a) over exp(-a²/2)/4; Φ(-a) is mills·(1 - t)/4, and the products are carried to twice the precision.
    complement = 1.0 - t
    complement_low = (1.0 - complement) - t
    cdf = mills * complement
    # Near the zero of the derivative cdf falls in t with a slope of about -4.25, and the error of t is left·(1 - t)/4.
    mills_low = fma(left, -1.0625, mills_low)
    rest = fma(mills_low, complement, fma(mills, complement_low, a * -low(DENSITY)))
    d = (fma(mills, complement, -cdf) + rest) - fma(a, DENSITY, -cdf)
    return fma(d, q + q_low, d) * power


# --- what the functions use: for each the float32 and the float64 form ---

# What the second form of the slope is to be multiplied by.
QUARTER = per_type(f32=1.0, f64=0.25)
gelu_tail = per_type(f32=tail_by_table, f64=tail_by_ratio)
gelu_tail_parts = per_type(f32=tail_parts_by_table, f64=tail_parts_by_ratio)
gelu_slope_tail = per_type(f32=slope_tail_by_table, f64=slope_tail_by_ratio)
