"""The two arithmetics of arithmetic.py for whole rows: arrays of shape (rows, n) of float64, or of mpmath numbers."""

# ruff: noqa: D102  (the operations are those of arithmetic.py)

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .arithmetic import Float64, difference_over, exact_arithmetic

Array = np.ndarray[Any, np.dtype[Any]]
Rows = Any  # an Array, or a Pair of them


class Float64Rows(Float64):
    """NumPy in double precision, critical steps with about twice the digits."""

    difference_over = staticmethod(difference_over)
    isfinite = staticmethod(np.isfinite)
    logarithm = staticmethod(np.log)
    #: The relative accuracy of solutions.
    digits = 2.5e-16

    @staticmethod
    def total(terms: Array) -> Array:
        """Sum each row, halving it again and again, and add what every addition rounded off (two-sum).

        NumPy's sum was 6.8 ulp off over a million equal terms.
        """
        total, lost = terms.astype(np.float64), np.zeros((len(terms), 1))
        while total.shape[1] > 1:
            half = total.shape[1] // 2
            a, b, rest = total[:, :half], total[:, half : 2 * half], total[:, 2 * half :]
            added = a + b
            part = added - a
            lost += ((a - (added - part)) + (b - part)).sum(axis=1, keepdims=True)
            total = np.concatenate([added, rest], axis=1)
        total = total.sum(axis=1, keepdims=True)
        result: Array = np.where(np.isfinite(lost), total + lost, total)
        return result


class ExactRows:
    """mpmath with 60 digits, over arrays of objects."""

    where = staticmethod(np.where)
    digits = 1e-55

    def __init__(self) -> None:
        context = exact_arithmetic().context
        self.number = context.mpf
        self.numbers = np.frompyfunc(context.mpf, 1, 1)
        self._sum = context.fsum
        # The rows of a test have many elements in common. NaN equals nothing: in the cache each would be a new entry
        # with the same hash, and be compared with all before it.
        exp = lru_cache(maxsize=1 << 16)(context.exp)
        self.exp = np.frompyfunc(lambda x: exp(x) if x == x else x, 1, 1)
        self.log, self.log1p = np.frompyfunc(context.log, 1, 1), np.frompyfunc(context.log1p, 1, 1)
        self.logarithm = self.log
        self.sqrt = np.frompyfunc(context.sqrt, 1, 1)
        self._isfinite = np.frompyfunc(context.isfinite, 1, 1)

    @staticmethod
    def wide(x: Rows) -> Rows:
        return x

    narrow = wide

    def array(self, values: Any) -> Array:
        result: Array = self.numbers(np.asarray(values, np.float64).astype(object))
        return result

    def isfinite(self, x: Array) -> Array:
        result: Array = self._isfinite(x).astype(bool)
        return result

    @staticmethod
    def difference_over(x: Array, y: Array, divisor: Any) -> Array:
        result: Array = (x - y) / divisor
        return result

    def times_exp_over(self, a: Any, z: Array, divisor: Array) -> Array:
        result: Array = self.exp(z) * a / divisor
        return result

    def total(self, terms: Array) -> Array:
        sums = [[self._sum(row)] for row in terms.tolist()]
        return np.array(sums, dtype=object).reshape(len(terms), 1)


@lru_cache
def exact_rows() -> ExactRows:
    """Return the arithmetic of 60 digits; needs mpmath."""
    return ExactRows()


FLOAT64_ROWS = Float64Rows()
