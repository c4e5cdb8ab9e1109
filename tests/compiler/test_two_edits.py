"""Adding an activation is two edits: everything else follows from the table."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import BACKENDS, ROOT

# One build of the package with the activation serves all.
pytestmark = pytest.mark.xdist_group("two edits")

DECLARATION = '''

@elementwise(aliases=("hump",), formula="bend*x*abs(x)", source="nowhere")
def odd_square(x: Any, bend: float = 0.25) -> Any:
    """`bend`·x·|x|."""
    return bend * x * abs(x)


@odd_square.derivative
def odd_square_slope(x: Any, bend: float) -> Any:
    return 2.0 * bend * abs(x)
'''
DEFINITION = """

def odd_square(m: Mathematics, x: Number, bend: Number = 0.25) -> Number:
    return bend * x * abs(x)


@derivative_of(odd_square)
def _(m: Mathematics, x: Number, bend: Number = 0.25) -> Number:
    return 2 * bend * abs(x)
"""
# What the copy does without, so as to be compiled in a second; prelu and rrelu want leaky_relu.
FEWER = """

for _name in set(TABLE) - {"odd_square", "leaky_relu", "relu"}:
    del TABLE[_name]
"""
PROGRAM = """
import numpy as np
import fastact as fa

x = np.linspace(-3, 3, 101, dtype=np.float32)
expected = x * np.abs(x) / 2
available = [name for name, state in fa.backends().items() if state == "available"]
for name in available:
    with fa.use_backend(name):
        np.testing.assert_allclose(fa.hump(x, bend=0.5), expected, rtol=1e-6)
        np.testing.assert_allclose(fa.get("odd_square").vjp(x, x), x * np.abs(x) / 2, rtol=1e-6)
assert "odd_square" in fa.names()
assert "bend" in fa.odd_square.__doc__
print(*available)
"""
PAGE = """
import sys

sys.path[:0] = ["docs", "bench"]
import pages

print(pages.page("odd_square"))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built copy of the sources with one activation more."""
    if not (ROOT / "setup.py").exists() or find_spec("setuptools") is None:
        pytest.skip("the sources or setuptools are not here")
    folder = tmp_path_factory.mktemp("copy")
    ignore = shutil.ignore_patterns("*.so", "_kernels", "__pycache__", "__init__.pyi")
    for name in ("fastact", "csrc"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name, text in (
        ("definitions", DECLARATION + FEWER),
        ("reference", DEFINITION + FEWER),
    ):
        with (folder / "fastact" / name / "activations.py").open("a", encoding="utf-8") as file:
            file.write(text)
    skip = {} if find_spec("Cython") else {"FASTACT_NO_EXTENSION": "1"}
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    environment = {**os.environ, "FASTACT_BUILD_ISAS": "baseline", **skip}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr
    return folder


def run(copy: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_in_every_backend(copy: Path) -> None:
    expected = set(BACKENDS) - (set() if find_spec("Cython") else {"cython"})
    assert set(run(copy, "-c", PROGRAM).split()) == expected


def test_it_is_on_the_command_line(copy: Path) -> None:
    assert "odd_square" in run(copy, "-m", "fastact", "list")
    assert "odd_square" in run(copy, "-m", "fastact", "accuracy", "odd_square", "--count=1000")


def test_it_has_a_picture(copy: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra `plot`")
    assert run(copy, "-m", "fastact", "plot", "odd_square", "-o", "picture.svg") == "picture.svg\n"
    assert (copy / "picture.svg").stat().st_size > 10_000


def test_it_has_a_page(copy: Path) -> None:
    for name in ("sphinx", "myst_parser", "sympy", "matplotlib"):
        pytest.importorskip(name, reason="pages need the extra `docs`")
    for name in ("docs", "bench"):
        generated = shutil.ignore_patterns("_build", "functions", "gallery", "measured")
        shutil.copytree(ROOT / name, copy / name, ignore=generated)
    page = run(copy, "-c", PAGE)
    assert "f(x) = \\mathrm{bend}" in page
    assert "Also known as ``hump``" in page
    assert "Not measured yet" in page


def test_the_tests_know_it(copy: Path) -> None:
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    selected = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/accuracy/test_kernels.py",
                   "tests/accuracy/test_reference.py", "-k", "odd_square")  # fmt: skip
    assert "passed" in selected
    assert "failed" not in selected
