"""Numba's code behind the extension: the same sums, the same checks, and when it is compiled."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from fastact.backends.cython import backend as cython
from fastact.backends.numba import backend as numba
from fastact.backends.numba import variant
from native_cases import DTYPES

if reason := cython.why_unavailable() or numba.why_unavailable():
    pytest.skip(reason, allow_module_level=True)

from fastact.backends.cython import _native

# Bytes of an output that goes round the cache, and a last part.
LARGE = (1 << 24) + 400_012


@cache
def kernel_of(name: str, pass_: str, dtype: str) -> Any:
    return numba.kernel(name, pass_, DTYPES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [10, 300_007, LARGE // 4])
def test_sums(dtype: str, size: int, set_threads: Callable[[int], None]) -> None:
    x = np.random.default_rng(5).normal(size=size).astype(DTYPES[dtype])
    want = cython.kernel("silu", "forward", DTYPES[dtype]).summed(x, 1.0)
    for count in 1, 2, 3:
        set_threads(count)
        assert kernel_of("silu", "forward", dtype).summed(x, 1.0) == want


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
    def compile(form: str, streaming: bool, wide: bool) -> tuple[int, int]:
        raise ZeroDivisionError(form)

    x, y = np.ones(9, np.float32), np.zeros(9, np.float32)
    kernel = _native.Compiled(("f", "forward", "f32"), "io", 1, "cheap", (2.0,), compile)
    for parameter, form in (2.0, "plain"), (1.0, "scalar"), (x, "array"):
        with pytest.raises(ZeroDivisionError, match=form):
            kernel(x, y, parameter)
    assert not y.any()


@pytest.mark.parametrize(
    ("arrays", "count", "defaults"),
    [("iiiiio", 0, ()), ("ioooo", 0, ()), ("io", 5, ()), ("io", 1, (1.0, 2.0))],
)
def test_too_many_operands(arrays: str, count: int, defaults: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="too many operands"):
        _native.Compiled(("f", "forward", "f32"), arrays, count, "cheap", defaults, print)
