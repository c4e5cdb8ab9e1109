"""The row functions along axes: layouts, masks, overlap, memory."""

from __future__ import annotations

import inspect
import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastact as fa
from fastact.calling import row_layout, row_walk, rows
from fastact.functions.rows import ROW_FUNCTIONS, RowFunction
from halves import CHARS
from representatives import looped
from row_functions import KINDS, STEADY, X, passes, same
from test_layouts import VIEWS

Array = npt.NDArray[Any]
AXES: list[Any] = [0, 1, 2, -1, (0, 1), (1, 2), (2, 0), (0, 1, 2), None, ()]


@pytest.fixture(params=ROW_FUNCTIONS.values(), ids=lambda f: f.name)
def function(request: pytest.FixtureRequest) -> RowFunction:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=STEADY, ids=lambda f: f.name)
def steady(request: pytest.FixtureRequest) -> RowFunction:
    """Run the test for each function that draws nothing."""
    return request.param  # type: ignore[no-any-return]


def by_rows(call: Callable[..., Any], x: Array, axis: Any, reduces: bool) -> Array:
    """Compute row by row: each row gathered to one dimension first."""
    axes = tuple(range(x.ndim)) if axis is None else np.atleast_1d(axis).astype(int) % x.ndim
    axes = tuple(map(int, axes))
    last = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
    lead = last.shape[: x.ndim - len(axes)]
    rows = [np.asarray(call(np.ascontiguousarray(last[i]).ravel())) for i in np.ndindex(lead)]
    if reduces:
        return np.array(rows).reshape(lead)
    whole = np.array(rows).reshape(last.shape)
    return np.moveaxis(whole, range(x.ndim - len(axes), x.ndim), axes)


@looped("axis", AXES)
def test_axes(axis: Any, steady: RowFunction, strict: None) -> None:
    for call, reduces in zip(passes(steady), (steady.reduces, False), strict=False):
        for x in (X, X[:1], X[:, :1], X[..., :1], X[:1, :1, :1]):
            # Where the order of a row's elements matters it is that of their indices.
            order = tuple(sorted(axis)) if isinstance(axis, tuple) and steady.in_order else axis
            same(call(x, axis), by_rows(call, x, order, reduces))
    if steady.reduces:
        kept = steady(X, axis, keepdims=True)
        assert kept.ndim == 3
        assert kept.size == np.size(steady(X, axis))


def test_default_axis(function: RowFunction) -> None:
    wanted = None if function.reduces else -1
    for call in function.passes.values():
        assert inspect.signature(call).parameters["axis"].default == wanted


def test_wrong_axes(function: RowFunction) -> None:
    for call in passes(function):
        for axis in (3, -4, (0, 3)):
            with pytest.raises(np.exceptions.AxisError):
                call(X, axis)
        for axis in ((0, 0), (1, -2)):
            with pytest.raises(ValueError, match="repeated"):
                call(X, axis)
        for axis in (1.0, "a", (0, 1.5)):
            with pytest.raises(TypeError):
                call(X, axis)
        with pytest.raises(np.exceptions.AxisError):
            call(1.0, -1)


def test_no_dimensions_and_no_elements(steady: RowFunction, backend: str) -> None:
    for call, reduces in zip(passes(steady), (steady.reduces, False), strict=False):
        assert isinstance(call(1.5, None), np.floating)
        assert isinstance(call(np.float32(1.5), ()), np.floating)
        for shape in ((0,), (3, 0), (0, 3), (2, 0, 4)):
            for axis in (0, -1, None):
                for char in "efd":
                    result = call(np.empty(shape, char), axis)
                    if reduces:
                        assert (np.asarray(result) == -np.inf).all()
                        assert np.shape(result) == np.empty(shape).sum(axis).shape
                    else:
                        assert result.shape == shape
                    assert result.dtype == np.dtype(char)


