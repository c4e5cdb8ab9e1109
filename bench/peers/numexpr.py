"""numexpr: each formula compiled once, with constants in the dtype of the arrays."""

from __future__ import annotations

import ast
from functools import partial

import numexpr
import numpy as np
from numexpr.necompiler import type_to_kind

from . import Arrays, Call, Key, Maker
from .formulas import FORMULAS
from .plain import context, native, target

__all__ = ["CALLS", "COMPOSED", "VERSION", "context", "native", "set_num_threads", "target"]

VERSION = numexpr.__version__
COMPOSED: frozenset[Key] = frozenset()
_TYPES = {kind: type_ for type_, kind in type_to_kind.items()}
_KINDS = {"f": "float", "d": "double"}


def set_num_threads(count: int) -> None:
    numexpr.set_num_threads(count)


class Rewrite(ast.NodeTransformer):
    """Rewrite a formula for numexpr: inline named parts, maximum and minimum as where.

    Float constants become variables of the arrays' dtype; as constants they would make numexpr compute in
    double.
    """

    def __init__(self) -> None:
        self.named: dict[str, ast.expr] = {}
        self.constants: dict[str, float] = {}

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        self.named[node.target.id] = self.visit(node.value)
        return self.named[node.target.id]

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.named.get(node.id, node)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, float):
            return node
        name = f"c{len(self.constants)}"
        self.constants[name] = node.value
        return ast.Name(name)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)
        arguments = [self.visit(argument) for argument in node.args]
        if node.func.id not in ("maximum", "minimum"):
            return ast.Call(node.func, arguments, [])
        order = ast.Gt() if node.func.id == "maximum" else ast.Lt()
        test = ast.Compare(arguments[0], [order], [arguments[1]])
        return ast.Call(ast.Name("where"), [test, *arguments], [])


def _maker(text: str) -> Maker:
    rewrite = Rewrite()
    source = ast.unparse(rewrite.visit(ast.parse(text, mode="eval").body))
    names = [name for name in ("x", "g", "y") if name in _variables(source)]

    def make(a: Arrays) -> Call:
        type_ = _TYPES[_KINDS[a.x.dtype.char]]
        signature = [(name, type_) for name in (*names, *rewrite.constants)]
        # Call directly what `evaluate` looks up: half its time for one element.
        function = numexpr.NumExpr(source, signature)
        constants = [np.array(value, a.x.dtype) for value in rewrite.constants.values()]
        data = [getattr(a, name) for name in names]
        return partial(function, *data, *constants, out=a.out, ex_uses_vml=False)

    return make


def _variables(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


CALLS: dict[Key, Maker] = {key: _maker(text) for key, text in FORMULAS.items()}
