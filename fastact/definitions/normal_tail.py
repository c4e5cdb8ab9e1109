"""The normal distribution's tail as exp(-a²/2) times Mills' ratio: what erfc, erfcx, ndtr and log_ndtr are made of.

As in gaussian.py float32 has polynomials in pieces, float64 one polynomial of a bounded form. They are others than
gelu's: that has tables of a·Φ(-a), which say nothing at 0.
"""

from __future__ import annotations

from typing import Any

from .coefficients.elementary import EXPM1
from .coefficients.mills import ERFCX_FALL, MILLS_CENTRES, TWICE_MILLS, TWICE_MILLS_RISE
from .coefficients.normal import (
    ERFCX_FAR,
    ERFCX_SLOPE_BOUNDED,
    ERFCX_SLOPE_FAR,
    HAZARD_FAR,
    MILLS_BOUNDED,
    MILLS_BOUNDED_RISE,
    MILLS_MIDDLE,
)
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
from .elementary import HIGHEST, LN2, LOG2E, LOWERED, LOWEST, SCALED, UNIT, reduced
from .exp_sums import log_one_plus
from .two_parts import fast_two_sum, fused_remainder, remainder, two_fma, two_product, two_sum

SQRT2 = exact(
    "1.41421356237309504880168872420969807856967187537694807317667973799073247846210703885038753432764157"
)
# √(2π), 1/√(2π), √(2/π), 2/√π
ROOT_2PI = exact("2.50662827463100050241576528481104525300698674060993831662992357634229365460784")
DENSITY_0 = exact(
    "0.398942280401432677939946059934381868475858631164934657665925829670657925899302"
)
TWICE_DENSITY_0 = exact(
    "0.797884560802865355879892119868763736951717262329869315331851659341315851798604"
)
ERF_SLOPE_0 = exact(
    "1.12837916709551257389615890312154517168810125865799771368817144342128493688299"
)

# --- exp(-a²/2) ---

# Where Φ(-a) and φ(a) have rounded to zero, and where the pieces end a little above.
TAIL_END = per_type(f32=14.75, f64=38.75)


def half_square(a: Any) -> Any:
    """a²/2 in two parts; it overflows where the true value does."""
    return two_product(0.5 * a, a)


def bell(h: Any, h_low: Any) -> Any:
    """exp(-h - h_low) for h ≥ 0 as (r, q, power): (1 + r + q)·power·UNIT."""
    z = max(-h, LOWEST)
    t = fma(z, LOG2E, SCALED)
    n = t - SCALED
    r, r_low = fast_two_sum(fma(n, -LN2, z), fma(n, -low(LN2), -h_low))
    q = fma(r * r, polynomial(r, EXPM1), fma(r_low, r, r_low))
    return r, q, scale(0.0, t)


def times_bell(m: Any, m_low: Any, h: Any, h_low: Any) -> Any:
    """(m + m_low)·exp(-h - h_low)/UNIT in two parts."""
    r, q, power = bell(h, h_low)
    total, total_low = fast_two_sum(m, fma(m, r, fma(m, q, m_low)))
    return total * power, total_low * power


# --- 2·Φ(-a)·exp(a²/2), which is √(2/π) times Mills' ratio Φ(-a)/φ(a) ---

# Of the bounded form: far above it other forms take over, and nothing overflows up to it.
BOUNDED_END = 2.0**22


def located(a: Any, a_low: Any) -> Any:
    """The index of the piece of a + a_low and the distance from the centre there."""
    a = min(a, TAIL_END)
    index = leading(a + 1.0)
    return index, (a - lookup(index, MILLS_CENTRES)) + a_low


def mills_by_table(a: Any, a_low: Any) -> Any:
    """`twice_mills` for a ≤ TAIL_END."""
    index, d = located(a, a_low)
    return two_fma(piecewise(d, index, TWICE_MILLS_RISE), d, lookup(index, TWICE_MILLS))


def bounded(a: Any, a_low: Any) -> Any:
    """1/(a + a_low + 4) and v = 1/2 - 4/(a + a_low + 4), each in two parts."""
    a = min(a, BOUNDED_END)
    s = a + 4.0
    s_low = (a - (s - 4.0)) + a_low
    r = 1.0 / s
    r_low = remainder(1.0, absent, s, s_low, r) * r
    v, v_low = two_sum(-4.0 * r, 0.5)
    return r, r_low, v, v_low - 4.0 * r_low


