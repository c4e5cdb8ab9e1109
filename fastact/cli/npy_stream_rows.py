"""Run a row function over ``.npy`` files larger than memory.

In storage order an array is (outer, axis, inner). Slabs (axis, inner) that fit a block are processed
whole. For larger ones softmax, softmin, log_softmax and logsumexp take two passes over the data, part
by part; all other functions need the whole slab in memory.
"""

from __future__ import annotations

import errno
import io
import math
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..calling import chunked_softmax
from ..calling.axes import checked_axes, reduced, temperature_of
from ..functions.rows import RowPass
from .files import replacing, write
from .npy_stream import BLOCK, Array, NpySource, as_bytes, check_alike, header

__all__ = ["stream_rows"]

Axes = tuple[int, ...]


def stream_rows(
    function: RowPass,
    sources: Sequence[NpySource],
    target: Path,
    *,
    axis: Any,
    options: dict[str, Any],
    progress: Callable[[int], object] = lambda count: None,
) -> np.dtype[Any]:
    """Evaluate `function` on the rows of `sources` and replace `target` by the result.

    Parameters
    ----------
    function
        A row function or its vector-Jacobian product from the output.
    sources
        Its inputs, all of one shape.
    target
        The output file, in the storage order of the inputs.
    axis
        One axis, several that are adjacent in the file, or None.
    options
        Further keyword arguments of `function`.
    progress
        Called with the number of elements done since the last call.

    Returns
    -------
    numpy.dtype
        The dtype of the output.
    """
    check_alike(sources)
    source = sources[0]
    axes = checked_axes(function.__qualname__, axis, len(source.shape))
    shape = _in_file(source, axes)
    # A call with empty arrays gives the dtype and checks the options.
    probe = function(*(np.empty(0, one.dtype) for one in sources), axis=0, **options)
    loop: np.dtype[Any] = probe.dtype
    out_shape = reduced(source.shape, axes, False) if function.reduces else source.shape
    if "rng" in options:  # one generator for all blocks
        options = {**options, "rng": np.random.default_rng(options["rng"])}
    head = header(target, loop, source.fortran_order, out_shape)
    with replacing(target) as file:
        if not source.size:
            # Empty rows, of which there may be 10**15, produce nothing, or one number each.
            outer, along, inner = shape
            shape = outer * inner if function.reduces else 0, along, 1
            _check_free_space(file, math.prod(out_shape) * loop.itemsize, target)
        write(file, memoryview(head), target)

        def put(place: int, result: Array) -> None:
            if not result.size:  # an empty memoryview cannot be cast
                return
            file.seek(len(head) + place * loop.itemsize)
            write(file, as_bytes(np.ascontiguousarray(result)), target)

        name = function.__name__
        if math.prod(shape[1:]) > BLOCK and name in chunked_softmax.FINISHES:
            given = options.get("temperature", 1.0)
            details = name, (0,), temperature_of(name, "temperature", given), loop
            for outer in range(shape[0]):
                _slab_in_parts(details, source, outer, shape, put, progress)
        else:
            _slabs(partial(function, axis=1, **options), sources, shape, put, progress)
    return loop


def _check_free_space(file: io.FileIO, size: int, target: Path) -> None:
    """Raise OSError if `size` bytes do not fit on the disk, before anything is written."""
    if hasattr(os, "fstatvfs"):
        disk = os.fstatvfs(file.fileno())
        if size > disk.f_bavail * disk.f_frsize and disk.f_blocks:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))


def _in_file(source: NpySource, axes: Axes) -> tuple[int, int, int]:
    """Return (outer, axis, inner) in storage order."""
    order = range(len(source.shape))
    if source.fortran_order:
        order = order[::-1]
    lengths = [(source.shape[axis], axis in axes) for axis in order if source.shape[axis] != 1]
    places = [place for place, (_, along) in enumerate(lengths) if along]
    if not places:
        return 1, 1, source.size
    first, last = places[0], places[-1] + 1
    if last - first != len(places):
        raise ValueError(f"{source.path}: axes {axes} are not adjacent in the file")
    parts = lengths[:first], lengths[first:last], lengths[last:]
    outer, along, inner = (math.prod(length for length, _ in part) for part in parts)
    return outer, along, inner


def _slabs(
    evaluate: Callable[..., Array],
    sources: Sequence[NpySource],
    shape: tuple[int, int, int],
    put: Callable[[int, Array], None],
    progress: Callable[[int], object],
) -> None:
    """Process as many slabs at a time as fit a block, at least one."""
    outer, axis, inner = shape
    depth = max(1, BLOCK // max(1, axis * inner))
    buffers = [np.empty((min(depth, outer), axis, inner), one.dtype) for one in sources]
    place = 0
    for start in range(0, outer, depth):
        blocks = [buffer[: min(depth, outer - start)] for buffer in buffers]
        for source, block in zip(sources, blocks, strict=True):
            source.read_into(block.reshape(-1))
        result = evaluate(*blocks)
        put(place, result)
        place += result.size
        progress(blocks[0].size)


def _slab_in_parts(
    details: tuple[str, Axes, float, np.dtype[Any]],
    source: NpySource,
    outer: int,
    shape: tuple[int, int, int],
    put: Callable[[int, Array], None],
    progress: Callable[[int], object],
) -> None:
    """Process one slab in two passes: the statistics of its rows, then the results."""
    name, _, temperature, loop = details
    _, axis, inner = shape
    first = outer * axis * inner
    width = min(inner, BLOCK)
    for column in range(0, inner, width):
        columns = slice(column, min(column + width, inner))
        total = None
        for _, part in _parts(source, first, axis, inner, columns):
            pair = chunked_softmax.statistic(*details, part)
            both = pair if total is None else np.concatenate([total, pair])
            total = chunked_softmax.combined(both, 0, temperature)
            progress(part.size // 2 if chunked_softmax.FINISHES[name] else part.size)
        assert total is not None
        if chunked_softmax.FINISHES[name] is None:
            put(outer * inner + column, chunked_softmax.log_of_sum(temperature, loop, total))
            continue
        for line, part in _parts(source, first, axis, inner, columns):
            result = chunked_softmax.finish(*details, total, part)
            put(first + line * inner + column, result)
            progress(part.size - part.size // 2)


def _parts(
    source: NpySource, first: int, axis: int, inner: int, columns: slice
) -> Iterator[tuple[int, Array]]:
    """Yield the lines of a slab in blocks, or each line in parts if it is longer than a block."""
    width = columns.stop - columns.start
    depth = BLOCK // width if width == inner else 1
    buffer = np.empty((min(depth, axis), width), source.dtype)
    for line in range(0, axis, depth):
        block = buffer[: min(depth, axis - line)]
        source.seek(first + line * inner + columns.start)
        source.read_into(block.reshape(-1))
        yield line, block
