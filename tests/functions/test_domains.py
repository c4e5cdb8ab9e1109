"""Parameters at the edges of their domain and outside: the same answer, or the same error, from every backend."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS
from fastact.definitions.activations import TABLE
from fastact.definitions.domain import Condition
from representatives import looped

ODD = [0.0, -0.0, -1.0, 5e-324, 1e-310, -1e-310, 1e-45, 1e-38, 1e-30, 1e-10, 1e10, 1e30]
ODD += [1e37, 3e38, 1e39, 1e300, 1.7e308, -1e30, -1e300, math.inf, -math.inf, math.nan]
PARAMETRISED = [name for name, declaration in TABLE.items() if declaration.params]
LIMITED = [name for name, declaration in TABLE.items() if declaration.domain]


def parameter_sets(name: str) -> list[tuple[float, ...]]:
    """Return the defaults with one or two parameters replaced by odd ones."""
    defaults = [1.0 if p.default is None else p.default for p in TABLE[name].params.values()]
    single = itertools.chain.from_iterable(
        [(*defaults[:k], value, *defaults[k + 1 :]) for value in ODD] for k in range(len(defaults))
    )
    few = [0.0, -1.0, 4.0, 1e-310, 1e300, math.inf, math.nan]
    return [*single, *(itertools.product(few, few) if len(defaults) == 2 else ())]


def data(dtype: str) -> np.ndarray:
    # Neither a parameter rounded to float32 nor a kink is among them.
    x = [0, 1e-35, 1e-5, 0.017, 0.7, 2.6, 7.1, 33, 70, 300, 2.1e8, 7e29, 2e38, math.inf]
    return np.array([*x, *(-v for v in x), math.nan], dtype)


def result(f: Any, arrays: list[np.ndarray], params: tuple[Any, ...]) -> np.ndarray | str:
    try:
        return np.asarray(f(*arrays, **dict(zip(f.declaration.params, params, strict=True))))
    except ValueError as error:
        return str(error)


@pytest.mark.slow
@looped("as_array", [False, True])
@looped("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PARAMETRISED)
def test_every_backend_gives_the_same(name: str, dtype: str, as_array: bool) -> None:
    x, function = data(dtype), fa.get(name)
    rtol = 4e-6 if dtype == "float32" else 1e-13
    for pass_, params in itertools.product(("forward", "derivative"), parameter_sets(name)):
        given = params
        if as_array:
            with np.errstate(all="ignore"):
                given = tuple(np.full(x.shape, value).astype(dtype) for value in params)
        results = {}
        for backend in BACKENDS:
            with fa.use_backend(backend):
                results[backend] = result(function.passes[pass_], [x], given)
        expected = results["numpy"]
        for backend, found in results.items():
            where = f"{name} {pass_} {params} {backend}"
            if isinstance(expected, str) or isinstance(found, str):
                assert found == expected, where
            else:
                if name == "snake":  # the phase of larger numbers is that of a rounded product
                    with np.errstate(all="ignore"):
                        near = np.abs(x * params[0]) < 2.0**20
                    found, expected = found[near], results["numpy"][near]
                # Of a derivative what cancels has an absolute accuracy.
                atol = 30 * float(np.finfo(dtype).tiny) if pass_ == "forward" else rtol
                np.testing.assert_allclose(found, expected, rtol, atol, err_msg=where)


@pytest.mark.parametrize("name", LIMITED)
def test_outside_is_refused_by_every_pass(name: str, backend: str) -> None:
    declaration, x = TABLE[name], np.linspace(-3, 3, 7)
    for condition, params in itertools.product(declaration.domain, parameter_sets(name)):
        values = dict(zip(declaration.params, params, strict=True))
        if condition.holds(values):
            continue
        for pass_, function in fa.get(name).passes.items():
            label = name if pass_ == "forward" else f"{name}.{pass_}"
            with pytest.raises(ValueError, match=r"is outside the domain") as caught:
                function(*[x] * function.nin, **values)
            assert str(caught.value).startswith(f"{label}(): ")


def test_an_output_that_does_not_determine_the_slope(backend: str) -> None:
    """A negative slope maps two inputs to one output; above its threshold softplus repeats what it was below."""
    y = np.array([0.5, 1.5])
    for name, options in (
        ("leaky_relu", {"negative_slope": -0.5}),
        ("elu", {"alpha": -1.0}),
        ("softplus", {"threshold": 2.0}),
        ("softplus", {"threshold": np.array([np.inf, 2.0])}),
    ):
        with pytest.raises(ValueError, match=rf"{name}.vjp_from_output\(\): .* outside the domain"):
            fa.get(name).vjp_from_output(y, y, **options)
    assert fa.leaky_relu.vjp_from_output(1.0, 0.0, 0.0) == 0.0
    assert fa.softplus.vjp_from_output(1.0, 2.0, threshold=None) == pytest.approx(1 - np.exp(-2))


def test_the_error_names_parameter_and_domain() -> None:
    with pytest.raises(ValueError) as caught:
        fa.soft_shrink([1.0], lambd=-1.0)
    assert str(caught.value) == "soft_shrink(): lambd=-1.0 is outside the domain lambd >= 0"
    with pytest.raises(ValueError, match=r"min_val=4.0, max_val=3.0 .* min_val <= max_val"):
        fa.hard_tanh.vjp([1.0], [1.0], 4, 3)


@pytest.mark.parametrize("alpha", [0, -0.0, np.float32(-1), np.array([1.0, 0.0, 2.0]), [1, 2, -3]])
def test_arrays_and_other_numbers_are_checked(alpha: Any) -> None:
    with pytest.raises(ValueError, match="is outside the domain 1e-37 <= alpha <= 1e37"):
        fa.celu(np.ones(3), alpha)


def test_the_first_element_outside_is_shown() -> None:
    low = np.zeros((3, 1), np.float16)
    high = np.ones((1, 20000), np.float32)
    high[0, 17000:] = -2.5
    with pytest.raises(ValueError, match=r"min_val=0.0, max_val=-2.5 is outside"):
        fa.hard_tanh(np.zeros((3, 20000)), low, high)
    assert fa.hard_tanh(np.zeros((3, 0)), low, high[:, :0]).shape == (3, 0)


def test_shapes_that_do_not_broadcast_are_reported_as_such() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        fa.hard_tanh(np.zeros(3), np.zeros(2), np.ones(5))


def test_a_condition_has_alternatives() -> None:
    condition = Condition("b == 0 or 1 <= abs(b) < inf")
    assert condition.names == ("b",)
    for b, expected in ((0.0, True), (-2.0, True), (0.5, False), (math.inf, False)):
        assert condition.holds({"b": b}) is expected
    np.testing.assert_array_equal(condition.holds({"b": np.array([0, 0.5, 3])}), [1, 0, 1])
