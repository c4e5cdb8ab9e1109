"""The forward pass of a three-layer network by hand: each layer multiplies by its weights, adds its biases and
applies its activation. The network 2-3-2-2 with two layers of sigmoids turns [1, 0.5] into [0.31682708,
0.69627909].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from network_diagram import draw_units
from pictures import main

INPUT = np.array([1.0, 0.5])
W1, B1 = np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), np.array([0.1, 0.2, 0.3])
W2, B2 = np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]), np.array([0.1, 0.2])
W3, B3 = np.array([[0.1, 0.3], [0.2, 0.4]]), np.array([0.1, 0.2])


def learn() -> list[Any]:
    """Return the input and the output of each layer; nothing has to be learned."""
    first = fa.sigmoid(INPUT @ W1 + B1)
    second = fa.sigmoid(first @ W2 + B2)
    return [INPUT, first, second, fa.identity(second @ W3 + B3)]


def report(signals: list[Any]) -> str:
    lines = [f"input: {signals[0]}"]
    sums = [x @ w + b for x, w, b in zip(signals, (W1, W2, W3), (B1, B2, B3), strict=False)]
    for layer, (z, output) in enumerate(zip(sums, signals[1:], strict=True), 1):
        lines.append(f"layer {layer}: weighted sums {z}, output {output}")
    return "\n".join(lines)


def draw(signals: list[Any]) -> Figure:
    figure = Figure(figsize=(12, 5.5))
    figure.suptitle("The forward pass of the network 2-3-2-2, with its weights, biases and signals")
    labels = [[f"{value:.4f}" for value in signals[0]]]
    for bias, signal in zip((B1, B2, B3), signals[1:], strict=True):
        labels.append([f"{y:.4f}\n(bias {b:.1f})" for y, b in zip(signal, bias, strict=True)])
    names = ["input", "sigmoid", "sigmoid", "identity (output)"]
    draw_units(figure.subplots(), labels, names, weights=(W1, W2, W3), size=4200)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
