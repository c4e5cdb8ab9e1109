"""Ten layers learn XOR by plain gradient descent: with sigmoids the gradient vanishes, with relu, leaky_relu
and tanh it does not. σ′ is at most ¼, so nine sigmoids in sequence leave at most 4⁻⁹ of the gradient for the
first layer, and the output hardly changes: the accuracy stays at ½ and the cost at log 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Dense, GradientDescent, Network, generators, perceptron_layers
from perceptron_gates import GATES
from pictures import BLUE, SKY, main, progress
from pictures import CORNERS as X

HIDDEN = {"sigmoid": fa.sigmoid, "tanh": fa.tanh, "relu": fa.relu, "leaky_relu": fa.leaky_relu}
SIZES = [2, *[5] * 9, 1]
TARGETS = GATES["XOR"][:, None]
RATE, STEPS, EVERY = 0.01, 20_001, 100


@dataclass
class Run:
    """Records of every hundred steps; the last axis is the seeds."""

    cost: Any  # (records, seeds)
    accuracy: Any  # (records, seeds)
    norms: Any  # (records, layers, seeds)


def cost_from_logits(z: Any, t: Any) -> Any:
    """Binary cross-entropy, finite for every finite logit."""
    return -(t * fa.log_sigmoid(z) + (1 - t) * fa.log_sigmoid(-z))


def learn_by(function: Any, seeds: Iterable[int], steps: int = STEPS) -> Run:
    """Train a network for each seed with this function after each hidden layer."""
    network = Network(perceptron_layers(generators(seeds), SIZES, function, bias_scale=0.3))
    weights = [layer.gradients[0] for layer in network.layers if isinstance(layer, Dense)]
    optimiser = GradientDescent(network, RATE)
    records = []
    for step in progress(range(steps), function.__name__):
        logits = network.forward(X)
        network.backward((fa.sigmoid(logits) - TARGETS) / len(X))
        if step % EVERY == 0:
            cost = cost_from_logits(logits, TARGETS).mean((1, 2))
            accuracy = ((logits > 0) == (TARGETS > 0.5)).mean((1, 2))
            records.append((cost, accuracy, [np.linalg.norm(g, axis=(1, 2)) for g in weights]))
        optimiser.step()
    return Run(*(np.array(part) for part in zip(*records, strict=True)))


def learn(seeds: Iterable[int] = range(10), steps: int = STEPS) -> dict[str, Run]:
    return {name: learn_by(function, seeds, steps) for name, function in HIDDEN.items()}


def share(run: Run) -> float:
    """Return the share of the seeds that have learned XOR."""
    return float((run.accuracy[-1] == 1.0).mean())


def report(runs: dict[str, Run]) -> str:
    lines = [
        f"{name:10s} learned by {share(run):.0%} of {run.cost.shape[1]} seeds, mean accuracy "
        f"{run.accuracy[-1].mean():.2f}, first gradient of the first layer {np.median(run.norms[0, 0]):.1e}"
        for name, run in runs.items()
    ]
    return "\n".join(lines)


def draw(runs: dict[str, Run]) -> Figure:
    figure = Figure(figsize=(14, 10))
    figure.suptitle(
        "Ten layers learn XOR by plain gradient descent; thin: ten seeds, thick: their median"
    )
    panels = figure.subplots(3, len(runs), sharex=True, sharey="row")
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(SIZES) - 1))
    for column, (name, run) in zip(panels.T, runs.items(), strict=True):
        steps = np.arange(len(run.cost)) * EVERY
        for axes, values in zip(column, (run.cost, run.accuracy), strict=False):
            axes.plot(steps, values, color=SKY, linewidth=0.6)
            axes.plot(steps, np.median(values, axis=1), color=BLUE, linewidth=2.5)
        column[0].set_title(f"{name}: {share(run):.0%} of the seeds learn it")
        norms = np.median(run.norms, axis=2).T
        for layer, (line, shade) in enumerate(zip(norms, shades, strict=True), 1):
            column[2].semilogy(steps, np.maximum(line, 1e-12), color=shade, label=f"{layer}")
        column[2].set(xlabel="step", xticks=[0, 10_000, 20_000])
    panels[0, 0].annotate("log 2: guessing", (0, 0.72))
    for axes, label in zip(
        panels[:, 0], ("cost", "accuracy", "gradient norm of each layer, median"), strict=True
    ):
        axes.set_ylabel(label)
    lines, labels = panels[2, 0].get_legend_handles_labels()
    figure.legend(lines, labels, title="layer", loc="outside right lower")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
