"""Row kernels in NumPy: hardmax, and Gumbel noise before another kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..backends.protocol import Kernel

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
        one = _hardmax if x.shape[1] <= BLOCK else _long_hardmax
        for block in row_blocks(x.shape, BLOCK):
            one(x[block], out[block], None if selected is None else selected[block])


def _long_hardmax(x: Array, out: Array, mask: Array | None) -> None:
    """Do so for one row, in which NumPy would need memory for each element."""

    def move(*place: int) -> None:
        """Leave the elements where they are."""

    def part(begin: int, end: int) -> tuple[Array, Array, Array | None]:
        index = 0, slice(begin, end), 0
        return x[index], out[index], None if mask is None else mask[index]

    _row_of_parts(x.shape[1], BLOCK, move, move, part)


def _in_parts(length: int, load: Any, store: Any, x: Any, out: Any, mask: Any, heat: float) -> None:
    """Do so for a row that comes in parts, as the protocol of backends has it."""

    def part(begin: int, end: int) -> tuple[Array, Array, Array | None]:
        index = 0, slice(0, end - begin), 0
        return x[index], out[index], None if mask is None else mask[index]

    with silent():
        _row_of_parts(length, x.size, load, store, part)


hardmax.in_parts = _in_parts  # type: ignore[attr-defined]


def _row_of_parts(length: int, size: int, load: Any, store: Any, part: Any) -> None:
    """Find the first maximum, or NaN, of a row; then write the row."""
    spans = [(begin, min(begin + size, length)) for begin in range(0, length, size)]
    best, top, first = None, -np.inf, None
    for begin, end in spans:
        load(begin, end, 0)
        x, _, mask = part(begin, end)
        if mask is not None:
            if not mask.any():
                continue
            first = begin + int(mask.argmax()) if first is None else first
            x = np.where(mask, x, x.dtype.type(-np.inf))
        place = int(x.argmax())
        if best is None or x[place] > top or (np.isnan(x[place]) and not np.isnan(top)):
            best, top = begin + place, x[place]
    best = first if top == -np.inf and first is not None else best
    for begin, end in spans:
        load(begin, end, 0)
        _, out, mask = part(begin, end)
        out[...] = 0.0
        if np.isnan(top):
            np.copyto(out, np.nan, where=True if mask is None else mask)
        elif best is not None and begin <= best < end:
            out[best - begin] = 1.0
        store(begin, end, 0)


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

    def in_parts(length: int, load: Any, store: Any, x: Array, out: Array, *rest: Any) -> None:
        noise = _Noise(rng)

        def load_noisy(begin: int, end: int, at: int) -> None:
            load(begin, end, at)
            for start in range(begin, end, BLOCK):
                stop = min(start + BLOCK, end)
                part = x[0, at + start - begin : at + stop - begin, 0]
                np.add(part, noise.take(start, stop), out=part, casting="unsafe")

        kernel.in_parts(length, load_noisy, store, x, out, *rest)  # type: ignore[attr-defined]
        noise.go_to(length)

    if hasattr(kernel, "in_parts"):
        run.in_parts = in_parts  # type: ignore[attr-defined]
    return run


class _Noise:
    """The noise of a row, for any of its elements: as if drawn from the first to the last.

    A kernel takes a row from several places on, each time the same, and from there one part after the other. The states
    of the generator at these places, and at those it has come to, are kept: some 128.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._at = rng, 0
        self._starts = {0: rng.bit_generator.state}
        self._ends: dict[int, Any] = {}

    def take(self, begin: int, end: int) -> Array:
        """Return the noise of elements [begin, end)."""
        self.go_to(begin)
        noise = self._rng.gumbel(size=end - begin)
        self._ends.pop(begin, None)
        self._ends[end], self._at = self._rng.bit_generator.state, end
        return noise

    def go_to(self, place: int) -> None:
        """Continue with the element at a place."""
        if place == self._at:
            return
        known = {**self._starts, **self._ends}
        self._at = max(start for start in known if start <= place)
        self._rng.bit_generator.state = known[self._at]
        for start in range(self._at, place, BLOCK):
            self._rng.gumbel(size=min(BLOCK, place - start))
        if self._at < place:
            self._starts[place], self._at = self._rng.bit_generator.state, place
