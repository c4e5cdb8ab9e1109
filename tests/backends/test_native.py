"""The compiled kernels: one answer whatever the vector, thread, alignment or process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from conftest import limits_memory
from fastact import threads
from fastact.backends.cython import backend as cython
from native_cases import (
    DTYPES,
    KEYS,
    assert_same_bits,
    inputs,
    params,
    run,
)
from representatives import looped

if reason := cython.why_unavailable():
    pytest.skip(reason, allow_module_level=True)

from fastact.backends.cython import _native

ISAS = list(_native.available_isas())
PARAMETRIC = [key for key in KEYS if params(key[0])]


@pytest.fixture
def native() -> Iterator[ModuleType]:
    """Lend the module; afterwards the number of threads is what the package says again."""
    yield _native
    _native.set_threads(threads.get_num_threads())


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import os, signal, threading, time\nimport numpy as np\n"
        "from fastact.backends.cython import backend as cython\n" + code
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        # NumPy's BLAS starts threads of its own, which would be counted.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("isa", ISAS)
def test_every_kernel_is_there(isa: str) -> None:
    halves = {(name, pass_, half) for name, pass_, _ in KEYS for half in ("f16", "bf16")}
    assert set(_native.kernels(isa)) == {*KEYS, *halves}


@pytest.mark.parametrize("isa", ISAS[:-1])
@looped("name, pass_, dtype", KEYS)
def test_instruction_sets_agree(name: str, pass_: str, dtype: str, isa: str) -> None:
    x = inputs(name, pass_, dtype, 4099)
    expected = run(_native.kernels(ISAS[-1])[name, pass_, dtype], name, pass_, x, *params(name))
    assert_same_bits(
        run(_native.kernels(isa)[name, pass_, dtype], name, pass_, x, *params(name)), expected
    )


@pytest.mark.parametrize("isa", ISAS)
@looped("name, pass_, dtype", PARAMETRIC)
def test_parameter_arrays_agree_with_scalars(name: str, pass_: str, dtype: str, isa: str) -> None:
    kernel, x = _native.kernels(isa)[name, pass_, dtype], inputs(name, pass_, dtype, 131)
    # What float32 holds exactly has no low part, which arrays cannot give.
    scalars = [float(np.float32(value)) for value in params(name)]
    expected = run(kernel, name, pass_, x, *scalars)
    for choice in range(1, 2 ** len(scalars)):
        mixed = [
            np.full(131, value, DTYPES[dtype]) if choice >> k & 1 else value
            for k, value in enumerate(scalars)
        ]
        assert_same_bits(run(kernel, name, pass_, x, *mixed), expected)


GUARDED = """
import ctypes, mmap
from fastact.backends.cython import _native
page = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)
def guarded(dtype):
    "One page of numbers between two that must not be touched."
    memory = mmap.mmap(-1, 3 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in start, start + 2 * page:
        assert libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(page), 0) == 0
    return np.frombuffer(memory, dtype, page // np.dtype(dtype).itemsize, page)
for isa in _native.available_isas():
    for type_ in "f4", "f8":
        table = _native.kernels(isa)
        g, x, w, y, dy = (guarded(type_) for _ in range(5))
        for n in range(1, 71):
            for part in slice(0, n), slice(x.size - n, x.size):
                key = "f" + str(8 * x.itemsize)
                table["silu", "forward", key](x[part], y[part], 1.0)
                table["silu", "forward", key](x[part], y[part], w[part])
                table["mish", "vjp", key](g[part], x[part], y[part])
                table["relu", "value_and_derivative", key](x[part], y[part], dy[part])
print("untouched")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages with Linux's mprotect")
def test_nothing_beyond_is_touched() -> None:
    done = run_python(GUARDED)
    assert done.stdout == "untouched\n", (done.returncode, done.stderr)


STARTING = """
from fastact import threads
threads.set_num_threads(2)
tasks = lambda: sorted(map(int, os.listdir("/proc/self/task")))
x = np.ones(1 << 20, "f4")
relu = cython.kernel("relu", "forward", np.dtype("f4"))
relu(x[:1000], x[:1000])
assert len(tasks()) == 1
relu(x, x)
_, worker = tasks()
status = dict(line.split(":", 1) for line in open(f"/proc/self/task/{worker}/status"))
print(int(status["SigBlk"], 16) >> (signal.SIGINT - 1) & 1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's /proc")
def test_threads_start_with_the_first_large_call_and_leave_signals_alone() -> None:
    done = run_python(STARTING)
    assert done.stdout == "1\n", done.stderr


NO_THREADS = """
import resource
from fastact import threads
threads.set_num_threads(4)
x, y = np.linspace(-9, 9, 1 << 20, dtype="f4"), np.zeros(1 << 20, "f4")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
mish = cython.kernel("mish", "forward", np.dtype("f4"))
resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 20), resource.RLIM_INFINITY))
mish(x, y)
print(len(os.listdir("/proc/self/task")), y[-1])
"""


@limits_memory
def test_no_thread_to_be_had() -> None:
    done = run_python(NO_THREADS)
    assert done.stdout == "1 9.0\n", done.stderr


INTERRUPTED = """
x = np.full((1 << 24) + 1, 2, "f4")
mish = cython.kernel("mish", "forward", np.dtype("f4"))
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.001)
try:
    mish(x, x)
except KeyboardInterrupt:
    print(x[0] < 2, x[-1])
"""


def test_interrupt_between_slices() -> None:
    slowest = ISAS[-1]
    done = run_python(INTERRUPTED, FASTACT_ISA=slowest)
    assert done.stdout == "True 2.0\n", done.stderr


@pytest.mark.parametrize("isa", ISAS)
def test_instruction_set_from_the_environment(isa: str) -> None:
    done = run_python(
        "cython.kernel('relu', 'forward', np.dtype('f4'))\nprint(cython.describe())",
        FASTACT_ISA=isa,
    )
    assert f"'instruction set': '{isa} (" in done.stdout, done.stderr


def test_wrong_instruction_set() -> None:
    code = """
import fastact as fa
print(cython.why_unavailable())
print(fa.get_backend() != "cython")
fa.set_backend("cython")
"""
    done = run_python(code, FASTACT_ISA="mmx")
    message = f"FASTACT_ISA='mmx': choose one of {', '.join(ISAS)} "
    assert done.stdout.startswith(message)
    assert done.stdout.endswith("True\n")
    assert done.stderr.splitlines()[-1].startswith("ValueError: " + message)


def test_unknown_kernel() -> None:
    with pytest.raises(KeyError, match="the cython backend has no kernel relu, inverse, float32"):
        cython.kernel("relu", "inverse", np.dtype(np.float32))


def test_keywords_are_refused() -> None:
    with pytest.raises(TypeError, match="by position"):
        cython.kernel("silu", "forward", np.dtype(np.float32))(*np.ones((2, 8), "f4"), beta=1.0)


def test_rounding_and_subnormals_stay_as_they_were(native: ModuleType) -> None:
    native.set_threads(2)
    x = inputs("mish", "forward", "f64", 300_000)
    run(cython.kernel("mish", "forward", np.dtype(np.float64)), "mish", "forward", x)
    smallest = np.array([5e-324, 1.0])
    assert (smallest * 3)[0] == 1.5e-323 and 1.0 + 2.0**-53 == 1.0 and 1.0 + 3 * 2.0**-54 > 1.0
