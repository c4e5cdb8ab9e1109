"""ReLU units fit a parabola with straight pieces: six in one layer, or three layers of two. Both networks have
19 parameters. In one layer each unit adds one kink; further layers can fold the line repeatedly, but are harder
to train: where both units of a layer are 0, no signal passes, and the fit is constant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Adam, Network, generators, perceptron_layers
from pictures import BLACK, BLUE, ORANGE, SKY, main, progress

SHAPES = {"six side by side": [1, 6, 1], "three layers of two": [1, 2, 2, 2, 1]}
POINTS, NOISE = 2001, 10.0
RATE, BATCH, EPOCHS = 0.005, 32, 100
X = np.linspace(-10, 10, POINTS)[:, None]


@dataclass
class Fit:
    network: Network
    fitted: Any  # (seeds, points, 1)
    error: Any  # (seeds,), the mean squared error


def learn_shape(sizes: list[int], y: Any, seeds: Iterable[int], function: Any = fa.relu) -> Fit:
    """Fit the points by a network of these sizes for each seed."""
    network = Network(perceptron_layers(generators(seeds), sizes, function, bias_scale=1.0))
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


def kinks(fit: Fit, seed: int) -> Any:
    """Return where the slope of a fit changes, to the nearest point."""
    y = fit.fitted[seed, :, 0]
    bends = np.abs(np.diff(y, 2)) > 1e-6 * np.ptp(y)
    # Between two points a kink bends the line at both.
    return np.flatnonzero(bends & ~np.roll(bends, 1)) + 1


def near_noise(fit: Fit) -> int:
    """Return how many seeds come near the noise."""
    return int((fit.error < 1.5 * NOISE**2).sum())


def report(fits: dict[str, Fit]) -> str:
    lines = []
    for name, fit in fits.items():
        errors = " ".join(f"{error:.0f}" for error in np.sort(fit.error))
        lines += [f"{name}:", fit.network.summary(), f"  mean squared errors {errors}"]
    return "\n".join(lines)


def draw(fits: dict[str, Fit]) -> Figure:
    figure = Figure(figsize=(12, 5.5))
    figure.suptitle(f"Two networks of 19 parameters fit x² + noise of variance {NOISE**2:.0f}")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, fit) in zip(panels, fits.items(), strict=True):
        axes.plot(X, points(), ".", color="#c8c8c8", markersize=2, label="data")
        axes.plot(X, X**2, "--", color=BLACK, linewidth=1, label="x²", zorder=4)
        best = int(np.argmin(fit.error))
        others = axes.plot(X[:, 0], fit.fitted[..., 0].T, color=SKY, linewidth=1)
        others[0].set_label("other seeds")
        axes.plot(X, fit.fitted[best], color=BLUE, linewidth=2.5, label="best seed")
        bends = kinks(fit, best)
        axes.plot(X[bends], fit.fitted[best, bends], "o", color=ORANGE, label="its kinks", zorder=5)
        sizes, count = "-".join(map(str, SHAPES[name])), len(fit.error)
        axes.set_title(
            f"{name}, {sizes}: mean squared error {fit.error[best]:.0f} at best\n"
            f"{count - near_noise(fit)} of {count} seeds fail (error above {1.5 * NOISE**2:.0f})"
        )
        axes.set_xlabel("x")
        axes.legend(loc="upper center")
    panels[0].set_ylabel("y")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
