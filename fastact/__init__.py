"""Activation functions for NumPy arrays: forward, derivative and vector-Jacobian product.

Functions are called like NumPy's ufuncs: array_likes in, broadcasting, `out`, `where`, `dtype`. Their passes are
attributes of them:

>>> import fastact as fa
>>> fa.gelu([-1.0, 0.0, 2.0])
array([-0.15865525,  0.        ,  1.95449974])
>>> fa.gelu.derivative(0.0)
np.float64(0.5)
>>> fa.gelu.vjp([1.0, 1.0], [0.0, 2.0])
array([0.5      , 1.0852318])
>>> fa.softmax([[1.0, 2.0, 4.0]], axis=-1)
array([[0.04201007, 0.1141952 , 0.84379473]])
>>> fa.cross_entropy.value_and_grad([[2.0, 0.0]], [0])[1]
array([[-0.11920292,  0.11920292]])

``help(fa.gelu)`` has the parameters, errors, source and related functions, `names` all names; `get` finds a function by
a name of PyTorch, JAX, Keras, ONNX or Transformers, and `activation` makes one of a Python function. `set_backend` and
`use_backend` choose what computes, `set_num_threads` on how many threads. The modules `fastact.plotting` and
`fastact.accuracy` draw functions and measure their errors.
"""

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
_MODULES = ("accuracy", "plotting", "threads", "onnx", "sklearn", "torch")
# What `help` imports: not what is for another framework.
_LISTED = _MODULES[:3]


class _Page(str):
    """The docstring of the package, to which `help` adds all functions: it expands tabs first (`inspect.cleandoc`)."""

    def expandtabs(self, tabsize: object = 8) -> str:
        """Return the whole page."""
        from .functions.help import page

        return page(str(self))


__doc__ = _Page(__doc__)


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
    raise _missing(name)


def _missing(name: str) -> AttributeError:
    from .messages import suggestion

    # Some programs look for attributes that modules may have, such as __wrapped__, again and again.
    hint = suggestion(name, globals().get("__all__", ())) if name[:1] != "_" else ""
    error = AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    # Python adds a hint of its own to an error that does not say what was searched.
    error.name, error.obj = name, None
    return error


def _may_be_function(name: str) -> bool:
    from importlib.machinery import PathFinder

    # A module of that name is being imported, maybe by one that the functions are made of.
    return not name.startswith("_") and not PathFinder.find_spec(f"{__name__}.{name}", __path__)


def __dir__() -> list[str]:
    if "__all__" not in globals():
        _load()
    from importlib.util import find_spec

    drawable = find_spec("matplotlib") is not None
    modules = [name for name in _LISTED if name != "plotting" or drawable]
    return [*globals()["__all__"], *modules]
