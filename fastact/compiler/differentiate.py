"""The derivative of an expression, by x or by a parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ..definitions.declaration import BY
from .expression import Called, Expression, Pool, walk

__all__ = ["derivative"]

_Rule = Callable[[Pool, Expression], tuple[Expression, ...]]


def derivative(pool: Pool, expression: Expression, variable: Expression) -> Expression:
    """Return the derivative of an expression by "x" or a parameter.

    At a kink it is that of the branch which is taken there: of a maximum or minimum with a constant, and of abs, 0.
    """
    slopes: dict[int, Expression] = {}
    zero = pool.constant(0.0)
    for one in walk(expression):
        if one is variable:
            slopes[id(one)] = pool.constant(1.0)
        elif one.is_condition or not any(slopes[id(arg)] is not zero for arg in one.args):
            slopes[id(one)] = zero
        else:
            slopes[id(one)] = _slope(pool, one, [slopes[id(arg)] for arg in one.args])
    return slopes[id(expression)]


def _slope(pool: Pool, one: Expression, inner: list[Expression]) -> Expression:
    """Return the derivative of one operation from those of its operands."""
    if one.op == "select":
        test, *_ = one.args
        return pool.apply("select", test, *inner[1:])
    if one.op in ("max", "min"):
        return _extreme_slope(pool, one, inner)
    rule = _called if one.op == "call" else _RULES[one.op]
    outer = rule(pool, one)
    terms = [
        _times(pool, factor, slope)
        for factor, slope in zip(outer, inner, strict=False)
        if slope.number != 0.0
    ]
    total = terms[0]
    for term in terms[1:]:
        total = pool.apply("add", total, term)
    return total


def _times(pool: Pool, outer: Expression, inner: Expression) -> Expression:
    """Return the product; where a function is flat it is 0, even if what it is applied to has an infinite slope."""
    product = pool.apply("mul", inner, outer)
    if product.op != "mul" or inner.number is not None or not _vanishes(outer):
        return product
    zero = pool.constant(0.0)
    return pool.apply("select", pool.make("eq", outer, zero), zero, product)


def _vanishes(outer: Expression) -> bool:
    """Tell whether it may be 0 where it is not selected so: what has an exponential in it."""
    return any(one.op in ("call", "cosh", "sinh") for one in walk(outer))


def _extreme_slope(pool: Pool, one: Expression, inner: list[Expression]) -> Expression:
    a, b = one.args
    sign = "gt" if one.op == "max" else "lt"
    if inner[0].number == 0.0:
        return pool.apply("select", pool.make(sign, b, a), inner[1], inner[0])
    return pool.apply("select", pool.make(sign, a, b), inner[0], inner[1])


def _called(pool: Pool, one: Expression) -> tuple[Expression, ...]:
    """Return the derivatives of a call by x and by each of its parameters that varies."""
    called: Called = one.value
    declaration = called.declaration
    names = ["derivative", *(BY + name for name in declaration.params)]
    zero = pool.constant(0.0)
    return tuple(
        zero if arg.op == "constant" else pool.call(declaration, pass_, *one.args)
        for pass_, arg in zip(names, one.args, strict=True)
    )


def _signs(pool: Pool, *numbers: Expression) -> Expression:
    """Return 1 or -1, the product of the signs."""
    found = pool.constant(1.0)
    for number in numbers:
        found = pool.apply("mul", found, pool.make("copysign", pool.constant(1.0), number))
    return found


def _abs(pool: Pool, one: Expression) -> tuple[Expression, ...]:
    zero = pool.constant(0.0)
    at_zero = pool.make("eq", one.args[0], zero)
    return (pool.apply("select", at_zero, zero, _signs(pool, one.args[0])),)


def _over(pool: Pool, a: float, b: Expression) -> Expression:
    return pool.apply("div", pool.constant(a), b)


def _one_plus_square(pool: Pool, a: Expression) -> Expression:
    return pool.apply("add", pool.apply("mul", a, a), pool.constant(1.0))


def _quotient(pool: Pool, one: Expression) -> tuple[Expression, ...]:
    inverse = _over(pool, 1.0, one.args[1])
    return inverse, pool.apply("neg", pool.apply("mul", one, inverse))


def _power(pool: Pool, one: Expression) -> tuple[Expression, ...]:
    base, exponent = one.args
    lower = pool.make("power", base, pool.constant(exponent.value - 1.0))
    return (pool.apply("mul", exponent, lower),)


_RULES: Final[Mapping[str, _Rule]] = {
    "abs": _abs,
    "add": lambda p, one: (p.constant(1.0), p.constant(1.0)),
    "atan": lambda p, one: (_over(p, 1.0, _one_plus_square(p, one.args[0])),),
    "copysign": lambda p, one: (_signs(p, *one.args), p.constant(0.0)),
    "cos": lambda p, one: (p.apply("neg", p.make("sin", one.args[0])),),
    "cosh": lambda p, one: (p.make("sinh", one.args[0]),),
    "div": _quotient,
    "floor": lambda p, one: (p.constant(0.0),),
    "log": lambda p, one: (_over(p, 1.0, one.args[0]),),
    "mul": lambda p, one: (one.args[1], one.args[0]),
    "neg": lambda p, one: (p.constant(-1.0),),
    "power": _power,
    "sin": lambda p, one: (p.make("cos", one.args[0]),),
    "sinh": lambda p, one: (p.make("cosh", one.args[0]),),
    "sqrt": lambda p, one: (_over(p, 0.5, one),),
    "sub": lambda p, one: (p.constant(1.0), p.constant(-1.0)),
    "tan": lambda p, one: (_one_plus_square(p, one),),
}
