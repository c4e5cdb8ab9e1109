"""Emit row kernels as C over the lanes of csrc/lanes/: the pieces that the loops of csrc/rows/ call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..definitions.declaration import DERIVED, MAX, SLOTS, SUMS, VALUE
from .emit_c import lines, literal
from .graph import Node
from .row_kernels import Piece, RowKernel

PIECES = ("key", "prepare", "terms", "moved", "start", "next", "finish", "rows", "map", "stored")


def identifier(kernel: RowKernel) -> str:
    return f"row_{kernel.name}_{kernel.pass_}_{kernel.dtype}"


def leaf(node: Node) -> str:
    return f"row[{node.op[3:]}]"


def function(kernel: RowKernel, name: str, piece: Piece, root: Path, suffix: str) -> Iterator[str]:
    t = kernel.dtype
    arguments = ", ".join(f"const {t}_v *{name}" for name in ("in", "row", "p", "p_lo"))
    yield f"LANE void {identifier(kernel)}{suffix}_{name}({arguments}, {t}_v *out)"
    yield "{"
    yield "    (void)in, (void)row, (void)p, (void)p_lo, (void)out;"
    yield from lines(t, piece.nodes, piece.outputs, root, leaf)
    if name in ("prepare", "finish"):  # as many values from each, and from the plain form
        most = max(kernel.derived, len(piece.outputs))
        for k in range(len(piece.outputs), most):
            yield f"    out[{k}] = {t}_set(0);"
    yield "}"


def functions(kernel: RowKernel, form: RowKernel, root: Path, suffix: str = "") -> Iterator[str]:
    """Every piece of a kernel, or of its plain form; one that it lacks does nothing."""
    for name in PIECES:
        piece = form.pieces.get(f"prepared_{name}") or form.pieces.get(name, Piece([], []))
        yield from ("", *function(kernel, name, piece, root, suffix))


def header(kernels: Iterable[RowKernel], root: Path) -> str:
    """kernels_rows.h: the pieces of every kernel."""
    slots = f"ROW_MAX = {MAX}, ROW_VALUE = {VALUE}, ROW_SUMS = {SUMS}, ROW_DERIVED = {DERIVED}, ROW_SLOTS = {SLOTS}"
    text = ["/* Emitted from fastact/definitions/rows.py. */", "", f"enum {{ {slots} }};"]
    for kernel in kernels:
        excluded = literal(kernel.row_pass.excluded)
        text += ["", f"static const double {identifier(kernel)}_excluded = {excluded};"]
        if kernel.dtype == "f32":
            values = ", ".join(map(literal, kernel.declaration.defaults)) or "NAN"
            name = f"row_{kernel.name}_{kernel.pass_}_defaults"
            text += [f"static const double {name}[] = {{{values}}};"]
        text += functions(kernel, kernel, root)
        if kernel.plain:
            text += functions(kernel, kernel.plain, root, "_plain")
    return "\n".join(text) + "\n"


def rows(kernels: Iterable[RowKernel]) -> str:
    """kernels_rows.def: one row a kernel, which the including file defines."""
    return "".join(
        f"FASTACT_ROW_KERNEL({k.name}, {k.pass_}, {k.dtype}, {k.statistic}, "
        f"{len(k.row_pass.inputs)}, {len(k.row_pass.row_inputs)}, {len(k.row_pass.outputs)}, "
        f"{len(k.row_pass.row_outputs)}, {k.sums}, {k.derived}, {len(k.declaration.params)}, "
        f"{int('stored' in k.pieces)}, {int(k.plain is not None)})\n"
        for k in kernels
    )
