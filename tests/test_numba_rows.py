"""The numba backend's row kernels, against definitions in NumPy, and the code that is compiled."""

from __future__ import annotations

import importlib
import re
import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest

from conftest import WORST
from fastact import threads
from fastact.backends.numba import backend
from fastact.definitions.rows import ROWS

if (REASON := backend.why_unavailable()) is not None:
    pytest.skip(REASON, allow_module_level=True)

from fastact.backends.numba.rows import kernel as row_kernels
from fastact.backends.numba.rows import plan as row_plans

DTYPES = ("float32", "float64")
# Each form of each kernel is compiled: what the quick suite takes of them is float32, and all of softmax.
QUICK = ("float32", pytest.param("float64", marks=pytest.mark.exhaustive))
KERNELS = [f"{name}-{pass_}" for name, entry in ROWS.items() for pass_ in entry.passes]
Array = Any
inf, nan = np.inf, np.nan
# Of all kinds: along rows (whole vectors and not), short rows, across rows, parts of rows.
SHAPES = {
    "along": (3, 128, 1),
    "odd": (70, 101, 1),
    "short": (75, 17, 1),
    "two": (40, 2, 1),
    "one": (3, 1, 1),
    "across": (2, 50, 33),
    "folded": (3, 9, 2),
    "folded long": (1, 3_001, 8),
    "narrow": (2, 70, 5),
    "long": (2, 70_001, 1),
    "long across": (1, 3_000, 35),
}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads._state, "count", 2)


# --- definitions, in long double, along axis 1 -----------------------------------------------------------------------


def below(x: Array, mask: Array, temperature: float) -> tuple[Array, Array, Array]:
    """Return the maximum, exp((x - maximum) / T), its sum without one maximum."""
    x = np.where(mask, x, -inf).astype(np.longdouble)
    top = x.max(1, keepdims=True, initial=-inf)
    e = np.where(x == top, 1, np.exp((x - np.where(np.isfinite(top), top, 0)) / temperature))
    e = np.where(mask, e, 0)
    first = (x == top) & (np.cumsum(x == top, 1) == 1)
    return top, e, np.where(first & mask, 0, e).sum(1, keepdims=True) - ~mask.any(1, keepdims=True)


def thresholded(x: Array, mask: Array, temperature: float, power: int) -> Array:
    """Project by sorting: the largest support on which max(z - threshold, 0)**power can sum to 1."""
    z = np.where(mask, x.astype(np.longdouble) / temperature / power, -inf)
    z = z - z.max(1, keepdims=True)
    s = -np.sort(-z, 1)
    k = np.arange(1, z.shape[1] + 1)[:, None]
    finite = np.where(np.isfinite(s), s, 0)
    mean = np.cumsum(finite, 1) / k
    if power == 1:
        threshold = mean - 1 / k
    else:
        variance = np.cumsum(finite * finite, 1) - k * mean * mean
        threshold = mean - np.sqrt(np.maximum((1 - variance) / k, 0))
    count = ((s > threshold) & np.isfinite(s)).sum(1, keepdims=True)
    return np.where(
        mask, np.maximum(z - np.take_along_axis(threshold, count - 1, 1), 0) ** power, 0
    )


def softmax(x: Array, mask: Array, temperature: float) -> Array:
    _, e, others = below(x, mask, temperature)
    return e / (1 + others)


def logs(x: Array, mask: Array, temperature: float) -> Array:
    top, _, others = below(x, mask, temperature)
    return np.where(mask, (x - top) / np.longdouble(temperature) - np.log1p(others), -inf)


def logsumexp(x: Array, mask: Array, temperature: float) -> Array:
    top, _, others = below(x, mask, temperature)
    return top / np.longdouble(temperature) + np.log1p(others)


