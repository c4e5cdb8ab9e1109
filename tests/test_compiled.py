"""Numba's code behind the extension: on its threads, past the cache, in rows, summed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest

from fastact import threads
from fastact.backends.cython import backend as cython
from fastact.backends.numba import backend as numba
from fastact.backends.numba import variant
from native_cases import DTYPES, MISUSE, assert_same_bits, inputs, outputs, params, run
from test_native import run_python

if reason := cython.why_unavailable() or numba.why_unavailable():
    pytest.skip(reason, allow_module_level=True)

from fastact.backends.cython import _native

# No parameter, one, two; two inputs, three; two outputs.
SHAPES = [
    ("relu", "forward"),
    ("hard_sigmoid", "vjp"),
    ("celu", "value_and_derivative"),
    ("swiglu", "vjp"),
]
CASES = pytest.mark.parametrize(
    ("name", "pass_", "dtype"),
    [(*shape, dtype) for shape in SHAPES for dtype in DTYPES],
    ids="-".join,
)
# Bytes of an output that goes round the cache, and a last part.
LARGE = (1 << 24) + 400_012


@cache
def kernel_of(name: str, pass_: str, dtype: str) -> Any:
    return numba.kernel(name, pass_, DTYPES[dtype])


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    yield _native.set_threads
    _native.set_threads(threads.get_num_threads())


@CASES
def test_every_length_and_offset(name: str, pass_: str, dtype: str) -> None:
    kernel, whole = kernel_of(name, pass_, dtype), inputs(name, pass_, dtype, 700)
    expected = run(cython.kernel(name, pass_, DTYPES[dtype]), name, pass_, whole, *params(name))
    for offset, size in [(k % 19, k) for k in (*range(140), 511, 512, 513, 600)]:
        part, out = slice(offset, offset + size), outputs(name, pass_, dtype, 700)
        kernel(*(x[part] for x in whole), *(y[part] for y in out), *params(name))
        assert_same_bits([y[part] for y in out], [y[part] for y in expected])
        assert all((y[:offset] == 7).all() and (y[offset + size :] == 7).all() for y in out)


@CASES
def test_large_calls_on_any_number_of_threads(
    name: str, pass_: str, dtype: str, set_threads: Callable[[int], None]
) -> None:
    size = LARGE // DTYPES[dtype].itemsize
    kernel, whole = kernel_of(name, pass_, dtype), inputs(name, pass_, dtype, size)
    set_threads(1)
    expected = run(cython.kernel(name, pass_, DTYPES[dtype]), name, pass_, whole, *params(name))
    for count, offset in (1, 3), (2, 1), (3, 5), (8, 0):
        set_threads(count)
        out = outputs(name, pass_, dtype, size)
        kernel(*(x[offset:] for x in whole), *(y[offset:] for y in out), *params(name))
        assert_same_bits([y[offset:] for y in out], [y[offset:] for y in expected])
        assert all((y[:offset] == 7).all() for y in out)


@CASES
def test_large_calls_over_an_input(name: str, pass_: str, dtype: str) -> None:
    size = LARGE // DTYPES[dtype].itemsize
    kernel, whole = kernel_of(name, pass_, dtype), inputs(name, pass_, dtype, size)
    expected = run(kernel, name, pass_, whole, *params(name))
    out = [whole[-1], *outputs(name, pass_, dtype, size)[1:]]
    kernel(*whole, *out, *params(name))
    assert_same_bits(out, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_outputs_that_are_not_aligned_alike(dtype: str) -> None:
    case, size = ("celu", "value_and_derivative", dtype), LARGE // DTYPES[dtype].itemsize
    kernel, whole = kernel_of(*case), inputs(*case, size)
    expected = run(kernel, *case[:2], whole, 1.3)
    y, dy = outputs(*case, size + 1)
    kernel(*whole, y[1:], dy[:-1], 1.3)
    assert_same_bits([y[1:], dy[:-1]], expected)
    assert y[0] == dy[-1] == 7


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [5, 100, 300_007])
def test_parameters_that_are_arrays(dtype: str, size: int) -> None:
    whole = inputs("hard_sigmoid", "vjp", dtype, size)
    slope, offset = np.linspace(0.1, 2, size, dtype=DTYPES[dtype]), 0.3
    for given in (slope, offset), (float(slope[0]), slope), (slope, slope[::-1].copy()):
        results = [
            run(
                backend.kernel("hard_sigmoid", "vjp", DTYPES[dtype]),
                "hard_sigmoid",
                "vjp",
                whole,
                *given,
            )
            for backend in (numba, cython)
        ]
        assert_same_bits(*results)


@CASES
def test_rows(name: str, pass_: str, dtype: str) -> None:
    kernel = kernel_of(name, pass_, dtype)
    for shape in (3, 70), (100, 700), (40, 120_000):
        wide = (shape[0], shape[1] + 3)
        whole = inputs(name, pass_, dtype, wide[0] * wide[1])
        expected = run(kernel, name, pass_, whole, *params(name))
        out = outputs(name, pass_, dtype, wide[0] * wide[1])
        cut = [array.reshape(wide)[:, 1:-2] for array in (*whole, *out)]
        kernel.rows(*cut, *params(name))
        for y, want in zip(out, expected, strict=True):
            assert_same_bits([y.reshape(wide)[:, 1:-2]], [want.reshape(wide)[:, 1:-2]])
            assert (y.reshape(wide)[:, 0] == 7).all() and (y.reshape(wide)[:, -2:] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [10, 300_007, LARGE // 4])
def test_sums(dtype: str, size: int, set_threads: Callable[[int], None]) -> None:
    x = np.random.default_rng(5).normal(size=size).astype(DTYPES[dtype])
    want = cython.kernel("silu", "forward", DTYPES[dtype]).summed(x, 1.0)
    for count in 1, 2, 3:
        set_threads(count)
        assert kernel_of("silu", "forward", dtype).summed(x, 1.0) == want


def test_eight_callers_at_once(set_threads: Callable[[int], None]) -> None:
    set_threads(4)
    kernel, x = kernel_of("silu", "forward", "f32"), inputs("silu", "forward", "f32", 200_003)
    expected = run(kernel, "silu", "forward", x, 1.0)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: run(kernel, "silu", "forward", x, 1.0), range(400)):
            assert_same_bits(got, expected)


FORK = """
import warnings
from fastact import threads
from fastact.backends.numba import backend as numba
warnings.simplefilter("ignore")  # newer Pythons warn of threads at a fork, which is the point
threads.set_num_threads(2)
gelu = numba.kernel("gelu", "forward", np.dtype("f4"))
x = np.linspace(-9, 9, (1 << 22) + 5, dtype="f4")
expected, y = np.empty_like(x), np.empty_like(x)
gelu(x, expected)
for wanted in 0, 2, 2, 0:
    child = os.fork()
    if child == 0:
        if wanted:
            threads.set_num_threads(wanted)
        callers = [threading.Thread(target=gelu, args=(x, np.empty_like(x))) for _ in range(2)]
        for caller in callers: caller.start()
        for caller in callers: caller.join()
        gelu(x, y)
        os._exit(0 if (y == expected).all() else 1)
    gelu(x, y)
    assert (y == expected).all() and os.waitpid(child, 0)[1] == 0
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in Linux's /proc")
def test_fork_after_use() -> None:
    done = run_python(FORK)
    assert done.stdout == "2\n", done.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "message"), MISUSE, ids=[case[2] for case in MISUSE]
)
def test_misuse(arguments: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        kernel_of("silu", "forward", "f32")(*arguments)


# --- what is compiled, and when ----------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Collect, for each code that the extension asks for, whether it is to write past the cache."""
    found: list[bool] = []
    for_c = variant.Variant.for_c

    def noted(self: Any, streaming: bool) -> tuple[int, int]:
        found.append(streaming)
        return for_c(self, streaming)

    monkeypatch.setattr(variant.Variant, "for_c", noted)
    return found


def test_code_that_writes_past_the_cache_is_for_large_outputs(asked: list[bool]) -> None:
    kernel: Any = numba.kernel("relu", "forward", np.dtype("f4"))
    x = np.ones(LARGE // 4, np.float32)
    for arrays in (x[:9], x[9:18]), (x, x):
        kernel(*arrays)
    kernel.summed(x)
    assert asked == [False]
    gc.collect()  # what was compiled stays where it is
    for _ in range(2):
        kernel(x, np.empty_like(x))
    assert asked == [False, True]


def test_nothing_is_written_where_there_is_no_code() -> None:
    def compile(form: str, streaming: bool) -> tuple[int, int]:
        raise ZeroDivisionError(form)

    x, y = np.ones(9, np.float32), np.zeros(9, np.float32)
    kernel = _native.Compiled(("f", "forward", "f32"), "io", 1, "cheap", (2.0,), compile)
    for parameter, form in (2.0, "plain"), (1.0, "scalar"), (x, "array"):
        with pytest.raises(ZeroDivisionError, match=form):
            kernel(x, y, parameter)
    assert not y.any()


@pytest.mark.parametrize(
    ("arrays", "count", "defaults"),
    [("iiiio", 0, ()), ("iooo", 0, ()), ("io", 5, ()), ("io", 1, (1.0, 2.0))],
)
def test_too_many_operands(arrays: str, count: int, defaults: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="too many operands"):
        _native.Compiled(("f", "forward", "f32"), arrays, count, "cheap", defaults, print)
