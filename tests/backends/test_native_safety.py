"""What could crash the process, or change results behind the caller's back: each case in a process of its own."""

from __future__ import annotations

import os
import sys

import pytest

from conftest import BACKENDS, check_python

if "cython" not in BACKENDS:
    pytest.skip("the extension is not built", allow_module_level=True)

from fastact.backends.cython import _native

linux = pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's own calls")

PRELUDE = """
import ctypes, os, signal, threading, time
import numpy as np
import fastact as fa
rng = np.random.default_rng(0)
"""

# --- the number of threads is read once a call ---------------------------------------------------------------

HANDLER = """
x = rng.standard_normal((250, 100_000), dtype="f4")  # two slices: handlers run in between
mask, out = rng.random(x.shape) < 0.9, np.empty_like(x)
fa.set_num_threads(1)
expected = fa.softmax(x, axis=0, where=mask)
calls = []
def handler(*_):
    calls.append(1)
    fa.set_num_threads(64)
signal.signal(signal.SIGALRM, handler)
for _ in range(2):
    fa.set_num_threads(1)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    fa.softmax(x, axis=0, where=mask, out=out)
    assert out.tobytes() == expected.tobytes()
assert calls
"""


@linux
def test_a_signal_handler_changes_the_number_of_threads() -> None:
    check_python(PRELUDE + HANDLER, FASTACT_BACKEND="cython")


TOGGLED = """
x = rng.standard_normal((400_000, 10), dtype="f4")
target = rng.random(x.shape, dtype="f4")
def results():
    return [fa.softmax(x).tobytes(), fa.softmax(x, axis=0).tobytes(),
            fa.binary_cross_entropy_with_logits(x, target).tobytes()]
fa.set_num_threads(1)
expected = results()
done = threading.Event()
def toggle():
    while not done.is_set():
        fa.set_num_threads(64)
        fa.set_num_threads(1)
toggling = threading.Thread(target=toggle)
toggling.start()
for _ in range(8):
    assert results() == expected
done.set()
toggling.join()
"""


def test_another_thread_changes_the_number_of_threads() -> None:
    check_python(PRELUDE + TOGGLED, FASTACT_BACKEND="cython")


# --- stacks of 128 KiB, the default of musl -------------------------------------------------------------------

SMALL_STACKS = """
if os.environ["DEFAULT"]:  # for the pool's threads, too
    attributes = ctypes.create_string_buffer(64)
    libc = ctypes.CDLL("libc.so.6")
    assert libc.pthread_attr_init(attributes) == 0
    assert libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(1 << 17)) == 0
    assert libc.pthread_setattr_default_np(attributes) == 0
from fastact.functions.rows import ROW_FUNCTIONS
from fastact.functions.elementwise import FUNCTIONS
fa.set_num_threads(2)
shapes = [(3, 40), (300, 400), (2, 140_000)]
arrays = [rng.standard_normal(shape, dtype=dtype) for dtype in ("f4", "f8") for shape in shapes]
def results():
    found = []
    for x in arrays:
        for axis in (0, 1):
            for f in ROW_FUNCTIONS.values():
                if f.name != "gumbel_softmax":
                    found.append(f(x, axis=axis))
                    found.append(f(x, axis=axis, where=x > -1))
            found.append(fa.softmax.vjp(x, x, axis=axis))
        found += fa.binary_cross_entropy_with_logits.value_and_grad(x, np.clip(x, 0, 1))
        found += fa.gelu.value_and_derivative(x)
        found.append(fa.softcap(x[:, ::3], 30.0))
    return [np.asarray(part).tobytes() for part in found]
expected = None if os.environ["DEFAULT"] else results()
got = []
threading.stack_size(1 << 17)
thread = threading.Thread(target=lambda: got.extend(results()))
thread.start()
thread.join()
assert got == (expected or results())
"""


@linux
@pytest.mark.parametrize("default", ["", "1"], ids=["caller", "pool"])
def test_threads_with_little_stack(default: str) -> None:
    program = PRELUDE + SMALL_STACKS
    check_python(program, FASTACT_BACKEND="cython", DEFAULT=default, timeout=120)


# --- where threads may run ------------------------------------------------------------------------------------

PLACED = """
fa.set_num_threads(2)
x = np.ones(1 << 18, "f4")
def run():
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        fa.relu(x, out=x)
run()
tasks = [int(task) for task in os.listdir("/proc/self/task")]
assert len(tasks) > 1
one = {min(os.sched_getaffinity(0))}
for task in tasks:  # what taskset -a does
    os.sched_setaffinity(task, one)
run()
assert all(os.sched_getaffinity(task) == one for task in tasks), list(map(os.sched_getaffinity, tasks))
"""


@linux
@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two processors",
)
def test_workers_stay_where_they_are_put() -> None:
    check_python(PRELUDE + PLACED, FASTACT_BACKEND="cython")


# --- Ctrl-C -----------------------------------------------------------------------------------------------------

LONG_ROW = """
x, y = np.zeros((2, 1, 1 << 26, 1), "f4")
from fastact.backends.cython import backend as cython
kernel = cython.row_kernel(os.environ["NAME"], "forward", np.dtype("f4"))
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.001)
try:
    kernel(x, y, None, 1.0)
except KeyboardInterrupt:
    assert y[0, -1, 0] == 0, "the row was finished first"
else:
    raise AssertionError("not interrupted")
"""


@linux
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax"])
def test_one_long_row_can_be_interrupted(name: str, threads: int) -> None:
    check_python(
        PRELUDE + f"fa.set_num_threads({threads})\n" + LONG_ROW,
        NAME=name,
        FASTACT_ISA=[*_native.available_isas()][-1],  # the slowest
        FASTACT_BACKEND="cython",
    )


# --- kernels that Python code makes itself --------------------------------------------------------------------

BY_HAND = """
from fastact.backends.cython import _native
kinds = [_native.Kernel, _native.RowKernel, _native.Compiled, _native.Caller, _native.Binding]
made = 0
for kind in kinds:
    for make in (lambda: kind(), lambda: kind.__new__(kind), lambda: object.__new__(kind)):
        try:
            one = make()
        except TypeError:
            continue
        made += 1
        repr(one)
        for use in (lambda: one(), lambda: one(1, 2), lambda: one.summed(), lambda: one.rows()):
            try:
                use()
            except (TypeError, AttributeError):
                continue
            raise AssertionError(f"{kind.__name__} made by hand does something")
assert made
"""


def test_kernels_made_by_hand_do_nothing() -> None:
    check_python(PRELUDE + BY_HAND, FASTACT_BACKEND="cython")