@looped("axis", [0, -1, (0, 2), None])
@pytest.mark.parametrize("view", list(VIEWS))
@looped("char", CHARS)
def test_layouts(view: str, char: str, axis: Any, strict: None) -> None:
    x = VIEWS[view](X.astype(char))
    x = x[0, :, 0] if view == "new axes" else x
    plain = np.ascontiguousarray(x.astype(char))
    mask = np.random.default_rng(1).random(x.shape[-2:]) < 0.7
    mask[0] = True
    for function in KINDS:
        for call in passes(function):
            expected, result = call(plain, axis), call(x, axis)
            assert result.dtype == np.dtype(char)
            same(result, expected, char)
            same(call(x, axis, where=mask), call(plain, axis, where=mask), char)
            shape = np.shape(expected)
            for out in (
                np.full(shape, 7, char),
                np.full((*shape, 2), 7, char)[..., 1],
                np.full(shape[::-1], 7, ">f8").T,
            ):
                assert call(x, axis, out=out) is out
                same(out, expected, char)


def test_layout_of_the_result(steady: RowFunction, strict: None) -> None:
    for order in ("C", "F"):
        x = np.asarray(X, order=order)  # type: ignore[call-overload]
        if not steady.reduces:
            assert steady(x, 1).strides == x.strides


def test_contiguous_arrays_are_handed_over_as_they_are() -> None:
    """In any order of the axes, with neighbouring ones reduced: no copy, one call."""
    calls: list[tuple[int, ...]] = []

    def kernel(x: Array, out: Array, mask: Any, temperature: float) -> None:
        calls.append(x.shape)
        assert np.may_share_memory(x, X) and out.base is not None

    cases: list[tuple[Array, Any, tuple[int, ...]]] = [
        (X, (2,), (30, 7, 1)),
        (X, (0,), (1, 6, 35)),
        (X, (1,), (6, 5, 7)),
        (X, (1, 2), (6, 35, 1)),
        (X, (0, 1, 2), (1, 210, 1)),
        (X.T, (0,), (30, 7, 1)),
        (X.transpose(1, 0, 2), (0,), (6, 5, 7)),
        (X.transpose(2, 0, 1), (0, 2), (6, 35, 1)),
        (X[:, None, :, :, None], (0,), (1, 6, 35)),
    ]
    for x, axes, shape in cases:
        calls.clear()
        operands = row_layout.RowOperands([x], (), (np.empty_like(x),), (), None, (1.0,))
        rows.compute(kernel, x.dtype, x.dtype, axes, operands)
        assert calls == [shape]


MASKS: dict[str, Callable[[Array], Array]] = {
    "whole": lambda m: m,
    "the last two axes": lambda m: m[0, 0],
    "for each batch": lambda m: m[:, :1, :1],
    "per row": lambda m: m[..., :1],
    "one row": lambda m: m[0, 0, 0],
    "column": lambda m: m[:1, :1, :, :1],
    "batch and row": lambda m: m[:, :1],
    "head": lambda m: m[:1, :, :1, :1],
    "strided": lambda m: np.repeat(m, 2, -1)[..., ::2],
    "transposed": lambda m: m.transpose(3, 2, 1, 0).copy().transpose(3, 2, 1, 0),
}


