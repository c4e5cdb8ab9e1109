"""Rows that are too long to be copied: a kernel that takes rows in parts gets them through buffers of a fixed size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..backends.protocol import Kernel
from .dtypes import Array, computing, is_ready
from .memory import Scratch, scatter

__all__ = ["PART_BYTES", "LongRow", "spans"]

# Bytes of a buffer, for the elements as they are computed: two inputs, of which the result replaces one, and a mask are
# 576 KiB.
PART_BYTES = 1 << 18


class LongRow:
    """One row: its elements in arrays of any layout and dtype, the inputs and the outputs, and its mask or None."""

    def __init__(
        self,
        scratch: Scratch,
        sources: Sequence[Array],
        targets: Sequence[Array],
        mask: Array | None,
    ) -> None:
        self._scratch, self._sources, self._targets, self._mask = scratch, sources, targets, mask
        self._length = sources[0].size
        size = PART_BYTES // computing(scratch.loop).itemsize
        self._fits = self._length >= size
        self._size = size

    def needs_parts(self, kernel: Kernel) -> bool:
        """Tell whether the kernel takes a row in parts, and cannot take this one where it is.

        A single input is rather copied to its output: softmax of 2**20 elements, every second, takes 0.9 ns each that
        way and 3.4 in parts, 2**20 of float16 to float32 0.6 and 2.8.
        """
        if not self._fits or not hasattr(kernel, "in_parts"):
            return False
        if not (self._mask is None or self._mask.flags.c_contiguous):
            return True
        outputs = [is_ready(one, self._scratch.ready) for one in self._targets]
        if outputs and all(outputs) and len(self._sources) == 1:
            return False
        inputs = (is_ready(one, self._scratch.ready) for one in self._sources)
        return not (all(outputs) and all(inputs))

    def run(
        self, kernel: Any, given: Sequence[Array], found: Sequence[Array], params: Sequence[float]
    ) -> None:
        """Compute; `given` and `found` are the values of the row, as the kernel takes them."""
        shape = 1, self._size, 1
        inputs = [self._scratch.take(("part", k), shape) for k in range(len(self._sources))]
        outputs = inputs[: len(self._targets)]
        mask = None
        if self._mask is not None:
            mask = self._scratch.take("mask of a part", shape, np.dtype(np.bool_))

        def load(begin: int, end: int, at: int) -> None:
            for buffer, source in zip(inputs, self._sources, strict=True):
                for part, place in spans(source, begin, end, at):
                    self._scratch.fill(buffer[0, place, 0].reshape(part.shape), part)
            if mask is not None and self._mask is not None:
                for part, place in spans(self._mask, begin, end, at):
                    np.copyto(mask[0, place, 0].reshape(part.shape), part)

        def store(begin: int, end: int, at: int) -> None:
            for buffer, target in zip(outputs, self._targets, strict=True):
                for part, place in spans(target, begin, end, at):
                    scatter(part, buffer[0, place, 0], self._scratch.loop)

        kernel.in_parts(self._length, load, store, *inputs, *given, *outputs, *found, mask, *params)


def spans(array: Array, begin: int, end: int, at: int) -> Iterator[tuple[Array, slice]]:
    """Cut elements [begin, end) of an array, in C order, into views, and yield each with its place from `at` on."""
    if array.ndim > 1:
        inner = math.prod(array.shape[1:])
        first, last = begin // inner, end // inner
        if begin > first * inner or first == last:
            stop = min(end, (first + 1) * inner)
            yield from spans(array[first], begin - first * inner, stop - first * inner, at)
            at, first = at + stop - begin, first + 1
        if first < last:
            yield array[first:last], slice(at, at + (last - first) * inner)
            at += (last - first) * inner
        if first <= last and end > last * inner:
            yield from spans(array[last], 0, end - last * inner, at)
    else:
        yield array[begin:end], slice(at, at + end - begin)
