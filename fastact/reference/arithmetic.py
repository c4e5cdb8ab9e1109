"""The two arithmetics that the definitions in `reference` are written over.

`FLOAT64` is vectorised NumPy in double precision, with the error of critical steps carried along in
a `Pair`; `exact_arithmetic()` is mpmath with 60 digits. Both offer the operations of `Mathematics`,
so that a definition, written once, gives the reference in the one and the truth about it in the
other.
"""

# ruff: noqa: D102  (the protocol describes the methods of both)

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from .pairs import Pair, difference_over

__all__ = [
    "FLOAT64",
    "Exact",
    "Float64",
    "Mathematics",
    "Number",
    "Pair",
    "difference_over",
    "exact_arithmetic",
]

Number = Any  # a NumPy array or a Pair under FLOAT64, an mpmath number under exact_arithmetic()

_LARGEST = float(np.finfo(np.float64).max)

# Chebyshev coefficients of (1 + t) e^(t²/2) Φ(−t) over 0 ≤ t < ∞ in q = (t − 4)/(t + 4), down to
# 1e-19: the form of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc(x)
# in 0 ≤ x < ∞", Math. Comp. 36 (1981) 249-253. One formula serves every t, and because the terms
# after the first add up to a fifth of it, so do their rounding errors. tests/test_reference.py
# computes them anew.
_TAIL_FIRST = (0.4655865996963784, -2.3375862862127134e-17)
_TAIL = (
    -0.06423751712334332,
    -0.011171509596721219,
    0.01263630599437623,
    -0.004828490640131744,
    0.0010793834106156014,
    -0.0001194099520285248,
    -6.8485883776766764e-06,
    4.060629718065491e-06,
    -1.9527544708338363e-07,
    -1.1345944386467565e-07,
    1.227397138426542e-08,
    3.662441203341559e-09,
    -5.088948506210621e-10,
    -1.4602402012093163e-10,
    1.8321966529064227e-11,
    6.857544400027546e-12,
    -5.077272058049455e-13,
    -3.458064365204774e-13,
    4.412922855809207e-16,
    1.7054866572266912e-14,
    1.5123653278115068e-15,
    -7.370100783416678e-16,
    -1.6124885584264884e-16,
    2.130692627650816e-17,
    1.1734807140572405e-17,
    3.621076134616058e-19,
    -6.349716079832843e-19,
    -1.1711021189156636e-19,
)

# x − tanh x = x³/3 − x²·xV/cosh x with V = (cosh x)/3 − (x cosh x − sinh x)/x³ = Σ c_k x^2k, k ≥ 1,
# all c_k positive. Up to |x| = 1.25 the first term left out is below 2^-60 of V.
_SHRINK = tuple(
    float(Fraction(1, 3 * math.factorial(2 * k)) - Fraction(2 * k + 2, math.factorial(2 * k + 3)))
    for k in range(1, 12)
)

# Of all integers up to 300, e^-211 is the one nearest to its rounding: 0.0012 of half an ulp away.
_DEEP, _EXP_MINUS_DEEP = 211.0, 2.3113425714217192e-92


class Mathematics(Protocol):
    """The operations that a definition may use besides + − × ÷, comparisons and & |."""

    def real(self, value: Fraction) -> Number:
        """Return a constant to the full precision of the arithmetic."""

    def default(self, parameter: Number, value: Fraction) -> Number:
        """Return the rational a parameter stands for, where it is the double nearest to it."""

    def wide(self, x: Number) -> Number:
        """Widen x: sums, products and quotients of it keep about twice the digits."""

    def narrow(self, x: Number) -> Number:
        """Undo `wide`, rounding."""

    def rounded(self, x: Number) -> Number:
        """Return the double nearest to x, where a definition speaks of one."""

    def where(self, condition: Any, a: Number, b: Number) -> Number:
        """Choose a where the condition holds, else b; both are evaluated."""

    def minimum(self, x: Number, y: Number) -> Number:
        """Return the smaller one."""

    def maximum(self, x: Number, y: Number) -> Number:
        """Return the larger one."""

    def magnitude(self, x: Number) -> Number:
        """Return |x|, of a wide value too."""

    def sqrt(self, x: Number) -> Number:
        """Return √x."""

    def hypot(self, x: Number, y: Number) -> Number:
        """Return √(x² + y²)."""

    def exp(self, z: Number) -> Number:
        """Return e^z; z may be wide, and has to be where it is large and would be rounded."""

    def expm1(self, x: Number) -> Number:
        """Return e^x − 1."""

    def log(self, x: Number) -> Number:
        """Return log x; -infinity at 0."""

    def log1p(self, x: Number) -> Number:
        """Return log(1 + x)."""

    def log1p_exp(self, z: Number) -> Number:
        """Return log(1 + e^z) for z ≤ 0, wide; z may be wide."""

    def tanh(self, x: Number) -> Number:
        """Return the hyperbolic tangent."""

    def times_exp(self, a: Number, z: Number) -> Number:
        """Return a·e^z for z ≤ 0, both of them wide or not.

        A subnormal result is rounded once; where e^z vanishes it is 0, even if a is infinite.
        """

    def times_exp_over(self, a: Number, z: Number, divisor: Number) -> Number:
        """Return a·e^z/divisor in the same way."""

    def x_minus_tanh(self, x: Number) -> Number:
        """Return x − tanh x without cancellation."""

    def normal_tail(self, t: Number) -> Number:
        """Return Φ(−t)·e^(t²/2) for t ≥ 0, wide: the normal tail without its exponential."""


