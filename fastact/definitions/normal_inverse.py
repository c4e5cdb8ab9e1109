"""The inverses of the error function and of the normal distribution function.

That a logarithm takes the singularities away is the idea of Giles, GPU Computing Gems Jade Edition (2011) 109-116:
erfinv x is x times polynomials in -log(1 - x²), up to 36. The other inverse, which goes on to the smallest Φ, is near
the centre x times a polynomial in x², in the tails s minus a polynomial for Φ(-a) = exp(-s²/2), with s in two parts.
"""

from __future__ import annotations

from typing import Any

from .coefficients.erfinv import ERFINV, ERFINV_CENTRES, ERFINV_RISE, ERFINV_STEEPNESS
from .coefficients.normal import ERFINV_RATIO, SHORTFALL
from .dialect import exact, fma, leading, lookup, low, per_type, piecewise, polynomial_parts, sqrt
from .elementary import LN2, log1p_parts
from .logarithm import negative_log
from .two_parts import fast_two_sum, two_product


def erfinv_between(size: Any) -> Any:
    """erfinv of 0 ≤ `size` < 1."""
    w = negative_log(fma(-size, size, 1.0))
    index = leading(fma(w, ERFINV_STEEPNESS, 1.0))
    d = w - lookup(index, ERFINV_CENTRES)
    # Not as the product of `size` and a sum, which is rounded: up to half an ulp more.
    rise = d * piecewise(d, index, ERFINV_RISE)
    return fma(size, lookup(index, ERFINV), size * rise)


TWICE_SQRT2 = exact(
    "2.82842712474619009760337744841939615713934375075389614635335947598146495692421"
)

# The first s, that of Φ(-a) = 1/4; the polynomial is in (s - START)/(s + SHIFT) - MIDDLE.
START = float.fromhex("0x1.aa449ap+0")
SHIFT = per_type(f32=4.0, f64=6.0)
MIDDLE = per_type(f32=float.fromhex("0x1.62ca14p-2"), f64=float.fromhex("0x1.a81abep-2"))
# What the polynomial rises by with v at the start: ds/dv times 1 - s·R(a) at s = START, a = 0.6745.
START_SLOPE = per_type(f32=-1.756, f64=-2.376)


P8, P16, P32, P64, P128, P256 = 2.0**8, 2.0**16, 2.0**32, 2.0**64, 2.0**128, 2.0**256


def doubled(n: Any, f: Any, exponent: Any, power: Any) -> Any:
    """f·2⁻ⁿ with f brought above 1/power, which is 2 to the -`exponent`."""
    small = f < 1.0 / power
    return n + exponent if small else n, f * power if small else f


# The largest powers of two that the least number is multiplied by, and their exponents.
STEP = per_type(f32=64.0, f64=512.0)
STEP_POWER = per_type(f32=2.0**64, f64=2.0**512)


def doubled_far(f: Any) -> Any:
    """n and f·2ⁿ above 2⁻⁶⁴ for any f > 0."""
    n, f = doubled(0.0, f, STEP, STEP_POWER)
    n, f = doubled(n, f, STEP, STEP_POWER)
    return doubled_further(n, f)


def doubled_no_further(n: Any, f: Any) -> Any:
    """Nothing further: two steps of 2⁶⁴ are enough for float32."""
    return n, f


def doubled_by_halves(n: Any, f: Any) -> Any:
    """The steps from 2⁵¹² to 2⁶⁴."""
    n, f = doubled(n, f, 256.0, P256)
    n, f = doubled(n, f, 128.0, P128)
    return doubled(n, f, 64.0, P64)


doubled_further = per_type(f32=doubled_no_further, f64=doubled_by_halves)


def minus_log(n: Any, f: Any) -> Any:
    """-log(f·2⁻ⁿ) in two parts for 2⁻⁶⁴ ≤ f ≤ 1/2."""
    n, f = doubled(n, f, 32.0, P32)
    n, f = doubled(n, f, 16.0, P16)
    n, f = doubled(n, f, 8.0, P8)
    n, f = doubled(n, f, 4.0, 16.0)
    n, f = doubled(n, f, 2.0, 4.0)
    n, f = doubled(n, f, 1.0, 2.0)
    n = n + 1.0
    u = fma(2.0, f, -1.0)
    ratio, ratio_low = log1p_parts(u)
    rest, rest_low = two_product(u, ratio)
    whole, whole_low = two_product(n, LN2)
    total, total_low = fast_two_sum(whole, -rest)
    return total, total_low + (fma(n, low(LN2), whole_low) - fma(u, ratio_low, rest_low))


def tail_quantile(n: Any, f: Any) -> Any:
    """The a with Φ(-a) = f·2⁻ⁿ ≤ 1/4, in two parts."""
    half, half_low = minus_log(n, f)
    square = 2.0 * half
    s = sqrt(square)
    beyond = s + SHIFT
    both = 1.0 / (s * beyond)
    t = (s - START) * (s * both)
    v = t - MIDDLE
    g, g_low = polynomial_parts(v, SHORTFALL)
    a, a_low = fast_two_sum(s, -g)
    # The rounding of v counts near the start alone, and a rises with s about as 1 + 1/(2s).
    g_low = fma(START_SLOPE, t - (v + MIDDLE), g_low)
    inverse = 0.5 * beyond * both
    s_low = fma(2.0, half_low, fma(-s, s, square)) * fma(inverse, inverse, inverse)
    return a, a_low + (s_low - g_low)


def centre_quantile(y: Any) -> Any:
    """erfinv(y)/y for |y| ≤ 1/2 in two parts."""
    return polynomial_parts(y * y, ERFINV_RATIO)
