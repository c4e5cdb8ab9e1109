"""The compiled row kernels: what they compute however the rows lie, are shared out, masked or cut."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from conftest import limits_memory
from fastact import threads
from fastact.backends.cython import backend as cython
from fastact.definitions.rows import ROWS

if reason := cython.why_unavailable():
    pytest.skip(reason, allow_module_level=True)

from fastact.backends.cython import _native

ISAS = list(_native.available_isas())
DTYPES = {"f32": np.dtype("f4"), "f64": np.dtype("f8")}
KEYS = [
    (name, pass_, dtype)
    for name, declaration in ROWS.items()
    for pass_ in declaration.passes
    for dtype in DTYPES
]
IDS = ["-".join(key) for key in KEYS]
PASSES = [key[:2] for key in KEYS[::2]]
PASS_IDS = ["-".join(key) for key in PASSES]

# (outer, axis, inner): along the rows and across them, full vectors and parts, one slab and several, rows that are
# read twice and rows that are transposed.
SHAPES = [
    (1, 1, 1),
    (3, 7, 1),
    (200, 2, 1),
    (37, 16, 1),
    (5, 33, 1),
    (2, 128, 1),
    (3, 1000, 1),
    (1, 9001, 1),
    (2, 40, 3),
    (7, 6, 17),
    (1, 300, 40),
    (1, 5000, 3),
]
LONG = [
    (1, 150_001, 1),
    (2, 70_001, 3),
    (1, 5_000, 40),
    (70, 4_096, 1),
    (3, 64, 700),
    (40_000, 3, 1),
]


@pytest.fixture(autouse=True)
def restore_threads() -> Iterator[None]:
    """Afterwards the number of threads is what the package says again."""
    yield
    _native.set_threads(threads.get_num_threads())


def operands(name: str, pass_: str, dtype: str, shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Return the inputs and the row inputs of a kernel, of a size that all of them take."""
    row_pass = ROWS[name].passes[pass_]
    random = np.random.default_rng(shape)
    rows = shape[0], shape[2]
    arrays = [random.standard_normal(shape) * 3 for _ in row_pass.inputs]
    for k, meaning in enumerate(row_pass.inputs):
        if meaning == "y":  # what a forward pass gives
            arrays[k] = np.maximum(random.random(shape) - 0.3, 0) / (0.3 * max(shape[1], 1))
    arrays += [np.abs(random.standard_normal(rows)) for _ in row_pass.row_inputs]
    return [array.astype(DTYPES[dtype]) for array in arrays]


def outputs(name: str, pass_: str, dtype: str, shape: tuple[int, int, int]) -> list[np.ndarray]:
    row_pass = ROWS[name].passes[pass_]
    shapes = [shape for _ in row_pass.outputs]
    shapes += [(shape[0], shape[2]) for _ in row_pass.row_outputs]  # type: ignore[misc]
    return [np.full(each, 7, DTYPES[dtype]) for each in shapes]


def run(
    kernel: Any, key: tuple[str, str, str], arrays: list[np.ndarray], **given: Any
) -> list[np.ndarray]:
    shape = arrays[0].shape
    out = outputs(*key, shape)  # type: ignore[arg-type]
    kernel(*arrays, *out, given.get("mask"), given.get("temperature", 1.0))
    return out


def row_by_row(
    kernel: Any, key: tuple[str, str, str], arrays: list[np.ndarray], **given: Any
) -> list[np.ndarray]:
    """Return what the kernel gives for each row by itself, laid out along the lanes or one lane wide."""
    outer, _, inner = arrays[0].shape
    out = outputs(*key, arrays[0].shape)
    mask = given.pop("mask", None)
    for i in range(outer):
        for j in range(inner):
            one = [
                np.ascontiguousarray(
                    a[i : i + 1, :, j : j + 1] if a.ndim == 3 else a[i : i + 1, j : j + 1]
                )
                for a in arrays
            ]
            part = (
                None
                if mask is None
                else np.ascontiguousarray(mask[i % len(mask)][None, :, j : j + 1])
            )
            for whole, row in zip(out, run(kernel, key, one, mask=part, **given), strict=True):
                whole[i, ..., j] = row[0, ..., 0]
    return out


