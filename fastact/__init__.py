"""Activation functions for NumPy arrays: forward, derivative and vector-Jacobian product."""

from __future__ import annotations

from .backends.registry import (
    backends,
    get_backend,
    register_backend,
    set_backend,
    use_backend,
)
from .lookup import PUBLIC as _PUBLIC
from .lookup import get, names
from .threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

# An activation becomes public by being declared; the stub beside this file names every one.
globals().update(_PUBLIC)

__all__ = [
    "__version__",
    "backends",
    "get",
    "get_backend",
    "get_num_threads",
    "names",
    "register_backend",
    "set_backend",
    "set_num_threads",
    "use_backend",
    *sorted(_PUBLIC),
]


def __dir__() -> list[str]:
    return __all__
