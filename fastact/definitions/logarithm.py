"""The natural logarithm of any number, in two parts, for float32 and float64."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from .dialect import absent, fma, leading, low, per_type, scale
from .elementary import LARGEST, LN2, log1p_parts
from .two_parts import fast_two_sum, fused_remainder, two_product

# A subnormal number times 2^LIFT is normal.
NORMAL = per_type(f32=2.0**-126, f64=2.0**-1022)
LIFT = per_type(f32=64.0, f64=64.0)
LIFTED = per_type(f32=2.0**64, f64=2.0**64)

# `leading` counts half octaves as an integer N, which as a float is N units of the smallest subnormal number. Added to
# NORMAL and divided by it that is 1 + N·2^-mantissa; HALF is what makes N/2 of what lies above 1.
ONE_OVER_NORMAL = per_type(f32=2.0**126, f64=2.0**1022)
HALF = per_type(f32=2.0**22, f64=2.0**51)
BIAS = per_type(f32=127.0, f64=1023.0)
# 1.5·2^mantissa: what is added to it leaves the sum rounded to an integer in the low bits.
INTEGER = per_type(f32=12582912.0, f64=6755399441055744.0)


def exponent(x: Any) -> Any:
    """The integer k for which x·2⁻ᵏ is at least 3/4 and below 3/2, for a normal x."""
    halves = ((leading(x) + NORMAL) * ONE_OVER_NORMAL - 1.0) * HALF
    return ((halves + 0.25) + INTEGER) - (INTEGER + BIAS)


def log_of_positive(x: Any) -> Any:
    """log x as a number and a small one, for finite x > 0.

    For x = 2ᵏ·m with m from 3/4 to 3/2 it is k·log 2 + log1p(m - 1), or with the quotient w = (1 - m)/m, where m is
    less than 1, k·log 2 - log1p(w): log1p_parts takes positive numbers.
    """
    tiny = x < NORMAL
    x = x * LIFTED if tiny else x
    k = exponent(x)
    m = scale(x, INTEGER - k)
    rise = m - 1.0
    below = rise < 0.0
    divisor = m if below else 1.0
    inverse = 1.0 / divisor
    w = abs(rise) * inverse
    w_low = fused_remainder(abs(rise), absent, divisor, absent, w) * inverse
    ratio, ratio_low = log1p_parts(w)
    y, y_low = two_product(w, ratio)
    # 1 - w is near enough to the derivative of log1p, 1/(1 + w), as w is no more than 1/3 where w_low is not 0.
    y_low = y_low + fma(w, ratio_low, fma(-w, w_low, w_low))
    k = k - LIFT if tiny else k
    base, base_low = two_product(k, LN2)
    total, total_low = fast_two_sum(base, -y if below else y)
    rest = fma(k, low(LN2), base_low) + (-y_low if below else y_low)
    return total, total_low + rest


def log_parts(x: Any) -> Any:
    """The same for any x: -infinity at 0, NaN below it."""
    y, y_low = log_of_positive(x)
    sound = x > 0.0 and x <= LARGEST
    end = -inf if x == 0.0 else (x if x > LARGEST else nan)
    return y if sound else end, y_low if sound else 0.0
