"""The classic diagrams: a perceptron is a weighted sum and a step; one layer of units divides the plane by
several lines; several layers combine what the layer before has found. Below, what networks of the same sizes
can form of one input, with each kind of activation: without one (linear) only a line, with step only stairs,
with a non-linear one curves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Network, generators, perceptron_layers
from network_diagram import draw_units
from pictures import BLUE, GREEN, ORANGE, main

X = np.linspace(-3, 3, 1201)[:, None]
SIZES = {
    "perceptron": [1, 1],
    "one hidden layer": [1, 8, 1],
    "several hidden layers": [1, 8, 8, 8, 1],
}
KINDS = {"linear": fa.identity, "step": fa.step, "non-linear (tanh)": fa.tanh}
LOOKS = {"linear": (ORANGE, "--"), "step": (GREEN, "-"), "non-linear (tanh)": (BLUE, "-")}


def outputs(sizes: list[int], function: Any, seed: int) -> Any:
    """Return the outputs of a random network; one without hidden layers applies the function to its sum."""
    layers = perceptron_layers(generators([seed]), sizes, function, 1.5, 1.0)
    y = Network(layers).forward(X)[0, :, 0]
    return function(y) if len(sizes) == 2 else y


def learn(seed: int = 3) -> dict[tuple[str, str], Any]:
    return {
        (shape, kind): outputs(sizes, function, seed)
        for shape, sizes in SIZES.items()
        for kind, function in KINDS.items()
    }


def values(y: Any) -> int:
    """Return how many different values the outputs have, to twelve digits."""
    return len(np.unique(y.round(12)))


def bend(y: Any) -> float:
    """Return the largest distance from the straight line through both ends, by the range."""
    line = np.linspace(y[0], y[-1], len(y))
    return float(np.abs(y - line).max() / np.ptp(y))


def report(curves: dict[tuple[str, str], Any]) -> str:
    return "\n".join(
        f"{shape}, {kind}: {values(y)} values, off a straight line by {bend(y):.2g} of its range"
        for (shape, kind), y in curves.items()
    )


def draw(curves: dict[tuple[str, str], Any]) -> Figure:
    figure = Figure(figsize=(13, 8))
    figure.suptitle("Why activation functions exist")
    diagrams, graphs = figure.subplots(2, 3, height_ratios=[1.2, 1])
    units = [["x₁", "x₂", "1"], ["f(Σ)"]]
    draw_units(diagrams[0], units, ["inputs", "output"], size=1500)
    for height, label in zip((0.6, 0.1, -0.4), ("w₁", "w₂", "b"), strict=True):
        diagrams[0].annotate(label, (0.45, height), ha="center")
    units = [["x₁", "x₂"], ["f"] * 4, ["f"]]
    draw_units(diagrams[1], units, ["inputs", "hidden", "output"], size=900)
    units = [["x₁", "x₂"], ["f"] * 4, ["f"] * 4, ["f"] * 4, ["f"]]
    draw_units(diagrams[2], units, ["inputs", "", "hidden", "", "output"], size=700)
    for diagram, graph, shape in zip(diagrams, graphs, SIZES, strict=True):
        diagram.set_title(f"{shape}: f of a weighted sum" if shape == "perceptron" else shape)
        for kind, (colour, style) in LOOKS.items():
            y = curves[shape, kind]
            y = (y - y.mean()) / (np.abs(y - y.mean()).max() or 1.0)
            graph.plot(X, y, style, color=colour, label=kind, linewidth=2)
        graph.set(xlabel="x", title="-".join(map(str, SIZES[shape])) + ", random weights")
    graphs[0].set_ylabel("output, centred and scaled")
    figure.legend(*graphs[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
