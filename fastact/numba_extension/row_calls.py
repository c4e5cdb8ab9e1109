"""Calls of row functions in compiled code: along the last axis, or of all elements as one row."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from numba import types
from numba.core.typing.templates import Signature

from ..calling.parameters import unknown_argument
from ..definitions.rows import ROWS
from ..functions.rows import RowPass
from .operands import constant_of, is_array, is_number, named, show

__all__ = ["declared_name", "is_along_last", "signature"]


def signature(kind: Any, pass_: RowPass, args: Sequence[Any], kws: Mapping[str, Any]) -> Any:
    """Return the signature of a call: its arguments are the arrays, the axis and the temperature."""
    label, count = pass_.__qualname__, pass_.nin
    declared = ROWS.get(declared_name(pass_))
    if declared is None or declared.passes[pass_.pass_].row_inputs:
        raise TypeError(f"{label}() is not available in compiled code")
    shown = pass_._signature().parameters
    axis_default = shown["axis"].default
    known = ("axis", "temperature")
    given = dict(zip(("axis",), args[count:], strict=False))
    if len(args) < count:
        raise TypeError(f"{label}() takes {' and '.join(pass_.arrays)} by position")
    if len(args) > count + 1:
        raise TypeError(f"{label}() takes {count + 1} positional arguments, not {len(args)}")
    for name, value in kws.items():
        if name not in known:
            if name in shown:
                raise TypeError(f"{label}() takes no {name} in compiled code")
            raise unknown_argument(label, name, known)
        if name in given:
            raise TypeError(f"{label}() got two values for {name!r}")
        given[name] = value
    data = args[:count]
    element = _element(label, pass_.arrays, data)
    ndim = data[-1].ndim
    axis = given.get("axis", types.Omitted(axis_default))
    last = is_along_last(label, axis, ndim)
    heat = _temperature(label, given.get("temperature"))
    parameters = [named(name) for name in pass_.arrays]
    parameters += [named("axis", axis_default), named("temperature", 1.0)]
    if pass_.reduces:
        returns = types.Array(element, ndim - 1, "C") if last and ndim > 1 else element
    else:
        returns = types.Array(element, ndim, "C")
    return Signature(returns, (*data, axis, heat), recvr=kind, pysig=inspect.Signature(parameters))


def declared_name(pass_: RowPass) -> str:
    """Return the name of the function that a pass belongs to."""
    return pass_.__qualname__.partition(".")[0]


def _element(label: str, names: Sequence[str], data: Sequence[Any]) -> Any:
    """Return the type that the arrays are computed in."""
    for name, one in zip(names, data, strict=True):
        if not (is_array(one) and one.ndim and is_number(one.dtype)):
            raise TypeError(f"{label}() takes an array of real numbers for {name}, not {show(one)}")
    if len({one.ndim for one in data}) > 1:
        raise TypeError(f"{label}() takes arrays of one shape in compiled code")
    return types.float32 if all(one.dtype == types.float32 for one in data) else types.float64


def is_along_last(label: str, axis: Any, ndim: int) -> bool:
    """Tell whether rows lie along the last axis; else all elements are one row."""
    if axis == types.none:
        return False
    value = constant_of(axis)
    if isinstance(axis, types.Omitted) and value is None:
        return False
    if value is None or value not in (-1, ndim - 1):
        given = show(axis) if value is None else repr(value)
        raise TypeError(
            f"{label}(): axis={given}: write -1, for the last axis, or None in compiled code"
        )
    return True


def _temperature(label: str, given: Any) -> Any:
    if given is None:
        return types.Omitted(1.0)
    if not is_number(given):
        raise TypeError(f"{label}() takes a number for temperature, not {show(given)}")
    return types.float64
