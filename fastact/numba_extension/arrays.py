"""Elementwise calls of arrays: the kernel's own loop fills a new array.

The loop goes through contiguous elements of one type, so operands are walked row by row, and what does not lie so is
first gathered, a block at a time, into a buffer on the stack. Arrays that lie alike are one long row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core import typing as numba_typing

from ..backends.numba.llvm import INT
from ..backends.numba.scalar import Form
from .operands import is_array

__all__ = ["call", "new"]

# Elements of a block that is gathered: with three operands in float64, 6 KiB of the stack.
_BLOCK: Final = 256
_BYTE: Final = ir.IntType(8)


def call(
    context: Any,
    builder: Any,
    form: Form,
    returns: Any,
    kinds: Sequence[Any],
    values: Sequence[Any],
    numbers: Sequence[Any],
) -> Any:
    """Write a call with data of the given types, of which some are arrays; return the result."""
    several = isinstance(returns, types.BaseTuple)
    result = returns[0] if several else returns
    operands = [
        _Operand(context, builder, kind, value, result)
        for kind, value in zip(kinds, values, strict=True)
    ]
    shape = _broadcast(context, builder, form, operands, result.ndim)
    found = [new(context, builder, result, shape) for _ in range(form.arrays.count("o"))]
    outs = [_Operand(context, builder, result, one, result) for one in found]
    for operand in operands:
        operand.stretch(shape)
    _fill(context, builder, form, operands, outs, numbers, shape)
    return context.make_tuple(builder, returns, found) if several else found[0]


class _Operand:
    """An array, or a number as an array of one element, that is walked in the order of the result.

    Attributes
    ----------
    lengths, strides : list of llvmlite.ir.Value
        Of each axis of the result, the outermost in memory first; strides are in bytes.
    """

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any, result: Any) -> None:
        self._context, self._builder, self._result = context, builder, result
        self._kind = kind.dtype if is_array(kind) else kind
        self._aligned = not is_array(kind) or kind.aligned
        lengths, strides = [], []
        if is_array(kind):
            array = context.make_array(kind)(context, builder, value)
            self._start = builder.bitcast(array.data, _BYTE.as_pointer())
            lengths = cgutils.unpack_tuple(builder, array.shape, kind.ndim)
            strides = cgutils.unpack_tuple(builder, array.strides, kind.ndim)
        else:
            place = cgutils.alloca_once_value(
                builder, context.cast(builder, value, kind, result.dtype)
            )
            self._start = builder.bitcast(place, _BYTE.as_pointer())
            self._kind = result.dtype
        missing = result.ndim - len(lengths)
        self.lengths = [INT(1)] * missing + lengths
        self.strides = [INT(0)] * missing + strides
        # Whether it is contiguous in the order of the result, but for its shape.
        self._contiguous = is_array(kind) and kind.layout == result.layout and not missing
        self._is_number = not is_array(kind)
        if result.layout == "F":
            self.lengths.reverse()
            self.strides.reverse()

    def stretch(self, shape: Sequence[Any]) -> None:
        """Repeat the element of axes that have one only."""
        b = self._builder
        self.strides = [
            b.select(b.icmp_signed("==", length, INT(1)), INT(0), stride)
            for length, stride in zip(self.lengths, self.strides, strict=True)
        ]
        self._alike = ir.Constant(ir.IntType(1), int(self._is_number or self._contiguous))
        if not self._is_number:
            for length, wanted in zip(self.lengths, shape, strict=True):
                self._alike = b.and_(self._alike, b.icmp_signed("==", length, wanted))

    @property
    def alike(self) -> Any:
        """Whether its elements lie as those of the result do."""
        return self._alike

    def begin(self, whole: Any) -> None:
        """Prepare for rows, or for one row if all elements are `whole`."""
        b, size = self._builder, INT(self._context.get_abi_sizeof(self._data_type()))
        step = INT(0) if self._is_number else b.select(whole, size, self.strides[-1])
        self._step = step
        self.direct = ir.Constant(ir.IntType(1), 0)
        if self._kind == self._result.dtype and self._aligned and not self._is_number:
            self.direct = b.icmp_signed("==", step, size)
        element = self._context.get_data_type(self._result.dtype)
        self._buffer = cgutils.alloca_once(b, element, size=_BLOCK)

    def _data_type(self) -> Any:
        return self._context.get_data_type(self._kind)

    def row(self, indices: Sequence[Any]) -> None:
        """Go to a row."""
        b, place = self._builder, self._start
        for index, stride in zip(indices, self.strides[:-1], strict=True):
            place = b.gep(place, [b.mul(index, stride)])
        self._row = place

    def block(self, first: Any, count: Any) -> Any:
        """Return the elements of a row from the first on, as a contiguous array."""
        b = self._builder
        with b.if_else(self.direct) as (as_it_is, otherwise):
            with as_it_is:
                kind = self._buffer.type
                there = b.bitcast(b.gep(self._row, [b.mul(first, self._step)]), kind)
                from_there = b.block
            with otherwise:
                self._gather(first, count)
                from_buffer = b.block
        data = b.phi(self._buffer.type)
        data.add_incoming(there, from_there)
        data.add_incoming(self._buffer, from_buffer)
        return _vector(self._context, b, self._result.dtype, data, count)

    def written_block(self, first: Any, count: Any) -> Any:
        """Return elements of a row of the result, as a contiguous array."""
        b, element = self._builder, self._data_type()
        data = b.gep(b.bitcast(self._row, element.as_pointer()), [first])
        return _vector(self._context, b, self._kind, data, count)

    def _gather(self, first: Any, count: Any) -> None:
        b, model = self._builder, self._context.data_model_manager[self._kind]
        pointer = self._data_type().as_pointer()
        with cgutils.for_range(b, count, intp=INT) as loop:
            distance = b.mul(b.add(first, loop.index), self._step)
            place = b.bitcast(b.gep(self._row, [distance]), pointer)
            value = model.load_from_data_pointer(b, place, align=None if self._aligned else 1)
            element = self._context.cast(b, value, self._kind, self._result.dtype)
            b.store(element, b.gep(self._buffer, [loop.index]))


def _broadcast(
    context: Any, builder: Any, form: Form, operands: Sequence[_Operand], ndim: int
) -> list[Any]:
    """Return the common shape; write the error for when there is none."""
    shape = []
    for axis in range(ndim):
        common = INT(1)
        for operand in operands:
            length = operand.lengths[axis]
            one = builder.icmp_signed("==", length, INT(1))
            new = builder.icmp_signed("==", common, INT(1))
            fits = builder.or_(one, builder.or_(new, builder.icmp_signed("==", common, length)))
            with cgutils.if_unlikely(builder, builder.not_(fits)):
                message = f"{form.label}(): the shapes of the arrays do not broadcast"
                context.call_conv.return_user_exc(builder, ValueError, (message,))
            common = builder.select(one, common, length)
        shape.append(common)
    return shape


def new(context: Any, builder: Any, result: Any, shape: Sequence[Any]) -> Any:
    """Return a new array; of one in Fortran's order the shape is given the other way round."""
    lengths = types.UniTuple(types.intp, result.ndim)
    signature = numba_typing.signature(result, lengths)
    packed = context.make_tuple(builder, lengths, shape)
    function = _allocation(result.dtype.name, result.layout)
    return context.compile_internal(builder, function, signature, (packed,))


