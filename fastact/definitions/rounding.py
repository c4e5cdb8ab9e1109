"""Rounding to integers."""

from __future__ import annotations

from typing import Any

from .dialect import copysign, per_type

# From 2^mantissa on every number is an integer; below, adding it to a positive number rounds that to one.
WHOLE = per_type(f32=2.0**23, f64=2.0**52)


def floor(x: Any) -> Any:
    """The largest integer that is not above x; -0 is -0."""
    nearest = copysign((abs(x) + WHOLE) - WHOLE, x)
    below = copysign(nearest - 1.0 if nearest > x else nearest, x)
    return below if abs(x) < WHOLE else x