def definition(key: str, given: list[Array], mask: Array, temperature: float) -> list[Array]:
    """Return the outputs, then the row outputs with an axis of length 1."""
    name, pass_ = key.split("-")
    wide = [array.astype(np.longdouble) for array in given]
    x, mask = wide[0], np.broadcast_to(mask, given[0].shape)

    def sum_of(values: Array) -> Array:
        return np.where(mask, values, 0).sum(1, keepdims=True)

    if pass_ == "vjp":
        g, y = wide
        if name in ("logsumexp", "logmeanexp"):
            return [softmax(g, mask, temperature) * y[:, None] / temperature]
        out = {
            "softmax": lambda: y * (g - sum_of(g * y)),
            "softmin": lambda: y * (sum_of(g * y) - g),
            "log_softmax": lambda: g - np.exp(y) * sum_of(g),
            "sparsemax": lambda: np.where(y > 0, g - sum_of(g * (y > 0)) / sum_of(y > 0), 0),
            "entmax15": lambda: np.sqrt(y) * (g - sum_of(g * np.sqrt(y)) / sum_of(np.sqrt(y))),
        }[name]()
        return [np.where(mask, out / temperature, 0)]
    top, e, others = below(x, mask, temperature)
    count = mask.sum(1, keepdims=True)
    return {
        "softmax": lambda: [softmax(x, mask, temperature)],
        "softmin": lambda: [softmax(-x, mask, temperature)],
        "log_softmax": lambda: [logs(x, mask, temperature)],
        "logsumexp": lambda: [logsumexp(x, mask, temperature)],
        "logmeanexp": lambda: [logsumexp(x, mask, temperature) - np.log(count)],
        "sparsemax": lambda: [thresholded(x, mask, temperature, 1)],
        "entmax15": lambda: [thresholded(x, mask, temperature, 2)],
        "_exp_sum": lambda: [top, others],
        "_softmax_from": lambda: [softmax(x, mask, temperature)],
        "_log_softmax_from": lambda: [logs(x, mask, temperature)],
        "_cross_entropy": lambda: [e / (1 + others) * wide[1][:, None], top, others],
    }[name]()


def arguments(key: str, shape: tuple[int, ...], dtype: str, mask: Array) -> list[Array]:
    """Return inputs and row inputs such as the kernel gets them."""
    name, pass_ = key.split("-")
    row_pass = ROWS[name].passes[pass_]
    rng = np.random.default_rng(11)
    x, g = rng.normal(0, 4, (2, *shape)).astype(dtype)
    rows = [rng.normal(size=(shape[0], shape[2])).astype(dtype) for _ in row_pass.row_inputs]
    if row_pass.row_inputs == ("maximum", "others"):
        top, _, others = below(x, np.broadcast_to(mask, shape), 1.0)
        rows = [top[:, 0].astype(dtype), others[:, 0].astype(dtype)]
    if row_pass.inputs == ("g", "y"):
        with np.errstate(all="ignore"):
            (y,) = definition(f"{name}-forward", [x], mask, 1.0) if x.size else [x]
        return [g, y.astype(dtype)]
    return [x, *rows]


def call(key: str, given: list[Array], mask: Array | None, temperature: float = 1.0) -> list[Array]:
    """Return the outputs, then the row outputs with an axis of length 1, from memory that held 7."""
    name, pass_ = key.split("-")
    row_pass = ROWS[name].passes[pass_]
    x = given[0]
    outputs = [np.full_like(x, 7) for _ in row_pass.outputs]
    rows = [np.full((x.shape[0], x.shape[2]), 7, x.dtype) for _ in row_pass.row_outputs]
    kernel = backend.row_kernel(name, pass_, x.dtype)
    kernel(*given, *outputs, *rows, mask, *[temperature] * len(ROWS[name].params))
    return [*outputs, *(row[:, None] for row in rows)]


def mask_of(kind: str, shape: tuple[int, ...]) -> Array | None:
    """Return a mask that leaves something of every row; the first element is always in."""
    if kind == "none":
        return None
    full = (1, *shape[1:]) if kind == "shared" else shape
    mask = np.random.default_rng(5).random(full) < 0.7
    mask[:, 0] = True
    return mask


