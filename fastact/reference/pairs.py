"""Sums of two doubles, for about twice the digits."""

from __future__ import annotations

from typing import Any

import numpy as np


def _upper_half(a: Any) -> Any:
    """Keep 26 bits of the significand, so that the product of two such halves is exact."""
    return (a.view(np.int64) & np.int64(-1 << 27)).view(np.float64)


class Pair:
    """An unevaluated sum hi + lo of doubles: Dekker, Numer. Math. 18 (1971) 224-242."""

    __slots__ = ("hi", "lo")
    __array_ufunc__ = None  # array * pair is a pair, not an array of objects

    def __init__(self, hi: Any, lo: Any = 0.0) -> None:
        self.hi = hi
        self.lo = lo

    @staticmethod
    def of(value: Any) -> Pair:
        """Take over a pair, or widen a double."""
        return value if isinstance(value, Pair) else Pair(np.asarray(value, dtype=np.float64))

    @staticmethod
    def renormalised(hi: Any, lo: Any) -> Pair:
        """Return hi + lo with hi the sum rounded."""
        total = hi + lo
        rest = lo - (total - hi)
        # Overflow leaves NaN in lo, and −0.0 + 0.0 is 0.0: in both cases hi alone is the answer.
        sound = np.isfinite(total) & (lo != 0.0)
        return Pair(np.where(sound, total, hi), np.where(sound, rest, 0.0))

    def __neg__(self) -> Pair:
        return Pair(-self.hi, -self.lo)

    def __add__(self, other: Any) -> Pair:
        other = Pair.of(other)
        total = self.hi + other.hi
        part = total - self.hi
        error = (self.hi - (total - part)) + (other.hi - part)
        return self.renormalised(total, error + (self.lo + other.lo))

    def __sub__(self, other: Any) -> Pair:
        return self + -Pair.of(other)

    def __mul__(self, other: Any) -> Pair:
        other = Pair.of(other)
        a, b = self.hi, other.hi
        product = a * b
        a_high, b_high = _upper_half(a), _upper_half(b)
        a_low, b_low = a - a_high, b - b_high
        error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
        return self.renormalised(product, error + (a * other.lo + self.lo * b))

    def __truediv__(self, other: Any) -> Pair:
        other = Pair.of(other)
        quotient = Pair(self.hi / other.hi)
        return self.renormalised(quotient.hi, (self - other * quotient).hi / other.hi)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Pair:
        return Pair.__add__(-self, other)


def difference_over(x: Any, y: Any, divisor: float) -> Pair:
    """Return (x - y)/divisor, which may be in range where x - y is not."""
    half = 0.5 if divisor > 1.0 else 1.0
    difference: Pair = Pair.of(x * half) - y * half
    return difference / (divisor * half)
