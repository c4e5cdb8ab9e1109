"""Emit row kernels for Numba: their pieces, as functions of the operations that backends/numba/lanes.py has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .emit_numba import number
from .graph import OPERATIONS, Node
from .row_kernels import Piece, RowKernel

METHODS = {"and": "both", "or": "either", "not": "opposite"}


def module(kernels: Iterable[RowKernel]) -> str:
    """The module that holds `kernels`, all of one row function."""
    kernels = list(kernels)
    defaults = "".join(f"{number(value)}, " for value in kernels[0].declaration.defaults)
    text = [
        "# Emitted from fastact/definitions/rows.py for lanes.py and rows/phases.py.",
        "from ..rows.phases import row_kernel",
        "",
        f"DEFAULTS = ({defaults})",
    ]
    for kernel in kernels:
        text += ["", "", *about(kernel)]
        for form, suffix in ((kernel, ""), (kernel.plain, "_plain")):
            if form is not None:
                text += functions(kernel, form, f"{kernel.pass_}_{kernel.dtype}{suffix}")
    return "\n".join(text) + "\n"


def about(kernel: RowKernel) -> Iterator[str]:
    """What Python needs to know of a kernel."""
    row_pass = kernel.row_pass
    counts = (row_pass.inputs, row_pass.row_inputs, row_pass.outputs, row_pass.row_outputs)
    values = (kernel.statistic, "stored" in kernel.pieces, *map(len, counts))
    yield f"{kernel.pass_.upper()}_{kernel.dtype.upper()} = {values!r}"


def functions(kernel: RowKernel, form: RowKernel, stem: str) -> Iterator[str]:
    """The functions of a kernel in one form: its pieces, and what Numba compiles, without and with a mask."""
    if len(kernel.row_pass.outputs) > 1:
        raise TypeError(f"{kernel.name}: a row function has one output of elements at most")
    pieces = [name for name, piece in form.pieces.items() if piece.outputs or name != "map"]
    for name in pieces:
        yield from ("", "", *function(f"{stem}_{name}", form.pieces[name]))
    given = "".join(f"    {name}={stem}_{name},\n" for name in pieces)
    for masked in (False, True):
        name = f"{stem}_masked" if masked else stem
        excluded = number(kernel.row_pass.excluded)
        yield from ("", "")
        yield f"{name}_body = row_kernel("
        yield f"    {kernel.dtype!r}, {form.sums}, {excluded}, {masked},\n{given})"
        yield from ("", "")
        yield f"def {name}(phase, job, number):"
        yield f"    return {name}_body(phase, job, number)"


def function(name: str, piece: Piece) -> Iterator[str]:
    """One piece: a function of the operations, and of the elements, slots and parameters by their names."""
    leaves = {n.op for n in piece.nodes if n.op not in OPERATIONS and n.op != "constant"}
    names: dict[Node, str] = {}

    def operand(node: Node) -> str:
        return number(node.value) if node.op == "constant" else names.get(node, node.op)

    yield f"def {name}({', '.join(('o', *sorted(leaves)))}):"
    for node in piece.nodes:
        if node.op in OPERATIONS:
            names[node] = f"v{len(names)}"
            method = METHODS.get(node.op, node.op)
            yield f"    {names[node]} = o.{method}({', '.join(map(operand, node.args))})"
    yield f"    return [{', '.join(map(operand, piece.outputs))}]"
