"""softmax and its relatives over rows in parts: a statistic of each part, combined, then a second pass.

The statistic is a pair: the maximum m, and `others`, the sum of exp((x - m)/T) without the term 1 of
one maximum. log(1 + others) then keeps its digits when others is small, wherever rows are cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.environment import silent
from ..reference.arithmetic import FLOAT64, Pair, difference_over
from .axes import kept, walked_dtype
from .dtypes import Array, DType, computing
from .fast import KernelTable
from .row_layout import RowOperands
from .rows import compute

__all__ = ["FINISHES", "PAIR", "combined", "finish", "log_of_sum", "statistic"]

Axes = tuple[int, ...]

#: The dtype of a statistic.
PAIR = np.dtype([("maximum", np.float64), ("others", np.float64)])

#: Function -> the kernel of its second pass; None if the statistic alone gives the result.
FINISHES = {
    "softmax": "_softmax_from",
    "softmin": "_softmax_from",
    "log_softmax": "_log_softmax_from",
    "logsumexp": None,
}
_KERNELS = {
    name: KernelTable.of_rows(name, "forward")
    for name in ("_exp_sum", "_softmax_from", "_log_softmax_from")
}


def _prepared(name: str, x: Any, loop: DType, temperature: float) -> Array:
    """Return a part in the kernel's dtype, rounded to the result's dtype first."""
    with silent():
        array = np.asarray(x).astype(loop, copy=False)
        array = array.astype(computing(walked_dtype(loop, temperature)), copy=False)
        return np.negative(array) if name == "softmin" else array


def statistic(
    name: str, axes: Axes, temperature: float, loop: DType, x: Any, mask: Array | None = None
) -> Array:
    """Return the statistic of each row of x; `axes` are kept with length 1."""
    array = _prepared(name, x, loop, temperature)
    if mask is not None:
        mask = np.broadcast_to(mask, array.shape)
    pair = np.empty(kept(array.shape, axes), PAIR)
    rows = pair["maximum"], pair["others"]
    operands = RowOperands([array], (), (), rows, mask, (temperature,))
    compute(*_KERNELS["_exp_sum"].direct(array.dtype), array.dtype, axes, operands)
    lost = (pair["maximum"] == -np.inf) & np.isnan(pair["others"])
    if lost.any():  # of only NaN and -inf a kernel's maximum need not be NaN
        has_nan = np.isnan(array) if mask is None else np.isnan(array) & mask
        pair["maximum"][has_nan.any(axis=axes, keepdims=True)] = np.nan
    return pair


def combined(pairs: Array, axis: int, temperature: float) -> Array:
    """Combine the pairs along an axis, which is kept with length 1.

    The term 1 of the largest maximum stays out of the sum; the terms of the other maxima are added.
    """
    maximum, others = pairs["maximum"], pairs["others"]
    total = np.empty(kept(pairs.shape, (axis,)), PAIR)
    with silent():
        top = maximum.max(axis=axis, keepdims=True)
        weights = FLOAT64.exp(difference_over(maximum, top, temperature))
        rest = weights.copy()
        np.put_along_axis(rest, np.argmax(maximum, axis=axis, keepdims=True), 0.0, axis=axis)
        # A part that is all -inf or fully masked adds nothing.
        terms = np.where(maximum == -np.inf, 0.0, others * weights + rest)
        found = np.where(np.isfinite(top), terms.sum(axis=axis, keepdims=True), np.nan)
        total["maximum"] = top
        total["others"] = np.where((others == -1.0).all(axis=axis, keepdims=True), -1.0, found)
    return total


def finish(
    name: str,
    axes: Axes,
    temperature: float,
    loop: DType,
    totals: Array,
    x: Any,
    mask: Array | None = None,
) -> Array:
    """Return the results for a part of the rows, given the statistic of the whole rows."""
    array = _prepared(name, x, loop, temperature)
    if mask is not None:
        mask = np.broadcast_to(mask, array.shape)
    out = np.empty_like(array, loop)
    rows = [totals["maximum"], totals["others"]]
    operands = RowOperands([array], rows, [out], (), mask, (temperature,))
    kernel = FINISHES[name]
    assert kernel is not None
    compute(*_KERNELS[kernel].direct(array.dtype), array.dtype, axes, operands)
    return out


def log_of_sum(temperature: float, loop: DType, totals: Array) -> Array:
    """Return the logarithm of the sum of exp(x/T) over the rows."""
    maximum = totals["maximum"]
    with silent():
        total = Pair.of(maximum) / temperature + np.log1p(totals["others"])
        return np.where(np.isfinite(maximum), total.hi, maximum).astype(loop)
