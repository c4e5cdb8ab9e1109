"""The operands of a case, and the shape of its result."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

import numpy as np
from case import AXES, Case
from families import FAMILY, REDUCTIONS
from peers import Arrays
from peers.formulas import REQUIRED, VJP_FROM_OUTPUT

import fastact as fa
from fastact.functions.elementwise import FUNCTIONS, Elementwise


def required(function: Elementwise) -> dict[str, float]:
    """Return a value for each parameter that has no default."""
    empty = inspect.Parameter.empty
    return {name: REQUIRED for name, value in function.parameters.items() if value is empty}


def buffer(size: int, dtype: str) -> np.ndarray:
    """Return an array aligned to 64 bytes, like those of PyTorch and JAX.

    Small ones own their memory, like most arrays of a program: testing two views for overlap costs
    fastact 0.2 us.
    """
    if dtype == "bfloat16":
        import ml_dtypes  # noqa: F401 - NumPy knows the type by its name from then on; the documentation needs none
    if size > 1 << 16:
        raw = np.zeros(size * np.dtype(dtype).itemsize + 64, np.uint8)
        start = -raw.ctypes.data % 64
        return raw[start : start + size * np.dtype(dtype).itemsize].view(dtype)
    rejected = []
    for _ in range(64):
        array = np.zeros(size, dtype)
        if array.ctypes.data % 64 == 0:
            break
        rejected.append(array)  # kept, or it would be allocated again
    return array


def filled(values: np.ndarray, dtype: str) -> np.ndarray:
    array = buffer(values.size, dtype)
    array[:] = values
    return array


@lru_cache(maxsize=1)
def data(dtype: str, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, normal with a standard deviation of 3, the gradient and an array for the result."""
    rng = np.random.default_rng(0)
    x, g = (filled(scale * rng.standard_normal(size), dtype) for scale in (3, 1))
    return x, g, buffer(size, dtype)


#: Functions of numbers between two bounds: elsewhere they are NaN.
BETWEEN = {
    "erfinv": (-1.0, 1.0),
    "ndtri": (0.0, 1.0),
    "log1p": (-0.9, 9.0),
    "logit": (0.01, 0.99),
    "log1mexp": (0.01, 9.0),
    "log_expm1": (0.01, 9.0),
    "entr": (0.01, 9.0),
}


@lru_cache(maxsize=1)
def between(function: str, dtype: str, size: int) -> np.ndarray:
    """Return numbers between the bounds of a function, uniform."""
    return filled(np.random.default_rng(0).uniform(*BETWEEN[function], size), dtype)


@lru_cache(maxsize=len(VJP_FROM_OUTPUT))
def output(function: str, dtype: str, size: int) -> np.ndarray:
    x = data(dtype, size)[0]
    return filled(FUNCTIONS[function](x, **required(FUNCTIONS[function])), dtype)


def result_shape(case: Case) -> tuple[int, ...]:
    """Return the shape of the result; for a loss with its gradient, of the gradient."""
    axis = AXES[case.axis] % len(case.shape)
    before, length, after = case.shape[:axis], case.shape[axis], case.shape[axis + 1 :]
    if case.function in REDUCTIONS:
        return before + after
    if case.pass_ == "forward":
        match FAMILY.get(case.function):
            case "gates":
                return (*before, length // 2, *after)
            case "losses":
                return ()
    return case.shape


def result_of(returned: Any) -> np.ndarray:
    """Return the array that a call returned; for a loss with its gradient, the gradient."""
    last = returned[-1] if isinstance(returned, tuple) else returned
    if str(last.dtype) == "torch.bfloat16":  # which NumPy does not take
        import torch

        return last.view(torch.int16).numpy().view("bfloat16")
    return np.asarray(last)


def operands(case: Case) -> Arrays:
    """Return all operands of a case, and an array for its result."""
    x, g, out = data(case.dtype, case.size)
    family = FAMILY.get(case.function)
    if case.function in BETWEEN:
        return Arrays(between(case.function, case.dtype, case.size), g, None, out)
    if family is None:
        from_output = case.pass_ == "vjp_from_output"
        y = output(case.function, case.dtype, case.size) if from_output else None
        return Arrays(x, g, y, out)
    shape, axis = result_shape(case), AXES[case.axis]
    x = x.reshape(case.shape)
    out = out[: int(np.prod(shape))].reshape(shape)
    if family == "losses":
        return Arrays(x, None, None, out, axis, _target(case))
    if family == "gates":
        halved = result_shape(Case(case.function, "forward", case.dtype, case.shape, case.axis))
        return Arrays(x, g[: case.size // 2].reshape(halved), None, out, axis)
    y = None
    if case.pass_ == "vjp":
        y = filled(fa.get(case.function)(x, axis).ravel(), case.dtype).reshape(case.shape)
    return Arrays(x, g.reshape(case.shape), y, out, axis)


def _target(case: Case) -> np.ndarray:
    """Return the class of each row, or 0 or 1 for each element."""
    rng = np.random.default_rng(1)
    if case.function == "cross_entropy":
        return rng.integers(case.shape[-1], size=case.shape[:-1])
    return filled(rng.integers(2, size=case.size), case.dtype).reshape(case.shape)
