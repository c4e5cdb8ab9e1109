"""Roots and quotients."""

from __future__ import annotations

from typing import Any

from ..dialect import absent, copysign, fma, per_type, sqrt
from ..elementary import LARGEST
from ..two_parts import remainder, two_sum
from .table import elementwise, inside


@elementwise(
    aliases=("soft_sign",), formula="x/(1 + abs(x))", source="Turian, Bergstra, Bengio 2009, NAACL"
)
def softsign(x: Any) -> Any:
    """x/(1 + |x|). The derivative is (1 + |x|)⁻²."""
    a = min(abs(x), 1e38)
    return copysign(a / (1.0 + a), x)


# From here on the derivative is 0; (1 + a) - a must not be inf - inf.
SLOPE_END = per_type(f32=1e30, f64=1e300)


@softsign.derivative
def softsign_slope(x: Any) -> Any:
    a = min(abs(x), SLOPE_END)
    d, d_low = two_sum(a, 1.0)
    r = 1.0 / d
    r = fma(remainder(1.0, absent, d, d_low, r), r, r)
    return r * r


# Above this x² + b is x² to the last bit for every b that is not itself enormous, and x² nears overflow.
BIG = per_type(f32=1e18, f64=1e150)
LEAST = per_type(f32=2.0**-126, f64=2.0**-1022)


def squareplus_parts(x: Any, b: Any) -> Any:
    """For a = |x|: √(a² + b), (√ + a)/2 and (√ - a)/2, the last as b/4 over the one before."""
    a = min(abs(x), LARGEST)
    square = fma(a, a, b)
    far = a > BIG or b == 0.0
    root = a if far else sqrt(square)
    half = fma(0.5, a, 0.5 * root)
    inverse = min(1.0 / half, LARGEST)
    quarter = 0.25 * b
    y = quarter * inverse
    # A step of Newton's method for y·(y + a) = b/4, for which 1/(1 + y/half), half/root, is known to 6 %.
    rest = fma(-y, y, fma(-a, y, quarter))
    below = fma(rest * inverse, fma(-0.46875, y * inverse, 0.9375), y)
    return root, half, below


@elementwise(
    formula="(x + sqrt(x**2 + b))/2",
    source="Barron 2021, arXiv:2112.11687",
    domain=("b == 0 or 1e-37 <= b <= 1e37",),
)
def squareplus(x: Any, b: float = 4.0) -> Any:
    """(x + √(x² + `b`))/2 for `b` ≥ 0, without cancellation for x < 0."""
    _, half, below = squareplus_parts(x, b)
    return (below if x >= -LARGEST else 0.0) if x < 0.0 else (x if x > BIG else half)


@squareplus.derivative
def squareplus_slope(x: Any, b: float) -> Any:
    root, _, below = squareplus_parts(x, b)
    slope = below / max(root, LEAST)
    return slope if x <= 0.0 else 1.0 - slope


@squareplus.by("b")
def squareplus_by_b(x: Any, b: float) -> Any:
    """1/(4·√(x² + b))."""
    root, _, _ = squareplus_parts(x, b)
    return inside(abs(x) <= LARGEST, x, 0.25 / max(root, LEAST))
