"""Fit the polynomials of coefficients/normal.py: the normal distribution's tail in float64, far tails, inverses.

They are least squares at Chebyshev's nodes: an exchange would take minutes for the inverse and gain a fraction of a
bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mpmath as mp
from fit_pieces import erfcx_fall, mills
from minimax import Function, Real, chebyshev_nodes, hexadecimal, in_order, least_squares, rounded

ROOT_PI, ROOT_2PI = mp.sqrt(mp.pi), mp.sqrt(2 * mp.pi)
# Where the pieces of float32 end, and where half of the normal distribution's tails is left to the inverse.
FAR, QUARTER = mp.mpf("14.75"), mp.mpf(1) / 4
# 1/x² and 1/a² from where on two terms do in float64.
VERY_FAR = mp.mpf(2) ** -40


@dataclass(frozen=True)
class Fit:
    """A function on an interval, and the degree for each type; the error counts times `weight`."""

    name: str
    function: Function
    weight: Function
    interval: tuple[Real, Real]
    degree: dict[str, int]


def relative(
    name: str, function: Function, interval: tuple[Real, Real], degree: dict[str, int]
) -> Fit:
    return Fit(name, function, lambda v: 1 / function(v), interval, degree)


def unbounded(v: Real) -> Real:
    """The a with 4/(a + 4) = 1/2 - v."""
    return 4 / (mp.mpf(1) / 2 - v) - 4


def mills_bounded(v: Real) -> Real:
    """2·(a + 4)·Φ(-a)·exp(a²/2)."""
    a = unbounded(v)
    return 2 * (a + 4) * mills(a)


#: Its value at v = 0.
MILLS_MIDDLE = mills_bounded(mp.mpf(0))


def mills_rise(v: Real) -> Real:
    """Its derivative in v."""
    a = unbounded(v)
    slope = 2 * mills(a) - (a + 4) * erfcx_fall(a) / mp.sqrt(2)
    return slope * (a + 4) ** 2 / 4


def slope_bounded(v: Real) -> Real:
    """-(a + 1)²·erfcx'(a/√2), from 1.1 to 1.6; with (a + 4)² it falls from 18 to 1.1, which leaves 10 ulp."""
    a = unbounded(v)
    return (a + 1) ** 2 * erfcx_fall(a)


def erf_exponent(x: Real) -> Real:
    """-log(1 - erf x)/x; what an error of it is of erf x falls with 1 - erf x."""
    return -mp.log(mp.erfc(x)) / x


def erfcx_far(w: Real) -> Real:
    """x·erfcx(x) at 1/x² = w."""
    x = 1 / mp.sqrt(w)
    return x * 2 * mills(x * mp.sqrt(2))


def erfcx_slope_far(w: Real) -> Real:
    """-x²·erfcx'(x) at 1/x² = w."""
    x = 1 / mp.sqrt(w)
    return x * x * erfcx_fall(x * mp.sqrt(2))


def hazard_far(w: Real) -> Real:
    """a·(φ(a)/Φ(-a) - a) at 1/a² = w."""
    a = 1 / mp.sqrt(w)
    return a * (1 / (ROOT_2PI * mills(a)) - a)


def quantile(s: Real) -> Real:
    """The a with Φ(-a) = exp(-s²/2), by Newton's method on the logarithms."""
    a = s - mp.log(s * ROOT_2PI) / s
    for _ in range(60):
        step = (mp.log(mills(a)) + (s * s - a * a) / 2) * ROOT_2PI * mills(a)
        a += step
        if abs(step) < mp.mpf(10) ** -60:
            return a
    raise ArithmeticError(f"no quantile at {s}")


def erfinv_ratio(w: Real) -> Real:
    """erfinv(y)/y at y² = w."""
    y = mp.sqrt(w)
    return mp.erfinv(y) / y


#: s² = -2·log Φ(-a) at Φ(-a) = 1/4, at which the inverse's tail begins.
START = rounded(mp.sqrt(-2 * mp.log(QUARTER)), "f32")


def shortfall(s_end: str, shift: int) -> Fit:
    """s - a for (s - START)/(s + shift) = v + the middle of its range."""
    middle = rounded((mp.mpf(s_end) - START) / (mp.mpf(s_end) + shift) / 2, "f32")

    def function(v: Real) -> Real:
        t = v + middle
        s = (START + shift * t) / (1 - t)
        return s - quantile(s)

    dtype = "f32" if s_end == F32_END else "f64"
    return Fit(
        "SHORTFALL",
        function,
        lambda v: mp.mpf(1),
        (-middle, middle),
        {dtype: 11 if dtype == "f32" else 33},
    )


# √(-2·log P) of the smallest subnormals is 14.37 and 38.59.
F32_END, F64_END = "14.45", "38.65"
HALF = mp.mpf(1) / 2
FITS = [
    Fit(
        "MILLS_BOUNDED",
        lambda v: (mills_bounded(v) - MILLS_MIDDLE) / v,
        lambda v: v / mills_bounded(v),
        (-HALF, HALF),
        {"f64": 24},
    ),
    relative("MILLS_BOUNDED_RISE", mills_rise, (-HALF, HALF), {"f64": 3}),
    relative("ERFCX_SLOPE_BOUNDED", slope_bounded, (-HALF, HALF), {"f64": 27}),
    Fit(
        "ERF_EXPONENT",
        erf_exponent,
        lambda x: mp.erfc(x) * x / mp.erf(x),
        (mp.mpf(0), mp.mpf(6)),
        {"f64": 24},
    ),
    relative("ERFCX_FAR", erfcx_far, (mp.mpf(0), 2 / FAR**2), {"f32": 3}),
    relative("ERFCX_FAR", erfcx_far, (mp.mpf(0), VERY_FAR), {"f64": 1}),
    relative("ERFCX_SLOPE_FAR", erfcx_slope_far, (mp.mpf(0), 2 / FAR**2), {"f32": 3}),
    relative("ERFCX_SLOPE_FAR", erfcx_slope_far, (mp.mpf(0), VERY_FAR), {"f64": 1}),
    relative("HAZARD_FAR", hazard_far, (mp.mpf(0), 1 / FAR**2), {"f32": 2}),
    relative("HAZARD_FAR", hazard_far, (mp.mpf(0), VERY_FAR), {"f64": 1}),
    relative("ERFINV_RATIO", erfinv_ratio, (mp.mpf(0), QUARTER), {"f32": 6, "f64": 13}),
    shortfall(F32_END, 4),
    shortfall(F64_END, 6),
]


def fitted(fit: Fit, dtype: str) -> tuple[list[Real], Real, float]:
    """The rounded coefficients, the rest of the first, and log₂ of the worst error."""
    nodes, degree = chebyshev_nodes(*fit.interval), fit.degree[dtype]
    values = dict(zip(nodes, map(fit.function, nodes), strict=True))
    weights = list(map(fit.weight, nodes))
    first = least_squares(list(values.values()), weights, nodes, range(degree + 1))[0]
    rest = rounded(first - rounded(first, dtype), dtype)
    found, error = in_order(
        lambda v: values[v] - rest, fit.weight, nodes, degree, dtype, (rounded(first, dtype),)
    )
    return found, rest, error


def tables() -> Iterator[tuple[str, list[str], str]]:
    """(name, digits, error) of every polynomial."""
    for fit in FITS:
        for dtype in fit.degree:
            found, rest, error = fitted(fit, dtype)
            digits = [hexadecimal(c, dtype) for c in (*found, rest)]
            yield f"{fit.name} {dtype}, its rest last", digits, f"2^{error:.1f}"
