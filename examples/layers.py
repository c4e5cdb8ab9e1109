"""Building blocks of the networks: dense layers, activations, gradient descent and Adam.

Several networks are trained at once: the first axis of each parameter has one entry for each random
generator that it was drawn from, so ten seeds cost about as much as one. In the forward pass a layer
stores its input; in the backward pass it returns the gradient of its input and stores those of its
parameters in `gradients`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

import fastact as fa

Array = np.ndarray[Any, np.dtype[np.float64]]


def _is_activation(name: str) -> bool:
    """Tell whether a function has a derivative, and moderate values for all numbers that occur in a network."""
    function = fa.get(name)
    if "derivative" not in function.passes:
        return False
    required = {"cap": 1.5, "weight": 0.25}
    given = {key: value for key, value in required.items() if key in function.parameters}
    return bool(np.all(np.abs(function(np.linspace(-8, 8, 33), **given)) < 3000))  # no NaN


# Every activation; others are defined for some numbers only, or overflow, or have no derivative but a vjp.
ELEMENTWISE = [name for name in fa.names() if _is_activation(name)]


class Layer(Protocol):
    x: Array
    parameters: list[Array]
    gradients: list[Array]

    def forward(self, x: Array) -> Array: ...

    def backward(self, g: Array) -> Array: ...


def generators(seeds: Iterable[int]) -> list[np.random.Generator]:
    """Return one random generator for each network."""
    return [np.random.default_rng(seed) for seed in seeds]


class Dense:
    """x @ weight + bias, both drawn from normal distributions."""

    def __init__(
        self,
        rngs: list[np.random.Generator],
        inputs: int,
        outputs: int,
        scale: float = 1.0,
        bias_scale: float = 0.0,
    ) -> None:
        self.weight = np.stack([rng.normal(0, scale, (inputs, outputs)) for rng in rngs])
        self.bias = np.stack([rng.normal(0, bias_scale, (1, outputs)) for rng in rngs])
        self.parameters = [self.weight, self.bias]
        self.gradients = [np.zeros_like(p) for p in self.parameters]

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.weight + self.bias

    def backward(self, g: Array) -> Array:
        np.matmul(self.x.swapaxes(-1, -2), g, out=self.gradients[0])
        g.sum(axis=-2, keepdims=True, out=self.gradients[1])
        return g @ self.weight.swapaxes(-1, -2)


class Activation:
    """A function of fastact, and its vector-Jacobian product in the backward pass."""

    def __init__(self, function: Any, **parameters: Any) -> None:
        self.function = function
        self.options = parameters
        self.parameters: list[Array] = []
        self.gradients: list[Array] = []

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.function(x, **self.options)

    def backward(self, g: Array) -> Array:
        return self.function.vjp(g, self.x, **self.options)


class PRelu:
    """prelu with one learned slope for each unit."""

    def __init__(self, rngs: list[np.random.Generator], units: int) -> None:
        self.slope = np.full((len(rngs), 1, units), 0.25)
        self.parameters = [self.slope]
        self.gradients = [np.zeros_like(self.slope)]

    def forward(self, x: Array) -> Array:
        self.x = x
        return fa.prelu(x, self.slope)

    def backward(self, g: Array) -> Array:
        gradient, self.gradients[0][:] = fa.prelu.vjp(g, self.x, self.slope)
        return gradient


class Network:
    """Layers in sequence."""

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = list(layers)

    def forward(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, g: Array) -> Array:
        for layer in reversed(self.layers):
            g = layer.backward(g)
        return g

    @property
    def parameters(self) -> list[Array]:
        return [array for layer in self.layers for array in layer.parameters]

    @property
    def gradients(self) -> list[Array]:
        return [array for layer in self.layers for array in layer.gradients]

    @property
    def size(self) -> int:
        """How many parameters each of the networks has."""
        return sum(array[0].size for array in self.parameters)

    def summary(self) -> str:
        """Return a line for each dense layer, with the number of its parameters, and their sum."""
        lines = []
        for layer in self.layers:
            if isinstance(layer, Dense):
                inputs, units = layer.weight.shape[1:]
                count = layer.weight[0].size + layer.bias[0].size
                lines.append(f"  {inputs} -> {units}: {inputs}·{units} + {units} = {count}")
        return "\n".join([*lines, f"  together {self.size} parameters"])


def perceptron_layers(
    rngs: list[np.random.Generator],
    sizes: list[int],
    function: Any,
    scale: float | None = None,
    bias_scale: float = 0.0,
) -> list[Layer]:
    """Return dense layers of these sizes with the function between them, but not after the last.

    The default scale of the weights is that of He et al. 2015, √(2/inputs).
    """
    layers: list[Layer] = []
    for inputs, outputs in pairwise(sizes):
        spread = np.sqrt(2 / inputs) if scale is None else scale
        layers += [Dense(rngs, inputs, outputs, spread, bias_scale), Activation(function)]
    return layers[:-1]


class GradientDescent:
    """Plain gradient descent: p ← p - rate·g."""

    def __init__(self, network: Network, rate: float) -> None:
        self.pairs = list(zip(network.parameters, network.gradients, strict=True))
        self.rate = rate

    def step(self) -> None:
        for parameter, gradient in self.pairs:
            parameter -= self.rate * gradient


class Adam:
    """Steps of about `rate`, along the running mean of the gradient (Kingma, Ba 2014)."""

    def __init__(self, network: Network, rate: float) -> None:
        self.pairs = list(zip(network.parameters, network.gradients, strict=True))
        self.means = [np.zeros_like(p) for p, _ in self.pairs]
        self.squares = [np.zeros_like(p) for p, _ in self.pairs]
        self.rate = rate
        self.steps = 0

    def step(self, keep: float = 0.9, keep_square: float = 0.999, tiny: float = 1e-8) -> None:
        self.steps += 1
        scale = np.sqrt(1 - keep_square**self.steps)
        rate = self.rate * scale / (1 - keep**self.steps)
        for (parameter, gradient), mean, square in zip(
            self.pairs, self.means, self.squares, strict=True
        ):
            mean += (1 - keep) * (gradient - mean)
            square += (1 - keep_square) * (gradient * gradient - square)
            parameter -= rate * mean / (np.sqrt(square) + scale * tiny)
