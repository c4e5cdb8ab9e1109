"""Every derivative against a finite difference, and why a smaller step is not better.

The error of a fourth-order difference is a multiple of step⁴, plus the rounding noise of the values
divided by the step. At 1e-3 both are small. At 1e-15 the noise dominates: the values differ only in
their last digit or two, and the quotient is mostly rounding error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import ELEMENTWISE
from pictures import BLACK, BLUE, GREY, ORANGE, main

STEP = 1e-3
TINY_STEP = 1e-15
STEPS = np.logspace(-16, 0, 65)
LESSON = "silu"
# Halfway between hundredths: all kinks are at multiples of ½, so no difference spans one.
X = np.arange(-800, 800) / 100 + 0.005
REQUIRED = {"softcap": {"cap": 1.5}, "prelu": {"weight": 0.25}}


@dataclass
class Comparison:
    analytic: Any  # by function: f' at X
    numeric: Any  # by function: the difference at X
    rough: Any  # the difference of LESSON with the tiny step
    worst: Any  # the largest error of LESSON for each of STEPS


def difference(function: Any, x: Any, step: float, **parameters: Any) -> Any:
    """Return the fourth-order central difference."""
    near = function(x + step, **parameters) - function(x - step, **parameters)
    far = function(x + 2 * step, **parameters) - function(x - 2 * step, **parameters)
    return (8 * near - far) / (12 * step)


def learn() -> Comparison:
    analytic, numeric = {}, {}
    for name in ELEMENTWISE:
        function, parameters = fa.get(name), REQUIRED.get(name, {})
        analytic[name] = function.derivative(X, **parameters)
        numeric[name] = difference(function, X, STEP, **parameters)
    lesson = fa.get(LESSON)
    worst = [np.abs(difference(lesson, X, step) - analytic[LESSON]).max() for step in STEPS]
    return Comparison(analytic, numeric, difference(lesson, X, TINY_STEP), np.array(worst))


def errors(compared: Comparison) -> dict[str, Any]:
    """Return |difference - f'| at X, in units of the larger of f' and 1."""
    return {
        name: np.abs(compared.numeric[name] - slope) / np.maximum(np.abs(slope), 1.0)
        for name, slope in compared.analytic.items()
    }


def report(compared: Comparison) -> str:
    lines = [f"{name:15s} {error.max():.1e}" for name, error in errors(compared).items()]
    rough = np.abs(compared.rough - compared.analytic[LESSON]).max()
    return "\n".join([*lines, f"{LESSON} with a step of {TINY_STEP:.0e}: off by {rough:.2f}"])


def draw(compared: Comparison) -> Figure:
    figure = Figure(figsize=(14, 13))
    lesson, table = figure.subfigures(2, 1, height_ratios=[1, 2.6])
    draw_lesson(lesson, compared)
    draw_table(table, errors(compared))
    return figure


def draw_lesson(figure: Any, compared: Comparison) -> None:
    figure.suptitle("A smaller step is not a better one")
    left, right = figure.subplots(1, 2)
    left.plot(X, compared.rough, ".", color=ORANGE, markersize=3, label=f"step {TINY_STEP:.0e}")
    left.plot(X, compared.numeric[LESSON], color=BLUE, linewidth=4, label=f"step {STEP:.0e}")
    left.plot(X, compared.analytic[LESSON], "--", color=BLACK, label=f"fa.{LESSON}.derivative")
    left.set(title=f"{LESSON}′ as a difference", xlabel="x", ylabel=f"{LESSON}′(x)")
    left.legend()
    right.loglog(STEPS, compared.worst, color=BLUE, marker=".")
    for step, where, height in ((STEP, "right", 1e-3), (TINY_STEP, "left", 1e-10)):
        right.axvline(step, color=GREY, linestyle=":")
        right.annotate(f" {step:.0e} ", (step, height), ha=where, color=GREY)
    right.annotate("rounding noise / step", (1e-8, 1e-6))
    right.annotate("step⁴", (7e-2, 1e-5), ha="right")
    right.set(title="the largest error, by step", xlabel="step", ylabel="|difference - f′|")


def draw_table(figure: Any, errors: dict[str, Any]) -> None:
    figure.suptitle(
        f"Every derivative of the table against the difference with a step of {STEP:.0e}"
    )
    figure.supxlabel("x")
    figure.supylabel("|difference - f′| / max(1, |f′|); an error of 0 is drawn at 1e-17")
    panels = figure.subplots(5, -(-len(errors) // 5), sharex=True, sharey=True)
    for axes in panels.flat[len(errors) :]:
        axes.set_axis_off()
    for axes, (name, error) in zip(panels.flat, errors.items(), strict=False):
        axes.semilogy(X, np.maximum(error, 1e-17), ".", markersize=1.5)
        axes.set(title=name, ylim=(3e-18, 1e-8), xticks=[-6, 0, 6])


if __name__ == "__main__":
    main(learn, report, draw)