# --- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "temperature"),
    [
        ("none", 1.0),
        ("full", 0.3),
        pytest.param("none", 0.3, marks=pytest.mark.exhaustive),
        pytest.param("shared", 1.0, marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("dtype", QUICK)
@pytest.mark.parametrize("key", KERNELS)
def test_values(key: str, dtype: str, kind: str, temperature: float) -> None:
    if ROWS[key.split("-")[0]].passes["forward"].row_inputs[:1] == ("maximum",):
        temperature = 1.0  # the statistic that it is given is one for this temperature
    for shape in SHAPES.values():
        mask = mask_of(kind, shape)
        every = np.ones((1, 1, 1), np.bool_) if mask is None else mask
        given = arguments(key, shape, dtype, every)
        if mask is not None:
            given[0] = np.where(mask, given[0], nan).astype(
                dtype
            )  # an excluded NaN counts for nothing
        results = call(key, given, mask, temperature)
        given[0] = np.where(every, given[0], 0)
        with np.errstate(all="ignore"):
            wanted = definition(key, given, every, temperature)
            # Relative to the largest number that the result is made of.
            largest = max(float(np.abs(array[np.isfinite(array)]).max()) for array in given)
            for got, want in zip(results, wanted, strict=True):
                allowed = 8 * np.finfo(dtype).eps * (largest / temperature + np.abs(want))
                same = (got == want) | (np.abs(got - want) <= allowed)
                assert same.all(), (shape, np.argwhere(~same)[:3], got[~same][:3], want[~same][:3])


def ulp_errors(got: Array, want: Array) -> Array:
    """Return errors in units in the last place, of the subnormal spacing below the normal numbers."""
    info = np.finfo(got.dtype)
    exponent = np.maximum(
        np.frexp(np.maximum(np.abs(want), np.longdouble(info.tiny)))[1] - 1, info.minexp
    )
    return np.abs(got - want) / np.ldexp(np.longdouble(1), exponent - info.nmant)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name",
    [
        "softmax",
        pytest.param("log_softmax", marks=pytest.mark.exhaustive),
        pytest.param("_exp_sum", marks=pytest.mark.exhaustive),
    ],
)
def test_accuracy(name: str, dtype: str) -> None:
    worst = 0.0
    for trial, shape in enumerate(
        [(400, 5, 1), (400, 40, 1), (50, 301, 1), (3, 64, 65), (1, 1_000_000, 1), (1, 40_000, 3)]
    ):
        for spread in (0.0, 0.1, 1.0, 20.0, 60.0):
            x = np.random.default_rng(trial).normal(spread, spread, shape).astype(dtype)
            (got, *more) = call(f"{name}-forward", [x], None)
            with np.errstate(all="ignore"):
                want = definition(f"{name}-forward", [x], np.True_, 1.0)
            for one, other in zip((got, *more), want, strict=True):
                worst = max(worst, float(ulp_errors(one, other).max()))
            if name == "softmax":
                assert np.abs(got.astype(float).sum(1) - 1).max() <= 1e-6
    WORST[f"numba rows {name} {dtype}"] = f"{worst:.2f} ulp"
    assert worst <= 4.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 150, 1), (4, 20, 1), (1, 150, 3), (1, 70_000, 1)], ids=str)
