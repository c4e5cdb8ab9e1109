"""How the callables are called: names, parameters, errors, documentation, pickling."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
import re
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS, required
from fastact.functions.elementwise import FUNCTIONS, Elementwise
from representatives import looped

HALF, SINGLE, DOUBLE = (np.dtype(char) for char in "efd")
X = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])


def test_every_name_is_public_and_aliases_are_the_same_object(function: Elementwise) -> None:
    for name in (function.name, *function.aliases):
        assert getattr(fa, name) is fa.get(name) is function
        assert name in fa.__all__
        assert name in dir(fa)
    assert function.name in fa.names()


def test_unknown_name_comes_with_close_matches() -> None:
    with pytest.raises(ValueError, match=r"no function 'sigmod'.*'sigmoid'"):
        fa.get("sigmod")
    with pytest.raises(ValueError, match=r"fastact\.names"):
        fa.get("qqqq")
    with pytest.raises(ValueError, match="no function"):
        fa.get([])  # type: ignore[arg-type]


def test_presents_itself_as_a_ufunc(function: Elementwise) -> None:
    for name, pass_ in function.passes.items():
        arrays = 2 if name.startswith("vjp") else 1
        outputs = 2 if name == "value_and_derivative" else 1
        assert (pass_.nin, pass_.nout, pass_.nargs) == (arrays, outputs, arrays + outputs)
        assert pass_.signature is None
        assert pass_.types == [f"{c * arrays}->{c * outputs}" for c in "efd"]
        assert pass_.ntypes == 3
        assert pass_.__name__.startswith(function.name)
        assert hash(pass_) == hash(copy.deepcopy(pass_))


def test_signature_shows_parameters_and_defaults(function: Elementwise) -> None:
    for name, pass_ in function.passes.items():
        shown = inspect.signature(pass_).parameters
        assert list(shown)[-3:] == ["out", "where", "dtype"]
        assert next(iter(shown)) == ("g" if name.startswith("vjp") else "x")
        for parameter, default in function.parameters.items():
            assert shown[parameter].default == default
    assert "self" not in str(inspect.signature(type(function)))


PARAMETRIC = [
    pytest.param(name, backend, id=f"{name}-{backend}")
    for backend in BACKENDS
    for name, function in FUNCTIONS.items()
    # Numba would compile each function for a second: of its results two have another zero or NaN.
    if function.parameter_list.params and (backend != "numba" or name in ("celu", "threshold"))
]


@looped("first", [-0.0, 0.0])
@pytest.mark.parametrize(("name", "backend"), PARAMETRIC)
def test_a_parameter_keeps_the_sign_of_its_zero(name: str, backend: str, first: float) -> None:
    """Given as any number that is zero, before and after the zero of the other sign."""
    function = FUNCTIONS[name]
    with fa.use_backend(backend):
        for place, parameter in enumerate(function.parameter_list.params):
            for zero in (first, -first, first, 0, -first, False):
                given = {**required(function), parameter: zero}
                for pass_ in (function, function.derivative):
                    # `call` keeps nothing of the calls before it.
                    expected = bytes_or_error(pass_.call, X, **given)
                    assert bytes_or_error(pass_, X, **given) == expected
                    if place == 0 and not function.declaration.choices:
                        assert bytes_or_error(pass_, X, zero) == expected


def bytes_or_error(call: Any, *args: Any, **options: Any) -> bytes | str:
    """Return the result's bytes, or which domain a parameter is outside of."""
    try:
        result: bytes = call(*args, **options).tobytes()
    except ValueError as error:
        assert "is outside the domain" in str(error)
        return str(error)
    return result


def test_help_shows_the_whole_docstring(function: Elementwise) -> None:
    text = pydoc.plain(pydoc.render_doc(function))
    for line in [*function.declaration.doc.split("\n"), function.source, *function.aliases]:
        assert line.strip() in text
    for parameter in function.parameters:
        assert f"{parameter} : " in text
    for pass_ in function.passes.values():
        assert pass_.__doc__.startswith(f"{pass_.__qualname__}(")


def test_class_has_a_docstring_of_its_own() -> None:
    assert (Elementwise.__doc__ or "").startswith("An activation")


def test_repr_names_the_pass_and_its_signature(function: Elementwise) -> None:
    for pass_ in function.passes.values():
        assert repr(pass_) == f"<fastact.{pass_.__qualname__}{inspect.signature(pass_)}>"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_as_itself(protocol: int) -> None:
    for function in FUNCTIONS.values():
        for pass_ in function.passes.values():
            if protocol >= 3 or "." not in pass_.__qualname__:
                assert pickle.loads(pickle.dumps(pass_, protocol)) is pass_


