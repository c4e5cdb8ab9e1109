"""Trace dialect functions into graphs, and say by file and line what is not of the dialect.

The source is read once, at build time; each call of another dialect function is traced in place, so that a kernel
becomes one straight line.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Sequence
from types import FunctionType
from typing import Any, NoReturn, Protocol

from ..definitions.dialect import (
    ENTRIES,
    Absent,
    Coefficients,
    Exact,
    PerType,
    Pieces,
    Primitive,
    Reduction,
    known,
    lookup,
    piecewise,
    polynomial,
    polynomial_parts,
)
from .graph import Graph, Node

BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
FOLD = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}


#: Terms from which a polynomial in float64 is computed in two halves.
SPLIT_FROM = 8


class DialectError(SyntaxError):
    """A construct that the dialect does not have; carries the file and the line."""

    def __init__(self, message: str, file: str, line: int) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.filename, self.lineno = file, line

    def __str__(self) -> str:
        return str(self.msg)  # SyntaxError would add the file and the line


@functools.cache
def parse(function: FunctionType) -> tuple[ast.FunctionDef, str, int]:
    """The syntax tree of `function`, its file, and the number to add to the tree's line numbers."""
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise TypeError(f"{function.__qualname__} is not written with `def`")
    return tree, function.__code__.co_filename, first - 1


def parameter_names(function: FunctionType) -> list[str]:
    return list(inspect.signature(function).parameters)


class Traced(Protocol):
    """What stands in the place of a dialect function: it makes its nodes itself."""

    def traced(self, tracer: Tracer, *args: Any) -> Any:
        """The node of the result for `args`."""


class Tracer:
    """Evaluates dialect functions on graph nodes."""

    def __init__(self, graph: Graph, low_parts: dict[Node, Node]) -> None:
        self.graph = graph
        self.low_parts = low_parts

    def call(self, function: FunctionType | Traced, *args: Any) -> Any:
        """The node (or tuple of nodes) that `function` returns for `args`."""
        if not isinstance(function, FunctionType):
            return function.traced(self, *args)
        outer = self.graph.where
        result = _Frame(self, function, args).run()
        self.graph.where = outer
        return result

    def lane(self, value: Any) -> Node:
        if isinstance(value, Node):
            return value
        if isinstance(value, PerType):
            value = value.of(self.graph.dtype)
        if isinstance(value, Absent):
            return self.graph.absent()
        if isinstance(value, Exact):
            value = value.of(self.graph.dtype)
        if isinstance(value, int | float):
            return self.graph.constant(float(value))
        raise TypeError(f"{value!r} is not a number")

    def lanes(self, results: Any) -> list[Node]:
        """What a dialect function returned, one value or a tuple of them."""
        return [
            self.lane(value) for value in (results if isinstance(results, tuple) else (results,))
        ]

    def reduce(self, name: str, args: list[Any]) -> Any:
        raise TypeError(f"{name}() has a meaning only in a row function")

    def low(self, value: Any) -> Any:
        if isinstance(value, Node):
            if value not in self.low_parts:
                raise TypeError("low() takes a parameter or a constant")
            return self.low_parts[value]
        if isinstance(value, PerType):
            value = value.of(self.graph.dtype)
        exact = value if isinstance(value, Exact) else Exact(value)
        return exact.rest(self.graph.dtype) or self.graph.absent()

    def polynomial(self, x: Node, table: Coefficients) -> Node:
        return self.horner(x, table.of(self.graph.dtype))

    def polynomial_parts(self, x: Node, table: Coefficients) -> tuple[Node, Node]:
        if table.rest is None:
            raise TypeError("polynomial_parts() takes coefficients that have a rest")
        apply = self.graph.apply
        first, *others = table.of(self.graph.dtype)
        constant, rising = self.graph.constant(first), self.horner(x, others)
        value = apply("fma", rising, x, constant)
        left = apply("fma", rising, x, apply("sub", constant, value))
        return value, apply("add", left, self.lane(table.rest))

    def lookup(self, index: Node, values: Sequence[float]) -> Node:
        if len(values) != ENTRIES:
            raise TypeError(
                f"a table has {ENTRIES} entries for {self.graph.dtype}, not {len(values)}"
            )
        return self.graph.apply("lookup", index, *map(self.graph.constant, values))

    def piecewise(self, x: Node, index: Node, table: Pieces) -> Node:
        *rest, last = table.of(self.graph.dtype) or [()]
        result = self.lookup(index, last)
        # Looked up where it is needed: all in front fill the registers of AVX2, 0.60 ns and not 0.53 in gelu.
        for values in reversed(rest):
            result = self.graph.apply("fma", result, x, self.lookup(index, values))
        return result

    def horner(self, x: Node, table: Sequence[float]) -> Node:
        """The polynomial; of a long one all but the constant term as two of half the length, in x², side by side.

        That is one multiplication more and half the wait: float64 gelu 0.84, softplus 0.82 of the time. In float32 it
        gains nothing, and the additional rounding takes gelu from 1.85 to 2.11 ulp.
        """
        first, *others = map(self.graph.constant, table)
        if self.graph.dtype == "f32" or len(table) < SPLIT_FROM:
            return self.chain(x, [first, *others])
        square = self.graph.apply("mul", x, x)
        even, odd = (self.chain(square, others[k::2]) for k in (0, 1))
        return self.graph.apply("fma", self.graph.apply("fma", odd, x, even), x, first)

    def chain(self, x: Node, coefficients: Sequence[Node]) -> Node:
        *rest, result = coefficients
        for coefficient in reversed(rest):
            result = self.graph.apply("fma", result, x, coefficient)
        return result


