"""The measurement on a busy machine ends, and leaves no process behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench_programs import bench


def test_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = bench("busy")
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, command: Any, **options: Any) -> None:
            super().__init__(command, **options)
            if command[0] == sys.executable:
                started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    output = tmp_path / "busy.md"
    arguments = ["--rounds", "1", "--processes", "1", "--size", "4096", "--output", str(output)]
    done = CliRunner().invoke(program.busy, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert output.read_text(encoding="utf-8").strip() == done.output.strip()
    assert "| relu | 4,096 |" in done.output
    assert len(started) == 1 and started[0].returncode is not None
