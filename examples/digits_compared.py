"""Every activation on the digits, each from five seeds: most of them differ by less than one seed differs from
the next, so that a ranking from one seed means nothing. After ten epochs those like sigmoid lag somewhat
behind, and step far: its derivative is 0, so that the first layer never learns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from digits_network import HIDDEN, make, train
from layers import ELEMENTWISE, generators
from pictures import BLUE, GREY, SKY, main, progress

EPOCHS, LEFT = 10, 94


def learn(seeds: Iterable[int] = range(5)) -> dict[str, Any]:
    """Return the accuracy on the test pictures by activation, for each seed."""
    seeds = list(seeds)
    accuracy = {}
    for name in progress(ELEMENTWISE, "activations"):
        rngs = generators(seeds)
        accuracy[name] = train(make(name, rngs), rngs, EPOCHS).accuracy()
    return accuracy


def report(accuracy: dict[str, Any]) -> str:
    return "\n".join(
        f"{name:15s} {one.mean():6.1%}, by seed {one.min():.1%} to {one.max():.1%}"
        for name, one in ordered(accuracy).items()
    )


def ordered(accuracy: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(accuracy.items(), key=lambda item: item[1].mean()))


def draw(accuracy: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(9, 11))
    axes = figure.subplots()
    means = ordered(accuracy)
    for row, one in enumerate(means.values()):
        axes.plot([100 * one.min(), 100 * one.max()], [row, row], color=SKY, linewidth=4, alpha=0.6)
        axes.plot(100 * one, np.full(len(one), row), "|", color=GREY, markersize=7)
        axes.plot(100 * one.mean(), row, "o", color=BLUE, markersize=5)
        if one.max() < LEFT / 100:  # step would squeeze all others
            text = f"← {100 * one.min():.1f} to {100 * one.max():.1f} %"
            axes.annotate(text, (LEFT + 0.05, row), va="center", color=BLUE)
    middle = np.median([np.ptp(one) for one in means.values()])
    axes.set(yticks=np.arange(len(means)), yticklabels=means, ylim=(-0.7, len(means) - 0.3))
    axes.set_xlim(LEFT, 100)
    axes.set_xlabel("test pictures read correctly, %")
    axes.set_title(
        f"64-{HIDDEN}-10 after {EPOCHS} epochs; bars: from the worst to the best of {len(one)} seeds, dots: means\n"
        f"a typical bar is {100 * middle:.1f} % long: a ranking from one seed means nothing"
    )
    axes.grid(False, axis="y")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
