"""The normal distribution's tail, without a branch: what gelu, its derivative and geglu are made of."""

from __future__ import annotations

from typing import Any

from .coefficients import EXPM1, MILLS, MILLS_CENTRE, MILLS_END, MILLS_RISE
from .dialect import absent, exact, fma, low, polynomial, polynomial_parts
from .elementary import SCALED, reduction
from .two_parts import fast_two_sum, fused_remainder, two_product


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
    """exp(-a²/2) for a ≤ MILLS_END as (q, q_low, power): (1 + q + q_low) · power · UNIT; a² in two parts."""
    half = 0.5 * a
    square, square_low = two_product(half, a)
    r, power = reduction(-square, -square_low, SCALED)
    return r, r * r * polynomial(r, EXPM1), power


def gelu_tail(x: Any) -> Any:
    """|x|·Φ(-|x|)/UNIT in two parts; Φ(-a) is Mills' ratio times exp(-a²/2)."""
    a, t, left, mills, mills_low = mills_parts(x)
    q, q_low, power = gaussian_parts(a)
    tail = t * mills
    tail_low = fma(left, polynomial(t, MILLS_RISE), fma(t, mills_low, fma(t, mills, -tail)))
    rest = fma(tail, q, fma(tail, q_low, tail_low))
    total, total_low = fast_two_sum(tail, rest)
    return total * power, total_low * power


# 4·φ(0), which is 2·√(2/π).
DENSITY = exact(
    "1.5957691216057307117597842397375274739034345246597386306637033186826317035972073540050093356292"
)


def gelu_slope_tail(x: Any) -> Any:
    """(|x|·φ(x) - Φ(-|x|))·4/UNIT."""
    a, t, left, mills, mills_low = mills_parts(x)
    q, q_low, power = gaussian_parts(a)
    # a·φ(a) - Φ(-a) over exp(-a²/2)/4; Φ(-a) is mills·(1 - t)/4, and the products are carried to twice the precision.
    complement = 1.0 - t
    complement_low = (1.0 - complement) - t
    cdf = mills * complement
    # Near the zero of the derivative cdf falls in t with a slope of about -4.25, and the error of t is left·(1 - t)/4.
    mills_low = fma(left, -1.0625, mills_low)
    rest = fma(mills_low, complement, fma(mills, complement_low, a * -low(DENSITY)))
    d = fma(a, DENSITY, -cdf) - (fma(mills, complement, -cdf) + rest)
    return fma(d, q + q_low, d) * power
