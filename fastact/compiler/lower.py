"""From an expression to the graph of a kernel."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import isfinite
from typing import Any

from ..definitions.dialect import Exact
from .expression import COMPARISONS, Called, Expression, walk
from .graph import Node
from .trace import FOLD, Tracer
from .vocabulary import FUNCTIONS

__all__ = ["Body"]


class Body:
    """What one pass computes: an expression of x and the parameters, in the place of a dialect function.

    Attributes
    ----------
    expression : Expression
        What it computes.
    parameters : sequence of str
        The names of the parameters, in order.
    """

    def __init__(self, expression: Expression, parameters: Sequence[str]) -> None:
        self.expression, self.parameters = expression, tuple(parameters)

    def traced(self, tracer: Tracer, x: Any, *params: Any) -> Any:
        """Return the node of the result; a parameter is a node, or a number that is known."""
        return _Lowering(tracer, x, dict(zip(self.parameters, params, strict=True))).run(
            self.expression
        )


class _Lowering:
    """One expression on its way into a graph; what is known is a number or a bool."""

    def __init__(self, tracer: Tracer, x: Any, params: dict[str, Any]) -> None:
        self._tracer, self._graph = tracer, tracer.graph
        self._leaves = {"x": x, **params}

    def run(self, expression: Expression) -> Any:
        values: dict[int, Any] = {}
        for one in walk(expression):
            values[id(one)] = self._lowered(one, [values[id(arg)] for arg in one.args])
        return values[id(expression)]

    def _lowered(self, one: Expression, args: list[Any]) -> Any:
        if one.op == "constant":
            return one.value
        if one.op in ("x", "parameter"):
            return self._leaves[one.value]
        if one.op == "call":
            return self._call(one.value, args)
        if one.op in FUNCTIONS:
            return self._tracer.call(FUNCTIONS[one.op], *args)
        if one.op in ("add", "sub"):
            return self._sum(one, args)
        if one.op in COMPARISONS and not any(isinstance(arg, Node) for arg in args):
            return getattr(operator, one.op)(*args)
        if one.op in ("and", "or", "not", "select"):
            return self._logical(one.op, args)
        if one.op in ("max", "min"):
            return self._extreme(one.op, *args)
        return self._apply(one.op, *args)

    def _apply(self, op: str, *args: Any) -> Any:
        if (
            op in FOLD
            and not any(isinstance(arg, Node) for arg in args)
            and (op != "div" or args[1])
        ):
            return FOLD[op](*args)
        if (
            op == "div"
            and isinstance(args[1], float)
            and args[1].hex().strip("-").startswith("0x1.0000000000000p")
        ):
            return self._apply("mul", args[0], 1.0 / args[1])  # a power of two: exact
        return self._graph.apply(op, *map(self._tracer.lane, args))

    def _sum(self, one: Expression, args: list[Any]) -> Any:
        """A product that is added to or subtracted from what is none: one instruction, and one rounding."""
        products = [
            arg.op == "mul" and isinstance(value, Node)
            for arg, value in zip(one.args, args, strict=True)
        ]
        if sum(products) != 1:
            return self._apply(one.op, *args)
        k = products.index(True)
        node, other = args[k], args[1 - k]
        if node.op != "mul":  # simplified
            return self._apply(one.op, *args)
        a, b = node.args
        if one.op == "sub" and k == 0:
            other = -other if isinstance(other, float) else self._graph.apply("neg", other)
        elif one.op == "sub":
            a = self._graph.apply("neg", a)
        return self._apply("fma", a, b, other)

    def _call(self, called: Called, args: list[Any]) -> Any:
        x, *params = args
        (function,) = called.declaration.declared(called.pass_).functions
        # Numbers are handed on as such for the defaults only, which is what `known` asks for.
        if not params or tuple(params) != called.declaration.defaults:
            params = list(map(self._parameter, params))
        return self._tracer.call(function, self._tracer.lane(x), *params)

    def _parameter(self, value: Any) -> Node:
        """The node of a parameter; a number has a low part, what is computed has none."""
        node, low = self._tracer.lane(value), self._graph.absent()
        if not isinstance(value, Node) and isfinite(value):
            rest = Exact(value).rest(self._graph.dtype)
            low = self._graph.constant(rest) if rest else low
        self._tracer.low_parts.setdefault(node, low)
        return node

    def _logical(self, op: str, args: list[Any]) -> Any:
        """Conditions, of which some may be known: of those nothing is left."""
        test, *others = args
        if op == "select":
            if isinstance(test, Node):
                return self._apply("select", test, *others)
            return others[0] if test else others[1]
        if op == "not":
            return self._graph.apply("not", test) if isinstance(test, Node) else not test
        for known, other in (args, args[::-1]):
            if isinstance(known, bool):
                decided = known if op == "or" else not known
                return known if decided else other
        return self._graph.apply(op, *args)

    def _extreme(self, op: str, a: Any, b: Any) -> Any:
        """The larger or smaller one; a NaN of either gives NaN. The instruction keeps the one that is given last."""
        if not isinstance(a, Node):
            a, b = b, a
        if not isinstance(a, Node):
            return max(a, b) if op == "max" else min(a, b)
        found = self._apply(op, b, a)
        if not isinstance(b, Node):
            return found
        return self._graph.apply("select", self._graph.apply("ne", b, b), b, found)
