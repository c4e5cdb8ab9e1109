"""prelu and rrelu: their slopes, along which axis, and what their gradients are."""

from __future__ import annotations

import inspect
import math
import pickle
import pydoc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastact as fa
from fastact.functions.parameter_vjp import SUM_BLOCK

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 3, 5))
G = rng.standard_normal((4, 3, 5))
W = np.array([0.25, -0.5, 2.0])


@pytest.fixture(autouse=True)
def _numpy_backend(strict: None) -> None:
    """Every kernel call of these tests is checked."""


@pytest.mark.parametrize("function", [fa.prelu, fa.rrelu], ids=["prelu", "rrelu"])
def test_present_themselves(function) -> None:
    assert fa.get(function.name) is function
    assert function.name in fa.names()
    assert pickle.loads(pickle.dumps(function)) is function
    assert pickle.loads(pickle.dumps(function.vjp)) == function.vjp
    assert repr(function).startswith(f"<fastact.{function.name}(x, ")
    for call in (function, function.derivative, function.value_and_derivative, function.vjp):
        shown = inspect.signature(call).parameters
        for name, default in function.parameters.items():
            assert shown[name].default == default
    with pytest.raises(TypeError, match="has no parameter 'wrong'"):
        function(X, W, wrong=1)
    assert function.source in pydoc.plain(pydoc.render_doc(function))


def test_weight_runs_along_the_axis() -> None:
    for axis, size in ((1, 3), (0, 4), (2, 5), (-1, 5), (-2, 3)):
        weight = np.linspace(-1, 2, size)
        shape = [1, 1, 1]
        shape[axis] = size
        slope = weight.reshape(shape)
        expected = np.where(X > 0, X, slope * X)
        np.testing.assert_array_equal(fa.prelu(X, weight, axis), expected)
        np.testing.assert_array_equal(
            fa.prelu.derivative(X, weight, axis=axis), np.where(X > 0, 1, slope + 0 * X)
        )
        dx, dweight = fa.prelu.vjp(G, X, weight, axis=axis)
        np.testing.assert_array_equal(dx, G * np.where(X > 0, 1, slope))
        others = tuple({0, 1, 2} - {axis % 3})
        np.testing.assert_allclose(
            dweight, np.where(X < 0, G * X, 0).sum(others), rtol=1e-14, strict=True
        )


@pytest.mark.parametrize("weight", [0.25, np.float32(0.25), [0.25], np.full((1, 1), 0.25)])
def test_one_weight_serves_all(weight) -> None:
    np.testing.assert_array_equal(fa.prelu(X, weight), fa.leaky_relu(X, 0.25))
    for x in (X, X[0, 0], X[0, 0, 0]):
        dweight = fa.prelu.vjp(np.ones_like(x), x, weight)[1]
        assert np.shape(dweight) == np.shape(weight)
        np.testing.assert_allclose(dweight, np.minimum(x, 0).sum(), rtol=1e-14)


@pytest.mark.parametrize("shape", [(3, 1), (3, 5), (1, 5), (4, 1, 1), (4, 3, 5)])
def test_any_other_weight_broadcasts(shape: tuple[int, ...]) -> None:
    weight = rng.standard_normal(shape)
    np.testing.assert_array_equal(fa.prelu(X, weight), np.where(X > 0, X, weight * X))
    dweight = fa.prelu.vjp(G, X, weight)[1]
    numerator = np.where(X < 0, G * X, 0)
    axes = tuple(a for a in range(3) if ((1,) * (3 - len(shape)) + shape)[a] == 1)
    expected = numerator.sum(axes, keepdims=True).reshape(shape)
    np.testing.assert_allclose(dweight, expected, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("x", [-3.0, np.float32(-3), np.array(-3.0), np.array([[-3.0, 1.0]])])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (2, 1), (3, 1, 2)], ids=str)
def test_gradient_of_a_weight_of_any_shape(x, shape: tuple[int, ...]) -> None:
    """x may be a number, and a weight may have more axes than x has."""
    full = np.broadcast_shapes(np.shape(x), shape)
    lead = len(full) - len(shape)
    shared = (*range(lead), *[lead + k for k, length in enumerate(shape) if length == 1])
    passed = np.where(np.broadcast_to(x, full) < 0, 2.0 * -3.0, 0.0)
    expected = passed.sum(axis=shared).reshape(shape)
    weight = np.full(shape, 0.5)
    dx, dweight = fa.prelu.vjp(2.0, x, weight)
    np.testing.assert_array_equal(dweight, expected)
    assert np.shape(dweight) == shape
    assert isinstance(dweight, np.ndarray if shape else np.floating)
    np.testing.assert_array_equal(dx, 2.0 * np.asarray(fa.prelu.derivative(x, weight)))
    out = np.empty(np.shape(dx)), np.empty(shape)
    assert fa.prelu.vjp(2.0, x, weight.tolist(), out=out)[1] is out[1]
    np.testing.assert_array_equal(out[1], expected)


