"""Docstrings of the row functions, made when somebody asks for them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..functions.rows import RowCall

__all__ = ["document", "signature"]

_MEMORY = """\
Notes
-----
A row with a NaN is NaN throughout, and no other row is. Beyond its input and output a call takes at
most 1 MiB of memory, but for a row of more than 20,000 elements that is of another dtype than the
output or does not lie in one piece: a copy of that row."""

_ARRAYS = {
    "x": "x : array_like\n    Real numbers; integers and booleans count as float64.",
    "y": "y : array_like\n    What the function returned.",
    "g": "g : array_like\n    The gradient with respect to the output; it broadcasts to its shape.",
}
_OPTIONS = {
    "axis": "axis : int, tuple of int or None, default {axis}\n"
    "    The axis that a row goes along; several axes or None, which is all of them, make one long\n"
    "    row.",
    "temperature": "temperature : float, default 1.0\n    x is divided by it first; positive.",
    "tau": "tau : float, default 1.0\n    The temperature: the noisy x is divided by it; positive.",
    "hard": "hard : bool, default False\n    Return 1 at the maximum and 0 elsewhere instead.",
    "rng": "rng : int or numpy.random.Generator, optional\n"
    "    What to draw from; None draws unpredictably.",
    "keepdims": "keepdims : bool, default False\n    Keep the reduced axes, with length 1.",
    "where": "where : array_like of bool, optional\n"
    "    What counts; it broadcasts to the shape of the data. An element where it is False has no\n"
    "    part in its row, whatever it holds, and comes out as {excluded}.",
    "out": "out : ndarray, optional\n    Where to write the result; may be an input itself.",
    "dtype": "dtype : dtype, optional\n"
    "    float16, float32 or float64: the dtype to compute in and return.",
}
_RETURNS = {
    False: "Of the shape of {last}; float16, float32 or float64 as {last} is, float64 for integers and\n"
    "    booleans.",
    True: "The shape of x without the reduced axes; float16, float32 or float64 as x is, float64 for\n"
    "    integers and booleans.",
}
_RAISES = """\
Raises
------
TypeError
    If an array is complex, of objects, text or dates.
numpy.exceptions.AxisError
    If there is no such axis.
ValueError
    If an axis is named twice, the temperature is not positive and finite, a shape does not fit, or
    `out` is read-only. Nothing is written."""


def signature(function: RowCall) -> inspect.Signature:
    """Return the signature that calls of `function` follow."""
    _, *shown = inspect.signature(type(function).__call__).parameters.values()
    return inspect.Signature([one.replace(annotation=inspect.Parameter.empty) for one in shown])


def document(function: RowCall) -> str:
    """Return the docstring: the declaration's, or what the pass computes, and every argument."""
    parameters = inspect.signature(function).parameters
    values = {
        "axis": repr(parameters["axis"].default),
        "excluded": function.excluded,
    }
    described = [_ARRAYS[name] for name in function.arrays]
    described += [text.format(**values) for name, text in _OPTIONS.items() if name in parameters]
    returned = _RETURNS["keepdims" in parameters].format(last=function.arrays[-1])
    blocks = [
        f"{function.__qualname__}{inspect.signature(function)}",
        function.summary,
        "\n".join(["Parameters\n----------", *described]),
        f"Returns\n-------\nndarray or scalar\n    {returned}",
        _RAISES,
        _MEMORY,
        *function.notes,
    ]
    return "\n\n".join(blocks)