@cache
def _allocation(dtype: str, layout: str) -> Callable[..., Any]:
    element = np.dtype(dtype)

    def new(shape):  # type: ignore[no-untyped-def]
        return np.empty(shape, element)

    def new_transposed(shape):  # type: ignore[no-untyped-def]
        return np.empty(shape, element).T

    return new_transposed if layout == "F" else new


def _fill(
    context: Any,
    builder: Any,
    form: Form,
    operands: Sequence[_Operand],
    outs: Sequence[_Operand],
    numbers: Sequence[Any],
    shape: Sequence[Any],
) -> None:
    """Write the loops over rows and blocks."""
    b = builder
    whole, size, direct = ir.Constant(ir.IntType(1), 1), INT(1), ir.Constant(ir.IntType(1), 1)
    for operand in operands:
        whole = b.and_(whole, operand.alike)
    for length in shape:
        size = b.mul(size, length)
    for operand in operands:
        operand.begin(whole)
        direct = b.and_(direct, operand.direct)
    length = b.select(whole, size, shape[-1])
    rows = [b.select(whole, INT(1), one) for one in shape[:-1]]
    step = b.select(direct, length, INT(_BLOCK))
    array = types.Array(form.element, 1, "C")
    arguments = (*[array] * len(form.arrays), *[types.float64] * len(numbers))
    signature = numba_typing.signature(types.none, *arguments)
    with cgutils.loop_nest(b, rows, INT) as indices:
        for operand in (*operands, *outs):
            operand.row(indices)
        with cgutils.for_range_slice(b, INT(0), length, step, INT) as (first, _):
            left = b.sub(length, first)
            count = b.select(b.icmp_signed("<", left, step), left, step)
            vectors = [one.block(first, count) for one in operands]
            vectors += [one.written_block(first, count) for one in outs]
            context.compile_internal(b, form.loop, signature, (*vectors, *numbers))


def _vector(context: Any, builder: Any, element: Any, data: Any, count: Any) -> Any:
    """Return a contiguous array of so many elements at an address."""
    kind = types.Array(element, 1, "C")
    array = context.make_array(kind)(context, builder)
    size = INT(context.get_abi_sizeof(context.get_data_type(element)))
    context.populate_array(
        array, data=data, shape=[count], strides=[size], itemsize=size, meminfo=None
    )
    return array._getvalue()