def test_infinities_and_nan_stay_in_their_row(shape: tuple[int, ...], dtype: str) -> None:
    rows = np.array(
        [[0, 1], [nan, 1], [inf, 1], [-inf, 1], [-inf, -inf], [1e30, -1e30], [inf, nan]], dtype
    )
    n_rows, axis = shape[0] * shape[2], shape[1]
    for start in range(len(rows)):
        chosen = rows[(start + np.arange(n_rows)) % len(rows)]
        flat = np.full((n_rows, axis), -inf, dtype)
        flat[:, axis // 2], flat[:, -1] = chosen.T
        x = np.ascontiguousarray(flat.reshape(shape[0], shape[2], axis).transpose(0, 2, 1))
        for name in ("softmax", "log_softmax", "logsumexp", "sparsemax", "entmax15"):
            (got,) = call(f"{name}-forward", [x], None)
            got = np.broadcast_to(got, (got.shape[0], got.shape[1], shape[2])).transpose(0, 2, 1)
            for row, result in zip(chosen, got.reshape(n_rows, -1), strict=True):
                spoiled = np.isnan(row).any() or (
                    name != "logsumexp" and not np.isfinite(row.max())
                )
                assert np.isnan(result).all() if spoiled else not np.isnan(result).any(), (
                    name,
                    row,
                )
                if name == "logsumexp" and not spoiled:
                    assert result[0] == (
                        row.max() if np.abs(row).max() > 9 else np.logaddexp(*row.astype(dtype))
                    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key", KERNELS)
def test_rows_of_which_nothing_is_left(key: str, dtype: str) -> None:
    name, pass_ = key.split("-")
    row_pass = ROWS[name].passes[pass_]
    for shape in ((3, 128, 1), (5, 7, 1), (2, 6, 35), (2, 70_001, 1), (3, 0, 2)):
        mask = np.zeros(shape, np.bool_)
        mask[0] = True
        given = arguments(key, shape, dtype, mask)
        results = call(key, given, mask)
        for got in results[: len(row_pass.outputs)]:
            assert (got[1:] == row_pass.excluded).all()
        for got, output in zip(results[len(row_pass.outputs) :], row_pass.row_outputs, strict=True):
            assert (got[1:] == (-1 if output == "others" else -inf)).all()


# --- memory and threads --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", QUICK)
@pytest.mark.parametrize("key", KERNELS)
def test_any_number_of_threads_gives_the_same_bits(
    key: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shape in (
        (3, 70_001, 1),
        (1, 3_000, 35),
        (3, 20_001, 4),
        (2_100, 33, 1),
        (300, 129, 1),
        (7, 9, 700),
    ):
        for kind in ("none", "full"):
            mask = mask_of(kind, shape)
            given = arguments(key, shape, dtype, np.True_ if mask is None else mask)
            alone = None
            for count in (1, 2, 3):
                monkeypatch.setattr(threads._state, "count", count)
                results = call(key, given, mask)
                alone = alone or results
                for got, want in zip(results, alone, strict=True):
                    assert np.array_equal(got, want, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "key", [key for key in KERNELS if ROWS[key.split("-")[0]].passes[key.split("-")[1]].outputs]
)
def test_in_place_and_nothing_beside(key: str, dtype: str) -> None:
    name, pass_ = key.split("-")
    kernel = backend.row_kernel(name, pass_, np.dtype(dtype))
    for shape in SHAPES.values():
        given = arguments(key, shape, dtype, np.True_)
        want, *rows = call(key, given, None)
        for k in range(len(ROWS[name].passes[pass_].inputs)):
            memory = np.full(want.size + 2, 7, dtype)
            copies = [array.copy() for array in given]
            copies[k] = memory[1:-1].reshape(shape)
            copies[k][:] = given[k]
            kernel(*copies, copies[k], *(row[:, 0].copy() for row in rows), None, 1.0)
            assert np.array_equal(copies[k], want, equal_nan=True), shape
            assert memory[0] == memory[-1] == 7


@pytest.mark.parametrize("shape", ["odd", "across", "long", "long across"])
@pytest.mark.parametrize("key", ["softmax-forward", "logsumexp-vjp", "log_softmax-forward"])
def test_a_call_in_the_middle_of_another(
    key: str, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal's handler may call for the same shape, or set the number of threads, whenever Python runs."""
    monkeypatch.setattr(backend, "row_kernel", cache(backend.row_kernel))
    masks = [mask_of("full", SHAPES[shape]), mask_of("full", SHAPES[shape])[:, ::-1].copy()]
    given = [arguments(key, SHAPES[shape], "float32", mask) for mask in masks]
    for array in given[1]:
        array *= 0.5
    wanted = [call(key, *case) for case in zip(given, masks, strict=True)]
    address, inside = row_plans.address, [False]
    kept: list[list[Array]] = []  # what was freed must not be written to

    def interrupted(array: Array) -> int:
        place = address(array)
        if not inside[0]:
            inside[0] = True
            monkeypatch.setattr(threads._state, "count", threads._state.count % 3 + 1)
            kept.append(call(key, given[1], masks[1]))
            inside[0] = False
        return place

    for module in (row_kernels, row_plans):
        monkeypatch.setattr(module, "address", interrupted)
    for _ in range(4):
        for got, want in zip(call(key, given[0], masks[0]), wanted[0], strict=True):
            assert np.array_equal(got, want)
    assert kept
    for results in kept:
        for got, want in zip(results, wanted[1], strict=True):
            assert np.array_equal(got, want)


@pytest.mark.parametrize(
    "shape", [(1, 1024, 4096), (500, 3000, 1), (1, 1 << 22, 1), (1, 250, 9999)]
)
def test_memory_with_any_number_of_threads(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 1 MiB, also where a shape was seen first with another number."""
    kernel = backend.row_kernel("softmax", "vjp", np.dtype(np.float32))
    g, y = np.random.default_rng(0).random((2, *shape), np.float32)
    out, want = np.empty_like(g), np.empty_like(g)
    for count in (2, 1024, 64, 5, 1):
        monkeypatch.setattr(threads._state, "count", count)
        kernel(g, y, want if count == 2 else out, None, 1.0)
        tracemalloc.start()
        kernel(g, y, out, None, 1.0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= 1 << 20, count
        assert np.array_equal(out, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length(dtype: str) -> None:
    for axis in range(150):
        for inner in (1, 2, 31, 32, 33):
            x = np.random.default_rng(axis).normal(size=(3, axis, inner)).astype(dtype)
            (got,) = call("softmax-forward", [x], None)
            assert got.shape == x.shape
            if axis:
                assert np.allclose(got.sum(1), 1, rtol=1e-6)


def test_a_kernel_that_is_not_there() -> None:
    for key in (("no_such", "forward", "f4"), ("softmax", "back", "f4"), ("softmax", "vjp", "f2")):
        with pytest.raises(KeyError, match="the numba backend has no kernel"):
            backend.row_kernel(key[0], key[1], np.dtype(key[2]))


# --- what is compiled ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "suffix",
    [
        "_plain",
        "_masked",
        pytest.param("", marks=pytest.mark.exhaustive),
        pytest.param("_plain_masked", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize(
    "key", ["softmax-forward", "softmax-vjp", "logsumexp-forward", "entmax15-forward"]
)
def test_arithmetic_is_on_vectors(key: str, suffix: str) -> None:
    """Scalar arithmetic is left with the parameter and its low part alone."""
    from numba import types

    from fastact.backends.numba import compile as numba_compile

    name, pass_ = key.split("-")
    module = importlib.import_module(f"fastact.backends.numba._kernels.rows_{name}")
    masked = suffix.endswith("_masked")
    for bits, element in (("f32", "float"), ("f64", "double")):
        stem = f"{pass_}_{bits}{suffix.removesuffix('_masked')}"
        about = getattr(module, f"{pass_}_{bits}".upper())
        function = row_kernels.phases_of(module, stem, about, masked)
        dispatcher = numba_compile.dispatcher(function)
        arguments = (types.intp, types.intp)
        dispatcher.compile(types.intp(*arguments))
        code = dispatcher.overloads[arguments].library.get_llvm_str()
        assert re.search(rf"= fmul <\d+ x {element}>", code)
        assert re.search(rf"store <\d+ x {element}>", code)
        scalar = re.findall(r"= f(?:add|sub|mul|div) (?:float|double)", code)
        assert len(scalar) <= (0 if "plain" in suffix else 2), scalar
        assembly = dispatcher.overloads[arguments].library.get_asm_str()
        packed, single = (
            len(re.findall(rf"v?(?:add|mul|sub|max){s}[sd]\b", assembly)) for s in "ps"
        )
        assert packed > 8 * single, (packed, single)
