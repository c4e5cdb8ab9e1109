"""Row functions of dask arrays, including those chunked along the reduced axes.

If the reduced axes are in one chunk, every function works chunk by chunk. If not, softmax, softmin,
log_softmax and logsumexp take two passes: each chunk yields its maximum and sum, a tree combines them,
and the second pass, which reloads each chunk instead of keeping it, computes the result from the totals.
Only this module imports dask, and only a call with a dask array imports this module.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.graph_manipulation import bind

from . import arguments, axes, chunked_softmax
from .dtypes import Array

__all__ = ["compute"]

Axes = tuple[int, ...]

# Statistics that one task of the tree combines.
_SPLIT_EVERY = 16


def compute(
    function: Any, data: tuple[Any, ...], out: Any, where: Any, options: dict[str, Any]
) -> Any:
    """Return the dask array of a call; `options` holds the axis and the other keywords given."""
    label = function.__qualname__
    if out is not None:
        raise TypeError(
            f"{label}(): out= is not supported for dask arrays; store() the result instead"
        )
    if any(type(one).__module__.startswith("dask.dataframe") for one in (*data, where)):
        raise TypeError(f"{label}() does not take dask dataframes; pass frame.values")
    options = dict(options)
    loop = arguments.lazy_dtype(label, data, options.pop("dtype", None))
    x = da.asarray(data[-1])
    reduced = axes.checked_axes(label, options.pop("axis"), x.ndim)
    keepdims = options.pop("keepdims", False)
    mask = _mask(label, where, x)
    if all(x.numblocks[axis] == 1 for axis in reduced):
        operands = [
            _operand(function, name, one, x, reduced)
            for name, one in zip(function.arrays, data, strict=True)
        ]
        result = _by_chunk(function, operands, mask, reduced, {**options, "dtype": loop})
    else:
        if function.pass_ != "forward" or function.__name__ not in chunked_softmax.FINISHES:
            raise ValueError(
                f"{label}() needs the reduced axes of a dask array in one chunk: "
                f"x = x.rechunk({dict.fromkeys(reduced, -1)})"
            )
        temperature = axes.temperature_of(label, "temperature", options["temperature"])
        result = _in_parts(function.__name__, x, mask, reduced, temperature, loop)
    if function.reduces and not keepdims:
        result = result[tuple(0 if axis in reduced else slice(None) for axis in range(x.ndim))]
    return result


def _mask(label: str, where: Any, x: Any) -> Any:
    """Return the mask as a dask array chunked like x, or None."""
    if where is True:
        return None
    mask = where if isinstance(where, da.Array) else np.asarray(where)
    if mask.dtype != np.bool_:
        raise TypeError(f"{label}(): where has dtype {mask.dtype}, expected bool")
    if mask.ndim > x.ndim or any(
        length not in (1, expected)
        for length, expected in zip(mask.shape[::-1], x.shape[::-1], strict=False)
    ):
        raise ValueError(f"{label}(): where of shape {mask.shape} does not broadcast to {x.shape}")
    x_chunks = x.chunks[x.ndim - mask.ndim :]
    chunks = tuple(
        (1,) if length == 1 else along for length, along in zip(mask.shape, x_chunks, strict=True)
    )
    mask = da.asarray(mask).rechunk(chunks)
    return mask[(None,) * (x.ndim - mask.ndim)]


def _operand(function: Any, name: str, value: Any, x: Any, axes: Axes) -> Any:
    """Return an operand with all of x's axes, or a number unchanged."""
    if np.ndim(value) == 0 and not isinstance(value, da.Array):
        return value
    array = da.asarray(value)
    if function.arrays == ("g", "x") and name == "g" and array.ndim < x.ndim:
        return da.expand_dims(array, axes)
    return array


def _index(array: Any) -> Any:
    return tuple(range(array.ndim)) if isinstance(array, da.Array) else None


def _operands(*arrays: Any) -> list[Any]:
    """Return the arguments of `blockwise`: each array followed by its axes."""
    return [part for array in arrays for part in (array, _index(array))]


def _by_chunk(
    function: Any, operands: list[Any], mask: Any, axes: Axes, options: dict[str, Any]
) -> Any:
    x = operands[-1]
    meta = np.empty((0,) * x.ndim, options["dtype"])
    masks = () if mask is None else (mask,)
    if "rng" in options:  # each chunk draws separately
        seeds = np.random.default_rng(options.pop("rng")).integers(1 << 62, size=x.numblocks)
        draw = partial(_draw, function, axes, options, seeds)
        return da.map_blocks(draw, *operands, *masks, dtype=meta.dtype, meta=meta)
    return da.blockwise(
        partial(_call, function, axes, options),
        _index(x),
        *_operands(*operands, *masks),
        adjust_chunks=dict.fromkeys(axes, 1) if function.reduces else None,
        meta=meta,
    )


def _call(function: Any, axes: Axes, options: dict[str, Any], *arrays: Any) -> Any:
    data, masks = arrays[: function.nin], arrays[function.nin :]
    if function.reduces:
        options = {**options, "keepdims": True}
    return function(*data, axis=axes, where=masks[0] if masks else True, **options)


def _draw(
    function: Any,
    axes: Axes,
    options: dict[str, Any],
    seeds: Array,
    *arrays: Any,
    block_id: tuple[int, ...],
) -> Any:
    return _call(function, axes, {**options, "rng": int(seeds[block_id])}, *arrays)


def _in_parts(
    name: str, x: Any, mask: Any, axes: Axes, temperature: float, loop: np.dtype[Any]
) -> Any:
    index = tuple(range(x.ndim))
    details = name, axes, temperature, loop
    parts = da.blockwise(
        partial(chunked_softmax.statistic, *details),
        index,
        *_operands(x, mask),
        adjust_chunks=dict.fromkeys(axes, 1),
        meta=np.empty((0,) * x.ndim, chunked_softmax.PAIR),
    )
    combine = partial(_combine, temperature)
    totals = da.reduction(
        parts,
        chunk=_unchanged,
        combine=combine,
        aggregate=combine,
        axis=axes,
        keepdims=True,
        dtype=chunked_softmax.PAIR,
        split_every=_SPLIT_EVERY,
        concatenate=True,
    )
    if chunked_softmax.FINISHES[name] is None:
        return totals.map_blocks(partial(chunked_softmax.log_of_sum, temperature, loop), dtype=loop)
    # dask would keep the first pass's chunks in memory for the second: clones are loaded once the
    # totals are ready.
    again = (x,) if mask is None else (x, mask)
    again = bind(again, totals, seed=tokenize(x, mask, *details))
    return da.blockwise(
        partial(chunked_softmax.finish, *details),
        index,
        *_operands(totals, *again),
        meta=np.empty((0,) * x.ndim, loop),
    )


def _unchanged(pairs: Array, axis: Any, keepdims: bool) -> Array:
    return pairs


def _combine(temperature: float, pairs: Array, axis: Any, keepdims: bool) -> Array:
    if not pairs.size:  # dask infers dtypes with an empty array
        return pairs
    for one in np.atleast_1d(axis):
        pairs = chunked_softmax.combined(pairs, int(one), temperature)
    return pairs
