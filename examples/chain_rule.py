"""Why gradients vanish: by the chain rule the gradient of the first weight is a product with one slope of the
activation for each layer. The slope of sigmoid is at most ¼, so ten of them leave at most a millionth; tanh
loses less, and relu multiplies by exactly 1 wherever it is open.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from pictures import BLACK, BLUE, GREEN, ORANGE, RED, main

DEPTHS = np.arange(1, 11)
FUNCTIONS = {"sigmoid": fa.sigmoid, "tanh": fa.tanh, "relu": fa.relu}
LOOKS = {"sigmoid": (ORANGE, "///"), "tanh": (GREEN, "..."), "relu": (BLUE, "")}


def chain(function: Any, weights: Any, x: float) -> tuple[float, list[float]]:
    """Return the output of units in a chain, and the slope of each."""
    slopes = []
    for weight in weights:
        z = weight * x
        slopes.append(float(function.derivative(z)))
        x = float(function(z))
    return x, slopes


def gradient(function: Any, weights: Any, x: float) -> float:
    """Return the derivative of the output by the first weight: the product that the picture shows."""
    _, slopes = chain(function, weights, x)
    return float(x * np.prod(slopes) * np.prod(weights[1:]))


def learn() -> dict[str, Any]:
    """Return the product of the slopes by depth, for weighted sums that are normally distributed.

    Each slope counts with its geometric mean over the sums where it is not 0: the typical factor.
    """
    z = np.random.default_rng(0).normal(size=100_000)
    products = {}
    for name, function in FUNCTIONS.items():
        slopes = function.derivative(z)
        products[name] = np.exp(np.log(slopes[slopes > 0]).mean()) ** DEPTHS
    return products


def report(products: dict[str, Any]) -> str:
    lines = [f"{name}: {p[0]:.3f} by layer, {p[-1]:.1e} by ten" for name, p in products.items()]
    return "\n".join([*lines, f"sigmoid at most {0.25**10:.1e} by ten"])


def draw(products: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(12, 7.5))
    figure.suptitle("The chain rule: a product with one slope for each layer")
    top, bottom = figure.subplots(2, 1, height_ratios=[1, 1.8])
    draw_chain(top)
    for shift, (name, product) in zip((-0.27, 0, 0.27), products.items(), strict=True):
        colour, hatch = LOOKS[name]
        bars = bottom.bar(DEPTHS + shift, product, 0.27, color=colour, label=name)
        for bar in bars:
            bar.set(hatch=hatch, edgecolor="white")
    bottom.step(
        DEPTHS, 0.25**DEPTHS, "k--", where="mid", label="¼ to the depth, the most of sigmoid"
    )
    bottom.set(
        yscale="log",
        xticks=DEPTHS,
        xlabel="layers",
        ylabel="product of their slopes",
        ylim=(1e-8, 2),
    )
    bottom.set_title(
        "a typical product: weighted sums drawn from N(0, 1); of relu where it is open"
    )
    bottom.grid(False, axis="x")
    figure.legend(*bottom.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def draw_chain(axes: Any) -> None:
    """Draw three units in a chain, with the factor that each arrow contributes."""
    names = ["x", "a₁ = f(w₁x)", "a₂ = f(w₂a₁)", "a₃ = f(w₃a₂)", "cost C"]
    factors = ["x · f′(w₁x)", "w₂ · f′(w₂a₁)", "w₃ · f′(w₃a₂)", "∂C/∂a₃"]
    for place, name in enumerate(names):
        box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": BLUE, "linewidth": 2}
        axes.annotate(name, (place, 1), ha="center", va="center", bbox=box)
    for place, factor in enumerate(factors):
        arrow = {"arrowstyle": "->", "color": BLACK, "shrinkA": 40, "shrinkB": 42}
        axes.annotate("", (place + 1, 1), (place, 1), arrowprops=arrow)
        axes.annotate(factor, (place + 0.5, 0.72), ha="center", color=RED, weight="bold")
    product = " · ".join(f"({factor})" if "·" in factor else factor for factor in factors)
    axes.annotate(f"∂C/∂w₁ = {product}", (2, 0.35), ha="center", fontsize="large")
    axes.set(xlim=(-0.4, 4.4), ylim=(0.2, 1.25))
    axes.set_axis_off()


if __name__ == "__main__":
    main(learn, report, draw)
