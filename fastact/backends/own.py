"""Kernels of users' own activations: compiled by Numba, or in NumPy where that is chosen or Numba is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..definitions.declaration import Declaration
from ..reference import expressions
from . import numpy as plain
from .environment import silent
from .numba import backend as numba
from .numba.own import declare
from .protocol import Backend, Kernel, computed_dtypes

__all__ = ["declare", "describe", "dtypes", "kernel"]


def _is_compiled(backend: Backend) -> bool:
    return backend.name != plain.name and numba.why_unavailable() is None


def describe() -> str:
    """Say in one line what computes users' own activations, with another backend than numpy."""
    reason = numba.why_unavailable()
    return "compiled by Numba" if reason is None else f"computed in NumPy: {reason}"


def dtypes(backend: Backend) -> frozenset[str]:
    """Return the names of the dtypes that there are kernels for while a backend is in force."""
    return numba.dtypes if _is_compiled(backend) else computed_dtypes(plain)


def kernel(declaration: Declaration, backend: Backend, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return the kernel of one pass while a backend is in force."""
    if _is_compiled(backend):
        return numba.kernel(declaration.name, pass_, dtype)
    return _evaluated(declaration, pass_, dtype)


def _evaluated(declaration: Declaration, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return a kernel that evaluates the expression in float64, block by block, and rounds once."""
    one = declaration.passes[pass_]
    n_in, n_arrays = len(one.inputs), len(one.inputs) + len(one.outputs)

    def run(*operands: Any) -> None:
        with silent():
            params = [plain.parameter(dtype, value) for value in operands[n_arrays:]]
            inputs = [*operands[:n_in], *params]
            for start in range(0, operands[0].size, plain.BLOCK):
                part = slice(start, start + plain.BLOCK)
                values = (v[part] if isinstance(v, np.ndarray) else v for v in inputs)
                results = expressions.evaluate(declaration, pass_, *values)
                for out, result in zip(operands[n_in:n_arrays], results, strict=True):
                    out[part] = result

    return run
