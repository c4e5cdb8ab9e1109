"""The forward pass of a three-layer network by hand, and softmax, which must not take exp of its inputs.

The sigmoid network 2-3-2-2 turns [1, 0.5] into [0.31682708, 0.69627909]. Its last layer would be a
softmax if its outputs were classes: exp(x) over their sum. exp(1000) is inf, and inf/inf is NaN;
`fa.softmax` first subtracts the largest input from all of them, which leaves the quotient unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import generators
from pictures import BLUE, GREY, ORANGE, main

INPUT = np.array([1.0, 0.5])
W1, B1 = np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), np.array([0.1, 0.2, 0.3])
W2, B2 = np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]), np.array([0.1, 0.2])
W3, B3 = np.array([[0.1, 0.3], [0.2, 0.4]]), np.array([0.1, 0.2])
PAGES = (
    np.array([1.0, 2.0, 3.0]),
    np.array([0.11111111111, 0.3, 0.4, 0.18888888889, 0.1]),
    np.array([300.0, 200.0, 500.0, 100.0, 400.0]),
)
LARGEST = np.linspace(0, 1000, 201)


@dataclass
class Pass:
    signals: list[Any]  # the input, and the output of each layer
    softmax: list[Any]  # of each of PAGES
    naive: Any  # the first probability of [largest, largest - 1], by LARGEST
    stable: Any
    difference: float  # the largest between the two on random rows, where the naive one works


def naive_softmax(x: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(x)
        return e / e.sum(-1, keepdims=True)


def forward(x: Any) -> list[Any]:
    """Return the input and the output of each layer."""
    first = fa.sigmoid(x @ W1 + B1)
    second = fa.sigmoid(first @ W2 + B2)
    return [x, first, second, fa.identity(second @ W3 + B3)]


def learn(seeds: Iterable[int] = range(10)) -> Pass:
    rows = np.stack([LARGEST, LARGEST - 1], axis=-1)
    random = [rng.normal(0, 10, (20, 7)) for rng in generators(seeds)]
    difference = max(np.abs(fa.softmax(x) - naive_softmax(x)).max() for x in random)
    return Pass(
        forward(INPUT),
        [fa.softmax(x) for x in PAGES],
        naive_softmax(rows)[:, 0],
        fa.softmax(rows)[:, 0],
        float(difference),
    )


def report(done: Pass) -> str:
    lines = [f"layer {layer}: {signal}" for layer, signal in enumerate(done.signals)]
    lines += [f"softmax({x}) = {y}" for x, y in zip(PAGES, done.softmax, strict=True)]
    end = LARGEST[np.isnan(done.naive)].min()
    return "\n".join([*lines, f"naive softmax is NaN from {end:.0f} on"])


def draw(done: Pass) -> Figure:
    figure = Figure(figsize=(13, 8))
    network, pages = figure.subfigures(2, 1, height_ratios=[1.1, 1])
    draw_network(network.subplots(), done.signals)
    panels = pages.subplots(1, len(PAGES) + 1, width_ratios=[1, 1, 1, 1.6])
    for axes, x, y in zip(panels, PAGES, done.softmax, strict=False):
        axes.bar(np.arange(len(x)), y, color=BLUE)
        axes.set(xticks=np.arange(len(x)), xticklabels=[f"{v:.3g}" for v in x], ylim=(0, 1.05))
        axes.set(xlabel="input", title=f"softmax, sum {y.sum():.6f}")
    panels[0].set_ylabel("probability")
    last = panels[-1]
    last.plot(LARGEST, done.stable, color=BLUE, linewidth=5, label="fa.softmax")
    last.plot(LARGEST, done.naive, color=ORANGE, label="exp(x) / Σ exp(x)")
    end = LARGEST[np.isnan(done.naive)].min()
    last.axvspan(end, LARGEST[-1], color=GREY, alpha=0.2, linewidth=0)
    last.annotate("NaN", (end + 10, 0.5))
    last.set(title="softmax([x, x - 1])", xlabel="x", ylabel="first probability", ylim=(0, 1))
    last.legend(loc="lower left")
    return figure


def draw_network(axes: Any, signals: list[Any]) -> None:
    """Draw the units with their outputs, and the weights as lines of different width."""
    rows = [np.arange(len(signal)) - (len(signal) - 1) / 2 for signal in signals]
    for layer, weights in enumerate((W1, W2, W3)):
        for (i, j), weight in np.ndenumerate(weights):
            ends = [layer, layer + 1], [-rows[layer][i], -rows[layer + 1][j]]
            axes.plot(*ends, color=GREY, linewidth=8 * weight, alpha=0.6, zorder=1)
    for layer, signal in enumerate(signals):
        for row, value in zip(rows[layer], signal, strict=True):
            axes.scatter(layer, -row, s=2600, color="white", edgecolors=BLUE, linewidths=2)
            axes.annotate(f"{value:.4f}", (layer, -row), ha="center", va="center")
    names = ["input", "sigmoid", "sigmoid", "identity"]
    axes.set(title="the signals of the network 2-3-2-2; wider lines are larger weights")
    axes.set(xticks=range(4), xticklabels=names, yticks=[], ylim=(-1.5, 1.5), xlim=(-0.3, 3.3))
    axes.grid(False)
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    main(learn, report, draw)
