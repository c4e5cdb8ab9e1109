"""Rounding to integers."""

from __future__ import annotations

from typing import Any

from .dialect import copysign, per_type

# 1.5 · 2^mantissa: adding it rounds to an integer. From END on every number is one.
ROUNDER = per_type(f32=12582912.0, f64=6755399441055744.0)
END = per_type(f32=4194304.0, f64=2251799813685248.0)


def floor(x: Any) -> Any:
    """The largest integer that is not above x; -0 is -0."""
    nearest = (x + ROUNDER) - ROUNDER
    below = copysign(nearest - 1.0 if nearest > x else nearest, x)
    return below if abs(x) < END else x
