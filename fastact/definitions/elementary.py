"""The elementary functions of the dialect, for float32 and float64, without a branch.

Numbers that leave the range of normal floats are carried as a significand and a unit, so that a product with them is
rounded into the subnormals once. A number with a `_low` part stands for the sum of both.
"""

from __future__ import annotations

from typing import Any

from .coefficients.elementary import EXPM1, LOG1P, SHRINK_BOTTOM, SHRINK_TOP
from .dialect import (
    absent,
    copysign,
    exact,
    fma,
    known,
    low,
    per_type,
    polynomial,
    polynomial_parts,
    scale,
)
from .two_parts import fast_two_sum, fused_remainder, two_fma, two_product

LN2 = exact(
    "0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863326996"
)
LOG2E = exact(
    "1.442695040888963407359924681001892137426645954152985934135449406931109219181185079885526622893"
)

LARGEST = per_type(f32=float.fromhex("0x1.fffffep127"), f64=float.fromhex("0x1.fffffffffffffp1023"))

# 1.5 · 2^(bits of the significand), and the bias of the exponent: adding it leaves the sum rounded to an integer n in
# the low bits, plus the bias. Moved up to the exponent these are 2ⁿ itself, `scale(0.0, t)`; without the bias
# `scale(1.0, t)` takes one addition more, and float32 silu, tanh and exp 6 to 9 % longer on AVX2.
ROUNDER = per_type(f32=12583039.0, f64=6755399441056767.0)

# exp of a negative number is computed 2^UNIT_BITS too high and comes with the unit 2^-UNIT_BITS, so that whatever it is
# multiplied by, the product is rounded into the subnormals once. Down to LOWEST the significand is a normal number, and
# a product of |x| or less with it has reached zero there.
UNIT_BITS = per_type(f32=64.0, f64=128.0)
SCALED = per_type(f32=12583039.0 + 64.0, f64=6755399441056767.0 + 128.0)
UNIT = per_type(f32=2.0**-64, f64=2.0**-128)
ONE_OVER_UNIT = per_type(f32=2.0**64, f64=2.0**128)
LOWEST = per_type(f32=-120.0, f64=-780.0)

# For products with a factor of any size, such as alpha: only below TINY the significand is scaled, by so much that it
# stays normal down to FAR, and so little that e^TINY · 2^100 (float64: 2^980) times the largest number is finite.
TINY = per_type(f32=-70.0, f64=-700.0)
FAR_SCALED = per_type(f32=12583039.0 + 100.0, f64=6755399441056767.0 + 980.0)
FAR_UNIT = per_type(f32=2.0**-100, f64=2.0**-980)
FAR = per_type(f32=-156.0, f64=-1386.0)


def reduction(x: Any, x_low: Any, rounder: Any) -> Any:
    """x + x_low = n·ln 2 + r: r, and 2ⁿ⁺ˢ where `rounder` is ROUNDER + s."""
    t = fma(x, LOG2E, rounder)
    n = t - rounder
    r = fma(n, -LN2, x)
    # The small parts are added up first: r rounded twice leaves 2.03 ulp in float32 quick_gelu.
    r = fma(n, -low(LN2), r) if known(x_low) else r + fma(n, -low(LN2), x_low)
    return r, scale(0.0, t)


def reduced(x: Any, x_low: Any, rounder: Any) -> Any:
    """expm1(r) for the r of `reduction`, and the power of two."""
    r, power = reduction(x, x_low, rounder)
    return fma(r * r, polynomial(r, EXPM1), r), power


def exp_negative(x: Any, x_low: Any) -> Any:
    """exp(x + x_low) for x ≤ 0 as (significand, unit), the significand a normal number.

    `x_low` is the rounding error of x: at x = -100 half an ulp of x is 50 ulp of exp(x).
    """
    q, power = reduced(max(x, LOWEST), x_low, SCALED)
    return fma(power, q, power), UNIT


def exp_far(x: Any, x_low: Any) -> Any:
    """The same for products with a factor of any size."""
    x = max(x, FAR)
    q, power = reduced(x, x_low, FAR_SCALED if x < TINY else ROUNDER)
    return fma(power, q, power), FAR_UNIT if x < TINY else 1.0


# exp of any number is computed a power of two too low, so that the last multiplication overflows where the result does.
LOWERED = per_type(f32=12583039.0 - 1.0, f64=6755399441056767.0 - 1.0)
HIGHEST = per_type(f32=89.0, f64=710.0)


