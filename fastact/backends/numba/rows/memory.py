"""What tasks.py is written in: records and copies by their addresses, and calls of kernels."""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba import from_dtype
from numba.core import cgutils, types

from ..llvm import INT, call_compiled, intrinsic, pointer
from . import layout


def _record(dtype: Any) -> Any:
    """Return a function of an address: the record there."""
    kind = from_dtype(dtype)

    def record(typingctx: Any, address: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(kind))

        return kind(types.intp), build

    return intrinsic(record)


plan_at: Final = _record(layout.PLAN)
job_at: Final = _record(layout.JOB)


@intrinsic
def copy(typingctx: Any, target: Any, source: Any, n_bytes: Any) -> Any:
    """Copy bytes between addresses."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to, start = (pointer(builder, arg, ir.IntType(8)) for arg in args[:2])
        cgutils.raw_memcpy(builder, to, start, args[2], 1)
        return context.get_dummy_value()

    return types.none(types.intp, types.intp, types.intp), build


@intrinsic
def move(
    typingctx: Any,
    item: Any,
    rows: Any,
    steps: Any,
    target: Any,
    to_row: Any,
    to_step: Any,
    source: Any,
    from_row: Any,
    from_step: Any,
) -> Any:
    """Copy items of 1, 2, 4 or 8 bytes from one arrangement of rows to another."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        item, rows, steps, *places = args
        for size in (1, 2, 4, 8):
            with (
                builder.if_then(builder.icmp_signed("==", item, INT(size))),
                cgutils.for_range(builder, rows) as outer,
                cgutils.for_range(builder, steps) as inner,
            ):
                to, start = (
                    builder.add(
                        builder.add(place, builder.mul(outer.index, row)),
                        builder.mul(inner.index, step),
                    )
                    for place, row, step in (places[:3], places[3:])
                )
                number = ir.IntType(8 * size)
                value = builder.load(pointer(builder, start, number))
                builder.store(value, pointer(builder, to, number))
        return context.get_dummy_value()

    return types.none(*[types.intp] * 9), build


@intrinsic
def address_of(typingctx: Any, array: Any) -> Any:
    """Return the address of an array."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(array)(context, builder, value=args[0])
        return builder.ptrtoint(view.data, INT)

    return types.intp(array), build


@intrinsic
def call_kernel(typingctx: Any, address: Any, phase: Any, job: Any) -> Any:
    """Run a phase of the kernel at an address."""
    kinds = (types.intp, types.intp)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return call_compiled(context, builder, args[0], kinds, args[1:], types.intp)

    return types.intp(types.intp, *kinds), build


@intrinsic
def call_run(
    typingctx: Any, address: Any, mode: Any, step: Any, begin: Any, end: Any, at: Any, memory: Any
) -> Any:
    """Call `run`, which is at an address."""
    kinds = (types.intp,) * 6

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return call_compiled(context, builder, args[0], kinds, args[1:], types.intp)

    return types.intp(types.intp, *kinds), build
