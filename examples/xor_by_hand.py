"""XOR by step units whose weights are set by hand: the first layer computes OR and NAND, the second their AND.
Each unit still divides the plane with one straight line; the strip between two lines is where XOR is 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from pictures import CORNERS, INK, PLANE, draw_plane, main

# By unit: the weights of the two inputs, and the bias.
UNITS = {"OR": ((1, 1), -0.5), "NAND": ((-1, -1), 1.5), "AND": ((1, 1), -1.5)}


def unit(name: str, x: Any) -> Any:
    weights, bias = UNITS[name]
    return fa.step(x @ np.array(weights) + bias)


def xor(x: Any) -> Any:
    hidden = np.stack([unit("OR", x), unit("NAND", x)], axis=-1)
    return unit("AND", hidden)


def learn() -> dict[str, Any]:
    """Return the outputs at the four corners; nothing has to be learned."""
    outputs = {name: unit(name, CORNERS) for name in UNITS}
    return {**outputs, "XOR": xor(CORNERS)}


def report(outputs: dict[str, Any]) -> str:
    lines = [f"{name}: weights {weights}, bias {bias}" for name, (weights, bias) in UNITS.items()]
    lines.append("inputs   OR NAND  AND of both = XOR")
    for corner, a, b, c in zip(
        CORNERS, outputs["OR"], outputs["NAND"], outputs["XOR"], strict=True
    ):
        lines.append(f"{corner}  {a:.0f}   {b:.0f}   {c:.0f}")
    return "\n".join(lines)


def draw(outputs: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(12, 5))
    figure.suptitle("XOR of three step units: AND of OR and NAND")
    panels = figure.subplots(1, 3)
    shown = {"OR": unit("OR", PLANE), "NAND": unit("NAND", PLANE), "XOR": xor(PLANE)}
    titles = (
        "hidden unit 1: x₁ + x₂ > ½",
        "hidden unit 2: x₁ + x₂ < 1½",
        "output: both, which is XOR",
    )
    for axes, (name, plane), title in zip(panels, shown.items(), titles, strict=True):
        draw_plane(axes, plane, outputs[name], border=False)
        axes.set_title(title)
        lines = {"OR": (0.5,), "NAND": (1.5,), "XOR": (0.5, 1.5)}[name]
        for total in lines:
            axes.axline((total, 0), slope=-1, color=INK, linewidth=1.5)
    panels[0].set_ylabel("second input")
    handles = panels[0].get_legend_handles_labels()[0]
    figure.legend(handles, ["output 0", "output 1"], loc="outside lower center", ncols=2)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
