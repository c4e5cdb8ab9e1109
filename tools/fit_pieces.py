"""Fit tail.py, mills.py, erf.py and erfinv.py of fastact/definitions/coefficients: polynomials in eight pieces.

A piece's polynomials are in a - c. Of the numbers near the middle of the piece the centre c is one at which the
constant terms of all functions are, to a few thousandths of a unit in the last place, numbers of the type: Gal and
Bachelis, An accurate elementary mathematical library for the IEEE floating point standard, ACM TOMS 17 (1991) 26-45.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import mpmath as mp
from minimax import Function, Real, chebyshev_nodes, hexadecimal, in_order, least_squares, rounded

DTYPE = "f32"
MANTISSA_BITS = {"f32": 23, "f64": 52}
PIECES = 8
#: Of how many numbers on each side of the middle the centre is chosen.
CANDIDATES = 1 << 15
#: Digits after the point, in bits, with which candidates are compared, in integers.
POINT = 160

HALF_LOG2E = rounded(mp.log(mp.e, 2) / 2, DTYPE)


def per_power(a: Real) -> Real:
    """exp(-a²/2) over the power of two that stands for it, whose exponent is a² times a rounded constant."""
    return mp.exp(-a * a / 2) * mp.mpf(2) ** (HALF_LOG2E * a * a)


def mills(a: Real) -> Real:
    """Φ(-a)·exp(a²/2)."""
    return mp.erfc(a / mp.sqrt(2)) * mp.exp(a * a / 2) / 2


def tail(a: Real) -> Real:
    """2a·Φ(-a) over the power of two."""
    return 2 * a * mills(a) * per_power(a)


def slope(a: Real) -> Real:
    """2·(Φ(-a) - a·φ(a)) over the power of two."""
    return 2 * (mills(a) - a / mp.sqrt(2 * mp.pi)) * per_power(a)


def tail_weight(a: Real) -> Real:
    return 1 / tail(a)


def slope_weight(a: Real) -> Real:
    """Relative, and absolute where the derivative is below 1/16: what exp(-a²/2) leaves of 1/12 near its zero."""
    return 1 / max(abs(slope(a)), mp.mpf(1) / 6)


def twice_mills(a: Real) -> Real:
    """2·Φ(-a)·exp(a²/2)."""
    return 2 * mills(a)


def erfcx_fall(a: Real) -> Real:
    """-erfcx'(x) at x = a/√2."""
    return 2 * (1 / mp.sqrt(mp.pi) - a * mp.sqrt(2) * mills(a))


@dataclass(frozen=True)
class Family:
    """Functions with the same pieces and centres: name -> (function, weight).

    `first` is what is known of the first piece, whose centre is 0 unless it is None; in it d itself is added apart to
    the functions of `exact`. The pieces end where the leading bits of `steepness`·a + 1 change, and at `end`.
    """

    centres: str
    functions: dict[str, tuple[Function, Function]]
    first: dict[str, tuple[Real, ...]] | None
    exact: tuple[str, ...] = ()
    degree: int = 7
    steepness: float = 1
    end: float = 15.0
    dtype: str = DTYPE


ZERO, ONE = mp.mpf(0), mp.mpf(1)
# 2a·Φ(-a) is a + a·(0 + a·…) in the first piece, which leaves a exact.
GELU = Family(
    "CENTRES",
    {"TAIL": (tail, tail_weight), "SLOPE": (slope, slope_weight)},
    {"TAIL": (ZERO, ZERO), "SLOPE": (ONE,)},
    ("TAIL",),
)
NORMAL = Family(
    "MILLS_CENTRES",
    {
        "TWICE_MILLS": (twice_mills, lambda a: 1 / twice_mills(a)),
        "ERFCX_FALL": (erfcx_fall, lambda a: 1 / erfcx_fall(a)),
    },
    {"TWICE_MILLS": (ONE,), "ERFCX_FALL": ()},
    degree=8,
)
# erf a is a + a·(2/√π - 1 + a·…) in the first piece.
ERF = Family(
    "ERF_CENTRES",
    {"ERF": (mp.erf, lambda a: 1 / mp.erf(a))},
    {"ERF": (ZERO,)},
    ("ERF",),
    steepness=2,
    end=4.0,
)


def quantile_ratio(w: Real) -> Real:
    """erfinv(x)/x at 1 - x² = exp(-w)."""
    x = mp.sqrt(-mp.expm1(-w))
    z = mp.mpf(float(mp.erfinv(mp.mpf(float(x))))) if w < 16 else mp.sqrt(w - mp.log(w * mp.pi) / 2)
    for _ in range(9):
        rest = mp.erfc(z)
        fall = 4 * mp.exp(-z * z) * (1 - rest) / mp.sqrt(mp.pi) / (rest * (2 - rest))
        z += (mp.log(rest * (2 - rest)) + w) / fall if fall else 0
    return z / x


