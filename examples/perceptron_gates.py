"""A perceptron learns OR and AND, and cannot learn XOR: no straight line separates its corners. The output is
`step` of a weighted sum, with its threshold as an argument. Its derivative is 0, so there is no gradient to
descend: Rosenblatt's rule adds the error times the input to the weights, corner by corner. On XOR it goes round
for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import generators
from pictures import BLACK, BLUE, CORNERS, INK, SIDE, SKY, draw_corners, main, spread

GATES = {
    "OR": np.array([0.0, 1.0, 1.0, 1.0]),
    "AND": np.array([0.0, 0.0, 0.0, 1.0]),
    "XOR": np.array([0.0, 1.0, 1.0, 0.0]),
}
RATE = 0.01
MOST_EPOCHS = 1000


@dataclass
class Perceptron:
    """Perceptrons trained at once, one for each seed."""

    weight: Any  # (seeds, 2)
    bias: Any  # (seeds,)
    threshold: float
    accuracy: Any = None  # (epochs, seeds)
    first: Any = (
        None  # (first steps, 3): the weights and the bias of the first seed, corner by corner
    )

    def output(self, x: Any) -> Any:
        return fa.step(self.weight @ x.T + self.bias[:, None], self.threshold)


def learn_gate(targets: Any, seeds: Iterable[int], threshold: float = 0.0) -> Perceptron:
    """Train until every perceptron is right or the epochs are over."""
    start = np.stack([rng.normal(size=3) for rng in generators(seeds)])
    perceptron = Perceptron(start[:, :2].copy(), start[:, 2].copy(), threshold)
    history, first = [], []
    for epoch in range(MOST_EPOCHS):
        for x, target in zip(CORNERS, targets, strict=True):
            error = target - fa.step(perceptron.weight @ x + perceptron.bias, threshold)
            perceptron.weight += RATE * error[:, None] * x
            perceptron.bias += RATE * error
            if epoch < 2:
                first.append((*x, target, error[0], *perceptron.weight[0], perceptron.bias[0]))
        history.append((perceptron.output(CORNERS) == targets).mean(1))
        if np.all(history[-1] == 1.0):
            break
    perceptron.accuracy, perceptron.first = np.array(history), np.array(first)
    return perceptron


def learn(threshold: float = 0.0, seeds: Iterable[int] = range(10)) -> dict[str, Perceptron]:
    seeds = list(seeds)
    return {gate: learn_gate(targets, seeds, threshold) for gate, targets in GATES.items()}


def report(learned: dict[str, Perceptron]) -> str:
    lines = ["XOR, two epochs of one seed: inputs, target, error, then the weights and the bias"]
    for x1, x2, target, error, w1, w2, bias in learned["XOR"].first:
        lines.append(
            f"  {x1:.0f} {x2:.0f}  {target:.0f}  {error:+.0f}   {w1:8.5f} {w2:8.5f} {bias:8.5f}"
        )
    for gate, p in learned.items():
        weights = f"weights {p.weight[0].round(4)}, bias {p.bias[0]:.4f}"
        lines.append(
            f"{gate}: {len(p.accuracy)} epochs; accuracy {spread(p.accuracy[-1])}; {weights}"
        )
    return "\n".join(lines)


def draw(learned: dict[str, Perceptron]) -> Figure:
    figure = Figure(figsize=(11, 7.5))
    figure.suptitle("A perceptron divides the plane with one straight line")
    planes, curves = figure.subplots(2, 3, height_ratios=[1.5, 1])
    for plane, curve, (gate, one) in zip(planes, curves, learned.items(), strict=True):
        draw_line(plane, one, int(np.argmax(one.accuracy[-1])))
        draw_corners(plane, GATES[gate])
        plane.set_title(f"{gate}: a seed with accuracy {one.accuracy[-1].max():.2f}")
        epochs = np.arange(1, len(one.accuracy) + 1)
        curve.plot(epochs, one.accuracy, color=SKY, linewidth=0.7)
        curve.plot(epochs, one.accuracy.mean(1), color=BLUE, linewidth=2.5)
        curve.set(
            title=f"at the end {spread(one.accuracy[-1])}", xlabel="epoch", ylim=(-0.05, 1.05)
        )
    curves[2].axhline(0.75, color=BLACK, linestyle=":", linewidth=1)
    curves[2].annotate("the most any line can reach", (20, 0.79))
    planes[0].set_ylabel("second input")
    curves[0].set_ylabel("accuracy; thick: mean of the seeds")
    figure.legend(*planes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def draw_line(axes: Any, perceptron: Perceptron, seed: int) -> None:
    """Draw where the weighted sum equals the threshold, and colour the side above it."""
    (w1, w2), bias = perceptron.weight[seed], perceptron.bias[seed] - perceptron.threshold
    low, high = np.array([SIDE[0], SIDE[-1]])
    axes.set_facecolor("#b3d4e8")  # of target 0
    border = -(w1 * SIDE[[0, -1]] + bias) / w2
    above = high + 9 if w2 > 0 else low - 9
    axes.fill_between(SIDE[[0, -1]], border, above, color="#f5dca3", linewidth=0)
    axes.plot(SIDE[[0, -1]], border, color=INK, linewidth=1.5)


if __name__ == "__main__":
    main(learn, report, draw, threshold=0.0)