class _Frame:
    """One call of one dialect function."""

    def __init__(self, tracer: Tracer, function: FunctionType, args: tuple[Any, ...]) -> None:
        self.tracer, self.graph = tracer, tracer.graph
        self.tree, self.file, self.offset = parse(function)
        names = parameter_names(function)
        if len(args) > len(names):
            self.fail(
                self.tree, f"{function.__name__}() takes {len(names)} arguments, {len(args)} given"
            )
        self.local = dict(zip(names, args, strict=False))
        for name in names[len(args) :]:
            default = inspect.signature(function).parameters[name].default
            if default is inspect.Parameter.empty:
                self.fail(self.tree, f"{function.__name__}() lacks its argument {name}")
            self.local[name] = default
        self.outside = function.__globals__

    def fail(self, node: ast.AST, message: str) -> NoReturn:
        raise DialectError(message, self.file, getattr(node, "lineno", 1) + self.offset)

    def run(self) -> Any:
        for statement in self.tree.body:
            self.graph.where = (self.file, statement.lineno + self.offset)
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            if isinstance(statement, ast.Return) and statement.value is not None:
                return self.evaluate(statement.value)
            if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
                self.fail(
                    statement,
                    f"{type(statement).__name__} is not of the dialect: assign names, then return",
                )
            self.bind(statement.targets[0], self.evaluate(statement.value))
        self.fail(self.tree, f"{self.tree.name}() returns nothing")

    def bind(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.local[target.id] = value
        elif (
            isinstance(target, ast.Tuple)
            and isinstance(value, tuple)
            and len(target.elts) == len(value)
        ):
            for element, part in zip(target.elts, value, strict=True):
                self.bind(element, part)
        else:
            self.fail(target, "only names, or as many names as a function returns, can be assigned")

    def evaluate(self, node: ast.expr) -> Any:
        method = getattr(self, f"on_{type(node).__name__}", None)
        if method is None:
            self.fail(node, f"{type(node).__name__} is not of the dialect")
        try:
            return method(node)
        except TypeError as error:
            self.fail(node, str(error))

    def apply(self, op: str, *values: Any) -> Any:
        if op in FOLD and all(isinstance(v, int | float) for v in values):
            return FOLD[op](*map(float, values))
        return self.graph.apply(op, *map(self.tracer.lane, values))

    def mask(self, node: ast.expr) -> Node:
        value = self.evaluate(node)
        if not (isinstance(value, Node) and value.kind == "mask"):
            self.fail(node, "a condition has to be a comparison of lanes")
        return value

    def on_Constant(self, node: ast.Constant) -> float:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            self.fail(node, f"{node.value!r} is not a number")
        return float(node.value)

    def on_Name(self, node: ast.Name) -> Any:
        for scope in (self.local, self.outside, {"abs": abs, "max": max, "min": min}):
            if node.id in scope:
                return scope[node.id]
        self.fail(node, f"{node.id} is not known here")

    def on_Tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(map(self.evaluate, node.elts))

    def on_BinOp(self, node: ast.BinOp) -> Any:
        if type(node.op) not in BINARY:
            self.fail(node, f"the operator {type(node.op).__name__} is not of the dialect")
        return self.apply(
            BINARY[type(node.op)], self.evaluate(node.left), self.evaluate(node.right)
        )

    def on_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return self.graph.apply("not", self.mask(node.operand))
        if not isinstance(node.op, ast.USub):
            self.fail(node, f"the operator {type(node.op).__name__} is not of the dialect")
        value = self.evaluate(node.operand)
        return -value if isinstance(value, float) else self.apply("neg", value)

    def on_Compare(self, node: ast.Compare) -> Node:
        values = list(map(self.evaluate, (node.left, *node.comparators)))
        masks: list[Node] = []
        for op, left, right in zip(node.ops, values, values[1:], strict=False):
            if type(op) not in COMPARE:
                self.fail(node, f"the comparison {type(op).__name__} is not of the dialect")
            masks.append(self.apply(COMPARE[type(op)], left, right))
        return functools.reduce(lambda a, b: self.graph.apply("and", a, b), masks)

    def on_BoolOp(self, node: ast.BoolOp) -> Node:
        op = "and" if isinstance(node.op, ast.And) else "or"
        return functools.reduce(
            lambda a, b: self.graph.apply(op, a, b), map(self.mask, node.values)
        )

    def on_IfExp(self, node: ast.IfExp) -> Any:
        test = self.evaluate(node.test)
        if isinstance(test, bool):
            return self.evaluate(node.body if test else node.orelse)
        return self.graph.apply(
            "select",
            self.mask(node.test),
            *(self.tracer.lane(self.evaluate(n)) for n in (node.body, node.orelse)),
        )

    def on_Call(self, node: ast.Call) -> Any:
        if node.keywords:
            self.fail(node, "arguments are given by position in the dialect")
        called, args = self.evaluate(node.func), list(map(self.evaluate, node.args))
        called = called.of(self.graph.dtype) if isinstance(called, PerType) else called
        called = getattr(called, "forward", called)
        if called is lookup:
            return self.tracer.lookup(self.tracer.lane(args[0]), args[1].of(self.graph.dtype))
        if called is piecewise:
            x, index = map(self.tracer.lane, args[:2])
            return self.tracer.piecewise(x, index, args[2])
        if called is polynomial or called is polynomial_parts:
            expand = (
                self.tracer.polynomial if called is polynomial else self.tracer.polynomial_parts
            )
            return expand(self.tracer.lane(args[0]), args[1])
        if called is known:
            return not isinstance(args[0], Node) or args[0].op == "absent"
        if isinstance(called, FunctionType):
            return self.tracer.call(called, *args)
        if isinstance(called, Reduction):
            return self.tracer.reduce(called.name, args)
        if called is max or called is min:
            # Python's max(a, b) is `b if b > a else a`: a NaN in the first place is kept.
            return self.apply("max" if called is max else "min", args[1], args[0])
        if called is abs:
            return self.apply("abs", *args)
        if not isinstance(called, Primitive):
            self.fail(node, f"{ast.unparse(node.func)} is not a dialect function")
        if len(args) != called.arity:
            self.fail(node, f"{called.name}() takes {called.arity} arguments, {len(args)} given")
        return self.tracer.low(args[0]) if called.name == "low" else self.apply(called.name, *args)
