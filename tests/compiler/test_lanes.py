"""Every lane primitive of every instruction set that can run here, against one lane of plain C."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from native_cases import DRIVERS, assert_same_bits, compile_c, instruction_sets


def runnable() -> list[tuple[str, str, str]]:
    """Return (instruction set, compiler, emulator) for each that can be compiled and run here."""
    found = []
    for isa, (processor, flags) in instruction_sets().items():
        cross, emulator = f"{processor}-linux-gnu-gcc", f"qemu-{processor}"
        if sys.platform == "linux" and processor in ("any", platform.machine()):
            features = set(Path("/proc/cpuinfo").read_text().split())
            if shutil.which("gcc") and {flag.removeprefix("-m") for flag in flags} <= features:
                found.append((isa, "gcc", ""))
        elif not flags and shutil.which(cross) and shutil.which(emulator):
            found.append((isa, cross, emulator))
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
    if ("baseline", "gcc", "") not in runnable():
        pytest.skip("no gcc on Linux here")
    return lanes("baseline", "gcc", "", tmp_path_factory.mktemp("lanes"))


@pytest.mark.parametrize("isa", [isa for isa in instruction_sets() if isa != "baseline"])
def test_primitives(isa: str, baseline: list[np.ndarray], tmp_path: Path) -> None:
    for candidate in runnable():
        if candidate[0] == isa:
            assert_same_bits(lanes(*candidate, tmp_path), baseline)
            return
    pytest.skip(f"{isa} can neither run nor be emulated here")
