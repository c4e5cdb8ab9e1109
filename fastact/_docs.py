"""Docstrings and signatures of the callable objects, made when somebody asks for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .elementwise import Pass

__all__ = ["OnInstance", "document", "signature"]

_SUMMARIES = {
    "derivative": "The derivative of {name} with respect to x, at x.",
    "vjp": "The vector-Jacobian product: g times the derivative of {name} at x.\n\n"
    "Where the derivative is 0 the product is 0, whatever g is.",
    "value_and_derivative": "{name} and its derivative at x, computed together.",
    "vjp_from_output": "The vector-Jacobian product from the output y = {name}(x) instead of x.",
}
_ARRAYS = {
    "x": "x : array_like\n    Real numbers; integers and booleans count as float64.",
    "y": "y : array_like\n    What the function returned.",
    "g": "g : array_like\n    The gradient with respect to the output; it broadcasts with x or y.",
}
_OPTIONS = """\
out : array or tuple of arrays, optional
    Where to write the result; may be an input itself.
where : array_like of bool, optional
    Elements where it is False are not written.
dtype : dtype, optional
    float16, float32 or float64: the dtype to compute in and return."""


class OnInstance:
    """A special attribute that instances compute and that the class has a value of its own for."""

    def __init__(self, compute: Callable[[Any], Any], class_value: Any = None) -> None:
        self._compute = compute
        self._class_value = class_value

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is not None:
            return self._compute(instance)
        if self._class_value is None:
            raise AttributeError
        return self._class_value


def signature(function: Pass) -> inspect.Signature:
    """Return the signature that calls of `function` follow."""
    kind = inspect.Parameter
    shown = [kind(name, kind.POSITIONAL_ONLY) for name in function.arrays]
    defaults = function.parameter_list.defaults
    for name in function.parameter_list.names:
        shown.append(kind(name, kind.POSITIONAL_OR_KEYWORD, default=defaults.get(name, kind.empty)))
    for name, default in (("out", None), ("where", True), ("dtype", None)):
        shown.append(kind(name, kind.KEYWORD_ONLY, default=default))
    return inspect.Signature(shown)


def document(function: Pass) -> str:
    """Return the docstring: the declaration's, or what the pass computes, and every argument."""
    declaration = function.declaration
    summary = _SUMMARIES.get(function.pass_, "").format(name=declaration.name)
    blocks = [
        f"{function.__qualname__}{signature(function)}",
        summary or inspect.cleandoc(declaration.doc),
        "\n".join(["Parameters\n----------", *_described(function), _OPTIONS]),
    ]
    if function.pass_ == "forward":
        if declaration.aliases:
            blocks.append(f"Also known as {', '.join(declaration.aliases)}.")
        blocks.append(f"Source: {declaration.source}.")
    return "\n\n".join(blocks)


def _described(function: Pass) -> list[str]:
    rows = [_ARRAYS[name] for name in function.arrays]
    defaults = function.parameter_list.defaults
    for name in function.parameter_list.names:
        choices = function.declaration.choices.get(name)
        kind = " or ".join(map(repr, choices)) if choices else "float or array_like"
        ending = f", default {defaults[name]!r}" if name in defaults else ""
        rows.append(f"{name} : {kind}{ending}")
    return rows
