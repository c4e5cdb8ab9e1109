"""What becomes of calls in users' compiled code: packed instructions without a call, cached with their version."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import IMPORTED, check_python
from njit_cases import binding, numba, points, same

FEATURES = binding.get_host_cpu_features()
PACKED = {"fma": r"\bvfn?madd\w+ps\b.*%[yz]mm", "neon": r"\bfml[as]\b.*\.4s"}


def loop_of(function: Any) -> Callable[..., None]:
    def loop(x, y):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            y[i] = function(x[i]) + x[i]

    return loop


def instructions(code: Any) -> list[str]:
    """Return the instructions of a compiled function, without those that call it from Python."""
    (result,) = code.overloads.values()
    name = re.escape(result.fndesc.llvm_func_name)
    text = result.library.get_asm_str()
    body = re.search(rf'^_?"?{name}"?:(.*?)(^\.Lfunc_end|^\s*\.cfi_endproc)', text, re.M | re.S)
    assert body, text[:2000]
    return [line.strip() for line in body[1].splitlines() if line.startswith("\t")]


@pytest.mark.skipif(
    not any(FEATURES.get(name) for name in PACKED), reason="packed fma is for FMA3 and NEON"
)
@pytest.mark.parametrize("name", ["sigmoid", "gelu", "mish", "softplus"])
def test_loops_are_packed_and_call_nothing(name: str) -> None:
    code: Any = numba.njit(loop_of(getattr(fa, name)))
    code.compile((numba.float32[::1], numba.float32[::1]))
    found = instructions(code)
    (pattern,) = (PACKED[name] for name in PACKED if FEATURES.get(name))
    assert any(re.search(pattern, line) for line in found)
    assert not any("gather" in line for line in found)
    # Look-ups of single numbers, those that no whole vector is left for, are calls.
    calls = [line for line in found if re.match(r"(call|bl|blr)\b", line)]
    assert not calls or (name == "gelu" and any("fastact.entries" in line for line in found))


# fastmath must not reach the functions, whose rounding errors are part of how they compute.
WAYS: dict[str, Any] = {
    "njit": numba.njit,
    "fastmath": numba.njit(fastmath=True),
    "parallel": numba.njit(parallel=True),
    "debug": numba.njit(debug=True),
    "checked": numba.njit(boundscheck=True, error_model="python"),
}


@pytest.mark.parametrize("way", WAYS)
def test_options_of_the_calling_function(way: str) -> None:
    gelu = fa.gelu

    def loop(x, y):  # type: ignore[no-untyped-def]
        for i in numba.prange(x.size):
            y[i] = gelu(x[i]) if i % 2 else fa.softplus(x[i], beta=2.3)

    x = points(np.float32)
    y = np.empty_like(x)
    WAYS[way](loop)(x, y)
    wanted = fa.softplus(x, beta=2.3)
    wanted[1::2] = fa.gelu(x)[1::2]
    assert same(y, wanted)


@pytest.mark.slow
def test_vectorize_guvectorize_stencil_and_array_expressions() -> None:
    x = np.linspace(-3, 3, 50, dtype=np.float32)
    square = numba.vectorize(lambda v: fa.silu(v) * v)
    assert np.array_equal(square(x), fa.silu(x) * x)

    @numba.guvectorize("f4[:], f4[:]", "(n)->(n)")
    def smooth(row, out):  # type: ignore[no-untyped-def]
        for i in range(row.size):
            out[i] = fa.mish(row[i])

    assert same(smooth(x.reshape(5, 10)), fa.mish(x.reshape(5, 10)))
    near = numba.stencil(lambda a: fa.tanh(a[-1] + a[1]))
    assert same(numba.njit(lambda a: near(a))(x)[1:-1], fa.tanh(x[:-2] + x[2:]))
    both = numba.njit(lambda a: fa.elu(a) + fa.relu.derivative(a), parallel=True)
    assert same(both(x), fa.elu(x) + fa.relu.derivative(x))


def test_a_function_as_an_argument() -> None:
    apply = numba.njit(lambda f, x: f(x))
    x = np.float64(-0.3)
    for function in fa.gelu, fa.elu, fa.gelu.derivative:
        assert apply(function, x) == function(x)
    assert len(apply.signatures) == 3


# --- in other processes -----------------------------------------------------------------------------------------------

MODULE = """
import fastact as fa
from numba import njit, prange

