"""Units of relu die by steps that are too long: of the two layers of sixteen that fit a sine, most are dead at
a learning rate of 0.2, and no more than before training at 0.001. What dying costs is measured on the
handwritten digits: at the highest rate nearly all units are dead, and relu reads many fewer digits than
leaky_relu, which keeps its units; a few dead units cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import digits_network as digits
import dying_relu
from layers import generators
from pictures import BLUE, GREY, ORANGE, main, progress

RATES = (0.2, 0.05, 0.01, 0.001)
NAMES = {"relu": (ORANGE, ""), "leaky_relu": (BLUE, "///")}
EPOCHS = 10


@dataclass
class Learned:
    before: dict[
        float, Any
    ]  # by rate: the share of units of the sine that are dead at the start, (seeds,)
    after: dict[float, Any]  # and at the end
    accuracy: dict[tuple[str, float], Any]  # of the digits, by activation and rate, (seeds,)
    dead: dict[
        tuple[str, float], Any
    ]  # the share of hidden units of the digits that are dead, (seeds,)


def dead_share(trained: digits.Trained) -> Any:
    """Return the share of the hidden units whose slope is 0 for every picture of the training."""
    first, activation, _ = trained.network.layers
    sums = first.forward(digits.samples()[0])
    activation.forward(sums)
    return (activation.backward(np.ones_like(sums)) == 0).all(1).mean(1)


def learn(seeds: Iterable[int] = range(10)) -> Learned:
    seeds = list(seeds)
    learned = Learned({}, {}, {}, {})
    for rate in progress(RATES, "rates"):
        dead = dying_relu.learn_by("relu", seeds, rate).dead.mean((2, 3))
        learned.before[rate], learned.after[rate] = dead[0], dead[-1]
        for name in NAMES:
            rngs = generators(seeds[:5])
            trained = digits.train(digits.make(name, rngs), rngs, EPOCHS, rate)
            learned.accuracy[name, rate] = trained.accuracy()
            learned.dead[name, rate] = dead_share(trained)
    return learned


def report(learned: Learned) -> str:
    lines = []
    for rate in RATES:
        reads = ", ".join(
            f"{name} reads {learned.accuracy[name, rate].mean():.1%} ({learned.dead[name, rate].mean():.0%} dead)"
            for name in NAMES
        )
        lines.append(f"rate {rate}: sine {learned.after[rate].mean():.0%} dead; digits: {reads}")
    return "\n".join(lines)


def draw(learned: Learned) -> Figure:
    figure = Figure(figsize=(13, 5))
    figure.suptitle("Too long a step kills units of relu")
    sine, accuracy = figure.subplots(1, 2)
    places, labels = np.arange(len(RATES)), [str(rate) for rate in RATES]
    shares = [100 * learned.after[rate].mean() for rate in RATES]
    bars = sine.bar(places, shares, 0.6, color=ORANGE)
    sine.bar_label(bars, fmt="%.0f %%", padding=2)
    for place, rate in zip(places, RATES, strict=True):
        each = 100 * learned.after[rate]
        sine.plot(np.full(len(each), place + 0.2), each, "_", color="black", markersize=9)
    start = 100 * learned.before[RATES[0]].mean()
    sine.axhline(start, color=GREY, linestyle="--", label=f"before training: {start:.0f} %")
    sine.legend()
    sine.set(
        title="a sine: dead units of relu; short lines: single seeds", ylabel="%", ylim=(0, 105)
    )
    for shift, (name, (colour, hatch)) in zip((-0.2, 0.2), NAMES.items(), strict=True):
        means = [100 * learned.accuracy[name, rate].mean() for rate in RATES]
        look = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": name}
        bars = accuracy.bar(places + shift, means, 0.4, **look)
        dead = [f"{100 * learned.dead[name, rate].mean():.0f} %\ndead" for rate in RATES]
        for bar, text in zip(bars, dead, strict=True):
            box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
            place = bar.get_x() + bar.get_width() / 2
            accuracy.annotate(text, (place, 4), ha="center", fontsize="small", bbox=box)
        for place, rate in zip(places + shift, RATES, strict=True):
            each = 100 * learned.accuracy[name, rate]
            accuracy.plot(np.full(len(each), place), each, "_", color="black", markersize=9)
    accuracy.set(
        title="digits: test pictures read correctly; short lines: seeds", ylabel="%", ylim=(0, 115)
    )
    accuracy.legend(loc="upper right", ncols=2)
    for axes in (sine, accuracy):
        axes.set(xticks=places, xticklabels=labels, xlabel="learning rate of Adam")
        axes.grid(False, axis="x")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
