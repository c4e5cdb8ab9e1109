"""What the programs claim of relu and of the digits holds on every backend and from several seeds."""

from __future__ import annotations

import re

import numpy as np
import pytest

import dead_by_rate
import digits
import digits_compared
import dying_relu
import linear_layers
import relu_parabola
import relu_sparsity
from conftest import Check, Saw
from layers import ELEMENTWISE


def test_linear_layers(backend: str, check_picture: Check, saw: Saw) -> None:
    fits = linear_layers.learn(range(5))
    linear, bent = fits["identity"], fits["relu"]
    variance = linear_layers.points().var()
    saw(f"linear {linear.error.min():.1f} (variance {variance:.1f}), relu {bent.error.min():.1f}")
    assert variance == pytest.approx(982, abs=0.5)
    np.testing.assert_allclose(linear.error, variance, rtol=2e-3)
    assert bent.error.min() < 105
    slope, intercept = (part[:, None] for part in linear_layers.product(linear))
    x = linear_layers.X[:, 0]
    np.testing.assert_allclose(linear.fitted[..., 0], slope * x + intercept, atol=1e-9)
    check_picture(linear_layers, fits)


def test_relu_parabola(backend: str, check_picture: Check, saw: Saw) -> None:
    fits = relu_parabola.learn()
    assert [fit.network.size for fit in fits.values()] == [19, 19]
    wide, deep = fits.values()
    near = [relu_parabola.near_noise(fit) for fit in fits.values()]
    saw(f"error below 150 (noise: 100) of 20 seeds: wide {near[0]}, deep {near[1]}")
    assert near[0] >= 15
    assert near[1] >= 5
    counts = [[int(n) for n in re.findall(r"= (\d+)", f.network.summary())] for f in fits.values()]
    assert counts == [[12, 7], [4, 6, 6, 3]]
    assert wide.error.min() < 105
    # No more kinks than units that can make them.
    assert 2 <= len(relu_parabola.kinks(wide, int(np.argmin(wide.error)))) <= 6
    assert 2 <= len(relu_parabola.kinks(deep, int(np.argmin(deep.error)))) <= 2**6
    check_picture(relu_parabola, fits)


def test_dying_relu(backend: str, check_picture: Check, saw: Saw) -> None:
    runs = dying_relu.learn()
    ends = {name: run.dead[-1].mean((1, 2)) for name, run in runs.items()}
    saw(", ".join(f"{name} {dead.mean():.0%}" for name, dead in ends.items()) + " dead")
    relu = ends.pop("relu")
    assert relu.min() > 0.25
    assert relu.mean() > 0.5
    assert all(dead.max() == 0.0 for dead in ends.values())
    median = {name: np.median(run.cost[-1]) for name, run in runs.items()}
    assert all(median[name] < median["relu"] for name in ends)
    # prelu's slopes have changed from their initial value, and not all are equal.
    slopes = runs["prelu"].network.layers[1].slope
    assert np.ptp(slopes, axis=-1).min() > 0.05
    check_picture(dying_relu, runs)


def test_dead_by_rate(backend: str, check_picture: Check, saw: Saw) -> None:
    learned = dead_by_rate.learn()
    dead = [float(learned.after[rate].mean()) for rate in dead_by_rate.RATES]
    accuracy = {way: float(one.mean()) for way, one in learned.accuracy.items()}
    saw(" ".join(f"{share:.0%}" for share in dead) + " dead at 0.2, 0.05, 0.01 and 0.001")
    assert dead == pytest.approx([0.71, 0.35, 0.19, 0.12], abs=0.03)
    assert dead[-1] <= learned.before[0.001].mean() + 0.01
    assert accuracy["relu", 0.2] < accuracy["leaky_relu", 0.2] - 0.1
    assert accuracy["relu", 0.01] == pytest.approx(accuracy["leaky_relu", 0.01], abs=0.01)
    assert learned.dead["relu", 0.2].min() > 0.8
    assert all(learned.dead["leaky_relu", rate].max() == 0.0 for rate in dead_by_rate.RATES)
    check_picture(dead_by_rate, learned)


def test_relu_sparsity(backend: str, check_picture: Check, saw: Saw) -> None:
    learned = relu_sparsity.learn()
    both, positive = learned.values()
    ends = [one.zeros[[0, -1]].mean(1) for one in (both, positive)]
    saw(
        f"zeros {ends[0][0]:.0%} to {ends[0][1]:.0%}; positive {ends[1][0]:.0%} to {ends[1][1]:.0%}"
    )
    assert ends[0] == pytest.approx([0.5, 0.25], abs=0.06)
    assert ends[1][0] == 0.0 and ends[1][1] < 0.1
    assert positive.accuracy[1].max() < both.accuracy[1].min()
    assert positive.accuracy[-1].mean() < both.accuracy[-1].mean() - 0.01
    check_picture(relu_sparsity, learned)


def test_digits(backend: str, check_picture: Check, saw: Saw) -> None:
    learned = digits.learn(range(3))
    accuracy = {name: one.accuracy() for name, one in learned.items()}
    saw(", ".join(f"{name} {one.min():.1%} to {one.max():.1%}" for name, one in accuracy.items()))
    assert min(accuracy["relu"].min(), accuracy["tanh"].min()) >= 0.975
    assert accuracy["sigmoid"].min() >= 0.96
    # In each of the first epochs the sigmoid network lags behind, from every seed.
    for epoch in range(3):
        others = max(learned[name].cost[epoch].max() for name in ("relu", "tanh"))
        assert learned["sigmoid"].cost[epoch].min() > 1.1 * others
    counts = digits.confusion(learned["relu"])
    assert counts.sum() == 3 * 360
    assert np.trace(counts) / counts.sum() == pytest.approx(accuracy["relu"].mean())
    assert learned["relu"].network.size == 64 * 64 + 64 + 64 * 10 + 10
    check_picture(digits, learned)


def test_digits_compared(backend: str, check_picture: Check, saw: Saw) -> None:
    accuracy = digits_compared.learn(range(2))
    assert list(accuracy) == ELEMENTWISE
    check_picture(digits_compared, accuracy)
    # Before a step the first layer gets no gradient; with all others it learns.
    step = accuracy.pop("step")
    worst = min(accuracy, key=lambda name: accuracy[name].mean())
    saw(f"step {step.mean():.1%}, others from {accuracy[worst].mean():.1%} ({worst}) on")
    assert step.max() < min(one.min() for one in accuracy.values())
    assert min(one.min() for one in accuracy.values()) > 0.93