@pytest.mark.parametrize("block", [None, 64], ids=["", "small blocks"])
@looped("axis", [-1, 2, 0, (2, 3), (0, 3)])
@pytest.mark.parametrize("kind", list(MASKS))
def test_masks_broadcast(
    kind: str, axis: Any, block: int | None, strict: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if block:
        monkeypatch.setattr(rows, "SCRATCH_BYTES", 8 * block)
        monkeypatch.setattr(row_walk, "SCRATCH_BYTES", 8 * block)
        monkeypatch.setattr(row_walk, "MASK_BYTES", block)
        monkeypatch.setattr(row_walk, "FEW", 1)
    rng = np.random.default_rng(0)
    x = rng.normal(0, 2, (3, 2, 8, 9))
    mask = MASKS[kind](rng.random(x.shape) < 0.7)
    whole = np.broadcast_to(mask, x.shape)
    weights = np.where(whole, np.exp(x), 0.0)
    total = weights.sum(axis=axis, keepdims=True)
    expected = np.divide(weights, total, out=np.zeros_like(x), where=total > 0)
    for data in (x, x.astype("f"), np.asfortranarray(x), x.astype(">f8")):
        np.testing.assert_allclose(fa.softmax(data, axis, where=mask), expected, rtol=1e-5)
        junk = np.where(whole, data, np.nan)
        np.testing.assert_allclose(fa.softmax(junk, axis, where=mask), expected, rtol=1e-5)
        logs = fa.logsumexp(junk, axis, where=mask)
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(logs, np.log(total).reshape(logs.shape), atol=1e-5)
        inplace = data.copy("K")
        assert fa.softmax(inplace, axis, where=mask, out=inplace) is inplace
        np.testing.assert_allclose(inplace, expected, rtol=1e-5)
        product = fa.softmax.vjp(junk, fa.softmax(junk, axis, where=mask), axis, where=mask)
        assert np.isfinite(product).all() and (product[~whole] == 0).all()


def test_masks_that_do_not_fit(function: RowFunction) -> None:
    for call in passes(function):
        for mask in (np.ones(6, bool), np.ones((1, 6, 5, 7), bool)):
            with pytest.raises(ValueError, match="does not broadcast"):
                call(X, where=mask)
        with pytest.raises(TypeError, match="where has dtype int64"):
            call(X, where=np.ones(7, int))


relaxed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@relaxed
@given(
    name=st.sampled_from([f.name for f in STEADY]),
    data=st.data(),
    char=st.sampled_from(CHARS),
    axis=st.sampled_from([0, 1, None]),
)
def test_overlap_is_as_from_a_copy(
    name: str, data: st.DataObject, char: str, axis: Any, strict: None
) -> None:
    function = ROW_FUNCTIONS[name]
    memory = np.random.default_rng(3).normal(size=200).astype(char)

    def view(shape: tuple[int, ...]) -> Array:
        step = data.draw(st.sampled_from([1, 1, -1, 2]))
        start = data.draw(st.integers(0, 60)) if step > 0 else data.draw(st.integers(100, 199))
        flat = memory[start::step][: int(np.prod(shape))].reshape(shape)
        return flat.T if data.draw(st.booleans()) and shape[0] == shape[-1] else flat

    for call in passes(function):
        x = view((6, 6))
        expected = call(x.copy(), axis)
        out = view(np.shape(expected)) if np.ndim(expected) else memory[5:6].reshape(())
        call(x, axis, out=out)
        same(out, np.asarray(expected), char)


LARGE: dict[str, Callable[[Array], Array]] = {
    "contiguous": lambda a: a,
    "transposed": lambda a: a.T,
    "step": lambda a: a[:, ::2],
    "rows step": lambda a: a[::2],
    "reversed": lambda a: a[::-1, ::-1],
    "big-endian": lambda a: a.view(a.dtype.newbyteorder(">")),
}


class Idle:
    """A backend whose row kernels need no time and no memory."""

    name = "idle"

    def why_unavailable(self) -> None:
        return None

    def describe(self) -> dict[str, str]:
        return {}

    def kernel(self, name: str, pass_: str, dtype: Any) -> Any:
        raise AssertionError

    def row_kernel(self, name: str, pass_: str, dtype: Any) -> Any:
        def run(*operands: Any) -> None:
            for array in operands[:-2]:
                if array.flags.writeable:
                    array[:1, :1] = 0

        return run


@pytest.mark.slow
@pytest.mark.parametrize("char", [char for char in CHARS if char != "d"])
@pytest.mark.parametrize("view", list(LARGE))
def test_memory_beyond_input_and_output_is_bounded(view: str, char: str) -> None:
    fa.register_backend("idle", Idle)
    x = LARGE[view](np.zeros((1 << 10, 1 << 10), char))
    out = np.empty(x.shape, char)
    mask = np.arange(x.shape[1]) % 9 > 0
    with fa.use_backend("idle"):
        for function in KINDS:
            for axis, where in itertools.product((0, 1), (True, mask, x[:, :1] == 0)):
                function(x[:2, :2], axis)
                tracemalloc.start()
                function(x, axis, where=where, out=None if function.reduces else out)
                if "vjp" in function.passes:
                    given = (1.0, x) if function.reduces else (x, x)
                    function.vjp(*given, axis, where=where, out=out)
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert peak < 1 << 20, (function.name, axis)
