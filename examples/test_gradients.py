"""What the programs claim of derivatives and gradients holds on every backend."""

from __future__ import annotations

import numpy as np
import pytest

import chain_rule
import derivative_at_zero
import nan_cost
import numeric_derivative
import vanishing_gradient
from conftest import Check, Saw


def test_numeric_derivative(backend: str, check_picture: Check, saw: Saw) -> None:
    compared = numeric_derivative.learn()
    errors = {h: numeric_derivative.error(slope) for h, slope in compared.slopes.items()}
    saw(", ".join(f"h = {h:.0e} off by {error:.2g}" for h, error in errors.items()))
    assert errors[1e-5] == pytest.approx(4.8e-7, rel=0.02)
    # Rounding: the values depend on the last bits of each backend.
    assert errors[1e-8] == pytest.approx(2.8e-8, rel=0.5)
    assert 0.1 < errors[1e-15] < 0.4
    best = numeric_derivative.STEPS[np.argmin(compared.worst)]
    assert 1e-8 < best < 1e-6
    assert list(numeric_derivative.learn(h=[1e-3]).slopes) == [1e-3]
    check_picture(numeric_derivative, compared)


def test_derivative_at_zero(backend: str, check_picture: Check, saw: Saw) -> None:
    kinks = derivative_at_zero.learn()
    saw(", ".join(f"{library} {slope:g}" for library, slope in kinks["relu", 0.0].taken.items()))
    # The libraries agree on relu; elsewhere each takes one of the two slopes.
    assert set(kinks["relu", 0.0].taken.values()) == {0.0}
    for kink in kinks.values():
        assert abs(kink.left - kink.right) > 0.1
        for slope in kink.taken.values():
            assert min(abs(slope - kink.left), abs(slope - kink.right)) < 1e-6
    check_picture(derivative_at_zero, kinks)


def test_chain_rule(backend: str, check_picture: Check, saw: Saw) -> None:
    weights, step = [0.8, -1.3, 0.6, 1.7], 1e-6
    for function in chain_rule.FUNCTIONS.values():

        def output(first: float, function: object = function) -> float:
            return chain_rule.chain(function, [first, *weights[1:]], 0.9)[0]

        difference = (output(weights[0] + step) - output(weights[0] - step)) / (2 * step)
        assert chain_rule.gradient(function, weights, 0.9) == pytest.approx(difference, abs=1e-9)
    products = chain_rule.learn()
    saw(", ".join(f"{name} {product[-1]:.1e}" for name, product in products.items()) + " by ten")
    assert (products["sigmoid"] < 0.25**chain_rule.DEPTHS).all()
    assert products["sigmoid"][-1] < 1e-2 * products["tanh"][-1]
    np.testing.assert_array_equal(products["relu"], 1.0)
    check_picture(chain_rule, products)


def test_vanishing_gradient(backend: str, check_picture: Check, saw: Saw) -> None:
    runs = vanishing_gradient.learn()
    shares = {name: vanishing_gradient.share(run) for name, run in runs.items()}
    saw(", ".join(f"{name} {share:.0%}" for name, share in shares.items()) + " of 10 seeds")
    assert shares["sigmoid"] == 0.0
    assert abs(runs["sigmoid"].accuracy[-1].mean() - 0.5) <= 0.1
    assert min(shares["relu"], shares["leaky_relu"], shares["tanh"]) > 0.5
    for run in runs.values():
        assert np.isfinite(run.cost).all()
    first, last = np.median(runs["sigmoid"].norms[0], axis=1)[[0, -1]]
    assert first < 1e-4 * last
    check_picture(vanishing_gradient, runs)


def test_nan_cost(backend: str, check_picture: Check, saw: Saw) -> None:
    assert nan_cost.end(np.float32) == pytest.approx(16.6, abs=0.1)
    assert nan_cost.end(np.float64) == pytest.approx(36.7, abs=0.1)
    naive = nan_cost.naive_cost(nan_cost.LOGITS, 1.0, np.float64)
    stable = vanishing_gradient.cost_from_logits(nan_cost.LOGITS, 1.0)
    known = np.isfinite(naive)
    np.testing.assert_allclose(stable[known], naive[known], rtol=1e-12, atol=3e-16)
    runs = nan_cost.learn()
    firsts = {name: sorted(run.first_nan[run.first_nan >= 0]) for name, run in runs.items()}
    saw(", ".join(f"{name} NaN at steps {[*map(int, first)]}" for name, first in firsts.items()))
    assert firsts == {"sigmoid": [], "relu": [0, 1], "leaky_relu": [0, 1]}
    assert len(runs["sigmoid"].cost) == 20_001
    np.testing.assert_allclose(np.median(runs["sigmoid"].cost[-1]), np.log(2), atol=1e-3)
    for run in runs.values():
        assert np.isfinite(run.cost).all()
    check_picture(nan_cost, runs)
