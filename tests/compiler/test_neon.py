"""NEON, cross-compiled and run under an emulator, against what this processor computes."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fastact.backends.cython import backend as cython
from fastact.compiler.kernels import trace
from native_cases import (
    CSRC,
    DECLARED,
    DRIVERS,
    DTYPES,
    KEYS,
    assert_same_bits,
    compile_c,
    inputs,
    outputs,
    params,
    run,
)
from representatives import KERNEL_KINDS, covering

COMPILER = "aarch64-linux-gnu-gcc"
EMULATOR = "qemu-aarch64"
SIZE = 1003  # a tail in every vector width

for tool in (COMPILER, EMULATOR):
    if shutil.which(tool) is None:
        pytest.skip(
            f"{tool} is missing (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)",
            allow_module_level=True,
        )
if reason := cython.why_unavailable():
    pytest.skip(reason, allow_module_level=True)


def parameter_arrays(name: str, dtype: str) -> list[np.ndarray]:
    return [np.full(SIZE, value, DTYPES[dtype]) for value in params(name)]


def request_bytes(name: str, pass_: str, dtype: str, as_arrays: bool) -> bytes:
    """Lay out what kernel_driver.c reads."""
    scalars = [*params(name), 0.0, 0.0, 0.0, 0.0][:4]
    head = struct.pack(
        "64s32s8sqq4d", name.encode(), pass_.encode(), dtype.encode(), SIZE, as_arrays, *scalars
    )
    arrays = [
        *inputs(name, pass_, dtype, SIZE),
        *(parameter_arrays(name, dtype) if as_arrays else []),
    ]
    return head + b"".join(array.tobytes() for array in arrays)


def requests(names: list[str]) -> Iterator[tuple[str, str, str, bool]]:
    for name, pass_, dtype in KEYS:
        if name in names:
            yield name, pass_, dtype, False
            if params(name):
                yield name, pass_, dtype, True


def results(names: list[str], folder: Path) -> dict[tuple[str, str, str, bool], list]:
    """Return what NEON gives for every request, from one run of the emulator."""
    program, wanted = folder / "kernels", list(requests(names))
    sources = [CSRC / "kernels.c", DRIVERS / "kernel_driver.c"]
    compile_c(COMPILER, "neon", sources, program, {name: DECLARED[name] for name in names})
    sent = b"".join(request_bytes(*request) for request in wanted)
    done = subprocess.run([EMULATOR, str(program)], input=sent, capture_output=True, timeout=170)
    assert done.returncode == 0, done.stderr.decode()
    found, position = {}, 0
    for request in wanted:
        found[request] = outputs(*request[:3], SIZE)
        for array in found[request]:
            array[:] = np.frombuffer(done.stdout, array.dtype, SIZE, position)
            position += array.nbytes
    assert position == len(done.stdout)
    return found


def chosen() -> list[str]:
    """Return functions whose kernels have every operation in each dtype, and one for each structure."""
    operations = {
        key: {(node.op, key[2]) for node in trace(DECLARED[key[0]], *key[1:]).nodes} for key in KEYS
    }
    kept = {key[0] for key in (*covering(operations), *KERNEL_KINDS)}
    return [name for name in DECLARED if name in kept]


@pytest.mark.parametrize(
    "names",
    [chosen(), pytest.param(list(DECLARED), marks=pytest.mark.exhaustive)],
    ids=["some", "all"],
)
def test_same_bits(names: list[str], tmp_path: Path) -> None:
    """One test: the compilation takes much longer than all comparisons."""
    for (name, pass_, dtype, as_arrays), found in results(names, tmp_path).items():
        kernel, x = cython.kernel(name, pass_, DTYPES[dtype]), inputs(name, pass_, dtype, SIZE)
        values = parameter_arrays(name, dtype) if as_arrays else params(name)
        try:
            assert_same_bits(found, run(kernel, name, pass_, x, *values))
        except AssertionError as error:
            error.add_note(f"{name} {pass_} {dtype} {as_arrays=}")
            raise
