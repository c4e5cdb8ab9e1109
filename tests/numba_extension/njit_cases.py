"""Compiling calls of functions from text, and what they are checked against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastact.backends.numba import backend

if reason := backend.why_unavailable():
    pytest.skip(reason, allow_module_level=True)

import numba
from llvmlite import binding
from numba import types
from numba.core import entrypoints, errors

from fastact import numba_extension

__all__ = ["binding", "compiled", "errors", "given", "numba", "points", "same", "types"]

entrypoints.init_all()
# Where fastact is imported from its sources without being installed, Numba does not find the entry point.
numba_extension.init()


def compiled(arguments: str, expression: str, **names: Any) -> Callable[..., Any]:
    """Return an njit function of the arguments that returns an expression; the names are its globals."""
    scope = dict(names)
    exec(f"def function({arguments}):\n    return {expression}", scope)
    function: Callable[..., Any] = numba.njit(scope["function"])
    return function


def given(parameters: dict[str, Any]) -> str:
    """Return parameters as keywords of a call, after other arguments."""
    return "".join(f", {name}={value!r}" for name, value in parameters.items())


def points(dtype: Any) -> np.ndarray[Any, Any]:
    """Return numbers of all sizes."""
    random = np.random.default_rng(7)
    bits = {4: np.uint32, 8: np.uint64}[np.dtype(dtype).itemsize]
    anything = random.integers(0, np.iinfo(bits).max, 40, bits, endpoint=True).view(dtype)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0], dtype)
    return np.concatenate((anything, special, random.normal(0, 4, 40).astype(dtype)))


def same(found: Any, wanted: Any) -> bool:
    """Tell whether two results, or tuples of them, agree in type, shape and all bits."""
    if isinstance(wanted, tuple):
        return isinstance(found, tuple) and all(map(same, found, wanted))
    found, wanted = np.asarray(found), np.asarray(wanted)
    return found.dtype == wanted.dtype and np.array_equal(found, wanted, equal_nan=True)
