"""Activation functions for NumPy arrays: forward, derivative and vector-Jacobian product."""

from __future__ import annotations

from importlib.machinery import PathFinder
from typing import Any

from .backends.registry import backends as backends
from .backends.registry import get_backend as get_backend
from .backends.registry import register_backend as register_backend
from .backends.registry import set_backend as set_backend
from .backends.registry import use_backend as use_backend
from .threads import get_num_threads as get_num_threads
from .threads import set_num_threads as set_num_threads

__version__ = "0.1.0"

_HERE = [
    "__version__",
    "backends",
    "get_backend",
    "get_num_threads",
    "register_backend",
    "set_backend",
    "set_num_threads",
    "use_backend",
]


def _load() -> None:
    """Put every function into the module; the stub beside this file names them all."""
    from .lookup import PUBLIC, get, names

    globals().update(PUBLIC, get=get, names=names)
    globals()["__all__"] = sorted([*_HERE, *PUBLIC, "get", "names"])


def __getattr__(name: str) -> Any:
    """Load the functions with the first that is asked for: `import fastact` takes a tenth of their time."""
    if "__all__" not in globals() and (name == "__all__" or _may_be_function(name)):
        _load()
        if name in globals():
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _may_be_function(name: str) -> bool:
    # A module of that name is being imported, maybe by one that the functions are made of.
    return not name.startswith("_") and not PathFinder.find_spec(f"{__name__}.{name}", __path__)


def __dir__() -> list[str]:
    if "__all__" not in globals():
        _load()
    return list(globals()["__all__"])
