"""Functions with look-ups in users' loops of every shape: the bits of the kernels, whatever is made a vector."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import check_python
from njit_cases import binding, numba, same

gelu, slope = fa.gelu, fa.gelu.derivative
f32, f64 = np.float32, np.float64
LOOPS: list[Callable[..., None]] = []


def loop(function: Callable[..., None]) -> Callable[..., None]:
    LOOPS.append(function)
    return function


@loop
def two_functions(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = gelu(x[i]) + slope(gelu(x[i]))


@loop
def under_conditions(x: Any, y: Any) -> None:
    for i in range(x.size):
        if x[i] > f32(0.3):
            y[i] = gelu(x[i])
        elif x[i] < f32(-1):
            y[i] = slope(x[i])


@loop
def eight_at_a_time(x: Any, y: Any) -> None:
    for i in range(0, x.size - 8, 8):
        for j in range(8):
            y[i + j] = gelu(x[i + j])


@loop
def in_a_straight_line(x: Any, y: Any) -> None:
    for i in range(0, x.size - 8, 8):
        y[i], y[i + 1], y[i + 2], y[i + 3] = (
            gelu(x[i]),
            gelu(x[i + 1]),
            gelu(x[i + 2]),
            gelu(x[i + 3]),
        )
        y[i + 4], y[i + 5], y[i + 6], y[i + 7] = (
            gelu(x[i + 4]),
            gelu(x[i + 5]),
            gelu(x[i + 6]),
            gelu(x[i + 7]),
        )


@loop
def strided(x: Any, y: Any) -> None:
    for i in range(0, x.size, 3):
        y[i] = gelu(x[x.size - 1 - i])


@loop
def the_same_in_a_row(x: Any, y: Any) -> None:
    for i in range(x.size // 16):
        for j in range(16):
            y[i * 16 + j] = gelu(x[i]) * x[j]


@loop
def both_types(x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = f32(f64(gelu(x[i])) * 1.5 + gelu(f64(x[i])))


@loop
def each_from_the_one_before(x: Any, y: Any) -> None:
    last = f32(0)
    for i in range(x.size):
        last = gelu(last * f32(0.1) + x[i])
        y[i] = last


@loop
def until_small(x: Any, y: Any) -> None:
    for i in range(x.size):
        v, n = x[i], 0
        while abs(v) > f32(0.5) and n < 5:
            v, n = gelu(v), n + 1
        y[i] = v


def outside(function: Callable[..., None]) -> Callable[..., None]:
    """Return the same function to be run by Python, where each call is of one number."""
    one = {
        "gelu": lambda v: fa.gelu(np.asarray(v))[()],
        "slope": lambda v: fa.gelu.derivative(np.asarray(v))[()],
    }
    return FunctionType(function.__code__, {**function.__globals__, **one})  # type: ignore[attr-defined]


@pytest.mark.parametrize("function", LOOPS, ids=lambda function: function.__name__)
def test_bits(function: Callable[..., None]) -> None:
    compiled = numba.njit(function)
    random = np.random.default_rng(5)
    for size in (0, 1, 8, 17, 33, 100, 300):
        x = random.normal(0, 3, size).astype(np.float32)
        found, wanted = np.zeros_like(x), np.zeros_like(x)
        compiled(x, found)
        outside(function)(x, wanted)
        assert same(found, wanted)


# Compiles a loop, says whether it permutes or gathers, and whether a straight line has the bits of the kernel.
PROGRAM = """
import re
import numba, numpy as np
import fastact as fa
from fastact import numba_extension
numba_extension.init()
gelu = fa.gelu

@numba.njit("void(float32[::1], float32[::1])")
def loop(x, y):
    for i in range(x.size):
        y[i] = gelu(x[i])

@numba.njit
def line(x, y):
    for i in range(0, x.size, 8):
        y[i], y[i + 1], y[i + 2], y[i + 3] = gelu(x[i]), gelu(x[i + 1]), gelu(x[i + 2]), gelu(x[i + 3])
        y[i + 4], y[i + 5], y[i + 6], y[i + 7] = gelu(x[i + 4]), gelu(x[i + 5]), gelu(x[i + 6]), gelu(x[i + 7])

x = np.linspace(-5, 5, 800, dtype=np.float32)
y, z = np.empty_like(x), np.empty_like(x)
loop(x, y), line(x, z)
(code,) = loop.inspect_asm().values()
permutations = re.findall(r"\\bvperm(?:ps|d)\\s.*%[yz]mm", code)
print(len(permutations) > 8, "gather" in code, np.array_equal(y, z), np.array_equal(y, gelu(x)))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not binding.get_host_cpu_features().get("avx2"), reason="the permutation is that of AVX2"
)
@pytest.mark.parametrize("straight", ["0", "1"])
@pytest.mark.parametrize("processor", ["here", "haswell"])
def test_permutations(processor: str, straight: str) -> None:
    given = {"NUMBA_SLP_VECTORIZE": straight}
    if processor != "here":
        given |= {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"}
    permutes, gathers, *bits = check_python(PROGRAM, **{**os.environ, **given}).split()
    assert bits == ["True", "True"]
    assert gathers == "False"
    if binding.llvm_version_info[0] >= 20:
        assert (permutes == "True") == (straight == "0")