# The logarithms of 1 - x² for the x next to 1 are -15.95 and -36.05.
INVERSES = [
    Family(
        "ERFINV_CENTRES",
        {"ERFINV": (quantile_ratio, lambda w: 1 / quantile_ratio(w))},
        None,
        degree=degree,
        steepness=steepness,
        end=15 / steepness,
        dtype=dtype,
    )
    for dtype, degree, steepness in (("f32", 6, 0.9375), ("f64", 15, 0.416))
]


def edges(family: Family) -> list[Real]:
    """Where the leading bits of the steepness times a + 1 change: half an octave of it each."""
    found = [mp.mpf(0)]
    while len(found) <= PIECES:
        found.append(found[-1] + mp.mpf(2) ** (mp.floor(mp.log(found[-1] + 1, 2)) - 1))
    return [edge for edge in (a / family.steepness for a in found) if edge < family.end] + [
        mp.mpf(family.end)
    ]


def fixed(value: Real) -> int:
    return int(mp.floor(value * mp.mpf(2) ** POINT))


def centre(family: Family, middle: Real, nodes: list[Real]) -> Real:
    """Where the constant terms of the fits, as far from their functions as at the middle, are numbers of the type."""
    bits = MANTISSA_BITS[family.dtype]
    unit = mp.mpf(2) ** (mp.floor(mp.log(middle, 2)) - bits)
    series = []
    for function, weight in family.functions.values():
        target, weights = list(map(function, nodes)), list(map(weight, nodes))
        shifted = [a - middle for a in nodes]
        above = least_squares(target, weights, shifted, range(family.degree + 1))[0] - function(
            middle
        )
        last = mp.mpf(2) ** (mp.floor(mp.log(abs(function(middle)), 2)) - bits)
        terms = mp.taylor(function, middle, 4)
        terms[0] += above
        series.append([fixed(term * unit**k / last) for k, term in enumerate(terms)])
    one = 1 << POINT

    def off(k: int) -> int:
        """The worst distance of the constant terms from a whole number of units in the last place."""
        values = (
            sum(term * k**power for power, term in enumerate(terms)) % one for terms in series
        )
        return max(min(value, one - value) for value in values)

    return middle + unit * min(range(-CANDIDATES, CANDIDATES + 1), key=off)


def piece_fits(
    family: Family, low: Real, high: Real
) -> tuple[Real, dict[str, tuple[list[Real], float]]]:
    """The centre of a piece; of each function the coefficients and log₂ of the worst error."""
    nodes = chebyshev_nodes(low, high)
    middle = rounded((low + high) / 2, family.dtype)
    at_zero = family.first is not None and not low
    c = mp.mpf(0) if at_zero else centre(family, middle, nodes)
    fits = {}
    for name, (function, weight) in family.functions.items():
        exact = 1 if name in family.exact and not low else 0

        def shifted(d: Real, function: Function = function, exact: int = exact) -> Real:
            return function(c + d) - exact * d

        def weighted(d: Real, weight: Function = weight) -> Real:
            return weight(c + d)

        first = family.first[name] if family.first is not None and not low else ()
        fits[name] = in_order(
            shifted, weighted, [a - c for a in nodes], family.degree, family.dtype, first
        )
    return c, fits


def exp2_fit() -> tuple[list[Real], float]:
    """(2^f - 1)/f for |f| ≤ 1/2, which rounding makes a little more; the error is that of 2^f."""

    def function(f: Real) -> Real:
        return mp.expm1(f * mp.log(2)) / f

    end = (1 + mp.mpf(2) ** -12) / 2
    return in_order(function, abs, chebyshev_nodes(-end, end), 5, DTYPE)


def tables() -> Iterator[tuple[str, list[str], str]]:
    """(name, digits, error) of every table and piece."""
    found, error = exp2_fit()
    yield "EXP2", [hexadecimal(c, DTYPE) for c in found], f"2^{error:.1f}"
    for family in (GELU, NORMAL, ERF, *INVERSES):
        yield from pieces(family)


def pieces(family: Family) -> Iterator[tuple[str, list[str], str]]:
    for low, high in itertools.pairwise(edges(family)):
        c, fits = piece_fits(family, low, high)
        piece = f"{family.dtype} {float(low):g} to {float(high):g}"
        yield f"{family.centres} {piece}", [hexadecimal(c, family.dtype)], "exact"
        for name, (coefficients, error) in fits.items():
            digits = [hexadecimal(v, family.dtype) for v in coefficients]
            yield f"{name} {piece}", digits, f"2^{error:.1f}"
