"""Rows as logcumsumexp takes them: some elements of some rows at a time, in the order in which it sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from .row_steps import row_blocks

__all__ = ["LongRow", "Rows", "row_groups"]

Array = np.ndarray[Any, np.dtype[Any]]


class Rows(Protocol):
    """So many rows of so many elements. A part is a slice of these, from the first that is summed."""

    count: int
    length: int

    def take(self, part: slice) -> tuple[Sequence[Array], Array | None]:
        """Return a part of the inputs, arrays (rows, elements), and which of the elements are selected."""

    def put(self, part: slice, result: Array) -> None:
        """Write a part of the output."""


class _Group:
    """Rows of arrays (outer, axis, inner)."""

    def __init__(
        self, inputs: Sequence[Array], out: Array, mask: Array | None, block: Any, order: slice
    ) -> None:
        self._inputs = [_ordered(array, block, order) for array in inputs]
        self._mask = None if mask is None else _ordered(mask, block, order)
        self._out = out[block].swapaxes(1, 2)[..., order]
        self.count, self.length = self._inputs[0].shape

    def take(self, part: slice) -> tuple[Sequence[Array], Array | None]:
        mask = None if self._mask is None else self._mask[:, part]
        return [array[:, part] for array in self._inputs], mask

    def put(self, part: slice, result: Array) -> None:
        target = self._out[..., part]
        target[...] = result.reshape(target.shape)


class LongRow:
    """One row, parts of which are loaded into buffers, as the protocol of backends has it."""

    count = 1

    def __init__(
        self,
        length: int,
        load: Any,
        store: Any,
        inputs: Sequence[Array],
        out: Array,
        mask: Array | None,
        reverse: bool,
    ) -> None:
        self.length, self._load, self._store, self._reverse = length, load, store, reverse
        self._inputs, self._out, self._mask = inputs, out, mask

    def take(self, part: slice) -> tuple[Sequence[Array], Array | None]:
        """Load a part."""
        begin, end = self._span(part)
        self._load(begin, end, 0)
        mask = None if self._mask is None else self._loaded(self._mask, end - begin)
        return [self._loaded(array, end - begin) for array in self._inputs], mask

    def put(self, part: slice, result: Array) -> None:
        """Store a part."""
        begin, end = self._span(part)
        self._loaded(self._out, end - begin)[...] = result
        self._store(begin, end, 0)

    def _span(self, part: slice) -> tuple[int, int]:
        if self._reverse:
            return self.length - part.stop, self.length - part.start
        return part.start, part.stop

    def _loaded(self, buffer: Array, size: int) -> Array:
        loaded: Array = buffer[:, :size, 0][:, :: -1 if self._reverse else 1]
        return loaded


def row_groups(
    inputs: Sequence[Array], out: Array, mask: Array | None, reverse: bool, size: int
) -> Iterator[Rows]:
    """Cut rows into groups of about so many elements, or of one row."""
    if not out.size:
        return
    selected = None if mask is None else np.broadcast_to(mask, out.shape)
    order = slice(None, None, -1 if reverse else 1)
    for block in row_blocks(out.shape, size):
        yield _Group(inputs, out, selected, block, order)


def _ordered(array: Array, block: Any, order: slice) -> Array:
    part = array[block].swapaxes(1, 2)
    rows: Array = part.reshape(-1, part.shape[2])[:, order]
    return rows
