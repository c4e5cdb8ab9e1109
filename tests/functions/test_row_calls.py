"""The row functions as NumPy's users know functions: dtypes, out, errors, parameters, how they present themselves."""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from fastact.functions.rows import ROW_FUNCTIONS, RowFunction, RowPass
from representatives import looped
from row_functions import STEADY, X, passes

Array = npt.NDArray[Any]


@pytest.fixture(params=ROW_FUNCTIONS.values(), ids=lambda f: f.name)
def function(request: pytest.FixtureRequest) -> RowFunction:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=STEADY, ids=lambda f: f.name)
def steady(request: pytest.FixtureRequest) -> RowFunction:
    """Run the test for each function that draws nothing."""
    return request.param  # type: ignore[no-any-return]


@looped("char", "?bBhHiIlLqQ")
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
    with pytest.raises(TypeError, match="does not return dtype"):
        steady(X, dtype=int)


@looped(
    "value",
    [None, "a", 1j, np.zeros(2, complex), np.array(["a"]), np.array([object()]), np.longdouble(1)],
)
def test_other_dtypes_are_named_and_refused(value: Any, function: RowFunction) -> None:
    for call in passes(function):
        with pytest.raises(TypeError, match=str(np.asarray(value).dtype).replace("<", ".")):
            call(value, None)


@looped("value", [0, 0.0, -1.0, np.nan, np.inf])
def test_temperature_is_positive(value: float, function: RowFunction) -> None:
    name = "tau" if "tau" in function.parameters else "temperature"
    for call in passes(function):
        with pytest.raises(ValueError, match=rf"{name}=.*: expected a positive"):
            call(X, **{name: value})
        several = () if "bias" in function.parameters else ([1.0],)
        for other in ("a", None, True, *several):
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
        ([7.0], TypeError, "out has type list, expected an array"),
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


@pytest.mark.slow
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


@pytest.mark.usefixtures("own_backends")
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


@looped("dtype", ["float16", "float32"])
@looped("temperature", [1e39, 1e300, 1e-39, 1e-300])
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


@pytest.mark.slow
def test_long_rows_are_the_same_in_any_layout() -> None:
    """They go through the kernels in parts, with the same bits; 70,001 elements are just more than a part."""
    rng = np.random.default_rng(0)
    for n, char in itertools.product((70_001, 300_003), "fde"):
        x, g = rng.normal(0, 3, (2, n, 2)).astype(char)
        mask = rng.random((n, 2)) > 0.3
        for function in STEADY:
            for where in (True, mask):
                strided = {} if where is True else {"where": mask[:, 0]}
                plain = {} if where is True else {"where": mask[:, 0].copy()}
                got = function(x[:, 0], axis=0, **strided)
                want = function(x[:, 0].copy(), axis=0, **plain)
                np.testing.assert_array_equal(got, want)
                if "vjp" in function.passes:
                    first = 1.5 if function.reduces else g[:, 0]
                    got = function.vjp(first, x[:, 0], axis=0, **strided)
                    given = first if function.reduces else g[:, 0].copy()
                    want = function.vjp(given, x[:, 0].copy(), axis=0, **plain)
                    np.testing.assert_array_equal(got, want)
        both = x.reshape(-1, 2, 1)[: n // 2 * 2].reshape(-1, 4)[:, :3]
        np.testing.assert_array_equal(
            fa.softmax(both, axis=None), fa.softmax(both.copy(), axis=None)
        )


#: Function -> options with which it takes a long row in parts.
IN_PARTS = {
    "gumbel_softmax": [{"rng": 3}, {"rng": 3, "hard": True}],
    "logcumsumexp": [{}, {"reverse": True, "temperature": 1.5}],
    "softmax": [{"cap": 5.0}, {"sink": 0.5, "temperature": 0.5}, {"bias": np.ones(1, "f")}],
    "log_softmax": [{"cap": 5.0, "sink": 0.5}],
}


def test_a_long_row_has_the_same_bits_in_any_layout(backend: str) -> None:
    rng, n = np.random.default_rng(0), 150_001
    for name, every in IN_PARTS.items():
        function, char = fa.get(name), "e" if name == "log_softmax" else "f"
        x, g = 4 * rng.standard_normal((2, 2 * n)).astype(char)[:, ::2]
        for options, where in itertools.product(every, (True, rng.random(n) < 0.5)):
            expected = function(x.copy(), where=where, **options)
            out = np.empty(2 * n, char)[::2]
            function(x, out=out, where=where, **options)
            np.testing.assert_array_equal(out, expected)
            if name == "gumbel_softmax":
                continue
            kept = {} if name == "logcumsumexp" else {"x": x.copy()}
            second = x if name == "logcumsumexp" else expected
            results = [
                function.vjp(one, two, where=where, **kept, **options)
                for one, two in ((g, second), (g.copy(), second.copy()))
            ]
            both = (one if isinstance(one, tuple) else (one,) for one in results)
            for got, want in zip(*both, strict=True):
                np.testing.assert_array_equal(got, want)