def mills_by_ratio(a: Any, a_low: Any) -> Any:
    """`twice_mills` for any a, which counts as at most BOUNDED_END."""
    r, r_low, v, v_low = bounded(a, a_low)
    # With the rounding error of what is multiplied by v left out, ndtr has 1.85 ulp where v is near -1/2.
    rise, rise_low = polynomial_parts(v, MILLS_BOUNDED)
    p, p_low = two_fma(rise, v, MILLS_MIDDLE)
    p_low = p_low + fma(rise_low, v, low(MILLS_MIDDLE))
    p_low = fma(v_low, polynomial(v, MILLS_BOUNDED_RISE), p_low)
    m, m_low = two_product(p, r)
    return m, m_low + fma(p, r_low, p_low * r)


# 2·Φ(-a)·exp(a²/2) at a + a_low ≥ 0 in two parts; in float32 for a ≤ TAIL_END.
twice_mills = per_type(f32=mills_by_table, f64=mills_by_ratio)


def fall_by_table(a: Any, a_low: Any) -> Any:
    """`erfcx_fall` for a ≤ TAIL_END."""
    index, d = located(a, a_low)
    return piecewise(d, index, ERFCX_FALL)


def fall_by_ratio(a: Any, a_low: Any) -> Any:
    """`erfcx_fall` for a ≤ BOUNDED_END."""
    _, _, v, _ = bounded(a, a_low)
    p, p_low = polynomial_parts(v, ERFCX_SLOPE_BOUNDED)
    a = min(a, BOUNDED_END)
    b = a + 1.0
    square, square_low = two_product(b, b)
    square_low = fma(2.0 * b, (a - (b - 1.0)) + a_low, square_low)
    inverse = 1.0 / square
    y = p * inverse
    return fma(fused_remainder(p, p_low, square, square_low, y), inverse, y)


# -erfcx'(x) at a + a_low = x·√2, in the same range.
erfcx_fall = per_type(f32=fall_by_table, f64=fall_by_ratio)


def tail_parts(a: Any, a_low: Any, h: Any, h_low: Any) -> Any:
    """2·Φ(-a)/UNIT in two parts for a + a_low from 0 to TAIL_END, and a²/2 in two parts."""
    m, m_low = twice_mills(a, a_low)
    return times_bell(m, m_low, h, h_low)


def density(h: Any, h_low: Any, factor: Any) -> Any:
    """factor·exp(-h - h_low), for a factor known to twice the precision."""
    total, _ = times_bell(factor, low(factor), h, h_low)
    return total * UNIT


# --- the error function's scale: a = x·√2 ---

# TAIL_END/√2
ERFC_END = per_type(f32=10.4296875, f64=27.398437)
# exp(x²) is infinite here.
ERFCX_START = per_type(f32=10.0, f64=27.0)


def stretched(x: Any) -> Any:
    """x·√2 in two parts."""
    a = x * SQRT2
    return a, fma(x, low(SQRT2), fma(x, SQRT2, -a))


def erfc_parts(x: Any) -> Any:
    """erfc |x|/UNIT in two parts."""
    x = min(abs(x), ERFC_END)
    a, a_low = stretched(x)
    h, h_low = two_product(x, x)
    return tail_parts(a, a_low, h, h_low)


# From here on 1/x² takes the place of the pieces; in float64 x·√2 may be infinite further out.
ERFCX_FAR_FROM = per_type(f32=10.4296875, f64=2.0**20)


def erfcx(x: Any) -> Any:
    """exp(x²)·erfc(x)."""
    b = abs(x)
    a, a_low = stretched(min(b, ERFCX_FAR_FROM))
    m, m_low = twice_mills(a, a_low)
    inverse = 1.0 / x
    top, top_low = polynomial_parts(inverse * inverse, ERFCX_FAR)
    far = fma(top_low, inverse, top / x)
    below = grown(b, m, m_low)
    return below if x < 0.0 else (far if x > ERFCX_FAR_FROM else m + m_low)


