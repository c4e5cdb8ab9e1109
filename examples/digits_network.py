"""A network with one hidden layer that reads handwritten digits, with any activation; the pictures; the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import fastact as fa
from layers import Activation, Adam, Dense, Network, PRelu

HIDDEN, RATE, BATCH = 64, 0.005, 64
REQUIRED = {"softcap": {"cap": 5.0}}


@dataclass
class Trained:
    network: Network
    cost: Any  # (epochs, seeds): on the training pictures, the mean of the epoch's batches
    right: Any  # (seeds, pictures): which of the test pictures are read correctly
    read: Any  # (seeds, pictures): the digits read

    def accuracy(self) -> Any:
        return self.right.mean(1)


@cache
def samples() -> tuple[Any, Any, Any, Any]:
    """Return pixels and digits for training, and pixels and digits for testing."""
    data, target = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(data))
    learned, tested = np.split(order, [len(data) * 4 // 5])
    return data[learned] / 16, target[learned], data[tested] / 16, target[tested]


def make(name: str, rngs: list[np.random.Generator]) -> Network:
    function = (
        PRelu(rngs, HIDDEN)
        if name == "prelu"
        else Activation(fa.get(name), **REQUIRED.get(name, {}))
    )
    return Network(
        [Dense(rngs, 64, HIDDEN, np.sqrt(2 / 64)), function, Dense(rngs, HIDDEN, 10, 0.1)]
    )


def train(
    network: Network,
    rngs: list[np.random.Generator],
    epochs: int,
    rate: float = RATE,
    after: Callable[[], None] = lambda: None,
) -> Trained:
    """Train a network for each generator, each with its own order of the pictures; call `after` each epoch."""
    x, digits, test_x, test_digits = samples()
    optimiser = Adam(network, rate)
    costs = []
    for _ in range(epochs):
        order = np.stack([rng.permutation(len(x)) for rng in rngs])
        epoch = np.zeros(len(rngs))
        for batch in np.array_split(order, range(BATCH, len(x), BATCH), axis=1):
            logits = network.forward(x[batch])
            cost, gradient = fa.cross_entropy.value_and_grad(
                logits, digits[batch], reduction="none"
            )
            network.backward(gradient / batch.shape[1])
            optimiser.step()
            epoch += cost.sum(1)
        costs.append(epoch / len(x))
        after()
    read = network.forward(test_x).argmax(-1)
    return Trained(network, np.array(costs), read == test_digits, read)
