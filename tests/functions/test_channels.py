"""maxout and crelu: groups of channels, gradients, work in place, one clear error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa

RNG = np.random.default_rng


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("pieces", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["int32", "float16", "float32", "float64"])
def test_maxout(dtype: str, pieces: int, axis: int) -> None:
    x = RNG(13).integers(-3, 4, (6, 12, 18)).astype(dtype)
    last = np.moveaxis(x, axis, -1)
    apart = last.reshape(*last.shape[:-1], -1, pieces)
    expected = np.moveaxis(apart.max(-1), -1, axis)
    got = fa.maxout(x, pieces, axis)
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == (np.float64 if dtype == "int32" else dtype)
    g = RNG(14).normal(size=expected.shape).astype(got.dtype)
    first = apart.argmax(-1)[..., None] == np.arange(pieces)
    flowing = np.where(first, np.moveaxis(g, axis, -1)[..., None], 0).reshape(last.shape)
    np.testing.assert_array_equal(fa.maxout.vjp(g, x, pieces, axis), np.moveaxis(flowing, -1, axis))


def test_maxout_propagates_nan_and_works_in_place() -> None:
    x = np.array([1.0, np.nan, 5.0, 5.0, np.nan, np.nan])
    np.testing.assert_array_equal(fa.maxout(x, 2), [np.nan, 5, np.nan])
    np.testing.assert_array_equal(fa.maxout.vjp(np.ones(3), x, 2), [0, 1, 1, 0, 1, 0])
    y = RNG(15).normal(size=40)
    expected = fa.maxout(y, 4)
    assert fa.maxout(y, 4, out=y[:10]).base is y
    np.testing.assert_array_equal(y[:10], expected)
    for first in range(4):  # the out is one of the pieces
        y = RNG(15).normal(size=40)
        np.testing.assert_array_equal(fa.maxout(y, 4, out=y[first::4]), expected)
    z, g = RNG(16).normal(size=(7, 40)), RNG(17).normal(size=(7, 10))
    expected = fa.maxout.vjp(g, z, 4)
    fa.maxout.vjp(g, z, 4, out=z)
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_crelu(dtype: str, axis: int, backend: str) -> None:
    x = RNG(18).normal(size=(4, 70, 90)).astype(dtype)
    x[0, 0, :4] = [0.0, -0.0, np.nan, -np.inf]
    y = fa.crelu(x, axis)
    np.testing.assert_array_equal(y, np.concatenate((fa.relu(x), fa.relu(-x)), axis))
    g = RNG(19).normal(size=y.shape).astype(dtype)
    positive, negative = np.split(g, 2, axis)
    expected = fa.relu.vjp(positive, x) - fa.relu.vjp(negative, -x)
    np.testing.assert_array_equal(fa.crelu.vjp(g, x, axis), expected)
    assert y.dtype == x.dtype
    x = x.copy()
    assert fa.crelu.vjp(g, x, axis, out=x) is x
    np.testing.assert_array_equal(x, expected)


class Foreign:
    """Takes ufuncs over, but is no place to write to."""

    __array_ufunc__ = None


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: fa.maxout(np.zeros(4), 2, out=Foreign()), TypeError),
        (lambda: fa.glu.vjp(np.zeros(2), np.zeros(4), out=Foreign()), TypeError),
        (lambda: fa.maxout(np.zeros(5), 2), ValueError),
        (lambda: fa.maxout(np.zeros(5), 0), ValueError),
        (lambda: fa.maxout(np.zeros(4), 2.5), TypeError),
        (lambda: fa.maxout(np.zeros(4), 2, 1), np.exceptions.AxisError),
        (lambda: fa.maxout(np.zeros(4), 2, out=np.zeros(3)), ValueError),
        (lambda: fa.maxout(np.zeros(4, "M8[s]"), 2), TypeError),
        (lambda: fa.maxout.vjp(np.zeros(3), np.zeros(4), 2), ValueError),
        (lambda: fa.crelu(1.0), np.exceptions.AxisError),
        (lambda: fa.crelu(np.zeros(4, object)), TypeError),
        (lambda: fa.crelu.vjp(np.zeros(4), np.zeros(4)), ValueError),
        (lambda: fa.crelu(np.zeros(4), out=np.zeros(8, int)), TypeError),
    ],
)
def test_pieces_raise_one_clear_error(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()
