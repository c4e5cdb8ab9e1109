"""What calls a compiled kernel on a large array: in pieces on several threads, and with non-temporal stores.

`inputs`, `outputs` and `params` are tuples; together they are the arguments of the kernel. `storing` and `streaming`
are the addresses of its code with ordinary and with non-temporal stores, the second 0 if it is not to be used.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.np.arrayobj import populate_array

from .llvm import INT, call_compiled, intrinsic, step_returning

_LINE: Final = 64
_ELEMENTS: Final = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.uint16: ir.IntType(16),
}


def launch(  # type: ignore[no-untyped-def]
    share_out, pool, piece, storing, streaming, inputs, outputs, params, size, step, pieces, threads
):
    """Call a kernel on slices of the arrays, `step` elements each, on one thread or several."""
    job = (storing, streaming, inputs, outputs, params, size, step)
    call_with_job(share_out, pool, piece, job, pieces, threads)


def piece(job, k):  # type: ignore[no-untyped-def]
    """Do one slice of what `launch` was given."""
    storing, streaming, inputs, outputs, params, size, step = job_behind(job)
    start = min(k * step, size)
    stop = min(start + step, size)
    if streaming:
        stream_slice(storing, streaming, inputs, outputs, params, start, stop)
    else:
        call_on_slice(storing, inputs, outputs, params, start, stop)


def enter(address, inputs, outputs, params, param_arrays, size):  # type: ignore[no-untyped-def]
    """Call the kernel at `address` on arrays given by pointers to arrays of pointers, as C passes them."""
    call_on_pointers(address, inputs, outputs, params, param_arrays, size)


@intrinsic
def call_with_job(
    typingctx: Any, share_out: Any, pool: Any, piece: Any, job: Any, pieces: Any, threads: Any
) -> Any:
    """Call `pool.share_out` by its address with a pointer to the job."""
    kinds = [types.intp] * 5

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        share_out, pool, piece, job, pieces, threads = values
        data = context.data_model_manager[signature.args[3]].as_data(builder, job)
        place = builder.ptrtoint(cgutils.alloca_once_value(builder, data), pool.type)
        call_compiled(context, builder, share_out, kinds, (pool, piece, place, pieces, threads))
        return context.get_dummy_value()

    return types.none(share_out, pool, piece, job, pieces, threads), codegen


@intrinsic
def job_behind(typingctx: Any, pointer: Any) -> Any:
    """Return the job that a pointer points to."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        model = context.data_model_manager[pointer.dtype]
        job = model.load_from_data_pointer(builder, values[0])
        context.nrt.incref(builder, pointer.dtype, job)  # what a function returns is its caller's
        return job

    return pointer.dtype(pointer), codegen


@intrinsic
def call_on_pointers(
    typingctx: Any, address: Any, inputs: Any, outputs: Any, params: Any, arrays: Any, size: Any
) -> Any:
    """Do as `call_on_slice` for whole arrays, each group behind a pointer to a tuple of its types.

    `params` points to numbers and `arrays` to as many pointers, which are null where the number
    counts; its tuple has the types that the kernel takes parameters in.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        address, *groups, numbers, pointers, size = values
        inputs, outputs, params = (signature.args[k].dtype.types for k in (1, 2, 4))
        kinds = [*inputs, *outputs, *params]
        arguments = [
            _array(context, builder, kind, _item(builder, group, k, kind), size)
            for group, types_of in zip(groups, (inputs, outputs), strict=True)
            for k, kind in enumerate(types_of)
        ]
        stand_in = _item(builder, groups[0], 0, inputs[0])
        arguments += _parameters(context, builder, params, (numbers, pointers), stand_in, size)
        call_compiled(context, builder, address, kinds, arguments)
        return context.get_dummy_value()

    return types.none(address, inputs, outputs, params, arrays, size), codegen


def _parameters(
    context: Any, builder: Any, kinds: Any, rows: tuple[Any, Any], stand_in: Any, size: Any
) -> list[Any]:
    """Return the arguments for parameters: numbers, or triples of which one type is an array's."""
    numbers, pointers = rows
    if types.float64 in kinds[:1]:
        return [_number(builder, numbers, k) for k in range(len(kinds))]
    arguments = []
    for k, kind in enumerate(kinds[::3]):
        given = _item(builder, pointers, k, kind)
        is_array = builder.icmp_unsigned("!=", given, given.type(None))
        data = builder.select(is_array, given, stand_in)
        array = _array(context, builder, kind, data, size)
        arguments += [array, _number(builder, numbers, k), is_array]
    return arguments


