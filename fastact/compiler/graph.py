"""Straight-line graphs of lane operations: what a traced dialect function becomes.

A :class:`Graph` hands out :class:`Node` objects and never makes the same one twice, so that a subexpression
shared by two formulas (or by a function and its derivative) is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..definitions.dialect import ENTRIES, DType, round_to

Kind = Literal["lane", "mask"]

#: operation -> (number of operands, kind of its result)
OPERATIONS: dict[str, tuple[int, Kind]] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "max", "min", "copysign", "scale"), (2, "lane")),
    **dict.fromkeys(("neg", "abs", "nabs", "sqrt", "leading"), (1, "lane")),
    **dict.fromkeys(("fma", "select"), (3, "lane")),
    **dict.fromkeys(("lt", "le", "gt", "ge", "eq", "ne", "and", "or"), (2, "mask")),
    "not": (1, "mask"),
    "lookup": (1 + ENTRIES, "lane"),  # the index and what it chooses from, all constants
}


@dataclass(frozen=True, eq=False)
class Node:
    """One operation. `op` is a key of OPERATIONS, "constant", "absent", or an input such as "in0" or "p1_lo"."""

    op: str
    args: tuple[Node, ...]
    kind: Kind
    value: float
    file: str
    line: int


def _is(node: Node, value: float) -> bool:
    return node.op == "constant" and node.value == value


class Graph:
    """Makes the nodes of one kernel, each distinct operation once, in an order in which it can be computed."""

    def __init__(self, dtype: DType) -> None:
        self.dtype: DType = dtype
        self.nodes: list[Node] = []
        self._known: dict[tuple[object, ...], Node] = {}
        self.where: tuple[str, int] = ("", 0)

    def _intern(self, op: str, args: tuple[Node, ...], kind: Kind, value: float = 0.0) -> Node:
        key = (op, value.hex() if op == "constant" else "", *map(id, args))
        node = self._known.get(key)
        if node is None:
            node = Node(op, args, kind, value, *self.where)
            self._known[key] = node
            self.nodes.append(node)
        return node

    def input(self, name: str) -> Node:
        return self._intern(name, (), "lane")

    def constant(self, value: float) -> Node:
        return self._intern("constant", (), "lane", round_to(self.dtype, value))

    def absent(self) -> Node:
        """The low part of a number that has none: products with it vanish, sums are left as they are."""
        return self._intern("absent", (), "lane")

    def apply(self, op: str, *args: Node) -> Node:
        simpler = self._without_absent(op, args) or self._with_one(op, args)
        if simpler is not None:
            return simpler
        if op == "neg" and args[0].op == "abs":  # one instruction: the sign bit set
            return self._intern("nabs", args[0].args, "lane")
        if op == "add" and args[1].op == "neg":
            return self.apply("sub", args[0], args[1].args[0])
        return self._intern(op, args, OPERATIONS[op][1])

    def _without_absent(self, op: str, args: tuple[Node, ...]) -> Node | None:
        gone = [a.op == "absent" for a in args]
        if not any(gone):
            return None
        if op == "fma" and (gone[0] or gone[1]):
            return args[2]
        if op == "fma":
            return self.apply("mul", args[0], args[1])
        if op == "select" and all(arm.op == "absent" or _is(arm, 0.0) for arm in args[1:]):
            return self.absent()
        if op in ("mul", "neg", "abs") or (op == "div" and gone[0]):
            return self.absent()
        if op in ("add", "sub") and gone[1]:
            return args[0]
        if op == "add":
            return args[1]
        if op == "sub":
            return self.apply("neg", args[1])
        return self._intern(
            op,
            tuple(self.constant(0.0) if g else a for g, a in zip(gone, args, strict=True)),
            OPERATIONS[op][1],
        )

    def _with_one(self, op: str, args: tuple[Node, ...]) -> Node | None:
        """What a parameter that is 1 leaves of x·1, x/1 and the rounding error of either."""
        if op == "mul" and _is(args[0], 1.0):
            return args[1]
        if op in ("mul", "div") and _is(args[1], 1.0):
            return args[0]
        if op == "fma" and _is(args[1], 1.0):
            a, _, c = args
            if (c.op == "neg" and c.args[0] is a) or (a.op == "neg" and a.args[0] is c):
                return self.absent()
        return None

    def times(self, g: Node, factor: Node) -> Node:
        """`g` · `factor`, where a factor that selects the constant 0 or 1 gives 0 or `g`, even for infinite `g`."""
        if _is(factor, 0.0):
            return factor
        if _is(factor, 1.0):
            return g
        if factor.op == "select" and self._selects_unit(factor):
            mask, yes, no = factor.args
            return self.apply("select", mask, self.times(g, yes), self.times(g, no))
        return self.apply("mul", g, factor)

    def _selects_unit(self, node: Node) -> bool:
        return any(
            _is(arm, 0.0) or _is(arm, 1.0) or (arm.op == "select" and self._selects_unit(arm))
            for arm in node.args[1:]
        )

    def needed(self, outputs: list[Node]) -> list[Node]:
        """The nodes that `outputs` depend on, in the order in which they were made."""
        wanted: set[int] = set()
        stack = list(outputs)
        while stack:
            node = stack.pop()
            if id(node) not in wanted:
                wanted.add(id(node))
                stack.extend(node.args)
        return [node for node in self.nodes if id(node) in wanted]
