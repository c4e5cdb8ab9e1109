"""What the tests of the compiled kernels share: inputs, parameters, comparison, compilation."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastact.accuracy import bit_patterns
from fastact.compiler import emit_c, emit_c_rows
from fastact.compiler.kernels import kernels
from fastact.compiler.row_kernels import row_kernels
from fastact.definitions.declaration import Declaration
from fastact.definitions.tables import ELEMENTWISE as DECLARED
from fastact.definitions.tables import ROWS

CSRC = Path(__file__).parents[1] / "csrc"
DRIVERS = Path(__file__).parent / "compiler" / "csrc"
DTYPES = {"f32": np.dtype(np.float32), "f64": np.dtype(np.float64)}
KEYS = [
    (name, pass_, dtype)
    for name, declaration in DECLARED.items()
    for pass_ in declaration.passes
    for dtype in DTYPES
]
FLAGS = "-O2 -std=c11 -Wall -Wextra -Werror -fno-math-errno -fno-trapping-math -ffp-contract=off"

# Calls of the kernel of silu, and what they raise.
_X = np.ones(8, np.float32)
_READ_ONLY = _X.copy()
_READ_ONLY.flags.writeable = False
MISUSE = [
    ((_X,), TypeError, "silu forward f32 takes 2 arrays and 1 parameters"),
    ((_X, _X, 1.0, 1.0), TypeError, "takes 2 arrays and 1 parameters"),
    (([1.0], _X, 1.0), TypeError, "expected an array, not list"),
    ((_X, None, 1.0), TypeError, "expected an array, not NoneType"),
    ((_X.astype("f8"), _X, 1.0), TypeError, "the array is float64"),
    ((_X.astype(">f4"), _X, 1.0), TypeError, "the array is >f4"),
    ((_X[::2], _X[:4], 1.0), ValueError, "not contiguous"),
    ((_X, _READ_ONLY, 1.0), ValueError, "writeable"),
    ((_X, _X[:4], 1.0), ValueError, "sizes 8 and 4 differ"),
    ((_X, _X, _X[:4]), ValueError, "sizes 8 and 4 differ"),
    ((_X, _X, "1"), TypeError, "must be real number"),
    ((np.frombuffer(bytes(33), "f4", 8, 1), _X, 1.0), ValueError, "aligned"),
]


def inputs(name: str, pass_: str, dtype: str, size: int) -> list[np.ndarray]:
    """Return the inputs of a pass: bit patterns, and for a second one the same in another order."""
    x = np.resize(bit_patterns(DTYPES[dtype], size), size)
    return [np.roll(x, 7 * k) for k in range(len(DECLARED[name].signatures[pass_][0]))]


def outputs(name: str, pass_: str, dtype: str, size: int) -> list[np.ndarray]:
    return [np.full(size, 7, DTYPES[dtype]) for _ in DECLARED[name].signatures[pass_][1]]


def params(name: str) -> list[float]:
    """Return parameters of which float32 holds only part."""
    defaults = (parameter.default for parameter in DECLARED[name].params.values())
    return [1.3 if default is None else default * 1.1 for default in defaults]


def run(
    kernel: Any, name: str, pass_: str, arrays: Sequence[np.ndarray], *params: Any
) -> list[np.ndarray]:
    out = outputs(name, pass_, f"f{8 * arrays[0].itemsize}", arrays[0].size)
    kernel(*arrays, *out, *params)
    return out


def assert_same_bits(got: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> None:
    """Assert equality bit for bit, one NaN being as good as another."""
    for a, b in zip(got, expected, strict=True):
        bits = np.dtype(f"u{a.itemsize}")
        with np.errstate(all="ignore"):  # bfloat16's isnan raises the flag for some NaN
            differ = (a.view(bits) != b.view(bits)) & ~(np.isnan(a) & np.isnan(b))
        assert not differ.any(), (np.flatnonzero(differ)[:5], a[differ][:5], b[differ][:5])


def instruction_sets() -> dict[str, tuple[str, list[str]]]:
    """Return of each instruction set the processor ("any": every one) and the compiler flags."""
    text = (CSRC / "instruction_sets.def").read_text(encoding="utf-8")
    entries = re.findall(r'^INSTRUCTION_SET\((\w+), (\w+), "(.*?)"', text, re.MULTILINE)
    return {isa: (processor, flags.split()) for isa, processor, flags in entries}


def compile_c(
    compiler: str | Sequence[str],
    isa: str,
    sources: Sequence[Path],
    target: Path,
    declared: dict[str, Declaration] | None = None,
    flags: Sequence[str] = ("-static",),  # for an emulator
) -> None:
    """Compile and link a program, with the kernels of some functions, and one of rows."""
    every, folder = list(kernels(declared or {})), target.parent
    (folder / "kernels.h").write_text(emit_c.header(every, CSRC.parent), encoding="utf-8")
    (folder / "kernels.def").write_text(emit_c.rows(every), encoding="utf-8")
    rows = list(row_kernels({"softmax": ROWS["softmax"]}))
    (folder / "kernels_rows.h").write_text(emit_c_rows.header(rows, CSRC.parent), encoding="utf-8")
    (folder / "kernels_rows.def").write_text(emit_c_rows.rows(rows), encoding="utf-8")
    command = [compiler] if isinstance(compiler, str) else [*compiler]
    command += [*FLAGS.split(), *instruction_sets()[isa][1], *flags]
    command += [f"-I{CSRC}", f"-I{folder}", f'-DLANES="lanes/{isa}.h"']
    command += [f"-DTABLE=fastact_table_{isa}", *map(str, sources), "-o", str(target), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr
