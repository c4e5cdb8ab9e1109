"""The hyperbolic sine and cosine, without a branch, from a fourth of e^|x|."""

from __future__ import annotations

from typing import Any

from .dialect import absent, copysign, fma, per_type
from .elementary import reduced

# e^|x| is computed two powers of two too low: up to where the results overflow, and a little beyond, it is finite.
FOURTH = per_type(f32=12583039.0 - 2.0, f64=6755399441056767.0 - 2.0)
# Above, h/(2h + 1) is a half.
HALF = per_type(f32=2.0**30, f64=2.0**60)
END = per_type(f32=89.5, f64=710.5)


def sinh(x: Any) -> Any:
    """(eˣ - e⁻ˣ)/2; 2.5 ulp. From h = (e^|x| - 1)/2 it is h + h/(2h + 1), which cancels nothing near 0."""
    q, power = reduced(min(abs(x), END), absent, FOURTH)
    h = 2.0 * fma(power, q, power - 0.25)
    bounded = min(h, HALF)
    return copysign(h + bounded / fma(2.0, bounded, 1.0), x)


def cosh(x: Any) -> Any:
    """(eˣ + e⁻ˣ)/2; 2 ulp."""
    q, power = reduced(min(abs(x), END), absent, FOURTH)
    fourth = fma(power, q, power)
    return fma(2.0, fourth, 0.125 / fourth)