def assert_close(got: list[np.ndarray], expected: list[np.ndarray], ulps: float) -> None:
    """Assert equality but for the order of summation: relative to the largest of the row."""
    for a, b in zip(got, expected, strict=True):
        assert (np.isnan(a) == np.isnan(b)).all()
        assert (np.isinf(a) == np.isinf(b)).all() and (a[np.isinf(a)] == b[np.isinf(b)]).all()
        finite = np.isfinite(b)
        scale = np.where(finite, np.abs(b), 0).max(
            initial=1e-3, axis=1 if b.ndim == 3 else None, keepdims=True
        )
        error = np.where(finite, np.abs(np.where(finite, a, 0) - np.where(finite, b, 0)), 0)
        assert (error <= ulps * np.finfo(a.dtype).eps * scale).all()


def same(got: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("isa", ISAS)
def test_every_kernel_is_there(isa: str) -> None:
    assert set(_native.row_kernels(isa)) == set(KEYS)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name,pass_,dtype", KEYS, ids=IDS)
def test_every_layout_gives_what_single_rows_give(
    name: str, pass_: str, dtype: str, isa: str
) -> None:
    key = name, pass_, dtype
    kernel, plain = _native.row_kernels(isa)[key], _native.row_kernels(ISAS[-1])[key]
    random = np.random.default_rng(5)
    for shape in SHAPES:
        arrays = operands(*key, shape)
        masks = [None, random.random(shape) < 0.6, random.random((1, *shape[1:])) < 0.6]
        for mask in masks[: 3 if shape[1] < 200 else 2]:
            for temperature in 1.0, 1.3:
                given = {"mask": mask, "temperature": temperature}
                assert_close(
                    run(kernel, key, arrays, **given), row_by_row(plain, key, arrays, **given), 8
                )


@pytest.mark.parametrize("shape", LONG, ids=str)
@pytest.mark.parametrize("name,pass_", PASSES, ids=PASS_IDS)
def test_same_bits_on_any_number_of_threads(
    name: str, pass_: str, shape: tuple[int, int, int]
) -> None:
    key = name, pass_, "f32"
    kernel, arrays = cython.row_kernel(name, pass_, DTYPES["f32"]), operands(*key, shape)
    mask = np.random.default_rng(1).random(shape) < 0.9
    for each in None, mask:
        _native.set_threads(1)
        expected = run(kernel, key, arrays, mask=each)
        for count in 2, 3, 7:
            _native.set_threads(count)
            assert same(run(kernel, key, arrays, mask=each), expected)


@pytest.mark.parametrize("name,pass_", PASSES, ids=PASS_IDS)
def test_same_bits_wherever_a_row_lies(name: str, pass_: str) -> None:
    key = name, pass_, "f32"
    kernel = cython.row_kernel(name, pass_, DTYPES["f32"])
    for shape in (9, 100, 1), (3, 50, 70), (300, 5, 1), (2, 3000, 45):
        arrays = operands(*key, shape)
        whole = run(kernel, key, arrays)
        for part in slice(1, None), slice(0, 2):
            assert same(run(kernel, key, [a[part] for a in arrays]), [a[part] for a in whole])
        some = [np.ascontiguousarray(a[..., 1:40]) for a in arrays]
        if shape[2] > 40:
            assert same(run(kernel, key, some), [a[..., 1:40] for a in whole])


@pytest.mark.parametrize("name,pass_", PASSES, ids=PASS_IDS)
def test_a_mask_of_true_changes_no_bit(name: str, pass_: str) -> None:
    key = name, pass_, "f32"
    kernel = cython.row_kernel(name, pass_, DTYPES["f32"])
    for shape in SHAPES:
        arrays = operands(*key, shape)
        expected = run(kernel, key, arrays)
        for outer in {1, shape[0]}:
            assert same(run(kernel, key, arrays, mask=np.ones((outer, *shape[1:]), bool)), expected)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name,pass_,dtype", KEYS, ids=IDS)
def test_excluded_elements_count_for_nothing(name: str, pass_: str, dtype: str, isa: str) -> None:
    key = name, pass_, dtype
    kernel, random = _native.row_kernels(isa)[key], np.random.default_rng(2)
    excluded = ROWS[name].passes[pass_].excluded
    for shape in (4, 50, 1), (30, 4, 1), (2, 50, 21), (1, 400, 3):
        arrays, mask = operands(*key, shape), random.random(shape) < 0.5
        mask[0, :, 0] = False
        expected = run(kernel, key, arrays, mask=mask)
        for poison in np.nan, np.inf, -np.inf:
            poisoned = [
                np.where(mask, a, poison).astype(a.dtype) if a.ndim == 3 else a for a in arrays
            ]
            assert same(run(kernel, key, poisoned, mask=mask), expected)
        for out in expected:
            if out.ndim == 3:
                assert (out[~mask] == excluded).all()


# Outputs that are not all NaN where the row holds one: the row's own values were given; a maximum passes NaN over.
ELEMENTWISE = {
    ("_softmax_from", 3),
    ("_log_softmax_from", 3),
    ("_exp_sum", 2),
    ("_cross_entropy", 2),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name,pass_,dtype", KEYS, ids=IDS)
def test_a_nan_stays_in_its_row(name: str, pass_: str, dtype: str, isa: str) -> None:
    key = name, pass_, dtype
    kernel = _native.row_kernels(isa)[key]
    for shape in (5, 50, 1), (30, 5, 1), (2, 50, 21), (1, 400, 3):
        arrays = operands(*key, shape)
        expected = run(kernel, key, arrays)
        spoilt = [a.copy() for a in arrays]
        spoilt[0][-1, shape[1] // 2, -1] = np.nan
        got = run(kernel, key, spoilt)
        for a, b in zip(got, expected, strict=True):
            if pass_ == "forward" and (name, a.ndim) not in ELEMENTWISE:
                assert np.isnan(a[-1, ..., -1]).all()
            a[-1, ..., -1] = b[-1, ..., -1] = 0
        assert same(got, expected)


@pytest.mark.parametrize("name,pass_,dtype", KEYS, ids=IDS)
def test_output_over_any_input(name: str, pass_: str, dtype: str) -> None:
    key = name, pass_, dtype
    kernel, row_pass = cython.row_kernel(name, pass_, DTYPES[dtype]), ROWS[name].passes[pass_]
    for shape in [*SHAPES, (1, 200_003, 1), (1, 3000, 70)]:
        expected = run(kernel, key, operands(*key, shape))
        for k in range(len(row_pass.inputs) if row_pass.outputs else 0):
            arrays, out = operands(*key, shape), outputs(*key, shape)
            out[0] = arrays[k]
            kernel(*arrays, *out, None, 1.0)
            assert same(out, expected)


@pytest.mark.parametrize("name,pass_", PASSES, ids=PASS_IDS)
@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3), (2, 4, 0), (0, 0, 0), (3, 0, 1)], ids=str)
def test_sizes_of_nought(name: str, pass_: str, shape: tuple[int, int, int]) -> None:
    key = name, pass_, "f64"
    arrays = operands(*key, shape)
    for out in run(cython.row_kernel(name, pass_, DTYPES["f64"]), key, arrays):
        # Rows of nothing have the maximum -inf, and one less than nothing beside it.
        assert out.ndim == 3 or np.isin(out, [-np.inf, -1]).all()