def grown(b: Any, m: Any, m_low: Any) -> Any:
    """2·exp(b²) - m - m_low for b ≥ 0, infinite where the true value is."""
    b = min(b, ERFCX_START)
    h, h_low = two_product(b, b)
    q, power = reduced(min(h, HIGHEST), h_low, LOWERED)
    top, top_low = two_fma(power, q, power)
    total, total_low = fast_two_sum(top, -0.25 * m)
    return (total + (total_low + fma(-0.25, m_low, top_low))) * 4.0


def erfcx_slope(x: Any) -> Any:
    """2x·erfcx(x) - 2/√π, without cancellation."""
    b = abs(x)
    a, a_low = stretched(min(b, ERFCX_FAR_FROM))
    near = erfcx_fall(a, a_low)
    far = polynomial(1.0 / (x * x), ERFCX_SLOPE_FAR) / x / x
    bounded_b = min(b, ERFCX_START)
    h, h_low = two_product(bounded_b, bounded_b)
    q, power = reduced(min(h, HIGHEST), h_low, LOWERED)
    below = fma(2.0 * b, fma(power, q, power), 0.25 * near) * 4.0
    return -(below if x < 0.0 else (far if x > ERFCX_FAR_FROM else near))


# --- log Φ ---

# Below, -a²/2 is log Φ(-a) to the last bit, and the rounding error of it may be out of range.
LOG_END = per_type(f32=2.0**20, f64=2.0**35)


def hazard_far(a: Any) -> Any:
    """φ(a)/Φ(-a) from HAZARD_FAR_FROM on."""
    inverse = 1.0 / a
    return fma(inverse, polynomial(inverse * inverse, HAZARD_FAR), a)


def log_ndtr_parts(x: Any) -> Any:
    """x²/2 for x < 0, a numerator and a denominator, each in two parts.

    log Φ(x) is -x²/2 - log1p(n/d) for x < 0, where n/d is 1/M - 1 with M = Φ(x)·exp(x²/2), and -log1p(n/d) for x ≥ 0,
    where it is Φ(-x)/Φ(x). In both n + d is 2.
    """
    negative = x < 0.0
    a = abs(x)
    a = a if negative else min(a, TAIL_END)
    h, h_low = half_square(a)
    h_low = h_low if a < LOG_END else 0.0
    m, m_low = twice_mills(a, absent)
    u, u_low = times_bell(m, m_low, h, h_low)
    less = m if negative else u * UNIT
    less_low = m_low if negative else u_low * UNIT
    more = 2.0 - less
    more_low = ((2.0 - more) - less) - less_low
    n = more if negative else less
    n_low = more_low if negative else less_low
    return h, h_low, n, n_low, less if negative else more, less_low if negative else more_low


# Where hazard_far takes the place of the pieces; of the bounded form, too, for which x may be too large.
HAZARD_FAR_FROM = per_type(f32=14.75, f64=2.0**20)


def log_ndtr(x: Any) -> Any:
    """log Φ(x)."""
    h, h_low, n, n_low, d, d_low = log_ndtr_parts(x)
    far = x < -HAZARD_FAR_FROM
    inverse = 1.0 / d
    q = n * inverse
    q_low = fused_remainder(n, n_low, d, d_low, q) * inverse
    q = fma(hazard_far(min(abs(x), LOG_END)), ROOT_2PI, -1.0) if far else q
    total, total_low = log_one_plus(q)
    # 1/(1 + q) is d/2.
    total_low = fma(0.0 if far else q_low, 0.5 * d, total_low)
    base, base_low = two_sum(h, total)
    left = base + (base_low + (total_low + h_low))
    left = left if x > -LOG_END else h
    return 0.0 - (left if x < 0.0 else total + total_low)


def log_ndtr_slope(x: Any) -> Any:
    """φ(x)/Φ(x)."""
    negative = x < 0.0
    h, h_low, _, _, d, d_low = log_ndtr_parts(x)
    n = TWICE_DENSITY_0 if negative else density(h, h_low, TWICE_DENSITY_0)
    n_low = low(TWICE_DENSITY_0) if negative else 0.0
    inverse = 1.0 / d
    y = n * inverse
    y = fma(fused_remainder(n, n_low, d, d_low, y), inverse, y)
    return hazard_far(abs(x)) if x < -HAZARD_FAR_FROM else y
