"""softmax is exp(x) over the sum, but exp overflows: inf/inf is NaN. Subtracting the largest input from all of
them is the cure, and changes nothing: exp(x - m) is exp(x)/exp(m), and exp(m) cancels from the quotient.
Subtracting the logarithm of the largest is no cure: it cancels as well, but 1000 becomes 993, whose exp is inf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import generators
from pictures import BLUE, GREEN, GREY, ORANGE, main

PAGES = (
    np.array([1.0, 2.0, 3.0]),
    np.array([0.11111111111, 0.3, 0.4, 0.18888888889, 0.1]),
    np.array([300.0, 200.0, 500.0, 100.0, 400.0]),
)
LARGEST = np.linspace(1, 1000, 1000)


def quotient(x: Any, subtract: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(x - subtract)
        return e / e.sum(-1, keepdims=True)


def largest(x: Any) -> Any:
    return x.max(-1, keepdims=True)


WAYS: dict[str, Callable[[Any], Any]] = {
    "exp(x) / Σ exp(x)": lambda x: quotient(x, 0.0),
    "x - log max x first": lambda x: quotient(x, np.log(largest(x))),
    "x - max x first": lambda x: quotient(x, largest(x)),
    "fa.softmax": fa.softmax,
}


@dataclass
class Compared:
    softmax: list[Any]  # of each of PAGES
    first: dict[str, Any]  # by way: the first probability of [largest, largest - 1], by LARGEST
    difference: dict[str, float]  # by way: from fa.softmax, on moderate random rows

    def last(self, way: str) -> float:
        """Return the largest input at which a way still works."""
        return float(LARGEST[np.isfinite(self.first[way])].max())


def learn(seeds: Iterable[int] = range(10)) -> Compared:
    rows = np.stack([LARGEST, LARGEST - 1], axis=-1)
    moderate = np.stack([np.abs(rng.normal(0, 10, (20, 7))) for rng in generators(seeds)])
    return Compared(
        [fa.softmax(x) for x in PAGES],
        {way: function(rows)[:, 0] for way, function in WAYS.items()},
        {way: float(np.abs(f(moderate) - fa.softmax(moderate)).max()) for way, f in WAYS.items()},
    )


def report(compared: Compared) -> str:
    lines = [f"softmax({x}) = {y}" for x, y in zip(PAGES, compared.softmax, strict=True)]
    for way in WAYS:
        where = f"works up to {compared.last(way):.0f}"
        lines.append(f"{way}: {where}, off by {compared.difference[way]:.0e} for moderate inputs")
    return "\n".join(lines)


def draw(compared: Compared) -> Figure:
    figure = Figure(figsize=(14, 4.6))
    figure.suptitle("softmax, and how to compute it without overflow")
    panels = figure.subplots(1, len(PAGES) + 1, width_ratios=[1, 1.3, 1.3, 2])
    for axes, x, y in zip(panels, PAGES, compared.softmax, strict=False):
        bars = axes.bar(np.arange(len(x)), y, color=BLUE)
        axes.bar_label(bars, [f"{v:.3f}" if v > 1e-3 else f"{v:.0e}" for v in y], fontsize=8)
        axes.set(xticks=np.arange(len(x)), xticklabels=[f"{v:.3g}" for v in x], ylim=(0, 1.08))
        axes.set(xlabel="input", title=f"sum {y.sum():.6f}")
        axes.grid(False, axis="x")
    panels[0].set_ylabel("probability")
    draw_ranges(panels[-1], compared)
    return figure


def draw_ranges(axes: Any, compared: Compared) -> None:
    """Draw up to which largest input each way works."""
    for row, (way, colour) in enumerate(zip(WAYS, (ORANGE, ORANGE, GREEN, BLUE), strict=True)):
        end = compared.last(way)
        axes.barh(-row, end, 0.5, color=colour)
        if end < LARGEST[-1]:
            axes.barh(
                -row, LARGEST[-1] - end, 0.5, left=end, color="white", edgecolor=GREY, hatch="///"
            )
            axes.annotate(f"NaN: exp overflows above {end:.0f} ", (end, -row + 0.3), ha="right")
    axes.set(yticks=-np.arange(len(WAYS)), yticklabels=WAYS, xlabel="x", ylim=(-3.5, 0.7))
    axes.set(title="softmax([x, x - 1]): filled where a probability comes out")
    axes.grid(False, axis="y")


if __name__ == "__main__":
    main(learn, report, draw)
