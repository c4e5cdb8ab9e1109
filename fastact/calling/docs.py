"""Docstrings and signatures of the callable objects, made when somebody asks for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..functions.elementwise import Pass

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
    "gate": "gate : array_like\n    What is activated. Real numbers; integers and booleans count as float64.",
    "value": "value : array_like\n    What it is multiplied by.",
    "g": "g : array_like\n    The gradient with respect to the output; it broadcasts with x or y.",
}
_OPTIONS = """\
out : array or tuple of arrays, optional
    Where to write the result; may be an input itself.
where : array_like of bool, optional
    Elements where it is False are not written.
dtype : dtype, optional
    float16, float32 or float64: the dtype to compute in and return."""


_RETURNS = {
    1: """\
Returns
-------
ndarray or scalar
    Of the broadcast shape; float16, float32 or float64 as x is, float64 for integers and booleans.""",
    2: """\
Returns
-------
tuple of two ndarrays or scalars
    The value and the derivative, of the broadcast shape; float16, float32 or float64 as x is,
    float64 for integers and booleans.""",
}
_RAISES = """\
Raises
------
TypeError
    If an array is complex, of objects, text or dates, or a parameter is unknown or not a number.
ValueError
    If shapes do not broadcast, or `out` is read-only or of another shape. Nothing is written."""
# What tests/test_kernels.py asserts of the compiled backends with the default parameters.
_ERRORS = {
    "forward": "At most 2 ulp from the true value, in float32 and float64; float16 is the float32 result\n"
    "rounded once.",
    "derivative": "At most 4 ulp from the true value, in float32 and float64; within 1 of a zero of the\n"
    "derivative, where it is below 1/16, at most 4 units of 2^-28 (float32) or 2^-57 (float64).",
}


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
        _RETURNS[function.nout],
        _RAISES,
    ]
    if function.pass_ in _ERRORS:
        blocks.append(f"Notes\n-----\n{_ERRORS[function.pass_]}")
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
