"""Plain NumPy in double precision, after :mod:`fastact.reference`: slow, readable, always there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import reference
from .registry import Kernel

Array = np.ndarray[Any, np.dtype[Any]]

name = "numpy"

# The longest definitions hold about twenty temporaries at once: 20 * 4096 * 8 bytes are 640 KiB.
BLOCK = 4096

_SELU_SCALE = float(reference.SELU_SCALE)
_SELU_SLOPE = float(reference.SELU_SLOPE)


def why_unavailable() -> str | None:
    """Return None: it works wherever NumPy does."""
    return None


def describe() -> dict[str, str]:
    """Describe what it runs on."""
    return {"numpy": np.__version__, "threads": "1"}


def kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return the kernel of one pass of one function; it computes in float64 and rounds once."""
    known = _SLOPES_FROM_OUTPUT if pass_ == "vjp_from_output" else reference.TABLE
    if name not in known or pass_ not in _PASSES:
        raise KeyError(f"the numpy backend has no {pass_} of {name!r}")
    arrays, compute = _PASSES[pass_]

    def run(*operands: Any) -> None:
        params = operands[arrays:]
        size = operands[0].size
        with np.errstate(all="ignore"):
            for start in range(0, size, BLOCK):
                part = slice(start, start + BLOCK)
                compute(
                    name,
                    *(array[part] for array in operands[:arrays]),
                    *(value[part] if isinstance(value, np.ndarray) else value for value in params),
                )

    return run


def _forward(name: str, x: Array, out: Array, *params: Any) -> None:
    out[:] = reference.evaluate(name, "forward", x, *params)


def _derivative(name: str, x: Array, out: Array, *params: Any) -> None:
    out[:] = reference.evaluate(name, "derivative", x, *params)


def _vjp(name: str, g: Array, x: Array, out: Array, *params: Any) -> None:
    out[:] = _product(g, reference.evaluate(name, "derivative", x, *params))


def _value_and_derivative(name: str, x: Array, out: Array, dout: Array, *params: Any) -> None:
    slope = reference.evaluate(name, "derivative", x, *params)
    out[:] = reference.evaluate(name, "forward", x, *params)
    dout[:] = slope


def _vjp_from_output(name: str, g: Array, y: Array, out: Array, *params: Any) -> None:
    y = y.astype(np.float64)
    slope = _SLOPES_FROM_OUTPUT[name](y, *params)
    # An output that is NaN says nothing of the slope, unless the slope is the same everywhere.
    out[:] = _product(g, np.where(np.isnan(y), y, slope) if np.ndim(slope) else slope)


def _product(g: Array, slope: Array) -> Array:
    # Where the function is flat nothing flows back, not even from an infinite gradient (0 * inf is
    # NaN).
    return np.where(slope == 0.0, 0.0, g * slope)


# The derivative as a function of y = f(x), for the functions whose output determines it.
_SLOPES_FROM_OUTPUT: dict[str, Callable[..., Any]] = {
    "identity": lambda y: 1.0,
    "relu": lambda y: np.where(y > 0.0, 1.0, 0.0),
    "leaky_relu": lambda y, negative_slope: np.where(y > 0.0, 1.0, negative_slope),
    "exponential": lambda y: y,
    "elu": lambda y, alpha: np.where(y > 0.0, 1.0, y + alpha),
    "celu": lambda y, alpha: np.where(y > 0.0, 1.0, y / alpha + 1.0),
    "selu": lambda y: np.where(y > 0.0, _SELU_SCALE, y + _SELU_SLOPE),
    "sigmoid": lambda y: y * (1.0 - y),
    "tanh": lambda y: (1.0 - y) * (1.0 + y),
    "log_sigmoid": lambda y: -np.expm1(y),
    "softplus": lambda y, beta, threshold: np.where(
        beta * y > threshold, 1.0, -np.expm1(-beta * y)
    ),
}


# pass -> how many arrays come before the parameters, and what to do with a block of them
_PASSES: dict[str, tuple[int, Callable[..., None]]] = {
    "forward": (2, _forward),
    "derivative": (2, _derivative),
    "vjp": (3, _vjp),
    "value_and_derivative": (3, _value_and_derivative),
    "vjp_from_output": (3, _vjp_from_output),
}
