"""Calls of a kernel, which takes flat contiguous arrays, for arrays of any shape, layout and dtype.

Operands of one layout collapse into one flat call without a copy, whatever their axis order.
All others are processed in blocks through scratch memory of a fixed size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backends.environment import silent
from ..backends.protocol import Kernel
from .dtypes import Array, DType, is_ready
from .fast import MAX_SIZE
from .memory import Scratch, scatter, without_overlap

__all__ = ["Operands", "as_slices", "compute", "regions"]

# relu(x[::2], out=y), 2**22 elements, ns per element with 128, 256, 512, 1024 and 2048 KiB of
# scratch: float32 1.08, 0.85, 0.74, 0.76, 0.80; float64 2.9, 2.6, 2.2, 2.1, 2.4.
SCRATCH_BYTES = 1 << 19
# Minimum length of a row that is computed in place.
SHORTEST_ROW = 64
# Likewise of a run of elements at one distance, which a call of the kernel gathers itself: swiglu of 512 x 2,048
# interleaved float32, two threads: 2.0 ms through the scratch memory, 0.6 so.
SHORTEST_STRIDED = 1024


class Operands(NamedTuple):
    """The arrays of one call, not yet broadcast; None in `outputs` means allocate one."""

    inputs: Sequence[Array]
    outputs: Sequence[Array | None]
    params: Sequence[float | Array]
    where: Array | None


def compute(
    kernel: Kernel, dtype: DType, loop: DType, operands: Operands, label: str
) -> list[Array]:
    """Run `kernel` over the broadcast operands and return the outputs.

    Parameters
    ----------
    kernel : callable
        A kernel that takes arrays of `dtype`.
    dtype : dtype
        `loop`, or the dtype that it is computed in.
    loop : dtype
        The dtype of the result. A 16-bit result is the float32 result rounded once.
    operands : Operands
        Any real dtypes. An input that partially overlaps an output is copied first.
    label : str
        The function, for errors.
    """
    if _is_small_and_plain(operands):
        return _run_in_copy(kernel, dtype, loop, operands)
    outputs, views = _collapse(loop, _without_overlap(operands), label)
    # A dtype that is computed in another one needs a copy.
    direct = views.where is None and dtype == loop
    if direct and all(is_ready(array, loop) for array in _arrays(views)):
        _run_flat(kernel, views)
    elif direct and _has_rows(views, loop) and hasattr(kernel, "rows"):
        _run_rows(kernel.rows, views)
    elif direct and _is_strided(views, loop) and hasattr(kernel, "strided"):
        _run_strided(kernel.strided, views)
    else:
        # Casts may overflow or see a NaN: silent whatever the caller's errstate.
        with silent():
            _run_blocks(kernel, Scratch(loop, dtype), views)
    return outputs


def regions(shape: tuple[int, ...], size: int) -> Iterator[tuple[Any, ...]]:
    """Cut `shape` into pieces of at most `size` elements, in C order, and yield their indices."""
    if 0 in shape:
        return
    axis, inner = len(shape), 1
    while axis and inner * shape[axis - 1] <= size:
        axis -= 1
        inner *= shape[axis]
    if not axis:
        yield (...,)
        return
    step = size // inner
    for lead in np.ndindex(shape[: axis - 1]):
        for start in range(0, shape[axis - 1], step):
            yield (*lead, slice(start, start + step))


def as_slices(region: tuple[Any, ...], ndim: int) -> tuple[slice, ...]:
    """Return a region's index as one slice for each axis, which keeps all axes."""
    kept = [slice(i, i + 1) if isinstance(i, int) else i for i in region if i is not ...]
    return (*kept, *[slice(None)] * (ndim - len(kept)))


def _is_small_and_plain(operands: Operands) -> bool:
    return (
        len(operands.inputs) == 1
        and operands.where is None
        and operands.outputs[0] is operands.outputs[-1] is None
        and operands.inputs[0].size * 8 <= SCRATCH_BYTES
        and 0 not in operands.inputs[0].strides  # a copy orders such axes differently from ufuncs
        and not any(isinstance(value, np.ndarray) for value in operands.params)
    )


def _run_in_copy(kernel: Kernel, dtype: DType, loop: DType, operands: Operands) -> list[Array]:
    """Compute in place in a contiguous copy of the only input.

    A number, a list or a slice takes 4 us this way, 18 us in blocks.
    """
    (x,) = operands.inputs
    if x.dtype == loop == dtype:
        results = [x.astype(dtype, order="K") for _ in operands.outputs]
        _run_flat(kernel, Operands(results[:1], results, operands.params, None))
        return results
    with silent():
        x = x.astype(loop, order="K", copy=False)
        results = [x.astype(dtype, order="K") for _ in operands.outputs]
        _run_flat(kernel, Operands(results[:1], results, operands.params, None))
        return [result.astype(loop, copy=False) for result in results]


def _without_overlap(operands: Operands) -> Operands:
    """Copy each operand that an output would overwrite before it is read."""
    inputs, outputs, params, where = operands
    read = iter(without_overlap(outputs, [*inputs, *params, where]))
    return Operands([next(read) for _ in inputs], outputs, [next(read) for _ in params], next(read))


