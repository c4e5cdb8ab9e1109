"""The code of calls: of numbers a piece that LLVM inlines, of arrays a function that goes through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import errors
from numba.extending import lower_builtin

from ..backends.numba import scalar
from ..functions.elementwise import ElementwisePass
from . import arrays, calls, rows
from .kinds import PassType
from .operands import is_array
from .stamp import mark

__all__ = ["write"]


@lower_builtin(PassType, types.VarArg(types.Any))
def write(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
    """Write a call; the pass is its first argument."""
    pass_ = signature.args[0].pass_
    if not isinstance(pass_, ElementwisePass):
        return rows.write(context, builder, signature, args)
    n = pass_.nin + 1
    data, parameters = signature.args[1:n], signature.args[n:]
    _check_constants(pass_, parameters, args[n:])
    numbers = _numbers(context, builder, pass_, parameters, args[n:])
    returns = signature.return_type
    result = returns[0] if isinstance(returns, types.BaseTuple) else returns
    form = calls.form_of(pass_, parameters, result.dtype if is_array(result) else result)
    mark(context, form.module.__name__)
    if is_array(result):
        return arrays.call(context, builder, form, returns, data, args[1:n], numbers)
    inputs = [_element(context, builder, form, *one) for one in zip(data, args[1:n], strict=True)]
    outputs = scalar.call(context, builder, form, inputs, numbers)
    return outputs[0] if pass_.nout == 1 else context.make_tuple(builder, returns, outputs)


def _element(context: Any, builder: Any, form: scalar.Form, kind: Any, value: Any) -> Any:
    """Return a number, or the only element of an array without axes."""
    if not is_array(kind):
        return value
    place = context.make_array(kind)(context, builder, value).data
    element = context.unpack_value(builder, kind.dtype, place)
    return context.cast(builder, element, kind.dtype, form.element)


def _check_constants(pass_: ElementwisePass, kinds: Sequence[Any], values: Sequence[Any]) -> None:
    """Raise a TypingError if parameters that are constants of the code lie outside the domain."""
    names = pass_.parameter_list.names
    constants = {
        name: float(value.constant)
        for name, value in zip(names, values, strict=True)
        if isinstance(value, ir.Constant) and value.type == ir.DoubleType()
    }
    try:
        calls.check_domain(pass_, kinds, constants)
    except ValueError as error:
        raise errors.TypingError(str(error)) from None


def _numbers(
    context: Any,
    builder: Any,
    pass_: ElementwisePass,
    kinds: Sequence[Any],
    values: Sequence[Any],
) -> list[Any]:
    """Return the parameters of the kernel in float64; those of the default form are not looked at."""
    numbers = []
    for name, kind, value in zip(pass_.parameter_list.names, kinds, values, strict=True):
        if name in pass_.parameter_list.choices:
            continue
        if calls.is_given(kind):
            numbers.append(context.cast(builder, value, kind, types.float64))
        else:
            default = pass_.parameter_list.params[name].default
            numbers.append(ir.DoubleType()(default))
    return numbers
