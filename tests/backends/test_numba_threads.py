"""The numba backend under threads and forks, without threads, and beside the user's code on Numba's threads."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import BACKENDS, IMPORTED, limits_memory
from fastact.backends.numba import backend

if (REASON := backend.why_unavailable()) is not None:
    pytest.skip(REASON, allow_module_level=True)

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="counts threads in Linux's /proc")
LAYERS = {"workqueue": "workqueue", "omp": "omppool", "tbb": "tbbpool"}

BOTH = pytest.mark.parametrize(
    "variables",
    [{}] * ("cython" in BACKENDS) + [{"WITHOUT_EXTENSION": "1"}],
    ids=["extension"] * ("cython" in BACKENDS) + ["no extension"],
)
EACH_LAYER = pytest.mark.parametrize("layer", LAYERS)

# `check` computes elements and rows on two threads and tells whether the results are those of one.
PRELUDE = """
import os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
if "WITHOUT_EXTENSION" in os.environ:
    sys.modules["fastact.backends.cython._native"] = None
import numpy as np
X = np.random.default_rng(0).standard_normal((600, 1000)).astype(np.float32)

def import_fastact():
    global fa
    import fastact as fa
    fa.set_backend("numba")

def compute():
    return fa.gelu(X), fa.softmax(X), fa.softmax(X, axis=0), fa.gelu.vjp(X, X)

def prepare():
    global EXPECTED
    import_fastact()
    fa.set_num_threads(1)
    EXPECTED = compute()
    fa.set_num_threads(2)

def check():
    return all(map(np.array_equal, compute(), EXPECTED))

def in_child(work):
    child = os.fork()
    if not child:
        signal.alarm(60)
        try:
            os._exit(0 if work() else 9)
        finally:
            os._exit(8)
    return child

def code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def together(*work):
    results = []
    crew = [threading.Thread(target=lambda f=f: results.append(f())) for f in work]
    for thread in crew: thread.start()
    for thread in crew: thread.join()
    return len(results) == len(work) and all(results)
"""
# What a user's own program has: a loop on Numba's threads.
OWN_LOOP = """
from numba import njit, prange
@njit(parallel=True)
def own_loop(x):
    total = 0.0
    for i in prange(x.size):
        total += x.flat[i]
    return total
"""


def run(script: str, before: str = "", **variables: str) -> None:
    """Run a script in a process of its own, after a command of the shell. It must end well."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("FASTACT_")
    }
    environment |= {"PYTHONPATH": str(IMPORTED), **variables}
    shell = ["sh", "-c", f'{before} && exec "$0" "$@"'] if before else []
    done = subprocess.run(
        [*shell, sys.executable, "-W", "error", "-c", PRELUDE + script],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment,
    )
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, (done.returncode, done.stderr)


def layer_of(layer: str) -> dict[str, str]:
    try:
        importlib.import_module(f"numba.np.ufunc.{LAYERS[layer]}")
    except ImportError as error:
        pytest.skip(f"Numba's {layer} layer cannot be loaded: {error}")
    return {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "4"}


# With the extension, eight callers and a fork after use are of the conformance suite.


def test_eight_callers_at_once() -> None:
    script = "prepare(); assert together(*[lambda: all(check() for _ in range(9))] * 8)"
    run(script, WITHOUT_EXTENSION="1")


@needs_fork
def test_fork_after_use() -> None:
    script = """
prepare()
assert check()
def child():
    serial = check()
    fa.set_num_threads(2)
    return serial and check() and together(check, check)
children = [in_child(child) for _ in range(4)]
assert check() and [code(child) for child in children] == [0, 0, 0, 0]
"""
    run(script, WITHOUT_EXTENSION="1")


@needs_fork
@BOTH
def test_fork_while_others_compute(variables: dict[str, str]) -> None:
    script = """
prepare()
assert check()
done = threading.Event()
def compute_on():
    while not done.is_set():
        if not check(): return False
    return True
def forks():
    def child():
        fa.set_num_threads(2)
        return check()
    try:
        return [code(in_child(child)) for _ in range(10)] == [0] * 10
    finally:
        done.set()
assert together(compute_on, forks)
"""
    run(script, **variables)


@needs_proc
@BOTH
def test_as_many_threads_as_allowed(variables: dict[str, str]) -> None:
    script = """
import_fastact()
fa.set_num_threads(1)
def count():
    compute()
    return len(os.listdir("/proc/self/task"))
alone = count()
for allowed in (2, 2, 4, 3):
    fa.set_num_threads(allowed)
    assert count() == alone + (1 if allowed == 2 else 3)
"""
    run(script, **variables)


def test_pieces_are_done_side_by_side(tmp_path: Path) -> None:
    """A piece waits for the other: one thread alone would have to give up."""
    (tmp_path / "meeting.py").write_text(
        "from fastact.backends.numba.words import add, get, pause, put\n"
        "def meet(place, k):\n"
        "    add(place, 0, 1)\n"
        "    looks = 0\n"
        "    while get(place, 0) < 2 and looks < 100_000_000:\n"
        "        looks += 1\n"
        "        pause()\n"
        "    put(place, 1 + k, get(place, 0) == 2)\n"
    )
    script = f"""
sys.path.append({str(tmp_path)!r})
import_fastact()
from numba import types
from fastact.backends.numba import pool as numba_pool, runtime
from meeting import meet
place = np.zeros(3, np.int64)
numba_pool.share(runtime.machine_code(meet, (types.intp, types.intp))[1], place.ctypes.data, 2, 2)
assert place.tolist() == [2, 1, 1]
"""
    run(script)


