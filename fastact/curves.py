"""What is drawn of a function with its parameters: two curves, a label and a title."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .functions.catalogue import get
from .graphs import Array, Curve, readable
from .one_number import of_one_number

__all__ = ["Activation", "Array", "Curve", "Drawn", "drawn_as", "labels_of"]

Activation = str | Callable[..., Any]


class Drawn:
    """An activation with its parameters: its curves and its label."""

    def __init__(self, function: Activation, parameters: dict[str, Any]) -> None:
        activation = of_one_number(get(function) if isinstance(function, str) else function)
        name, fixed = activation.__name__, getattr(activation, "fixed", {})
        shown = {**fixed, **parameters}.items()
        given = ", ".join(f"{key}={_shown(value)}" for key, value in shown)
        self.label = f"{name}({given})" if given else name
        formula = getattr(activation, "formula", None)
        values = {**getattr(activation, "parameters", {}), **parameters}
        self.title = _title(self.label, readable(formula, values) if formula else "")
        self._value: Curve = partial(activation, **parameters)
        self._slope: Curve = partial(activation.derivative, **parameters)

    def value(self, x: Array) -> Array:
        """Return the function."""
        return _drawable(self._value(x))

    def slope(self, x: Array) -> Array:
        """Return the derivative."""
        return _drawable(self._slope(x))


def drawn_as(one: Activation | tuple[Activation, dict[str, Any]]) -> Drawn:
    """Return what is drawn of a function, or of a pair of one and its parameters."""
    return Drawn(*one) if isinstance(one, tuple) else Drawn(one, {})


def _title(label: str, formula: str) -> str:
    """Return the label and, where three lines hold it, the formula."""
    lines = textwrap.wrap(f"{label}: f(x) = {formula}", 85)
    return "\n".join(lines) if formula and len(lines) <= 3 else label


def labels_of(drawn: Sequence[Drawn], limits: tuple[float, float]) -> list[str]:
    """Return the labels, with the name of the first one whose curve is the same between the limits."""
    x = np.linspace(*limits, 801)
    values = [one.value(x) for one in drawn]
    labels = []
    for index, (one, value) in enumerate(zip(drawn, values, strict=True)):
        same = (
            earlier.label
            for earlier, other in zip(drawn[:index], values, strict=False)
            if np.allclose(value, other, rtol=1e-9, atol=1e-12, equal_nan=True)
        )
        first = next(same, "")
        labels.append(f"{one.label} (= {first} here)" if first else one.label)
    return labels


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _drawable(values: Array) -> Array:
    """Replace values too large to draw by NaN: Matplotlib's transforms overflow before 1e300."""
    drawable: Array = np.where(np.abs(values) < 1e100, values, np.nan)
    return drawable
