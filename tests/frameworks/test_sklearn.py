"""fastact.sklearn: perceptrons with fastact's activations."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import check_python

pytest.importorskip("sklearn", reason="fastact.sklearn needs scikit-learn")
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastact.sklearn import ACTIVATIONS, MLPClassifier, MLPRegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_digits_are_learned() -> None:
    x, y = load_digits(return_X_y=True)
    train, test, labels, expected = train_test_split(x / 16, y, random_state=0)
    for name, least in (("elu", 0.95), ("leaky_relu", 0.95), ("softplus", 0.95), ("sigmoid", 0.9)):
        model = MLPClassifier(
            64, activation=name, max_iter=60, tol=0, n_iter_no_change=60, random_state=0
        )
        model.fit(train, labels)
        assert model.score(test, expected) > least, name


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_is_that_of_the_loss(dtype: Any) -> None:
    """One step of gradient descent changes the weights by the difference quotient of the loss."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    for name in ACTIVATIONS:
        model: Any = MLPRegressor(
            hidden_layer_sizes=(5,), activation=name, solver="sgd", max_iter=1, random_state=0
        )
        model = clone(model).set_params(
            momentum=0.0, learning_rate_init=1.0, batch_size=30, alpha=0
        )
        model.fit(x.astype(dtype), y.astype(dtype))
        after = model.coefs_[0].astype(float)
        fresh: Any = clone(model)
        fresh._random_state = np.random.RandomState(0)
        fresh.n_outputs_ = 1
        fresh._initialize(y[:, None], [4, 5, 1], np.dtype(dtype))
        w, v = (one.astype(float) for one in fresh.coefs_)
        b, c = (one.astype(float) for one in fresh.intercepts_)
        function = fa.get(name)
        hidden = x @ w + b
        residual = (function(hidden) @ v + c - y[:, None]) / 30
        expected = w - x.T @ function.vjp(residual @ v.T, hidden)
        np.testing.assert_allclose(after, expected, atol=1e-4 if dtype is np.float32 else 1e-12)


def test_other_estimators_and_processes() -> None:
    from sklearn.neural_network import MLPClassifier as Plain

    assert {"elu", "selu", "softplus", "sigmoid"} <= {*ACTIVATIONS}
    assert not {"gelu", "silu", "log1p", "relu", "tanh"} & {*ACTIVATIONS}
    with pytest.raises(ValueError, match="'activation' parameter"):
        Plain(activation="elu").fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match="'activation' parameter"):
        MLPClassifier(activation="gelu").fit([[0.0], [1.0]], [0, 1])
    model = MLPClassifier(4, activation="elu", solver="lbfgs").fit([[0.0], [1.0]], [0, 1])
    check_python(f"""
import pickle
assert list(pickle.loads({pickle.dumps(model)!r}).predict([[0.0], [1.0]])) == [0, 1]
""")
