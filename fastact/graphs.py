"""What a picture of a function shows: its graph without bridged jumps, its kinks, asymptotes and formula."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Curve", "asymptotes", "domain", "graph", "jumps", "kinks", "readable"]

Array = npt.NDArray[Any]
Curve = Callable[[Array], Array]

# Where a function is taken to be at its asymptote: 1/x is 1e-6 there.
FAR = 1e6


def graph(function: Curve, low: float, high: float) -> tuple[Array, Array]:
    """Return points of a function's graph, with a NaN in each jump, so that no line bridges it."""
    x = np.linspace(low, high, 1601)
    y = function(x)
    left, right = x[:-1], x[1:]
    with np.errstate(invalid="ignore"):
        # Bisecting towards the larger rise ends at adjacent doubles, or with a gap of 1e-20 around 0,
        # where a continuous function has equal values.
        for _ in range(60):
            middle = left + (right - left) / 2
            y_middle = function(middle)
            rises_left = np.abs(y_middle - function(left)) >= np.abs(function(right) - y_middle)
            left, right = np.where(rises_left, left, middle), np.where(rises_left, middle, right)
        jumps = np.flatnonzero(np.abs(function(right) - function(left)) > 1e-6)
    ends = np.stack([left[jumps], left[jumps], right[jumps]], axis=1)
    heights = function(ends)
    heights[:, 1] = np.nan
    where = np.repeat(jumps + 1, 3)
    return np.insert(x, where, ends.ravel()), np.insert(y, where, heights.ravel())


def domain(value: Curve, reach: float) -> tuple[float, float]:
    """Return between which numbers a function has values, if it has none at -reach and reach; else these."""
    x = np.linspace(-reach, reach, 1401)
    inside = np.flatnonzero(np.isfinite(value(x)))
    if not inside.size or inside[0] == 0 or inside[-1] == x.size - 1:
        return -reach, reach
    first, last = inside[0], inside[-1]
    without, within = x[[first - 1, last + 1]], x[[first, last]]
    for _ in range(60):
        middle = without + (within - without) / 2
        has_value = np.isfinite(value(middle))
        without, within = np.where(has_value, without, middle), np.where(has_value, middle, within)
    low, high = (round(float(end), 9) for end in within)
    return low, high


def jumps(x: Array, y: Array) -> Array:
    """Return where a graph jumps, but not where its function begins or ends to have values."""
    values = np.flatnonzero(np.isfinite(y))
    if not values.size:
        return np.empty(0)
    inside = slice(values[0], values[-1] + 1)
    found: Array = x[inside][np.isnan(y[inside])]
    return found


def kinks(value: Curve, places: Array) -> Array:
    """Return those of the places where the slope jumps at which the function does not."""
    near = 1e-9
    smooth = np.abs(value(places + near) - value(places - near)) < 1e-6
    found: Array = places[smooth]
    return found


def asymptotes(
    value: Curve, slope: Curve, reach: float, ends: Array
) -> list[tuple[float, float, float]]:
    """Return (side, slope, intercept) of each line that a function approaches within ±`reach`.

    On a side of 0 where pieces of the function end, at `ends`, the last piece is the line itself.
    """
    found = []
    for side in (-1.0, 1.0):
        if np.any(side * ends > 1e-9):
            continue
        far = side * FAR * np.array([1.0, 2.0, 3.0])
        with np.errstate(all="ignore"):
            slopes = np.round(slope(far), 9)
            intercepts = value(far) - slopes * far
            settled = np.ptp(slopes) < 1e-6 and np.ptp(intercepts) < 1e-3
        if not settled:  # NaN and infinite ones neither
            continue
        # Within the error of a value at FAR; + 0.0 makes 0 of -0.
        rise, base = float(slopes[-1]) + 0.0, float(np.round(intercepts[-1], 5)) + 0.0
        x = side * np.linspace(0.1, 1.0, 200) * reach
        gaps = np.abs(value(x) - (rise * x + base))
        if gaps.max() > 0.02 and gaps[-1] < 0.3 * gaps.max():
            found.append((side, rise, base))
    return found


class _Readable(ast.NodeTransformer):
    """Turns calls of `where` into conditions, rounds constants, leaves out bounds that are infinite or absent."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.infinite = {
            name
            for name, value in parameters.items()
            if value is None or (isinstance(value, float) and np.isinf(value))
        }

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(float(f"{node.value:.6g}")) if isinstance(node.value, float) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "where":
            condition, first, second = node.args
            if self._never(condition):
                return second
            return ast.IfExp(condition, first, second)
        if name == "clip" and all(self._names(bound) & self.infinite for bound in node.args[1:]):
            return node.args[0]
        return node

    def _names(self, node: ast.AST) -> set[str]:
        return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}

    def _never(self, condition: ast.AST) -> bool:
        """Tell whether a condition compares something with a bound at infinity."""
        return isinstance(condition, ast.Compare) and bool(
            self._names(condition.comparators[-1]) & self.infinite
        )


def readable(formula: str, parameters: dict[str, Any]) -> str:
    """Return a formula as one reads it; parameters that are infinite are left out.

    >>> readable("clip(x*Phi(x), -limit, limit)", {"limit": float("inf")})
    'x·Φ(x)'
    >>> readable("where(x > 0, x, 0)", {})
    'x if x > 0 else 0'
    """
    tree = _Readable(parameters).visit(ast.parse(formula, mode="eval"))
    text = ast.unparse(ast.fix_missing_locations(tree))
    for plain, sign in ((" ** 2", "²"), (" ** 3", "³"), (" * ", "·"), (" / ", "/"), ("Phi", "Φ")):
        text = text.replace(plain, sign)
    return text.replace("-", "−")
