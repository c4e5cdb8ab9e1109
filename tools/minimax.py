"""Polynomials in 80-digit arithmetic: minimax by Remez exchange, least squares, rounding. Needs mpmath."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 80
Real = mp.mpf
Function = Callable[[Real], Real]

# What the errors are measured on once the coefficients are rounded: 120 and 240 points give the same tables' errors.
NODES = 120


def chebyshev_nodes(a: Real, b: Real) -> list[Real]:
    """NODES points of an interval, denser towards its ends."""
    return [
        (a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * NODES)) for k in range(NODES)
    ]


def remez(
    function: Function, weight: Function, a: Real, b: Real, degree: int
) -> tuple[list[Real], Real]:
    """Coefficients, constant term first, and the weighted worst error of the minimax polynomial on [a, b]."""
    n = degree + 2
    nodes = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    coefficients: list[Real] = []
    level = mp.mpf(0)
    for _ in range(30):
        system = mp.matrix(n, n)
        right = mp.matrix(n, 1)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                system[i, j] = x**j
            system[i, degree + 1] = (-1) ** i / weight(x)
            right[i] = function(x)
        solution = mp.lu_solve(system, right)
        coefficients, level = [solution[j] for j in range(degree + 1)], abs(solution[degree + 1])

        def error(x: Real, c: list[Real] = coefficients) -> Real:
            return weight(x) * (mp.polyval(c[::-1], x) - function(x))

        nodes, worst = exchange(error, a, b, nodes)
        if worst - level < level / 1000:
            break
    return coefficients, level


def exchange(error: Function, a: Real, b: Real, nodes: list[Real]) -> tuple[list[Real], Real]:
    """The extremum of `error` between each two of its sign changes, and the largest of them."""
    edges = [a]
    for left, right in itertools.pairwise(nodes):
        sign = mp.sign(error(left))
        for _ in range(50):
            middle = (left + right) / 2
            left, right = (middle, right) if mp.sign(error(middle)) == sign else (left, middle)
        edges.append(left)
    edges.append(b)
    extrema = [golden(error, left, right) for left, right in itertools.pairwise(edges)]
    return extrema, max(abs(error(x)) for x in extrema)


def golden(error: Function, left: Real, right: Real) -> Real:
    """Where |error| is largest on an interval that holds one extremum (or has it at an end)."""
    ends = (left, right)
    ratio = (mp.sqrt(5) - 1) / 2
    for _ in range(60):
        x, y = right - ratio * (right - left), left + ratio * (right - left)
        left, right = (left, y) if abs(error(x)) > abs(error(y)) else (x, right)
    return max((*ends, (left + right) / 2), key=lambda x: abs(error(x)))


def hexadecimal(value: Real, dtype: str) -> str:
    """`value` rounded to `dtype`, as Python's float.hex writes it without trailing zeros."""
    number = float(value)
    if dtype == "f32":
        number = struct.unpack("f", struct.pack("f", number))[0]
    mantissa, exponent = number.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}"


def rounded(value: Real, dtype: str) -> Real:
    """`value` rounded to `dtype`."""
    return mp.mpf(float.fromhex(hexadecimal(value, dtype)))


def least_squares(
    target: list[Real], weights: list[Real], nodes: list[Real], powers: range
) -> list[Real]:
    """The coefficients of `powers` that come nearest to `target` on `nodes`."""
    n = len(powers)
    matrix, right = mp.matrix(n, n), mp.matrix(n, 1)
    moments = [
        mp.fsum(w * w * v**k for w, v in zip(weights, nodes, strict=True))
        for k in range(2 * powers.start, 2 * powers.stop - 1)
    ]
    for i, power in enumerate(powers):
        for j in range(n):
            matrix[i, j] = moments[i + j]
        right[i] = mp.fsum(
            w * w * t * v**power for w, t, v in zip(weights, target, nodes, strict=True)
        )
    solution = mp.lu_solve(matrix, right)
    return [solution[i] for i in range(n)]


def in_order(
    function: Function,
    weight: Function,
    nodes: list[Real],
    degree: int,
    dtype: str,
    first: tuple[Real, ...] = (),
) -> tuple[list[Real], float]:
    """Coefficients rounded one after the other, constant term first, and log₂ of the worst weighted error on `nodes`.

    Those that are left are fitted anew each time. `first` are known.
    """
    weights = list(map(weight, nodes))
    left = list(map(function, nodes))
    found: list[Real] = []
    for k in range(degree + 1):
        best = first[k] if k < len(first) else None
        if best is None:
            best = least_squares(left, weights, nodes, range(k, degree + 1))[0]
        found.append(rounded(best, dtype))
        left = [value - found[k] * v**k for value, v in zip(left, nodes, strict=True)]
    worst = max(abs(w * value) for w, value in zip(weights, left, strict=True))
    return found, float(mp.log(worst, 2))