@pytest.mark.slow
@needs_proc
@BOTH
def test_beside_busy_programs(variables: dict[str, str]) -> None:
    """Two threads take no more time than one where other programs use all processors."""
    script = """
import subprocess
import_fastact()
x = np.resize(X, 1 << 17)
out = np.empty_like(x)
def mean(count):
    fa.set_num_threads(count)
    began, calls = time.perf_counter(), 0
    while (taken := time.perf_counter() - began) < 0.1:
        fa.relu(x, out=out)
        calls += 1
    return taken / calls
mean(1), mean(2)
burn = [sys.executable, "-c", "while True: pass"]
busy = [subprocess.Popen(burn) for _ in range(len(os.sched_getaffinity(0)))]
try:
    ratios = []
    while len(ratios) < 8 and (len(ratios) < 3 or min(ratios) > 1.5):
        times = [(mean(1), mean(2)) for _ in range(4)]
        alone, shared = (sum(column) for column in zip(*times))
        ratios.append(shared / alone)
finally:
    for process in busy:
        process.kill()
print(ratios)
assert min(ratios) <= 1.5, ratios  # twice as slow: the threads wait for each other
"""
    run(script, **variables)


@pytest.mark.slow
@EACH_LAYER
@BOTH
def test_beside_a_loop_on_numbas_threads(layer: str, variables: dict[str, str]) -> None:
    """Numba's workqueue layer aborts the process when two threads launch at once."""
    script = """
prepare()
own_loop(X)
assert together(lambda: all(check() for _ in range(20)), lambda: [own_loop(X) for _ in range(2000)])
"""
    run(OWN_LOOP + script, **variables, **layer_of(layer))


@pytest.mark.slow
@needs_fork
@EACH_LAYER
@BOTH
def test_fork_before_the_import(layer: str, variables: dict[str, str]) -> None:
    """Numba's omp layer kills a forked child that launches after its parent has."""
    script = """
own_loop(X)
def child():
    prepare()
    return check()
assert code(in_child(child)) == 0
"""
    run(OWN_LOOP + script, **variables, **layer_of(layer))


@needs_fork
@BOTH
def test_a_child_may_run_loops_on_numbas_threads(variables: dict[str, str]) -> None:
    script = """
prepare()
assert check()
assert code(in_child(lambda: own_loop(X) is not None)) == 0
"""
    run(OWN_LOOP + script, **variables, **layer_of("omp"))


@limits_memory
@BOTH
def test_no_thread_can_be_started(variables: dict[str, str]) -> None:
    """Address space for the stack of none is left: what binds root, too."""
    script = """
import _thread, resource
prepare()
fa.set_num_threads(4)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 27), resource.RLIM_INFINITY))
try:
    _thread.start_new_thread(time.sleep, (0,))
except RuntimeError:
    assert check() and check()
else:
    print("a thread can be started all the same")
    sys.exit(77)
"""
    run(script, before="ulimit -s 1000000", **variables)


# --- a fork in the middle of a compilation -----------------------------------------------------------

# `forks` makes children while another thread does something, each of which compiles a function of its own.
FORKS = """
x = np.linspace(-3, 3, 50)
def forks(busy, pause):
    done = threading.Event()
    def keep_busy():
        busy()
        done.set()
    thread = threading.Thread(target=keep_busy)
    thread.start()
    names = iter(["relu6", "softmin", "hard_swish"])
    children = []
    while not done.wait(pause) and (name := next(names, None)):
        children.append(in_child(lambda: np.isfinite(fa.get(name)(x)).all()))
    thread.join()
    return children and [code(child) for child in children] == [0] * len(children)
"""


def run_cold(script: str, folder: Path, **variables: str) -> None:
    """Run a script on a copy of the package with nothing compiled."""
    shutil.copytree(IMPORTED / "fastact", folder / "fastact", ignore=lambda *_: ["__pycache__"])
    for name in ("PYTHONPATH", "HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        variables[name] = str(folder)
    run(FORKS + script, **variables)


@pytest.mark.slow
@needs_fork
@BOTH
def test_fork_while_a_kernel_is_compiled(variables: dict[str, str], tmp_path: Path) -> None:
    script = """
import_fastact()
assert forks(lambda: [fa.softplus(x), fa.log_softmax(x)], 0.15)
"""
    run_cold(script, tmp_path, **variables)


@pytest.mark.slow
@needs_fork
def test_fork_while_the_user_compiles(tmp_path: Path) -> None:
    script = """
import_fastact()
from numba import njit
def own():
    for k in range(8):
        njit(lambda x: (x + k).sum())(x)
assert forks(own, 0.2)
"""
    run_cold(script, tmp_path)


@needs_fork
def test_fork_while_numba_is_imported(tmp_path: Path) -> None:
    script = """
import fastact as fa
import fastact.backends.numba.backend
assert forks(import_fastact, 0.1)
"""
    run_cold(script, tmp_path, FASTACT_BACKEND="numba")


@needs_fork
def test_fork_in_spite_of_a_compilation_without_end(tmp_path: Path) -> None:
    """The child is told; nothing waits for ever."""
    script = """
import_fastact()
fa.gelu(x)
from fastact.backends.numba import fork as numba_fork
from numba.core.compiler_lock import global_compiler_lock
numba_fork.PATIENCE = 0.5
def child():
    try:
        fa.silu(x)
    except RuntimeError as error:
        return "while another thread compiled" in str(error) and fa.gelu(x).size
held, done = threading.Event(), threading.Event()
def hold():
    with global_compiler_lock:
        held.set()
        done.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
result = code(in_child(child))
done.set()
thread.join()
assert result == 0
assert code(in_child(lambda: fa.silu(x).size)) == 0
"""
    run_cold(script, tmp_path)