def exp(x: Any) -> Any:
    """eˣ for every x; 1 ulp."""
    x = min(max(x, FAR), HIGHEST)
    q, power = reduced(x, absent, FAR_SCALED if x < TINY else LOWERED)
    return fma(power, q, power) * (FAR_UNIT if x < TINY else 2.0)


# expm1 is -1 to the last bit below this, and 2ⁿ is a normal number above it.
EXPM1_LOWEST = per_type(f32=-20.0, f64=-40.0)


def expm1_parts(x: Any) -> Any:
    """eˣ - 1 for x ≤ 0 (up to where eˣ overflows, in fact), and the rounding error of the last sum."""
    q, power = reduced(max(x, EXPM1_LOWEST), absent, ROUNDER)
    return two_fma(power, q, power - 1.0)


def expm1(x: Any) -> Any:
    """eˣ - 1 for x ≤ 0; 1 ulp."""
    y, _ = expm1_parts(x)
    return y


def expm1_of(x: Any) -> Any:
    """eˣ - 1 in two parts for x ≤ 0, and eˣ - 1 - x where |x| < RISING."""
    r, power = reduction(max(x, EXPM1_LOWEST), absent, ROUNDER)
    bend = r * r * polynomial(r, EXPM1)
    q, q_low = fast_two_sum(r, bend)
    down, down_low = fast_two_sum(-1.0, power)
    t, t_low = two_fma(power, q, down)
    return t, fma(power, q_low, t_low + down_low), bend


def log1p_parts(u: Any) -> Any:
    """log1p(u) / u for 0 ≤ u ≤ 1, in two parts."""
    return polynomial_parts(u - 0.5, LOG1P)


# Even the largest number times e^z is zero here.
FARTHEST = per_type(f32=-193.0, f64=-1455.0)


def scaled(x: Any, factor: Any) -> Any:
    """x · factor and its rounding error, both for use as the argument of exp."""
    z, z_low = two_product(x, factor)
    z_low = z_low + x * low(factor)
    return z, z_low if abs(z) < -FARTHEST else 0.0


def facing(z: Any, z_low: Any) -> Any:
    """The low part of -|z|."""
    return z_low if z < 0.0 else -z_low


def logistic_parts(z: Any, z_low: Any) -> Any:
    """σ(z + z_low) as (s, s_low, unit, e): σ = (s + s_low) · unit, and e = exp(-|z|).

    `s_low` undoes the rounding of 1 + e and of the quotient.
    """
    negative = z < 0.0
    e, unit = exp_negative(-abs(z), facing(z, z_low))
    small = e * unit
    top = e if negative else 1.0
    s, left, inverse = over_one_plus(top, small)
    return s, left * inverse, unit if negative else 1.0, small


def over_one_plus(top: Any, small: Any) -> Any:
    """top / (1 + small) as (s, left, inverse), which stand for s + left · inverse."""
    d, d_low = fast_two_sum(1.0, small)
    inverse = 1.0 / d
    s = top * inverse
    return s, fused_remainder(top, absent, d, d_low, s), inverse


# Quotients of 1 + e⁻ᶻ: e⁻ᶻ is computed so many powers of two too low, the 1 becomes ONE, and neither overflows where
# the quotient is not zero yet. Above SATURATED e⁻ᶻ makes no difference to the 1.
BELOW = per_type(f32=12583039.0 - 32.0, f64=6755399441056767.0 - 128.0)
ONE = per_type(f32=2.0**-32, f64=2.0**-128)
SATURATED = per_type(f32=42.0, f64=90.0)
# x·e^x is zero below this, for what x may be there, and e^-BOTTOM · ONE still finite.
BOTTOM = per_type(f32=-110.0, f64=-780.0)


def one_plus_exp(z: Any, z_low: Any) -> Any:
    """(1 + exp(-z - z_low)) · ONE for BOTTOM ≤ z ≤ SATURATED; 1.5 ulp.

    The small addends first. With e⁻ᶻ rounded before the 1 is added, or 2ⁿ + 1, the error of float32 silu is 2.4 ulp at
    -16.7, where the 1 is half a unit in the last place.
    """
    q, power = reduced(-z, -z_low, BELOW)
    return fma(power, q, ONE) + power


