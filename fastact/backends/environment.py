"""Arithmetic that the package itself does with NumPy: silent, and in the floating-point environment of the kernels.

A caller may round upward or flush subnormals to zero, which would change the results of NumPy's loops, too. Without
the extension that environment is the caller's.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

__all__ = ["Environment", "silent"]

try:
    from .cython._native import Environment
except ImportError:
    Environment = nullcontext  # type: ignore[misc, assignment]


class silent:
    """A context in which NumPy warns of nothing and computes as kernels do."""

    __slots__ = ("_environment", "_errors")

    def __enter__(self) -> None:
        self._errors = np.errstate(all="ignore")
        self._errors.__enter__()
        self._environment: AbstractContextManager[Any] = Environment()
        self._environment.__enter__()

    def __exit__(self, *_: object) -> None:
        self._environment.__exit__(None, None, None)
        self._errors.__exit__(None, None, None)
