"""The code of calls of row functions: the kernel runs on the thread that calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, errors

from ..backends.numba.llvm import INT
from ..backends.numba.rows.serial import RowForm, compute
from ..backends.numba.runtime import KERNELS
from ..backends.numba.scalar import Form
from ..backends.numpy import row_kernel
from ..calling.axes import COLDEST, HOTTEST
from . import arrays
from .operands import DTYPES, is_array, is_ready
from .row_calls import declared_name, is_along_last
from .stamp import mark

__all__ = ["write"]


def write(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
    """Write a call of a row function; return the result."""
    kind, *kinds, axis, heat = signature.args
    pass_, returns, values = kind.pass_, signature.return_type, args[1:-2]
    element = returns.dtype if is_array(returns) else returns
    plain = isinstance(heat, types.Omitted)
    form = RowForm(declared_name(pass_), pass_.pass_, DTYPES[element], plain)
    mark(context, f"{KERNELS}.rows_{form.name}")
    temperature = ir.Constant(ir.DoubleType(), 1.0) if plain else args[-1]
    if not plain:
        _check_temperature(context, builder, form, temperature)
    contiguous = [
        _contiguous(context, builder, form, *one) for one in zip(kinds, values, strict=True)
    ]
    views = [context.make_array(one)(context, builder, array) for one, array, _ in contiguous]
    lengths = [cgutils.unpack_tuple(builder, view.shape, kinds[0].ndim) for view in views]
    for others in lengths[1:]:
        _check_shapes(context, builder, form, lengths[0], others)
    last = is_along_last(form.label, axis, kinds[0].ndim)
    shape = lengths[0]
    outer, length = INT(1), INT(1)
    for one in shape[:-1] if last else ():
        outer = builder.mul(outer, one)
    for one in shape[-1:] if last else shape:
        length = builder.mul(length, one)
    addresses = {f"x{k}": builder.ptrtoint(view.data, INT) for k, view in enumerate(views)}
    addresses.setdefault("x1", addresses["x0"])
    if pass_.reduces:
        found, place = _reduced(context, builder, returns, shape[:-1])
        addresses["s0"] = builder.ptrtoint(place, INT)
    else:
        found = arrays.new(context, builder, returns, shape)
        place = context.make_array(returns)(context, builder, found).data
        addresses["y"] = addresses["t"] = builder.ptrtoint(place, INT)
    full = builder.icmp_signed("!=", builder.mul(outer, length), INT(0))
    with builder.if_else(full) as (then, otherwise):
        with then:
            compute(context, builder, form, addresses, (outer, length), temperature)
        with otherwise:
            if pass_.reduces:
                _fill(builder, form, place, outer)
    for one, array, is_new in contiguous:
        if is_new:
            context.nrt.decref(builder, one, array)
    return found if is_array(returns) else builder.load(found)


def _contiguous(
    context: Any, builder: Any, form: RowForm, kind: Any, value: Any
) -> tuple[Any, Any, bool]:
    """Return the type of a contiguous array of the elements, the array, and whether it was made here."""
    if is_ready(kind, form.element):
        return kind, value, False
    made = types.Array(form.element, kind.ndim, "C")
    copy = Form("identity", "forward", form.dtype, True)
    return made, arrays.call(context, builder, copy, made, [kind], [value], []), True


def _check_shapes(
    context: Any, builder: Any, form: RowForm, first: Sequence[Any], others: Sequence[Any]
) -> None:
    for one, other in zip(first, others, strict=True):
        with cgutils.if_unlikely(builder, builder.icmp_signed("!=", one, other)):
            message = f"{form.label}(): the arrays differ in shape"
            context.call_conv.return_user_exc(builder, ValueError, (message,))


def _check_temperature(context: Any, builder: Any, form: RowForm, value: Any) -> None:
    """Raise a TypingError for a constant that is no temperature, and write the check of what is known later."""
    expected = f"expected a number between {COLDEST:g} and {HOTTEST:g}"
    if isinstance(value, ir.Constant):
        if not COLDEST <= value.constant <= HOTTEST:
            raise errors.TypingError(f"{form.label}(): temperature={value.constant!r}: {expected}")
        return
    double = ir.DoubleType()
    right = builder.and_(
        builder.fcmp_ordered(">=", value, double(COLDEST)),
        builder.fcmp_ordered("<=", value, double(HOTTEST)),
    )
    with cgutils.if_unlikely(builder, builder.not_(right)):
        message = f"{form.label}(): temperature: {expected}"
        context.call_conv.return_user_exc(builder, ValueError, (message,))


def _reduced(context: Any, builder: Any, returns: Any, shape: Sequence[Any]) -> tuple[Any, Any]:
    """Return a new array or a place for one number, and where it is written."""
    if not is_array(returns):
        place = cgutils.alloca_once(builder, context.get_data_type(returns))
        return place, place
    found = arrays.new(context, builder, returns, shape)
    return found, context.make_array(returns)(context, builder, found).data


def _fill(builder: Any, form: RowForm, place: Any, count: Any) -> None:
    """Write the value of rows without elements."""
    dtype = np.dtype(form.element.name)
    value = np.empty((1, 1), dtype)
    row_kernel(form.name, form.pass_, dtype)(np.empty((1, 0, 1), dtype), value, None, 1.0)
    with cgutils.for_range(builder, count, intp=INT) as loop:
        builder.store(place.type.pointee(float(value[0, 0])), builder.gep(place, [loop.index]))
