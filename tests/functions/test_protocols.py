"""Arrays of other libraries go in and come out as themselves."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from conftest import required
from fastact.functions.bound import BoundPass
from fastact.functions.elementwise import FUNCTIONS, Elementwise

Array = npt.NDArray[Any]
X = np.random.default_rng(0).standard_normal((6, 4))


def calls(function: Elementwise) -> dict[str, Callable[[Any], Any]]:
    """Every pass, without parameters, with scalar ones and with array ones."""
    names = list(function.parameter_list.params)
    given = required(function)
    scalars = {name: 1.25 for name in names}
    found: dict[str, Callable[[Any], Any]] = {
        "forward": lambda x: function(x, **given),
        "derivative": lambda x: function.derivative(x, **given),
        "vjp": lambda x: function.vjp(x, x, **given),
        "vjp of a number": lambda x: function.vjp(2.0, x, **given),
        "value_and_derivative": lambda x: function.value_and_derivative(x, **given),
        "dtype": lambda x: function(x, dtype="f", **given),
    }
    if names:
        found["scalar parameters"] = lambda x: function.vjp(x, x, **scalars)
        found["pair, scalar parameters"] = lambda x: function.value_and_derivative(x, **scalars)
        found["array parameter"] = lambda x: function(x, **{**scalars, names[0]: abs(x) + 1})
    for name, choices in function.declaration.choices.items():
        chosen = {name: list(choices)[-1]}
        found["choice"] = lambda x, chosen=chosen: function.derivative(x, **chosen)
    return found


def check_same_type(wrap: Callable[[Array], Any], function: Elementwise, data: Array = X) -> None:
    for label, call in calls(function).items():
        wrapped = wrap(data)
        results, expected = call(wrapped), call(data)
        if not isinstance(results, tuple):
            results, expected = (results,), (expected,)
        assert len(results) == len(expected), label
        for result, wanted in zip(results, expected, strict=True):
            assert type(result) is type(wrapped), label
            np.testing.assert_array_equal(np.asarray(result), wanted)
            assert np.asarray(result).dtype == wanted.dtype, label


@pytest.mark.parametrize("kind_of_frame", ["Series", "DataFrame"])
def test_pandas(kind_of_frame: str, kind: Elementwise, strict: None) -> None:
    pandas = pytest.importorskip("pandas")
    if kind_of_frame == "Series":
        check_same_type(lambda x: pandas.Series(x, list("abcdef"), name="n"), kind, X[:, 0])
        series = pandas.Series(X[:, 0], list("abcdef"), name="n")
        result = kind(series, **required(kind))
        assert result.name == "n" and list(result.index) == list("abcdef")
    else:
        check_same_type(lambda x: pandas.DataFrame(x, columns=list("wxyz")), kind)


def test_pandas_aligns_by_index(kind: Elementwise, strict: None) -> None:
    pandas = pytest.importorskip("pandas")
    x = pandas.Series([1.0, 2.0, 3.0], ["a", "b", "c"])
    g = pandas.Series([30.0, 20.0, 10.0], ["c", "b", "a"])
    result = kind.vjp(g, x, **required(kind))
    expected = kind.vjp(np.array([10.0, 20.0, 30.0]), x.to_numpy(), **required(kind))
    np.testing.assert_array_equal(result[["a", "b", "c"]], expected)


def test_pandas_mask_and_out(kind: Elementwise, strict: None) -> None:
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(X[:, 0])
    out = np.full(6, 7.0)
    kind(X[:, 0], where=series > 0, out=out, **required(kind))
    expected = np.where(X[:, 0] > 0, kind(X[:, 0], **required(kind)), 7.0)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("kind_of_data", ["DataArray", "Dataset"])
def test_xarray(kind_of_data: str, kind: Elementwise, strict: None) -> None:
    xarray = pytest.importorskip("xarray")
    if kind_of_data == "DataArray":
        check_same_type(lambda x: xarray.DataArray(x, dims=("a", "b")), kind)
        named = xarray.DataArray(X, dims=("a", "b"), coords={"b": list("wxyz")})
        assert list(kind(named, **required(kind)).b.values) == list("wxyz")
        return
    dataset = xarray.Dataset({"p": (("a", "b"), X), "q": (("b",), X[0])})
    for label, call in calls(kind).items():
        results, expected = call(dataset), call(X)
        if not isinstance(results, tuple):
            results, expected = (results,), (expected,)
        for result, wanted in zip(results, expected, strict=True):
            assert type(result) is type(dataset), label
            np.testing.assert_array_equal(result.p.values, wanted)


def test_dask(kind: Elementwise, strict: None) -> None:
    dask_array = pytest.importorskip("dask.array")
    for label, call in calls(kind).items():
        lazy = dask_array.from_array(X, chunks=(3, 2))
        results, expected = call(lazy), call(X)
        if not isinstance(results, tuple):
            results, expected = (results,), (expected,)
        for result, wanted in zip(results, expected, strict=True):
            assert type(result) is type(lazy), label
            computed = result.compute(scheduler="synchronous")
            np.testing.assert_array_equal(computed, wanted)
            assert computed.dtype == wanted.dtype == result.dtype


def test_dask_names_are_deterministic(kind: Elementwise) -> None:
    dask_array = pytest.importorskip("dask.array")
    lazy = dask_array.from_array(X, chunks=(3, 2))
    for call in calls(kind).values():
        first, second = call(lazy), call(lazy)
        if not isinstance(first, tuple):
            assert first.name == second.name


@pytest.mark.slow
def test_dask_in_other_processes() -> None:
    dask_array = pytest.importorskip("dask.array")
    lazy = dask_array.from_array(X, chunks=(3, 2))
    function = next(f for f in FUNCTIONS.values() if f.parameter_list.params)
    name = next(iter(function.parameter_list.params))
    with fa.use_backend("numpy"):
        expected = function(X, **{name: 0.75}) + function.vjp(2.0, X, **{name: abs(X)})
    lazily = function(lazy, **{name: 0.75}) + function.vjp(2.0, lazy, **{name: abs(lazy)})
    computed = lazily.compute(scheduler="processes", num_workers=2)
    np.testing.assert_allclose(computed, expected, rtol=1e-14)


def test_masked_arrays_keep_their_mask(kind: Elementwise, strict: None) -> None:
    given = required(kind)
    masked = np.ma.masked_array(X, mask=X < 0)
    for result in (
        kind(masked, **given),
        kind.vjp(X, masked, **given),
        kind.vjp(masked, X, **given),
        *kind.value_and_derivative(masked, **given),
    ):
        assert type(result) is np.ma.MaskedArray
        np.testing.assert_array_equal(result.mask, X < 0)
    np.testing.assert_array_equal(kind(masked, **given).compressed(), kind(X[X >= 0], **given))
    out = np.ma.zeros(X.shape)
    assert kind(masked, out=out, **given) is out
    np.testing.assert_array_equal(out.mask, X < 0)


class Labelled(np.ndarray[Any, Any]):
    """A subclass that carries an attribute along."""

    label: str = ""

    def __array_finalize__(self, parent: Any) -> None:
        self.label = getattr(parent, "label", "")


def test_subclasses_come_back_as_themselves(kind: Elementwise, strict: None) -> None:
    x = X.view(Labelled)
    x.label = "kept"
    for result in (
        kind(x, **required(kind)),
        kind.vjp(X, x, **required(kind)),
        *kind.value_and_derivative(x[::2, ::-1], **required(kind)),
    ):
        assert type(result) is Labelled
    assert kind(x, **required(kind)).label == "kept"
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix(X)
    assert type(kind(matrix, **required(kind))) is np.matrix
    out = np.empty_like(X).view(Labelled)
    assert kind(X, out=out, **required(kind)) is out


def test_array_wrap_of_other_objects(kind: Elementwise, strict: None) -> None:
    class Modern:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
            return X

        def __array_wrap__(self, array: Array, context: Any, scalar: bool) -> Any:
            assert context[0] is kind and len(context[1]) == kind.nin
            return "wrapped", array, scalar

    class Old:
        __array_priority__ = 10

        def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
            return X

        def __array_wrap__(self, array: Array) -> Any:
            return "old", array

    assert kind(Modern(), **required(kind))[0] == "wrapped"
    assert kind(Old(), **required(kind))[0] == "old"
    assert kind.vjp(np.ma.array(X), Old(), **required(kind)).__class__ is np.ma.MaskedArray


class Base:
    """Takes ufuncs over and tells what it was asked."""

    answer: Any = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return (type(self).__name__, ufunc, method, inputs, options)


class Derived(Base):
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return super().__array_ufunc__(ufunc, method, *inputs, **options)


class Declines:
    def __array_ufunc__(self, *args: Any, **options: Any) -> Any:
        return NotImplemented


class OptsOut:
    __array_ufunc__ = None


def test_overrides_are_asked_as_numpy_asks(kind: Elementwise) -> None:
    given = required(kind)
    base, derived, declines = Base(), Derived(), Declines()
    assert kind.vjp(base, derived, **given)[0] == "Derived"
    assert kind.vjp(derived, base, **given)[0] == "Derived"
    assert kind.vjp(declines, base, **given)[0] == "Base"
    assert kind(X, out=base, **given)[0] == "Base"
    _, ufunc, method, inputs, options = kind.vjp(1.0, base, out=X, **given)
    assert (method, inputs) == ("__call__", (1.0, base))
    assert options == {"out": (X,)}
    assert ufunc.nin == 2
    if not given:
        assert ufunc is kind.vjp
    mask = X > 0
    assert kind(base, where=mask, **given)[4] == {"where": mask}
    for refused in (declines, OptsOut()):
        with pytest.raises(TypeError, match=rf"{kind.name}\(\)|does not support"):
            kind(refused, **given)
        with pytest.raises(TypeError):
            kind.value_and_derivative(refused, **given)
    with pytest.raises(TypeError, match="'OptsOut' does not support"):
        kind.vjp(base, OptsOut(), **given)


def test_parameters_take_part_in_the_protocol() -> None:
    for function in FUNCTIONS.values():
        for name in function.parameter_list.params:
            base = Base()
            answer = function(X, **{**required(function), name: base})
            assert answer[3][0] is X and answer[3][1] is base
            assert answer[1].nin == 2


def test_bound_pass_is_like_a_ufunc_and_pickles() -> None:
    for function in FUNCTIONS.values():
        names = list(function.parameter_list.params)
        if not names:
            continue
        scalars = {name: 0.75 for name in names}
        for pass_ in list(function.passes.values())[:4]:  # softplus has no output of a threshold
            bound = pass_(*[Base()] * pass_.nin, **scalars)[1]
            assert isinstance(bound, BoundPass)
            again = pickle.loads(pickle.dumps(bound))
            assert (again.nin, again.nout, again.signature) == (pass_.nin, pass_.nout, None)
            assert again.__name__ == pass_.__name__
            assert "0.75" in repr(again)
            inputs = [X] * pass_.nin
            with fa.use_backend("numpy"):
                np.testing.assert_array_equal(again(*inputs), pass_(*inputs, **scalars))
            positions = np.array([0.5, 0.6, 0.7, 0.75])
            mixed = pass_(*[Base()] * pass_.nin, **{**scalars, names[0]: positions})[1]
            with fa.use_backend("numpy"):
                np.testing.assert_array_equal(
                    mixed(*inputs, positions), pass_(*inputs, **{**scalars, names[0]: positions})
                )


def test_ndarray_subclass_that_overrides_and_defers(kind: Elementwise, strict: None) -> None:
    class Counting(np.ndarray[Any, Any]):
        asked = 0

        def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
            Counting.asked += 1
            plain = [np.asarray(i) if isinstance(i, Counting) else i for i in inputs]
            return super().__array_ufunc__(ufunc, method, *plain, **options)

    result = kind(X.view(Counting), **required(kind))
    assert Counting.asked == 1
    np.testing.assert_array_equal(result, kind(X, **required(kind)))
