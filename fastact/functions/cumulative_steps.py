"""Row kernels in NumPy for logcumsumexp: blocks of rows in float64, with the exponentials of the active backend.

The sum of exp(x) up to an element is exp(m) + exp(b)·s: m is the maximum so far; b is m rounded down to a multiple of
8, so that factors other than 1 are rare; s is the sum of exp(x - b) but for one maximum, so that log(1 + s·exp(b - m))
has all its digits. The next s is a factor times s, plus exp(min(x, the maximum before) - b): a linear recurrence whose
factors are at most 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..backends.registry import active
from ..calling.fast import KernelTable
from .cumulative_rows import LongRow, Rows, row_groups

__all__ = ["Step", "forward", "vjp"]

Array = np.ndarray[Any, np.dtype[Any]]

# A maximum and s of each row.
_State = tuple[Array, Array]

# Elements of a block, of which five arrays of float64 are in memory: 640 KiB.
BLOCK = 1 << 14

# Likewise of the gradient, which needs some twelve: 384 KiB.
VJP_BLOCK = 1 << 12

# Blocks of a row before which the state is kept, in two levels.
KEPT = 1 << 12

_DOUBLE = np.dtype(np.float64)
_EXPONENTIAL = KernelTable.elementwise("exponential", "forward")


class Step:
    """A row kernel, of a function of rows, a temperature and memory for five arrays of a block."""

    def __init__(
        self, compute: Callable[[Rows, float, Array], None], size: int, reverse: bool = False
    ) -> None:
        self._compute, self._size, self._reverse = compute, size, reverse

    def __call__(self, *operands: Any) -> None:
        """Compute rows of arrays (outer, axis, inner)."""
        *inputs, out, mask, temperature = operands
        memory = np.empty(5 * min(self._size, out.size))
        with silent():
            for rows in row_groups(inputs, out, mask, self._reverse, self._size):
                self._compute(rows, temperature, memory)

    def in_parts(self, length: int, load: Any, store: Any, *operands: Any) -> None:
        """Compute one row that comes in parts."""
        *inputs, out, mask, temperature = operands
        row = LongRow(length, load, store, inputs, out, mask, self._reverse)
        with silent():
            self._compute(row, temperature, np.empty(5 * self._size))

    def reversed(self, reverse: bool) -> Step:
        """Return the same from the end of each row, or not."""
        return Step(self._compute, self._size, reverse)


def _forward(rows: Rows, temperature: float, memory: Array) -> None:
    """Write the logarithm of the sum of exp(x/temperature) up to each element."""
    state = _nothing(rows.count)
    for part in _cuts(rows, BLOCK):
        (x,), selected = rows.take(part)
        maximum, (factor, top, others) = _terms(x, selected, temperature, state[0], memory)[1:]
        _call("recurrence", factor, state[1], others)
        state = maximum[:, -1].copy(), others[:, -1].copy()
        others /= top
        maximum += np.log1p(others, out=others)
        if selected is not None:
            maximum[~selected] = -np.inf
        rows.put(part, maximum)


def _vjp(rows: Rows, temperature: float, memory: Array) -> None:
    """Write the gradient by x: exp(x - b) times a sum from the end, by a recurrence of the same kind."""

    def states(state: _State, parts: list[slice], step: int) -> list[_State]:
        """Return the state before every `step`-th part, of which the first is given."""
        kept = [state]
        for k, part in enumerate(parts[:-1], 1):
            (_, x), selected = rows.take(part)
            maximum, (factor, _, others) = _terms(x, selected, temperature, state[0], memory)[1:]
            _call("recurrence", factor, state[1], others)
            state = maximum[:, -1].copy(), others[:, -1].copy()
            if not k % step:
                kept.append(state)
        return kept

    cuts = _cuts(rows, VJP_BLOCK)
    step = -(-len(cuts) // KEPT)
    nothing = np.zeros(rows.count)
    later, endless = (nothing, nothing), None
    starts = states(_nothing(rows.count), cuts, step)
    for first, start in reversed([*zip(range(0, len(cuts), step), starts, strict=True)]):
        parts = cuts[first : first + step]
        for part, state in reversed([*zip(parts, states(start, parts, 1), strict=True)]):
            (g, x), selected = rows.take(part)
            terms = _terms(x, selected, temperature, state[0], memory)
            if endless is None:
                endless = ~(terms[1][:, -1] < np.inf)
            result, later = _gradient(g, selected, terms, state[1], later)
            result /= temperature
            result[terms[0] == -np.inf] = 0.0
            result[endless] = np.nan
            if selected is not None:
                result[~selected] = 0.0
            rows.put(part, result)


def _gradient(
    g: Array, selected: Array | None, terms: tuple[Array, Array, Array], sums: Array, later: _State
) -> tuple[Array, _State]:
    """Return the gradient times the temperature, and what the part before needs: the sum from the end, its factor."""
    values, maximum, (factor, top, others) = terms
    weight = np.where(values == maximum, top, others)
    _call("recurrence", factor, sums, others)
    shares = g / (top + others)
    if selected is not None:
        shares[~selected] = 0.0
    backward = np.ascontiguousarray(shares[:, ::-1])
    first = factor[:, 0].copy()
    factor[:, 1:] = factor[:, :0:-1].copy()
    factor[:, 0] = later[1]
    _call("recurrence", factor, later[0], backward)
    return backward[:, ::-1] * weight, (backward[:, -1].copy(), first)


forward, vjp = Step(_forward, BLOCK), Step(_vjp, VJP_BLOCK)


def _cuts(rows: Rows, size: int) -> list[slice]:
    """Cut rows into parts: where, depends on their length alone, as the rounding of the sums does on the parts."""
    step = max(1, size // rows.count)
    return [slice(at, min(at + step, rows.length)) for at in range(0, rows.length, step)]


def _divide(x: Array, mask: Array | None, temperature: float, to: Array) -> None:
    np.divide(x, temperature, out=to, dtype=np.float64)
    if mask is not None:
        to[~mask] = -np.inf


def _nothing(rows: int) -> _State:
    """Return the maximum and s of each row before its first element."""
    return np.full(rows, -np.inf), np.zeros(rows)


def _terms(
    x: Array, selected: Array | None, temperature: float, largest: Array, memory: Array
) -> tuple[Array, Array, Array]:
    """Return x/temperature; the maxima; exp(b before - b), exp(maximum - b) and the terms that are added to s."""
    values, maximum, *_ = block = memory[: 5 * x.size].reshape(5, *x.shape)
    _divide(x, selected, temperature, values)
    _call("running_maximum", values, largest, maximum, block[2:])
    flat = block[2:].reshape(-1)
    _EXPONENTIAL.kernel(_DOUBLE)(flat, flat)
    return values, maximum, block[2:]


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
