"""Docstrings and signatures of the gates."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..functions.gates import Gated, GatedVjp

__all__ = ["document", "signature"]

_SUMMARY = "The gradients of {name} with respect to gate and value."
_FORWARD = """\
Parameters
----------
gate, value : array_like
    What is activated, and what that is multiplied by; they broadcast.
x : array_like
    Instead of the two: both in one array, half of `axis` each.
axis : int, default -1
    The axis along which they are packed.
order : {{"gate_first", "value_first"}}, default {order!r}
    Which half comes first.
out : array, optional
    Where to write the result; may be the gate or the value itself.
where : array_like of bool, optional
    Elements where it is False are not written.
dtype : dtype, optional
    float16, float32 or float64: the dtype to compute in and return.

Returns
-------
ndarray or scalar
    Of the broadcast shape, or of that of half of x.

Raises
------
TypeError
    If an array is complex, of objects, text or dates.
ValueError
    If shapes do not broadcast or the axis cannot be halved, or `out` does not fit. Nothing is written.

Notes
-----
At most 2 ulp from the true value, subnormal results included. A gate so low that its activation alone is below the
smallest number counts as closed, whatever the value."""
_VJP = """\
Parameters
----------
g : array_like
    The gradient with respect to the output.
gate, value : array_like
    The inputs; all three broadcast.
x : array_like
    Instead of gate and value: both in one array, packed as in the call.
axis : int, default -1
    The axis along which they are packed.
order : {{"gate_first", "value_first"}}, default {order!r}
    Which half comes first.
out : tuple of two arrays, or one array for x, optional
    Where to write the gradients; they may be the inputs themselves.
where : array_like of bool, optional
    Elements where it is False are not written; for two arrays alone.
dtype : dtype, optional
    float16, float32 or float64: the dtype to compute in and return.

Returns
-------
tuple of two ndarrays or scalars
    The gradients with respect to gate and value, of the broadcast shape.
ndarray
    For a packed x: the gradient with respect to it, packed in the same way.

Notes
-----
At most 4 ulp from the true value away from the zeros of the activation's derivative, wherever g·value is in range."""


def signature(function: Gated | GatedVjp) -> inspect.Signature:
    """Return the signature that calls of `function` follow."""
    kind = inspect.Parameter
    shown = [kind(name, kind.POSITIONAL_ONLY) for name in function.arrays[:-1]]
    shown.append(kind("value", kind.POSITIONAL_ONLY, default=None))
    defaults = {"axis": -1, "order": function.order, "out": None, "where": True, "dtype": None}
    shown += [kind(name, kind.KEYWORD_ONLY, default=value) for name, value in defaults.items()]
    return inspect.Signature(shown)


def document(function: Gated | GatedVjp) -> str:
    """Return the docstring: the declaration's, or what the vjp computes, and every argument."""
    declaration, label = function.declaration, function.__qualname__
    vjp = function.pass_ == "vjp"
    summary = _SUMMARY.format(name=declaration.name) if vjp else inspect.cleandoc(declaration.doc)
    first = "g, " if vjp else ""
    calls = (
        f"Called as ``{label}({first}gate, value)``, or as ``{label}({first}x, axis=-1, order=...)`` with both "
        "packed into one array."
    )
    blocks = [summary, calls, (_VJP if vjp else _FORWARD).format(order=function.order)]
    return "\n\n".join([*blocks, *([] if vjp else [f"Source: {declaration.source}."])])
