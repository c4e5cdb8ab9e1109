"""Powers with a constant exponent."""

from __future__ import annotations

from .expression import Expression, Pool

__all__ = ["power"]

# Above, a logarithm takes less time than the multiplications, and its error does not grow with the exponent.
_LARGEST = 16.0


def power(pool: Pool, base: Expression, exponent: float) -> Expression:
    """Return base ** exponent: by multiplications and a square root where these give it, else by a logarithm."""
    size = abs(exponent)
    if size * 2.0 != int(size * 2.0) or (size > _LARGEST and size != int(size)):
        return pool.make("power", base, pool.constant(exponent))
    if size > _LARGEST:
        found = pool.make("power", pool.make("abs", base), pool.constant(exponent))
        return pool.make("copysign", found, base) if size % 2.0 else found
    product = _integer(pool, base, int(size))
    if size != int(size):
        product = _product(pool, product, pool.make("sqrt", base))
    if product is None:
        return pool.constant(1.0)
    return pool.folded("div", pool.constant(1.0), product) if exponent < 0 else product


def _integer(pool: Pool, base: Expression, exponent: int) -> Expression | None:
    """Return base ** exponent by squaring, or None for an exponent of 0."""
    found, square = None, base
    while exponent:
        if exponent & 1:
            found = _product(pool, found, square)
        exponent >>= 1
        if exponent:
            square = pool.folded("mul", square, square)
    return found


def _product(pool: Pool, a: Expression | None, b: Expression) -> Expression:
    return b if a is None else pool.folded("mul", a, b)