def test_kernels_are_found_by_name() -> None:
    with pytest.raises(KeyError, match="no row kernel softmax, inverse, float32"):
        cython.row_kernel("softmax", "inverse", DTYPES["f32"])
    with pytest.raises(ValueError, match="no instruction set 'mmx'"):
        _native.row_kernels("mmx")
    assert (
        repr(cython.row_kernel("softmax", "vjp", DTYPES["f64"]))
        == "<native row kernel softmax vjp f64>"
    )


X = np.ones((2, 3, 4), np.float32)
R = np.ones((2, 4), np.float32)
READ_ONLY = X.copy()
READ_ONLY.flags.writeable = False
M = np.ones((2, 3, 4), bool)
MISUSE: list[tuple[tuple[Any, ...], type[Exception], str]] = [
    (
        (X, R, X, None),
        TypeError,
        "logsumexp vjp f32 takes 3 arrays, a mask or None, and 1 parameters",
    ),
    (([1.0], R, X, None, 1.0), TypeError, "expected an array, not list"),
    ((X.astype("f8"), R, X, None, 1.0), TypeError, "the array is float64"),
    ((X.astype(">f4"), R, X, None, 1.0), TypeError, "the array is >f4"),
    ((X[:, ::2], R, X, None, 1.0), ValueError, "not contiguous"),
    ((X, R, READ_ONLY, None, 1.0), ValueError, "writeable"),
    ((X, X, X, None, 1.0), ValueError, "has 3 dimensions, not 2"),
    ((R, R, X, None, 1.0), ValueError, "has 2 dimensions, not 3"),
    ((X, R[:1], X, None, 1.0), ValueError, r"shape \(1, 4\), not \(2, 4\)"),
    ((X, R, X[:1], None, 1.0), ValueError, r"shape \(1, 3, 4\), not \(2, 3, 4\)"),
    ((X, R, X, True, 1.0), TypeError, "the mask is not an array of bool"),
    ((X, R, X, X, 1.0), TypeError, "the mask is not an array of bool"),
    ((X, R, X, M[:, :2], 1.0), ValueError, r"the mask has shape \(2, 2, 4\)"),
    ((X, R, X, M[:0], 1.0), ValueError, r"the mask has shape \(0, 3, 4\)"),
    ((X, R, X, M.transpose(0, 1, 2)[:, :, ::-1], 1.0), ValueError, "the mask"),
    ((X, R, X, None, "1"), TypeError, "must be real number"),
]


