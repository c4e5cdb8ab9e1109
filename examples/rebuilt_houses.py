"""Was the house rebuilt? Eight houses, with their number of rooms and whether they were built in 2000 or later.
One sigmoid unit, and one after a hidden ReLU unit, are computed by hand: the linear column, the outputs, the
cross entropy from probabilities and from logits, and one step of RMSprop. Two pairs of houses have equal inputs
but different answers, so at most six of the eight can be right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from pictures import BLACK, BLUE, GREY, ORANGE, main

ROOMS = np.array([1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 3.0, 4.0])
YEARS = np.array([2001, 1997, 1998, 2020, 1994, 1999, 2000, 2010])
HOUSES = np.stack([ROOMS, YEARS >= 2000], axis=1)
REBUILT = np.array([[1, 0, 0, 1, 1, 1, 1, 0]], dtype=float).T
RATE, STEPS = 0.2, 2000


@dataclass(frozen=True)
class Model:
    """One unit for each column; with `outer`, a second layer of units takes their relu."""

    weight: Any  # (2, units)
    bias: Any  # (units,)
    outer: Any = None  # (2, units): weight and bias

    def inner(self) -> Any:
        return HOUSES @ self.weight + self.bias

    def logits(self) -> Any:
        if self.outer is None:
            return self.inner()
        weight, bias = self.outer
        return weight * fa.relu(self.inner()) + bias

    def output(self) -> Any:
        return fa.sigmoid(self.logits())

    def accuracy(self) -> Any:
        return (fa.step(self.output(), 0.5) == REBUILT).mean(0)

    def cost(self) -> Any:
        """Binary cross entropy from the logits, by unit."""
        z = self.logits()
        rebuilt = np.broadcast_to(REBUILT, z.shape)
        return fa.binary_cross_entropy_with_logits(z, rebuilt, reduction="none").mean(0)

    def cost_from_probabilities(self) -> Any:
        """The same from the outputs p: the mean of -log p for rebuilt houses, of -log(1 - p) for others."""
        p = self.output()
        return -np.log(np.where(REBUILT == 1.0, p, 1 - p)).mean(0)

    def gradient(self) -> tuple[Any, Any, Any]:
        """Return the gradient of the cost with respect to each parameter, in their order."""
        # For each logit the derivatives of sigmoid and logarithm cancel to p - t.
        g = (self.output() - REBUILT) / len(REBUILT)
        outer = None
        if self.outer is not None:
            z = self.inner()
            outer = np.stack([(g * fa.relu(z)).sum(0), g.sum(0)])
            g = fa.relu.vjp(self.outer[0] * g, z)
        return HOUSES.T @ g, g.sum(0), outer

    def step(self) -> Model:
        """Return the model after one step of gradient descent."""
        weight, bias, outer = self.gradient()
        moved = None if self.outer is None else self.outer - RATE * outer
        return Model(self.weight - RATE * weight, self.bias - RATE * bias, moved)


def rmsprop_step(model: Model, rate: float = 0.001, keep: float = 0.9) -> Model:
    """Return the unit after the first step of RMSprop: each parameter moves by rate/√(1 - keep), ±0.00316."""
    weight, bias, _ = model.gradient()
    return Model(
        model.weight - rate * weight / np.sqrt((1 - keep) * weight**2),
        model.bias - rate * bias / np.sqrt((1 - keep) * bias**2),
    )


START = Model(np.array([[0.10759], [-0.38292]]), np.array([0.0]))
TEXTBOOK = {
    "one unit": Model(np.array([[0.11075377], [-0.37975395]]), np.array([0.00316227])),
    "hidden relu": Model(
        np.array([[0.11075378], [-0.37975395]]),
        np.array([0.00316224]),
        np.array([[-0.60811526], [0.00316227]]),
    ),
}


def learn() -> Model:
    """Return the one unit after training from the textbook's numbers."""
    trained = TEXTBOOK["one unit"]
    for _ in range(STEPS):
        trained = trained.step()
    return trained


def report(trained: Model) -> str:
    unit, hidden = TEXTBOOK.values()
    columns = {
        "rooms": ROOMS,
        "year": YEARS,
        "≥ 2000": HOUSES[:, 1],
        "rebuilt": REBUILT[:, 0],
        "linear": hidden.inner()[:, 0],
        "relu": fa.relu(hidden.inner())[:, 0],
        "one unit": unit.output()[:, 0],
        "hidden relu": hidden.output()[:, 0],
    }
    lines = ["".join(f"{name:>12s}" for name in columns)]
    lines += ["".join(f"{v:12.8g}" for v in row) for row in zip(*columns.values(), strict=True)]
    after = rmsprop_step(START)
    lines.append(
        f"one step of RMSprop: cost {START.cost()[0]:.6f} to {after.cost()[0]:.6f}, weights "
        f"{START.weight[:, 0]} to {after.weight[:, 0].round(5)}, accuracy {after.accuracy()[0]}"
    )
    for name, model in TEXTBOOK.items():
        two = f"{model.cost_from_probabilities()[0]:.8f} from the probabilities"
        lines.append(
            f"{name}: cost {model.cost()[0]:.8f} from the logits, {two}; accuracy {model.accuracy()[0]}"
        )
    end = f"cost {trained.cost()[0]:.4f}, accuracy {trained.accuracy()[0]}"
    return "\n".join([*lines, f"one unit after {STEPS} steps of gradient descent: {end}"])


def draw(trained: Model) -> Figure:
    figure = Figure(figsize=(12, 5.5))
    figure.suptitle(
        "Was the house rebuilt? Six of the eight answers are the most that can be right"
    )
    axes = figure.subplots()
    places = np.arange(len(REBUILT))
    shown = {**TEXTBOOK, f"one unit after {STEPS} steps": trained}
    looks = ((BLUE, ""), (ORANGE, ""), ("white", "///"))
    for shift, (name, model), (colour, hatch) in zip((-1, 0, 1), shown.items(), looks, strict=True):
        bars = axes.bar(
            places + 0.25 * shift, model.output()[:, 0], 0.25, color=colour, hatch=hatch
        )
        bars.set_label(name)
        for bar in bars:
            bar.set_edgecolor(BLUE if hatch else colour)
    axes.axhline(0.5, color=BLACK, linewidth=1, linestyle="--")
    for place in places[REBUILT[:, 0] == 1]:
        axes.axvspan(place - 0.5, place + 0.5, color=GREY, alpha=0.2, linewidth=0, zorder=0)
    names = [
        f"{'rebuilt' if t else 'not rebuilt'}\n{rooms:.0f} room{'s' if rooms > 1 else ''}, {year}"
        for rooms, year, t in zip(ROOMS, YEARS, REBUILT[:, 0], strict=True)
    ]
    axes.set(xticks=places, xticklabels=names, ylabel="output", ylim=(0, 1.15), xlim=(-0.5, 7.5))
    axes.set_title("outputs for the eight houses; grey: rebuilt, its output should be above 0.5")
    axes.grid(False, axis="x")
    axes.legend(ncols=3, loc="upper center")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
