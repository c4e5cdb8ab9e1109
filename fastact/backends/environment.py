"""The package's own NumPy arithmetic: without warnings, and in the kernels' floating-point environment.

The caller's environment may round upward or flush subnormals to zero, which would change the results of NumPy's
loops too. Without the extension the caller's environment stays in force.
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
    """A context in which NumPy does not warn and has the kernels' floating-point environment."""

    __slots__ = ("_environment", "_errors")

    def __enter__(self) -> None:
        self._errors = np.errstate(all="ignore")
        self._errors.__enter__()
        self._environment: AbstractContextManager[Any] = Environment()
        self._environment.__enter__()

    def __exit__(self, *_: object) -> None:
        self._environment.__exit__(None, None, None)
        self._errors.__exit__(None, None, None)
