"""One sigmoid unit learns OR and AND by gradient descent; XOR needs a hidden layer. The gradient of the mean
squared error is propagated by `sigmoid.vjp`. A single unit is smooth, unlike the perceptron, but its decision
boundary is still a straight line, and on XOR the best it can do is 0.5 everywhere. Two hidden units bend it,
from most starts.
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
from pictures import CORNERS, INK, PLANE, draw_plane, draw_surface, main, progress, spread

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
    return "\n".join(f"{what}: accuracy {spread(one.accuracy)}" for what, one in learned.items())


def draw(learned: dict[str, Learned]) -> Figure:
    figure = Figure(figsize=(14, 8))
    figure.suptitle("One sigmoid unit has a straight border, two hidden ones bend it")
    planes = []
    for column, (what, one) in enumerate(learned.items(), 1):
        shown = int(np.argmax(one.accuracy))
        plane = one.network.forward(PLANE)[shown]
        planes.append(figure.add_subplot(2, 4, column))
        image = draw_plane(planes[-1], plane, one.targets)
        planes[-1].set_title(f"{what}\naccuracy {spread(one.accuracy)}", fontsize="small")
        if np.ptp(plane) < 0.1:
            planes[-1].annotate("0.5 everywhere", (0.5, 0.5), ha="center", color=INK)
        space = figure.add_subplot(2, 4, 4 + column, projection="3d")
        draw_surface(space, plane, one.network.forward(CORNERS)[shown], one.targets)
    planes[0].set_ylabel("second input")
    figure.colorbar(image, ax=planes, label="output; black line: 0.5", pad=0.01)
    figure.legend(*planes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
