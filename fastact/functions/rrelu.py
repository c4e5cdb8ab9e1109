"""rrelu: a rectifier whose slope is drawn."""

from __future__ import annotations

import math
from typing import Any

from ..calling import arguments
from .slopes import Drawn, Rng, SlopeFunction

__all__ = ["rrelu"]


def _drawn(
    label: str,
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    rng: Rng = None,
) -> Any:
    """Return the slope: the mean, or one draw for each element of x."""
    lower = arguments.number(label, "lower", lower)
    upper = arguments.number(label, "upper", upper)
    training = arguments.flag(label, "training", training)
    if rng is not None:
        rng = arguments.generator(label, rng)
    if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
        raise ValueError(
            f"{label}(): lower={lower}, upper={upper}: expected finite numbers, lower <= upper"
        )
    if not training:
        return (lower + upper) / 2
    return Drawn(lower, upper, rng, arguments.shape_of(label, "x", x))


def _drawn_again(
    label: str,
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    rng: Rng = None,
) -> Any:
    """Return the slopes that the forward call drew."""
    training = arguments.flag(label, "training", training)
    if training and rng is None:
        raise ValueError(
            f"{label}(): while training, the derivative needs the integer rng of the forward call"
        )
    return _drawn(label, x, lower, upper, training, rng)


rrelu = SlopeFunction(
    "rrelu",
    """x where x > 0, else slope·x; while training, the slope is drawn for every element.

    While training, ``rrelu.derivative`` and ``rrelu.vjp`` need the integer `rng` of the forward call, from which
    they draw the same slopes. To keep the slopes instead, draw
    ``slopes = generator.uniform(1/8, 1/3, x.shape)`` and call ``leaky_relu(x, slopes)`` and
    ``leaky_relu.vjp(g, x, slopes)``.""",
    "where(x > 0, x, (lower + upper)/2*x)",
    "Xu, Wang, Chen, Li 2015, arXiv:1505.00853",
    _drawn,
    _drawn_again,
)
