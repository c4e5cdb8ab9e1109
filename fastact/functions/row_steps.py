"""Row kernels in NumPy: hardmax, and Gumbel noise before another kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..backends.registry import Kernel

__all__ = ["hardmax", "row_blocks", "with_noise"]

Array = np.ndarray[Any, np.dtype[Any]]

# Elements of a block. hardmax stores an 8-byte index for each row, so two-column rows need most memory.
BLOCK = 1 << 15


def hardmax(x: Any, out: Array, mask: Array | None, temperature: float) -> None:
    """Write 1 at the first maximum of each row and 0 elsewhere."""
    if not x.size:
        return
    selected = None if mask is None else np.broadcast_to(mask, x.shape)
    with silent():
        for block in row_blocks(x.shape, BLOCK):
            _hardmax(x[block], out[block], None if selected is None else selected[block])


def _hardmax(x: Array, out: Array, mask: Array | None) -> None:
    key = x if mask is None else np.where(mask, x, x.dtype.type(-np.inf))
    best = key.argmax(axis=1, keepdims=True)
    top = np.take_along_axis(key, best, axis=1)
    one = np.ones(top.shape, x.dtype)
    if mask is not None:
        # If all selected elements are -inf, take the first selected one, not the first of the row.
        best = np.where(top == -np.inf, mask.argmax(axis=1, keepdims=True), best)
        one[~mask.any(axis=1, keepdims=True)] = 0.0
    out[...] = 0.0
    np.put_along_axis(out, best, one, axis=1)
    has_nan = np.isnan(top)
    if has_nan.any():
        np.copyto(out, np.nan, where=has_nan if mask is None else has_nan & mask)


def row_blocks(shape: tuple[int, int, int], size: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cut rows into blocks of about so many elements, and yield their places."""
    outer, axis, inner = shape
    rows = max(1, size // axis)
    width = min(inner, rows)
    depth = max(1, rows // width)
    for first in range(0, outer, depth):
        for second in range(0, inner, width):
            yield slice(first, first + depth), slice(None), slice(second, second + width)


def with_noise(kernel: Kernel, rng: np.random.Generator) -> Kernel:
    """Return a kernel that adds Gumbel noise to x, into `out`, and then runs `kernel` in place."""

    def run(x: Array, out: Array, mask: Array | None, temperature: float) -> None:
        source, target = x.reshape(-1), out.reshape(-1)
        for start in range(0, source.size, BLOCK):
            part = source[start : start + BLOCK]
            # gumbel() redraws a 0, whose logarithm is -inf.
            noise = rng.gumbel(size=part.size)
            np.add(part, noise, out=target[start : start + BLOCK], casting="unsafe")
        kernel(out, out, mask, temperature)

    return run
