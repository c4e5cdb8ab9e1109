"""Handwritten digits, read by a network with one hidden layer: 1,797 pictures of 8 by 8 pixels, four fifths for
training and one fifth for testing. With relu and tanh the error falls from the first epoch on, with sigmoid
later. The confusion matrix shows which digits are taken for which; the cost is `fa.cross_entropy` of the ten
logits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from digits_network import HIDDEN, Trained, make, samples, train
from layers import generators
from pictures import BLUE, CHALK, GREEN, INK, ORANGE, main, progress

EPOCHS = 20
LOOKS = {"relu": (BLUE, "-"), "tanh": (GREEN, "--"), "sigmoid": (ORANGE, ":")}


def learn(seeds: Iterable[int] = range(5)) -> dict[str, Trained]:
    seeds = list(seeds)
    learned = {}
    for name in progress(LOOKS, "activations"):
        rngs = generators(seeds)
        learned[name] = train(make(name, rngs), rngs, EPOCHS)
    return learned


def confusion(trained: Trained) -> Any:
    """Return how often each digit is read as each, in all seeds."""
    counts = np.zeros((10, 10), dtype=int)
    np.add.at(counts, (np.broadcast_to(samples()[3], trained.read.shape), trained.read), 1)
    return counts


def report(learned: dict[str, Trained]) -> str:
    lines = ["parameters:", learned["relu"].network.summary()]
    for name, one in learned.items():
        costs = " ".join(f"{cost:.2f}" for cost in one.cost[:3].mean(1))
        shares = " ".join(f"{share:.1%}" for share in one.accuracy())
        lines.append(f"{name:8s} cost of epochs 1 to 3: {costs}; accuracy by seed {shares}")
    return "\n".join(lines)


def draw(learned: dict[str, Trained]) -> Figure:
    figure = Figure(figsize=(13, 8.5))
    figure.suptitle(f"Digits read by a 64-{HIDDEN}-10 network")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 2.6])
    draw_digits(top.subplots(1, 8), learned["relu"])
    curves, matrix = bottom.subplots(1, 2)
    for name, (colour, style) in LOOKS.items():
        costs = learned[name].cost
        epochs = np.arange(1, len(costs) + 1)
        curves.fill_between(
            epochs, costs.min(1), costs.max(1), color=colour, alpha=0.25, linewidth=0
        )
        curves.semilogy(epochs, costs.mean(1), style, color=colour, label=name, linewidth=2)
    curves.set(
        title=f"cost by epoch; shaded: {costs.shape[1]} seeds",
        xlabel="epoch",
        ylabel="cross entropy",
    )
    curves.set_xticks([1, 5, 10, 15, 20])
    curves.legend()
    counts = confusion(learned["relu"])
    mistakes = np.where(np.eye(10, dtype=bool), 0, counts)
    matrix.imshow(mistakes, cmap="Oranges")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = mistakes[row, column] > 0.6 * mistakes.max()
            style = {"color": CHALK if dark else INK, "fontsize": 9}
            matrix.annotate(count, (column, row), ha="center", va="center", **style)
    matrix.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="digit")
    matrix.set_title(
        f"confusion matrix of relu, all seeds: {learned['relu'].accuracy().mean():.1%} right"
    )
    matrix.grid(False)
    return figure


def draw_digits(panels: Any, trained: Trained) -> None:
    """Draw pictures that the first seed reads correctly, and then some that it does not."""
    _, _, pixels, digits = samples()
    right, wrong = np.flatnonzero(trained.right[0]), np.flatnonzero(~trained.right[0])
    for axes, index in zip(panels, [*right[: 8 - len(wrong[:4])], *wrong[:4]], strict=True):
        axes.imshow(pixels[index].reshape(8, 8), cmap="gray_r")
        colour = BLUE if trained.right[0, index] else "#d55e00"
        axes.set_title(f"{digits[index]}, read as {trained.read[0, index]}", color=colour)
        axes.set_axis_off()


if __name__ == "__main__":
    main(learn, report, draw)
