"""ReLU units fit a parabola with straight pieces: six in one layer, or three layers of two.

Both networks have 19 parameters. In one layer each unit adds one kink; further layers can fold the line
repeatedly, but are harder to train: where both units of a layer are 0, no signal passes, and the fit
is constant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Adam, Network, generators, perceptron_layers
from pictures import BLACK, BLUE, SKY, main, progress

SHAPES = {"six side by side": [1, 6, 1], "three layers of two": [1, 2, 2, 2, 1]}
POINTS, NOISE = 2001, 10.0
RATE, BATCH, EPOCHS = 0.005, 32, 100
X = np.linspace(-10, 10, POINTS)[:, None]


@dataclass
class Fit:
    network: Network
    fitted: Any  # (seeds, points, 1)
    error: Any  # (seeds,), the mean squared error


def learn_shape(sizes: list[int], y: Any, seeds: Iterable[int]) -> Fit:
    """Fit the points by a network of these sizes for each seed."""
    network = Network(perceptron_layers(generators(seeds), sizes, fa.relu, bias_scale=1.0))
    optimiser = Adam(network, RATE)
    order = np.random.default_rng(0)
    for _ in progress(range(EPOCHS), "epochs"):
        for batch in np.array_split(order.permutation(POINTS), range(BATCH, POINTS, BATCH)):
            error = network.forward(X[batch]) - y[batch]
            network.backward(2 * error / len(batch))
            optimiser.step()
    fitted = network.forward(X)
    return Fit(network, fitted, ((fitted - y) ** 2).mean((1, 2)))


def points() -> Any:
    return X**2 + np.random.default_rng(0).normal(0, NOISE, X.shape)


def learn(seeds: Iterable[int] = range(20)) -> dict[str, Fit]:
    return {name: learn_shape(sizes, points(), seeds) for name, sizes in SHAPES.items()}


def report(fits: dict[str, Fit]) -> str:
    return "\n".join(
        f"{name}: {fit.network.size} parameters, mean squared errors {np.sort(fit.error).round(1)}"
        for name, fit in fits.items()
    )


def draw(fits: dict[str, Fit]) -> Figure:
    figure = Figure(figsize=(12, 5.5))
    figure.suptitle(f"Two networks of 19 parameters fit x² + noise (σ = {NOISE:.0f})")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, fit) in zip(panels, fits.items(), strict=True):
        axes.plot(X, points(), ".", color="#c8c8c8", markersize=2, label="data")
        axes.plot(X, X**2, "--", color=BLACK, linewidth=1, label="x²", zorder=4)
        best = int(np.argmin(fit.error))
        others = axes.plot(X[:, 0], fit.fitted[..., 0].T, color=SKY, linewidth=1)
        others[0].set_label("other seeds")
        axes.plot(X, fit.fitted[best], color=BLUE, linewidth=2.5, label="best seed")
        sizes = "-".join(map(str, SHAPES[name]))
        axes.set(title=f"{name}: {sizes}, mean squared error {fit.error[best]:.0f} at best")
        axes.set(xlabel="x")
    panels[0].set_ylabel("y")
    panels[0].legend(loc="upper center")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
