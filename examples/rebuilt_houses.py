"""Was the house rebuilt? One sigmoid unit, and one after a hidden ReLU unit, both by hand.

Eight houses, with their number of rooms and whether they were built for their owner. Forward and
backward pass are written out for single units, with a textbook's numbers to check against. Two pairs
of houses have equal inputs but different answers: at most six of the eight can be right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import generators
from pictures import BLACK, BLUE, GREEN, ORANGE, main

HOUSES = np.array([[1, 2, 1, 1, 2, 1, 3, 4], [1, 0, 0, 1, 0, 0, 1, 1]], dtype=float).T
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
        """Binary cross-entropy, by unit."""
        z = self.logits()
        rebuilt = np.broadcast_to(REBUILT, z.shape)
        return fa.binary_cross_entropy_with_logits(z, rebuilt, reduction="none").mean(0)

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


TEXTBOOK = {
    "one unit": Model(np.array([[0.11075377], [-0.37975395]]), np.array([0.00316227])),
    "hidden relu": Model(
        np.array([[0.11075378], [-0.37975395]]),
        np.array([0.00316224]),
        np.array([[-0.60811526], [0.00316227]]),
    ),
}


@dataclass
class Training:
    model: Model
    costs: Any  # (steps, units)


def train(model: Model) -> Training:
    costs = []
    for _ in range(STEPS):
        costs.append(model.cost())
        model = model.step()
    return Training(model, np.array(costs))


def learn(seeds: Iterable[int] = range(10)) -> dict[str, Training]:
    """Train both models: the first column starts from the textbook's numbers, the others from random ones."""
    random = np.stack([rng.normal(size=5) for rng in generators(seeds)], axis=1)
    trainings = {}
    for name, book in TEXTBOOK.items():
        outer = None if book.outer is None else np.hstack([book.outer, random[3:]])
        weight, bias = np.hstack([book.weight, random[:2]]), np.hstack([book.bias, random[2]])
        trainings[name] = train(Model(weight, bias, outer))
    return trainings


def report(trainings: dict[str, Training]) -> str:
    lines = []
    for name, model in TEXTBOOK.items():
        lines.append(f"{name}: {model.output()[:, 0].round(8)}")
        lines.append(f"  cost {model.cost()[0]:.8f}, accuracy {model.accuracy()[0]}")
        costs = np.sort(trainings[name].costs[-1])
        lines.append(f"  after {STEPS} steps from eleven starts: cost {costs.round(4)}")
    return "\n".join(lines)


def draw(trainings: dict[str, Training]) -> Figure:
    figure = Figure(figsize=(13, 5))
    figure.suptitle("Was the house rebuilt?")
    outputs, costs = figure.subplots(1, 2, width_ratios=[3, 2])
    places = np.arange(len(REBUILT))
    colours = {"one unit": BLUE, "hidden relu": ORANGE}
    for shift, (name, model) in zip((-0.3, -0.1), TEXTBOOK.items(), strict=True):
        outputs.bar(places + shift, model.output()[:, 0], 0.2, color=colours[name], label=name)
    for shift, (name, run) in zip((0.1, 0.3), trainings.items(), strict=True):
        trained = run.model.output()[:, 0]
        label = f"{name}, trained on"
        outputs.bar(places + shift, trained, 0.2, color=colours[name], hatch="///", label=label)
    outputs.axhline(0.5, color=BLACK, linewidth=1, linestyle="--")
    names = [
        f"{rooms:.0f} room{'s' if rooms > 1 else ''}\nbuilt: {'yes' if built else 'no'}\n\n{'rebuilt' if t else 'not'}"
        for (rooms, built), t in zip(HOUSES, REBUILT[:, 0], strict=True)
    ]
    outputs.set(xticks=places, xticklabels=names, ylabel="output", ylim=(0, 1.15))
    outputs.set_title("outputs for the eight houses")
    outputs.legend(ncols=4, loc="upper center")
    for name, run in trainings.items():
        costs.plot(run.costs[:, 1:], color=colours[name], linewidth=0.6)
        costs.plot(run.costs[:, 0], color=colours[name], linewidth=2.5, label=name)
    costs.axhline(np.log(2) / 2, color=GREEN, linestyle=":", label="the least possible")
    costs.set(title="cost from eleven starts; thick: the textbook's", xlabel="step")
    costs.set(ylabel="binary cross-entropy", ylim=(0.3, 1.0))
    costs.legend()
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
