"""Rows, gates and losses in NumPy, written by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import Arrays, Key, Maker

Array = np.ndarray[Any, np.dtype[Any]]


def _softmax(a: Arrays) -> Array:
    e = np.exp(a.x - a.x.max(a.axis, keepdims=True))
    result: Array = e / e.sum(a.axis, keepdims=True)
    return result


def _log_softmax(a: Arrays) -> Array:
    d = a.x - a.x.max(a.axis, keepdims=True)
    result: Array = d - np.log(np.exp(d).sum(a.axis, keepdims=True))
    return result


def _logsumexp(a: Arrays) -> Array:
    m = a.x.max(a.axis, keepdims=True)
    result: Array = np.log(np.exp(a.x - m).sum(a.axis)) + m.squeeze(a.axis)
    return result


def _ranks(a: Arrays) -> tuple[Array, Array]:
    """Return each row in descending order, and its ranks 1, 2, 3... in the same dtype."""
    x: Array = np.flip(np.sort(a.x, a.axis), a.axis)
    shape = [1] * x.ndim
    shape[a.axis] = -1
    return x, np.arange(1, x.shape[a.axis] + 1, dtype=x.dtype).reshape(shape)


def _at(values: Array, support: Array, axis: int) -> Array:
    """Return each row's value at the last index of its support."""
    last = support.sum(axis, keepdims=True) - 1
    return np.take_along_axis(values, last, axis)


def _sparsemax(a: Arrays) -> Array:
    # Martins, Astudillo 2016, algorithm 1.
    z, k = _ranks(a)
    tau = (np.cumsum(z, a.axis) - 1) / k
    return np.maximum(a.x - _at(tau, z > tau, a.axis), 0)


def _entmax15(a: Arrays) -> Array:
    # Peters, Niculae, Martins 2019, algorithm 2.
    m = a.x.max(a.axis, keepdims=True)
    z, k = _ranks(a)
    z = (z - m) / 2
    mean, square = np.cumsum(z, a.axis) / k, np.cumsum(z * z, a.axis) / k
    delta = (1 - k * (square - mean * mean)) / k
    tau = mean - np.sqrt(np.maximum(delta, 0))
    result: Array = np.maximum((a.x - m) / 2 - _at(tau, tau <= z, a.axis), 0) ** 2
    return result


def _softmax_vjp(a: Arrays) -> Array:
    t = a.g * a.y
    result: Array = t - a.y * t.sum(a.axis, keepdims=True)
    return result


def _log_softmax_vjp(a: Arrays) -> Array:
    result: Array = a.g - np.exp(a.y) * a.g.sum(a.axis, keepdims=True)
    return result


def _sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


def _glu(a: Arrays) -> Array:
    value, gate = np.split(a.x, 2, a.axis)
    result: Array = value * _sigmoid(gate)
    return result


def _glu_vjp(a: Arrays) -> Array:
    value, gate = np.split(a.x, 2, a.axis)
    s = _sigmoid(gate)
    return np.concatenate([a.g * s, a.g * value * s * (1 - s)], a.axis)


def _swiglu(a: Arrays) -> Array:
    gate, value = np.split(a.x, 2, a.axis)
    result: Array = gate * _sigmoid(gate) * value
    return result


def _swiglu_vjp(a: Arrays) -> Array:
    gate, value = np.split(a.x, 2, a.axis)
    s = _sigmoid(gate)
    slope = s * (1 + gate * (1 - s))
    return np.concatenate([a.g * value * slope, a.g * gate * s], a.axis)


def _cross_entropy(a: Arrays) -> tuple[Any, Array]:
    rows = np.arange(len(a.x))
    d = a.x - a.x.max(1, keepdims=True)
    e = np.exp(d)
    total = e.sum(1, keepdims=True)
    loss = (np.log(total[:, 0]) - d[rows, a.target]).mean()
    e /= total
    e[rows, a.target] -= 1
    e /= len(rows)
    return loss, e


def _bce(a: Arrays) -> Any:
    return (np.maximum(a.x, 0) - a.x * a.target + np.log1p(np.exp(-np.abs(a.x)))).mean()


def _bce_both(a: Arrays) -> tuple[Any, Array]:
    return _bce(a), (_sigmoid(a.x) - a.target) / a.x.size


_FORMULAS: dict[Key, Callable[[Arrays], Any]] = {
    ("softmax", "forward"): _softmax,
    ("softmax", "vjp"): _softmax_vjp,
    ("log_softmax", "forward"): _log_softmax,
    ("log_softmax", "vjp"): _log_softmax_vjp,
    ("logsumexp", "forward"): _logsumexp,
    ("sparsemax", "forward"): _sparsemax,
    ("entmax15", "forward"): _entmax15,
    ("glu", "forward"): _glu,
    ("glu", "vjp"): _glu_vjp,
    ("swiglu", "forward"): _swiglu,
    ("swiglu", "vjp"): _swiglu_vjp,
    ("cross_entropy", "value_and_grad"): _cross_entropy,
    ("binary_cross_entropy_with_logits", "forward"): _bce,
    ("binary_cross_entropy_with_logits", "value_and_grad"): _bce_both,
}


def _prepared(formula: Callable[[Arrays], Any]) -> Maker:
    return lambda a: partial(formula, a)


CALLS: dict[Key, Maker] = {key: _prepared(formula) for key, formula in _FORMULAS.items()}
