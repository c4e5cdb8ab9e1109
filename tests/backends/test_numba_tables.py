"""Look-ups in compiled loops, for the processor here and for others, whose code is not run."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from conftest import BACKENDS, check_python

numba = pytest.importorskip("numba")
binding = pytest.importorskip("llvmlite.binding")

# Compiles for the processor that the environment names a loop that looks up, and prints what is in it.
PROGRAM = """
import json, re, sys
import numpy as np
from numba import njit, types
from fastact.backends.numba.arithmetic import inlined
from fastact.backends.numba.operations import STEP_F32, STEP_F64, independent_loops, load, step_at, store
from fastact.backends.numba.tables import BLOCK

single = sys.argv[1] == "float32"
kind, rounder = (np.float32, 12582912.0) if single else (np.float64, 6755399441055744.0)

def piece(o, in0):
    first = o.lookup(o.add(in0, rounder), *map(float, range(8)))
    return [o.fma(in0, first, o.lookup(o.leading(in0), *(float(3 * k * k) for k in range(8))))]

name = "f32" if single else "f64"
step = STEP_F32 if single else STEP_F64
looked_up = inlined(name, piece, in_blocks=True)
alone = inlined(name, piece)

def kernel(x, out):
    whole = x.size - x.size % BLOCK
    for block in range(0, whole, BLOCK):
        for place in range(0, BLOCK, step):
            i = step_at(block + place, step)
            store(out, i, looked_up(load(x, i), place))
    for place in range(x.size - whole):
        store(out, whole + place, looked_up(load(x, whole + place), place))
    independent_loops()

def plain(x, out):
    for i in range(x.size):
        store(out, i, alone(load(x, i)))
    independent_loops()

array = (types.float32 if single else types.float64)[::1]
options = njit(error_model="numpy", nogil=True, boundscheck=False)
compiled = options(kernel)
compiled.compile(types.none(array, array))
PATTERNS = {"perm": r"vperm(?:ps|pd|d|q)\\s.*%[yz]mm", "pairs": r"vpermilpd\\s+[^$]"}
users = options(plain)
users.compile(types.none(array, array))
code = "".join(text for made in (compiled, users) for text in made.inspect_asm().values())
found = {word: len(re.findall(PATTERNS.get(word, word), code)) for word in ("perm", "pairs", "gather", "zmm")}
if sys.argv[2] == "run":
    x = (np.random.default_rng(1).standard_normal(1003) * 9).astype(kind)
    out = np.empty_like(x)
    compiled(x, out)
    bits = np.uint32 if single else np.uint64
    low = ((x + kind(rounder)).view(bits) & bits(7)).astype(kind)
    high = ((x.view(bits) >> bits(22 if single else 51)) & bits(7)).astype(kind)
    found["same"] = bool((out == (x.astype("g") * low + 3 * high * high).astype(kind)).all())
    there = np.empty_like(x)
    users(x, there)
    found["same"] &= bool((out == there).all())
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
    assert bool(found["zmm"]) == (processor == "skylake-avx512")
    if processor == "sandybridge":
        assert not found["perm"]
        return
    assert not found["gather"]
    assert found["perm"] >= 8  # two tables, four vectors at a time, or halves of two
    # In users' loops AVX2 chooses one of four pairs of doubles; how often LLVM interleaves that is its business.
    if (processor, dtype) == ("haswell", "float64"):
        assert found["pairs"] >= 8


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_vectors_of_every_length(dtype: str, count: int) -> None:
    """Row kernels look up whole vectors."""
    ir = pytest.importorskip("llvmlite.ir")
    from llvmlite import binding
    from numba.core.registry import cpu_target

    from fastact.backends.numba.rows.vectors import Operations

    numbers, integer = {
        "f32": (ir.FloatType(), np.uint32),
        "f64": (ir.DoubleType(), np.uint64),
    }[dtype]
    vector = ir.VectorType(numbers, count)
    codegen = cpu_target.target_context.codegen()
    module = ir.Module()
    module.triple = binding.get_process_triple()
    kind = ir.FunctionType(ir.VoidType(), [vector.as_pointer(), vector.as_pointer()])
    builder = ir.IRBuilder(ir.Function(module, kind, "chosen").append_basic_block())
    source, target = builder.function.args
    operations = Operations(builder, vector)
    index = builder.load(source, align=1)
    entries = [float(3 * k) for k in range(8)]
    builder.store(operations.lookup(index, *entries), target, align=1)
    builder.ret_void()
    machine = binding.Target.from_default_triple().create_target_machine(
        features=codegen.magic_tuple()[2], cpu=codegen.magic_tuple()[1], jit=True
    )
    with binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine) as engine:
        engine.finalize_object()
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
            engine.get_function_address("chosen")
        )
        # Bits above the lowest three are to be ignored.
        patterns = np.random.default_rng(0).integers(0, 1 << 30, count).astype(integer)
        found = np.empty(count, dtype.replace("f32", "f4").replace("f64", "f8"))
        call(patterns.ctypes.data, found.ctypes.data)
    assert found.tolist() == [entries[p & 7] for p in patterns.tolist()]


# Functions with tables in float64, one with a parameter in an array: whether Numba and C give the same bits.
SAME_BITS = """
import numpy as np
import fastact as fa
from fastact.backends import registry
random = np.random.default_rng(3)
for n in (1, 15, 16, 64, 65, 1003):
    x, y = random.uniform(0, 1, (2, n))
    p = random.uniform(0.1, 0.9, n)
    def results():
        yield from (f(x) for f in (fa.entr, fa.log1p, fa.log_expm1, fa.erfinv, fa.entr.derivative))
        yield from (fa.log1mexp(-x), fa.rel_entr(x, y), fa.erfinv.vjp(y, x), *fa.log1p.value_and_derivative(x))
        out = np.empty(n)
        registry.active().kernel("kl_div", "forward", np.dtype(float))(x, y, out, p, 1.0)
        yield out
    found = []
    for backend in ("cython", "numba"):
        with fa.use_backend(backend):
            found.append([*results()])
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a, b, equal_nan=True), n
print("same")
"""


def test_the_bits_of_c_in_vectors_of_avx2() -> None:
    if BACKENDS.count("cython") == 0 or not binding.get_host_cpu_features().get("avx2"):
        pytest.skip("the extension is not built, or the processor has no AVX2")
    features = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"}
    assert check_python(SAME_BITS, **{**os.environ, **features}).split() == ["same"]
