"""Eight houses, a sigmoid unit, and one after a hidden ReLU unit, by hand; `rebuilt_houses.py` says what they teach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import fastact as fa

ROOMS = np.array([1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 3.0, 4.0])
YEARS = np.array([2001, 1997, 1998, 2020, 1994, 1999, 2000, 2010])
HOUSES = np.stack([ROOMS, YEARS >= 2000], axis=1)
REBUILT = np.array([[1, 0, 0, 1, 1, 1, 1, 0]], dtype=float).T
RATE, STEPS = 0.2, 2000


@dataclass(frozen=True)
class Model:
    """One unit for each column; with `outer`, a second layer of units takes their relu."""

    weight: Any  # (2, units)
    bias: Any  # (units,)
    outer: Any = None  # (2, units): weight and bias

    def inner(self) -> Any:
        return HOUSES @ self.weight + self.bias

    def logits(self) -> Any:
        if self.outer is None:
            return self.inner()
        weight, bias = self.outer
        return weight * fa.relu(self.inner()) + bias

    def output(self) -> Any:
        return fa.sigmoid(self.logits())

    def accuracy(self) -> Any:
        return (fa.step(self.output(), 0.5) == REBUILT).mean(0)

    def cost(self) -> Any:
        """Binary cross entropy from the logits, by unit."""
        z = self.logits()
        rebuilt = np.broadcast_to(REBUILT, z.shape)
        return fa.binary_cross_entropy_with_logits(z, rebuilt, reduction="none").mean(0)

    def cost_from_probabilities(self) -> Any:
        """The same from the outputs p: the mean of -log p for rebuilt houses, of -log(1 - p) for others."""
        p = self.output()
        return -np.log(np.where(REBUILT == 1.0, p, 1 - p)).mean(0)

    def gradient(self) -> tuple[Any, Any, Any]:
        """Return the gradient of the cost with respect to each parameter, in their order."""
        # For each logit the derivatives of sigmoid and logarithm cancel to p - t.
        g = (self.output() - REBUILT) / len(REBUILT)
        outer = None
        if self.outer is not None:
            z = self.inner()
            outer = np.stack([(g * fa.relu(z)).sum(0), g.sum(0)])
            g = fa.relu.vjp(self.outer[0] * g, z)
        return HOUSES.T @ g, g.sum(0), outer

    def step(self) -> Model:
        """Return the model after one step of gradient descent."""
        weight, bias, outer = self.gradient()
        moved = None if self.outer is None else self.outer - RATE * outer
        return Model(self.weight - RATE * weight, self.bias - RATE * bias, moved)


def rmsprop_step(model: Model, rate: float = 0.001, keep: float = 0.9) -> Model:
    """Return the unit after the first step of RMSprop: each parameter moves by rate/√(1 - keep), ±0.00316."""
    weight, bias, _ = model.gradient()
    return Model(
        model.weight - rate * weight / np.sqrt((1 - keep) * weight**2),
        model.bias - rate * bias / np.sqrt((1 - keep) * bias**2),
    )


START = Model(np.array([[0.10759], [-0.38292]]), np.array([0.0]))
TEXTBOOK = {
    "one unit": Model(np.array([[0.11075377], [-0.37975395]]), np.array([0.00316227])),
    "hidden relu": Model(
        np.array([[0.11075378], [-0.37975395]]),
        np.array([0.00316224]),
        np.array([[-0.60811526], [0.00316227]]),
    ),
}
