"""A row kernel as a part of another function that Numba compiles: along the last axis, on the thread that calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core import typing as numba_typing

from .. import runtime
from ..forms import KernelForm
from ..llvm import INT, pointer
from . import layout, tasks
from .kernel import fields_of, phases_of
from .plan import LAID_OUT, PART_SLOT_BYTES, laid_out, thread_bytes

__all__ = ["RowForm", "compute"]

_LINES: Final = 128


class RowForm(KernelForm):
    """One form of one row kernel; the only parameter is the temperature."""

    @property
    def module(self) -> Any:
        """The emitted module."""
        return import_module(f"{runtime.KERNELS}.rows_{self.name}")


def compute(
    context: Any,
    builder: Any,
    form: RowForm,
    addresses: dict[str, Any],
    shape: tuple[Any, Any],
    temperature: Any,
) -> None:
    """Write the computation of all rows.

    Parameters
    ----------
    addresses : dict of str to llvmlite.ir.Value
        Where the operands are, by the names of their fields in a plan: contiguous arrays, and one value for each row.
    shape : tuple of llvmlite.ir.Value
        How many rows there are and how long they are, neither of them 0.
    temperature : llvmlite.ir.Value
        In float64.
    """
    b, module = builder, form.module
    about = getattr(module, form.stem.upper())
    item = context.get_abi_sizeof(context.get_data_type(form.element))
    given = fields_of(module, form.stem, about, item)
    fields = _laid_out(context, b, shape, item)
    n_tasks, parts = fields.pop("tasks"), fields["parts"]
    fuses = INT(given.pop("fuses"))
    fields |= {name: INT(value) for name, value in given.items()} | addresses
    one_part = b.icmp_signed("==", parts, INT(1))
    fields["storing"] = b.select(one_part, fields["storing"], INT(0))
    along = b.icmp_signed("==", fields["layout"], INT(layout.ALONG))
    at_once = b.and_(b.and_(along, one_part), b.icmp_signed("!=", fuses, INT(0)))
    fields["first_step"] = b.select(at_once, INT(layout.AT_ONCE), fields["first_step"])
    fields["kernel"] = b.select(
        along,
        *(_address(context, b, _phases(form, one), (types.intp,) * 2) for one in (True, False)),
    )
    transposed = b.icmp_signed("==", fields["layout"], INT(layout.TRANSPOSED))
    each = _called(
        context,
        b,
        thread_bytes,
        types.intp,
        (types.boolean, types.intp),
        (transposed, fields["steps"]),
    )
    fields["part_slots_at"] = each
    slots = b.select(one_part, INT(0), b.mul(parts, INT(PART_SLOT_BYTES)))
    allocated = context.nrt.allocate(b, b.add(b.add(each, slots), INT(_LINES)))
    with cgutils.if_unlikely(b, cgutils.is_null(b, allocated)):
        context.call_conv.return_user_exc(b, MemoryError, (f"{form.label}(): no memory",))
    plan = _plan(b, fields, temperature)
    begin = b.add(b.ptrtoint(allocated, INT), INT(_LINES - 1))
    memory = b.and_(begin, INT(-_LINES))
    arguments = INT(layout.WHOLE), INT(0), INT(0), n_tasks, plan, memory
    _called(context, b, tasks.run, types.intp, (types.intp,) * 6, arguments)
    context.nrt.free(b, allocated)


@cache
def _phases(form: RowForm, along: bool) -> Callable[..., int]:
    """Return the kernel as Numba compiles it, for the layout ALONG or for the others."""
    module, stem = form.module, f"{form.stem}_plain" if form.plain else form.stem
    about = getattr(module, form.stem.upper())
    return phases_of(module, stem, about, form.dtype, masked=False, along=along)


def _called(
    context: Any, builder: Any, function: Any, returns: Any, kinds: Any, values: Any
) -> Any:
    """Compile a function and call it."""
    signature = numba_typing.signature(returns, *kinds)
    return context.compile_internal(builder, function, signature, values)


def _address(context: Any, builder: Any, function: Any, kinds: Any) -> Any:
    """Compile a function that returns an integer; return its address."""
    signature = numba_typing.signature(types.intp, *kinds)
    result = context.compile_subroutine(builder, function, signature)
    return builder.ptrtoint(context.declare_function(builder.module, result.fndesc), INT)


def _laid_out(context: Any, builder: Any, shape: tuple[Any, Any], item: int) -> dict[str, Any]:
    """Return the fields of a plan that depend on the shape."""
    kinds = (*[types.intp] * 5, types.boolean)
    values = (*shape, INT(1), INT(item), INT(item), cgutils.false_bit)
    returns = types.UniTuple(types.intp, len(LAID_OUT))
    found = _called(context, builder, laid_out, returns, kinds, values)
    return dict(zip(LAID_OUT, cgutils.unpack_tuple(builder, found, len(LAID_OUT)), strict=True))


def _plan(builder: Any, fields: dict[str, Any], temperature: Any) -> Any:
    """Return the address of a plan with the given fields; the others are 0."""
    size = layout.PLAN.itemsize // 8
    place = cgutils.alloca_once(builder, INT, size=size)
    kept: Any = layout.PLAN.fields
    cgutils.memset(builder, place, INT(8 * size), 0)
    for name, value in fields.items():
        builder.store(value, builder.gep(place, [INT(kept[name][1] // 8)]))
    start = builder.ptrtoint(place, INT)
    at = builder.add(start, INT(kept["param"][1]))
    builder.store(temperature, pointer(builder, at, ir.DoubleType()))
    return start
