"""relu makes a layer sparse: for each digit about half of the hidden units are exactly 0 before training, a
quarter after. From positive initial weights none is, for pixels are not negative: every unit is open for every
picture, so that the network begins as a linear one. It learns more slowly, and stays nearly without zeros.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from digits_network import make, samples, train
from layers import Network, generators
from pictures import BLUE, DASHES, ORANGE, main

EPOCHS = 10
LOOKS = {"N(0, σ²)": BLUE, "its magnitude": ORANGE}


@dataclass
class Learned:
    zeros: Any  # (epochs + 1, seeds): the share of hidden outputs that are 0, on the test pictures
    accuracy: Any  # (epochs + 1, seeds)
    outputs: Any  # (pictures, units): the hidden outputs of the first seed before training


def hidden(network: Network) -> Any:
    return fa.relu(network.layers[0].forward(samples()[2]))


def learn_from(positive: bool, seeds: Iterable[int]) -> Learned:
    rngs = generators(seeds)
    network = make("relu", rngs)
    if positive:
        np.abs(network.layers[0].weight, out=network.layers[0].weight)
    zeros, accuracy, before = [], [], hidden(network)[0]

    def record() -> None:
        zeros.append((hidden(network) == 0).mean((1, 2)))
        read = network.forward(samples()[2]).argmax(-1)
        accuracy.append((read == samples()[3]).mean(1))

    record()
    train(network, rngs, EPOCHS, after=record)
    return Learned(np.array(zeros), np.array(accuracy), before)


def learn(seeds: Iterable[int] = range(5)) -> dict[str, Learned]:
    seeds = list(seeds)
    return {name: learn_from(name != "N(0, σ²)", seeds) for name in LOOKS}


def report(learned: dict[str, Learned]) -> str:
    return "\n".join(
        f"weights from {name}: {one.zeros[0].mean():.0%} of the outputs are 0 at the start, "
        f"{one.zeros[-1].mean():.0%} at the end; accuracy {one.accuracy[1].mean():.1%} after one epoch, "
        f"{one.accuracy[-1].mean():.1%} at the end"
        for name, one in learned.items()
    )


def draw(learned: dict[str, Learned]) -> Figure:
    figure = Figure(figsize=(13, 7.5))
    figure.suptitle("Sparsity of relu: initial weights of both signs, or all positive")
    panels = figure.subplots(2, 2)
    for axes, (name, one) in zip(panels[0], learned.items(), strict=True):
        image = axes.imshow(
            one.outputs[:40].T, cmap="Blues", vmin=0, aspect="auto", interpolation="none"
        )
        axes.imshow(
            np.where(one.outputs[:40].T == 0, 1.0, np.nan), cmap="gray", vmin=0, vmax=1.3,
            aspect="auto", interpolation="none",
        )  # fmt: skip
        axes.set(title=f"hidden outputs at the start, weights from {name}; grey: exactly 0")
        axes.set(xlabel="test picture", ylabel="hidden unit")
        axes.grid(False)
        figure.colorbar(image, ax=axes, label="output")
    for (name, one), style in zip(learned.items(), DASHES, strict=False):
        for axes, values in zip(panels[1], (one.zeros, one.accuracy), strict=True):
            axes.plot(100 * values, color=LOOKS[name], linewidth=0.6, linestyle=style)
            axes.plot(
                100 * values.mean(1), color=LOOKS[name], linestyle=style, linewidth=2.5, label=name
            )
            axes.set(xlabel="epoch", ylabel="%")
    panels[1, 0].set_title("hidden outputs that are exactly 0; thin: seeds")
    panels[1, 1].set_title("test pictures read correctly")
    panels[1, 1].legend(title="initial weights", handlelength=4)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
