"""Expressions: what a user's Python function computes, as a graph that can be differentiated, traced and evaluated.

A `Pool` hands out `Expression` objects and never makes the same one twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import copysign
from typing import Any

from ..definitions.declaration import Declaration

__all__ = ["COMPARISONS", "Called", "Expression", "Pool", "digest", "walk"]

#: The Python operator of each comparison.
COMPARISONS: Mapping[str, str] = {
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
}
_FOLDED: Mapping[str, Callable[[float, float], float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}


@dataclass(frozen=True)
class Called:
    """One pass of a declared function; its operands are x and the parameters."""

    declaration: Declaration
    pass_: str


@dataclass(frozen=True, eq=False)
class Expression:
    """One operation.

    Attributes
    ----------
    op : str
        "constant", "x", "parameter", "call", an operation of the graph (add, select, lt, ...) or the name of a
        function of `vocabulary.FUNCTIONS`.
    args : tuple of Expression
        Its operands.
    value : float, str or Called
        Of a constant, the name of a parameter, what is called.
    """

    op: str
    args: tuple[Expression, ...] = ()
    value: Any = None

    @property
    def number(self) -> float | None:
        """The value of a constant, else None."""
        return self.value if self.op == "constant" else None

    @property
    def is_condition(self) -> bool:
        """Tell whether it is true or false, and not a number."""
        return self.op in COMPARISONS or self.op in ("and", "or", "not")


class Pool:
    """Makes expressions, each distinct one once."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Expression] = {}

    def make(self, op: str, *args: Expression, value: Any = None) -> Expression:
        """Return an expression as it is."""
        shown: tuple[Any, ...] = (value.hex(),) if isinstance(value, float) else (value,)
        if isinstance(value, Called):
            shown = (id(value.declaration), value.pass_)
        key = (op, *shown, *map(id, args))
        return self._made.setdefault(key, Expression(op, args, value))

    def constant(self, value: float) -> Expression:
        """Return a number."""
        return self.make("constant", value=float(value))

    def folded(self, op: str, *args: Expression) -> Expression:
        """Return an operation, or its result where the operands are constants."""
        numbers = [one.number for one in args]
        a, b = (*numbers, None, None)[:2]
        if op in _FOLDED and a is not None and b is not None and not (op == "div" and b == 0.0):
            return self.constant(_FOLDED[op](a, b))
        if op == "neg" and a is not None:
            return self.constant(-a)
        return self.make(op, *args)

    def apply(self, op: str, *args: Expression) -> Expression:
        """Return an operation, or what it comes to where zeros have no sign and 0·inf is 0, as in a derivative."""
        a, b = (*(one.number for one in args), None, None)[:2]
        if op == "neg" and args[0].op == "neg":
            return args[0].args[0]
        if (op == "mul" and 0.0 in (a, b)) or (op == "div" and a == 0.0):
            return self.constant(0.0)
        if (op in ("mul", "div") and b == 1.0) or (op in ("add", "sub") and b == 0.0):
            return args[0]
        if (op == "mul" and a == 1.0) or (op == "add" and a == 0.0):
            return args[1]
        if op == "sub" and a == 0.0 and copysign(1.0, a) > 0:
            return self.apply("neg", args[1])
        if op == "select" and args[1] is args[2]:
            return args[1]
        return self.folded(op, *args)

    def call(self, declaration: Declaration, pass_: str, *args: Expression) -> Expression:
        """Return a pass of a declared function at x, with its parameters."""
        return self.make("call", *args, value=Called(declaration, pass_))


def walk(*outputs: Expression) -> Iterator[Expression]:
    """Yield every expression that the outputs are made of, operands first."""
    seen: set[int] = set()
    stack: list[tuple[Expression, bool]] = [(one, False) for one in reversed(outputs)]
    while stack:
        one, ready = stack.pop()
        if ready:
            yield one
        elif id(one) not in seen:
            seen.add(id(one))
            stack.append((one, True))
            stack.extend((arg, False) for arg in reversed(one.args))


def digest(*outputs: Expression, more: Sequence[str] = ()) -> str:
    """Return a short name of expressions, which no others have."""
    numbers: dict[int, int] = {}
    lines = []
    for one in walk(*outputs):
        value = one.value
        if isinstance(value, Called):
            value = f"{value.declaration.name}.{value.pass_}"
        elif isinstance(value, float):
            value = value.hex()
        numbers[id(one)] = len(numbers)
        lines.append(f"{one.op} {value} {[numbers[id(arg)] for arg in one.args]}")
    text = "\n".join([*lines, str([numbers[id(one)] for one in outputs]), *more])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
