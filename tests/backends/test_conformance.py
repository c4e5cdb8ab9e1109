"""What every backend must do, on each shape of elementwise kernel; a third party's: `pytest --backend NAME`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import ISAS, check_python
from fastact.backends.protocol import Backend
from native_cases import (
    DECLARED,
    DTYPES,
    KEYS,
    MISUSE,
    assert_same_bits,
    inputs,
    outputs,
    params,
    run,
)
from representatives import KERNEL_KINDS

Array = np.ndarray[Any, np.dtype[Any]]


BY_ARRAYS = list(
    {tuple(map(len, DECLARED[n].signatures[p])): (n, p) for n, p in KERNEL_KINDS}.values()
)
each_kind = pytest.mark.parametrize(
    ("name", "pass_"), KERNEL_KINDS, ids=map("-".join, KERNEL_KINDS)
)
each_of_arrays = pytest.mark.parametrize(("name", "pass_"), BY_ARRAYS, ids=map("-".join, BY_ARRAYS))
WITH_PARAMS = [kind for kind in KERNEL_KINDS if params(kind[0])]
# Every length and offset up to beyond a vector of any kind, then around the loops over several vectors.
PLACES = [*product(range(71), range(16)), *((n, n % 19) for n in range(71, 140))]
PLACES += [(n, n % 19) for n in (511, 512, 513, 600)]
# Bytes of an output: enough for several threads, and for stores that bypass the cache.
LARGE = (1 << 24) + 400_012
SMALLER = {"numpy": 40_012, "strict": 40_012}  # which do nothing else for large ones
SMALLER |= {f"cython-{isa}": 1_200_028 for isa in ISAS}  # stores are the same for all of them


def size_of(subject: Backend, dtype: str) -> int:
    return SMALLER.get(subject.name, LARGE) // DTYPES[dtype].itemsize


def skip_alike(subject: Backend, kind: tuple[str, str]) -> None:
    if subject.name in ("numpy", "strict") and kind not in BY_ARRAYS:
        pytest.skip("NumPy does not care how many parameters there are")


def check(got: Array, whole: Array, offset: int, size: int, shift: int = 0) -> None:
    """Assert that a part is that of the whole, and that all around it is still 7."""
    part = slice(offset + shift, offset + shift + size)
    wanted = np.full_like(got, 7)
    wanted[part] = whole[offset : offset + size]
    if got.tobytes() != wanted.tobytes():
        assert_same_bits([got], [wanted])


def test_every_kernel_is_there(subject: Backend) -> None:
    for name, pass_, dtype in KEYS:
        assert callable(subject.kernel(name, pass_, DTYPES[dtype]))


@pytest.mark.parametrize(
    "key", [("no_such", "forward"), (KERNEL_KINDS[0][0], "back")], ids="-".join
)
def test_a_kernel_that_is_not_there(key: tuple[str, str], subject: Backend) -> None:
    with pytest.raises(KeyError):
        subject.kernel(*key, np.dtype("f4"))


@each_kind
def test_every_length_at_every_offset(name: str, pass_: str, subject: Backend) -> None:
    skip_alike(subject, (name, pass_))
    for dtype in DTYPES:
        kernel, whole = subject.kernel(name, pass_, DTYPES[dtype]), inputs(name, pass_, dtype, 700)
        for array in whole:
            array.flags.writeable = False
        expected = run(kernel, name, pass_, whole, *params(name))
        out = outputs(name, pass_, dtype, 700)
        for size, offset in PLACES:
            part = slice(offset, offset + size)
            kernel(*(x[part] for x in whole), *(y[part] for y in out), *params(name))
            for y, want in zip(out, expected, strict=True):
                check(y, want, offset, size)
                y[part] = 7


@each_kind
def test_output_over_any_input(name: str, pass_: str, subject: Backend) -> None:
    skip_alike(subject, (name, pass_))
    for dtype in DTYPES:
        kernel, large = subject.kernel(name, pass_, DTYPES[dtype]), size_of(subject, dtype)
        large = large if (name, pass_) in BY_ARRAYS else 20_011
        most = inputs(name, pass_, dtype, large)
        for size in (*range(140), min(300_007, large), large):
            whole = [array[:size] for array in most]
            expected = run(kernel, name, pass_, whole, *params(name))
            for k, j in product(range(len(whole)), range(len(expected))):
                if size == large and (k, j) != (len(whole) - 1, 0):
                    continue
                x, out = [array.copy() for array in whole], outputs(name, pass_, dtype, size)
                out[j] = x[k]
                kernel(*x, *out, *params(name))
                assert_same_bits(out, expected)


@each_of_arrays
def test_same_bits_on_any_number_of_threads(
    name: str, pass_: str, subject: Backend, set_threads: Callable[[int], None]
) -> None:
    """From any offset, and with outputs that are not aligned alike."""
    for dtype in DTYPES:
        size, kernel = size_of(subject, dtype), subject.kernel(name, pass_, DTYPES[dtype])
        whole = inputs(name, pass_, dtype, size)
        set_threads(1)
        expected = run(kernel, name, pass_, whole, *params(name))
        for count, offset, shift in (2, 1, 0), (3, 5, 1), (8, 0, 1):
            set_threads(count)
            out = [np.full(size + 8, 7, DTYPES[dtype]) for _ in expected]
            starts = [offset + shift * k for k in range(len(out))]
            views = [y[start : start + size - offset] for y, start in zip(out, starts, strict=True)]
            kernel(*(x[offset:] for x in whole), *views, *params(name))
            for y, want, start in zip(out, expected, starts, strict=True):
                check(y, want, offset, size - offset, start - offset)


@pytest.mark.parametrize(("name", "pass_"), WITH_PARAMS, ids=map("-".join, WITH_PARAMS))
def test_parameters_may_be_arrays(name: str, pass_: str, subject: Backend) -> None:
    for dtype, size in (*product(DTYPES, (5, 131)), ("f32", min(300_007, size_of(subject, "f32")))):
        kernel, x = subject.kernel(name, pass_, DTYPES[dtype]), inputs(name, pass_, dtype, size)
        # What float32 holds exactly has no low part, which arrays cannot give.
        scalars = [float(np.float32(value)) for value in params(name)]
        expected = run(kernel, name, pass_, x, *scalars)
        arrays = [np.full(size, value, DTYPES[dtype]) for value in scalars]
        for chosen in product((False, True), repeat=len(scalars)):
            mixed = [
                a if is_array else v for v, a, is_array in zip(scalars, arrays, chosen, strict=True)
            ]
            assert_same_bits(run(kernel, name, pass_, x, *mixed), expected)
        ends = [v if np.isfinite(v) else 1e3 for v in scalars]
        ramps = [np.linspace(v / 2, v, size, dtype=DTYPES[dtype]) for v in ends]
        whole = run(kernel, name, pass_, x, *ramps)
        for k in (0, size // 2, size - 1):
            one = run(kernel, name, pass_, [a[k : k + 1] for a in x], *(float(r[k]) for r in ramps))
            assert_same_bits(one, [y[k : k + 1] for y in whole])


@each_kind
def test_silent_when_everything_is_an_error(name: str, pass_: str, subject: Backend) -> None:
    x = [0.0, -0.0, 1e308, -1e308, 5e-324, np.inf, -np.inf, np.nan]
    with np.errstate(all="ignore"):
        arrays = {dtype: np.array(x).astype(DTYPES[dtype]) for dtype in DTYPES}
    with np.errstate(all="raise"):
        for dtype, array in arrays.items():
            given = [array] * len(DECLARED[name].signatures[pass_][0])
            for values in params(name), [1e300] * len(params(name)):
                run(subject.kernel(name, pass_, DTYPES[dtype]), name, pass_, given, *values)
                assert np.array([0.0])[:1] + 1 == 1


def test_eight_callers_at_once(subject: Backend, set_threads: Callable[[int], None]) -> None:
    set_threads(4)
    slow = subject.name in ("numpy", "strict")
    key = WITH_PARAMS[0][0], "forward", "f32"
    kernel, x = subject.kernel(*key[:2], DTYPES["f32"]), inputs(*key, 5_003 if slow else 200_003)
    expected = run(kernel, *key[:2], x, *params(key[0]))
    with ThreadPoolExecutor(8) as pool:
        calls = range(40 if slow else 400)
        for got in pool.map(lambda _: run(kernel, *key[:2], x, *params(key[0])), calls):
            assert_same_bits(got, expected)


FORK = """
import os, signal, sys, threading, time, warnings
import numpy as np
import fastact as fa
import strict_backend
from fastact.backends import registry
warnings.simplefilter("ignore")  # newer Pythons warn of threads at a fork, which is the point
linux, pooled = sys.platform == "linux", sys.argv[1] in ("cython", "numba")
fa.set_num_threads(2)
with fa.use_backend(sys.argv[1]):
    backend = registry.active()
