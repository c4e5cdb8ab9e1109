"""Emit kernels as Numba source over the operations of backends/numba/operations.py.

Constants are module-level and typed: a bare Python number would widen float32 to float64, and a constant made in
the body costs a quarter more compile time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite

from ..definitions.declare import Declaration
from .graph import OPERATIONS, Node
from .kernels import Kernel

INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "==",
    "ne": "!=",
    "and": "&",
    "or": "|",
}
PREFIX = {"neg": "-", "nabs": "-fabs", "not": "not "}
CALL = {"abs": "fabs", "max": "fmax2", "min": "fmin2"}
NUMPY = {"f32": "np.float32", "f64": "np.float64"}


def number(value: float) -> str:
    return repr(value) if isfinite(value) else f"float({str(value)!r})"


class Module:
    """The text of one activation's module."""

    def __init__(self) -> None:
        self.constants: dict[tuple[str, str], str] = {}
        self.tables: dict[tuple[str, ...], str] = {}
        self.imports: list[str] = []
        self.lines: list[str] = []

    def constant(self, dtype: str, value: float) -> str:
        return self.constants.setdefault((dtype, number(value)), f"C{len(self.constants)}")

    def table(self, dtype: str, entries: Iterable[Node]) -> str:
        values = (number(entry.value) for entry in entries)
        return self.tables.setdefault((dtype, *values), f"T{len(self.tables)}")

    def add(self, kernel: Kernel) -> None:
        """Append the function for scalar parameters and, where there are any, that for arrays."""
        self.lines += ["", "", *self.function(kernel, "scalar")]
        if kernel.declaration.params:
            self.lines += ["", "", *self.function(kernel, "array")]
        if kernel.plain:
            self.lines += ["", "", *self.function(kernel.plain, "plain")]

    def function(self, kernel: Kernel, kind: str) -> Iterator[str]:
        arrays = kind == "array"
        inputs, outputs = kernel.signature
        params = [
            text
            for k in range(len(kernel.declaration.params))
            for text in ((f"a{k}", f"number{k}", f"is_array{k}") if arrays else (f"number{k}",))
        ]
        yield f"def {kernel.pass_}_{kernel.dtype}_{kind}({', '.join((*inputs, *outputs, *params))}):"
        used = {node.op for node in kernel.nodes}
        if used & {"leading", "lookup"}:
            self.imports = ["from ..tables import BLOCK, leading, table"]
        yield from (f"    {line}" for line in self.parameters(kernel, used, arrays))
        element = [*(self.elements(kernel, used) if arrays else ())]
        element += [f"in{k} = load({name}, i)" for k, name in enumerate(inputs) if f"in{k}" in used]
        element += self.body(kernel)
        element += [
            f"store({name}, i, {self.operand(kernel, node)})"
            for name, node in zip(outputs, kernel.outputs, strict=True)
        ]
        loops = self.blocks if "lookup" in used else self.loop
        yield from (f"    {line}" for line in loops(f"{inputs[-1]}.size", element))
        yield "    independent_loops()"

    def loop(self, size: str, element: Iterable[str]) -> Iterator[str]:
        yield f"for i in range({size}):"
        yield from (f"    {line}" for line in element)

    def blocks(self, size: str, element: Sequence[str]) -> Iterator[str]:
        """For look-ups: `place` counts from 0 in each block."""
        yield f"whole = {size} - {size} % BLOCK"
        yield "for block in range(0, whole, BLOCK):"
        yield "    for place in range(BLOCK):"
        yield "        i = block + place"
        yield from (f"        {line}" for line in element)
        yield f"for place in range({size} - whole):"
        yield "    i = whole + place"
        yield from (f"    {line}" for line in element)

    def parameters(self, kernel: Kernel, used: set[str], arrays: bool) -> Iterator[str]:
        for k in range(len(kernel.declaration.params)):
            high, low = (f"s{k}", f"t{k}") if arrays else (f"p{k}", f"p{k}_lo")
            if f"p{k}" in used:
                yield f"{high} = {NUMPY[kernel.dtype]}(number{k})"
            if f"p{k}_lo" in used:
                yield f"{low} = low_part(number{k})"

    def elements(self, kernel: Kernel, used: set[str]) -> Iterator[str]:
        for k in range(len(kernel.declaration.params)):
            if f"p{k}" in used:
                yield f"p{k} = select(is_array{k}, load(a{k}, i), s{k})"
            if f"p{k}_lo" in used:
                yield f"p{k}_lo = select(is_array{k}, {self.constant(kernel.dtype, 0.0)}, t{k})"

    def body(self, kernel: Kernel) -> Iterator[str]:
        self.names: dict[Node, str] = {}
        for node in kernel.nodes:
            if node.op in OPERATIONS:
                self.names[node] = f"v{len(self.names)}"
                yield f"{self.names[node]} = {self.expression(kernel, node)}"

    def expression(self, kernel: Kernel, node: Node) -> str:
        if node.op == "lookup":
            table, index = (
                self.table(kernel.dtype, node.args[1:]),
                self.operand(kernel, node.args[0]),
            )
            return f"{table}({index}, place)"
        args = [self.operand(kernel, arg) for arg in node.args]
        if node.op in INFIX:
            return f"{args[0]} {INFIX[node.op]} {args[1]}"
        if node.op in PREFIX:
            return f"{PREFIX[node.op]}({args[0]})"
        return f"{CALL.get(node.op, node.op)}({', '.join(args)})"

    def operand(self, kernel: Kernel, node: Node) -> str:
        if node.op == "constant":
            return self.constant(kernel.dtype, node.value)
        return self.names.get(node, node.op)

    def text(self, declaration: Declaration, cost: str) -> str:
        arrays = {
            pass_: "i" * len(inputs) + "o" * len(outputs)
            for pass_, (inputs, outputs) in declaration.signatures.items()
        }
        head = [
            "# Emitted from fastact/definitions/ for operations.py.",
            "import numpy as np",
            "",
            "from ..operations import (",
            "    copysign, fabs, fma, fmax2, fmin2, independent_loops, load, low_part, scale, select, sqrt, store,",
            ")",
            *self.imports,
            "",
            f'COST = "{cost}"',
            f"ARRAYS = {arrays}",
            f"DEFAULTS = ({''.join(f'{number(value)}, ' for value in declaration.defaults)})",
            *(f"{name} = {NUMPY[dtype]}({text})" for (dtype, text), name in self.constants.items()),
            *(
                f"{name} = table({NUMPY[dtype]}, ({', '.join(values)}))"
                for (dtype, *values), name in self.tables.items()
            ),
        ]
        return "\n".join((*head, *self.lines)) + "\n"


def module(kernels: Iterable[Kernel]) -> str:
    """The module that holds `kernels`, all of one activation."""
    result = Module()
    kernels = list(kernels)
    for kernel in kernels:
        result.add(kernel)
    return result.text(kernels[0].declaration, kernels[0].cost)
