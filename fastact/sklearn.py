"""scikit-learn's multilayer perceptrons with further activations, computed by fastact.

``MLPClassifier(activation="elu")`` and ``MLPRegressor(activation="softplus")`` are scikit-learn's estimators, which
take the names in `ACTIVATIONS`, too: those of functions whose output determines their derivative, because scikit-learn
keeps nothing else for the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    import sklearn
    from sklearn import neural_network
except ModuleNotFoundError as error:
    raise ImportError(
        "fastact.sklearn needs scikit-learn, which is not installed: pip install scikit-learn"
    ) from error
try:  # none of it is public
    from sklearn.neural_network._base import ACTIVATIONS as _ACTIVATIONS
    from sklearn.neural_network._base import DERIVATIVES as _DERIVATIVES
    from sklearn.utils._param_validation import StrOptions
except ImportError as error:
    raise ImportError(
        f"fastact.sklearn does not know scikit-learn {sklearn.__version__}, which keeps its activations elsewhere"
    ) from error

from .functions.elementwise import FUNCTIONS, Elementwise

__all__ = ["ACTIVATIONS", "MLPClassifier", "MLPRegressor"]


def _fits(function: Elementwise) -> bool:
    """Tell whether the output determines the derivative, and the function is defined for all numbers."""
    return "vjp_from_output" in function.passes and bool(
        np.isfinite(function(np.linspace(-30.0, 30.0, 61))).all()
    )


def _forward(function: Elementwise) -> Callable[[Any], None]:
    return lambda x: function(x, out=x)


def _backward(function: Elementwise) -> Callable[[Any, Any], None]:
    return lambda y, delta: function.vjp_from_output(delta, y, out=delta)


#: The names that `activation` may have besides scikit-learn's own.
ACTIVATIONS: tuple[str, ...] = tuple(
    name for name, one in FUNCTIONS.items() if name not in _ACTIVATIONS and _fits(one)
)

# Names are added to scikit-learn's tables and none is changed: other estimators compute what they did.
for _name in ACTIVATIONS:
    _ACTIVATIONS[_name] = _forward(FUNCTIONS[_name])
    _DERIVATIVES[_name] = _backward(FUNCTIONS[_name])


def _constraints(estimator: Any) -> dict[str, Any]:
    known = estimator._parameter_constraints
    (own,) = known["activation"]
    return {**known, "activation": [StrOptions(own.options | {*ACTIVATIONS})]}


class MLPClassifier(neural_network.MLPClassifier):
    """scikit-learn's MLPClassifier, whose `activation` may also be one of `fastact.sklearn.ACTIVATIONS`.

    Examples
    --------
    >>> from fastact.sklearn import MLPClassifier
    >>> x, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    >>> MLPClassifier(8, activation="elu", solver="lbfgs", random_state=1).fit(x, y).predict(x)
    array([0, 1, 1, 0])
    """

    _parameter_constraints = _constraints(neural_network.MLPClassifier)


class MLPRegressor(neural_network.MLPRegressor):
    """scikit-learn's MLPRegressor, whose `activation` may also be one of `fastact.sklearn.ACTIVATIONS`."""

    _parameter_constraints = _constraints(neural_network.MLPRegressor)
