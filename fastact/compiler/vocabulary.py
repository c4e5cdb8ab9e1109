"""What a user's function may call, by whatever name it has in `math`, `numpy` or `fastact`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np

from ..definitions import arctangent, hyperbolic, logarithm, rounding, trigonometric

__all__ = ["FUNCTIONS", "OPERATIONS", "SHORTHANDS", "meaning"]

#: Functions that are no activation -> how they are computed. The exponent of a power is constant.
FUNCTIONS: Final[Mapping[str, Any]] = {
    "atan": arctangent.atan,
    "cos": trigonometric.cos,
    "cosh": hyperbolic.cosh,
    "floor": rounding.floor,
    "log": logarithm.log,
    "power": logarithm.power,
    "sin": trigonometric.sin,
    "sinh": hyperbolic.sinh,
    "tan": trigonometric.tan,
}
#: Operations with a name in Python or its libraries -> their number of operands.
OPERATIONS: Final[Mapping[str, int]] = {
    "abs": 1,
    "copysign": 2,
    "max": 2,
    "min": 2,
    "select": 3,
    "sqrt": 1,
}
# Other names -> the operation, the function above, or the activation.
_NAMES: Final[Mapping[str, str]] = {
    "absolute": "abs",
    "arctan": "atan",
    "exp": "exponential",
    "fabs": "abs",
    "maximum": "max",
    "minimum": "min",
    "where": "select",
}
#: What is written with operations: between two bounds, a power, 1/x, x² -> likewise.
SHORTHANDS: Final[Mapping[str, int]] = {
    "clip": 3,
    "pow": 2,
    "power": 2,
    "reciprocal": 1,
    "square": 1,
}
_ACTIVATIONS: Final = ("erf", "erfc", "exp", "expm1", "log1p", "tanh")


@cache
def _meanings() -> dict[Any, str]:
    names = {*FUNCTIONS, *OPERATIONS, *_NAMES, *SHORTHANDS, *_ACTIVATIONS}
    found = {abs: "abs", max: "max", min: "min", pow: "pow"}
    for module in (math, np):
        for name in names:
            if (value := getattr(module, name, None)) is not None:
                found[value] = _NAMES.get(name, name)
    return found


def meaning(value: Any) -> str | None:
    """Return what a function of Python, `math` or `numpy` stands for, or None."""
    try:
        return _meanings().get(value)
    except TypeError:  # it cannot be hashed
        return None
