"""Rows of logits that are too long to be in memory: a kernel that takes rows in parts gets them so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..backends.protocol import Kernel
from .attention_rows import Block, Rows
from .dtypes import Array, is_ready
from .long_rows import PART_BYTES, LongRow, spans
from .memory import scatter

__all__ = ["forward", "needed", "vjp"]


def needed(kernel: Kernel, work: Rows) -> bool:
    """Tell whether a row is longer than a buffer, and the kernel takes it in parts."""
    long = (work.length + work.extra) * work.dtype.itemsize >= PART_BYTES
    return long and hasattr(kernel, "in_parts")


def forward(kernel: Kernel, work: Rows, target: Array) -> None:
    """Compute softmax or log_softmax of logits like `attention.forward`; the reduced axes of the target are last."""
    for place in _each_row(work):
        row, into = _Row(work, place), target[place]
        if not work.extra and is_ready(into, work.dtype):
            row.compute_in(into, kernel)
            continue

        def store(begin: int, end: int, at: int, row: _Row = row, into: Array = into) -> None:
            for part, found in row.cut(into, begin, end, at):
                scatter(part, row.buffer[found], work.dtype)

        row.run(kernel, row.load, store, [row.whole])


def vjp(
    kernels: tuple[Kernel, Kernel],
    work: Rows,
    operands: tuple[Array, Array, Array],
    sums: Array | None,
    last: Array | None,
) -> None:
    """Compute the gradients like `attention.vjp`, from g, y and for that by x; the reduced axes of all are last."""
    for place in _each_row(work):
        row = _Gradient(work, place, operands, None if sums is None else _at(sums, place))
        if last is not None:
            row.find_sink(kernels[0])
        row.run(kernels[1], row.load_both, row.store, [row.whole, row.second])
        if last is not None:
            last[place] = row.last


def _each_row(work: Rows) -> Iterator[Block]:
    return ((*place, ...) for place in np.ndindex(work.lead)) if work.length else iter(())


def _at(array: Array, place: Block) -> Array:
    """Return what of an array with axes of length 1 broadcasts to a row."""
    shape = array.shape
    index = (0 if shape[axis] == 1 else one for axis, one in enumerate(place[:-1]))
    found: Array = array[(*index, ...)]
    return found


class _Row:
    """One row: its operands, and buffers for a part."""

    def __init__(self, work: Rows, place: Block) -> None:
        self.work, self.x = work, work.x[place]
        heat = work.heat(place)
        self.heat = heat.reshape(1) if isinstance(heat, np.ndarray) else heat
        self.length, self._size = work.length, PART_BYTES // work.dtype.itemsize
        self._bias = None if work.bias is None else work.bias[place]
        self._sink = None if work.sink is None else work.sink[place].reshape(())
        self._selected = None if work.masked is None else work.masked[place]
        self.whole = self._take("part")
        self.buffer = self.whole[0, :, 0]
        self.mask: Array | None = None
        if self._selected is not None:
            shape = 1, self._size, 1
            self.mask = work.scratch.take("mask of a part", shape, np.dtype(np.bool_))

    def _take(self, key: str) -> Array:
        return self.work.scratch.take(key, (1, self._size, 1))

    def run(self, kernel: Any, load: Any, store: Any, inputs: list[Array]) -> None:
        """Call a row kernel, whose result replaces the first of the inputs."""
        length = self.length + self.work.extra
        kernel.in_parts(length, load, store, *inputs, self.whole, self.mask, 1.0)

    def cut(self, array: Array, begin: int, end: int, at: int) -> Iterator[tuple[Array, slice]]:
        """Yield views of some elements of an array, and their places in a buffer; the sink is none of them."""
        return spans(array, begin, min(end, self.length), at)

    def compute_in(self, out: Array, kernel: Any) -> None:
        """Compute the logits where the results will be."""
        flat, mask = out.reshape(-1), self._selected
        for begin in range(0, self.length, self._size):
            end = min(begin + self._size, self.length)
            self._fill(flat[begin:end], begin, end, 0)
        row = LongRow(self.work.scratch, [out], [out], mask)
        if row.needs_parts(kernel):
            return row.run(kernel, (), (), (1.0,))
        whole = flat.reshape(1, -1, 1)
        kernel(whole, whole, None if mask is None else mask.reshape(1, -1, 1), 1.0)

    def _fill(self, target: Array, begin: int, end: int, at: int) -> None:
        """Compute logits."""
        biases = None if self._bias is None else self.cut(self._bias, begin, end, at)
        for x, found in self.cut(self.x, begin, end, at):
            flat = target[found]
            bias = None if biases is None else next(biases)[0]
            self.work.fill(flat.reshape(x.shape), flat, x, self.heat, bias)

    def load(self, begin: int, end: int, at: int) -> None:
        """Compute logits, and their mask."""
        self._fill(self.buffer, begin, end, at)
        if end > self.length and self._sink is not None:
            self.buffer[at + self.length - begin] = self._sink
        self.load_mask(begin, end, at)

    def load_mask(self, begin: int, end: int, at: int) -> None:
        """Copy the mask; the sink takes part."""
        if self.mask is None or self._selected is None:
            return
        for part, found in self.cut(self._selected, begin, end, at):
            np.copyto(self.mask[0, found, 0].reshape(part.shape), part)
        if end > self.length:
            self.mask[0, at + self.length - begin, 0] = True


class _Gradient(_Row):
    """One row of g, y, the gradient by x, and the gradient by the bias, which broadcasts to it."""

    def __init__(
        self,
        work: Rows,
        place: Block,
        operands: tuple[Array, Array, Array],
        sums: Array | None,
    ) -> None:
        super().__init__(work, place)
        self._g, self._y, self._target = (one[place] for one in operands)
        self._sums = None
        if sums is not None:
            strides = [
                step if n > 1 else 0 for n, step in zip(sums.shape, sums.strides, strict=True)
            ]
            self._sums = as_strided(sums, self.x.shape, strides)
        self.second = self._take("second part")
        self._y_of_sink = self.last = 0.0

    def find_sink(self, kernel: Kernel) -> None:
        """Compute the output that the sink would have, from the logits."""

        def store(begin: int, end: int, at: int) -> None:
            if end > self.length:
                self._y_of_sink = self.buffer[at + self.length - begin]

        self.run(kernel, self.load, store, [self.whole])

    def load_both(self, begin: int, end: int, at: int) -> None:
        """Copy g, y and the mask."""
        for buffer, source in ((self.buffer, self._g), (self.second[0, :, 0], self._y)):
            for part, found in self.cut(source, begin, end, at):
                self.work.scratch.copy(buffer[found].reshape(part.shape), part)
        if end > self.length:
            self.buffer[at + self.length - begin] = 0.0
            self.second[0, at + self.length - begin, 0] = self._y_of_sink
        self.load_mask(begin, end, at)

    def store(self, begin: int, end: int, at: int) -> None:
        """Store the gradient by x, add up that by the bias, keep that by the sink."""
        if end > self.length:
            self.last = self.buffer[at + self.length - begin]
        sums = None if self._sums is None else self.cut(self._sums, begin, end, at)
        pieces = (self.cut(one, begin, end, at) for one in (self._target, self.x))
        for (target, found), (x, _) in zip(*pieces, strict=True):
            flat = self.buffer[found]
            view = flat.reshape(x.shape)
            if sums is not None:
                _add(next(sums)[0], view)
            if self.work.cap is not None:
                z = self.second[0, found, 0].reshape(x.shape)  # y has been used
                self.work.divide(z, x, self.heat)
                self.work.uncap(flat, z, None if self.mask is None else self.mask[0, found, 0])
            np.divide(view, self.heat, out=view)
            scatter(target, flat, self.work.dtype)


def _add(sums: Array, view: Array) -> None:
    """Add to sums, some of which are broadcast."""
    axes = tuple(axis for axis, stride in enumerate(sums.strides) if not stride)
    held = sums[tuple(slice(None) if stride else slice(1) for stride in sums.strides)]
    held += view.sum(axis=axes, keepdims=True, dtype=np.float64) if axes else view
