"""Arrays of other libraries in row functions: they come back as themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from fastact.functions.rows import ROW_FUNCTIONS, RowFunction
from test_protocols import Base, Declines, Derived, Labelled, OptsOut

Array = npt.NDArray[Any]
X = np.random.default_rng(0).standard_normal((6, 4))
STEADY = [f for f in ROW_FUNCTIONS.values() if "rng" not in f.parameters]


@pytest.fixture(params=STEADY, ids=lambda f: f.name)
def function(request: pytest.FixtureRequest, strict: None) -> RowFunction:
    return request.param  # type: ignore[no-any-return]


def maps(function: RowFunction) -> list[Any]:
    """The passes that return what has the shape of x, as calls of x and an axis."""
    calls: list[Any] = [] if function.reduces else [function]
    if "vjp" in function.passes:
        vjp = function.passes["vjp"]
        calls.append(lambda x, axis: vjp(1.0 if function.reduces else x, x, axis))
    return calls


def test_pandas(function: RowFunction) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, list("abcdef"), list("wxyz"))
    series = pandas.Series(X[:, 0], list("abcdef"), name="n")
    for call in maps(function):
        for axis in (0, 1, None):
            result = call(frame, axis)
            assert type(result) is pandas.DataFrame
            assert list(result.index) == list("abcdef") and list(result.columns) == list("wxyz")
            np.testing.assert_array_equal(result.to_numpy(), call(X, axis))
        result = call(series, 0)
        assert type(result) is pandas.Series and result.name == "n"
        np.testing.assert_array_equal(result.to_numpy(), call(X[:, 0], 0))
    if function.reduces:
        for axis, labels in ((0, "wxyz"), (1, "abcdef"), (-1, "abcdef")):
            reduced = function(frame, axis)
            assert type(reduced) is pandas.Series and list(reduced.index) == list(labels)
            np.testing.assert_array_equal(reduced.to_numpy(), function(X, axis))
        assert function(series) == function(X[:, 0])


def test_xarray(function: RowFunction) -> None:
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(X, dims=("a", "b"), coords={"b": list("wxyz")})
    dataset = xarray.Dataset({"p": array, "q": ("a", X[:, 0])})
    for call in maps(function):
        for axis in (0, -1):
            result = call(array, axis)
            assert type(result) is xarray.DataArray and list(result.b.values) == list("wxyz")
            np.testing.assert_array_equal(result.values, call(X, axis))
        result = call(dataset, -1)
        np.testing.assert_array_equal(result.q.values, call(X[:, 0], -1))
    if function.reduces:
        reduced = function(array, 0)
        assert reduced.dims == ("b",) and list(reduced.b.values) == list("wxyz")
        np.testing.assert_array_equal(reduced.values, function(X, 0))
        np.testing.assert_array_equal(function(dataset, 0).p.values, function(X, 0))
        assert function(array, 0, keepdims=True).shape == (1, 4)


def test_what_is_masked_does_not_count(function: RowFunction) -> None:
    masked = np.ma.masked_array(X, mask=X < -0.5)
    for axis in (0, 1):
        for call in maps(function):
            result = call(masked, axis)
            assert type(result) is np.ma.MaskedArray
            np.testing.assert_array_equal(result.mask, masked.mask)
        expected = function(X, axis, where=X >= -0.5)
        result = function(masked, axis)
        if function.reduces:
            assert type(result) is np.ma.MaskedArray
            np.testing.assert_array_equal(result.mask, (X < -0.5).all(axis))
        np.testing.assert_array_equal(result.data[~result.mask], expected[~result.mask])


def test_subclasses(function: RowFunction) -> None:
    x = X.view(Labelled)
    x.label = "kept"
    for call in maps(function):
        for axis in (0, 1):
            assert type(call(x, axis)) is Labelled
            assert call(x, axis).label == "kept"
    out = np.empty_like(function(X, 0)).view(Labelled)
    assert function(X, 0, out=out) is out


def test_arrays_without_rows_are_refused() -> None:
    """Another library would call a row function block by block, or on what it stores of a sparse array."""
    for refused in (Base(), Derived(), Declines(), OptsOut()):
        for call in (
            lambda one: fa.softmax(one),
            lambda one: fa.softmax.vjp(X, one),
            lambda one: fa.softmax(X, out=one),
            lambda one: fa.logsumexp(one),
        ):
            with pytest.raises(TypeError, match=f"{type(refused).__name__}.* convert"):
                call(refused)


@pytest.mark.parametrize("library", ["sparse", "awkward", "polars"])
def test_libraries_that_have_no_rows(library: str) -> None:
    module: Any = pytest.importorskip(library)
    make = {"sparse": "COO", "awkward": "Array", "polars": "Series"}[library]
    values = np.eye(3) if library == "sparse" else [0.0, 1.0, 2.0]
    with pytest.raises(TypeError, match="convert"):
        fa.softmax(getattr(module, make)(values))


NULLABLE = ["Int64", "Float32", "double[pyarrow]"]


@pytest.mark.parametrize("dtype", NULLABLE)
def test_what_pandas_misses_takes_no_part(dtype: str) -> None:
    pandas = pytest.importorskip("pandas")
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    series = pandas.Series([0, 1, None], list("abc"), dtype=dtype, name="n")
    series_of_sum = pandas.Series([5, 0, 1], list("abc"), dtype=dtype)[lambda s: s < 5].reindex(
        list("abc")
    )
    for one, present in ((series, [0, 1]), (series_of_sum, [1, 2])):
        result = fa.softmax(one)
        assert list(result.index) == list("abc") and result.isna().sum() == 1
        np.testing.assert_allclose(
            result.iloc[present].astype(float), [0.26894142, 0.73105858], 1e-6
        )
        assert fa.logsumexp(one) == pytest.approx(1.3132617)
    frame = pandas.DataFrame({"p": series, "q": pandas.Series([1.0, 2.0, 4.0], list("abc"))})
    whole = fa.softmax(frame, axis=1)
    assert list(whole.columns) == ["p", "q"] and whole.isna().to_numpy().sum() == 1
    assert whole.loc["c", "q"] == 1
    reduced = fa.logsumexp(frame, axis=1)
    assert list(reduced.index) == list("abc")
    assert reduced["c"] == pytest.approx(4.0)
    alone = fa.logsumexp(frame[["p"]], axis=1)
    assert alone.isna().tolist() == [False, False, True]


def test_sparse_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(pandas.arrays.SparseArray([0.0, 0.0, 1.0]))
    np.testing.assert_array_equal(fa.softmax(series), fa.softmax(np.array([0.0, 0.0, 1.0])))
    assert fa.logsumexp(series) == fa.logsumexp([0.0, 0.0, 1.0])


def test_pandas_is_aligned() -> None:
    pandas = pytest.importorskip("pandas")
    y = pandas.Series([0.2, 0.3, 0.5], list("abc"))
    g = pandas.Series([3.0, 2.0, 1.0], list("cba"))
    result = fa.softmax.vjp(g, y)
    np.testing.assert_array_equal(result, fa.softmax.vjp(np.array([1.0, 2.0, 3.0]), y.to_numpy()))