def test_wrong_axis_and_wrong_length() -> None:
    with pytest.raises(np.exceptions.AxisError):
        fa.prelu(X, W, axis=3)
    with pytest.raises(np.exceptions.AxisError):
        fa.prelu(X[0, 0], W)
    with pytest.raises(
        ValueError, match="weight has 3 elements, expected 5: one for each of axis 2"
    ):
        fa.prelu(X, W, axis=2)
    with pytest.raises(ValueError, match="broadcast"):
        fa.prelu(X, np.ones((2, 2)))
    with pytest.raises(TypeError, match="number"):
        fa.prelu(X, "a")
    with pytest.raises(TypeError, match="complex"):
        fa.prelu.vjp(G * 1j, X, W)
    with pytest.raises(TypeError, match="weight"):
        fa.prelu(X)


@pytest.mark.parametrize("shape", [(2, 1, 3, 1), (2, 4, 3, 5), (2, 1, 1, 1), (1, 1, 3, 5)])
def test_weight_of_more_dimensions_than_x(shape: tuple[int, ...]) -> None:
    weight = np.linspace(-1, 2, math.prod(shape)).reshape(shape)
    dx, dweight = fa.prelu.vjp(G, X, weight)
    np.testing.assert_array_equal(dx, G * np.where(X > 0, 1, weight))
    terms = np.broadcast_to(np.where(X < 0, G * X, 0), (shape[0], *X.shape))
    shared = tuple(axis for axis, length in enumerate(shape) if length == 1)
    np.testing.assert_allclose(dweight, terms.sum(shared, keepdims=True), rtol=1e-14, strict=True)


def test_gradients_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"prelu.vjp\(\).*\(4, 3, 5\), \(3, 3\).*do not broadcast"):
        fa.prelu.vjp(G, X[0, :, :3], 0.5)
    for arrays in ((G.astype(object), X), (G, X.astype("M8[s]"))):
        with pytest.raises(TypeError, match="takes real numbers, not dtype"):
            fa.prelu.vjp(*arrays, W)


@pytest.mark.parametrize("char", "efd")
def test_gradient_dtypes(char: str) -> None:
    x, g = X.astype(char), G.astype(char)
    dx, dweight = fa.prelu.vjp(g, x, W)
    assert dx.dtype == dweight.dtype == np.dtype(char)
    exact = np.where(x < 0, g.astype(float) * x.astype(float), 0).sum((0, 2))
    np.testing.assert_allclose(dweight, exact, rtol=np.finfo(char).eps)
    assert fa.prelu.vjp(g, x, W, dtype="f")[1].dtype == np.float32


def test_gradients_into_given_arrays() -> None:
    expected = fa.prelu.vjp(G, X, W)
    for name in ("g", "x", "new"):
        arrays = {"g": G.copy(), "x": X.copy(), "new": np.empty_like(X)}
        out = arrays[name], np.empty(3, np.float32)
        results = fa.prelu.vjp(arrays["g"], arrays["x"], W, out=out)
        assert results[0] is out[0] and results[1] is out[1]
        np.testing.assert_array_equal(out[0], expected[0])
        np.testing.assert_array_equal(out[1], expected[1].astype(np.float32))
    dx = np.full_like(X, 7)
    for bad in (np.empty(4), np.empty(3, int), np.broadcast_to(1.0, (3,)), [1.0]):
        with pytest.raises((TypeError, ValueError)):
            fa.prelu.vjp(G, X, W, out=(dx, bad))
        assert (dx == 7).all()
    with pytest.raises(TypeError, match="tuple of 2"):
        fa.prelu.vjp(G, X, W, out=dx)


