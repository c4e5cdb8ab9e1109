"""Sums, products and quotients as a number and its rounding error: (high, low), whose sum is the result.

Dekker, Numer. Math. 18 (1971) 224-242; with fused multiply-adds Ogita, Rump, Oishi, SIAM J. Sci. Comput. 26 (2005)
1955-1988. A low part that is known to be 0 may be `absent`.
"""

from __future__ import annotations

from typing import Any

from .dialect import fma


def two_sum(a: Any, b: Any) -> Any:
    """a + b, exactly."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def fast_two_sum(large: Any, small: Any) -> Any:
    """large + small, exactly where |large| ≥ |small|."""
    total = large + small
    return total, small - (total - large)


def two_product(a: Any, b: Any) -> Any:
    """a·b, exactly unless the low part is subnormal."""
    p = a * b
    return p, fma(a, b, -p)


def two_fma(a: Any, b: Any, c: Any) -> Any:
    """a·b + c, and its rounding error where c minus the result is exact, as for |c| > |a·b|."""
    y = fma(a, b, c)
    return y, fma(a, b, c - y)


def remainder(n: Any, n_low: Any, d: Any, d_low: Any, q: Any) -> Any:
    """n + n_low - q·(d + d_low) for a q near n/d; over d it is the low part of the quotient."""
    return fma(-q, d, n) + (n_low - q * d_low)


def fused_remainder(n: Any, n_low: Any, d: Any, d_low: Any, q: Any) -> Any:
    """The same in one operation less and one step more."""
    return fma(-q, d_low, fma(-q, d, n) + n_low)
