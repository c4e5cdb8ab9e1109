"""The focal loss of one logit: cross entropy times a power of the probability that the answer is wrong."""

from __future__ import annotations

from typing import Any

from .coefficients.elementary import EXPM1
from .dialect import absent, fma, polynomial
from .elementary import LOWEST, SCALED, UNIT, exp_far, log1p_parts, reduction, scaled
from .logarithm import log_parts
from .two_parts import fast_two_sum, fused_remainder, two_product, two_sum


def class_weight(target: Any, alpha: Any) -> Any:
    """`alpha` for the target 1, 1 - `alpha` for the target 0; 1 for an `alpha` of -1."""
    return fma(alpha, target, (1.0 - alpha) * (1.0 - target)) if alpha >= 0.0 else 1.0


def shares(x: Any, target: Any) -> Any:
    """What softplus(|x|) and softplus(-|x|) are multiplied by in the cross entropy, with what 1 - t lost."""
    other, other_low = fast_two_sum(1.0, -target)
    right = x >= 0.0
    large, large_low = other if right else target, other_low if right else 0.0
    return large, large_low, target if right else other, 0.0 if right else other_low


def exp_two_parts(x: Any) -> Any:
    """exp(-|x|) as (e, e_low), both to be multiplied by UNIT, to more digits than `exp_negative` gives."""
    r, power = reduction(max(-abs(x), LOWEST), absent, SCALED)
    q, q_low = fast_two_sum(r, r * r * polynomial(r, EXPM1))
    e = fma(power, q, power)
    return e, fma(power, q, power - e) + power * q_low


def log_parts_near(total: Any, total_low: Any) -> Any:
    """log(total + total_low)."""
    log, log_low = log_parts(total)
    return log, log_low + total_low / total


def focal_parts(x: Any, target: Any, gamma: Any) -> Any:
    """The cross entropy c and the power q^`gamma`, as (c, c_low, c_unit, q^gamma, its unit), and parts of their slopes.

    q = (1 - t)·σ(x) + t·σ(-x) is (large + small·e)/(1 + e) for e = exp(-|x|); where large is 0, which for the targets
    0 and 1 it is on the right side, it is smaller by the factor e, whose logarithm is -|x|. c is large·|x| + log1p(e).
    """
    large, large_low, small, small_low = shares(x, target)
    far = large == 0.0
    s, s_low = exp_two_parts(x)
    e, e_low = s * UNIT, s_low * UNIT
    inverse = 1.0 / (1.0 + e)
    ratio, ratio_low = log1p_parts(e)
    # log1p(e), to be multiplied by UNIT
    y, y_low = two_product(s, ratio)
    y_low = y_low + fma(s, ratio_low, s_low * inverse)
    linear, linear_low = two_product(large, abs(x))
    near, near_low = two_sum(linear, y * UNIT)
    near_low = near_low + fma(y_low, UNIT, fma(large_low, abs(x), linear_low))
    near_low = near_low if near - near == 0.0 else 0.0
    c, c_low, c_unit = y if far else near, y_low if far else near_low, UNIT if far else 1.0

    product, product_low = two_product(small, e)
    total, total_low = two_sum(large, product)
    total_low = total_low + (fma(small, e_low, product_low) + fma(small_low, e, large_low))
    total = small if far else total
    log, log_low = log_parts_near(total, small_low if far else total_low)
    log, lost = two_sum(log, -abs(x) if far else 0.0)
    log_low = log_low + lost
    log, lost = two_sum(log, -(y * UNIT))
    log_low = log_low + (lost - y_low * UNIT)
    z, z_low = scaled(log, gamma)
    z_low = fma(gamma, log_low, z_low) if log - log == 0.0 else 0.0
    power, unit = exp_far(0.0 if gamma == 0.0 else min(z, 0.0), z_low if gamma > 0.0 else 0.0)
    # |(1 - t)·σ(x) - t·σ(-x)|, but for the sign of x, and σ(x)·σ(-x)/q, 0 far on the wrong side; both times 1 + e.
    slope, slope_low = two_sum(large, -product)
    slope_low = slope_low - fma(small, e_low, product_low)
    rest = (1.0 if far else e) / total
    return c, c_low, c_unit, power, unit, (slope, slope_low, rest, e, e_low)


def focal_value(x: Any, target: Any, weight: Any, alpha: Any, gamma: Any) -> Any:
    """`weight`·a·q^`gamma`·c."""
    c, c_low, c_unit, power, unit, _ = focal_parts(x, target, gamma)
    factor, factor_low = two_product(weight * class_weight(target, alpha), c)
    factor_low = fma(weight * class_weight(target, alpha), c_low, factor_low)
    factor_low = factor_low if factor - factor == 0.0 else 0.0
    return fma(factor, power, factor_low * power) * c_unit * unit


def focal_gradient(x: Any, target: Any, factor: Any, alpha: Any, gamma: Any) -> Any:
    """`factor`·a·q^`gamma`·(slope of c + `gamma`·(1 - 2t)·c·σ(x)·σ(-x)/q).

    Both terms have the sign of 1 - 2t where the target is 0 or 1.
    """
    c, c_low, c_unit, power, unit, slopes = focal_parts(x, target, gamma)
    first, first_low, rest, e, e_low = slopes
    right = x >= 0.0
    first, first_low = first if right else -first, first_low if right else -first_low
    by = gamma * fma(-2.0, target, 1.0)
    second, second_low = two_product(by, c * c_unit)
    second_low = fma(by, c_low * c_unit, second_low)
    both, both_low = two_sum(first, second * rest)
    both_low = both_low + fma(second_low, rest, fma(second, rest, -(second * rest)) + first_low)
    counts = rest > 0.0 and both - both == 0.0
    both, both_low = both if counts else first, both_low if counts else first_low
    divisor, divisor_low = fast_two_sum(1.0, e)
    slope = both / divisor
    slope = slope + fused_remainder(both, both_low, divisor, divisor_low + e_low, slope) / divisor
    return factor * class_weight(target, alpha) * (power * slope) * unit
