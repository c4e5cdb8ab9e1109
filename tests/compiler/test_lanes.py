"""Every lane primitive of every instruction set that can run here, against one lane of plain C."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from native_cases import DRIVERS, assert_same_bits, compile_c


def runnable() -> list[tuple[str, str, str]]:
    """Return (instruction set, compiler, emulator) for each that can be compiled and run here."""
    found = []
    if sys.platform == "linux" and shutil.which("gcc"):
        flags = Path("/proc/cpuinfo").read_text().split()
        found += [("baseline", "gcc", "")]
        found += [("avx2", "gcc", "")] if {"avx2", "fma"} <= set(flags) else []
        found += [("avx512", "gcc", "")] if "avx512f" in flags else []
    if shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64"):
        found += [("neon", "aarch64-linux-gnu-gcc", "qemu-aarch64")]
    return found


def lanes(isa: str, compiler: str, emulator: str, folder: Path) -> list[np.ndarray]:
    """Return all results of all primitives, float32 and float64."""
    program = folder / isa
    compile_c(compiler, isa, [DRIVERS / "lanes.c"], program)
    done = subprocess.run([*emulator.split(), str(program)], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    third = len(done.stdout) // 3  # as many float32 results as float64 results
    return [
        np.frombuffer(done.stdout[:third], np.float32),
        np.frombuffer(done.stdout[third:], np.float64),
    ]


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    if not runnable():
        pytest.skip("no gcc on Linux here")
    return lanes(*runnable()[0], tmp_path_factory.mktemp("lanes"))


@pytest.mark.parametrize("isa", ["avx2", "avx512", "neon"])
def test_primitives(isa: str, baseline: list[np.ndarray], tmp_path: Path) -> None:
    for candidate in runnable():
        if candidate[0] == isa:
            assert_same_bits(lanes(*candidate, tmp_path), baseline)
            return
    pytest.skip(f"{isa} can neither run nor be emulated here")
