"""Diagrams of networks: units as circles in columns, weights as lines between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pictures import BLUE, GREY


def draw_units(
    axes: Any,
    labels: Sequence[Sequence[str]],
    names: Sequence[str],
    *,
    weights: Sequence[Any] | None = None,
    size: float = 2600,
) -> None:
    """Draw a column of circles for each layer, with a label in each; weights are written on their lines."""
    rows = [(len(units) - 1) / 2 - np.arange(len(units)) for units in labels]
    for layer, (left, right) in enumerate(pairwise(rows)):
        for i, j in np.ndindex(len(left), len(right)):
            width, ends = 1.0, (left[i], right[j])
            if weights is not None:
                width = 6 * abs(float(weights[layer][i, j]))
                # Nearer to the left end, where the lines have not crossed yet.
                place = (layer + 0.26, left[i] + 0.26 * (right[j] - left[i]))
                box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
                text = f"{weights[layer][i, j]:.3g}"
                axes.annotate(text, place, ha="center", va="center", fontsize=8, bbox=box, zorder=2)
            axes.plot([layer, layer + 1], ends, color=GREY, linewidth=width, alpha=0.6, zorder=1)
    for layer, (units, heights) in enumerate(zip(labels, rows, strict=True)):
        for label, height in zip(units, heights, strict=True):
            axes.scatter(
                layer, height, s=size, color="white", edgecolors=BLUE, linewidths=2, zorder=3
            )
            axes.annotate(label, (layer, height), ha="center", va="center", zorder=4, fontsize=9)
    axes.set(xticks=range(len(labels)), xticklabels=names, yticks=[])
    tallest = max(len(units) for units in labels) / 2
    axes.set(ylim=(-tallest - 0.05, tallest + 0.05), xlim=(-0.4, len(labels) - 0.6))
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
