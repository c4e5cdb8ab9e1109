"""Fit the polynomials of fastact/definitions/coefficients: minimax by Remez exchange in 80-digit arithmetic.

Run ``python tools/fit.py`` to print every table with its worst error, ``python tools/fit.py --check`` to compare
what it prints with what stands there. Needs mpmath.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mpmath as mp
from fit_log import LARGEST, SMALLEST, log_rest, log_tables, log_weight
from fit_normal import tables as normal_tables
from fit_pieces import tables
from fit_turns import turn_tables
from minimax import (
    Function,
    Real,
    chebyshev_nodes,
    hexadecimal,
    least_squares,
    remez,
    rounded,
)


@dataclass(frozen=True)
class Problem:
    """A function to be approximated on an interval; the error is minimised after multiplication by `weight`."""

    name: str
    function: Function
    weight: Function
    interval: tuple[Real, Real]
    degree: dict[str, int]


HALF = mp.mpf(1) / 2
HALF_LN2 = (
    mp.log(2) / 2 * (1 + mp.mpf(2) ** -12)
)  # the reduction rounds n, so |r| passes ln 2 / 2 by a little


def expm1_rest(r: Real) -> Real:
    """(expm1(r) − r) / r²."""
    return HALF + r / 6 + r * r / 24 if abs(r) < mp.mpf(10) ** -25 else (mp.expm1(r) - r) / r**2


def log1p_ratio(v: Real) -> Real:
    """log1p(u) / u at u = v + ½."""
    u = v + HALF
    return mp.log1p(u) / u if u else mp.mpf(1)


def mills(centre: Real) -> Function:
    """(a + 4) · Φ(−a) · exp(a²/2) at a / (a + 4) = v + centre: Mills' ratio, tamed."""

    def function(v: Real) -> Real:
        t = v + centre
        a = 4 * t / (1 - t)
        return (a + 4) * mp.erfc(a / mp.sqrt(2)) * mp.exp(a * a / 2) / 2

    return function


def mills_rise(t: Real) -> Real:
    """What t · (a + 4) · Φ(−a) · exp(a²/2) rises by with (a + 4) · t, at t = a / (a + 4)."""
    a = 4 * t / (1 - t)
    ratio = mp.erfc(a / mp.sqrt(2)) * mp.exp(a * a / 2) / 2
    return ((1 + a * a) * ratio - a / mp.sqrt(2 * mp.pi)) * (a + 4) / 4


def mills_rise_problem(largest: float, dtype: str) -> Problem:
    """The error counts as much as an ulp of t, times a + 4, is of t · (a + 4) · Φ(−a) · exp(a²/2)."""
    interval = (mp.mpf(0), largest / (largest + mp.mpf(4)))
    return Problem(
        "MILLS_RISE",
        mills_rise,
        lambda t: 4 / (1 - t) / mills(mp.mpf(0))(t),
        interval,
        {dtype: 3},
    )


def atan_rest(u: Real) -> Real:
    """(atan(t) / t - 1) / u at t² = u."""
    if u < mp.mpf(10) ** -20:
        return -mp.mpf(1) / 3 + u / 5
    t = mp.sqrt(u)
    return (mp.atan(t) / t - 1) / u


# Lambert's continued fraction of tanh x, cut off after its fifth and its ninth term: the denominators, in x².
LAMBERT = {"f32": (945, 420, 15), "f64": (34459425, 16216200, 945945, 13860, 45)}


def lambert(dtype: str) -> list[Real]:
    """The denominator over its constant term, rounded to `dtype`."""
    first = LAMBERT[dtype][0]
    return [rounded(mp.mpf(c) / first, dtype) for c in LAMBERT[dtype]]


def tanh_shrink_ratio(s: Real) -> Real:
    """(x − tanh x) / x³ at x² = s."""
    x = mp.sqrt(s)
    return (x - mp.tanh(x)) / x**3 if s > mp.mpf(10) ** -14 else mp.mpf(1) / 3 - 2 * s / 15


def shrink_problem(degree: int, dtype: str) -> Problem:
    """What is fitted is the numerator; x² times the quotient is subtracted from a third."""
    bottom = lambert(dtype)[::-1]

    def top(s: Real) -> Real:
        rest = (mp.mpf(1) / 3 - tanh_shrink_ratio(s)) / s if s > mp.mpf(10) ** -8 else None
        return (mp.mpf(2) / 15 - 17 * s / 315 if rest is None else rest) * mp.polyval(bottom, s)

    def weight(s: Real) -> Real:
        return (s + mp.mpf("0.02")) / tanh_shrink_ratio(s) / mp.polyval(bottom, s)

    return Problem("SHRINK_TOP", top, weight, (mp.mpf(0), mp.mpf(9) / 8), {dtype: degree})