def test_missing_pass_says_so() -> None:
    lacking = [f for f in FUNCTIONS.values() if "vjp_from_output" not in f.passes]
    assert lacking
    for function in lacking:
        with pytest.raises(TypeError, match=f"{function.name} has no vjp_from_output"):
            function.vjp_from_output(X, X)
        assert not hasattr(function, "vjp_from_output")


def test_another_name_for_the_derivative_is_corrected() -> None:
    for name, shown in (("gelu", "gelu.derivative(x)"), ("softmax", "softmax.vjp(g, y)")):
        for wrong in ("grad", "backward", "gradient"):
            with pytest.raises(
                AttributeError, match=f"{name} has no {wrong}; it has {re.escape(shown)}"
            ):
                getattr(fa.get(name), wrong)


def test_parameters_by_position_and_by_name_agree(function: Elementwise) -> None:
    numeric = list(function.parameter_list.params)
    values = [0.25 + 0.5 * k for k in range(len(numeric))]
    with fa.use_backend("numpy"):
        choices = map(function.parameter_list.defaults.get, function.declaration.choices)
        by_position = function(X, *choices, *values)
        by_name = function(X, **dict(zip(numeric, values, strict=True)))
    np.testing.assert_array_equal(by_position, by_name)


def test_defaults_are_what_leaving_them_out_means(function: Elementwise) -> None:
    if required(function):
        with pytest.raises(TypeError, match="missing its required parameter"):
            function(X)
        return
    with fa.use_backend("numpy"):
        np.testing.assert_array_equal(function(X), function(X, **function.parameters))


def test_unknown_parameter_names_the_known_ones(function: Elementwise) -> None:
    with pytest.raises(TypeError, match="has no parameter 'wrong'") as caught:
        function(X, wrong=1)
    for parameter in function.parameters:
        assert parameter in str(caught.value)
    with pytest.raises(TypeError, match="too many positional arguments"):
        function(X, *[1.0] * (len(function.parameters) + 1))
    if function.parameters:
        first = next(iter(function.parameters))
        with pytest.raises(TypeError, match=f"two values for '{first}'"):
            function(X, 1.0, **{first: 1.0})


@pytest.mark.parametrize("value", ["a", None, 1j, [None], np.array(["a"]), {}], ids=repr)
def test_parameter_must_be_numeric(value: Any) -> None:
    for function in FUNCTIONS.values():
        for name, parameter in function.parameter_list.params.items():
            if not (value is None and parameter.optional):
                with pytest.raises(TypeError, match=f"number.* for {name}, not"):
                    function(X, **{**required(function), name: value})


@pytest.mark.parametrize("value", ["no", "", [], 7, None], ids=repr)
def test_choice_must_be_one_of_the_choices(value: Any) -> None:
    functions = [f for f in FUNCTIONS.values() if f.declaration.choices]
    assert functions
    for function in functions:
        for name, choices in function.declaration.choices.items():
            with pytest.raises(ValueError, match="choose one of") as caught:
                function(X, **{name: value})
            for choice in choices:
                assert repr(choice) in str(caught.value)


def test_choices_select_the_declared_function() -> None:
    for function in FUNCTIONS.values():
        for name, choices in function.declaration.choices.items():
            for choice, target in choices.items():
                for pass_ in ("forward", "derivative", "value_and_derivative"):
                    np.testing.assert_array_equal(
                        function.passes[pass_](X, **{name: choice}),
                        FUNCTIONS[target].passes[pass_](X),
                    )


@pytest.mark.parametrize(
    "scalar", [np.float32(0.5), np.float64(0.5), np.array(0.5), np.float16(0.5)], ids=repr
)
def test_scalar_parameter_leaves_the_dtype_alone(scalar: Any, strict: None) -> None:
    for function in FUNCTIONS.values():
        for name in function.parameter_list.params:
            given = {**required(function), name: scalar}
            result = function(X.astype(np.float32), **given)
            assert result.dtype == SINGLE
            np.testing.assert_array_equal(
                result, function(X.astype(np.float32), **{**given, name: 0.5})
            )


def test_array_parameters_broadcast(function: Elementwise, strict: None) -> None:
    for name in function.parameter_list.params:
        values = np.array([0.25, 0.5, 1.0])
        for pass_ in (function, function.derivative):
            whole = pass_(X[:, None], **{**required(function), name: values})
            assert whole.shape == (5, 3)
            for column, value in enumerate(values):
                np.testing.assert_array_equal(
                    whole[:, column], pass_(X, **{**required(function), name: float(value)})
                )
