"""The natural logarithm of any number, in two parts, for float32 and float64."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from .coefficients.log import INVERSES, LN2_HEAD, LN2_TAIL, LOG_HIGH, LOG_LOW, LOG_REST
from .dialect import fma, leading, lookup, low, per_type, polynomial, scale
from .elementary import (
    FAR,
    FAR_SCALED,
    FAR_UNIT,
    HIGHEST,
    LARGEST,
    LOWERED,
    TINY,
    reduced,
)
from .two_parts import fast_two_sum, two_fma, two_product

# A subnormal number times 2^LIFT is normal.
NORMAL = per_type(f32=2.0**-126, f64=2.0**-1022)
LIFT = per_type(f32=64.0, f64=64.0)
LIFTED = per_type(f32=2.0**64, f64=2.0**64)

# `leading` counts half octaves as an integer N, which as a float is N units of the smallest subnormal number. Added to
# NORMAL and divided by it that is 1 + N·2^-mantissa. Less LESS_ONE, and times HALF, it is N/2 + 1/4.
ONE_OVER_NORMAL = per_type(f32=2.0**126, f64=2.0**1022)
LESS_ONE = per_type(f32=2.0**-24 - 1.0, f64=2.0**-53 - 1.0)
HALF = per_type(f32=2.0**22, f64=2.0**51)
# 1.5·2^mantissa: what is added to it leaves the sum rounded to an integer in the low bits; and with the bias.
INTEGER = per_type(f32=12582912.0, f64=6755399441055744.0)
BIASED = per_type(f32=12583039.0, f64=6755399441056767.0)


def biased_exponent(x: Any) -> Any:
    """What is BIASED more than the integer k for which x·2⁻ᵏ is at least 3/4 and below 3/2, for a normal x."""
    return fma(fma(leading(x) + NORMAL, ONE_OVER_NORMAL, LESS_ONE), HALF, INTEGER)


def exponent(x: Any) -> Any:
    """That integer."""
    return biased_exponent(x) - BIASED


def log_of_positive(x: Any) -> Any:
    """log x as a number and a small one, for finite x > 0.

    For x = 2ᵏ·m and one of seven numbers s near 1/m it is k·log 2 - log s + log1p(r), where r = s·m - 1 is exact.
    Near 1, where k is 0 and s is 1, that is log1p(r). The small one is up to 1e-4, and never left out.
    """
    tiny = x < NORMAL
    x = x * LIFTED if tiny else x
    k = exponent(x)
    m = scale(x, INTEGER - k)
    index = fma(m, 8.0, INTEGER)
    r = fma(m, lookup(index, INVERSES), -1.0)
    y, y_low = two_fma(-0.5 * r, r, r)
    k = k - LIFT if tiny else k
    base, base_low = fast_two_sum(k * LN2_HEAD, lookup(index, LOG_HIGH))
    total, total_low = fast_two_sum(base, y)
    rest = fma(r * r * r, polynomial(r, LOG_REST), fma(k, LN2_TAIL, lookup(index, LOG_LOW)))
    return total, (total_low + base_low) + (rest + y_low)


def negative_log(x: Any) -> Any:
    """-log x for a normal x of at most 1, to 1.5 units in the last place of itself or, near 0, of 1/8."""
    minus_k = BIASED - biased_exponent(x)
    m = scale(x, INTEGER + minus_k)
    index = fma(m, 8.0, INTEGER)
    r = fma(m, lookup(index, INVERSES), -1.0)
    near = fma(r * r, fma(r, polynomial(r, LOG_REST), -0.5), fma(minus_k, -LN2_TAIL, r))
    return fma(minus_k, LN2_HEAD, -lookup(index, LOG_HIGH)) - near


def log_parts(x: Any) -> Any:
    """The same for any x: -infinity at 0, NaN below it."""
    y, y_low = log_of_positive(x)
    sound = x > 0.0 and x <= LARGEST
    end = -inf if x == 0.0 else (x if x > LARGEST else nan)
    return y if sound else end, y_low if sound else 0.0


def log(x: Any) -> Any:
    """log x for any x; 1 ulp."""
    y, y_low = log_parts(x)
    return y + y_low


def power(x: Any, exponent: Any) -> Any:
    """x to a power that is a constant, for x ≥ 0, NaN below; 2 ulp."""
    log_high, log_low = log_of_positive(x)
    y, y_low = fast_two_sum(log_high, log_low)
    z, z_low = two_product(y, exponent)
    z_low = z_low + fma(y_low, exponent, y * low(exponent))
    bounded = min(max(z, FAR), HIGHEST)
    q, factor = reduced(
        bounded, z_low if bounded == z else 0.0, FAR_SCALED if z < TINY else LOWERED
    )
    inside = fma(factor, q, factor) * (FAR_UNIT if z < TINY else 2.0)
    at_zero = 0.0 if exponent > 0.0 else inf
    at_end = inf if exponent > 0.0 else 0.0
    outside = at_zero if x == 0.0 else (at_end if abs(x) > LARGEST else nan)
    return inside if x > 0.0 and x <= LARGEST else outside
