"""NEON, cross-compiled and run under an emulator, against what this processor computes."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest

from fastact.backends.cython import backend as cython
from native_cases import (
    CSRC,
    DRIVERS,
    DTYPES,
    IDS,
    KEYS,
    assert_same_bits,
    compile_c,
    inputs,
    outputs,
    params,
    run,
)

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


def requests() -> Iterator[tuple[str, str, str, bool]]:
    for name, pass_, dtype in KEYS:
        yield name, pass_, dtype, False
        if params(name):
            yield name, pass_, dtype, True


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str, bool], list]:
    """Return what NEON gives for every request, from one run of the emulator."""
    program = tmp_path_factory.mktemp("neon") / "kernels"
    compile_c(COMPILER, "neon", [CSRC / "kernels.c", DRIVERS / "kernel_driver.c"], program)
    sent = b"".join(request_bytes(*request) for request in requests())
    done = subprocess.run([EMULATOR, str(program)], input=sent, capture_output=True, timeout=170)
    assert done.returncode == 0, done.stderr.decode()
    found, position = {}, 0
    for request in requests():
        found[request] = outputs(*request[:3], SIZE)
        for array in found[request]:
            array[:] = np.frombuffer(done.stdout, array.dtype, SIZE, position)
            position += array.nbytes
    assert position == len(done.stdout)
    return found


@pytest.mark.parametrize("name,pass_,dtype", KEYS, ids=IDS)
def test_same_bits(name: str, pass_: str, dtype: str, results: dict) -> None:
    kernel = cython.kernel(name, pass_, DTYPES[dtype])
    x = inputs(name, pass_, dtype, SIZE)
    assert_same_bits(results[name, pass_, dtype, False], run(kernel, name, pass_, x, *params(name)))
    if params(name):
        expected = run(kernel, name, pass_, x, *parameter_arrays(name, dtype))
        assert_same_bits(results[name, pass_, dtype, True], expected)
