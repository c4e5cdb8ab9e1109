"""The table of elementwise functions of two arrays; each declared once, next to its gradients.

To add one, write it here and its definition in reference/binary.py.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

from .declare import Table
from .dialect import absent, fma, low, per_type, scale
from .elementary import FARTHEST, LARGEST, LN2, facing, logistic_parts, softplus_parts
from .logarithm import INTEGER, LIFT, LIFTED, NORMAL, exponent, log_of_positive, log_parts
from .two_parts import fused_remainder, two_sum

BINARY = Table(bound={"forward": 2.0, "vjp": 4.0}, required=("forward", "vjp"))
GRADIENTS = ("dx", "dy")
TWO = ("x", "y")


def gap(x: Any, y: Any) -> Any:
    """x - y and its rounding error, both for use as the argument of exp; 0 for equal infinities."""
    d, d_low = two_sum(x, -y)
    return 0.0 if x == y else d, d_low if abs(d) < -FARTHEST else 0.0


@BINARY.declare(source="numpy.logaddexp", inputs=TWO)
def logaddexp(x: Any, y: Any) -> Any:
    """log(eˣ + eʸ), without overflow.

    For negative x and y it may be a small difference of larger numbers: within ±1/2 the error is at most 2 ulp of 1/2.
    """
    d, d_low = gap(x, y)
    p, p_low, unit = softplus_parts(-abs(d), facing(d, d_low))
    total, left = two_sum(max(x, y), p * unit)
    left = left if abs(total) <= LARGEST else 0.0
    return total + fma(p_low, unit, left)


@logaddexp.vjp(outputs=GRADIENTS)
def logaddexp_vjp(g: Any, x: Any, y: Any) -> Any:
    d, d_low = gap(x, y)
    s, s_low, unit, e = logistic_parts(-abs(d), facing(d, d_low))
    small = (s + s_low) * unit
    large = 1.0 / (1.0 + e)
    below = d < 0.0
    return g * (small if below else large), g * (large if below else small)


def times_log(x: Any, y: Any, y_low: Any) -> Any:
    """x·(y + y_low), and 0 where x is 0, unless y is NaN."""
    rest = x * y_low if abs(x) <= LARGEST else 0.0
    return 0.0 if x == 0.0 and y == y else fma(x, y, rest)


@BINARY.declare(source="scipy.special.xlogy", inputs=TWO)
def xlogy(x: Any, y: Any) -> Any:
    """x·log y, and 0 where x is 0, unless y is NaN.

    Where x is 0, the gradient with respect to y is 0, and if y ≤ 0, so is that with respect to x.
    """
    log, log_low = log_parts(y)
    return times_log(x, 0.0 if x == 0.0 and y < 0.0 else log, log_low)


@xlogy.vjp(outputs=GRADIENTS)
def xlogy_vjp(g: Any, x: Any, y: Any) -> Any:
    log, log_low = log_parts(y)
    flat = x == 0.0 and y <= 0.0
    return 0.0 if flat else g * (log + log_low), 0.0 if x == 0.0 and y == y else g * (x / y)


def log1p_parts_of_any(y: Any) -> Any:
    """log(1 + y) as a number and a small one: -infinity at -1, NaN below it."""
    u, u_low = two_sum(1.0, y)
    log, log_low = log_parts(u)
    near = u > 0.0 and u <= LARGEST
    return log, log_low + u_low / u if near else 0.0


@BINARY.declare(source="scipy.special.xlog1py", inputs=TWO)
def xlog1py(x: Any, y: Any) -> Any:
    """x·log(1 + y), and 0 where x is 0, unless y is NaN.

    Where x is 0, the gradient with respect to y is 0, and if y ≤ -1, so is that with respect to x.
    """
    log, log_low = log1p_parts_of_any(y)
    # Of a small y the low part is all.
    high = log + log_low
    rest = (log - high) + log_low if abs(high) <= LARGEST else 0.0
    return times_log(x, 0.0 if x == 0.0 and y < -1.0 else high, rest)


@xlog1py.vjp(outputs=GRADIENTS)
def xlog1py_vjp(g: Any, x: Any, y: Any) -> Any:
    log, log_low = log1p_parts_of_any(y)
    flat = x == 0.0 and y <= -1.0
    return (
        0.0 if flat else g * (log + log_low),
        0.0 if x == 0.0 and y == y else g * (x / (1.0 + y)),
    )


# Further apart, the quotient of two numbers may not be a normal number, and its logarithm is far from 0.
APART = per_type(f32=60.0, f64=500.0)


def significand(x: Any) -> Any:
    """m and k for which x = m·2ᵏ, m from 3/4 to 3/2, for finite x > 0."""
    tiny = x < NORMAL
    x = x * LIFTED if tiny else x
    k = exponent(x)
    return scale(x, INTEGER - k), k - LIFT if tiny else k


def log_of_ratio(x: Any, y: Any) -> Any:
    """log(x/y) as a number and a small one, for finite positive numbers."""
    x, x_exponent = significand(x)
    y, y_exponent = significand(y)
    q = x / y
    q_low = fused_remainder(x, absent, y, absent, q) / x
    k = x_exponent - y_exponent
    near = min(max(k, -APART), APART)
    log, log_low = log_of_positive(scale(q, INTEGER + near))
    log, left = two_sum(log, (k - near) * LN2)
    return log, log_low + (left + fma(k - near, low(LN2), q_low))


def positive(x: Any, y: Any) -> Any:
    """Whether both are positive and finite."""
    return x > 0.0 and y > 0.0 and x <= LARGEST and y <= LARGEST


@BINARY.declare(source="scipy.special.rel_entr", inputs=TWO)
def rel_entr(x: Any, y: Any) -> Any:
    """x·log(x/y) for x, y > 0; 0 for x = 0 and y ≥ 0; ∞ otherwise. Outside of x, y ≥ 0 the gradients are NaN."""
    log, log_low = log_of_ratio(x, y)
    end = x - y if x > 0.0 and y > 0.0 else (0.0 if x == 0.0 and y >= 0.0 else inf)
    end = x + y if x != x or y != y else end
    value = times_log(x, log, log_low)
    return value if positive(x, y) else end


@rel_entr.vjp(outputs=GRADIENTS)
def rel_entr_vjp(g: Any, x: Any, y: Any) -> Any:
    log, log_low = log_of_ratio(x, y)
    total, left = two_sum(log, 1.0)
    inner = total + (left + log_low)
    outer = x - y if x > 0.0 and y > 0.0 else (inf if x > 0.0 and y == 0.0 else nan)
    outer = -inf if x == 0.0 and y > 0.0 else outer
    slope = inner if positive(x, y) else outer
    return g * slope, -(g * (x / y)) if x >= 0.0 and y >= 0.0 else nan
