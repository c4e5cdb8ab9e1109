"""The table of definitions of activations, and how they are evaluated."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...definitions.declaration import BY
from ..arithmetic import FLOAT64, Mathematics, Number, exact_arithmetic

Definition = Callable[..., Number]


@dataclass(frozen=True)
class Reference:
    """The definition of one function and of its derivative."""

    definition: Definition
    slope: Definition
    slope_is_constant: bool
    slope_from_output: Definition | None
    slopes_by: dict[str, Definition]

    def at(self, m: Mathematics, pass_: str, x: Number, *params: Number) -> Number:
        """Evaluate "forward", "derivative", "derivative_from_output", or "by_" and a parameter."""
        if pass_.startswith(BY):
            return self.slopes_by[pass_.removeprefix(BY)](m, x, *self._all(params))
        return getattr(self, pass_)(m, x, *params)

    def _all(self, params: tuple[Number, ...]) -> tuple[Number, ...]:
        """Return all parameters: the definition's defaults for those that are not given."""
        return params + (self.definition.__defaults__ or ())[len(params) :]

    def forward(self, m: Mathematics, x: Number, *params: Number) -> Number:
        """Evaluate the function; NaN gives NaN."""
        return m.where(x == x, self.definition(m, x, *params), x)

    def derivative(self, m: Mathematics, x: Number, *params: Number) -> Number:
        """Evaluate the derivative; NaN gives NaN unless the derivative is the same everywhere."""
        slope = self.slope(m, x, *self._all(params))
        return slope if self.slope_is_constant else m.where(x == x, slope, x)

    def derivative_from_output(self, m: Mathematics, y: Number, *params: Number) -> Number:
        """Evaluate the derivative from y = f(x), where that determines it."""
        if self.slope_from_output is None:
            raise KeyError(f"the output of {self.definition.__name__} leaves its derivative open")
        slope = self.slope_from_output(m, y, *self._all(params))
        return slope if self.slope_is_constant else m.where(y == y, slope, y)


TABLE: dict[str, Reference] = {}


def _with_nan(slope: Definition) -> Definition:
    return lambda m, x, *params: m.where(x == x, slope(m, x, *params), x)


def derivative_of(
    definition: Definition, *, constant: bool = False, from_output: Definition | None = None
) -> Callable[[Definition], None]:
    """Enter a definition into the table, together with its derivative, which this decorates.

    `constant` says that the derivative is the same everywhere; `from_output` is the derivative as a
    function of y = f(x), for a function whose output determines it.
    """

    def enter(slope: Definition) -> None:
        TABLE[definition.__name__] = Reference(definition, slope, constant, from_output, {})

    return enter


def by(
    definition: Definition, parameter: str, *, constant: bool = False
) -> Callable[[Definition], None]:
    """Enter the derivative of a definition with respect to a parameter, which this decorates.

    `constant` says that it is the same everywhere.
    """

    def enter(slope: Definition) -> None:
        TABLE[definition.__name__].slopes_by[parameter] = slope if constant else _with_nan(slope)

    return enter


def evaluate(name: str, pass_: str, x: Any, *params: Any) -> Any:
    """Return `pass_` of `name` at x in float64, all broadcast.

    It is "forward", "derivative", "derivative_from_output" with y = f(x) for x, or "by_" and a parameter.
    """
    arguments = (np.asarray(a, dtype=np.float64) for a in (x, *params))
    with np.errstate(all="ignore"):
        return TABLE[name].at(FLOAT64, pass_, *arguments)


def exact(name: str, pass_: str, x: float, *params: float) -> Any:
    """Return the same at one point as an mpmath number of 60 digits.

    The arguments are taken as the doubles that they are. NaN and infinity have no digits: what
    `evaluate` makes of them is returned.
    """
    m = exact_arithmetic()
    if not math.isfinite(x) or any(math.isnan(p) for p in params):
        return m.context.mpf(float(evaluate(name, pass_, x, *params)))
    arguments = (m.context.mpf(a) for a in (x, *params))
    return m.context.mpf(TABLE[name].at(m, pass_, *arguments))


class Named:
    """The definition of one function of the table.

    Attributes
    ----------
    needs_digits : bool
        Whether float64 is not enough to judge results of lower precision.
    """

    needs_digits = False

    def __init__(self, name: str) -> None:
        self._name = name

    def evaluate(self, pass_: str, x: Any, *params: Any) -> Any:
        """Return `pass_` at x in float64, all broadcast."""
        return evaluate(self._name, pass_, x, *params)

    def exact(self, pass_: str, x: float, *params: float) -> Any:
        """Return the same at one point as an mpmath number of 60 digits."""
        return exact(self._name, pass_, x, *params)


def clipped(m: Mathematics, x: Number, low: Number, high: Number) -> Number:
    return m.where(x < low, low, m.where(x > high, high, x))  # −0.0 stays, as in PyTorch


def inside(m: Mathematics, x: Number, low: Number, high: Number, slope: Number) -> Number:
    return m.where((x > low) & (x < high), slope, 0.0)