def mills_problem(centre: Real, largest: float, degree: dict[str, int]) -> Problem:
    function = mills(centre)
    interval = (-centre, largest / (largest + mp.mpf(4)) - centre)
    return Problem("MILLS", function, lambda v: 1 / function(v), interval, degree)


def fitted(problem: Problem, dtype: str) -> tuple[list[str], float]:
    """The rounded coefficients and the rest of the first, and log₂ of the worst weighted error with them.

    They are rounded one after the other, and those that are left are fitted anew each time: rounded all at once, the
    eleven of Mills' ratio in float32 leave an error of 2^-25.8 and not 2^-28.5.
    """
    (a, b), degree = problem.interval, problem.degree[dtype]
    coefficients, _ = remez(problem.function, problem.weight, a, b, degree)
    nodes = chebyshev_nodes(a, b)
    weights = list(map(problem.weight, nodes))
    left = [problem.function(v) - coefficients[0] for v in nodes]
    for k in range(1, degree + 1):
        coefficients[k] = rounded(coefficients[k], dtype)
        left = [value - coefficients[k] * v**k for value, v in zip(left, nodes, strict=True)]
        coefficients[k + 1 :] = (
            least_squares(left, weights, nodes, range(k + 1, degree + 1)) if k < degree else []
        )
    worst = max(abs(w * value) for w, value in zip(weights, left, strict=True))
    table = [hexadecimal(c, dtype) for c in coefficients]
    table.append(hexadecimal(coefficients[0] - rounded(coefficients[0], dtype), dtype))
    return table, float(mp.log(worst, 2))


# A remainder by π, which the reduction leaves a little larger than π/2.
LONGEST = mp.pi / 2 + mp.mpf(1) / 8


def sine_rest(s: Real) -> Real:
    """(sin r − r) / r³ at r² = s."""
    r = mp.sqrt(s)
    return (mp.sin(r) - r) / r**3 if s > mp.mpf(10) ** -12 else s / 120 - mp.mpf(1) / 6


def sine_weight(s: Real) -> Real:
    """What an error of it is of sin r, and a little more."""
    r = mp.sqrt(s)
    return (s + mp.mpf(10) ** -3) * r / mp.sin(r) if s else mp.mpf(10) ** -3


PROBLEMS = [
    Problem(
        "EXPM1",
        expm1_rest,
        lambda r: abs(r) + mp.mpf(10) ** -3,
        (-HALF_LN2, HALF_LN2),
        {"f32": 4, "f64": 9},
    ),
    Problem(
        "LOG1P", log1p_ratio, lambda v: 1 / log1p_ratio(v), (-HALF, HALF), {"f32": 9, "f64": 20}
    ),
    mills_problem(HALF, 39.0, {"f64": 22}),
    mills_rise_problem(39.0, "f64"),
    shrink_problem(2, "f32"),
    shrink_problem(3, "f64"),
    Problem(
        "ATAN",
        atan_rest,
        lambda u: u + mp.mpf("0.003"),  # what is fitted is added to 1, multiplied by u
        (mp.mpf(0), mp.tan(mp.pi / 8) ** 2 * (1 + mp.mpf(2) ** -12)),
        {"f32": 4, "f64": 10},
    ),
    Problem("LOG_REST", log_rest, log_weight, (SMALLEST, LARGEST), {"f32": 4, "f64": 10}),
    Problem("SINE", sine_rest, sine_weight, (mp.mpf(0), LONGEST**2), {"f32": 4, "f64": 7}),
]


def printed() -> Iterator[tuple[str, list[str], str]]:
    """(title, digits, what else is said) of every table."""
    for problem in PROBLEMS:
        for dtype in problem.degree:
            (*table, rest), error = fitted(problem, dtype)
            title = f"{problem.name} {dtype}: degree {problem.degree[dtype]}, error 2^{error:.1f}"
            yield title, table, f"rest {rest}"
    for dtype in LAMBERT:
        yield f"SHRINK_BOTTOM {dtype}", [hexadecimal(c, dtype) for c in lambert(dtype)], ""
    for title, table in (*log_tables(), *turn_tables()):
        yield title, table, ""
    for name, table, error in (*tables(), *normal_tables()):
        yield f"{name}: error {error}", table, ""


def main() -> int:
    """Print every table, or say which of them the definitions do not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the definitions")
    check = parser.parse_args().check
    folder = Path(__file__).parent.parent / "fastact/definitions/coefficients"
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    missing = 0
    for title, table, more in printed():
        absent = [text for text in table if f'"{text}"' not in source] if check else []
        missing += bool(absent)
        print(title, *absent)
        if not check:
            print("    " + ", ".join(f'"{text}"' for text in table), more)
    return missing > 0


if __name__ == "__main__":
    sys.exit(main())
