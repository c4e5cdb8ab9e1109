"""The derivative of relu at 0 is a choice: the slope is 0 on the left and 1 on the right, and anything between them is
a subgradient. fastact takes 0, as PyTorch and JAX do. At the kinks of other functions the libraries differ: where the
derivative is 0 or 1 depends on whether a comparison was written with < or with ≤. The program asks those installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from pictures import BLUE, GREY, ORANGE, PINK, main

# By function: its kinks, and its name in PyTorch's and JAX's modules.
KINKS = {
    "relu": ((0.0,), "relu", "relu"),
    "leaky_relu": ((0.0,), "leaky_relu", "leaky_relu"),
    "relu6": ((0.0, 6.0), "relu6", "relu6"),
    "hard_tanh": ((-1.0, 1.0), "hardtanh", "hard_tanh"),
    "hard_sigmoid": ((-3.0, 3.0), "hardsigmoid", "hard_sigmoid"),
    "hard_swish": ((-3.0, 3.0), "hardswish", "hard_swish"),
}
LOOKS = {"fastact": ("o", BLUE), "PyTorch": ("s", ORANGE), "JAX": ("^", PINK)}
NEAR = 1e-7


@dataclass
class Kink:
    left: float  # the slope just below
    right: float  # and just above
    taken: dict[str, float]  # by library


def torch_slope(module: Any, name: str, x: float) -> float:
    tensor = module.tensor(x, dtype=module.float64, requires_grad=True)
    getattr(module.nn.functional, name)(tensor).backward()
    return float(tensor.grad)


def jax_slope(module: Any, name: str, x: float) -> float:
    function = getattr(import_module("jax.nn"), name)
    return float(module.grad(function)(x))


def libraries() -> dict[str, tuple[Any, Callable[[Any, str, float], float]]]:
    """Return the installed ones of PyTorch and JAX."""
    found: dict[str, Any] = {}
    for label, name, slope in (("PyTorch", "torch", torch_slope), ("JAX", "jax", jax_slope)):
        try:
            found[label] = import_module(name), slope
        except ImportError:
            continue
    return found


def learn() -> dict[tuple[str, float], Kink]:
    others = libraries()
    kinks = {}
    for name, (places, *names) in KINKS.items():
        function = fa.get(name)
        for x in places:
            taken = {"fastact": float(function.derivative(x))}
            for label, (module, slope) in others.items():
                taken[label] = slope(module, names[label == "JAX"], x)
            left, right = (float(function.derivative(x + h)) for h in (-NEAR, NEAR))
            kinks[name, x] = Kink(left, right, taken)
    return kinks


def report(kinks: dict[tuple[str, float], Kink]) -> str:
    lines = []
    for (name, x), kink in kinks.items():
        taken = ", ".join(f"{library} {slope:.4g}" for library, slope in kink.taken.items())
        lines.append(f"{name} at {x:g}: {kink.left:.4g} below, {kink.right:.4g} above; {taken}")
    return "\n".join(lines)


def draw(kinks: dict[tuple[str, float], Kink]) -> Figure:
    figure = Figure(figsize=(9, 6))
    axes = figure.subplots()
    for row, kink in enumerate(kinks.values()):
        axes.plot(
            [kink.left, kink.right],
            [-row, -row],
            color=GREY,
            linewidth=9,
            alpha=0.35,
            solid_capstyle="butt",
        )
        for offset, (library, slope) in zip((0.25, 0, -0.25), kink.taken.items(), strict=False):
            marker, colour = LOOKS[library]
            label = library if row == 0 else None
            axes.plot(slope, offset - row, marker, color=colour, label=label, markersize=8)
    labels = [f"{name} at {x:g}" for name, x in kinks]
    axes.set(yticks=-np.arange(len(labels)), yticklabels=labels, xlabel="slope")
    axes.set_title(
        "What is the derivative at a kink? Grey: from the slope below to the slope above"
    )
    figure.legend(loc="outside lower center", ncols=3)
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
