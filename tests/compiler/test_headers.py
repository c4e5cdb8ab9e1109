"""The headers for users' own C, C++ and Cython code: the bits of the kernels, and the example that uses them."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import ROOT, check_python
from fastact.functions.elementwise import FUNCTIONS
from fastact.functions.gates import GATED

if sys.platform == "win32" or not shutil.which("gcc"):
    pytest.skip("no gcc here", allow_module_level=True)

EXAMPLE = ROOT / "examples" / "cython_module"
TYPES = {"f32": "float", "f64": "double"}
COUNT = 400
# The instruction for a fused multiply-add, without which each is a call of the C library.
CPUINFO = Path("/proc/cpuinfo")
FMA = ["-mfma"] if CPUINFO.exists() and "fma" in CPUINFO.read_text().split() else []


def points(dtype: str, seed: int) -> np.ndarray[Any, Any]:
    """Return numbers of all sizes, and some of the usual ones."""
    random = np.random.default_rng(seed)
    kind, bits = {"f32": (np.float32, np.uint32), "f64": (np.float64, np.uint64)}[dtype]
    anything = random.integers(0, np.iinfo(bits).max, COUNT // 2, bits, endpoint=True).view(kind)
    return np.concatenate((anything, random.normal(0, 4, COUNT // 2).astype(kind)))


def cases() -> Iterator[tuple[Any, str, dict[str, float]]]:
    """Yield each pass of each function in each type, with parameters that are no float32 where it has some."""
    for function in (*FUNCTIONS.values(), *GATED.values()):
        params = function.declaration.params
        defaults = {
            name: 1.5 if one.default is None else one.default for name, one in params.items()
        }
        shifted = {name: 1.1 * value + 0.01 for name, value in defaults.items()}
        for one in function.passes.values():
            for dtype in TYPES:
                yield one, dtype, shifted if dtype == "f32" else defaults


def call(one: Any, dtype: str, parameters: dict[str, float]) -> str:
    """Return the C statement that computes element i and writes it, for inputs that are called a, b and c."""
    name = one.declaration.name + ("" if one.pass_ == "forward" else f"_{one.pass_}")
    values = [repr(v) if np.isfinite(v) else "INFINITY" for v in parameters.values()]
    given = [f"{dtype}_{k}[i]" for k in range(one.nin)] + values
    if one.nout == 1:
        return f"r[0] = fastact_{name}_{dtype}({', '.join(given)});"
    return f"fastact_{name}_{dtype}({', '.join((*given, '&r[0]', '&r[1]'))});"


def program() -> str:
    lines = ["#include <stdio.h>", "#include <fastact.h>", f"enum {{ COUNT = {COUNT} }};"]
    for dtype, kind in TYPES.items():
        lines += [f"static {kind} {dtype}_{k}[COUNT];" for k in range(3)]
    lines += ["int main(void)", "{", "    size_t got = 0;"]
    for dtype, kind in TYPES.items():
        lines += [f"    got += fread({dtype}_{k}, sizeof({kind}), COUNT, stdin);" for k in range(3)]
    for one, dtype, parameters in cases():
        lines += [
            "    for (int i = 0; i < COUNT; i++) {",
            f"        {TYPES[dtype]} r[2];",
            f"        {call(one, dtype, parameters)}",
            f"        got += fwrite(r, sizeof r[0], {one.nout}, stdout);",
            "    }",
        ]
    return "\n".join((*lines, "    return got == 0;", "}")) + "\n"


def compile_program(compiler: str, source: str, folder: Path, *flags: str) -> Path:
    file, target = folder / "program.c", folder / "program"
    file.write_text(source)
    command = [compiler, "-Wall", "-Wextra", "-Werror", *flags, f"-I{fa.get_include()}"]
    done = subprocess.run(
        [*command, str(file), "-o", str(target), "-lm"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[:3000]
    return target


@pytest.mark.slow
def test_c_has_the_bits_of_the_kernels(tmp_path: Path) -> None:
    """With what gcc does of its own accord: it may fuse products with sums, and vectorise."""
    target = compile_program("gcc", program(), tmp_path, "-O2", *FMA)
    data = {dtype: [points(dtype, seed) for seed in range(3)] for dtype in TYPES}
    given = b"".join(array.tobytes() for arrays in data.values() for array in arrays)
    found = subprocess.run([str(target)], input=given, capture_output=True, check=True).stdout
    start = 0
    for one, dtype, parameters in cases():
        inputs = data[dtype][: one.nin]
        with np.errstate(all="ignore"):
            wanted = one(*inputs, **parameters)
        wanted = np.stack(wanted, -1) if one.nout == 2 else wanted
        results = np.frombuffer(found, inputs[0].dtype, wanted.size, start).reshape(wanted.shape)
        start += wanted.nbytes
        assert np.array_equal(results, wanted, equal_nan=True), (one, dtype)
    assert start == len(found)


@pytest.mark.parametrize("language", ["c11", "gnu17", "c++17"])
def test_languages(language: str, tmp_path: Path) -> None:
    compiler = "g++" if "+" in language else "gcc"
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    source = (
        "#include <stdio.h>\n#include <fastact/gelu.h>\n#include <fastact.h>\n"
        'int main(void) { printf("%.9g", (double)fastact_gelu_f32(1.5f, INFINITY)); return 0; }\n'
    )
    kind = ["-x", "c++"] if compiler == "g++" else []
    target = compile_program(compiler, source, tmp_path, f"-std={language}", "-pedantic", *kind)
    printed = subprocess.run([str(target)], capture_output=True, check=True).stdout
    assert np.float32(printed.decode()) == fa.gelu(np.float32(1.5))


def test_fast_math_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="-ffast-math would change how results are rounded"):
        compile_program(
            "gcc", "#include <fastact.h>\nint main(void) { return 0; }\n", tmp_path, "-ffast-math"
        )


USE = """
import numpy as np, fastact as fa, cython_loops as loops
for dtype in np.float32, np.float64:
    x = np.linspace(-9, 9, 1001, dtype=dtype)
    out, value, gradient = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    loops.forward(x, out, beta=2.0)
    assert np.array_equal(out, fa.gelu(x) * fa.tanh(x) + fa.softplus(x, 2.0))
    loops.forward(x, out)
    assert np.array_equal(out, fa.gelu(x) * fa.tanh(x) + fa.softplus(x))
    loops.train(x, x[::-1].copy(), value, gradient)
    assert np.array_equal(value, fa.silu(x)) and np.array_equal(gradient, fa.silu.vjp(x[::-1], x))
    if fa.backends()["cython"] == "available":
        loops.smooth(x, out, 0.3)
        assert np.array_equal(out, fa.gelu(fa.elu(x, 0.3)))
        loops.gradients(x, x[::-1].copy(), out, value, gradient)
        assert np.array_equal((value, gradient), fa.swiglu.vjp(x, x[::-1], out))
        unaligned = np.frombuffer(b"abcdefgh" + x.tobytes(), dtype)[8 // x.itemsize + 3:]
        loops.smooth(unaligned, out[3:])
        assert np.array_equal(out[3:], fa.gelu(fa.elu(x[3:])))
assert loops.slopes(-0.7) == (fa.leaky_relu(-0.7), fa.leaky_relu(-0.7, 0.25), *fa.swiglu.vjp(1.0, -0.7, -0.7))
"""


WITHOUT = """
import sys
import numpy as np, cython_loops as loops
sys.modules["fastact.backends.cython._native"] = None
x = np.ones(3)
for _ in range(2):
    try:
        loops.smooth(x, x)
    except ImportError as error:
        assert "fastact.backends.cython._native" in str(error)
    else:
        raise AssertionError("no error")
loops.forward(x, x)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="-march=native of gcc for x86")
def test_example_for_cython(tmp_path: Path) -> None:
    """Built in another folder, from what is imported here or installed."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    folder = tmp_path / "cython_module"
    shutil.copytree(EXAMPLE, folder)
    build = (
        "import os, sys, warnings\n"
        f"os.chdir({str(folder)!r})\nwarnings.simplefilter('default')\n"
        "sys.argv[1:] = ['-q', 'build_ext', '--inplace']\n"
        "exec(compile(open('setup.py').read(), 'setup.py', 'exec'))\n"
    )
    check_python(build, timeout=120)
    check_python(f"import sys; sys.path.insert(0, {str(folder)!r})\n{USE}")
    check_python(f"import sys; sys.path.insert(0, {str(folder)!r})\n{WITHOUT}")