def sigmoid(z: Any, z_low: Any) -> Any:
    """σ(z + z_low); 2 ulp."""
    return ONE / one_plus_exp(min(max(z, BOTTOM), SATURATED), z_low)


def bell_parts(z: Any, z_low: Any) -> Any:
    """σ(z + z_low) · σ(-z - z_low) as (b, unit): e / (1 + e)²."""
    e, unit = exp_negative(-abs(z), facing(z, z_low))
    small = e * unit
    d, d_low = fast_two_sum(1.0, small)
    return e / fma(d, d, 2.0 * (d * d_low)), unit


def softplus_parts(z: Any, z_low: Any) -> Any:
    """log(1 + exp(z + z_low)) as (p, p_low, unit): (p + p_low) · unit, p alone being good to 2 ulp."""
    negative = z < 0.0
    q, power = reduced(max(-abs(z), LOWEST), facing(z, z_low), SCALED)
    small = fma(power, q, power) * UNIT
    ratio, ratio_low = log1p_parts(small)
    # Below zero the rounding of 1 + q would be half an ulp more.
    p = power * (ratio + fma(ratio, q, ratio_low)) if negative else fma(small, ratio, z)
    p_low = 0.0 if negative else fma(small, ratio_low, fma(small, ratio, z - p) + z_low)
    return p, p_low, UNIT if negative else 1.0


def tanh_parts(x: Any) -> Any:
    """tanh |x| as the sum of a number and a small one."""
    t, t_low = expm1_parts(-2.0 * abs(x))
    return ratio_parts(t, t_low)


def ratio_parts(t: Any, t_low: Any) -> Any:
    """-t / (2 + t) as the sum of a number and a small one."""
    d, d_low = fast_two_sum(2.0, t)
    d_low = d_low + t_low
    inverse = 1.0 / d
    y = -t * inverse
    return y, (fused_remainder(-t, absent, d, d_low, y) - t_low) * inverse


def tanh(x: Any) -> Any:
    """tanh x, odd, and right to the last subnormal: (e - 1)/(e + 1) for e = exp(-2|x|); 2 ulp."""
    q, power = halves(max(-2.0 * abs(x), EXPM1_LOWEST))
    return copysign(fma(power, q, power - 1.0) / fma(power, q, power + 1.0), x)


# In float32 the low part of ln 2 is 1/32 of an ulp of tanh, in float64 1/5.
DOUBLE = per_type(f32=absent, f64=1.0)


def halves(z: Any) -> Any:
    """As `reduced`, to what (e^z - 1)/(e^z + 1) needs."""
    t = fma(z, LOG2E, ROUNDER)
    n = t - ROUNDER
    r = fma(n, -(low(LN2) * DOUBLE), fma(n, -LN2, z))
    return fma(r * r, polynomial(r, EXPM1), r), scale(0.0, t)


# Above, x - tanh x is (x - 1) + 2/(e^2x + 1) without a loss; up to it the fit holds.
SHRINK_SPLIT = per_type(f32=1.0625, f64=1.0625)
THIRD = exact("0.33333333333333333333333333333333333333333333333333333333333333333333333333333333")


def tanh_quotient(a: Any, a_low: Any, square: Any) -> Any:
    """For a + a_low ≥ 0, whose square is given, a quotient and whether a is near 0.

    There tanh a is a·(1 - a²·(1/3 - a²·quotient)), elsewhere 1 - quotient.
    """
    near = a < SHRINK_SPLIT
    q, power = reduced(min(2.0 * a, SATURATED), 2.0 * a_low, ROUNDER)
    top = polynomial(square, SHRINK_TOP) if near else 2.0
    bottom = polynomial(square, SHRINK_BOTTOM) if near else fma(power, q, power + 1.0)
    return top / bottom, near


def tanh_shrink(x: Any) -> Any:
    """x - tanh x; +0 at -0, as -0 - (-0) is. Near 0 it is x³·(1/3 - x²·quotient)."""
    square = x * x
    part, near = tanh_quotient(abs(x), absent, square)
    ratio, ratio_low = two_fma(-square, part, THIRD)
    ratio_low = ratio_low + low(THIRD)
    cube = x * square
    cube_low = fma(x, fma(x, x, -square), fma(x, square, -cube))
    below = fma(cube, ratio, fma(cube, ratio_low, cube_low * ratio))
    return below if near else copysign((abs(x) - 1.0) + part, x)
