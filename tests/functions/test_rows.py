"""The row functions as NumPy's users know functions: axes, dtypes, layouts, out, where, errors."""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastact as fa
from fastact.calling import row_layout
from fastact.functions.rows import ROW_FUNCTIONS, RowFunction, RowPass
from row_cases import ROW_BACKENDS
from test_layouts import VIEWS

Array = npt.NDArray[Any]
X = np.random.default_rng(0).normal(0, 2, (6, 5, 7))
AXES: list[Any] = [0, 1, 2, -1, (0, 1), (1, 2), (2, 0), (0, 1, 2), None, ()]
STEADY = [f for f in ROW_FUNCTIONS.values() if "rng" not in f.parameters]

# One of each kind: an array of x's shape, a number for each row, NumPy's own.
KINDS = list({(f.reduces, f.in_order): f for f in reversed(STEADY)}.values())


@pytest.fixture(params=ROW_FUNCTIONS.values(), ids=lambda f: f.name)
def function(request: pytest.FixtureRequest) -> RowFunction:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=STEADY, ids=lambda f: f.name)
def steady(request: pytest.FixtureRequest) -> RowFunction:
    """Run the test for each function that draws nothing."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=ROW_BACKENDS)
def backend(request: pytest.FixtureRequest) -> Any:
    with fa.use_backend(request.param):
        yield request.param


def passes(function: RowFunction) -> list[Callable[..., Any]]:
    """Every pass as a call of one array, with the gradient made of it."""
    calls: list[Callable[..., Any]] = [function]
    if "vjp" in function.passes:
        calls.append(lambda x, *a, **k: function.vjp(x, x, *a, **k) if not function.reduces
                     else function.vjp(2.0, x, *a, **k))  # fmt: skip
    return calls


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


def same(result: Any, expected: Any, char: str = "d") -> None:
    """Assert equality but for the order in which a row is added up."""
    assert result.shape == expected.shape
    atol = 20 * float(np.finfo(char).eps)
    np.testing.assert_allclose(
        np.asarray(result, float), np.asarray(expected, float), rtol=atol, atol=atol
    )


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_axes(axis: Any, steady: RowFunction, strict: None) -> None:
    for call, reduces in zip(passes(steady), (steady.reduces, False), strict=False):
        for x in (X, X[:1], X[:, :1], X[..., :1], X[:1, :1, :1]):
            same(call(x, axis), by_rows(call, x, axis, reduces))
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


@pytest.mark.parametrize("axis", [0, -1, (0, 2), None], ids=str)
@pytest.mark.parametrize("view", list(VIEWS))
@pytest.mark.parametrize("char", "efd")
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
        row_layout.compute(kernel, x.dtype, axes, operands)
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
@pytest.mark.parametrize("axis", [-1, 2, 0, (2, 3), (0, 3)], ids=str)
@pytest.mark.parametrize("kind", list(MASKS))
def test_masks_broadcast(
    kind: str, axis: Any, block: int | None, strict: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if block:
        monkeypatch.setattr(row_layout, "SCRATCH_BYTES", 8 * block)
        monkeypatch.setattr(row_layout, "MASK_BYTES", block)
        monkeypatch.setattr(row_layout, "FEW", 1)
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


@pytest.mark.parametrize("char", "?bBhHiIlLqQ")
def test_integers_become_float64(char: str, steady: RowFunction, strict: None) -> None:
    x = np.array([[0, 1, 1], [1, 0, 1]], char)
    for call in passes(steady):
        np.testing.assert_array_equal(call(x), call(x.astype(float)), strict=True)


@pytest.mark.parametrize("char", "efd")
def test_dtypes(char: str, steady: RowFunction, strict: None) -> None:
    for call in passes(steady):
        expected = call(X.astype(char))
        assert expected.dtype == np.dtype(char)
        np.testing.assert_array_equal(call(X.astype(">" + char)), expected, strict=True)
        np.testing.assert_array_equal(call(X, dtype=char), expected, strict=True)
        np.testing.assert_array_equal(call(X.astype(char).tolist(), dtype=char), expected)
    with pytest.raises(TypeError, match="no result of dtype"):
        steady(X, dtype=int)


@pytest.mark.parametrize(
    "value",
    [None, "a", 1j, np.zeros(2, complex), np.array(["a"]), np.array([object()]), np.longdouble(1)],
    ids=lambda v: str(np.asarray(v).dtype),
)
def test_other_dtypes_are_named_and_refused(value: Any, function: RowFunction) -> None:
    for call in passes(function):
        with pytest.raises(TypeError, match=str(np.asarray(value).dtype).replace("<", ".")):
            call(value, None)


@pytest.mark.parametrize("value", [0, 0.0, -1.0, np.nan, np.inf], ids=str)
def test_temperature_is_positive(value: float, function: RowFunction) -> None:
    name = "tau" if "tau" in function.parameters else "temperature"
    for call in passes(function):
        with pytest.raises(ValueError, match=rf"{name}=.* is not positive"):
            call(X, **{name: value})
        for other in ("a", None, [1.0], True):
            with pytest.raises(TypeError, match=f"a number for {name}"):
                call(X, **{name: other})
        if name == "temperature":
            np.testing.assert_array_equal(call(X, temperature=2), call(X, temperature=2.0))


def bad_outs(shape: tuple[int, ...]) -> list[tuple[Any, type[Exception], str]]:
    return [
        (np.full((*shape, 2), 7.0), ValueError, "out has shape"),
        (np.full((1, *shape), 7.0), ValueError, "out has shape"),
        (np.full(shape, 7), TypeError, "out of dtype int64"),
        (np.full(shape, None), TypeError, "out of dtype object"),
        (np.broadcast_to(7.0, shape), ValueError, "read-only"),
        ([7.0], TypeError, "not an array but list"),
        ((np.full(shape, 7.0), None), ValueError, "one array as out"),
    ]


def test_bad_out_is_refused_before_any_write(function: RowFunction, strict: None) -> None:
    for call in passes(function):
        for axis in (0, 1):
            for out, error, message in bad_outs(np.shape(call(X, axis))):
                before = copy.deepcopy(out)
                with pytest.raises(error, match=message):
                    call(X, axis, out=out)
                if isinstance(out, np.ndarray):
                    np.testing.assert_array_equal(out, before)


def test_other_errors_come_before_any_write(steady: RowFunction) -> None:
    for call in passes(steady):
        out = np.full(np.shape(call(X, 1)), 7.0)
        for wrong in (
            {"axis": 5},
            {"where": np.ones(4, bool)},
            {"temperature": -1.0},
            {"dtype": int},
        ):
            with pytest.raises((ValueError, TypeError)):
                call(X, out=out, **{"axis": 1, **wrong})
        assert (out == 7).all()


def test_out_comes_back(steady: RowFunction, backend: str) -> None:
    for call in passes(steady):
        for axis in (0, 2, None):
            expected = call(X, axis)
            out = np.empty(np.shape(expected))
            assert call(X, axis, out=out) is out
            np.testing.assert_array_equal(out, expected)
            assert call(X, axis, out=(out,)) is out
            x = X.copy()
            if np.shape(expected) == X.shape:
                assert call(x, axis, out=x) is x
                np.testing.assert_array_equal(x, expected)


relaxed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@relaxed
@given(
    name=st.sampled_from([f.name for f in STEADY]),
    data=st.data(),
    char=st.sampled_from("efd"),
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


def test_silent_at_the_extremes(steady: RowFunction, backend: str) -> None:
    for char in "efd":
        info = np.finfo(char)
        values = [0.0, float(info.tiny), 1.0, 1e4, float(info.max), np.inf, np.nan]
        x = np.array([values, [-v for v in values]] * 3, char)
        with np.errstate(all="raise"), warnings.catch_warnings():
            warnings.simplefilter("error")
            for call in passes(steady):
                for axis in (0, 1):
                    for data in (x, x[:, ::-1], x.astype(x.dtype.newbyteorder())):
                        call(data, axis)
                        call(data, axis, temperature=0.5, where=x > 0)
                        call(data, axis, dtype="e")


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


@pytest.mark.parametrize("char", "ef")
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


def test_presentation(function: RowFunction) -> None:
    assert fa.get(function.name) is getattr(fa, function.name) is function
    assert function.name in fa.names() and function.name in fa.__all__
    for name, call in function.passes.items():
        assert isinstance(call, RowPass)
        wanted = function.name if name == "forward" else f"{function.name}.{name}"
        assert call.__qualname__ == wanted
        assert call.__module__ == "fastact"
        assert repr(call) == f"<fastact.{wanted}{inspect.signature(call)}>"
        assert (call.__doc__ or "").startswith(f"{wanted}(")
        for parameter in inspect.signature(call).parameters:
            assert f"{parameter} : " in (call.__doc__ or "")
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            if protocol >= 3 or name == "forward":
                assert pickle.loads(pickle.dumps(call, protocol)) is call
        assert copy.deepcopy(call) is call
    assert function.source in (function.__doc__ or "")
    for parameter, default in function.parameters.items():
        assert inspect.signature(function).parameters[parameter].default == default
    assert (type(function).__doc__ or "").strip()


def test_unknown_arguments(function: RowFunction) -> None:
    for call in passes(function):
        with pytest.raises(TypeError, match="wrong"):
            call(X, wrong=1)
        with pytest.raises(TypeError):
            call(X, 0, 1.0)


def test_a_backend_without_rows_says_so() -> None:
    class Elementwise:
        name = "elementwise"

        def why_unavailable(self) -> None:
            return None

        def describe(self) -> dict[str, str]:
            return {}

        def kernel(self, name: str, pass_: str, dtype: Any) -> Any:
            raise AssertionError

    fa.register_backend("elementwise", Elementwise)
    with fa.use_backend("elementwise"):
        for x in (X, X[::2], [1.0]):
            with pytest.raises(
                NotImplementedError, match="elementwise backend does not compute rows"
            ):
                fa.softmax(x)
        fa.hardmax(X)


def test_gumbel_softmax_is_reproducible_and_never_takes_the_logarithm_of_zero() -> None:
    x = np.zeros((50, 40))
    with fa.use_backend("numpy"):
        first = fa.gumbel_softmax(x, rng=7)
        np.testing.assert_array_equal(first, fa.gumbel_softmax(x, rng=7))
        np.testing.assert_array_equal(first, fa.gumbel_softmax(x, rng=np.random.default_rng(7)))
        assert not np.array_equal(first, fa.gumbel_softmax(x))
        np.testing.assert_allclose(first.sum(-1), 1)
        counts = np.zeros(3)
        generator = np.random.default_rng(0)
        logits = np.log([0.2, 0.3, 0.5])
        hard = fa.gumbel_softmax(np.tile(logits, (20000, 1)), hard=True, rng=generator)
        counts = hard.mean(0)
        np.testing.assert_allclose(counts, [0.2, 0.3, 0.5], atol=0.015)
        mask = np.arange(40) < 30
        assert (fa.gumbel_softmax(x, where=mask, rng=1)[:, 30:] == 0).all()
        single = fa.gumbel_softmax(x.astype("f"), rng=7)
        np.testing.assert_allclose(single, first, rtol=1e-5)
        with pytest.raises(TypeError):
            fa.gumbel_softmax(x, rng="seed")


def test_hardmax() -> None:
    x = np.array([[1.0, 3, 3], [np.nan, 1, 2], [-np.inf] * 3, [np.inf, 5, np.inf]])
    expected = [[0, 1, 0], [np.nan] * 3, [1, 0, 0], [1, 0, 0]]
    np.testing.assert_array_equal(fa.hardmax(x), expected)
    np.testing.assert_array_equal(fa.hardmax(x.T, 0).T, expected)
    mask = np.array([[1, 0, 1], [0, 1, 1], [0, 1, 1], [0, 0, 0]], bool)
    expected = [[0, 0, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(fa.hardmax(x, where=mask), expected)
    np.testing.assert_array_equal(fa.hardmax(x.T, 0, where=mask.T).T, expected)


@pytest.mark.parametrize("axis", [None, (0, 1), (2, 0), (2, 1), (1,)], ids=str)
@pytest.mark.parametrize("size", [(3, 4, 5), (31, 40, 50)], ids=str)
def test_hardmax_takes_the_first_maximum_by_index(size: tuple[int, ...], axis: Any) -> None:
    """In C order, however the axes lie in memory: of x, of the mask or of the output."""
    values = np.random.default_rng(4).integers(0, 3, size).astype(np.float32)
    mask = np.random.default_rng(5).random(size) < 0.5
    axes = tuple(range(3)) if axis is None else tuple(sorted(axis))
    last = [*(k for k in range(3) if k not in axes), *axes]

    def expected(counted: Array) -> Array:
        moved = counted.transpose(last)
        rows = moved.reshape(*moved.shape[: 3 - len(axes)], -1)
        one = np.zeros(rows.shape, np.float32)
        np.put_along_axis(one, rows.argmax(-1)[..., None], 1, -1)
        return one.reshape(moved.shape).transpose(np.argsort(last))

    for order in itertools.permutations(range(3)):
        x = np.ascontiguousarray(values.transpose(order)).transpose(np.argsort(order))
        np.testing.assert_array_equal(fa.hardmax(x, axis), expected(x))
        out = np.empty_like(x)
        np.testing.assert_array_equal(fa.hardmax(values, axis, out=out), expected(x))
        np.testing.assert_array_equal(
            fa.hardmax(x, axis, where=mask), expected(np.where(mask, x, -np.inf)) * mask
        )
        # Nothing but -inf remains the same with noise.
        x = np.full_like(x, -np.inf)
        hard = fa.gumbel_softmax(x, axis, hard=True, rng=1)
        np.testing.assert_array_equal(hard, expected(x))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("temperature", [1e39, 1e300, 1e-39, 1e-300])
def test_temperature_beyond_float32(
    temperature: float, dtype: str, function: RowFunction, backend: str
) -> None:
    """The results of a temperature that float32 does not have are those of float64, rounded."""
    named = {function.heat: temperature}
    named |= {"rng": 5} if "rng" in function.parameters else {}
    x = X.astype(dtype)
    for call in passes(function):
        given = {k: v for k, v in named.items() if call is function or k != "rng"}
        with np.errstate(all="raise"):
            got = call(x, axis=-1, **given)
        with np.errstate(all="ignore"):
            expected = call(x.astype(float), axis=-1, **given).astype(dtype)
        np.testing.assert_array_equal(got, expected, strict=True)
        out = np.empty_like(expected)
        assert call(x, axis=-1, out=out, **given) is out
        np.testing.assert_array_equal(out, expected)