def _collapse(loop: DType, operands: Operands, label: str) -> tuple[list[Array], Operands]:
    """Broadcast, allocate in the inputs' axis order, and merge axes where possible, by NumPy's iterator."""
    inputs, outputs, params, where = operands
    arrays = [value for value in params if isinstance(value, np.ndarray)]
    mask = [] if where is None else [where]
    read = [*inputs, *arrays, *mask]
    try:
        iterator = np.nditer(  # type: ignore[call-overload]  # op_dtypes may hold None
            [*read, *outputs],
            flags=["external_loop", "zerosize_ok"],
            op_flags=[["readonly"]] * len(read) + [_out_flags(out) for out in outputs],
            op_dtypes=[None] * len(read) + [loop if out is None else None for out in outputs],
            order="K",
        )
    except ValueError:
        raise ValueError(f"{label}(): {_broadcast_error(read, outputs)}") from None
    views = iter(iterator.itviews)
    collapsed = Operands(
        inputs=[next(views) for _ in inputs],
        params=[next(views) if isinstance(value, np.ndarray) else value for value in params],
        where=None if where is None else next(views),
        outputs=list(views),
    )
    return list(iterator.operands[len(read) :]), collapsed


def _out_flags(out: Array | None) -> list[str]:
    return ["writeonly", "allocate", "no_subtype"] if out is None else ["writeonly", "no_broadcast"]


def _broadcast_error(read: Sequence[Array], outputs: Sequence[Array | None]) -> str:
    shapes = ", ".join(str(array.shape) for array in read)
    targets = ", ".join(str(out.shape) for out in outputs if out is not None)
    ending = f"fit an out of shape {targets}" if targets else "broadcast together"
    return f"operands of shape {shapes} do not {ending}"


def _arrays(views: Operands) -> Iterator[Array]:
    operands = (*views.inputs, *views.outputs, *views.params)
    return (array for array in operands if isinstance(array, np.ndarray))


def _run_flat(kernel: Kernel, views: Operands) -> None:
    flat = [
        _flattened(value) if isinstance(value, np.ndarray) else value
        for value in (*views.inputs, *views.outputs, *views.params)
    ]
    size = views.inputs[0].size
    if size <= MAX_SIZE:
        kernel(*flat)
        return
    for start in range(0, size, MAX_SIZE):
        part = slice(start, start + MAX_SIZE)
        kernel(*(value[part] if isinstance(value, np.ndarray) else value for value in flat))


def _has_rows(views: Operands, dtype: DType) -> bool:
    """Tell whether all operands consist of contiguous rows, each long enough for a separate call."""
    shape = _shape(views)
    return (
        len(shape) > 1
        and shape[-1] >= SHORTEST_ROW
        and all(
            array.dtype == dtype and array.strides[-1] == array.itemsize and array.flags.aligned
            for array in _arrays(views)
        )
    )


def _is_strided(views: Operands, dtype: DType) -> bool:
    """Tell whether the elements of all operands can be read where they are, in long runs of equal distances."""
    shape = _shape(views)
    long = len(shape) > 0 and shape[-1] >= SHORTEST_STRIDED
    return long and all(
        array.dtype == dtype and array.dtype.isnative and array.flags.aligned
        for array in _arrays(views)
    )


def _run_strided(strided: Kernel, views: Operands) -> None:
    """Compute run by run; `strided` takes one-dimensional operands."""
    operands = (*views.inputs, *views.outputs, *views.params)
    for lead in np.ndindex(_shape(views)[:-1]):
        strided(*(value[lead] if isinstance(value, np.ndarray) else value for value in operands))


def _run_rows(rows: Kernel, views: Operands) -> None:
    """Compute row by row, without a copy; `rows` takes two-dimensional operands."""
    operands = (*views.inputs, *views.outputs, *views.params)
    for lead in np.ndindex(_shape(views)[:-2]):
        rows(*(value[lead] if isinstance(value, np.ndarray) else value for value in operands))


def _flattened(array: Array) -> Array:
    """Return a flat view of an array that is contiguous in some axis order."""
    if not array.flags.c_contiguous:
        array = array.transpose(np.argsort(array.strides)[::-1])
    return array.reshape(-1)


def _run_blocks(kernel: Kernel, scratch: Scratch, views: Operands) -> None:
    read = (*views.inputs, *views.params)
    arrays = len(views.outputs) + sum(isinstance(value, np.ndarray) for value in read)
    shape = _shape(views)
    size = min(SCRATCH_BYTES // (arrays * scratch.dtype.itemsize), math.prod(shape))
    for region in regions(shape, size):
        mask = None if views.where is None else views.where[region]
        if mask is not None and not mask.any():
            continue
        targets = [out[region] for out in views.outputs if out is not None]
        flat = (targets[0].size,)
        given = [
            scratch.gather(value[region], ("in", place), flat)
            if isinstance(value, np.ndarray)
            else value
            for place, value in enumerate(read)
        ]
        results = [
            scratch.destination(out, ("out", k), flat)
            if mask is None
            else scratch.take(("out", k), flat)
            for k, out in enumerate(targets)
        ]
        data, params = given[: len(views.inputs)], given[len(views.inputs) :]
        kernel(*data, *results, *params)
        for out, result in zip(targets, results, strict=True):
            if mask is not None or not is_ready(out, scratch.ready):
                scatter(out, result, scratch.loop, mask)


def _shape(views: Operands) -> tuple[int, ...]:
    (out, *_) = views.outputs
    assert out is not None
    shape: tuple[int, ...] = out.shape
    return shape
