"""What logcumsumexp needs besides exponentials and logarithms, over contiguous rows: as csrc/rows/cumulative.c."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import types

_ROWS, _ROW, _THREE = types.float64[:, ::1], types.float64[::1], types.float64[:, :, ::1]
#: Function -> the types of its arguments.
ARGUMENTS: Final = {
    "running_maximum": (_ROWS, _ROW, _ROWS, _THREE),
    "recurrence": (_ROWS, _ROW, _ROWS),
}


def running_maximum(x, carried, maximum, exponents):  # type: ignore[no-untyped-def]
    """Fill the maximum up to each element of each row, and three arrays of exponents."""
    rows, n = x.shape
    for r in range(rows):
        m = carried[r]
        b = 8.0 * np.floor(m / 8.0)
        for i in range(n):
            v, old, before = x[r, i], m, b
            if v > m or v != v:
                m = v
                b = 8.0 * np.floor(m / 8.0)
            finite = m - m == 0.0
            maximum[r, i] = m
            exponents[0, r, i] = (0.0 if b == before else before - b) if finite else -np.inf
            exponents[1, r, i] = m - b if finite else 0.0
            exponents[2, r, i] = (v if v < old else old) - b if finite else -np.inf


def recurrence(factor, carried, terms):  # type: ignore[no-untyped-def]
    """Replace the terms t of each row by s with s[k] = factor[k]·s[k - 1] + t[k]."""
    rows, n = terms.shape
    for r in range(rows):
        high, low = carried[r], 0.0
        for i in range(n):
            f, t = factor[r, i], terms[r, i]
            product = f * high
            total = product + t
            back = total - product
            low = f * low + ((product - (total - back)) + (t - back))
            high = total
            terms[r, i] = high + low if low == low else high
