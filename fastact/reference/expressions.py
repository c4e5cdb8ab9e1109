"""Users' own activations, evaluated: in NumPy float64, or in mpmath with 60 digits."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ..definitions.declaration import Declaration
from . import activations
from .arithmetic import FLOAT64, exact_arithmetic

__all__ = ["Definition", "evaluate"]

_NUMPY: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": np.abs,
    "add": np.add,
    "and": np.logical_and,
    "atan": np.arctan,
    "copysign": np.copysign,
    "cos": np.cos,
    "cosh": np.cosh,
    "div": np.divide,
    "eq": np.equal,
    "floor": np.floor,
    "ge": np.greater_equal,
    "gt": np.greater,
    "le": np.less_equal,
    "log": np.log,
    "lt": np.less,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "not": np.logical_not,
    "or": np.logical_or,
    "power": np.power,
    "select": np.where,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "sub": np.subtract,
    "tan": np.tan,
}


class Definition:
    """The definition of a user's own activation, as that of one of the library is."""

    needs_digits = True

    def __init__(self, declaration: Declaration) -> None:
        self._declaration = declaration

    def evaluate(self, pass_: str, x: Any, *params: Any) -> Any:
        """Return `pass_` at x in float64, all broadcast."""
        found = _Evaluation(self._body(pass_), [np.asarray(a, np.float64) for a in (x, *params)])
        with np.errstate(all="ignore"):
            return np.asarray(found.run())

    def exact(self, pass_: str, x: float, *params: float) -> Any:
        """Return the same at one point as an mpmath number of 60 digits; of what is not finite as `evaluate` does."""
        context = exact_arithmetic().context
        if not all(map(math.isfinite, (x, *params))):
            return context.mpf(float(self.evaluate(pass_, x, *params)))
        return context.mpf(_Exact(self._body(pass_), [context.mpf(a) for a in (x, *params)]).run())

    def _body(self, pass_: str) -> Any:
        (body,) = self._declaration.passes[pass_].functions
        return body


def evaluate(declaration: Declaration, pass_: str, *inputs: Any) -> tuple[Any, ...]:
    """Return the outputs of a pass in float64, all inputs broadcast."""
    one = declaration.passes[pass_]
    arrays = [np.asarray(value, dtype=np.float64) for value in inputs]
    g = arrays.pop(0) if one.times_g else None
    with np.errstate(all="ignore"):
        results = [_Evaluation(body, arrays).run() for body in one.functions]
        if g is not None:
            # Where the slope is 0 the product is 0, even for an infinite g.
            results = [np.where(slope == 0.0, 0.0, g * slope) for slope in results]
    return tuple(results)


class _Evaluation:
    """One expression in NumPy."""

    def __init__(self, body: Any, arrays: list[Any]) -> None:
        self._body = body
        x, *params = arrays
        self._leaves = {"x": x, **dict(zip(body.parameters, params, strict=True))}
        self._values: dict[int, Any] = {}

    def run(self) -> Any:
        stack = [self._body.expression]
        while stack:
            one = stack[-1]
            missing = [arg for arg in one.args if id(arg) not in self._values]
            if missing:
                stack += missing
            else:
                stack.pop()
                self._values[id(one)] = self._value(one, [self._values[id(a)] for a in one.args])
        return self._values[id(self._body.expression)]

    def _value(self, one: Any, args: list[Any]) -> Any:
        if one.op == "constant":
            return np.float64(one.value)
        if one.op in ("x", "parameter"):
            return self._leaves[one.value]
        if one.op == "call":
            return _called(one.value, FLOAT64, args)
        return _NUMPY[one.op](*args)


def _called(called: Any, m: Any, args: list[Any]) -> Any:
    """Return one pass of a declared function, at x with its parameters."""
    name, pass_ = called.declaration.name, called.pass_
    if name in activations.TABLE:
        return activations.TABLE[name].at(m, pass_, *args)
    (body,) = called.declaration.passes[pass_].functions
    return (_Evaluation if m is FLOAT64 else _Exact)(body, args).run()


class _Exact:
    """One expression in mpmath; of a choice only what is chosen is computed."""

    def __init__(self, body: Any, numbers: list[Any]) -> None:
        self._m = exact_arithmetic()
        self._context = self._m.context
        self._body = body
        x, *params = numbers
        self._leaves = {"x": x, **dict(zip(body.parameters, params, strict=True))}
        self._values: dict[int, Any] = {}

    def run(self) -> Any:
        return self._value(self._body.expression)

    def _value(self, one: Any) -> Any:
        if id(one) not in self._values:
            self._values[id(one)] = self._computed(one)
        return self._values[id(one)]

    def _computed(self, one: Any) -> Any:
        if one.op == "constant":
            return self._context.mpf(one.value)
        if one.op in ("x", "parameter"):
            return self._leaves[one.value]
        if one.op == "select":
            test, yes, no = one.args
            return self._value(yes if self._value(test) else no)
        args = [self._value(arg) for arg in one.args]
        if one.op == "call":
            return _called(one.value, self._m, args) if _are_numbers(args) else self._context.nan
        return self._applied(one.op, args)

    def _applied(self, op: str, args: list[Any]) -> Any:
        context = self._context
        if op in ("and", "or"):
            return all(args) if op == "and" else any(args)
        if op in ("not", "lt", "le", "gt", "ge", "eq", "ne"):
            return not args[0] if op == "not" else getattr(operator, op)(*args)
        if any(context.isnan(arg) for arg in args):
            return context.nan
        if op == "div" and args[1] == 0:
            return context.nan if args[0] == 0 else context.sign(args[0]) * context.inf
        if (op == "log" and args[0] <= 0) or (op == "sqrt" and args[0] < 0):
            return -context.inf if args[0] == 0 else context.nan
        if op in _EXACT:
            return _EXACT[op](context, *args)
        return getattr(context, op)(*args)


def _are_numbers(args: list[Any]) -> bool:
    return not any(arg != arg for arg in args)


_EXACT: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": lambda m, a: abs(a),
    "add": lambda m, a, b: a + b,
    "copysign": lambda m, a, b: abs(a) if b >= 0 else -abs(a),
    "div": lambda m, a, b: a / b,
    "max": lambda m, a, b: max(a, b),
    "min": lambda m, a, b: min(a, b),
    "mul": lambda m, a, b: a * b,
    "neg": lambda m, a: -a,
    "power": lambda m, a, b: m.power(a, b) if a >= 0 else m.nan,
    "sub": lambda m, a, b: a - b,
}
