"""How many hidden sigmoid units XOR needs: with one the network learns it from no start, with two from most,
with three from nearly all. Behind a sigmoid output, starts that have not learned it early do not learn it at
all; behind a linear output some still do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Activation, Adam, Network, generators, perceptron_layers
from perceptron_gates import GATES
from pictures import BLUE, CORNERS, DASHES, GREEN, ORANGE, main, progress

RATE, STEPS, EVERY = 0.01, 3000, 20
COLOURS = {1: GREEN, 2: ORANGE, 3: BLUE}
OUTPUTS = {"linear": [], "sigmoid": [Activation(fa.sigmoid)]}


def learn_by(hidden: int, output: str, seeds: Iterable[int]) -> Any:
    """Return the share of the seeds that are right at all corners, every EVERY steps."""
    layers = perceptron_layers(
        generators(seeds), [2, hidden, 1], fa.sigmoid, scale=0.5, bias_scale=0.3
    )
    network = Network([*layers, *OUTPUTS[output]])
    optimiser = Adam(network, RATE)
    targets, shares = GATES["XOR"][:, None], []
    for step in progress(range(STEPS + 1), f"{hidden} hidden units"):
        values = network.forward(CORNERS)
        if step % EVERY == 0:
            shares.append(((values > 0.5) == (targets > 0.5)).all((1, 2)).mean())
        network.backward(2 * (values - targets) / len(CORNERS))
        optimiser.step()
    return np.array(shares)


def learn(seeds: Iterable[int] = range(20)) -> dict[tuple[int, str], Any]:
    seeds = list(seeds)
    return {(n, output): learn_by(n, output, seeds) for output in OUTPUTS for n in COLOURS}


def at(shares: Any, step: int) -> float:
    return float(shares[step // EVERY])


def report(learned: dict[tuple[int, str], Any]) -> str:
    return "\n".join(
        f"{hidden} hidden, {output} output: {at(shares, 1000):.0%} of the seeds after 1,000 steps, "
        f"{at(shares, 3000):.0%} after 3,000"
        for (hidden, output), shares in learned.items()
    )


def draw(learned: dict[tuple[int, str], Any]) -> Figure:
    figure = Figure(figsize=(12, 4.8))
    figure.suptitle("XOR behind 1, 2 and 3 hidden sigmoid units: how many of the seeds learn it")
    panels = dict(zip(OUTPUTS, figure.subplots(1, 2, sharey=True), strict=True))
    for (hidden, output), shares in learned.items():
        steps = np.arange(len(shares)) * EVERY
        panels[output].plot(
            steps,
            100 * shares,
            color=COLOURS[hidden],
            linestyle=DASHES[3 - hidden],
            label=f"{hidden} hidden unit{'s' if hidden > 1 else ''}",
            linewidth=2,
        )
    for output, axes in panels.items():
        axes.set(title=f"{output} output", xlabel="step", ylim=(-3, 103))
    panels["linear"].set_ylabel("seeds right at all four corners, %")
    panels["sigmoid"].legend(loc="lower right", bbox_to_anchor=(1, 0.1))
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
