"""`compare.py --isa avx2` holds every library to AVX2, and says so in its result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench_programs import BENCH, bench
from fastact.backends.cython import backend

if (REASON := backend.why_unavailable()) is not None:
    pytest.skip(REASON, allow_module_level=True)


def test_result_says_what_was_held(tmp_path: Path) -> None:
    pytest.importorskip("ml_dtypes")
    output = tmp_path / "speed.json"
    options = ["--isa", "avx2", "--function", "relu", "--size", "1", "--rounds", "1"]
    chosen = ["--with", "cython", "--with", "numba", "--dtype", "float32", "--pass", "forward"]
    command = [sys.executable, str(BENCH / "compare.py"), *options, *chosen]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTACT_")}
    done = subprocess.run(
        [*command, "--output", str(output)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    if "FASTACT_ISA='avx2'" in done.stderr:
        pytest.skip("no AVX2 here")
    assert done.returncode == 0, done.stderr
    document = json.loads(output.read_text(encoding="utf-8"))
    assert document["isa"] == "avx2"
    assert document["machine"]["describe"]["instruction set"].startswith("avx2")


def test_not_held_unless_all_variables_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    isa = bench("instruction_set")
    monkeypatch.setenv("FASTACT_ISA", "avx2")
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    assert isa.held() is None
