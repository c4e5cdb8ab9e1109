"""A source tree that was never built: Python started in it computes with NumPy alone, and says so once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import IMPORTED, ROOT

ARRAYS = "import numpy as np; import fastact as fa; x = np.ones(9)\n"


@pytest.fixture(scope="module")
def unbuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like a fresh clone: the package without what the build makes."""
    folder = tmp_path_factory.mktemp("clone")
    built = shutil.ignore_patterns("__pycache__", "_kernels", "_native.*.so", "_native*.pyd")
    shutil.copytree(IMPORTED / "fastact", folder / "fastact", ignore=built)
    for name in ("tests", "examples"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=built)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key != "FASTACT_BACKEND"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def messages(program: str, folder: Path, *options: str, **variables: str) -> list[str]:
    """Run a program, which must succeed, and return its warnings."""
    done = run(folder, *options, "-c", program, **variables)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stderr.splitlines() if "Warning" in line]


def test_it_warns_once(unbuilt: Path) -> None:
    program = ARRAYS + (
        "fa.gelu(x); fa.gelu(x); fa.softmax(x); fa.set_backend('auto'); fa.tanh(x)\n"
        "with fa.use_backend('auto'): fa.tanh(x)\n"
        "assert fa.get_backend() == 'numpy'"
    )
    (message,) = messages(program, unbuilt, "-W", "always")
    assert "RuntimeWarning" in message
    assert f"the source tree {unbuilt} is not built" in message
    assert "pip install -e ." in message


def test_with_warnings_as_errors_the_second_call_works(unbuilt: Path) -> None:
    program = ARRAYS + (
        "try: fa.gelu(x)\nexcept RuntimeWarning: print('once')\nprint(fa.gelu(x).size)"
    )
    assert run(unbuilt, "-W", "error", "-c", program).stdout == "once\n9\n"


@pytest.mark.parametrize(
    "program",
    [
        "import fastact; fastact.backends(); from fastact import *",
        ARRAYS + "fa.set_backend('numpy'); fa.gelu(x)",
        ARRAYS + "with fa.use_backend('numpy'): fa.gelu(x)",
    ],
    ids=["import", "set_backend", "use_backend"],
)
def test_who_does_not_compute_or_asks_for_numpy_is_not_warned(program: str, unbuilt: Path) -> None:
    assert messages(program, unbuilt, "-W", "error") == []


def test_the_variable_is_asking_for_it(unbuilt: Path) -> None:
    assert messages(ARRAYS + "fa.gelu(x)", unbuilt, "-W", "error", FASTACT_BACKEND="numpy") == []
    assert len(messages(ARRAYS + "fa.gelu(x)", unbuilt, FASTACT_BACKEND="auto")) == 1


def test_a_folder_of_bytecode_is_no_build(unbuilt: Path, tmp_path: Path) -> None:
    shutil.copytree(unbuilt / "fastact", tmp_path / "fastact")
    (tmp_path / "fastact/backends/numba/_kernels/__pycache__").mkdir(parents=True)
    assert len(messages(ARRAYS + "fa.gelu(x)", tmp_path)) == 1


def test_info_says_so(unbuilt: Path) -> None:
    done = run(unbuilt, "-m", "fastact", "info")
    assert done.returncode == 0
    assert f"the source tree {unbuilt} is not built" in done.stdout
    assert "is not built" not in run(IMPORTED, "-m", "fastact", "info").stdout


@pytest.mark.parametrize("folder", ["tests", "examples"])
def test_pytest_stops_and_says_so(folder: str, unbuilt: Path) -> None:
    if not (unbuilt / folder).is_dir():
        pytest.skip(f"{folder}/ is not here")
    done = run(unbuilt, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    said = (done.stdout + done.stderr).strip().splitlines()
    assert len(said) < 5
    assert f"the source tree {unbuilt} is not built" in said[-1]
