"""One sigmoid unit learns XOR if it is given the squares and the product of the inputs as well. Its border is
still where a weighted sum is 0, but in the plane of the two inputs that is a conic: hidden layers are one way
to bend the border, chosen features another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Activation, Adam, Dense, Network, generators
from perceptron_gates import GATES
from pictures import CORNERS, PLANE, draw_plane, main, spread

RATE, STEPS = 0.01, 5000
NAMES = ["x₁", "x₂", "x₁²", "x₂²", "x₁x₂"]


def features(x: Any) -> Any:
    first, second = x.T
    return np.stack([first, second, first**2, second**2, first * second], axis=-1)


def learn(seeds: Iterable[int] = range(20)) -> Network:
    unit = Network([Dense(generators(seeds), 5, 1, 0.5, 0.3), Activation(fa.sigmoid)])
    optimiser = Adam(unit, RATE)
    for _ in range(STEPS):
        error = unit.forward(features(CORNERS)) - GATES["XOR"][:, None]
        unit.backward(2 * error / len(CORNERS))
        optimiser.step()
    return unit


def accuracy(unit: Network) -> Any:
    right = (unit.forward(features(CORNERS))[..., 0] > 0.5) == (GATES["XOR"] > 0.5)
    return right.mean(1)


def report(unit: Network) -> str:
    weight, bias = (array[0].ravel() for array in unit.parameters)
    terms = " ".join(f"{value:+.2f} {name}" for value, name in zip(weight, NAMES, strict=True))
    return f"accuracy {spread(accuracy(unit))}; the first seed's sum: {terms} {bias[0]:+.2f}"


def draw(unit: Network) -> Figure:
    figure = Figure(figsize=(12, 4.8))
    figure.suptitle("XOR by one sigmoid of x₁, x₂, x₁², x₂² and x₁x₂: the borders are conics")
    panels = figure.subplots(1, 3)
    planes = unit.forward(features(PLANE))[..., 0]
    for seed, (axes, plane) in enumerate(zip(panels, planes, strict=False)):
        image = draw_plane(axes, plane, GATES["XOR"])
        axes.set_title(f"seed {seed}")
    panels[0].set_ylabel("second input")
    figure.colorbar(image, ax=panels, label="output; black line: 0.5", pad=0.01)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