@pytest.mark.parametrize("arguments,error,message", MISUSE, ids=[case[2] for case in MISUSE])
def test_misuse(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    kernel: Any = cython.row_kernel("logsumexp", "vjp", DTYPES["f32"])
    with pytest.raises(error, match=message):
        kernel(*arguments)
    assert (X == 1).all()


def test_eight_callers_at_once() -> None:
    _native.set_threads(4)
    key = "softmax", "forward", "f32"
    kernel = cython.row_kernel(*key[:2], DTYPES["f32"])
    cases = [operands(*key, shape) for shape in ((70, 1000, 1), (1, 150_001, 1), (2, 300, 100))]
    expected = [run(kernel, key, arrays) for arrays in cases]
    with ThreadPoolExecutor(8) as pool:
        for k, got in enumerate(pool.map(lambda k: run(kernel, key, cases[k % 3]), range(240))):
            assert same(got, expected[k % 3])


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    prelude = "import os, resource, signal\nimport numpy as np\nfrom fastact.backends.cython import backend as cython\n"
    prelude += "softmax = cython.row_kernel('softmax', 'forward', np.dtype('f4'))\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + code], capture_output=True, text=True, timeout=60
    )


NO_MEMORY = """
x = np.zeros((1, 3000, 3000), "f4")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))
hoard = []
try:
    while True: hoard.append(bytearray(1 << 12))
except MemoryError: pass
try:
    softmax(x, x, None, 1.0)
except MemoryError as error:
    hoard.clear()
    print(error)
"""


@limits_memory
def test_no_memory_is_a_memory_error() -> None:
    done = run_python(NO_MEMORY)
    assert done.stdout == "softmax forward f32: no memory to rearrange rows in\n", done.stderr


INTERRUPTED = """
x = np.zeros((1 << 12, 1 << 13, 1), "f4")
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.001)
try:
    softmax(x, x, None, 1.0)
except KeyboardInterrupt:
    print("interrupted", x[0, 0, 0] > 0, x[-1, 0, 0] == 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sends itself a signal")
def test_a_long_call_can_be_interrupted() -> None:
    done = run_python(INTERRUPTED)
    assert done.stdout == "interrupted True True\n", done.stderr


FORK = """
from fastact import threads
threads.set_num_threads(2)
x = np.random.default_rng(0).random((100, 4096, 1), "f4")
expected, y = np.empty_like(x), np.empty_like(x)
softmax(x, expected, None, 1.0)
child = os.fork()
softmax(x, y, None, 1.0)
if child == 0:
    os._exit(0 if (y == expected).all() else 1)
print(os.waitpid(child, 0)[1], (y == expected).all())
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_fork_after_use() -> None:
    done = run_python(FORK)
    assert done.stdout == "0 True\n", done.stderr
