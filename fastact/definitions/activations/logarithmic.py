"""Logarithms, and what is made of them under SciPy's names."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from ..coefficients.elementary import EXPM1
from ..dialect import absent, copysign, fma, low, per_type, polynomial, scale
from ..elementary import (
    HIGHEST,
    LARGEST,
    LN2,
    LOG2E,
    LOWERED,
    LOWEST,
    ROUNDER,
    SCALED,
    UNIT,
    exp,
    reduced,
)
from ..elementary import expm1 as expm1_
from ..logarithm import log_of_positive, log_parts
from ..two_parts import fast_two_sum, fused_remainder, two_fma, two_sum
from .exponential import NEGLIGIBLE
from .table import elementwise

# Beside e^20 and e^40, 1 counts for nothing, and e^-20 and e^-40 beside 1.
FAR_OUT = per_type(f32=20.0, f64=40.0)


def log_of_sum(x: Any, x_low: Any) -> Any:
    """log(x + x_low) for a finite x > 0 and x_low less than an ulp of it."""
    y, y_low = log_of_positive(x)
    return y + (y_low + x_low / x)


@elementwise(formula="log(1 + x)", source="definition")
def log1p(x: Any) -> Any:
    """log(1 + x): -∞ at -1, NaN below it. The derivative is NaN there, too."""
    u, u_low = two_sum(1.0, x)
    y = copysign(log_of_sum(u, u_low), x)
    below = -inf if x == -1.0 else (nan if x < -1.0 else x)
    return y if x > -1.0 and x <= LARGEST else below


@log1p.derivative
def log1p_slope(x: Any) -> Any:
    return nan if x < -1.0 else 1.0 / (1.0 + x)


@log1p.derivative_from_output()
def log1p_slope_from_output(y: Any) -> Any:
    return exp(-y)


def expm1_of_any(x: Any) -> Any:
    # Computed a power of two too low, which overflows where the result does.
    q, power = reduced(min(max(x, -FAR_OUT), HIGHEST), absent, LOWERED)
    y = 2.0 * fma(power, q, power - 0.5)
    return x if abs(x) < NEGLIGIBLE else y


@elementwise(formula="exp(x) - 1", source="definition")
def expm1(x: Any) -> Any:
    """eˣ - 1."""
    return expm1_of_any(x)


@expm1.derivative
def expm1_slope(x: Any) -> Any:
    return exp(x)


@expm1.derivative_from_output()
def expm1_slope_from_output(y: Any) -> Any:
    return y + 1.0


@elementwise(formula="log(x/(1 - x))", source="Berkson 1944, doi:10.1080/01621459.1944.10500699")
def logit(x: Any) -> Any:
    """log(x/(1 - x)), the inverse of `sigmoid`: -∞ at 0, ∞ at 1, NaN outside. The derivative is 1/(x·(1 - x))."""
    d, d_low = fast_two_sum(1.0, -x)
    odds = x / d
    y, y_low = log_of_positive(odds)
    # The low part of the odds over the odds.
    y_low = y_low + fused_remainder(x, absent, d, d_low, odds) / x
    end = -inf if x == 0.0 else (inf if x == 1.0 else nan)
    return y + y_low if x > 0.0 and x < 1.0 else end


@logit.derivative
def logit_slope(x: Any) -> Any:
    return 1.0 / (abs(x) * (1.0 - x)) if x >= 0.0 and x <= 1.0 else nan


@logit.derivative_from_output()
def logit_slope_from_output(y: Any) -> Any:
    odds = exp(abs(y))
    return 2.0 + (odds + 1.0 / odds)


def one_minus_exp(x: Any) -> Any:
    """1 - e⁻ˣ for x ≥ 0 in two parts, and e⁻ˣ as a normal number and its unit."""
    q, power = reduced(max(-x, LOWEST), absent, SCALED)
    e = fma(power, q, power)
    power = power * UNIT
    # Below 1 the terms without a rounded e⁻ˣ.
    near, near_low = two_fma(-power, q, 1.0 - power)
    far, far_low = fast_two_sum(1.0, -(e * UNIT))
    small = x < 1.0
    return near if small else far, near_low if small else far_low, e


@elementwise(
    formula="log(1 - exp(-x))",
    source="Mächler 2012, Rmpfr: Accurately Computing log(1 - exp(-|a|))",
)
def log1mexp(x: Any) -> Any:
    """log(1 - e⁻ˣ) for x ≥ 0: -∞ at 0, NaN below it. The derivative is 1/(eˣ - 1)."""
    u, u_low, _ = one_minus_exp(x)
    return log_of_sum(u, u_low) if x > 0.0 else (-inf if x == 0.0 else nan)


@log1mexp.derivative
def log1mexp_slope(x: Any) -> Any:
    u, _, e = one_minus_exp(x)
    # The unit goes first to a large quotient, and last to a small one.
    small = x < 1.0
    slope = (e * UNIT if small else e) / abs(u)
    return slope * (1.0 if small else UNIT) if x >= 0.0 else nan


@log1mexp.derivative_from_output()
def log1mexp_slope_from_output(y: Any) -> Any:
    return expm1_of_any(-y)


@elementwise(
    aliases=("inverse_softplus", "softplusinv"),
    formula="log(exp(x) - 1)",
    source="TensorFlow Probability, softplus_inverse",
)
def log_expm1(x: Any) -> Any:
    """log(eˣ - 1) for x ≥ 0, the inverse of `softplus`: x itself far out, -∞ at 0, NaN below it."""
    # Near the zero at log 2 it is log(1 + 2q) for a q = expm1(x - log 2) without cancellation.
    t = fma(min(x, FAR_OUT), LOG2E, ROUNDER)
    n, power = t - ROUNDER, scale(0.0, t)
    r, r_low = fast_two_sum(fma(n, -LN2, min(x, FAR_OUT)), n * -low(LN2))
    q, q_low = two_fma(r * r, polynomial(r, EXPM1), r)
    u, u_low = two_fma(power, q, power - 1.0)
    y = x if x > FAR_OUT else log_of_sum(u, fma(power, q_low + r_low, u_low))
    return y if x > 0.0 else (-inf if x == 0.0 else nan)


@log_expm1.derivative
def log_expm1_slope(x: Any) -> Any:
    return -1.0 / expm1_(-x) if x > 0.0 else (inf if x == 0.0 else nan)


@log_expm1.derivative_from_output()
def log_expm1_slope_from_output(y: Any) -> Any:
    return 1.0 + exp(-y)


@elementwise(
    formula="-x*log(x)",
    source="Shannon 1948, doi:10.1002/j.1538-7305.1948.tb01338.x",
)
def entr(x: Any) -> Any:
    """-x·log x, 0 at 0, and -∞ below it. The derivative is -1 - log x, NaN below 0."""
    y, y_low = log_of_positive(x)
    rest = x * y_low if x < LARGEST else 0.0
    inside = fma(-x, y, -rest) if x <= LARGEST else -x
    return inside if x > 0.0 else (-inf if x < 0.0 else (0.0 if x == 0.0 else x))


@entr.derivative
def entr_slope(x: Any) -> Any:
    y, y_low = log_parts(x)
    total, left = two_sum(y, 1.0)
    return -(total + (left + y_low)) if abs(y) <= LARGEST else -y
