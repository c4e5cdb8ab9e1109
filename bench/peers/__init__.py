"""The libraries that fastact is compared with, and how each computes the same things.

Every peer is a module of this package that holds

    VERSION         what is installed
    CALLS           (function, pass) -> what prepares the computation: a maker
    COMPOSED        those of CALLS that take several of the library's kernels, since it has no single one
    native(array)   a NumPy array as the library wants it, sharing memory where that can be
    target(array)   the same for an array that results are written into
    context()       what the calls run inside
    set_num_threads(count)

A maker takes `Arrays` and returns a callable without arguments that computes into `out` where the
library can and returns the result, finished. These callables are what is timed, what is checked
against the definitions and what the accuracy table measures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

Call = Callable[[], Any]
Key = tuple[str, str]

#: The peers and what they are called in tables. `plain` is the formula written out in NumPy.
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
    """The operands of one comparison, as one library wants them; None where it has none.

    Attributes
    ----------
    x, g, y
        The input, the gradient of the result, and the output.
    out
        Where the result goes; of a loss, its gradient.
    axis : int
        What rows lie along, or gate and value one behind the other.
    target
        Of a loss: the class of each row, or 0 and 1 for each element.
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
    """Say in one line why a peer cannot be compared here, or return None if it can."""
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
    """Return every maker there is: (peer, function, pass) -> maker."""
    return {(name, *key): maker for name in available() for key, maker in load(name).CALLS.items()}