class Float64:
    """NumPy in double precision."""

    where = staticmethod(np.where)
    minimum = staticmethod(np.minimum)
    maximum = staticmethod(np.maximum)
    sqrt = staticmethod(np.sqrt)
    hypot = staticmethod(np.hypot)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    tanh = staticmethod(np.tanh)

    @staticmethod
    @lru_cache
    def real(value: Fraction) -> Pair:
        hi = float(value)
        return Pair(np.float64(hi), float(value - Fraction(hi)))

    @staticmethod
    def default(parameter: Number, value: Fraction) -> Number:
        return parameter

    wide = staticmethod(Pair.of)

    @staticmethod
    def narrow(x: Number) -> Number:
        return x.hi if isinstance(x, Pair) else x

    @staticmethod
    def rounded(x: Number) -> Number:
        return x

    @staticmethod
    def magnitude(x: Number) -> Number:
        if isinstance(x, Pair):
            return Pair(np.abs(x.hi), np.copysign(1.0, x.hi) * x.lo)
        return np.abs(x)

    @staticmethod
    def exp(z: Number) -> Number:
        if isinstance(z, Pair):
            power = np.exp(z.hi)
            return power + power * z.lo
        return np.exp(z)

    @staticmethod
    def log1p_exp(z: Number) -> Pair:
        z = Pair.of(z)
        power = np.exp(z.hi)
        return Pair(np.log1p(power), z.lo * power / (1.0 + power))

    @staticmethod
    def _shifted_exp(a: Number, z: Number) -> tuple[Pair, Number]:
        """Return a·e^z as a pair that is still to be multiplied by the second result."""
        a, z = Pair.of(a), Pair.of(z)
        deep = z.hi < -600.0  # from here to where e^(z + 211) vanishes too, z + 211 is exact
        power = np.exp(np.where(deep, z.hi + _DEEP, z.hi))
        product = (
            Pair(np.where(power == 0.0, np.clip(a.hi, -_LARGEST, _LARGEST), a.hi), a.lo) * power
        )
        product = Pair.renormalised(product.hi, product.lo + product.hi * z.lo)
        return product, np.where(deep, _EXP_MINUS_DEEP, 1.0)

    def times_exp(self, a: Number, z: Number) -> Number:
        product, scale = self._shifted_exp(a, z)
        return product.hi * scale

    def times_exp_over(self, a: Number, z: Number, divisor: Number) -> Number:
        product, scale = self._shifted_exp(a, z)
        return (product / divisor).hi * scale

    def x_minus_tanh(self, x: Number) -> Number:
        inside = np.clip(x, -1.25, 1.25)
        square = Pair.of(inside) * inside
        series = np.zeros_like(inside)
        for coefficient in reversed(_SHRINK):
            series = (series + coefficient) * square.hi
        third = square * self.real(Fraction(1, 3)) - square.hi * (series / np.cosh(inside))
        return np.where(np.abs(x) < 1.25, (third * inside).hi, x - np.tanh(x))

    @staticmethod
    def normal_tail(t: Number) -> Pair:
        q = (t - 4.0) / (t + 4.0)
        b, before = np.zeros_like(q), np.zeros_like(q)
        for coefficient in reversed(_TAIL):  # Clenshaw
            b, before = coefficient + 2.0 * q * b - before, b
        total = Pair(np.asarray(_TAIL_FIRST[0]), _TAIL_FIRST[1]) + (q * b - before)
        return Pair.__truediv__(total, Pair.of(t) + 1.0)


FLOAT64 = Float64()


class Exact:
    """mpmath with 60 digits, for one number at a time."""

    def __init__(self) -> None:
        # Only measuring needs it, so only measuring imports it.
        from mpmath import MPContext

        self.context = context = MPContext()
        context.dps = 60
        self.sqrt, self.hypot, self.exp = context.sqrt, context.hypot, context.exp
        self.expm1, self.log1p, self.tanh = context.expm1, context.log1p, context.tanh

    def real(self, value: Fraction) -> Number:
        return self.context.mpf(value.numerator) / value.denominator

    def default(self, parameter: Number, value: Fraction) -> Number:
        return self.real(value) if parameter == float(value) else parameter

    @staticmethod
    def wide(x: Number) -> Number:
        return x

    narrow = wide

    def rounded(self, x: Number) -> Number:
        return self.context.mpf(float(x))

    @staticmethod
    def where(condition: Any, a: Number, b: Number) -> Number:
        return a if condition else b

    @staticmethod
    def minimum(x: Number, y: Number) -> Number:
        return min(x, y)

    @staticmethod
    def maximum(x: Number, y: Number) -> Number:
        return max(x, y)

    @staticmethod
    def magnitude(x: Number) -> Number:
        return abs(x)

    def log(self, x: Number) -> Number:
        return self.context.log(x) if x else -self.context.inf

    def log1p_exp(self, z: Number) -> Number:
        return self.context.log1p(self.exp(z))

    def times_exp(self, a: Number, z: Number) -> Number:
        return a * self.exp(z)

    def times_exp_over(self, a: Number, z: Number, divisor: Number) -> Number:
        return a * self.exp(z) / divisor

    def x_minus_tanh(self, x: Number) -> Number:
        lost = max(0, -2 * self.context.mag(x)) if x else 0  # x³/3 is all that is left of x
        with self.context.extraprec(lost):
            return x - self.tanh(x)

    def normal_tail(self, t: Number) -> Number:
        return self.exp(t * t / 2) * self.context.erfc(t / self.sqrt(2)) / 2


@lru_cache
def exact_arithmetic() -> Exact:
    """Return the arithmetic of 60 digits; needs mpmath."""
    return Exact()
