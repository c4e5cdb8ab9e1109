"""From the types of a call's arguments to its signature, or to one clear error."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

from numba import types
from numba.core import errors
from numba.core.typing.templates import Signature

from ..backends.numba.scalar import Form
from ..calling import arguments
from ..functions.elementwise import ElementwisePass
from ..functions.rows import RowPass
from . import row_calls
from .kinds import PassType
from .operands import DTYPES, constant_of, is_array, is_number, named, show

__all__ = ["check_domain", "form_of", "is_given", "signature"]

# What calls outside of compiled code take besides.
_ELSEWHERE: Final = ("out", "where", "dtype", "axis", "order")


def signature(kind: PassType, args: Sequence[Any], kws: Mapping[str, Any]) -> Any:
    """Return the signature of a call of a pass.

    Its arguments are the data and all parameters; the type of one that is not given is ``Omitted``.

    Raises
    ------
    numba.core.errors.TypingError
        If the pass cannot be called so.
    """
    pass_ = kind.pass_
    try:
        if isinstance(pass_, ElementwisePass):
            return _elementwise(kind, pass_, args, kws)
        if isinstance(pass_, RowPass):
            return row_calls.signature(kind, pass_, args, kws)
    except (TypeError, ValueError) as error:
        raise errors.TypingError(str(error)) from None
    raise errors.TypingError(
        f"{pass_.__qualname__}() is not available in compiled code, which has the elementwise functions, the gates "
        "and the row functions"
    )


def _elementwise(
    kind: PassType, pass_: ElementwisePass, args: Sequence[Any], kws: Mapping[str, Any]
) -> Any:
    label, count = pass_.__qualname__, pass_.nin
    for name in kws:
        if name in _ELSEWHERE:
            raise TypeError(f"{label}() takes no {name} in compiled code")
    data = args[:count]
    if len(data) < count:
        raise TypeError(f"{label}() takes {' and '.join(pass_.arrays)} by position")
    given = pass_.parameter_list.assign(label, args[count:], kws, ())
    element = _element(label, pass_.arrays, data)
    operands = [one if is_array(one) else element for one in data]
    values, shown = [], [named(name) for name in pass_.arrays]
    for name in pass_.parameter_list.names:
        default = pass_.parameter_list.defaults.get(name, inspect.Parameter.empty)
        if name in given:
            values.append(_parameter(pass_, name, given[name]))
        elif default is inspect.Parameter.empty:
            raise TypeError(f"{label}() is missing its required parameter {name!r}")
        else:
            values.append(types.Omitted(default))
        shown.append(named(name, default))
    check_domain(pass_, values, {})
    result = _result(element, data)
    returns = result if pass_.nout == 1 else types.Tuple((result,) * pass_.nout)
    found = Signature(returns, (*operands, *values), recvr=kind, pysig=inspect.Signature(shown))
    return found


def _element(label: str, names: Sequence[str], data: Sequence[Any]) -> Any:
    """Return the type that data are computed in; beside arrays, numbers adapt to them, as do literal integers."""
    for name, one in zip(names, data, strict=True):
        if not is_number(one.dtype if is_array(one) else one):
            raise TypeError(
                f"{label}() takes a real number or an array of them for {name} in compiled code, not {show(one)}"
            )
    arrays = [one.dtype for one in data if is_array(one)]
    strong = arrays or [one for one in data if not isinstance(one, types.IntegerLiteral)]
    single = strong and all(one == types.float32 for one in strong)
    return types.float32 if single else types.float64


def _parameter(pass_: ElementwisePass, name: str, given: Any) -> Any:
    """Return the type that a parameter is converted to."""
    label, parameters = pass_.__qualname__, pass_.parameter_list
    if name in parameters.choices:
        table = parameters.choices[name]
        value = constant_of(given)
        if value is None:
            choices = ", ".join(map(repr, table))
            raise TypeError(
                f"{label}(): {name} has type {show(given)}: write one of {choices} in the call"
            )
        arguments.choose(label, name, table, value)
        return given
    if given == types.none and parameters.params[name].optional:
        return given
    if not is_number(given):
        raise TypeError(f"{label}() takes a number for {name} in compiled code, not {show(given)}")
    # A literal integer stays one until it has been checked.
    return given if isinstance(given, types.IntegerLiteral) else types.float64


def _result(element: Any, data: Sequence[Any]) -> Any:
    ndim = max(one.ndim if is_array(one) else 0 for one in data)
    fortran = all(is_array(one) and one.layout == "F" and one.ndim == ndim for one in data)
    return types.Array(element, ndim, "F" if fortran else "C") if ndim else element


def check_domain(
    pass_: ElementwisePass, kinds: Sequence[Any], constants: Mapping[str, float]
) -> None:
    """Raise a ValueError if parameters that are known lie outside the domain.

    Parameters
    ----------
    kinds : sequence of numba types
        Those of the parameters, of which literals and defaults are known.
    constants : mapping of str to float
        Others that are known.
    """
    declaration, known = pass_.declaration, dict(constants)
    for name, kind in zip(pass_.parameter_list.names, kinds, strict=True):
        value = constant_of(kind)
        if name in declaration.params and not is_given(kind):
            value = declaration.params[name].default
        if name in declaration.params and value is not None:
            known[name] = float(value)
    for condition in (*declaration.domain, *declaration.passes[pass_.pass_].domain):
        if all(name in known for name in condition.names):
            condition.check(pass_.__qualname__, known)


def is_given(kind: Any) -> bool:
    """Tell whether a parameter has another value than its default."""
    return not isinstance(kind, types.Omitted) and kind != types.none


def form_of(pass_: ElementwisePass, kinds: Sequence[Any], element: Any) -> Form:
    """Return the form of the kernel for parameters of the given types."""
    names = pass_.parameter_list.names
    chosen = pass_.declaration.name
    plain = True
    for name, kind in zip(names, kinds, strict=True):
        if name in pass_.parameter_list.choices:
            chosen = pass_.parameter_list.choices[name][constant_of(kind)] or chosen
        else:
            plain = plain and not is_given(kind)
    return Form(chosen, pass_.pass_, DTYPES[element], plain)
