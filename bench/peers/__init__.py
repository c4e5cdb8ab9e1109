"""The libraries that fastact is compared with, and their implementations of the same functions.

Every peer is a module of this package with

    VERSION         the installed version
    CALLS           (function, pass) -> maker, which prepares the computation
    COMPOSED        the keys of CALLS that take several of the library's kernels, for lack of a single one
    native(array)   a NumPy array in the library's type, sharing memory if possible
    target(array)   the same for an array that results are written into
    context()       the context in which calls run
    set_num_threads(count)

A maker takes `Arrays` and returns a callable without arguments that computes into `out` if the
library supports that, and returns the finished result. The same callables are timed, checked against
the definitions and measured for the accuracy table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

Call = Callable[[], Any]
Key = tuple[str, str]

#: Peer -> its name in tables. `plain` is the formula written by hand in NumPy.
TITLES = {
    "plain": "NumPy",
    "scipy": "SciPy",
    "numexpr": "numexpr",
    "torch": "PyTorch",
    "jax": "JAX",
    "entmax": "entmax",
}
_NEEDS = {name: name for name in TITLES} | {"plain": "numpy"}


class Arrays(NamedTuple):
    """The operands of one comparison, in one library's types; None for those a case does not have.

    Attributes
    ----------
    x, g, y
        The input, the gradient of the result, and the output.
    out
        The array for the result; for a loss, for its gradient.
    axis : int
        The axis of rows, or along which gate and value are packed.
    target
        For a loss: the class of each row, or 0 or 1 for each element.
    """

    x: Any
    g: Any
    y: Any
    out: Any
    axis: int = -1
    target: Any = None


Maker = Callable[[Arrays], Call]


@cache
def why_missing(name: str) -> str | None:
    """Return in one line why a peer cannot be compared here, or None if it can."""
    try:
        import_module(_NEEDS[name])
    except ImportError as error:
        return f"{TITLES[name]} is not here: {error}"
    return None


@cache
def load(name: str) -> ModuleType:
    return import_module(f".{name}", __name__)


def available() -> list[str]:
    return [name for name in TITLES if why_missing(name) is None]


@cache
def calls() -> dict[tuple[str, str, str], Maker]:
    """Return all makers: (peer, function, pass) -> maker."""
    return {(name, *key): maker for name in available() for key, maker in load(name).CALLS.items()}
