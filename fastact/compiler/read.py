"""Read a user's Python function as an expression, and say by file and line what cannot be read. Nothing is executed."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import FunctionType, ModuleType
from typing import Any, NoReturn

from .expression import COMPARISONS, Expression, Pool
from .powers import power
from .trace import BINARY, COMPARE, DialectError, parse
from .vocabulary import FUNCTIONS, OPERATIONS, SHORTHANDS, meaning

__all__ = ["Calls", "read", "source_of"]

#: Reads a call of an object that Python's libraries do not have: pool, object, operands, those by name -> expression.
Calls = Callable[[Pool, Any, Sequence[Expression], Mapping[str, Expression]], "Expression | None"]

# What to write instead of what has no meaning for one number after the other.
_INSTEAD = {
    ast.If: "write a conditional expression, `a if condition else b`",
    ast.For: "write out what the loop adds up to",
    ast.While: "write out what the loop adds up to",
    ast.Subscript: "the function is one of a single number: x has no elements",
    ast.ListComp: "the function is one of a single number",
    ast.Lambda: "write what it computes in its place",
    ast.FunctionDef: "declare it with @fastact.activation outside",
    ast.Mod: "write x - y*floor(x/y)",
    ast.FloorDiv: "write floor(x/y)",
    ast.Raise: "a function of numbers cannot raise",
    ast.Try: "a function of numbers does not raise",
}


def source_of(function: FunctionType) -> tuple[ast.FunctionDef, str, int]:
    """Return the syntax tree of a function, its file, and what its line numbers begin after.

    Raises
    ------
    TypeError
        If the source cannot be had.
    """
    try:
        return parse(function)
    except (OSError, TypeError, SyntaxError, IndexError):
        raise TypeError(
            f"activation({function.__qualname__}): its source code, from which the kernels are made, cannot be read; "
            "expected a function written with `def` in a file or a notebook"
        ) from None


def read(
    function: FunctionType,
    pool: Pool,
    arguments: Mapping[str, Expression],
    calls: Calls,
) -> Expression:
    """Return what a function computes.

    Parameters
    ----------
    function : function
        Of one number x, and of further numbers, its parameters.
    pool : Pool
        Makes the expressions.
    arguments : mapping of str to Expression
        What its arguments stand for.
    calls : callable
        Reads calls of public functions.

    Raises
    ------
    DialectError
        A SyntaxError that gives the file, the line, and what to write instead.
    """
    return _Reader(function, pool, arguments, calls).run()


class _Reader:
    """One function being read."""

    def __init__(
        self, function: FunctionType, pool: Pool, arguments: Mapping[str, Expression], calls: Calls
    ) -> None:
        self._tree, self._file, self._offset = source_of(function)
        self._pool, self._calls = pool, calls
        self._local: dict[str, Expression] = dict(arguments)
        captured = inspect.getclosurevars(function).nonlocals
        self._outside = {**function.__globals__, **captured}

    def fail(self, node: ast.AST, message: str) -> NoReturn:
        line = getattr(node, "lineno", 1) + self._offset
        raise DialectError(f"{self._tree.name}(): {message}", self._file, line)

    def run(self) -> Expression:
        for statement in self._tree.body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            if isinstance(statement, ast.Return) and statement.value is not None:
                return self._number(statement.value)
            self._assign(statement)
        self.fail(self._tree, "it returns nothing: expected `return` with a number")

    def _assign(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            left: ast.expr = ast.copy_location(ast.Name(statement.target.id, ast.Load()), statement)
            value: ast.expr = ast.BinOp(left, statement.op, statement.value)
            self._local[statement.target.id] = self._read(ast.copy_location(value, statement))
            return
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        if not targets or not all(isinstance(target, ast.Name) for target in targets):
            instead = _INSTEAD.get(type(statement), "assign names, then return a number")
            self.fail(statement, f"it cannot have `{_shown(statement)}`: {instead}")
        assert isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None
        found = self._read(statement.value)
        self._local.update({target.id: found for target in targets if isinstance(target, ast.Name)})

    def _read(self, node: ast.expr) -> Expression:
        method = getattr(self, f"_on_{type(node).__name__}", None)
        if method is None:
            instead = _INSTEAD.get(type(node), "expected arithmetic, comparisons and calls")
            self.fail(node, f"it cannot have `{_shown(node)}`: {instead}")
        found: Expression = method(node)
        return found

    def _number(self, node: ast.expr) -> Expression:
        found = self._read(node)
        if found.is_condition:
            self.fail(
                node, f"`{_shown(node)}` is true or false: write `1.0 if {_shown(node)} else 0.0`"
            )
        return found

    def _condition(self, node: ast.expr) -> Expression:
        found = self._read(node)
        if not found.is_condition:
            self.fail(
                node,
                f"`{_shown(node)}` is a number: write a comparison, as in `{_shown(node)} > 0`",
            )
        return found

    def _on_Constant(self, node: ast.Constant) -> Expression:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            self.fail(node, f"{node.value!r} is not a number")
        return self._pool.constant(node.value)

    def _on_Name(self, node: ast.Name) -> Expression:
        if node.id in self._local:
            return self._local[node.id]
        return self._constant(node, self._object(node))

    def _on_Attribute(self, node: ast.Attribute) -> Expression:
        return self._constant(node, self._object(node))

    def _constant(self, node: ast.expr, value: Any) -> Expression:
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(
                node, f"{_shown(node)} is {type(value).__name__}, expected a number or a parameter"
            )
        return self._pool.constant(value)

    def _object(self, node: ast.expr) -> Any:
        """Return what a name outside of the function stands for: attributes are those of modules, and passes."""
        if isinstance(node, ast.Name) and node.id in self._local:
            self.fail(node, f"{node.id} is a number, which has no attributes and cannot be called")
        if isinstance(node, ast.Name):
            for scope in (self._outside, vars(builtins)):
                if node.id in scope:
                    return scope[node.id]
            self.fail(node, f"there is no {node.id} here")
        if isinstance(node, ast.Attribute):
            owner = self._object(node.value)
            if not isinstance(owner, ModuleType):
                return self._attribute(node, owner)
            try:
                return getattr(owner, node.attr)
            except AttributeError as error:
                self.fail(node, str(error))
        self.fail(node, f"`{_shown(node)}` cannot be called: expected the name of a function")

    def _attribute(self, node: ast.Attribute, owner: Any) -> NoReturn:
        self.fail(
            node,
            f"it cannot have `{_shown(node)}`: expected a function of math, numpy or fastact, or a number in a module",
        )

    def _on_BinOp(self, node: ast.BinOp) -> Expression:
        if isinstance(node.op, ast.Pow):
            return self._power(node, node.left, node.right)
        if type(node.op) not in BINARY:
            instead = _INSTEAD.get(type(node.op), "expected +, -, *, / or **")
            self.fail(node, f"it cannot have `{_shown(node)}`: {instead}")
        operands = self._number(node.left), self._number(node.right)
        return self._pool.folded(BINARY[type(node.op)], *operands)

    def _power(self, node: ast.expr, base: ast.expr, exponent: ast.expr) -> Expression:
        value = self._number(exponent).number
        if value is None:
            self.fail(
                node,
                f"`{_shown(node)}` has an exponent that varies: write exp({_shown(exponent)} * log({_shown(base)}))",
            )
        return power(self._pool, self._number(base), value)

    def _on_UnaryOp(self, node: ast.UnaryOp) -> Expression:
        if isinstance(node.op, ast.Not):
            return self._pool.make("not", self._condition(node.operand))
        if isinstance(node.op, ast.UAdd):
            return self._number(node.operand)
        if not isinstance(node.op, ast.USub):
            self.fail(node, f"it cannot have `{_shown(node)}`: expected - or not")
        return self._pool.folded("neg", self._number(node.operand))

    def _on_Compare(self, node: ast.Compare) -> Expression:
        values = list(map(self._number, (node.left, *node.comparators)))
        found = []
        for op, left, right in zip(node.ops, values, values[1:], strict=False):
            if type(op) not in COMPARE:
                signs = ", ".join(COMPARISONS.values())
                self.fail(node, f"it cannot have `{_shown(node)}`: expected one of {signs}")
            found.append(self._pool.make(COMPARE[type(op)], left, right))
        return reduce(lambda a, b: self._pool.make("and", a, b), found)

    def _on_BoolOp(self, node: ast.BoolOp) -> Expression:
        op = "and" if isinstance(node.op, ast.And) else "or"
        return reduce(lambda a, b: self._pool.make(op, a, b), map(self._condition, node.values))

    def _on_IfExp(self, node: ast.IfExp) -> Expression:
        test = self._condition(node.test)
        return self._pool.make("select", test, self._number(node.body), self._number(node.orelse))

    def _on_Call(self, node: ast.Call) -> Expression:
        called = self._object(node.func)
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(
            keyword.arg is None for keyword in node.keywords
        ):
            self.fail(node, f"`{_shown(node)}` has a starred argument: write them one by one")
        name = meaning(called)
        if name is not None and not self._is_activation(name):
            if node.keywords:
                self.fail(node, f"`{_shown(node)}`: arguments are given by position")
            return self._operation(node, name)
        args = list(map(self._argument, node.args))
        named = {str(one.arg): self._argument(one.value) for one in node.keywords}
        try:
            found = self._calls(self._pool, name or called, args, named)
        except (TypeError, ValueError) as error:
            self.fail(node, str(error))
        if found is None:
            self.fail(
                node,
                f"it cannot call {_shown(node.func)}(): expected a function of math, numpy or fastact, "
                "or another that is declared with @fastact.activation",
            )
        return found

    @staticmethod
    def _is_activation(name: str) -> bool:
        return name not in FUNCTIONS and name not in OPERATIONS and name not in SHORTHANDS

    def _argument(self, node: ast.expr) -> Any:
        """Return an argument of a function of fastact: a choice is a constant, such as "tanh"."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bool | None):
            return node.value
        return self._number(node)

    def _operation(self, node: ast.Call, name: str) -> Expression:
        pool, count = self._pool, len(node.args)
        if name in ("pow", "power") and count == 2:
            return self._power(node, *node.args)
        args = [
            self._condition(arg) if name == "select" and not k else self._number(arg)
            for k, arg in enumerate(node.args)
        ]
        if name in ("max", "min") and count > 2:
            return reduce(lambda a, b: pool.make(name, a, b), args)
        expected = SHORTHANDS.get(name) or OPERATIONS.get(name, 1)
        if count != expected:
            plural = "argument" if expected == 1 else "arguments"
            self.fail(node, f"{_shown(node.func)}() takes {expected} {plural}, {count} given")
        if name == "clip":
            return pool.make("min", pool.make("max", args[0], args[1]), args[2])
        if name == "square":
            return pool.folded("mul", args[0], args[0])
        if name == "reciprocal":
            return pool.folded("div", pool.constant(1.0), args[0])
        return pool.make(name, *args)


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node).strip().splitlines()[0]
    return text if len(text) <= 60 else f"{text[:57]}..."
