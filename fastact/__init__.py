"""Activation functions for NumPy arrays: forward, derivative and vector-Jacobian product."""

from __future__ import annotations

# Nothing else is imported before it is asked for, NumPy included: the program settles its signals first.
from . import backends
from ._version import __version__ as __version__

del backends  # the package is loaded, so that nothing hides the function of that name with it

_HERE = {
    "activation": ".functions.own",
    "backends": ".backends.registry",
    "get_backend": ".backends.registry",
    "get_include": ".headers",
    "get_num_threads": ".threads",
    "register_backend": ".backends.registry",
    "set_backend": ".backends.registry",
    "set_num_threads": ".threads",
    "use_backend": ".backends.registry",
}
_MODULES = ("accuracy", "plotting", "threads")


def _load() -> None:
    """Put every function into the module; the stub beside this file names them all."""
    from .functions.catalogue import PUBLIC, get, names

    globals().update(PUBLIC, get=get, names=names)
    globals()["__all__"] = sorted(["__version__", *_HERE, *PUBLIC, "get", "names"])


def __getattr__(name: str) -> object:
    """Load the functions with the first that is asked for: `import fastact` takes a tenth of their time."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _HERE:
        return globals().setdefault(name, getattr(import_module(_HERE[name], __name__), name))
    if "__all__" not in globals() and (name == "__all__" or _may_be_function(name)):
        _load()
    if name in globals():  # also where another thread has loaded them in between
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _may_be_function(name: str) -> bool:
    from importlib.machinery import PathFinder

    # A module of that name is being imported, maybe by one that the functions are made of.
    return not name.startswith("_") and not PathFinder.find_spec(f"{__name__}.{name}", __path__)


def __dir__() -> list[str]:
    if "__all__" not in globals():
        _load()
    return list(globals()["__all__"])
