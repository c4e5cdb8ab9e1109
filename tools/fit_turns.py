"""Search the tables of fastact/definitions/coefficients/turns.py: floats that are nearly whole turns. Needs mpmath.

A turn M = m·2ᵉ lies so near to a multiple of 2π that x - k·M, which is exact, differs from x by k times a small number.
The m are denominators of convergents of 2ᵉ/2π: of all integers below a power of two they come nearest. Of the ladders
of turns that leave quotients k to the rounding trick, the one is taken whose largest k·(M mod 2π) is least.
"""

from __future__ import annotations

from typing import NamedTuple

import mpmath as mp
from minimax import Real, hexadecimal, rounded

# Digits for the largest double modulo 2π to some 100 places.
PRECISION = 1400


class Turn(NamedTuple):
    """m·2ᵉ, log₂ of it, and log₂ of its distance from a multiple of 2π."""

    size: float
    distance: float
    m: int
    e: int


class Type(NamedTuple):
    """Bits of a significand; log₂ of the largest number, of the last turn at most, and of a quotient; turns."""

    bits: int
    largest: int
    last: int
    quotient: float
    turns: int


# The last turn leaves a quotient by π that its products with the parts of π bear. With one turn less the largest
# k·(M mod 2π) is 2.6 (float32) and 0.04 (float64), with these 2^-5.2 and 2^-7.
TYPES = {"f32": Type(24, 128, 18, 21.4, 6), "f64": Type(53, 1024, 34, 50.4, 22)}


def excess(m: int, e: int) -> Real:
    """What m·2ᵉ has beyond the nearest multiple of 2π."""
    value = m * mp.mpf(2) ** e
    return value - mp.nint(value / (2 * mp.pi)) * 2 * mp.pi


def candidates(bits: int, e: int) -> list[Turn]:
    """The two best m with more than bits - 3 bits, of multiples of the last convergent and of intermediate ones."""
    x = mp.mpf(2) ** e / (2 * mp.pi)
    last, current = 1, 0
    while True:
        term = int(mp.floor(x))
        following = term * current + last
        if following >= 2**bits:
            break
        last, current = current, following
        x = 1 / (x - term)
    found = {s * current + last for s in range(1, min(term, 40) + 1)}
    found |= {current * factor for factor in range(1, 9)}
    turns = [
        Turn(float(mp.log(m, 2)) + e, float(mp.log(abs(excess(m, e)), 2)), m, e)
        for m in found
        if 2 ** (bits - 3) <= m < 2**bits
    ]
    return sorted(turns, key=lambda turn: turn.distance)[:2]


def ladder(kind: Type) -> list[Turn]:
    """The turns from the largest down, by dynamic programming."""
    exponents = range(kind.last - kind.bits - 3, kind.largest - kind.bits + 1)
    every = sorted((turn for e in exponents for turn in candidates(kind.bits, e)), reverse=True)
    best = {
        turn: (kind.largest - turn.size + turn.distance, [turn])
        for turn in every
        if kind.largest - turn.size <= kind.quotient
    }
    for _ in range(kind.turns - 1):
        longer: dict[Turn, tuple[float, list[Turn]]] = {}
        for turn in every:
            # What the turn above leaves is at most half of it.
            options = [
                (max(worst, above.size - 1 - turn.size + turn.distance), [*path, turn])
                for above, (worst, path) in best.items()
                if turn.size < above.size <= turn.size + 1 + kind.quotient
            ]
            if options:
                longer[turn] = min(options)
        best = longer
    return min(found for turn, found in best.items() if turn.size <= kind.last)[1]


def turn_tables() -> list[tuple[str, list[str]]]:
    """Title, and digits: for each turn itself, its reciprocal, and what it lacks to a multiple of 2π, in two parts."""
    with mp.workprec(PRECISION):
        tables = []
        for dtype, kind in TYPES.items():
            table = []
            for turn in ladder(kind):
                size, lack = turn.m * mp.mpf(2) ** turn.e, -excess(turn.m, turn.e)
                parts = (size, 1 / size, lack, lack - rounded(lack, dtype))
                table += [hexadecimal(part, dtype) for part in parts]
            tables.append((f"TURNS {dtype}", table))
        return tables
