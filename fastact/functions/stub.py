"""The package's type stub: every public name with its types, from the signatures of the functions.

The build writes it; nothing else imports this module.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from .base import Function, Pass
from .catalogue import get as get_function
from .catalogue import names

__all__ = ["stub"]

_HEAD = '''\
"""Emitted by the build from fastact/functions: the public names with their types."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .backends.registry import backends as backends
from .backends.registry import get_backend as get_backend
from .backends.registry import register_backend as register_backend
from .backends.registry import set_backend as set_backend
from .backends.registry import use_backend as use_backend
from .functions.base import Function, Pass
from .functions.catalogue import get as get
from .functions.catalogue import names as names
from .functions.own import activation as activation
from .headers import get_include as get_include
from .threads import get_num_threads as get_num_threads
from .threads import set_num_threads as set_num_threads

__version__: str
'''
#: Argument -> its type; any other argument is an array, or for a parameter a number or an array.
_TYPES = {
    "approximate": "bool | str",
    "axis": "int",
    "dtype": "DTypeLike | None",
    "empty": "float | None",
    "full": "bool",
    "hard": "bool",
    "ignore_index": "ArrayLike",
    "keepdims": "bool",
    "label_smoothing": "float",
    "log_input": "bool",
    "log_target": "bool",
    "lower": "float",
    "order": "str | None",
    "out": "Any",
    "pieces": "int",
    "reduction": "str",
    "rng": "np.random.Generator | int | None",
    "tau": "float",
    "temperature": "float",
    "training": "bool",
    "upper": "float",
}
_ROW_AXIS = "int | tuple[int, ...] | None"


def stub() -> str:
    """Return the text of ``__init__.pyi``."""
    lines: list[str] = []
    for name in names():
        lines += ["", *_classes(get_function(name))]
    return _HEAD + "\n".join(lines) + "\n"


def _classes(function: Function) -> Iterator[str]:
    name = function.name
    others = {pass_: one for pass_, one in function.passes.items() if pass_ != "forward"}
    if "parameter_vjp" in vars(function):
        others["parameter_vjp"] = vars(function)["parameter_vjp"]
    for pass_, one in others.items():
        yield f"class _{name}_{pass_}(Pass):"
        yield f"    {_call(function, one)}"
        yield ""
    yield f"class _{name}(Function):"
    yield f"    {_call(function, function)}"
    for pass_ in others:
        yield f"    {pass_}: _{name}_{pass_}"
    yield ""
    yield from (f"{public}: _{name}" for public in (name, *function.aliases))


def _call(function: Function, one: Pass) -> str:
    shown = ["self"]
    kinds = inspect.Parameter
    previous: Any = kinds.POSITIONAL_ONLY
    for name, parameter in inspect.signature(one).parameters.items():
        if previous == kinds.POSITIONAL_ONLY != parameter.kind and len(shown) > 1:
            shown.append("/")
        if parameter.kind == kinds.KEYWORD_ONLY != previous:
            shown.append("*")
        required = parameter.default is inspect.Parameter.empty
        shown.append(
            f"{name}: {_type(function, name, parameter.default)}" + ("" if required else " = ...")
        )
        previous = parameter.kind
    result = "tuple[Any, Any]" if one.nout == 2 and function.family != "gates" else "Any"
    return f"def __call__({', '.join(shown)}) -> {result}: ..."


def _type(function: Function, name: str, default: Any) -> str:
    if name == "axis" and function.family == "rows":
        return _ROW_AXIS
    return _TYPES.get(name) or ("ArrayLike | None" if default is None else "ArrayLike")
