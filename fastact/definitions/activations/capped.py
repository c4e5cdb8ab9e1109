"""cap·tanh(x/cap), and what situ and its gate make of it."""

from __future__ import annotations

from typing import Any

from ..dialect import absent, copysign, fma, low, per_type
from ..elementary import (
    LOWEST,
    ONE_OVER_UNIT,
    UNIT,
    bell_parts,
    exp_negative,
    expm1_of,
    facing,
    over_one_plus,
    ratio_parts,
)
from ..two_parts import fast_two_sum, two_fma, two_product
from .exponential import by_reciprocal

# cap·tanh(x/cap) is x below this |x/cap|, where its quotient may be subnormal, within 2^-29 or 2^-57.
TAME = per_type(f32=2.0**-14, f64=2.0**-28)
# sech² is 1 - tanh² up to CENTRAL, where enough is left, (1 - tanh)·(1 + tanh) up to OUTER, where the low part of tanh
# has the digits for it, and from there 4·e^-2a/(1 + e^-2a)².
CENTRAL = per_type(f32=1.0, f64=1.0)
OUTER = per_type(f32=6.0, f64=12.0)


def capped(x: Any, cap: Any) -> Any:
    """cap·tanh(x/cap) and sech²(x/cap), each in two parts, and sech²(x/cap)/UNIT, for cap > 0."""
    z, z_low = by_reciprocal(x, cap)
    a, slack = abs(z), 2.0 * facing(z, z_low)
    t, t_low, _ = expm1_of(-2.0 * a)
    y, y_low = ratio_parts(t, fma(1.0 + t, slack, t_low))
    c, c_low = two_product(cap, y)
    c_low = c_low + (cap * y_low + low(cap) * y)
    tame, central = a < TAME, a < CENTRAL
    c = x if tame else copysign(c, x)
    c_low = 0.0 if tame else (-c_low if x < 0.0 else c_low)
    flat, flat_low = two_fma(-y, y, 1.0)
    flat_low = flat_low - 2.0 * (y * y_low)
    b, _ = bell_parts(2.0 * z, 2.0 * z_low)
    down, down_low = fast_two_sum(1.0 - y, -y_low)
    up, up_low = fast_two_sum(1.0, y)
    outer = fma(down, up, fma(down_low, up, down * up_low))
    inner = (flat + flat_low if central else outer) * ONE_OVER_UNIT
    # It is 0 where it is less than half the smallest number.
    raised = inner if a < OUTER else (0.0 if 2.0 * a > -LOWEST else 4.0 * b)
    return c, c_low, flat if central else raised * UNIT, flat_low if central else 0.0, raised


def logistic_of(x: Any) -> Any:
    """exp(-|x|)/UNIT, and σ(|x|) in two parts."""
    e, unit = exp_negative(-abs(x), absent)
    s, left, inverse = over_one_plus(1.0, e * unit)
    return e, s, left * inverse


def situ_parts(x: Any, scale: Any) -> Any:
    """`scale`·tanh(x/`scale`)·σ(x) as (p, p_low, unit), as the gates want it."""
    c, c_low, _, _, _ = capped(x, scale)
    e, s, s_low = logistic_of(x)
    falling = x < 0.0
    small = abs(x) < 1.0 and not falling
    c = c * ONE_OVER_UNIT if small else (0.0 if x < LOWEST else c)
    c_low = c_low * ONE_OVER_UNIT if small else (0.0 if x < LOWEST else c_low)
    product, product_low = two_product(s, e)
    s_low = fma(s_low, e, product_low) if falling else s_low
    s = product if falling else s
    rest = fma(c, s_low, c_low * s)
    p = fma(c, s, rest)
    return p, fma(c, s, -p) + rest, UNIT if falling or small else 1.0


def situ_slope_parts(x: Any, scale: Any) -> Any:
    """The derivative as (d, unit)."""
    c, c_low, bell, bell_low, raised = capped(x, scale)
    e, s, s_low = logistic_of(x)
    deep = abs(x) > -LOWEST
    c = 0.0 if deep else c
    c_low = 0.0 if deep else c_low
    product, product_low = two_product(e, s)
    product_low = fma(e, s_low, product_low)
    rising = fma(c, product, raised + fma(c, product_low, c_low * product))
    rising = fma(rising, s, rising * s_low)
    falling = fma(c, s, bell) + (bell_low + fma(c, s_low, c_low * s))
    falling = fma(product, falling, product_low * falling)
    return falling if x < 0.0 else rising, 0.0 if x < LOWEST else UNIT
