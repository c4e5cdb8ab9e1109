"""Activations of one's own: a periodic one that extrapolates, one whose parameters are learned, and a gate.
Each is one Python function of a number. Its derivative, and the gradients by its parameters, are derived from
it; a finite difference agrees with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import fastact as fa
from layers import Activation, Adam, Dense, Network, generators, perceptron_layers
from pictures import BLACK, BLUE, GREY, ORANGE, main, progress

STEP = 1e-5
X = np.linspace(-2.0, 2.0, 257)[:, None]
FAR = np.linspace(-4.0, 4.0, 513)[:, None]


@fa.activation
def snake(x, alpha=1.0):
    """x + sin²(αx)/α (Ziyin, Hartwig, Ueda 2020): a line with a period, which a network can go on with."""
    return x + math.sin(alpha * x) ** 2 / alpha


@fa.activation
def xielu(x, alpha_p=0.8, alpha_n=0.8, beta=0.5):
    """Huang, Schlag 2024: its slope grows without end, by two numbers that are learned."""
    below = alpha_n * (math.expm1(min(x, 0.0)) - x) + beta * x
    return alpha_p * x * x + beta * x if x > 0.0 else below


@fa.activation
def leaky_step(x, slope=0.1):
    """Between 0 and 1 but for a slight slope, so that a gate never closes for good."""
    return fa.sigmoid(4.0 * x) + slope * x


ACTIVATIONS = (snake, xielu, leaky_step)


class LearnedXielu(Activation):
    """xielu with a pair of parameters for each network, kept positive by softplus."""

    def __init__(self, networks: int) -> None:
        super().__init__(xielu)
        self.raw = np.full((2, networks, 1, 1), math.log(math.expm1(0.8)))
        self.parameters = list(self.raw)
        self.gradients = [np.zeros_like(one) for one in self.raw]

    def forward(self, x: Any) -> Any:
        self.options = dict(zip(("alpha_p", "alpha_n"), fa.softplus(self.raw), strict=True))
        return super().forward(x)

    def backward(self, g: Any) -> Any:
        found = xielu.parameter_vjp(g, self.x, **self.options)
        for raw, gradient, name in zip(self.parameters, self.gradients, self.options, strict=True):
            gradient[:] = fa.softplus.vjp(found[name], raw)
        return super().backward(g)


class Gated:
    """A gate of one's own: two dense layers of the same input, one of which opens the other."""

    def __init__(self, rngs: list[np.random.Generator], inputs: int, units: int) -> None:
        self.gate, self.value = (Dense(rngs, inputs, units, bias_scale=1.0) for _ in range(2))
        self.parameters = [*self.gate.parameters, *self.value.parameters]
        self.gradients = [*self.gate.gradients, *self.value.gradients]

    def forward(self, x: Any) -> Any:
        self.x = x
        self.inputs = self.gate.forward(x), self.value.forward(x)
        self.opened = leaky_step(self.inputs[0])
        return self.opened * self.inputs[1]

    def backward(self, g: Any) -> Any:
        gate, value = self.inputs
        back = self.gate.backward(leaky_step.vjp(g * value, gate))
        return back + self.value.backward(g * self.opened)


@dataclass
class Learned:
    curves: dict[str, Any]  # by network: the fitted function at FAR, for each seed
    errors: dict[str, Any]  # by network: the mean squared error at X, for each seed
    alphas: Any  # the learned parameters of xielu, (2, seeds)
    differences: dict[str, float]  # by activation: the largest error of a derivative


def target(x: Any) -> Any:
    return x + 0.5 * np.sin(4.0 * x)


def fit(network: Network, steps: int = 2000, rate: float = 0.01) -> Any:
    """Fit the target at X, and return the fitted function at FAR and the error at X."""
    optimiser = Adam(network, rate)
    for _ in progress(range(steps), "steps"):
        error = network.forward(X) - target(X)
        network.backward(2 * error / error.shape[-2])
        optimiser.step()
    error = network.forward(X) - target(X)
    return network.forward(FAR), (error**2).mean((1, 2))


def difference(function: Any, x: Any) -> float:
    """Return how far the derivatives, by x and by each parameter, are from a central difference."""

    def central(call: Callable[[float], Any]) -> Any:
        return (call(STEP) - call(-STEP)) / (2 * STEP)

    errors = [function.derivative(x) - central(lambda h: function(x + h))]
    for name, gradient in function.parameter_vjp(np.ones_like(x), x).items():
        value = function.parameters[name]
        slope = central(lambda h, n=name, v=value: function(x, **{n: v + h}))
        errors.append(np.atleast_1d(gradient - slope.sum()) / x.size)
    return float(max(np.abs(error).max() for error in errors))


def learn(seeds: Iterable[int] = range(5)) -> Learned:
    seeds = list(seeds)
    rngs = generators(seeds)
    learned = LearnedXielu(len(seeds))
    networks = {
        "snake, α = 2": Network(
            [Dense(rngs, 1, 8), Activation(snake, alpha=2.0), Dense(rngs, 8, 1, 0.3)]
        ),
        "xielu, learned": Network([Dense(rngs, 1, 24, 2.0, 2.0), learned, Dense(rngs, 24, 1, 0.1)]),
        "leaky gate": Network([Gated(rngs, 1, 24), Dense(rngs, 24, 1, 0.2)]),
        "relu": Network(perceptron_layers(rngs, [1, 24, 1], fa.relu, bias_scale=1.0)),
    }
    fitted = {name: fit(network) for name, network in networks.items()}
    x = np.linspace(-3.0, 3.0, 1000)
    return Learned(
        {name: curve for name, (curve, _) in fitted.items()},
        {name: error for name, (_, error) in fitted.items()},
        fa.softplus(learned.raw)[..., 0, 0],
        {function.name: difference(function, x) for function in ACTIVATIONS},
    )


def beyond(learned: Learned, name: str) -> Any:
    """Return the mean squared error outside of the points that were learned from, for each seed."""
    outside = np.abs(FAR[:, 0]) > 2.0
    return ((learned.curves[name] - target(FAR))[:, outside] ** 2).mean((1, 2))


def report(learned: Learned) -> str:
    lines = [
        f"{name}: mean squared error {np.median(error):.2g} where it learned, "
        f"{np.median(beyond(learned, name)):.2g} beyond"
        for name, error in learned.errors.items()
    ]
    lines.append(
        f"xielu learned α_p {learned.alphas[0].round(2)}, α_n {learned.alphas[1].round(2)}"
    )
    lines += [
        f"{name}: derivatives within {d:.1e} of differences"
        for name, d in learned.differences.items()
    ]
    return "\n".join(lines)


def draw(learned: Learned) -> Figure:
    figure = Figure(figsize=(12, 7))
    figure.suptitle("x + ½ sin 4x, learned between -2 and 2")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, (name, curves) in zip(panels.flat, learned.curves.items(), strict=True):
        axes.axvspan(-2, 2, color=GREY, alpha=0.2)
        axes.plot(FAR, target(FAR), color=BLACK, linewidth=1, label="target")
        lines = axes.plot(FAR[:, 0], curves[..., 0].T, color=BLUE, linewidth=1)
        lines[0].set_label("five seeds")
        best = int(np.argmin(learned.errors[name]))
        axes.plot(FAR, curves[best], color=ORANGE, linewidth=2, label="best seed")
        axes.set(title=f"{name}: error {learned.errors[name][best]:.1g}", ylim=(-6, 6))
    for axes in panels[1]:
        axes.set_xlabel("x")
    panels[0, 0].legend(loc="upper left")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
