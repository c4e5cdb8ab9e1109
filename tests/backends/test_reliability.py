"""What a program does to a library when nobody is looking: threads, forks, signals, other processes.

Each case runs in a process of its own, with a time limit, on every backend that is there.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import BACKENDS, IMPORTED, check_python

each_backend = pytest.mark.parametrize("backend", BACKENDS)

PRELUDE = """
import os, pickle, signal, sys, threading, time, warnings
import numpy as np
import fastact as fa
from fastact.functions.elementwise import FUNCTIONS
heavy = fa.mish
small = os.environ["FASTACT_BACKEND"] == "numpy"
x = np.random.default_rng(0).standard_normal(20_000 if small else 600_000).astype(np.float32)
"""


@each_backend
def test_eight_threads_at_once(backend: str) -> None:
    program = """
fa.set_num_threads(1)
expected = heavy(x), heavy.vjp(x, x), heavy(x[::2])
fa.set_num_threads(2)
wrong, barrier = [], threading.Barrier(8)
def work():
    barrier.wait()
    for _ in range(9):
        got = heavy(x), heavy.vjp(x, x), heavy(x[::2])
        if not all(np.array_equal(a, b) for a, b in zip(got, expected)):
            wrong.append(1)
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert not wrong
"""
    check_python(PRELUDE + program, FASTACT_BACKEND=backend, timeout=120)


@pytest.mark.slow
@each_backend
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing(method: str, backend: str, tmp_path) -> None:
    if method == "fork" and not hasattr(os, "fork"):
        pytest.skip("no fork here")
    script = tmp_path / "main.py"
    script.write_text(
        "import multiprocessing, sys, warnings\n"
        "import numpy as np\n"
        "import fastact as fa\n"
        "from fastact.functions.elementwise import FUNCTIONS\n"
        "def apply(job):\n"
        "    function, x = job\n"
        "    return function(x)\n"
        "if __name__ == '__main__':\n"
        "    warnings.simplefilter('ignore')\n"
        "    x = np.linspace(-4, 4, 100_000)\n"
        "    function = next(f for f in FUNCTIONS.values() if not f.parameters)\n"
        "    expected = [function(x), function.derivative(x)]\n"
        "    context = multiprocessing.get_context(sys.argv[1])\n"
        "    with context.Pool(2) as pool:\n"
        "        jobs = [(function, x), (function.derivative, x)]\n"
        "        results = pool.map_async(apply, jobs).get(30)\n"
        "    assert all(map(np.array_equal, results, expected))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(IMPORTED), "FASTACT_BACKEND": backend}
    command = [sys.executable, str(script), method]
    subprocess.run(command, check=True, timeout=60, env=environment)


@pytest.mark.skipif(not importlib.util.find_spec("joblib"), reason="joblib is not installed")
def test_joblib_loky() -> None:
    program = """
import joblib
y = joblib.Parallel(2)(joblib.delayed(f)(x) for f in (heavy, heavy.derivative))
assert all(map(np.array_equal, y, (heavy(x), heavy.derivative(x))))
"""
    check_python(PRELUDE + program, FASTACT_BACKEND="numpy", timeout=60)


@pytest.mark.slow
@each_backend
def test_interrupt_during_a_long_call(backend: str) -> None:
    program = """
base = np.ones(1 << 16, np.float32)
long = np.lib.stride_tricks.as_strided(base, (1 << 15, 1 << 16), (0, 4))  # 2**31 elements
contiguous = np.ones(1 << 24, np.float32)
out = np.empty_like(contiguous)
heavy(x); heavy(x[::2])
print("ready", flush=True)
began = time.monotonic()
try:
    if sys.argv[1] == "strided":
        heavy(long, out=np.lib.stride_tricks.as_strided(base.copy(), long.shape, (0, 4)))
    else:
        while True:
            heavy(contiguous, out=out)
except KeyboardInterrupt:
    print("stopped", flush=True)
assert np.array_equal(heavy(x), heavy(x.copy()))
"""
    for layout in ("contiguous", "strided"):
        environment = {**os.environ, "PYTHONPATH": str(IMPORTED), "FASTACT_BACKEND": backend}
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + program, layout],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        with process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == "ready\n"
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
                sent = time.monotonic()
                assert process.stdout.readline() == "stopped\n"
                assert time.monotonic() - sent < 2
                assert process.wait(20) == 0
            finally:
                process.kill()


def test_out_of_memory_is_a_memory_error() -> None:
    program = """
wide = np.lib.stride_tricks.as_strided(np.ones(1), (1 << 46,), (0,))
for call in (heavy, heavy.derivative, heavy.value_and_derivative):
    try:
        call(wide)
    except MemoryError:
        continue
    raise AssertionError("no MemoryError")
"""
    check_python(PRELUDE + program, FASTACT_BACKEND="numpy")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="maps memory as Linux does")
@pytest.mark.parametrize(
    "backend", [name for name in BACKENDS if name != "numpy"]
)  # in its own loops
def test_more_than_two_to_the_31_elements(backend: str) -> None:
    """Contiguous arrays whose first 2**31 elements share 64 MiB, so that the memory is to be had anywhere."""
    program = """
