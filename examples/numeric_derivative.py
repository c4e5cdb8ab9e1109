"""The derivative of sigmoid as everybody writes it, (f(x + h) - f(x))/h, and why a smaller h is not a better
one. The formula's own error is proportional to h, but f is rounded to sixteen digits, and that error is divided
by h: at 1e-5 the first is the larger one, at 1e-8 they are alike, and at 1e-15 little but rounding is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from pictures import BLACK, BLUE, GREEN, GREY, ORANGE, main

STEPS = np.logspace(-16, 0, 97)
X = np.linspace(-5, 5, 1001)
ROUNDING = 2.0**-53
LOOKS = (dict(color=ORANGE, marker=".", linestyle="", markersize=3),
         dict(color=GREEN, linewidth=5, alpha=0.5),
         dict(color=BLUE, linewidth=2.5, linestyle="--"))  # fmt: skip


@dataclass
class Compared:
    slopes: dict[float, Any]  # by h: the quotient at X
    worst: Any  # the largest error for each of STEPS


def quotient(function: Any, x: Any, h: float) -> Any:
    return (function(x + h) - function(x)) / h


def error(slope: Any) -> float:
    return float(np.abs(slope - fa.sigmoid.derivative(X)).max())


def learn(h: Sequence[float] = (1e-15, 1e-8, 1e-5)) -> Compared:
    slopes = {step: quotient(fa.sigmoid, X, step) for step in h}
    return Compared(slopes, np.array([error(quotient(fa.sigmoid, X, step)) for step in STEPS]))


def report(compared: Compared) -> str:
    lines = [f"h = {h:.0e}: off by {error(slope):.2g}" for h, slope in compared.slopes.items()]
    best = int(np.argmin(compared.worst))
    return "\n".join([*lines, f"the best h is about {STEPS[best]:.0e}: {compared.worst[best]:.1e}"])


def draw(compared: Compared) -> Figure:
    figure = Figure(figsize=(13, 5))
    figure.suptitle("A smaller step is not a better one")
    left, right = figure.subplots(1, 2)
    for index, (h, slope) in enumerate(compared.slopes.items()):
        label = f"h = {h:.0e}, off by {error(slope):.1e}"
        left.plot(X, slope, label=label, **LOOKS[index % len(LOOKS)])
        right.axvline(h, color=GREY, linestyle=":")
        right.annotate(f" {h:.0e}", (h, 1.5e-10), color=GREY)
    left.plot(
        X, fa.sigmoid.derivative(X), color=BLACK, linewidth=0.8, label="fa.sigmoid.derivative"
    )
    left.set(title="σ′ as (σ(x + h) - σ(x))/h", xlabel="x", ylabel="σ′(x)", ylim=(-0.02, 0.58))
    left.legend(loc="upper left")
    right.loglog(STEPS, compared.worst, color=BLUE, linewidth=1.2)
    # The largest |σ″| is 1/(6√3); values near 1 are rounded by up to ROUNDING, and there are two of them.
    right.loglog(STEPS, STEPS / (12 * np.sqrt(3)), "--", color=BLACK, label="h/2 · max |σ″|")
    right.loglog(STEPS, 2 * ROUNDING / STEPS, ":", color=BLACK, label="rounding / h", linewidth=2)
    right.set(title="the largest error", xlabel="h", ylabel="largest error of σ′", ylim=(1e-10, 9))
    right.legend(loc="upper center")
    return figure


if __name__ == "__main__":
    main(learn, report, draw, h=(1e-15, 1e-8, 1e-5))
