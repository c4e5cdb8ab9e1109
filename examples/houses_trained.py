"""Eight houses, learned from eleven starts. The cost of a single sigmoid unit is convex: every start ends in
its one minimum. A hidden ReLU unit can do better, but many starts end worse: where its relu is 0 for every
house, no gradient reaches its weights, and all houses get the same output, the share of those that were
rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from houses import STEPS, TEXTBOOK, Model
from layers import generators
from pictures import BLUE, GREEN, ORANGE, SKY, main

# Of four houses one of two equal ones was rebuilt: each costs at least log 2, the other four may cost nothing.
LEAST = np.log(2) / 2


@dataclass
class Training:
    model: Model
    costs: Any  # (steps, units)

    def dead(self) -> Any:
        """Return for which starts the hidden unit is 0 for every house."""
        return (self.model.inner() <= 0).all(0)


def train(model: Model) -> Training:
    costs = []
    for _ in range(STEPS):
        costs.append(model.cost())
        model = model.step()
    return Training(model, np.array(costs))


def learn(seeds: Iterable[int] = range(10)) -> dict[str, Training]:
    """Train both models: the first column starts from the textbook's numbers, the others from random ones."""
    random = np.stack([rng.normal(size=5) for rng in generators(seeds)], axis=1)
    trainings = {}
    for name, book in TEXTBOOK.items():
        outer = None if book.outer is None else np.hstack([book.outer, random[3:]])
        weight, bias = np.hstack([book.weight, random[:2]]), np.hstack([book.bias, random[2]])
        trainings[name] = train(Model(weight, bias, outer))
    return trainings


def report(trainings: dict[str, Training]) -> str:
    lines = []
    for name, run in trainings.items():
        costs = " ".join(f"{cost:.4f}" for cost in np.sort(run.costs[-1]))
        lines.append(f"{name}: cost {costs}; accuracy at most {run.model.accuracy().max()}")
    dead = trainings["hidden relu"].dead().sum()
    return "\n".join([*lines, f"of the hidden units {dead} are 0 for every house"])


def draw(trainings: dict[str, Training]) -> Figure:
    figure = Figure(figsize=(13, 5))
    figure.suptitle("One unit always learns the same; a hidden unit may learn more, or die")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (name, run) in zip(panels, trainings.items(), strict=True):
        dead = run.dead() if name == "hidden relu" else np.zeros(11, dtype=bool)
        lines = [axes.plot(run.costs[:, ~dead], color=SKY, linewidth=0.9)[-1]]
        labels = ["a random start"]
        if dead.any():
            lines.append(axes.plot(run.costs[:, dead], "--", color=ORANGE, linewidth=1.5)[0])
            labels.append("relu dies: 0 for every house")
        lines += axes.plot(run.costs[:, 0], color=BLUE, linewidth=2.5)
        axes.axhline(LEAST, color=GREEN, linestyle=":")
        axes.legend(lines, [*labels, "the textbook's start"], loc="upper right")
        axes.set(xlabel="step", ylim=(0.3, 1.0), title=f"{name}, eleven starts")
    panels[0].set_ylabel("binary cross entropy")
    panels[0].annotate(
        "½ log 2, the least of any function of these inputs;", (300, 0.385), color=GREEN
    )
    panels[0].annotate("neither network can form it", (300, 0.36), color=GREEN)
    panels[1].annotate("spikes: a step has crossed the kink of relu", (500, 0.44), va="bottom")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
