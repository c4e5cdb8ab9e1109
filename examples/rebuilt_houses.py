"""Was the house rebuilt? Eight houses, with their number of rooms and whether they were built in 2000 or later.
One sigmoid unit, and one after a hidden ReLU unit, are computed by hand: the linear column, the outputs, the
cross entropy from probabilities and from logits, and one step of RMSprop. Two pairs of houses have equal inputs
but different answers, so at most six of the eight can be right.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from houses import HOUSES, REBUILT, ROOMS, START, STEPS, TEXTBOOK, YEARS, Model, rmsprop_step
from pictures import BLACK, BLUE, GREY, ORANGE, main


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
        parameters = f"{model.weight.size + model.bias.size}"
        parameters += "" if model.outer is None else f" + {model.outer.size}"
        lines.append(
            f"{name}: {parameters} parameters, accuracy {model.accuracy()[0]}, "
            f"cost {model.cost()[0]:.8f} from the logits, {two}"
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
