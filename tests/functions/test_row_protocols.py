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


def test_overrides_are_asked_as_numpy_asks() -> None:
    base, derived = Base(), Derived()
    kind, ufunc, method, inputs, options = fa.softmax(base, 1, temperature=2.0, dtype="f")
    assert (kind, ufunc, method, inputs) == ("Base", fa.softmax, "__call__", (base,))
    assert options == {"axis": 1, "temperature": 2.0, "dtype": "f"}
    assert fa.softmax.vjp(base, derived)[0] == "Derived"
    assert fa.softmax(X, out=base)[0] == "Base"
    assert fa.logsumexp(base, keepdims=True)[4]["keepdims"] is True
    assert fa.gumbel_softmax(base, tau=2.0, rng=1)[4] == {
        "axis": -1, "tau": 2.0, "hard": False, "rng": 1,
    }  # fmt: skip
    for refused in (Declines(), OptsOut()):
        with pytest.raises(TypeError):
            fa.softmax(refused)
