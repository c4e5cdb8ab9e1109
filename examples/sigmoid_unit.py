"""One sigmoid unit learns OR and AND by gradient descent; XOR needs a hidden layer.

The gradient of the mean squared error is propagated by `sigmoid.vjp`. A single unit is smooth, unlike
the perceptron, but its decision boundary is still a straight line. Two hidden units bend it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Activation, Adam, Network, generators, perceptron_layers
from perceptron_gates import GATES
from pictures import CORNERS, PLANE, draw_plane, main, progress

RATE = 0.01
STEPS = 3000


@dataclass
class Learned:
    network: Network
    targets: Any
    accuracy: Any  # (seeds,)


def learn_gate(targets: Any, hidden: int, seeds: Iterable[int]) -> Learned:
    """Train one unit for each seed on a gate, after `hidden` hidden units."""
    sizes = [2, hidden, 1] if hidden else [2, 1]
    layers = perceptron_layers(generators(seeds), sizes, fa.sigmoid, scale=0.5, bias_scale=0.3)
    network = Network([*layers, Activation(fa.sigmoid)])
    optimiser = Adam(network, RATE)
    for _ in progress(range(STEPS), f"{hidden} hidden units"):
        error = network.forward(CORNERS) - targets[:, None]
        network.backward(2 * error / len(CORNERS))
        optimiser.step()
    output = network.forward(CORNERS)[..., 0]
    return Learned(network, targets, ((output > 0.5) == (targets > 0.5)).mean(1))


def learn(seeds: Iterable[int] = range(20)) -> dict[str, Learned]:
    learned = {gate: learn_gate(targets, 0, seeds) for gate, targets in GATES.items()}
    learned["XOR, two hidden units"] = learn_gate(GATES["XOR"], 2, seeds)
    return learned


def report(learned: dict[str, Learned]) -> str:
    return "\n".join(f"{what}: right in {one.accuracy}" for what, one in learned.items())


def draw(learned: dict[str, Learned]) -> Figure:
    figure = Figure(figsize=(13, 7.5))
    figure.suptitle("One sigmoid unit has a straight border, two hidden ones bend it")
    for column, (what, one) in enumerate(learned.items()):
        shown = int(np.argmax(one.accuracy))
        plane = one.network.forward(PLANE)[shown]
        title = f"{what}: accuracy {one.accuracy[shown]:.2f}"
        draw_plane(figure, (2, 4), column, plane, title, one.targets)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
