"""The statistic of a row in parts: what `_exp_sum` gives for each, combined into that of the whole.

It is a pair: the maximum m, and `others`, which is the sum of exp((x - m)/T) less 1, the share of one
maximum. So 1 + others keeps its digits when others is small, and rows can be cut where one likes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .mathematics import FLOAT64, Pair

__all__ = ["combined", "log_of_sum"]

Array = np.ndarray[Any, np.dtype[Any]]


def combined(maximum: Array, others: Array, axis: int, temperature: float) -> tuple[Array, Array]:
    """Combine the pairs along an axis, which is kept with length 1; all in float64.

    Nothing is lost: the share of the greatest maximum stays out of the sum, those of the other
    maxima go into it.
    """
    with np.errstate(all="ignore"):
        top = maximum.max(axis=axis, keepdims=True)
        weights = FLOAT64.exp((Pair.of(maximum) - top) / temperature)
        parts = others * weights
        first = np.argmax(maximum, axis=axis, keepdims=True)
        rest = weights.copy()
        np.put_along_axis(rest, first, 0.0, axis=axis)
        # A part of -inf alone, or with nothing that counts, adds nothing.
        terms = np.where(maximum == -np.inf, 0.0, parts + rest)
        total = np.where(np.isfinite(top), terms.sum(axis=axis, keepdims=True), np.nan)
        return top, np.where((others == -1.0).all(axis=axis, keepdims=True), -1.0, total)


def log_of_sum(maximum: Array, others: Array, temperature: float) -> Array:
    """Return log of the sum of exp(x/T) over the row."""
    with np.errstate(all="ignore"):
        total = Pair.of(maximum) / temperature + np.log1p(others)
        return np.where(np.isfinite(maximum), total.hi, maximum)