def test_infinite_gradients_and_nans() -> None:
    x = np.array([[-1.0, 0.0, 1.0, -0.0]])
    g = np.full((1, 4), np.inf)
    with np.errstate(all="raise"):
        dx, dweight = fa.prelu.vjp(g, x, np.full(4, 0.5))
    np.testing.assert_array_equal(dx, [[np.inf] * 4])
    np.testing.assert_array_equal(dweight, [-np.inf, 0, 0, 0])
    assert np.isnan(fa.prelu.vjp(np.ones(2), np.array([np.nan, 1.0]), 0.5)[1])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e16, 1e16), min_size=1, max_size=30))
def test_weight_gradient_survives_cancellation(values: list[float]) -> None:
    g = np.resize(np.array([*values, *[-v for v in values]]), 2 * SUM_BLOCK + 1)
    g[-1] = 1.0
    with fa.use_backend("numpy"):
        got = fa.prelu.vjp(g, -np.ones_like(g), 0.5)[1]
    assert abs(got + math.fsum(g)) <= 32 * 2.0**-53 * math.fsum(abs(g))


def test_weight_gradient_needs_no_copy_of_x() -> None:
    x = np.ones((1024, 1024), np.float32)[:, ::2]
    out = np.empty(x.shape, np.float32), np.empty(512)
    with fa.use_backend("numpy"):
        fa.prelu.vjp(x[:1], x[:1], np.ones(512), out=(out[0][:1], out[1]))
        tracemalloc.start()
        fa.prelu.vjp(x, x, np.ones(512), out=out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 20


def test_prelu_takes_the_options_of_every_activation() -> None:
    out = np.full(X.shape, 7.0)
    mask = X > 1
    assert fa.prelu(X, W, out=out, where=mask) is out
    np.testing.assert_array_equal(out, np.where(mask, fa.prelu(X, W), 7))
    y, dy = fa.prelu.value_and_derivative(X, W)
    np.testing.assert_array_equal(y, fa.prelu(X, W))
    np.testing.assert_array_equal(dy, fa.prelu.derivative(X, W))
    assert fa.prelu(X, W, dtype="f").dtype == np.float32


def test_rrelu_evaluates_with_the_mean_slope() -> None:
    slope = (1 / 8 + 1 / 3) / 2
    np.testing.assert_array_equal(fa.rrelu(X), fa.leaky_relu(X, slope))
    np.testing.assert_array_equal(fa.rrelu.vjp(G, X), fa.leaky_relu.vjp(G, X, slope))
    np.testing.assert_array_equal(fa.rrelu.derivative(X, 0.5, 1.5), np.ones_like(X))
    out = X.copy()
    assert fa.rrelu(out, out=out) is out


def test_rrelu_draws_while_training() -> None:
    x = -np.ones((200, 50))
    y = fa.rrelu(x, 0.25, 0.75, training=True, rng=7)
    assert -0.75 <= y.min() < -0.74 and -0.26 < y.max() <= -0.25
    assert abs(y.mean() + 0.5) < 0.01
    np.testing.assert_array_equal(y, fa.rrelu(x, 0.25, 0.75, training=True, rng=7))
    generator = np.random.default_rng(7)
    np.testing.assert_array_equal(y, fa.rrelu(x, 0.25, 0.75, training=True, rng=generator))
    assert (fa.rrelu(x, training=True) != fa.rrelu(x, training=True)).any()
    np.testing.assert_array_equal(fa.rrelu(np.abs(X), training=True), np.abs(X))
    assert fa.rrelu(X.astype("f"), training=True).dtype == np.float32
    assert isinstance(fa.rrelu(-1.0, training=True), np.float64)


def test_rrelu_gradients_use_the_slopes_of_the_call() -> None:
    y = fa.rrelu(X, training=True, rng=3)
    drawn = fa.rrelu.derivative(X, training=True, rng=3)
    np.testing.assert_array_equal(y, X * drawn)
    np.testing.assert_array_equal(fa.rrelu.vjp(G, X, training=True, rng=3), G * drawn)
    value, derivative = fa.rrelu.value_and_derivative(X, training=True, rng=3)
    np.testing.assert_array_equal(value, y)
    np.testing.assert_array_equal(derivative, drawn)
    for call in (
        lambda: fa.rrelu.derivative(X, training=True),
        lambda: fa.rrelu.vjp(G, X, training=True),
    ):
        with pytest.raises(ValueError, match="integer rng"):
            call()


@pytest.mark.parametrize("bounds", [(1, 0), (np.nan, 1), (0, np.inf)])
def test_rrelu_bounds_are_checked(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="expected finite numbers, lower <= upper"):
        fa.rrelu(X, *bounds)
