"""Emit row kernels for Numba: their pieces, as functions of the operations that backends/numba/rows/vectors.py has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .emit_numba import number, piece_function
from .row_kernels import Piece, RowKernel

# Pieces that other backends make more of.
LEFT_OUT = ("prepare", "prepared_terms")


def module(kernels: Iterable[RowKernel]) -> str:
    """The module that holds `kernels`, all of one row function."""
    kernels = list(kernels)
    defaults = "".join(f"{number(value)}, " for value in kernels[0].declaration.defaults)
    text = [
        "# Emitted from fastact/definitions/rows.py for backends/numba/rows/.",
        f"DEFAULTS = ({defaults})",
    ]
    for kernel in kernels:
        text += ["", *about(kernel)]
        for form, suffix in ((kernel, ""), (kernel.plain, "_plain")):
            if form is not None:
                stem = f"{kernel.pass_}_{kernel.dtype}{suffix}"
                for name, piece in form.pieces.items():
                    if name not in LEFT_OUT and (piece.outputs or name != "map"):
                        text += ["", "", *function(f"{stem}_{name}", piece)]
    return "\n".join(text) + "\n"


def about(kernel: RowKernel) -> Iterator[str]:
    """What Python needs to know of a kernel."""
    row_pass = kernel.row_pass
    if len(row_pass.outputs) > 1:
        raise TypeError(f"{kernel.name}: a row function has one output of elements at most")
    yield ""
    yield f"{kernel.pass_.upper()}_{kernel.dtype.upper()} = {{"
    yield f"    'dtype': {kernel.dtype!r}, 'statistic': {kernel.statistic!r}, 'sums': {kernel.sums},"
    yield f"    'inputs': {len(row_pass.inputs)}, 'row_inputs': {len(row_pass.row_inputs)},"
    yield f"    'outputs': {len(row_pass.outputs)}, 'row_outputs': {len(row_pass.row_outputs)},"
    yield f"    'excluded': {number(row_pass.excluded)},"
    yield "}"


def function(name: str, piece: Piece) -> Iterator[str]:
    """One piece: a function of the operations, and of the elements, slots and parameters by their names."""
    return piece_function(name, piece.nodes, piece.outputs)
