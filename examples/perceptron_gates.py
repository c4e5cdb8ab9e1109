"""A perceptron learns OR and AND, and cannot learn XOR: no straight line separates its corners.

The output is `step` of a weighted sum. Its derivative is 0, so there is no gradient to descend:
Rosenblatt's rule adds the error times the input to the weights, corner by corner.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import generators
from pictures import CORNERS, PLANE, draw_plane, main

GATES = {
    "OR": np.array([0.0, 1.0, 1.0, 1.0]),
    "AND": np.array([0.0, 0.0, 0.0, 1.0]),
    "XOR": np.array([0.0, 1.0, 1.0, 0.0]),
}
RATE = 0.01
MOST_EPOCHS = 1000


@dataclass
class Perceptron:
    """Perceptrons trained at once, one for each seed."""

    weight: Any  # (seeds, 2)
    bias: Any  # (seeds,)
    accuracy: Any  # (epochs, seeds)

    def output(self, x: Any) -> Any:
        return fa.step(self.weight @ x.T + self.bias[:, None])


def learn_gate(targets: Any, seeds: Iterable[int]) -> Perceptron:
    """Train until every perceptron is right or the epochs are over."""
    start = np.stack([rng.normal(size=3) for rng in generators(seeds)])
    perceptron = Perceptron(start[:, :2].copy(), start[:, 2].copy(), None)
    history = []
    for _ in range(MOST_EPOCHS):
        for x, target in zip(CORNERS, targets, strict=True):
            error = target - fa.step(perceptron.weight @ x + perceptron.bias)
            perceptron.weight += RATE * error[:, None] * x
            perceptron.bias += RATE * error
        history.append((perceptron.output(CORNERS) == targets).mean(1))
        if np.all(history[-1] == 1.0):
            break
    perceptron.accuracy = np.array(history)
    return perceptron


def learn(seeds: Iterable[int] = range(10)) -> dict[str, Perceptron]:
    return {gate: learn_gate(targets, seeds) for gate, targets in GATES.items()}


def report(learned: dict[str, Perceptron]) -> str:
    return "\n".join(
        f"{gate}: after {len(p.accuracy)} epochs the perceptrons are right in {p.accuracy[-1]}"
        for gate, p in learned.items()
    )


def draw(learned: dict[str, Perceptron]) -> Figure:
    figure = Figure(figsize=(10, 7.5))
    figure.suptitle("A perceptron divides the plane with one straight line")
    for column, (gate, perceptron) in enumerate(learned.items()):
        shown = int(np.argmax(perceptron.accuracy[-1]))
        title = f"{gate}: accuracy {perceptron.accuracy[-1, shown]:.2f}"
        plane = perceptron.output(PLANE)[shown]
        draw_plane(figure, (2, 3), column, plane, title, GATES[gate])
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
