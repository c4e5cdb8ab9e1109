"""Look-ups in compiled loops, for the processor here and for others, whose code is not run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

numba = pytest.importorskip("numba")

# Compiles for the processor that the environment names a loop that looks up, and prints what is in it.
PROGRAM = """
import json, re, sys
import numpy as np
from numba import njit, types
from fastact.backends.numba.operations import fma, independent_loops, load, store
from fastact.backends.numba.tables import leading, table

single = sys.argv[1] == "float32"
kind, rounder = (np.float32, 12582912.0) if single else (np.float64, 6755399441055744.0)
rounder = kind(rounder)
first, second = table(kind, tuple(map(float, range(8)))), table(kind, tuple(float(3 * k * k) for k in range(8)))

def kernel(x, out):
    for i in range(x.size):
        v = load(x, i)
        store(out, i, fma(v, first(v + rounder), second(leading(v))))
    independent_loops()

array = (types.float32 if single else types.float64)[::1]
compiled = njit(error_model="numpy", nogil=True, boundscheck=False)(kernel)
compiled.compile(types.none(array, array))
(code,) = compiled.inspect_asm().values()
found = {word: len(re.findall(word, code)) for word in ("vperm", "gather", "zmm", "ymm")}
if sys.argv[2] == "run":
    x = (np.random.default_rng(1).standard_normal(1003) * 9).astype(kind)
    out = np.empty_like(x)
    compiled(x, out)
    bits = np.uint32 if single else np.uint64
    low = ((x + rounder).view(bits) & bits(7)).astype(kind)
    high = ((x.view(bits) >> bits(22 if single else 51)) & bits(7)).astype(kind)
    found["same"] = bool((out == (x.astype("g") * low + 3 * high * high).astype(kind)).all())
print(json.dumps(found))
"""


def loop(dtype: str, run: bool, **environment: str) -> dict[str, int]:
    command = [sys.executable, "-c", PROGRAM, dtype, "run" if run else "compile"]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_values(dtype: str) -> None:
    assert loop(dtype, True)["same"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("processor", ["skylake-avx512", "haswell", "sandybridge"])
def test_the_instructions(processor: str, dtype: str) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("its instructions are those of x86-64")
    features = "+avx"
    features += ",+avx2,+fma" if processor != "sandybridge" else ""
    features += ",+avx512f" if processor == "skylake-avx512" else ""
    found = loop(dtype, False, NUMBA_CPU_NAME=processor, NUMBA_CPU_FEATURES=features)
    print(processor, dtype, found)
    if processor == "sandybridge":
        assert not found["vperm"]
    else:
        assert found["vperm"] >= 2
        assert not found["gather"]
    assert bool(found["zmm"]) == (processor == "skylake-avx512")
