"""The polynomials are what the script that is kept for them fits."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.mark.exhaustive
def test_fitting_again_gives_the_same_digits() -> None:
    command = [sys.executable, str(ROOT / "tools" / "fit.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stdout + done.stderr
