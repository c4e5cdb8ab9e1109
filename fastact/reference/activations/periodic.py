"""Periodic functions added to x."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

from ..arithmetic import Mathematics, Number
from .table import by, derivative_of


def snake(m: Mathematics, x: Number, alpha: Number = 1.0) -> Number:
    z = m.wide(_finite(m, x)) * alpha
    sine = m.sin(z)
    divisor = m.where(alpha == 0, 1.0, alpha)
    return m.where(alpha == 0, x, m.narrow(m.wide(sine) * sine / divisor + x))


@derivative_of(snake)
def _(m: Mathematics, x: Number, alpha: Number) -> Number:
    return m.where(alpha == 0, 1.0, m.one_plus_sin_twice(m.wide(x) * alpha))


@by(snake, "alpha")
def _(m: Mathematics, x: Number, alpha: Number) -> Number:
    z = m.wide(_finite(m, x)) * alpha
    sine, twice = m.sin(z), m.sin(z * 2)
    divisor = m.where(alpha == 0, 1.0, alpha)
    return m.where(alpha == 0, x * x, (m.narrow(z) * twice - sine * sine) / divisor / divisor)


def _finite(m: Mathematics, x: Number) -> Number:
    return m.where(m.magnitude(x) < float("inf"), x, 0.0)
