"""Row kernels in NumPy for logcumsumexp: blocks of rows in float64, with the exponentials of the active backend.

The sum of exp(x) up to an element is exp(m) + exp(b)·s: m is the maximum so far; b is m rounded down to a multiple of
8, so that factors other than 1 are rare; s is the sum of exp(x - b) but for one maximum, so that log(1 + s·exp(b - m))
has all its digits. The next s is a factor times s, plus exp(min(x, the maximum before) - b): a linear recurrence whose
factors are at most 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..backends.registry import active
from ..calling.fast import KernelTable
from .row_steps import row_blocks

__all__ = ["forward", "vjp"]

Array = np.ndarray[Any, np.dtype[Any]]

# Elements of a block, of which five arrays of float64 are in memory: 640 KiB.
BLOCK = 1 << 14

# Likewise of the gradient, which needs some sixteen: 512 KiB.
VJP_BLOCK = 1 << 12

_DOUBLE = np.dtype(np.float64)
_EXPONENTIAL = KernelTable.elementwise("exponential", "forward")


def forward(x: Array, out: Array, mask: Array | None, temperature: float, reverse: bool) -> None:
    """Write the logarithm of the sum of exp(x/temperature) up to each element."""
    memory = np.empty(5 * min(BLOCK, x.size))  # as new memory, each block would take twice as long
    for take, put in _blocks(x.shape, mask, reverse):
        rows, selected = take(x)
        count, n = rows.shape
        largest, sums = _nothing(count)
        step = max(1, BLOCK // count)
        for start in range(0, n, step):
            part = slice(start, start + step)
            chosen = None if selected is None else selected[:, part]
            shape = 5, count, min(step, n - start)
            block = memory[: math.prod(shape)].reshape(shape)
            _divide(rows[:, part], chosen, temperature, block[0])
            maximum, (factor, top, others) = _terms(block, largest)
            _call("recurrence", factor, sums, others)
            largest, sums = maximum[:, -1].copy(), others[:, -1].copy()
            others /= top
            maximum += np.log1p(others, out=others)
            if chosen is not None:
                maximum[~chosen] = -np.inf
            put(out, maximum, part)


def vjp(
    g: Array, x: Array, out: Array, mask: Array | None, temperature: float, reverse: bool
) -> None:
    """Write the gradient by x: exp(x - b) times a sum from the end, by a recurrence of the same kind."""
    for take, put in _blocks(x.shape, mask, reverse, VJP_BLOCK):
        rows, selected = take(x)
        memory = np.empty((5, *rows.shape))
        values = memory[0]
        _divide(rows, selected, temperature, values)
        largest, sums = _nothing(len(rows))
        maximum, (factor, top, others) = _terms(memory, largest)
        weight = np.where(values == maximum, top, others)
        _call("recurrence", factor, sums, others)
        terms = take(g)[0] / (top + others)
        if selected is not None:
            terms[~selected] = 0.0
        backward = np.ascontiguousarray(terms[:, ::-1])
        factor[:, 1:] = factor[:, :0:-1].copy()
        _call("recurrence", factor, sums, backward)
        result = backward[:, ::-1] * weight / temperature
        result[values == -np.inf] = 0.0
        result[~(maximum[:, -1] < np.inf)] = np.nan
        if selected is not None:
            result[~selected] = 0.0
        put(out, result)


def _blocks(
    shape: tuple[int, int, int], mask: Array | None, reverse: bool, size: int = BLOCK
) -> Iterator[tuple[Callable[..., Any], Callable[..., Any]]]:
    """Yield functions that take a block of rows (rows, elements) from an array, with its mask, and put one into it."""
    if 0 in shape:
        return
    chosen = None if mask is None else np.broadcast_to(mask, shape)
    order = slice(None, None, -1 if reverse else 1)
    for block in row_blocks(shape, size):

        def rows(array: Array, block: Any = block) -> Array:
            part = array[block].swapaxes(1, 2)
            ordered: Array = part.reshape(-1, part.shape[2])[:, order]
            return ordered

        def take(array: Array, rows: Any = rows) -> tuple[Array, Array | None]:
            return rows(array), None if chosen is None else rows(chosen)

        def put(array: Array, result: Array, part: slice = slice(None), block: Any = block) -> None:
            ordered = array[block].swapaxes(1, 2)[..., order][..., part]
            ordered[...] = result.reshape(ordered.shape)

        with silent():
            yield take, put


def _divide(x: Array, mask: Array | None, temperature: float, to: Array) -> None:
    np.divide(x, temperature, out=to, dtype=np.float64)
    if mask is not None:
        to[~mask] = -np.inf


def _nothing(rows: int) -> tuple[Array, Array]:
    """Return the maximum and s of each row before its first element."""
    return np.full(rows, -np.inf), np.zeros(rows)


def _terms(memory: Array, largest: Array) -> tuple[Array, Array]:
    """Return the maximum up to each x; exp(b before - b), exp(maximum - b) and the term that is added to s.

    x is the first of five arrays, the others are for the results.
    """
    x, maximum, exponents = memory[0], memory[1], memory[2:]
    _call("running_maximum", x, largest, maximum, exponents)
    flat = exponents.reshape(-1)
    _EXPONENTIAL.kernel(_DOUBLE)(flat, flat)
    return maximum, exponents


def _call(name: str, *arrays: Array) -> None:
    """Call what the active backend has compiled, or else the definition below."""
    getattr(active(), name, globals()[f"_{name}"])(*arrays)


def _running_maximum(x: Array, largest: Array, maximum: Array, exponents: Array) -> None:
    maxima = np.maximum.accumulate(np.concatenate([largest[:, None], x], axis=1), axis=1)
    bases = 8.0 * np.floor(maxima / 8.0)
    maximum[...] = maxima[:, 1:]
    finite, base = np.isfinite(maximum), bases[:, 1:]
    change = np.where(bases[:, :-1] == base, 0.0, bases[:, :-1] - base)
    exponents[0] = np.where(finite, change, -np.inf)
    exponents[1] = np.where(finite, maximum - base, 0.0)
    exponents[2] = np.where(finite, np.minimum(x, maxima[:, :-1]) - base, -np.inf)


def _recurrence(factor: Array, before: Array, terms: Array) -> None:
    """Replace terms t by s with s[k] = factor[k]·s[k - 1] + t[k]: from pairs, from pairs of them, and so on."""
    terms[:, 0] += factor[:, 0] * before
    factor, step = factor.copy(), 1
    while step < terms.shape[1]:
        terms[:, step:] += factor[:, step:] * terms[:, :-step]
        factor[:, step:] *= factor[:, :-step].copy()
        step *= 2