import ctypes, mmap
PRIVATE, SHARED, FIXED, NORESERVE = 2, 1, 0x10, 0x4000
tail, piece, size = 1 << 16, 1 << 26, 1 << 33
block = mmap.mmap(-1, size + piece, flags=PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE)
x = np.frombuffer(block, np.float32)
place, memory = ctypes.CDLL(None).mmap, os.memfd_create("x")
place.restype, place.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
os.ftruncate(memory, piece)
for at in range(x.ctypes.data, x.ctypes.data + size, piece):
    assert place(at, piece, mmap.PROT_READ | mmap.PROT_WRITE, SHARED | FIXED, memory, 0) == at
x = x[: (1 << 31) + tail]
x[-2 * tail :] = -1
assert fa.relu(x, out=x) is x
assert not x[-2 * tail :].any()
if os.environ["FASTACT_BACKEND"] == "cython":  # Numba's rows take a minute here
    x[-tail:] = 1
    rows = fa.logsumexp(x.reshape(-1, tail), axis=1)
    assert np.allclose(rows, np.where(np.arange(rows.size) == rows.size - 1, 1, 0) + np.log(tail))
"""
    check_python(PRELUDE + program, FASTACT_BACKEND=backend, timeout=120)


@each_backend
def test_other_libraries_thread_counts_are_left_alone(backend: str) -> None:
    program = """
environment = dict(os.environ)
def settings():
    numba = sys.modules.get("numba")
    return dict(os.environ) == environment, numba and (numba.get_num_threads(), numba.config.NUMBA_NUM_THREADS)
if os.environ["FASTACT_BACKEND"] == "numba":
    import numba
    numba.set_num_threads(1)
before = settings()
for count in (3, 2):
    fa.set_num_threads(count)
    heavy(x); heavy.vjp(x, x); fa.softmax(x.reshape(100, -1)); fa.swiglu(x, x)
    assert settings() == before, (settings(), before)
"""
    check_python(PRELUDE + program, FASTACT_BACKEND=backend)


@each_backend
def test_floating_point_environment_is_left_alone(backend: str) -> None:
    program = """
def environment():
    tiny, one = np.float32(1e-40), np.array([1.0])
    return (tiny * np.float32(0.5) != 0, np.float64(5e-324) / 1 != 0, 1 + 2.0**-53 == 1,
            1 + 3 * 2.0**-54 > 1, np.geterr())
before, half = environment(), x.astype("e")
with np.errstate(all="raise"):
    inside = environment()
    heavy(x); heavy(x[::2]); heavy.vjp(x, x); heavy([1, 2]); heavy(half)
    assert environment() == inside
assert environment() == before
"""
    check_python(PRELUDE + program, FASTACT_BACKEND=backend)


@each_backend
def test_import_starts_no_thread(backend: str) -> None:
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("no /proc here")
    program = """
import os, numpy
before = len(os.listdir("/proc/self/task"))
import fastact as fa
assert len(os.listdir("/proc/self/task")) == before
"""
    check_python(program, FASTACT_BACKEND=backend)


@each_backend
def test_first_calls_from_many_threads_and_backends(backend: str) -> None:
    """Every table that is filled on first use, with threads that switch at nearly every instruction."""
    program = """
import numpy as np
import os, sys, threading
import fastact as fa
sys.setswitchinterval(1e-6)
names = ["numpy", os.environ["FASTACT_BACKEND"]]
x = np.linspace(-3, 3, 400, dtype=np.float32).reshape(20, 20)
errors, results, barrier = [], {}, threading.Barrier(8)
def work(k):
    barrier.wait()
    try:
        for turn in range(3):
            fa.set_backend(names[(k + turn) % 2])
            fa.set_num_threads(1 + (k + turn) % 3)
            fa.backends(), fa.get("hard_swish"), dir(fa)
            with fa.use_backend(names[1]):
                made = (fa.relu(x), fa.elu.derivative(x[::2]), fa.softmax(x), fa.swiglu(x, x),
                        fa.binary_cross_entropy_with_logits(x, x > 0), fa.elu(x, alpha=abs(x)))
            assert all(map(np.array_equal, made, results.setdefault(0, made)))
            assert fa.__getattr__("relu") is fa.relu
            fa.register_backend(f"other {k % 2}", lambda: sys.modules["fastact.backends.numpy"])
            with fa.use_backend(f"other {k % 2}"):
                fa.mish(x)
    except BaseException as error:
        errors.append(error)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert not errors, errors
"""
    check_python(program, FASTACT_BACKEND=backend, timeout=120)


@each_backend
def test_first_calls_of_one_function(backend: str) -> None:
    program = """
functions = [f for f in FUNCTIONS.values() if not f.parameters][:2]
errors, barrier = [], threading.Barrier(8)
def work(k):
    barrier.wait()
    try:
        for f in functions:
            with fa.use_backend(("numpy", os.environ["FASTACT_BACKEND"])[k % 2]):
                f(x[:100]); f.derivative(x[:100:2])
    except BaseException as error:
        errors.append(error)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert not errors, errors
"""
    check_python(PRELUDE + program, FASTACT_BACKEND=backend)