def _number(builder: Any, numbers: Any, k: int) -> Any:
    """Return the k-th of the numbers behind a pointer."""
    return builder.load(builder.gep(numbers, [INT(k)]))


def _item(builder: Any, pointers: Any, k: int, kind: Any) -> Any:
    """Return the k-th of an array of pointers, as one to elements of an array type."""
    row = builder.bitcast(pointers, _ELEMENTS[kind.dtype].as_pointer().as_pointer())
    return builder.load(builder.gep(row, [INT(k)]))


def _array(context: Any, builder: Any, kind: Any, data: Any, size: Any) -> Any:
    """Return a contiguous 1-D array of memory that it does not own."""
    array = context.make_array(kind)(context, builder)
    itemsize = size.type(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    populate_array(
        array, data=data, shape=[size], strides=[itemsize], itemsize=itemsize, meminfo=None
    )
    return array._getvalue()


@step_returning(types.none)
def stream_slice(  # type: ignore[no-untyped-def]
    storing, streaming, inputs, outputs, params, start, stop
):
    """Do as `call_on_slice` with non-temporal stores. All outputs have the same offset in a cache line."""
    first = min(start + elements_to_line(outputs, start), stop)
    call_on_slice(storing, inputs, outputs, params, start, first)
    call_on_slice(streaming, inputs, outputs, params, first, stop)
    finish_streams()


@intrinsic
def call_on_slice(
    typingctx: Any, address: Any, inputs: Any, outputs: Any, params: Any, start: Any, stop: Any
) -> Any:
    """Call a compiled function, which returns None, on array[start:stop] of each array."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds, arguments = _arguments(context, builder, signature, values)
        call_compiled(context, builder, values[0], kinds, arguments)
        return context.get_dummy_value()

    return types.none(address, inputs, outputs, params, start, stop), codegen


@intrinsic
def elements_to_line(typingctx: Any, outputs: Any, start: Any) -> Any:
    """Return how many elements of the first output, from `start` on, precede a cache line."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = signature.args[0].types[0]
        array = builder.extract_value(values[0], 0)
        view = context.make_array(kind)(context, builder, array)
        place = builder.ptrtoint(builder.gep(view.data, [values[1]]), view.itemsize.type)
        to_line = builder.and_(builder.neg(place), place.type(_LINE - 1))
        return builder.udiv(to_line, view.itemsize)

    return types.intp(outputs, start), codegen


@intrinsic
def finish_streams(typingctx: Any) -> Any:
    """Make non-temporal stores visible before any later store."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.none(), codegen


def _arguments(context: Any, builder: Any, signature: Any, values: Any) -> tuple[Any, Any]:
    """Return the types and values of a kernel's arguments for [start:stop] of the arrays."""
    kinds = [kind for group in signature.args[1:4] for kind in group.types]
    whole = [item for group in values[1:4] for item in cgutils.unpack_tuple(builder, group)]
    start, size = values[4], builder.sub(values[5], values[4])
    arguments = [
        _slice(context, builder, kind, value, start, size)
        if isinstance(kind, types.Array)
        else value
        for kind, value in zip(kinds, whole, strict=True)
    ]
    return kinds, arguments


def _slice(context: Any, builder: Any, kind: Any, array: Any, start: Any, size: Any) -> Any:
    """Return the contiguous 1-D array[start:start + size]."""
    view = context.make_array(kind)(context, builder, value=array)
    view.data = builder.gep(view.data, [start])
    view.nitems = size
    view.shape = cgutils.pack_array(builder, [size])
    return view._getvalue()
