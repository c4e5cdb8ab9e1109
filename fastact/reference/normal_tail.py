"""The error function and the normal distribution's tail in double precision, for arithmetic.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .pairs import Pair

Number = Any

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

# erf x is x·Σ c_k x^2k; up to |x| = 1/2 the first term left out is below 2^-60 of the sum.
_ERF = tuple(
    2.0 / math.sqrt(math.pi) * (-1.0) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(1, 13)
)
_ERF_FIRST = (1.1283791670955126, 1.533545961316588e-17)

# Of Laplace's continued fraction R = 1/(t + 1/(t + 2/(t + 3/(…)))) for Mills' ratio, so many terms
# leave 1e-18 at t = 2.5 and, for mpmath, 1e-60 at t = FAR.
TERMS, FAR_TERMS, FAR = 120, 12, 1e5

# √(2π) in two parts, and its inverse
_ROOT_2PI = Pair(np.float64(2.5066282746310002), 2.608034100454709e-16)
_DENSITY_0 = 0.3989422804014327


def erf(x: Number) -> Number:
    """Return the error function for |x| ≤ 1/2."""
    square, series = x * x, np.zeros_like(x)
    for coefficient in reversed(_ERF):
        series = (series + coefficient) * square
    return ((Pair(np.asarray(_ERF_FIRST[0]), _ERF_FIRST[1]) + series) * x).hi


def normal_tail(t: Number) -> Pair:
    """Return Φ(−t)·e^(t²/2) for t ≥ 0, which may be wide."""
    t, t_low = Pair.of(t).hi, Pair.of(t).lo
    q = (t - 4.0) / (t + 4.0)
    b, before = np.zeros_like(q), np.zeros_like(q)
    for coefficient in reversed(_TAIL):  # Clenshaw
        b, before = coefficient + 2.0 * q * b - before, b
    total = Pair(np.asarray(_TAIL_FIRST[0]), _TAIL_FIRST[1]) + (q * b - before)
    tail = total / (Pair.of(t) + 1.0)
    # The derivative t·tail − φ(0) cancels for large t.
    slope = np.where(t < 30.0, t * tail.hi - _DENSITY_0, -_DENSITY_0 / (t * t))
    return Pair.__add__(tail, t_low * slope)


def rest_of_mills(t: Number) -> Number:
    """Return 1 − t·R for t ≥ 0, which may be wide."""
    t = Pair.of(t)
    near = Pair(np.minimum(t.hi, 2.5), np.where(t.hi < 2.5, t.lo, 0.0))
    rest = 1.0 - normal_tail(near) * _ROOT_2PI * near
    return np.where(t.hi < 2.5, rest.hi, rest_by_fraction(np.maximum(t.hi, 2.5), TERMS))


def rest_by_fraction(t: Number, terms: int) -> Number:
    """Return 1 − t·R for large t: with R = 1/(t + 1/k) it is 1/(1 + t·k)."""
    k = t
    for n in range(terms, 1, -1):
        k = t + n / k
    return 1 / t / (1 / t + k)
