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

from . import normal_tail as tails
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

# x − tanh x = x³/3 − x²·xV/cosh x with V = (cosh x)/3 − (x cosh x − sinh x)/x³ = Σ c_k x^2k, k ≥ 1,
# all c_k positive. Up to |x| = 1.25 the first term left out is below 2^-60 of V.
_SHRINK = tuple(
    float(Fraction(1, 3 * math.factorial(2 * k)) - Fraction(2 * k + 2, math.factorial(2 * k + 3)))
    for k in range(1, 12)
)

_QUARTER_PI = Fraction("0.78539816339744830961566084581987572104929234984377645524373614807695410")

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
        """Return log x; -infinity at 0. That of a wide x is wide."""

    def log1p(self, x: Number) -> Number:
        """Return log(1 + x)."""

    def log1p_exp(self, z: Number) -> Number:
        """Return log(1 + e^z) for z ≤ 0, wide; z may be wide."""

    def tanh(self, x: Number) -> Number:
        """Return the hyperbolic tangent."""

    def sin(self, z: Number) -> Number:
        """Return the sine; z may be wide, and has to be where it is large and would be rounded."""

    def one_plus_sin_twice(self, z: Number) -> Number:
        """Return 1 + sin 2z without cancellation; z may be wide."""

    def times_exp(self, a: Number, z: Number) -> Number:
        """Return a·e^z for z ≤ 0, both of them wide or not.

        A subnormal result is rounded once; where e^z vanishes it is 0, even if a is infinite.
        """

    def times_exp_over(self, a: Number, z: Number, divisor: Number) -> Number:
        """Return a·e^z/divisor in the same way."""

    def x_minus_tanh(self, x: Number) -> Number:
        """Return x − tanh x without cancellation."""

    def erf(self, x: Number) -> Number:
        """Return the error function for |x| ≤ 1/2."""

    def normal_tail(self, t: Number) -> Number:
        """Return Φ(−t)·e^(t²/2) for t ≥ 0, wide: the normal tail without its exponential; t may be wide."""

    def rest_of_mills(self, t: Number) -> Number:
        """Return 1 − t·R for t ≥ 0 and Mills' ratio R = Φ(−t)/φ(t), which is −R′; t may be wide."""


class Float64:
    """NumPy in double precision."""

    where = staticmethod(np.where)
    minimum = staticmethod(np.minimum)
    maximum = staticmethod(np.maximum)
    sqrt = staticmethod(np.sqrt)
    hypot = staticmethod(np.hypot)
    expm1 = staticmethod(np.expm1)
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
    def log(x: Number) -> Number:
        return Pair(np.log(x.hi), x.lo / x.hi) if isinstance(x, Pair) else np.log(x)

    @staticmethod
    def sin(z: Number) -> Number:
        if isinstance(z, Pair):
            return np.sin(z.hi) * np.cos(z.lo) + np.cos(z.hi) * np.sin(z.lo)
        return np.sin(z)

    @staticmethod
    def one_plus_sin_twice(z: Number) -> Number:
        sine = Float64.sin(Pair.of(z) + Float64.real(_QUARTER_PI))
        return 2.0 * sine * sine

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

    erf = staticmethod(tails.erf)
    normal_tail = staticmethod(tails.normal_tail)
    rest_of_mills = staticmethod(tails.rest_of_mills)


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
        self.sin, self.erf = context.sin, context.erf

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

    def one_plus_sin_twice(self, z: Number) -> Number:
        return 1 + self.sin(2 * z)

    def times_exp(self, a: Number, z: Number) -> Number:
        return a * self.exp(z)

    def times_exp_over(self, a: Number, z: Number, divisor: Number) -> Number:
        return a * self.exp(z) / divisor

    def x_minus_tanh(self, x: Number) -> Number:
        lost = max(0, -2 * self.context.mag(x)) if x else 0  # x³/3 is all that is left of x
        with self.context.extraprec(lost):
            return x - self.tanh(x)

    def normal_tail(self, t: Number) -> Number:
        t = self.context.mpf(t)
        if t > tails.FAR:
            return (1 - self.rest_of_mills(t)) / t / self.sqrt(2 * self.context.pi)
        return self.exp(t * t / 2) * self.context.erfc(t / self.sqrt(2)) / 2

    def rest_of_mills(self, t: Number) -> Number:
        t = self.context.mpf(t)
        if t > tails.FAR:
            return tails.rest_by_fraction(t, tails.FAR_TERMS)
        with self.context.extraprec(80):
            return 1 - t * self.sqrt(2 * self.context.pi) * self.normal_tail(t)


@lru_cache
def exact_arithmetic() -> Exact:
    """Return the arithmetic of 60 digits; needs mpmath."""
    return Exact()
