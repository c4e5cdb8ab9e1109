"""Units of a ReLU network die: zero for every input, so their gradient is zero and they stay dead. Two layers
of sixteen fit a sine, with Adam at a high learning rate. After a step that moves a unit's bias far below its
inputs, its gradient is zero; only Adam's remaining momentum, or a change in the layer before, may revive it.
With a slope below zero, learned (prelu) or not (leaky_relu, elu, gelu), every unit keeps learning; and one of
maxout's two weighted sums is always the maximum.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Activation, Adam, Dense, Layer, Network, PRelu, generators
from pictures import BLACK, BLUE, DASHES, GREEN, GREY, ORANGE, PINK, SKY, main, progress

X = np.linspace(-1, 1, 101)[:, None]
Y = np.sin(3 * X)
NAMES = ["relu", "leaky_relu", "prelu", "elu", "gelu", "maxout"]
UNITS, PIECES = 16, 2
RATE, EPOCHS = 0.2, 200
LINES = [ORANGE, BLUE, GREEN, PINK, SKY, BLACK]


@dataclass
class Run:
    network: Network
    dead: Any  # (epochs, seeds, layers, units): which units were dead
    cost: Any  # (epochs, seeds)


def make(name: str, rngs: list[np.random.Generator]) -> Network:
    """Return networks of 1-16-16-1 with this activation."""
    layers: list[Any] = []
    for inputs in (1, UNITS):
        sums = UNITS * (PIECES if name == "maxout" else 1)
        layers += [Dense(rngs, inputs, sums, np.sqrt(2 / inputs)), activation(name, rngs)]
    return Network([*layers, Dense(rngs, UNITS, 1, np.sqrt(2 / UNITS))])


def activation(name: str, rngs: list[np.random.Generator]) -> Layer:
    if name == "prelu":
        return PRelu(rngs, UNITS)
    return Activation(fa.get(name), **({"pieces": PIECES} if name == "maxout" else {}))


def dead_units(network: Network) -> Any:
    """Return which hidden units have a slope of zero for every input, in all of their pieces."""
    dead = []
    for layer in network.layers[1::2]:
        shape = (*layer.x.shape[:2], UNITS)
        slopes = layer.backward(np.ones(shape)).reshape(*shape, -1)
        dead.append((slopes == 0).all((1, 3)))
    return np.stack(dead, axis=1)


def learn_by(name: str, seeds: Iterable[int], rate: float = RATE) -> Run:
    network = make(name, generators(seeds))
    optimiser = Adam(network, rate)
    dead, cost = [], []
    for _ in progress(range(EPOCHS), name):
        error = network.forward(X) - Y
        dead.append(dead_units(network))
        cost.append((error**2).mean((1, 2)))
        network.backward(2 * error / len(X))
        optimiser.step()
    return Run(network, np.array(dead), np.array(cost))


def learn(seeds: Iterable[int] = range(10)) -> dict[str, Run]:
    return {name: learn_by(name, seeds) for name in NAMES}


def report(runs: dict[str, Run]) -> str:
    return "\n".join(
        f"{name:10s} {run.dead[-1].mean():4.0%} of the units dead at the end, "
        f"mean squared error {np.median(run.cost[-1]):.1e} (median)"
        for name, run in runs.items()
    )


def draw(runs: dict[str, Run]) -> Figure:
    figure = Figure(figsize=(13, 8.5))
    figure.suptitle("Dying ReLU: two layers of sixteen units fit a sine, ten seeds")
    (share, cost), (raster, fit) = figure.subplots(2, 2)
    for (name, run), colour, style in zip(runs.items(), LINES, DASHES, strict=True):
        width = 2.5 if name == "relu" else 1.5
        look = {"color": colour, "linestyle": style, "linewidth": width, "label": name}
        share.plot(100 * run.dead.mean((1, 2, 3)), **look)
        cost.semilogy(np.median(run.cost, axis=1), **look)
    share.set(title="units that are dead", xlabel="epoch", ylabel="%", ylim=(-3, 103))
    share.annotate("all others: none", (EPOCHS, 3), ha="right")
    share.annotate("relu", (EPOCHS, 100 * runs["relu"].dead[-1].mean() + 3), ha="right")
    cost.set(title="mean squared error, median of the seeds", xlabel="epoch", ylabel="error")
    cost.legend(handlelength=4)
    worst = int(np.argmax(runs["relu"].cost[-1]))
    draw_units(raster, runs["relu"].dead[:, worst].reshape(EPOCHS, -1).T)
    fit.plot(X, Y, color=GREY, linewidth=5, alpha=0.5, label="sine")
    for name, colour, style in (("relu", ORANGE, "-"), ("leaky_relu", BLACK, "--")):
        fitted = runs[name].network.forward(X)[worst]
        fit.plot(X, fitted, style, color=colour, label=name)
    fit.set(title="the same seed's fit", xlabel="x", ylabel="y")
    fit.legend()
    return figure


def draw_units(axes: Any, dead: Any) -> None:
    """Draw a row for each hidden unit, dark in the epochs when it is dead."""
    axes.imshow(1 - dead, cmap="gray", vmin=-0.4, vmax=1, aspect="auto", interpolation="none")
    axes.axhline(UNITS - 0.5, color=ORANGE, linewidth=2)
    axes.set(title="relu, the seed with the worst fit: dark where a unit is dead", xlabel="epoch")
    axes.set(ylabel="hidden unit", yticks=[7.5, 23.5], yticklabels=["layer 1", "layer 2"])
    axes.tick_params(axis="y", length=0)
    axes.grid(False)


if __name__ == "__main__":
    main(learn, report, draw)
