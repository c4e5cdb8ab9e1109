"""The compiled kernels: the same bits from each, and how far those are from the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pytest

from conftest import BACKENDS, WORST, keeping
from fastact import accuracy
from fastact.definitions.activations import TABLE
from native_cases import assert_same_bits, outputs
from representatives import KINDS, looped

COMPILED = [name for name in BACKENDS if name != "numpy"]
DTYPES = ("float32", "float64")
PASSES = ("forward", "derivative")
# Parameters other than the defaults, as factors of those.
FACTORS = (1.0, 0.3, 1.7)
CASES = [(name, f) for name in TABLE for f in (FACTORS if TABLE[name].params else FACTORS[:1])]


def parameters(name: str, factor: float = 1.0) -> tuple[float, ...]:
    """Return the defaults, or 1 for a parameter without one, times `factor`."""
    defaults = (parameter.default for parameter in TABLE[name].params.values())
    return tuple(factor * (1.0 if default is None else default) for default in defaults)


def kernel(backend: str, name: str, pass_: str, dtype: str) -> Callable[..., Any]:
    return keeping(backend).kernel(name, pass_, np.dtype(dtype))


# The products of value and derivative take Numba a minute to compile for all: here for one function of each kind.
COMBINED = ("vjp", "value_and_derivative", "vjp_from_output")
SAME = [pytest.param(name, PASSES, id=name) for name in TABLE]
SAME += [
    pytest.param(
        name, COMBINED, id=f"{name}-combined", marks=[pytest.mark.exhaustive] * (name not in KINDS)
    )
    for name in TABLE
]


@pytest.mark.skipif(len(COMPILED) < 2, reason="one compiled backend is not there")
@looped("dtype", DTYPES)
@pytest.mark.parametrize(("name", "passes"), SAME)
def test_cython_and_numba_give_the_same_bits(
    name: str, dtype: str, passes: tuple[str, ...]
) -> None:
    """Every 1,021st float32, as many float64, defaults and other parameters."""
    x = (
        np.concatenate([*accuracy.blocks(dtype, (1 << 32) // (1 << 22) - 3)])
        if dtype == "float32"
        else None
    )
    x = accuracy.bit_patterns(dtype, 1 << 18) if x is None else x
    known = [pass_ for pass_ in passes if pass_ in TABLE[name].passes]
    for pass_, factor in product(known, FACTORS[: 2 if TABLE[name].params else 1]):
        inputs = [x, np.roll(x, 77)][-len(TABLE[name].signatures[pass_][0]) :]
        results = []
        for backend in COMPILED:
            results.append(outputs(name, pass_, f"f{8 * x.itemsize}", x.size))
            kernel(backend, name, pass_, dtype)(*inputs, *results[-1], *parameters(name, factor))
        assert_same_bits(*results)


def critical(name: str, dtype: str) -> np.ndarray:
    """Return the neighbours of every number that the source of the kernels names."""
    from fastact.compiler.kernels import trace

    label = "f32" if dtype == "float32" else "f64"
    graph = trace(TABLE[name], "value_and_derivative", label)
    constants = {abs(node.value) for node in graph.nodes if node.op == "constant"}
    points = [c for c in constants if np.isfinite(c)] + [*map(abs, parameters(name))]
    return accuracy.around([*points, *(-p for p in points), 0.0], dtype, 3)


def in_reach(name: str, x: np.ndarray, factor: float) -> np.ndarray:
    """Leave out where the docstring of `snake` promises less: beyond, its phase is a rounded product or sum."""
    if name != "snake" or (factor == 1.0 and x.dtype == np.float32):
        return x
    return x[~(np.abs(x) > {4: 2.0**12, 8: 2.0**29}[x.itemsize])]


@pytest.mark.parametrize(("name", "factor"), CASES)
@looped("dtype", DTYPES)
@looped("pass_", PASSES)
def test_error(name: str, pass_: str, dtype: str, factor: float) -> None:
    count = {"float32": 1 << 18, "float64": 600}[dtype] // (1 if factor == 1.0 else 4)
    x = np.concatenate([accuracy.samples(dtype, count), critical(name, dtype)])
    x = in_reach(name, x, factor)
    worst = accuracy.measure(
        name, pass_, dtype, kernel(COMPILED[0], name, pass_, dtype), parameters(name, factor), x
    )
    WORST[f"{name} {pass_} {dtype}" + (f" x{factor}" if factor != 1.0 else "")] = str(worst)
    # Near a zero of the derivative in units of 2^-28 (float32) and 2^-57 (float64).
    assert worst.ulp <= TABLE[name].most(pass_, factor == 1.0), worst


@pytest.mark.exhaustive
@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("name", TABLE)
def test_every_float32(name: str, pass_: str) -> None:
    """All 2³² arguments, against the float64 kernel, whose own error is 2⁻²⁸ of what is asserted here."""
    single, double = (kernel(COMPILED[0], name, pass_, dtype) for dtype in DTYPES)
    params = parameters(name)
    zeros = accuracy.sign_changes(name, *params) if pass_ == "derivative" else ()
    most = TABLE[name].most(pass_)

    @np.errstate(all="ignore")  # here: the threads of a pool start with NumPy's defaults
    def worst_of(x: np.ndarray) -> tuple[float, float]:
        wide, y, truth = x.astype(np.float64), np.empty_like(x), np.empty(x.shape)
        single(x, y, *params)
        double(wide, truth, *params)
        near = np.flatnonzero(suspicious(y, truth, most / 2))
        if not near.size:
            return 0.0, 0.0
        error = accuracy.ulp_error(y[near], truth[near])
        error = accuracy.error_near_zeros(error, truth[near], x[near], np.float32, zeros)
        at = int(np.argmax(error))
        return float(error[at]), float(x[near][at])

    with ThreadPoolExecutor(2) as pool:
        worst, x = max(in_order(pool, worst_of, accuracy.blocks(np.float32)))
    WORST[f"{name} {pass_}, every float32"] = f"{max(worst, 0):.4f} ulp at {x!r} ({float(x).hex()})"
    assert worst <= most


def suspicious(y: np.ndarray, truth: np.ndarray, bound: float) -> np.ndarray:
    """Tell which results may be off by more than `bound` ulp: a look a hundred times as fast as the measurement."""
    spacing = np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)
    return ~(np.abs(y - truth) <= 0.5 * bound * spacing) & ~(np.isnan(y) & np.isnan(truth))


def in_order(
    pool: ThreadPoolExecutor, function: Any, blocks: Iterator[np.ndarray]
) -> Iterator[Any]:
    """Map with no more blocks in memory than are worked on."""
    waiting = []
    for block in blocks:
        waiting.append(pool.submit(function, block))
        if len(waiting) > 4:
            yield waiting.pop(0).result()
    yield from (future.result() for future in waiting)


EXACT_DEFAULTS = [
    name
    for name, declaration in TABLE.items()
    if declaration.defaults
    and all(float(np.float32(value)) == value for value in declaration.defaults)
]


@looped("backend", COMPILED)
@looped("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT_DEFAULTS)
def test_default_parameters_give_the_bits_of_the_general_kernel(
    name: str, dtype: str, backend: str
) -> None:
    if backend == "numba" and name not in KINDS:
        return  # which takes its time to compile
    x = accuracy.bit_patterns(dtype, 1 << 14)
    for pass_ in TABLE[name].passes:
        inputs = [x, np.roll(x, 77)][-len(TABLE[name].signatures[pass_][0]) :]
        as_arrays = [np.full(x.shape, value, dtype) for value in TABLE[name].defaults]
        results = []
        for params in (TABLE[name].defaults, as_arrays):
            results.append(outputs(name, pass_, f"f{8 * x.itemsize}", x.size))
            kernel(backend, name, pass_, dtype)(*inputs, *results[-1], *params)
        assert_same_bits(*results)
