"""A build without a working compiler: it goes on, and `fastact info` says why there is no extension."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

pytest.importorskip("Cython")
pytest.importorskip("setuptools")
if sys.platform == "win32" or not (ROOT / "setup.py").is_file():
    pytest.skip("no source tree, or not a POSIX compiler", allow_module_level=True)

# Makes empty objects while there is a file `works` beside it.
COMPILER = """#!{python}
import pathlib, sys
if not pathlib.Path(__file__).with_name("works").exists():
    sys.exit("In file included from csrc/pool.c:1:\\ncsrc/pool.c:7: error: no such processor\\nand more")
pathlib.Path(sys.argv[sys.argv.index("-o") + 1]).touch()
"""
SAID = "the extension module was not built: csrc/pool.c:7: error: no such processor"


@pytest.mark.slow
def test_a_failed_compilation_is_told_until_one_succeeds(tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text(COMPILER.format(python=sys.executable), encoding="utf-8")
    compiler.chmod(0o755)
    source = tmp_path / "source"
    built = shutil.ignore_patterns("__pycache__", "_kernels", "_native.*.so", "not_built.txt")
    for name in ("fastact", "csrc"):
        shutil.copytree(ROOT / name, source / name, ignore=built)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)

    def run(*command: str) -> str:
        variables = {"CC": str(compiler), "LDSHARED": str(compiler), "PYTHONPATH": str(source)}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=source,
            env={**os.environ, "FASTACT_BACKEND": "auto", **variables},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    build = ("setup.py", "-q", "build_ext", "--inplace")
    assert "not built; numba, where it is installed, and numpy remain" in run(*build)
    assert SAID in run("-m", "fastact", "info")
    (tmp_path / "works").touch()
    run(*build)
    assert not list(source.rglob("not_built.txt"))
    assert list(source.glob("fastact/backends/cython/_native.*"))
    assert "no such processor" not in run("-m", "fastact", "info")
