"""The compiled row kernels: instruction sets against each other, misuse, memory, interrupts."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from typing import Any

import numpy as np
import pytest

from conftest import limits_memory
from fastact.backends.cython import backend as cython
from fastact.definitions.rows import ROWS
from row_cases import operands, outputs, run

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


def row_by_row(
    kernel: Any, key: tuple[str, str, str], arrays: list[np.ndarray], mask: Any, temperature: float
) -> list[np.ndarray]:
    """Return what the kernel gives for each row by itself, laid out along the lanes or one lane wide."""
    outer, _, inner = arrays[0].shape
    out = outputs(*key[:2], arrays[0].dtype, arrays[0].shape)
    for i, j in np.ndindex(outer, inner):
        one = [np.ascontiguousarray(a[i : i + 1, ..., j : j + 1]) for a in arrays]
        part = None if mask is None else mask[i % len(mask)][None, :, j : j + 1].copy()
        for whole, row in zip(out, run(kernel, *key[:2], one, part, temperature), strict=True):
            whole[i, ..., j] = row[0, ..., 0]
    return out


def assert_close(
    got: list[np.ndarray], expected: list[np.ndarray], ulps: float, terms: Any = 0.0
) -> None:
    """Assert equality but for the order of summation: relative to the largest of the row, and to what is added up."""
    for a, b in zip(got, expected, strict=True):
        assert (np.isnan(a) == np.isnan(b)).all()
        assert (np.isinf(a) == np.isinf(b)).all() and (a[np.isinf(a)] == b[np.isinf(b)]).all()
        finite = np.isfinite(b)
        scale = np.where(finite, np.abs(b), 0).max(
            initial=1e-3, axis=1 if b.ndim == 3 else None, keepdims=True
        )
        error = np.where(finite, np.abs(np.where(finite, a, 0) - np.where(finite, b, 0)), 0)
        assert (error <= np.finfo(a.dtype).eps * (ulps * scale + terms)).all()


def added_up(name: str, pass_: str, arrays: list[np.ndarray], mask: Any) -> Any:
    """Return the sum of |g| where the results depend on that of g, which may cancel.

    (1, 300, 40) has a row with the sum 0.37 of numbers whose absolute values have the sum 232; the largest gradient is
    2.4.
    """
    if (name, pass_) != ("log_softmax", "vjp"):
        return 0.0
    g = arrays[0] if mask is None else np.where(mask, arrays[0], 0)
    return np.abs(g).sum(1, keepdims=True)


@pytest.mark.parametrize("isa", ISAS)
def test_every_kernel_is_there(isa: str) -> None:
    halves = {(name, pass_, half) for name, pass_, _ in KEYS for half in ("f16", "bf16")}
    assert set(_native.row_kernels(isa)) == {*KEYS, *halves}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name,pass_,dtype", KEYS, ids=IDS)
def test_every_layout_gives_what_single_rows_give(
    name: str, pass_: str, dtype: str, isa: str
) -> None:
    key = name, pass_, dtype
    kernel, plain = _native.row_kernels(isa)[key], _native.row_kernels(ISAS[-1])[key]
    random = np.random.default_rng(5)
    for shape in SHAPES:
        arrays = operands(name, pass_, DTYPES[dtype], shape)
        if ROWS[name].passes[pass_].inputs[-1] == "y":  # of which no element is nearly all
            shares = np.maximum(random.random(shape) - 0.3, 0) / (0.3 * shape[1])
            arrays[1] = shares.astype(DTYPES[dtype])
        masks = [None, random.random(shape) < 0.6, random.random((1, *shape[1:])) < 0.6]
        for given in product(masks[: 3 if shape[1] < 200 else 2], (1.0, 1.3)):
            got = run(kernel, name, pass_, arrays, *given)
            terms = added_up(name, pass_, arrays, given[0])
            assert_close(got, row_by_row(plain, key, arrays, *given), 8, terms)


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
