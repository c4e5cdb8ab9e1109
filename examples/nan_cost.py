"""NaN in the cost is not a vanishing gradient. The cost from probabilities is NaN when a probability has been
rounded to 1, for log(1 - 1) is -inf and 0 · inf is NaN: in float32 from a logit of 16.6 on. That happens where
signals grow, as in ten layers of relu with parameters from N(0, 1); with the vanishing gradients of sigmoids
the cost stays at log 2, and never is NaN. Computed from the logits it is finite for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import GradientDescent, Network, generators, perceptron_layers
from pictures import BLUE, CORNERS, GREY, ORANGE, SKY, main, progress
from vanishing_gradient import RATE, SIZES, TARGETS, cost_from_logits

LOGITS = np.linspace(-60, 60, 24_001)
STEPS = {"sigmoid": 20_001, "relu": 101, "leaky_relu": 101}


@dataclass
class Run:
    first_nan: Any  # (seeds,): the first step whose cost from probabilities is NaN, or -1
    largest: Any  # (steps, seeds): the largest magnitude of a logit
    cost: Any  # (steps, seeds), from the logits


def naive_cost(z: Any, t: Any, dtype: Any = np.float32) -> Any:
    """Binary cross entropy from the probability, as in textbooks."""
    z, t = np.asarray(z, dtype), np.asarray(t, dtype)
    with np.errstate(all="ignore"):
        p = 1 / (1 + np.exp(-z))
        return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def learn_by(name: str, seeds: Iterable[int]) -> Run:
    """Train ten layers whose weights and biases are drawn from N(0, 1)."""
    rngs = generators(seeds)
    network = Network(perceptron_layers(rngs, SIZES, fa.get(name), 1.0, 1.0))
    optimiser = GradientDescent(network, RATE)
    largest, costs, nans = [], [], []
    for _ in progress(range(STEPS[name]), name):
        logits = network.forward(CORNERS)
        nans.append(np.isnan(naive_cost(logits, TARGETS)).any((1, 2)))
        largest.append(np.abs(logits).max((1, 2)))
        costs.append(cost_from_logits(logits, TARGETS).mean((1, 2)))
        network.backward((fa.sigmoid(logits) - TARGETS) / len(CORNERS))
        optimiser.step()
    seen = np.array(nans)
    first = np.where(seen.any(0), seen.argmax(0), -1)
    return Run(first, np.array(largest), np.array(costs))


def learn(seeds: Iterable[int] = range(10)) -> dict[str, Run]:
    seeds = list(seeds)
    return {name: learn_by(name, seeds) for name in STEPS}


def end(dtype: Any) -> float:
    """Return the first logit whose cost from probabilities is NaN for the target 1."""
    return float(LOGITS[np.isnan(naive_cost(LOGITS, 1.0, dtype))].min())


def report(runs: dict[str, Run]) -> str:
    lines = [
        f"NaN from a logit of {end(t):.2f} on in {t.__name__}" for t in (np.float32, np.float64)
    ]
    for name, run in runs.items():
        seeds = (run.first_nan >= 0).sum()
        steps = sorted({int(step) for step in run.first_nan if step >= 0})
        lines.append(
            f"{name}: NaN in {seeds} of {len(run.first_nan)} seeds{f', first at steps {steps}' if seeds else ''}; "
            f"cost from the logits at the end {np.median(run.cost[-1]):.3f} (median)"
        )
    return "\n".join(lines)


def draw(runs: dict[str, Run]) -> Figure:
    figure = Figure(figsize=(14, 4.8))
    figure.suptitle("NaN in the cost: a probability rounded to 1, not a vanishing gradient")
    cost, *panels = figure.subplots(1, 4, width_ratios=[1.7, 1, 1, 1])
    cost.plot(LOGITS, cost_from_logits(LOGITS, 1.0), color=BLUE, linewidth=5, label="from logits")
    naive = naive_cost(LOGITS, 1.0)
    cost.plot(LOGITS, naive, color=ORANGE, label="from probabilities, float32")
    cost.axvspan(end(np.float32), LOGITS[-1], color=GREY, alpha=0.2, linewidth=0)
    cost.annotate(
        f"NaN from {end(np.float32):.1f} on\n({end(np.float64):.1f} in float64)", (18, 20)
    )
    cost.set(title="cost of a logit, target 1", xlabel="logit", ylabel="cost")
    cost.legend()
    for axes, (name, run) in zip(panels, runs.items(), strict=True):
        axes.loglog(1 + np.arange(len(run.largest)), run.largest, color=SKY, linewidth=1)
        seeds = np.flatnonzero(run.first_nan >= 0)
        firsts = run.first_nan[seeds]
        axes.plot(1 + firsts, run.largest[firsts, seeds], "x", color=ORANGE, markersize=9, mew=2)
        axes.axhline(end(np.float32), color=GREY, linestyle=":")
        axes.set(
            title=f"{name}: NaN in {len(seeds)} of {len(run.first_nan)} seeds", ylim=(0.01, 3000)
        )
        axes.set_xlabel("step + 1")
    panels[0].set_ylabel("largest magnitude of a logit; ×: the first NaN")
    panels[0].annotate("16.6", (1, 19), color=GREY)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