gelu = fa.gelu

@njit(parallel=True, cache=True)
def loop(x, y):
    for i in prange(x.size):
        y[i] = gelu(x[i])

@njit
def inner(x):
    return fa.tanh(x)

@njit(cache=True)
def outer(x):
    return inner(x)

@njit(cache=True)
def apply(f, x):
    return f(x)

def closed_over(f):
    @njit(cache=True)
    def closed(x):
        return f(x)
    return closed

closed = closed_over(fa.silu)

@njit(cache=True)
def rows(x):
    return fa.softmax(x)
"""
PROGRAM = """
import sys
import numpy as np
from fastact import {version}
import users
x = np.linspace(-3, 3, 10, dtype=np.float32)
y = np.empty_like(x)
users.loop(x, y)
users.apply(users.fa.mish, 0.5), users.closed(0.5), users.outer(0.5), users.rows(x)
assert np.array_equal(y, users.gelu(x))
cached = [users.loop, users.apply, users.closed, users.outer, users.rows]
print([sum(one.stats.cache_hits.values()) for one in cached])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that tells of the entry point, wherever this fastact was imported from."""
    folder = tmp_path_factory.mktemp("installed")
    about = folder / "fastact_numba_test-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fastact-numba-test\nVersion: 0\n")
    (about / "entry_points.txt").write_text(f"[numba_extensions]\ninit = {entry_point()}\n")
    return folder


def entry_point() -> str:
    """Return what pyproject.toml declares, or an installed package tells."""
    import tomllib
    from importlib.metadata import entry_points

    declared = IMPORTED / "pyproject.toml"
    if declared.exists():
        project = tomllib.loads(declared.read_text(encoding="utf-8"))["project"]
        return str(project["entry-points"]["numba_extensions"]["init"])
    (found,) = (one for one in entry_points(group="numba_extensions") if "fastact" in one.value)
    return found.value


def run(installed: Path, program: str, **variables: str) -> str:
    import os

    path = os.pathsep.join((str(IMPORTED), str(installed), os.environ.get("PYTHONPATH", "")))
    return check_python(program, PYTHONPATH=path, **variables).strip()


@pytest.mark.slow
def test_code_is_cached_with_the_version(installed: Path, tmp_path: Path) -> None:
    (installed / "users.py").write_text(MODULE)
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    program = PROGRAM.format(version="__version__")
    assert run(installed, program, **cache) == "[0, 0, 0, 0, 0]"
    assert run(installed, program, **cache) == "[1, 1, 1, 1, 1]"
    other = "import fastact._version as version; version.__version__ += '.1'" + program
    assert run(installed, other, **cache) == "[0, 0, 0, 0, 0]"
    assert run(installed, other, **cache) == "[1, 1, 1, 1, 1]"


@pytest.mark.slow
def test_nothing_is_imported_before_numba_compiles(installed: Path) -> None:
    program = """
import sys
import fastact as fa
fa.gelu
assert "numba" not in sys.modules
from numba import njit
f = njit(lambda x: fa.gelu(x))
assert not [name for name in sys.modules if name.startswith("fastact.numba_extension")]
print(f(1.0) == fa.gelu(1.0), "fastact.numba_extension.lowering" in sys.modules)
"""
    assert (
        run(installed, program, FASTACT_BACKEND="cython" if has_cython() else "auto") == "True True"
    )


def has_cython() -> bool:
    return fa.backends()["cython"] == "available"
