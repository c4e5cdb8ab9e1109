"""The normal distribution under SciPy's names: the error function, the distribution function, and their inverses."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from ..coefficients.erf import ERF, ERF_CENTRES, ERF_EXPONENT, ERF_RISE
from ..dialect import (
    absent,
    copysign,
    exact,
    fma,
    leading,
    lookup,
    low,
    per_type,
    piecewise,
    polynomial_parts,
)
from ..elementary import ROUNDER, UNIT, reduced
from ..normal_inverse import (
    TWICE_SQRT2,
    centre_quantile,
    doubled_far,
    erfinv_between,
    tail_quantile,
)
from ..normal_tail import (
    DENSITY_0,
    ERF_SLOPE_0,
    ERFC_END,
    SQRT2,
    TAIL_END,
    density,
    erfc_parts,
    erfcx_slope,
    half_square,
    log_ndtr_slope,
    tail_parts,
    twice_mills,
)
from ..normal_tail import erfcx as erfcx_
from ..normal_tail import log_ndtr as log_ndtr_
from ..two_parts import two_product
from .table import elementwise

ROOT_HALF_PI = exact(
    "1.25331413731550025120788264240552262650349337030496915831496178817114682730392"
)
HALF_ROOT_PI = exact(
    "0.886226925452758013649083741670572591398774728061193564106903894926455642295516"
)

# The pieces and the polynomial end here; from 3.92 and 5.87 on the number nearest to erf is 1.
ERF_END = per_type(f32=4.0, f64=6.0)


def erf_by_table(x: Any) -> Any:
    a = min(abs(x), ERF_END)
    place = fma(2.0, a, 1.0)
    index = leading(place)
    d = a - lookup(index, ERF_CENTRES)
    start = a if place < 1.5 else lookup(index, ERF)
    return copysign(fma(piecewise(d, index, ERF_RISE), d, start), x)


def erf_by_exponential(x: Any) -> Any:
    """1 - exp(-l), where l = -log(1 - erf |x|) is |x| times a polynomial, in two parts."""
    a = min(abs(x), ERF_END)
    slope, slope_low = polynomial_parts(a, ERF_EXPONENT)
    exponent, exponent_low = two_product(a, slope)
    q, power = reduced(-exponent, -fma(a, slope_low, exponent_low), ROUNDER)
    return copysign(fma(-power, q, 1.0 - power), x)


erf_ = per_type(f32=erf_by_table, f64=erf_by_exponential)


@elementwise(formula="erf(x)", source="Abramowitz, Stegun 1964, 7.1.1")
def erf(x: Any) -> Any:
    """The error function, 2/√π·∫₀ˣ exp(-t²) dt."""
    return erf_(x)


def bell_of_square(x: Any, factor: Any) -> Any:
    """factor·exp(-x²)."""
    b = min(abs(x), ERFC_END)
    h, h_low = two_product(b, b)
    return density(h, h_low, factor)


@erf.derivative
def erf_slope(x: Any) -> Any:
    return bell_of_square(x, ERF_SLOPE_0)


@elementwise(formula="erfc(x)", source="Abramowitz, Stegun 1964, 7.1.2")
def erfc(x: Any) -> Any:
    """1 - erf x, to the last subnormal."""
    u, _ = erfc_parts(x)
    return u * UNIT if x > 0.0 else fma(u, -UNIT, 2.0)


@erfc.derivative
def erfc_slope(x: Any) -> Any:
    return -bell_of_square(x, ERF_SLOPE_0)


@elementwise(formula="exp(x**2)*erfc(x)", source="Cody 1969, Math. Comp. 23, 631-637")
def erfcx(x: Any) -> Any:
    """exp(x²)·erfc x, the scaled complementary error function: infinite only where it is too large."""
    return erfcx_(x)


@erfcx.derivative
def erfcx_slope_(x: Any) -> Any:
    return erfcx_slope(x)


@elementwise(aliases=("normal_cdf",), formula="Phi(x)", source="Abramowitz, Stegun 1964, 26.2.2")
def ndtr(x: Any) -> Any:
    """Φ(x), the normal cdf, to the last subnormal. The derivative is the normal density."""
    a = min(abs(x), TAIL_END)
    h, h_low = half_square(a)
    u, _ = tail_parts(a, absent, h, h_low)
    return u * (0.5 * UNIT) if x < 0.0 else fma(u, -0.5 * UNIT, 1.0)


@ndtr.derivative
def ndtr_slope(x: Any) -> Any:
    h, h_low = half_square(min(abs(x), TAIL_END))
    return density(h, h_low, DENSITY_0)


# Worst of 12,000 float64 between -2 and 2: 2.13 ulp at 0.8155.
@elementwise(formula="log(Phi(x))", source="logarithm of the normal cdf", bound={"forward": 2.5})
def log_ndtr(x: Any) -> Any:
    """log Φ(x), without cancellation on either side. The derivative is the inverse Mills ratio φ(x)/Φ(x)."""
    return log_ndtr_(x)


@log_ndtr.derivative
def log_ndtr_slope_(x: Any) -> Any:
    return log_ndtr_slope(x)


def outside(rest: Any, far: Any) -> Any:
    """`far` for a positive rest of the probability, infinity for 0, NaN for less."""
    return far if rest > 0.0 else (inf if rest == 0.0 else nan)


def over(m: Any, m_low: Any, factor: Any, rest: Any) -> Any:
    """(m + m_low)·factor/rest."""
    return fma(m, factor, fma(m, low(factor), m_low * factor)) / rest


@elementwise(formula="erfinv(x)", source="inverse of erf")
def erfinv(x: Any) -> Any:
    """The inverse of erf: ±inf at ±1, NaN outside."""
    size = abs(x)
    return copysign(erfinv_between(size) if size < 1.0 else (inf if size == 1.0 else nan), x)


@erfinv.derivative
def erfinv_slope(x: Any) -> Any:
    size = abs(x)
    rest = 1.0 - size
    m, m_low = twice_mills(SQRT2 * erfinv_between(size), absent)
    return outside(rest, over(m, m_low, HALF_ROOT_PI, rest))


@elementwise(formula="sqrt(2)*erfinv(2*x - 1)", source="inverse of the normal cdf")
def ndtri(x: Any) -> Any:
    """The inverse of Φ, the normal quantile: ∓inf at 0 and 1, NaN outside."""
    q = x - 0.5
    rest = min(x, 1.0 - x)
    ratio, ratio_low = centre_quantile(2.0 * q)
    slope, slope_low = two_product(ratio, TWICE_SQRT2)
    slope_low = slope_low + fma(ratio, low(TWICE_SQRT2), ratio_low * TWICE_SQRT2)
    n, f = doubled_far(rest)
    a, a_low = tail_quantile(n, f)
    far = copysign(outside(rest, a + a_low), q)
    return fma(q, slope, q * slope_low) if abs(q) < 0.25 else far


@ndtri.derivative
def ndtri_slope(x: Any) -> Any:
    q = x - 0.5
    rest = min(x, 1.0 - x)
    ratio, _ = centre_quantile(2.0 * q)
    n, f = doubled_far(rest)
    far, _ = tail_quantile(n, f)
    a = TWICE_SQRT2 * abs(q) * ratio if abs(q) < 0.25 else far
    m, m_low = twice_mills(a, absent)
    return outside(rest, over(m, m_low, ROOT_HALF_PI, rest))
