"""What the gates are made of: activations and slopes in parts, and products of them with a factor of any size."""

from __future__ import annotations

from math import inf
from typing import Any

from .activations.table import above
from .activations.weighted import tanh_argument
from .coefficients.elementary import MILLS_END
from .dialect import absent, copysign, fma, known, low, per_type
from .elementary import LOWEST, ONE_OVER_UNIT, UNIT, bell_parts, logistic_parts, scaled
from .gaussian import QUARTER, gelu_slope_tail, gelu_tail_parts
from .logistic import swish_parts, swish_slope_parts
from .two_parts import two_sum

# Below this x·Φ(x) is x/2, within 2^-5 ulp.
HALVED = per_type(f32=2.0**-30, f64=2.0**-59)


# Activations are (p, p_low, unit), slopes (p, unit), which stand for (p + p_low)·unit with p a normal number; the
# unit is 0 where they are less than half the smallest number, so that a gate of -1e9 is closed to any value.


def product(p: Any, p_low: Any, unit: Any, factor: Any, factor_low: Any) -> Any:
    """(p + p_low)·unit·(factor + factor_low), rounded once, for any factor.

    Unless `unit` is 1, |p| is less than 1/UNIT. `unit` goes first to a large factor, which it leaves exact, and last
    to a small one: neither product overflows, and the first is no subnormal where it matters.
    """
    large = abs(factor) > 1.0
    factor = factor * unit if large else factor
    factor_low = factor_low * unit if large else factor_low
    return fma(p, factor, p_low * reach(factor) + reach(p) * factor_low) * (1.0 if large else unit)


# A p of less than 1/UNIT has a low part whose product with this is finite; beyond, one with a factor does without.
REACH = per_type(f32=2.0**87, f64=2.0**900)


def reach(x: Any) -> Any:
    """A number as a factor of a low part: never infinite, and no such product is."""
    return min(max(x, -REACH), REACH)


def weighted(g: Any, factor: Any, factor_low: Any) -> Any:
    """g·(factor + factor_low)."""
    total = g * factor
    return total + (g * factor_low if abs(total) < inf else 0.0)


def shifted(factor: Any, factor_low: Any, offset: Any) -> Any:
    """factor + factor_low + offset in two parts; an offset of 0 leaves the sign of 0."""
    total, left = two_sum(factor, offset)
    total = factor if offset == 0.0 else total
    return total, (left + (factor_low + low(offset))) if abs(total) < inf else 0.0


def sigmoid_parts(x: Any) -> Any:
    s, s_low, unit, _ = logistic_parts(x, absent)
    return s, s_low, 0.0 if x < LOWEST else unit


def sigmoid_slope_parts(x: Any) -> Any:
    b, unit = bell_parts(x, absent)
    return b, 0.0 if abs(x) > -LOWEST else unit


def swish_of(x: Any, z: Any, z_low: Any) -> Any:
    """x·σ(z + z_low), z having the sign of x."""
    # For 0 ≤ x < 1 it has the unit too, and for an x < 0 that leaves no z: it is subnormal where x is.
    small = z >= 0.0 and x < 1.0
    p, p_low, unit = swish_parts(x * ONE_OVER_UNIT if small else x, z, z_low)
    return p, p_low, UNIT if small else unit


def swish_slope_of(z: Any, z_low: Any, rise: Any, rise_low: Any) -> Any:
    d, unit = swish_slope_parts(z, z_low, rise, rise_low)
    return d, 0.0 if z < LOWEST else unit


def limited_silu(x: Any, alpha: Any, limit: Any) -> Any:
    """min(x, limit)·σ(alpha·min(x, limit))."""
    z, z_low = scaled(min(x, limit), alpha)
    p, p_low, unit = swish_of(min(x, limit), z, z_low)
    # What a limit has beyond its value changes the product by 1 to 1.3 times as much.
    return p, p_low + (reach(p) * (low(limit) / limit) if x > limit else 0.0), unit


def silu_parts(x: Any, alpha: Any, limit: Any) -> Any:
    return swish_of(x, x, absent) if known(alpha) else limited_silu(x, alpha, limit)


def silu_slope_parts(x: Any, alpha: Any, limit: Any) -> Any:
    z, z_low = (x, absent) if known(alpha) else scaled(min(x, limit), alpha)
    return swish_slope_of(z, z_low, z, z_low)


def linear_parts(value: Any, limit: Any, offset: Any) -> Any:
    """clip(value, ±limit) + offset."""
    return (value, absent) if known(limit) else limited_linear(value, limit, offset)


def limited_linear(value: Any, limit: Any, offset: Any) -> Any:
    beyond = copysign(low(limit), value) if abs(value) > limit else 0.0
    return shifted(min(max(value, -limit), limit), beyond, offset)


def within(x: Any, limit: Any, slope: Any) -> Any:
    """`slope`, or 0 where x > limit."""
    return slope if known(limit) else (0.0 if above(x, limit) else slope)


def gelu_parts(x: Any) -> Any:
    # Between -1 and 1 it has the unit too, and is x/2 near 0: it is subnormal where x is.
    tail, tail_low = gelu_tail_parts(x)
    large, closed = x >= 1.0, x < -MILLS_END
    unit = 1.0 if large else UNIT
    high = max(x if large else x * ONE_OVER_UNIT, 0.0)
    tail = tail * UNIT if large else tail
    tail_low = tail_low * UNIT if large else tail_low
    p = high - tail
    p_low = ((high - p) - tail) - tail_low
    halved = abs(x) < HALVED
    p = 0.5 * (x * ONE_OVER_UNIT) if halved else (0.0 if closed else p)
    return p, 0.0 if halved or closed or x > MILLS_END else p_low, unit


def gelu_slope_parts(x: Any) -> Any:
    tail, rising = QUARTER * gelu_slope_tail(x), x >= 0.0
    below = 0.0 if x < -MILLS_END else tail
    return 1.0 - tail * UNIT if rising else below, 1.0 if rising else UNIT


# Here the derivative, which is steeper than the activation, has vanished too.
CLOSED = per_type(f32=11.2, f64=21.8)


def gelu_tanh_parts(x: Any) -> Any:
    bounded = max(x, -CLOSED)
    w, w_low, _ = tanh_argument(min(bounded, CLOSED))
    # σ(w) is 1 for a larger x, too, which may be infinite.
    p, p_low, unit = swish_of(bounded, -2.0 * LOWEST if x > CLOSED else w, w_low)
    return p, p_low, 0.0 if x < -CLOSED else unit


def gelu_tanh_slope_parts(x: Any) -> Any:
    w, w_low, cubic = tanh_argument(min(max(x, -CLOSED), CLOSED))
    rise = w + cubic
    d, unit = swish_slope_of(w, w_low, rise, (w - rise + cubic) + w_low)
    return d, 0.0 if x < -CLOSED else unit
