"""Handwritten digits: classification by a network with one hidden layer, with any activation.

1,797 pictures of 8 by 8 pixels, four fifths for training and one fifth for testing. The cost is
`fa.cross_entropy` of the ten logits. The bars compare accuracy and time of every activation.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import fastact as fa
from layers import ELEMENTWISE, Activation, Adam, Dense, Network, PRelu
from pictures import BLUE, ORANGE, main, progress

CHOSEN = "silu"
HIDDEN, RATE, BATCH, EPOCHS = 64, 0.005, 64, 20
# The comparison trains for fewer epochs, with a value for each required parameter.
SHORT = 10
REQUIRED = {"softcap": {"cap": 5.0}}


@dataclass
class Trained:
    accuracy: float  # on the test pictures
    cost: list[float]  # by epoch, on the training pictures
    seconds: list[float]  # by epoch


@dataclass
class Learned:
    chosen: list[Trained]  # one for each seed
    compared: dict[str, Trained]  # one for each activation


@cache
def samples() -> tuple[Any, Any, Any, Any]:
    """Return pixels and digits for training, and pixels and digits for testing."""
    data, target = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(data))
    learned, tested = np.split(order, [len(data) * 4 // 5])
    return data[learned] / 16, target[learned], data[tested] / 16, target[tested]


def train(name: str, seed: int, epochs: int) -> Trained:
    x, digits, test_x, test_digits = samples()
    rng = np.random.default_rng(seed)
    activation = (
        PRelu([rng], HIDDEN)
        if name == "prelu"
        else Activation(fa.get(name), **REQUIRED.get(name, {}))
    )
    first, last = Dense([rng], 64, HIDDEN, np.sqrt(2 / 64)), Dense([rng], HIDDEN, 10, 0.1)
    network = Network([first, activation, last])
    optimiser = Adam(network, RATE)
    costs, seconds = [], []
    for _ in range(epochs):
        start = time.perf_counter()
        order = rng.permutation(len(x))
        for batch in np.array_split(order, range(BATCH, len(x), BATCH)):
            logits = network.forward(x[batch])[0]
            cost, gradient = fa.cross_entropy.value_and_grad(logits, digits[batch])
            network.backward(gradient[None])
            optimiser.step()
        seconds.append(time.perf_counter() - start)
        costs.append(float(cost))
    read = network.forward(test_x)[0].argmax(-1)
    return Trained(float((read == test_digits).mean()), costs, seconds)


def learn(seeds: Iterable[int] = range(3)) -> Learned:
    """Train with the chosen activation from every seed, then with every activation from one."""
    chosen = [train(CHOSEN, seed, EPOCHS) for seed in seeds]
    names = progress(ELEMENTWISE, "activations")
    return Learned(chosen, {name: train(name, 0, SHORT) for name in names})


def report(learned: Learned) -> str:
    lines = [
        f"{name:15s} accuracy {one.accuracy:6.1%}, {1000 * min(one.seconds):.1f} ms per epoch"
        for name, one in learned.compared.items()
    ]
    accuracies = ", ".join(f"{one.accuracy:.1%}" for one in learned.chosen)
    return "\n".join([*lines, f"{CHOSEN} for {EPOCHS} epochs, by seed: {accuracies}"])


def draw(learned: Learned) -> Figure:
    compared = learned.compared
    figure = Figure(figsize=(12, 9))
    figure.suptitle(
        f"Digits read by a 64-{HIDDEN}-10 network after {SHORT} epochs, by activation "
        f"({fa.get_backend()} backend)"
    )
    accuracy, duration = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    names = sorted(compared, key=lambda name: compared[name].accuracy)
    places = np.arange(len(names))
    right = [100 * compared[name].accuracy for name in names]
    bars = accuracy.barh(places, right, color=BLUE)
    accuracy.bar_label(bars, fmt="%.1f", padding=3, fontsize="small")
    accuracy.set(yticks=places, yticklabels=names, xlim=(0, 108), ylim=(-0.7, len(names) - 0.3))
    accuracy.set(title="pictures read correctly, of the 360 not learned from", xlabel="%")
    spent = [1000 * min(compared[name].seconds) for name in names]
    bars = duration.barh(places, spent, color=ORANGE)
    duration.bar_label(bars, fmt="%.1f", padding=3, fontsize="small")
    duration.set(
        title=f"time per epoch, the fastest of {SHORT}", xlabel="ms", xlim=(0, 1.15 * max(spent))
    )
    for axes in (accuracy, duration):
        axes.grid(False, axis="y")
    return figure


if __name__ == "__main__":
    main(learn, report, draw)
