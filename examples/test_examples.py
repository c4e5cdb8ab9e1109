"""The programs' claims hold on every backend and from several seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import fastact as fa
import forward_pass
import houses
import houses_trained
import own_activations
import perceptron_gates
import rebuilt_houses
import sigmoid_unit
import softmax_overflow
import why_activations
import xor_by_hand
import xor_hidden_units
import xor_quadratic
from conftest import Check, Saw, right


def test_why_activations(backend: str, check_picture: Check) -> None:
    for seed in range(5):
        curves = why_activations.learn(seed)
        for (shape, kind), y in curves.items():
            # Eight steps of one input change the output at most eight times, whatever the depth.
            if kind == "linear":
                assert why_activations.bend(y) < 1e-12
            elif kind == "step":
                assert 1 <= why_activations.values(y) <= (2 if shape == "perceptron" else 9)
            else:
                assert why_activations.values(y) > 100
    check_picture(why_activations, why_activations.learn())


def test_perceptron_gates(backend: str, check_picture: Check, saw: Saw) -> None:
    gates = perceptron_gates.learn()
    assert perceptron_gates.RATE == 0.01
    for gate in ("OR", "AND"):
        assert right(gates[gate].accuracy[-1]) == 1.0
    assert len(gates["XOR"].accuracy) == perceptron_gates.MOST_EPOCHS
    # No line can be right at more than three corners.
    assert gates["XOR"].accuracy.max() <= 0.75
    ends = gates["XOR"].accuracy[-1]
    assert [(ends == share).sum() for share in (0.25, 0.5)] == [6, 4]
    moved = perceptron_gates.learn(threshold=0.5, seeds=range(3))
    assert right(moved["OR"].accuracy[-1]) == right(moved["AND"].accuracy[-1]) == 1.0
    saw(f"OR after {len(gates['OR'].accuracy)} epochs, AND after {len(gates['AND'].accuracy)}")
    check_picture(perceptron_gates, gates)


def test_xor_by_hand(backend: str, check_picture: Check) -> None:
    outputs = xor_by_hand.learn()
    for name, wanted in perceptron_gates.GATES.items():
        np.testing.assert_array_equal(outputs[name], wanted)
    np.testing.assert_array_equal(outputs["NAND"], 1 - outputs["AND"])
    check_picture(xor_by_hand, outputs)


def test_sigmoid_unit(backend: str, check_picture: Check, saw: Saw) -> None:
    gates = sigmoid_unit.learn()
    assert sigmoid_unit.RATE == 0.01
    assert right(gates["OR"].accuracy) == right(gates["AND"].accuracy) == 1.0
    assert gates["XOR"].accuracy.max() <= 0.75
    share = right(gates["XOR, two hidden units"].accuracy)
    saw(f"XOR behind two hidden units: {share:.0%} of 20 seeds")
    assert share >= 0.6
    check_picture(sigmoid_unit, gates)


def test_xor_quadratic(backend: str, check_picture: Check, saw: Saw) -> None:
    unit = xor_quadratic.learn()
    saw(f"{right(xor_quadratic.accuracy(unit)):.0%} of 20 seeds")
    assert right(xor_quadratic.accuracy(unit)) == 1.0
    check_picture(xor_quadratic, unit)


def test_xor_hidden_units(backend: str, check_picture: Check, saw: Saw) -> None:
    learned = xor_hidden_units.learn()
    shares = {
        way: (xor_hidden_units.at(s, 1000), xor_hidden_units.at(s, 3000))
        for way, s in learned.items()
    }
    saw(", ".join(f"{n} {output} {b:.0%}" for (n, output), (_, b) in shares.items()))
    assert shares[1, "linear"] == shares[1, "sigmoid"] == (0.0, 0.0)
    early, late = shares[2, "linear"]
    assert early == pytest.approx(0.6, abs=0.1) and late >= early + 0.1
    assert shares[2, "sigmoid"][0] == shares[2, "sigmoid"][1]
    assert min(shares[3, "linear"][1], shares[3, "sigmoid"][1]) >= 0.85
    check_picture(xor_hidden_units, learned)


def test_forward_pass(backend: str, check_picture: Check) -> None:
    signals = forward_pass.learn()
    np.testing.assert_allclose(signals[-1], [0.31682708, 0.69627909], atol=5e-9)
    check_picture(forward_pass, signals)


def test_softmax_overflow(backend: str, check_picture: Check, saw: Saw) -> None:
    compared = softmax_overflow.learn()
    first, second, third = compared.softmax
    np.testing.assert_allclose(first, [0.09003057, 0.24472847, 0.66524096], atol=5e-9)
    np.testing.assert_allclose(second[1], 0.21521022006514684, rtol=1e-14)
    np.testing.assert_allclose(third[1], 5.148200222412013e-131, rtol=1e-14)
    # All ways agree where they work; only the greatest input itself keeps exp from overflowing.
    assert max(compared.difference.values()) < 3e-15
    ends = [compared.last(way) for way in softmax_overflow.WAYS]
    saw(f"exp alone works up to {ends[0]:.0f}, minus log max up to {ends[1]:.0f}")
    assert ends == [709, 716, 1000, 1000]
    np.testing.assert_allclose(compared.first["fa.softmax"], fa.sigmoid(1.0), rtol=1e-12)
    check_picture(softmax_overflow, compared)


# The textbook's numbers, by house.
LINEAR = "-.26583791 .22466981 .11391604 -.26583791 .22466981 .11391604 -.04433037 .0664234"
ONE_UNIT = "0.43392918 0.55593234 0.5284482 0.43392918 0.55593234 0.5284482 0.48891923 0.5165997"
HIDDEN = "0 0.22466981 0.11391602 0 0.22466981 0.11391602 0 0.06642342"
BEHIND = "0.5007906 0.46668372 0.48347807 0.5007906 0.46668372 0.48347807 0.5007906 0.49069336"


def test_rebuilt_houses(backend: str, check_picture: Check, saw: Saw) -> None:
    np.testing.assert_array_equal(houses.HOUSES[:, 1], [1, 0, 0, 1, 0, 0, 1, 1])
    unit, behind = houses.TEXTBOOK.values()
    for found, wanted in (
        (unit.inner(), LINEAR),
        (unit.output(), ONE_UNIT),
        (fa.relu(behind.inner()), HIDDEN),
        (behind.output(), BEHIND),
    ):
        numbers = [float(number) for number in wanted.split()]
        np.testing.assert_allclose(found[:, 0], numbers, rtol=0, atol=1e-6)
    for cost in (behind.cost()[0], behind.cost_from_probabilities()[0]):
        assert cost == pytest.approx(0.69094222, abs=1e-6)
    assert behind.accuracy()[0] == 0.75
    start = houses.START
    after = houses.rmsprop_step(start)
    assert start.cost()[0] == pytest.approx(0.738546, abs=1e-6)
    assert after.cost()[0] == pytest.approx(0.73758, abs=1e-6)
    assert start.accuracy()[0] == after.accuracy()[0] == 0.25
    # The step leads to the textbook's unit.
    np.testing.assert_allclose(after.weight, unit.weight, atol=1e-5)
    np.testing.assert_allclose(after.bias, unit.bias, atol=1e-7)
    trained = rebuilt_houses.learn()
    report = rebuilt_houses.report(trained)
    assert "one unit: 3 parameters" in report and "hidden relu: 3 + 2 parameters" in report
    assert trained.accuracy()[0] == 0.75
    saw(f"cost {start.cost()[0]:.6f}, after a step {after.cost()[0]:.6f}")
    check_picture(rebuilt_houses, trained)


def test_houses_trained(backend: str, check_picture: Check, saw: Saw) -> None:
    trainings = houses_trained.learn()
    alone, hidden = trainings.values()
    dead = hidden.dead()
    saw(f"one unit {alone.costs[-1].max():.4f}; hidden relu dead in {dead.sum()} of 11 starts")
    # The cost of a single unit is convex: every start ends in the one minimum.
    assert np.ptp(alone.costs[-1]) < 1e-3
    assert 0 < dead.sum() < 11
    # Dead units leave the share of the rebuilt houses, 5 of 8, whose entropy is the cost.
    entropy = -(5 * np.log(5 / 8) + 3 * np.log(3 / 8)) / 8
    np.testing.assert_allclose(hidden.costs[-1, dead], entropy, rtol=1e-6)
    assert hidden.costs[-1].min() < alone.costs[-1].min() - 0.05
    assert hidden.costs.min() > houses_trained.LEAST
    assert max(run.model.accuracy().max() for run in trainings.values()) == 0.75
    check_picture(houses_trained, trainings)


@pytest.mark.parametrize("name", ["weight", "bias", "outer"])
def test_gradient_of_the_houses(backend: str, name: str) -> None:
    """The gradients derived by hand match differences of the cost."""
    behind = houses.TEXTBOOK["hidden relu"]
    value, step = getattr(behind, name), 1e-5
    gradient = dict(zip(("weight", "bias", "outer"), behind.gradient(), strict=True))[name]
    for place in np.ndindex(value.shape):
        shift = np.zeros_like(value)
        shift[place] = step
        up, down = (replace(behind, **{name: value + s}).cost() for s in (shift, -shift))
        assert (up - down) / (2 * step) == pytest.approx(gradient[place], abs=1e-9)


def test_own_activations(backend: str, check_picture: Check, saw: Saw) -> None:
    learned = own_activations.learn(range(3))
    assert max(learned.differences.values()) < 1e-8
    errors = {name: float(np.median(error)) for name, error in learned.errors.items()}
    assert errors["snake, α = 2"] < 1e-3 and errors["leaky gate"] < 1e-2
    assert (learned.alphas > 0).all() and np.ptp(learned.alphas) > 0.01
    inside, outside = (own_activations.beyond(learned, name) for name in ("snake, α = 2", "relu"))
    saw(f"beyond the data: snake {np.median(inside):.2g}, relu {np.median(outside):.2g}")
    assert np.median(inside) < 0.5 * np.median(outside)
    check_picture(own_activations, learned)
