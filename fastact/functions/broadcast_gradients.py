"""Gradients by operands that were broadcast: sums, a block of losses at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..calling.broadcast import as_slices, regions
from ..calling.dtypes import Array, DType

__all__ = ["blocks"]

Index = tuple[Any, ...]


def blocks(
    shape: tuple[int, ...], outs: Sequence[Array], dtype: DType, size: int
) -> Iterator[tuple[Index, list[Array]]]:
    """Cut losses of a shape into blocks, and yield their places, and arrays of their shape for each gradient.

    A gradient that has the shape of the losses is written where it belongs. Of any other, in `dtype`, the sums along
    the axes that it does not have are; there is at most one. Without one, all losses are one block.
    """
    few = [k for k, out in enumerate(outs) if out.shape != shape]
    if not few:
        yield (...,), list(outs)
        return
    (narrow,) = few
    out, memory = outs[narrow], np.empty(size, dtype)
    target = out[(None,) * (len(shape) - out.ndim) + (...,)]
    shared = tuple(k for k, length in enumerate(target.shape) if length == 1)
    for region in regions(target.shape, size):
        place = as_slices(region, len(shape))
        sums = np.zeros(target[place].shape)
        wide = tuple(slice(None) if k in shared else one for k, one in enumerate(place))
        some = [one if k == narrow else one[wide] for k, one in enumerate(outs)]
        inside = tuple(len(range(*one.indices(n))) for one, n in zip(wide, shape, strict=True))
        for part in regions(inside, size):
            index = as_slices(part, len(shape))
            lengths = [len(range(*one.indices(n))) for one, n in zip(index, inside, strict=True)]
            block = memory[: int(np.prod(lengths))].reshape(lengths)
            at = tuple(
                inner if k in shared else _shifted(outer, inner, n)
                for k, (outer, inner, n) in enumerate(zip(wide, index, inside, strict=True))
            )
            yield at, [block if k == narrow else one[index] for k, one in enumerate(some)]
            held = tuple(slice(None) if k in shared else one for k, one in enumerate(index))
            with silent():
                sums[held] += block.sum(axis=shared, keepdims=True, dtype=np.float64)
        with silent():
            target[place] = sums


def _shifted(outer: slice, inner: slice, length: int) -> slice:
    """Return the slice of what a slice of an array holds of the array."""
    start, stop, _ = inner.indices(length)
    first = outer.start or 0
    return slice(first + start, first + stop)