mish, softmax = (backend.kernel("mish", "forward", np.dtype("f4")),
                 backend.row_kernel("softmax", "forward", np.dtype("f4")))
x = np.linspace(-9, 9, (1 << 22) + 5 if pooled else 5_000, dtype="f4")
rows = x[: x.size // 1000 * 1000].reshape(-1, 1000, 1)
def results():
    out = np.empty_like(x), np.empty_like(rows)
    mish(x, out[0])
    softmax(rows, out[1], None, 1.0)
    return out
def right():
    return all(map(np.array_equal, results(), expected))
def tasks():
    return len(os.listdir("/proc/self/task")) if linux else 1
before = tasks()
expected = results()
assert tasks() - before == (linux and pooled) or pooled and before > 1
parent = tasks()
def work(wanted):
    if wanted:
        fa.set_num_threads(wanted)
    found = []
    callers = [threading.Thread(target=lambda: found.append(right())) for _ in range(2)]
    for caller in callers: caller.start()
    for caller in callers: caller.join()
    assert found == [True, True] and right()
    most = max(wanted, 1) if pooled and linux else 1
    while tasks() > most: time.sleep(0.01)  # a joined thread has not quite ended
    assert tasks() == most
children = []
for wanted in 0, 2, 2, 0:
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            work(wanted)
            os._exit(0)
        finally:
            os._exit(1)
    children.append(child)
    assert right()
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
assert right() and tasks() == parent
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_after_use(subject: Backend) -> None:
    if subject.name.startswith("cython-"):
        pytest.skip("the same threads as cython's")
    here = str(Path(__file__).parents[1])
    # NumPy's BLAS starts threads of its own, which would be counted.
    program = f"import sys; sys.path.append({here!r})\n{FORK}"
    check_python(program, subject.name, OPENBLAS_NUM_THREADS="1")


# --- optional -----------------------------------------------------------------------------------------


@each_of_arrays
def test_rows_of_wider_arrays(name: str, pass_: str, subject: Backend) -> None:
    """A kernel may have `rows`: the same over two-dimensional arrays of which each row is contiguous."""
    for dtype in DTYPES:
        kernel: Any = subject.kernel(name, pass_, DTYPES[dtype])
        if not hasattr(kernel, "rows"):
            pytest.skip("has no such method")
        for rows, length in (3, 70), (100, 700), (40, size_of(subject, dtype) // 40):
            whole = inputs(name, pass_, dtype, rows * (length + 3))
            expected = run(kernel, name, pass_, whole, *params(name))
            out = outputs(name, pass_, dtype, whole[0].size)
            views = [array.reshape(rows, -1)[:, 1:-2] for array in (*whole, *out)]
            kernel.rows(*views, *params(name))
            for y, want in zip(out, expected, strict=True):
                wanted = np.full((rows, length + 3), 7, DTYPES[dtype])
                wanted[:, 1:-2] = want.reshape(rows, -1)[:, 1:-2]
                assert_same_bits([y], [wanted.reshape(-1)])


@each_of_arrays
def test_elements_at_any_distance(name: str, pass_: str, subject: Backend) -> None:
    """A kernel may have `strided`: the same over one-dimensional arrays, whose elements lie at equal distances."""
    for dtype, count in product(DTYPES, (1, 200, 70_001)):
        kernel: Any = subject.kernel(name, pass_, DTYPES[dtype])
        if not hasattr(kernel, "strided"):
            pytest.skip("has no such method")
        whole = inputs(name, pass_, dtype, 3 * count)
        # Each operand at another distance: 1, 2, 3 and backwards.
        cuts = [
            slice(count),
            slice(0, 2 * count, 2),
            slice(None, None, 3),
            slice(count - 1, None, -1),
        ]
        given = [array[cut] for array, cut in zip(whole, cuts, strict=False)]
        expected = run(kernel, name, pass_, [array.copy() for array in given], *params(name))
        out = outputs(name, pass_, dtype, 3 * count)
        places = [array[cuts[1 + k]] for k, array in enumerate(out)]
        kernel.strided(*given, *places, *params(name))
        assert_same_bits(places, expected)
        for array, place in zip(out, places, strict=True):
            assert np.count_nonzero(array != 7) <= place.size


@each_kind
def test_sums(name: str, pass_: str, subject: Backend, set_threads: Callable[[int], None]) -> None:
    """A kernel may have `summed`: the sum of its first output, which is kept nowhere."""
    for dtype, size in product(DTYPES, (10, 300_007)):
        kernel: Any = subject.kernel(name, pass_, DTYPES[dtype])
        if not hasattr(kernel, "summed"):
            pytest.skip("has no such method")
        x = np.random.default_rng(5).normal(size=size).astype(DTYPES[dtype])
        given = [np.roll(x, 7 * k) for k in range(len(DECLARED[name].signatures[pass_][0]))]
        first, *others = run(kernel, name, pass_, given, *params(name))
        again = [np.empty_like(array) for array in others]
        sums = []
        for count in 1, 2, 3:
            set_threads(count)
            sums.append(kernel.summed(*given, *again, *params(name)))
            assert_same_bits(again, others)
        assert sums == sums[:1] * 3
        scale = float(np.abs(first.astype(float)).sum())
        assert abs(sums[0] - math.fsum(first.tolist())) <= 1e-13 * scale


@pytest.mark.parametrize("arguments, error, message", MISUSE, ids=[case[2] for case in MISUSE])
def test_misuse(arguments: Any, error: type[Exception], message: str, subject: Backend) -> None:
    """The extension's kernels, which Numba's are there, check what they are given."""
    kernel = subject.kernel("silu", "forward", np.dtype("f4"))
    if not type(kernel).__module__.endswith("_native"):
        pytest.skip("kernels may rely on what they are given")
    with pytest.raises(error, match=message):
        kernel(*arguments)
