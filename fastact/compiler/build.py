"""Write the emitted files: ``python -m fastact.compiler.build --c DIR --numba DIR --headers DIR``."""

from __future__ import annotations

import argparse
from itertools import groupby
from pathlib import Path

from ..definitions.tables import ACTIVATIONS, BINARY, ELEMENTWISE, GATES, ROWS
from . import emit_c, emit_c_rows, emit_headers, emit_numba, emit_numba_rows
from .kernels import kernels
from .row_kernels import row_kernels

PACKAGE = Path(__file__).resolve().parent.parent


def write(path: Path, text: str) -> None:
    """Write `path` unless it holds `text` already: a new time stamp would compile C again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_c(directory: Path) -> None:
    """Write kernels.h and kernels.def, and the same for rows."""
    directory.mkdir(parents=True, exist_ok=True)
    every = list(kernels(ELEMENTWISE))
    write(directory / "kernels.h", emit_c.header(every, PACKAGE.parent))
    write(directory / "kernels.def", emit_c.rows(every))
    rows = list(row_kernels(ROWS))
    write(directory / "kernels_rows.h", emit_c_rows.header(rows, PACKAGE.parent))
    write(directory / "kernels_rows.def", emit_c_rows.rows(rows))


def write_numba(directory: Path) -> None:
    """Write the package of Numba kernels, a module for each function."""
    directory.mkdir(parents=True, exist_ok=True)
    write(
        directory / "__init__.py",
        '"""Kernels emitted from the tables, a module for each function."""\n',
    )
    for name, group in groupby(kernels(ELEMENTWISE), key=lambda kernel: kernel.name):
        write(directory / f"{name}.py", emit_numba.module(group))
    for name, rows in groupby(row_kernels(ROWS), key=lambda kernel: kernel.name):
        write(directory / f"rows_{name}.py", emit_numba_rows.module(rows))


def write_headers(directory: Path) -> None:
    """Write include/ for users' own C, a header for each function and one of all, and api.pxd for Cython beside it."""
    (directory / "fastact").mkdir(parents=True, exist_ok=True)
    public = {**ACTIVATIONS, **BINARY, **GATES}
    write(directory.parent / "api.pxd", emit_headers.declarations(kernels(public)))
    for name, group in groupby(kernels(public), key=lambda kernel: kernel.name):
        write(directory / "fastact" / f"{name}.h", emit_headers.header(group))
    write(directory / "fastact_arrays.h", emit_headers.array_headers(kernels(public)))
    write(directory / "fastact.h", emit_headers.all_headers(public))


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--c", type=Path, help="folder for what csrc/ includes")
    parser.add_argument("--numba", type=Path, help="folder for the modules of Numba kernels")
    parser.add_argument("--headers", type=Path, help="folder include/ for users' own C")
    arguments = parser.parse_args()
    if arguments.c:
        write_c(arguments.c)
    if arguments.numba:
        write_numba(arguments.numba)
    if arguments.headers:
        write_headers(arguments.headers)


if __name__ == "__main__":
    main()
