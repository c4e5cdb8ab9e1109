"""What Numba knows of the arguments of a call."""

from __future__ import annotations

import inspect
from typing import Any, Final

from numba import types

__all__ = ["DTYPES", "constant_of", "is_array", "is_number", "is_ready", "named", "show"]

#: The types that are computed in -> what emitted names call them.
DTYPES: Final = {types.float32: "f32", types.float64: "f64"}


def is_array(kind: Any) -> bool:
    """Tell whether a type is one of arrays."""
    return isinstance(kind, types.Array)


def is_number(kind: Any) -> bool:
    """Tell whether a type is one of real numbers that are computed with."""
    return isinstance(kind, (types.Integer, types.Boolean)) or kind in DTYPES


def is_ready(kind: Any, element: Any) -> bool:
    """Tell whether an array's elements lie one after the other, in the type that is computed in."""
    return bool(is_array(kind) and kind.layout == "C" and kind.dtype == element and kind.aligned)


def constant_of(kind: Any) -> Any:
    """Return the value of a literal, or the default of an argument that is not given; None if it is not known."""
    if isinstance(kind, types.Omitted):
        return kind.value
    return kind.literal_value if isinstance(kind, types.Literal) else None


def show(kind: Any) -> str:
    """Return a type as it is shown in an error."""
    return f"an array of {kind.dtype}" if is_array(kind) else str(types.unliteral(kind))


def named(name: str, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    """Return a parameter of a signature, given by position or by name."""
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
