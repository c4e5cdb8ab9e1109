"""Linear layers collapse into one: without an activation between them, two layers multiply to a single one,
whatever their sizes, and a straight line cannot fit a parabola. Its error is the variance of the values; six
relu units in the middle get down to the noise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from pictures import BLACK, BLUE, ORANGE, main
from relu_parabola import NOISE, Fit, X, learn_shape, points

SHAPE = [1, 6, 1]


def learn(seeds: Iterable[int] = range(10)) -> dict[str, Fit]:
    seeds = list(seeds)
    functions = (fa.identity, fa.relu)
    return {f.__name__: learn_shape(SHAPE, points(), seeds, f) for f in functions}


def product(fit: Fit) -> tuple[Any, Any]:
    """Return slope and intercept of the single layer that two linear ones multiply to, for each seed."""
    first, first_bias, second, second_bias = fit.network.parameters
    return (first @ second)[:, 0, 0], (first_bias @ second + second_bias)[:, 0, 0]


def report(fits: dict[str, Fit]) -> str:
    slope, intercept = product(fits["identity"])
    lines = [f"{name}: error {fit.error.min():.1f} at best" for name, fit in fits.items()]
    return "\n".join(
        [
            *lines,
            f"variance of y {points().var():.1f}, noise {NOISE**2:.0f}",
            f"product of the matrices, first seed: y = {slope[0]:z.4f} x + {intercept[0]:.4f}",
        ]
    )


def draw(fits: dict[str, Fit]) -> Figure:
    figure = Figure(figsize=(9, 5.5))
    axes = figure.subplots()
    axes.plot(X, points(), ".", color="#c8c8c8", markersize=2, label="data")
    for name, colour, style in (("identity", ORANGE, "--"), ("relu", BLUE, "-")):
        fit = fits[name]
        best = int(np.argmin(fit.error))
        label = f"{name}: mean squared error {fit.error[best]:.0f}"
        axes.plot(X, fit.fitted[best], style, color=colour, linewidth=2.5, label=label)
    slope, intercept = (
        part[int(np.argmin(fits["identity"].error))] for part in product(fits["identity"])
    )
    label = f"product of the two matrices: {slope:z.2f} x + {intercept:.1f}"
    axes.plot(X, slope * X + intercept, ":", color=BLACK, linewidth=2, label=label)
    axes.set(
        title="1-6-1 without and with an activation: linear layers multiply to one",
        xlabel="x",
        ylabel="y",
    )
    axes.legend(
        loc="upper center",
        title=f"variance of y: {points().var():.0f}; of the noise: {NOISE**2:.0f}",
    )
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
