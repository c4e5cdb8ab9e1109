"""What every backend with row kernels must do; a third party's, too: `pytest --backend NAME`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pytest

from fastact.backends.protocol import Backend
from fastact.definitions.rows import ROWS
from representatives import ROW_KINDS, looped
from row_cases import PASSES, defined, operands, outputs, parted, run

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, int, int]
DTYPES = (np.dtype("f4"), np.dtype("f8"))
# (outer, axis, inner): along the rows and across them, full vectors and parts, one slab and several, rows that are
# read twice, that are transposed, that are shared out.
SHAPES: list[Shape] = [
    (1, 1, 1), (3, 7, 1), (200, 2, 1), (37, 16, 1), (75, 17, 1), (5, 33, 1), (70, 101, 1),
    (2, 128, 1), (3, 1000, 1), (1, 9001, 1), (2, 40, 3), (2, 70, 5), (3, 9, 2), (7, 6, 17),
    (2, 50, 33), (1, 300, 40), (1, 5000, 3), (1, 3001, 8),
]  # fmt: skip
LONG: list[Shape] = [
    (1, 150_001, 1), (2, 70_001, 3), (1, 5_000, 40), (1, 3_000, 35), (70, 4_096, 1), (3, 64, 700),
    (7, 9, 700), (40_000, 3, 1), (2_100, 33, 1),
]  # fmt: skip
EMPTY: list[Shape] = [(0, 4, 3), (2, 0, 3), (2, 4, 0), (0, 0, 0), (3, 0, 1)]

# What the loops do is tested with one kernel of each structure; what the formula decides, with all.
each_kind = pytest.mark.parametrize(("name", "pass_"), ROW_KINDS, ids=map("-".join, ROW_KINDS))
OTHERS = [key for key in PASSES if key not in ROW_KINDS]


def some(subject: Backend, shapes: list[Any], step: int = 4) -> list[Any]:
    """Return shapes for a backend: some for NumPy, which does the same with all."""
    return shapes[::step] if subject.name in ("numpy", "strict") else shapes


def mask_of(kind: str, shape: Shape) -> Array | None:
    """Return a mask that leaves something of every row: the first element."""
    if kind == "none":
        return None
    mask = np.random.default_rng(5).random((1, *shape[1:]) if kind == "shared" else shape) < 0.7
    mask[:, :1] = True
    return mask


def same(got: list[Array], expected: list[Array]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(got, expected, strict=True))


@lru_cache(256)
def case(name: str, pass_: str, dtype: Any, shape: Shape, kind: str, temperature: float) -> Any:
    """Return a mask and operands: once for all backends."""
    mask = mask_of(kind, shape)
    return mask, operands(name, pass_, dtype, shape, mask, temperature)


@lru_cache(256)
def truth(name: str, pass_: str, *key: Any) -> list[Array]:
    mask, arrays = case(name, pass_, *key)
    return defined(name, pass_, arrays, mask, key[-1])


def test_every_kernel_is_there(subject: Backend) -> None:
    for (name, pass_), dtype in product(PASSES, DTYPES):
        assert callable(subject.row_kernel(name, pass_, dtype))


@pytest.mark.parametrize("key", [("no_such", "forward"), (PASSES[0][0], "back")], ids="-".join)
def test_a_kernel_that_is_not_there(key: tuple[str, str], subject: Backend) -> None:
    with pytest.raises(KeyError):
        subject.row_kernel(*key, np.dtype("f4"))


@each_kind
def test_values_in_every_layout(name: str, pass_: str, subject: Backend) -> None:
    kinds = [("none", 1.0), ("full", 0.3)]
    shapes = [*product([*SHAPES, (2, 70_001, 1), (1, 3_000, 35)], kinds)]
    shapes += product(SHAPES[::3], [("shared", 1.3)])
    for dtype, (shape, (kind, temperature)) in product(DTYPES, some(subject, shapes)):
        check_values(name, pass_, subject, (dtype, shape, kind, temperature))


@looped("name, pass_", OTHERS)
def test_values_of_other_passes(name: str, pass_: str, subject: Backend) -> None:
    for dtype, shape in product(DTYPES, [(5, 33, 1), (200, 2, 1), (2, 50, 33)]):
        check_values(name, pass_, subject, (dtype, shape, "full", 0.3))


def check_values(name: str, pass_: str, subject: Backend, key: Any) -> None:
    """Near the definition, relative to what the result is made of; NaN that does not count is nothing."""
    dtype, shape, kind, temperature = key
    mask, arrays = case(name, pass_, *key)
    given = list(arrays)
    if mask is not None:
        given[0] = np.where(mask, given[0], np.nan).astype(dtype)
    kernel = subject.row_kernel(name, pass_, dtype)
    results = run(kernel, name, pass_, given, mask, temperature)
    largest = max(float(np.abs(array[np.isfinite(array)]).max(initial=0)) for array in arrays)
    for got, want in zip(results, truth(name, pass_, *key), strict=True):
        with np.errstate(invalid="ignore"):
            allowed = 8 * np.finfo(dtype).eps * (largest / temperature + np.abs(want))
            close = (got == want) | (np.abs(got - want) <= allowed)
        at = np.argwhere(~close)[:3]
        assert close.all(), (shape, kind, at, got[~close][:3], want[~close][:3])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_length(dtype: Any, subject: Backend) -> None:
    kernel = subject.row_kernel("softmax", "forward", dtype)
    for axis, inner in product(some(subject, [*range(1, 150)], 9), (1, 2, 31, 32, 33)):
        x = np.random.default_rng(axis).normal(size=(3, axis, inner)).astype(dtype)
        (got,) = run(kernel, "softmax", "forward", [x])
        e = np.exp(x.astype(float))
        assert np.allclose(got, e / e.sum(1, keepdims=True), rtol=1e-6 if dtype == "f4" else 1e-14)


@each_kind
def test_same_bits_on_any_number_of_threads(
    name: str, pass_: str, subject: Backend, set_threads: Callable[[int], None]
) -> None:
    if subject.name.startswith("cython-"):
        pytest.skip("shared out like cython's")
    for shape, kind in product(some(subject, LONG, 9), ("none", "full")):
        mask, arrays = case(name, pass_, DTYPES[0], shape, kind, 1.0)
        kernel, results = subject.row_kernel(name, pass_, DTYPES[0]), []
        for count in 1, 2, 7:
            set_threads(count)
            results.append(run(kernel, name, pass_, arrays, mask))
            assert same(results[-1], results[0]), (shape, kind, count)


@each_kind
def test_same_bits_wherever_a_row_lies(name: str, pass_: str, subject: Backend) -> None:
    kernel = subject.row_kernel(name, pass_, DTYPES[0])
    for shape in some(subject, [(9, 100, 1), (3, 50, 70), (300, 5, 1), (2, 3000, 45)], 2):
        arrays = operands(name, pass_, DTYPES[0], shape)
        whole = run(kernel, name, pass_, arrays)
        for part in slice(1, None), slice(0, 2):
            got = run(kernel, name, pass_, [a[part] for a in arrays])
            assert same(got, [a[part] for a in whole])
        if shape[2] > 40:
            cut = [np.ascontiguousarray(a[..., 1:40]) for a in arrays]
            assert same(run(kernel, name, pass_, cut), [a[..., 1:40] for a in whole])


@each_kind
def test_a_mask_of_true_changes_no_bit(name: str, pass_: str, subject: Backend) -> None:
    kernel = subject.row_kernel(name, pass_, DTYPES[0])
    for shape in some(subject, SHAPES):
        _, arrays = case(name, pass_, DTYPES[0], shape, "none", 1.0)
        expected = run(kernel, name, pass_, arrays)
        for outer in {1, shape[0]}:
            mask = np.ones((outer, *shape[1:]), bool)
            assert same(run(kernel, name, pass_, arrays, mask), expected)


@each_kind
def test_excluded_elements_count_for_nothing(name: str, pass_: str, subject: Backend) -> None:
    for dtype, shape in product(DTYPES, [(4, 50, 1), (30, 4, 1), (2, 50, 21), (1, 400, 3)]):
        kernel, mask = subject.row_kernel(name, pass_, dtype), mask_of("full", shape)
        arrays = operands(name, pass_, dtype, shape, mask)
        mask[0, :, 0] = False
        expected = run(kernel, name, pass_, arrays, mask)
        for poison in np.nan, np.inf, -np.inf:
            poisoned = [
                np.where(mask, a, poison).astype(dtype) if a.ndim == 3 else a for a in arrays
            ]
            assert same(run(kernel, name, pass_, poisoned, mask), expected)
        for out in expected[: len(ROWS[name].passes[pass_].outputs)]:
            assert (out[~mask] == ROWS[name].passes[pass_].excluded).all()


@each_kind
def test_rows_of_which_nothing_is_left(name: str, pass_: str, subject: Backend) -> None:
    declared = ROWS[name].passes[pass_]
    for dtype, shape in product(DTYPES, [(3, 128, 1), (5, 7, 1), (2, 6, 35), (2, 70_001, 1)]):
        mask = np.zeros(shape, bool)
        mask[0] = True
        arrays = operands(name, pass_, dtype, shape, mask)
        results = run(subject.row_kernel(name, pass_, dtype), name, pass_, arrays, mask)
        for got in results[: len(declared.outputs)]:
            assert (got[1:] == declared.excluded).all()
        check_nothing([got[1:] for got in results[len(declared.outputs) :]], declared)


@each_kind
def test_sizes_of_nought(name: str, pass_: str, subject: Backend) -> None:
    declared = ROWS[name].passes[pass_]
    for dtype, shape in product(DTYPES, EMPTY):
        kernel, arrays = subject.row_kernel(name, pass_, dtype), operands(name, pass_, dtype, shape)
        for mask in None, np.ones(shape, bool):
            results = run(kernel, name, pass_, arrays, mask)
            check_nothing(results[len(declared.outputs) :], declared)


def check_nothing(rows: list[Array], declared: Any) -> None:
    """Rows of nothing have the maximum -inf, and one less than nothing beside it."""
    for got, output in zip(rows, declared.row_outputs, strict=True):
        assert (got == (-1 if output == "rest_of_sum" else -np.inf)).all()


@each_kind
def test_a_nan_stays_in_its_row(name: str, pass_: str, subject: Backend) -> None:
    for dtype, shape in product(DTYPES, [(5, 50, 1), (30, 5, 1), (2, 50, 21), (1, 400, 3)]):
        kernel, arrays = subject.row_kernel(name, pass_, dtype), operands(name, pass_, dtype, shape)
        expected = run(kernel, name, pass_, arrays)
        spoilt = [a.copy() for a in arrays]
        spoilt[0][-1, shape[1] // 2, -1] = np.nan
        got = run(kernel, name, pass_, spoilt)
        # Given values of the row, elements do not look at each other; a maximum passes NaN over.
        whole = pass_ == "forward" and "maximum" not in ROWS[name].passes[pass_].row_inputs
        whole &= "maximum" not in ROWS[name].passes[pass_].row_outputs
        for a, b in zip(got, expected, strict=True):
            assert np.isnan(a[-1, ..., -1]).all() or not whole
            a[-1, ..., -1] = b[-1, ..., -1] = 0
        assert same(got, expected)


@looped("name", [name for name in ROWS if not name.startswith("_")])
@pytest.mark.parametrize("shape", [(1, 150, 1), (4, 20, 1), (1, 150, 3), (1, 70_000, 1)], ids=str)
def test_infinities_and_nan_stay_in_their_row(name: str, shape: Shape, subject: Backend) -> None:
    """Two numbers among -inf, of every kind, with each other kind next to them."""
    inf, nan = np.inf, np.nan
    pairs = [[0, 1], [nan, 1], [inf, 1], [-inf, 1], [-inf, -inf], [1e30, -1e30], [inf, nan]]
    long = shape[1] > 1000 and not any(name == key[0] for key in ROW_KINDS)
    for dtype, start in product(DTYPES, range(len(pairs))[: 1 if long else None]):
        chosen = np.array(pairs, dtype)[(start + np.arange(shape[0] * shape[2])) % len(pairs)]
        x = np.full((shape[0], shape[2], shape[1]), -inf, dtype)
        x.reshape(-1, shape[1])[:, [shape[1] // 2, -1]] = chosen
        x = np.ascontiguousarray(x.swapaxes(1, 2))
        wanted = defined(name, "forward", [x])
        results = run(subject.row_kernel(name, "forward", dtype), name, "forward", [x])
        for got, want in zip(results, wanted, strict=True):
            with np.errstate(over="ignore"):
                want = want.astype(dtype)
            np.testing.assert_allclose(got, want, rtol=8 * np.finfo(dtype).eps, atol=0)


@each_kind
def test_output_over_any_input(name: str, pass_: str, subject: Backend) -> None:
    declared = ROWS[name].passes[pass_]
    shapes = [*SHAPES, (1, 3000, 70), (3, 1, 1), (40, 2, 1), (1, 200_003, 1), (2, 70_001, 1)]
    shapes = some(subject, shapes) if declared.outputs else []
    for dtype, shape in product(DTYPES, shapes):
        kernel = subject.row_kernel(name, pass_, dtype)
        _, arrays = case(name, pass_, dtype, shape, "none", 1.0)
        expected = run(kernel, name, pass_, arrays)
        for k in range(len(declared.inputs)):
            given, out = [a.copy() for a in arrays], outputs(name, pass_, dtype, shape)
            memory = np.full(given[k].size + 2, 7, dtype)
            memory[1:-1] = given[k].reshape(-1)
            given[k] = out[0] = memory[1:-1].reshape(shape)
            kernel(*given, *out, None, 1.0)
            assert same(out, expected)
            assert memory[0] == memory[-1] == 7


@each_kind
def test_a_row_in_parts_has_the_same_bits(name: str, pass_: str, subject: Backend) -> None:
    for dtype in DTYPES:
        kernel = subject.row_kernel(name, pass_, dtype)
        if not hasattr(kernel, "in_parts"):
            pytest.skip("its kernels take no row in parts")
        size = 2**18 // dtype.itemsize
        lengths = [size, 3 * size - 7, 300_003]
        for n, (kind, heat) in zip(lengths, itertools.cycle([("none", 1.0), ("full", 1.3)])):
            mask, arrays = case(name, pass_, dtype, (1, n, 1), kind, heat)
            expected = run(kernel, name, pass_, arrays, mask, heat)
            assert same(parted(kernel, name, pass_, arrays, mask, heat), expected), (n, kind)

        def fail(begin: int, end: int, at: int) -> None:
            raise LookupError(begin)

        inputs = [np.zeros((1, size, 1), dtype) for _ in ROWS[name].passes[pass_].inputs]
        rows = arrays[len(inputs) :]
        results = outputs(name, pass_, dtype, inputs[0].shape)  # type: ignore[arg-type]
        with pytest.raises(LookupError):
            kernel.in_parts(size, fail, fail, *inputs, *rows, *results, None, 1.0)
        with pytest.raises(ValueError, match="shape"):
            kernel.in_parts(size - 1, fail, fail, *inputs, *rows, *results, None, 1.0)


@each_kind
def test_columns_of_wider_arrays(name: str, pass_: str, subject: Backend) -> None:
    """Any of them: the same bits as all of them, and nothing beside them is written."""
    declared = ROWS[name].passes[pass_]
    for dtype, (axis, width) in product(DTYPES, [(70, 100), (3_001, 70)]):
        kernel = subject.row_kernel(name, pass_, dtype)
        if not hasattr(kernel, "columns"):
            pytest.skip("its kernels take no columns")
        arrays = operands(name, pass_, dtype, (1, axis, width))
        expected = run(kernel, name, pass_, arrays)
        for cut in slice(3, 4), slice(5, 12), slice(0, 67):
            out = outputs(name, pass_, dtype, arrays[0].shape)  # type: ignore[arg-type]
            given = [
                a[..., cut] if a.ndim == 3 else np.ascontiguousarray(a[..., cut]) for a in arrays
            ]
            into = [a[..., cut] if a.ndim == 3 else np.ascontiguousarray(a[..., cut]) for a in out]
            kernel.columns(*given, *into, None, 1.0)
            assert same(into, [a[..., cut] for a in expected]), (axis, width, cut)
            for whole in out[: len(declared.outputs)]:
                whole[..., cut] = 7
                assert (whole == 7).all()
        with pytest.raises(ValueError, match="column"):
            kernel.columns(*arrays, *out, np.ones(arrays[0].shape, bool), 1.0)


def test_eight_callers_at_once(subject: Backend, set_threads: Callable[[int], None]) -> None:
    set_threads(4)
    key = "softmax", "forward"
    kernel = subject.row_kernel(*key, DTYPES[0])
    cases = [
        operands(*key, DTYPES[0], shape) for shape in ((70, 1000, 1), (1, 90_001, 1), (2, 300, 100))
    ]
    expected = [run(kernel, *key, arrays) for arrays in cases]
    with ThreadPoolExecutor(8) as pool:
        calls = range(24 if subject.name in ("numpy", "strict") else 240)
        for k, got in enumerate(pool.map(lambda k: run(kernel, *key, cases[k % 3]), calls)):
            assert same(got, expected[k % 3])
