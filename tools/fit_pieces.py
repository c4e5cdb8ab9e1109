"""Fit the tables of fastact/definitions/coefficients_tail.py: float32 polynomials in eight pieces.

A piece's polynomials are in a - c. Of the numbers near the middle of the piece the centre c is one at which the
constant terms of all functions are, to a few thousandths of a unit in the last place, float32 numbers: Gal and
Bachelis, An accurate elementary mathematical library for the IEEE floating point standard, ACM TOMS 17 (1991) 26-45.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import mpmath as mp
from minimax import Function, Real, chebyshev_nodes, hexadecimal, in_order, least_squares, rounded

DTYPE = "f32"
PIECES, DEGREE = 8, 7
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


def cdf(a: Real) -> Real:
    """2·Φ(-a) over the power of two, for the first piece: elsewhere it is the tail over a."""
    return 2 * mills(a) * per_power(a)


def cdf_weight(a: Real) -> Real:
    return 1 / cdf(a)


def tail_weight(a: Real) -> Real:
    return 1 / tail(a)


def slope_weight(a: Real) -> Real:
    """Relative, and absolute where the derivative is below 1/16: what exp(-a²/2) leaves of 1/12 near its zero."""
    return 1 / max(abs(slope(a)), mp.mpf(1) / 6)


FUNCTIONS = {"TAIL": (tail, tail_weight), "SLOPE": (slope, slope_weight)}
# What is known of the first piece, whose centre is 0. 2a·Φ(-a) is a + a·(0 + a·…) there, which leaves a exact.
FIRST = {"TAIL": (mp.mpf(0), mp.mpf(0)), "SLOPE": (mp.mpf(1),)}


def edges() -> list[Real]:
    """Where the leading bits of a + 1 change: half an octave of it each."""
    found = [mp.mpf(0)]
    while len(found) <= PIECES:
        found.append(found[-1] + mp.mpf(2) ** (mp.floor(mp.log(found[-1] + 1, 2)) - 1))
    return found


def fixed(value: Real) -> int:
    return int(mp.floor(value * mp.mpf(2) ** POINT))


def centre(middle: Real, nodes: list[Real]) -> Real:
    """Where the constant terms of the fits, as far from their functions as at the middle, are float32 numbers."""
    unit = mp.mpf(2) ** (mp.floor(mp.log(middle, 2)) - 23)
    series = []
    for function, weight in FUNCTIONS.values():
        target, weights = list(map(function, nodes)), list(map(weight, nodes))
        shifted = [a - middle for a in nodes]
        above = least_squares(target, weights, shifted, range(DEGREE + 1))[0] - function(middle)
        last = mp.mpf(2) ** (mp.floor(mp.log(abs(function(middle)), 2)) - 23)
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


def piece_fits(low: Real, high: Real) -> tuple[Real, dict[str, tuple[list[Real], float]]]:
    """The centre of a piece; of each function the coefficients and log₂ of the worst error."""
    nodes = chebyshev_nodes(low, high)
    c = centre(rounded((low + high) / 2, DTYPE), nodes) if low else mp.mpf(0)
    fits = {}
    for name, (function, weight) in FUNCTIONS.items():
        exact = 1 if name == "TAIL" and not low else 0  # a itself is added apart

        def shifted(d: Real, function: Function = function, exact: int = exact) -> Real:
            return function(c + d) - exact * d

        def weighted(d: Real, weight: Function = weight) -> Real:
            return weight(c + d)

        first = FIRST[name] if not low else ()
        fits[name] = in_order(shifted, weighted, [a - c for a in nodes], DEGREE, DTYPE, first)
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
    bounds = edges()
    for low, high in itertools.pairwise(bounds):
        c, fits = piece_fits(low, high)
        piece = f"{float(low):g} to {float(high):g}"
        yield f"CENTRES {piece}", [hexadecimal(c, DTYPE)], "exact"
        for name, (coefficients, error) in fits.items():
            yield f"{name} {piece}", [hexadecimal(v, DTYPE) for v in coefficients], f"2^{error:.1f}"
    nodes = chebyshev_nodes(*bounds[:2])
    found, error = in_order(cdf, cdf_weight, nodes, DEGREE, DTYPE, (mp.mpf(1),))
    piece = f"0 to {float(bounds[1]):g}"
    yield f"CDF {piece}", [hexadecimal(v, DTYPE) for v in found], f"2^{error:.1f}"
