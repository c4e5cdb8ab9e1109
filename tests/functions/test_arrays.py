"""What goes in and comes out: dtypes, array-likes, out, where, and silence at the extremes."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import required
from fastact.functions.elementwise import Elementwise
from representatives import looped

HALF, SINGLE, DOUBLE = (np.dtype(char) for char in "efd")
X = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])


@looped("dtype", [SINGLE, DOUBLE])
def test_floats_keep_their_dtype(everywhere: Elementwise, dtype: np.dtype[Any]) -> None:
    function = everywhere
    x = X.astype(dtype)
    given = required(function)
    y, dy = function.value_and_derivative(x, **given)
    assert y.dtype == dy.dtype == dtype
    for result, expected in ((function(x, **given), y), (function.derivative(x, **given), dy)):
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, expected)
    product = function.vjp(np.full_like(x, 2), x, **given)
    np.testing.assert_array_equal(product, 2 * dy)


def test_float16_is_the_float32_result_rounded_once(kind: Elementwise, backend: str) -> None:
    given = required(kind)
    # In parts that run serially: Numba would have to compile its parallel kernels for more.
    for x in np.arange(1 << 16, dtype=np.uint16).view(np.float16).reshape(64, 1024):
        with np.errstate(all="raise"):
            result = kind(x, **given)
        with np.errstate(all="ignore"):
            expected = kind(x.astype(np.float32), **given).astype(np.float16)
        np.testing.assert_array_equal(result, expected, strict=True)


@looped("char", "?bBhHiIlLqQ")
def test_integers_become_float64(char: str, kind: Elementwise, strict: None) -> None:
    x = np.array([0, 1, 1, 0], char)
    result = kind(x, **required(kind))
    assert result.dtype == DOUBLE
    np.testing.assert_array_equal(result, kind(x.astype(float), **required(kind)))


@looped("char", "efd")
def test_big_endian_comes_out_native(char: str, kind: Elementwise, strict: None) -> None:
    x = X.astype(">" + char)
    result = kind(x, **required(kind))
    assert result.dtype == np.dtype(char)
    assert result.dtype.isnative
    np.testing.assert_array_equal(result, kind(X.astype(char), **required(kind)))


REFUSED = [
    1j,
    None,
    "a",
    b"a",
    np.array(["a"]),
    np.datetime64("2020-01-01"),
    np.timedelta64(1, "D"),
    np.array([object()]),
    np.longdouble(1),
    np.zeros(2, "c8"),
    np.zeros(2, "c16"),
    np.zeros(2, "i4,f4"),
    np.zeros(0, object),
]


@looped("value", REFUSED)
def test_other_dtypes_are_named_and_refused(value: Any, kind: Elementwise) -> None:
    name = np.asarray(value).dtype.name if np.asarray(value).dtype.names is None else "i4"
    for call in (kind, kind.derivative, lambda v, **k: kind.vjp(1.0, v, **k)):
        with pytest.raises(TypeError) as caught:
            call(value, **required(kind))
        shown = str(caught.value)
        assert name in shown or str(np.asarray(value).dtype) in shown


@looped("char", "efd")
def test_dtype_argument(char: str, kind: Elementwise, strict: None) -> None:
    x = np.linspace(-3, 3, 17)
    result = kind(x, dtype=char, **required(kind))
    assert result.dtype == np.dtype(char)
    np.testing.assert_array_equal(result, kind(x.astype(char), **required(kind)))
    assert kind([0, 1], dtype=char, **required(kind)).dtype == np.dtype(char)


@pytest.mark.parametrize("dtype", [int, complex, object, "U1", np.longdouble])
def test_dtype_argument_must_be_supported(dtype: Any) -> None:
    with pytest.raises(TypeError, match="does not return dtype"):
        fa.get(fa.names()[0])(X, dtype=dtype)


def test_python_numbers_adapt_to_the_array_beside_them(kind: Elementwise, strict: None) -> None:
    x = X.astype(np.float32)
    assert kind.vjp(1.0, x, **required(kind)).dtype == SINGLE
    assert kind.vjp(1, x, **required(kind)).dtype == SINGLE
    assert kind.vjp(np.float64(1), x, **required(kind)).dtype == DOUBLE
    assert kind.vjp(X, x, **required(kind)).dtype == DOUBLE
    assert kind.vjp(1.0, 2, **required(kind)).dtype == DOUBLE


@looped("value", [1.0, 1, True, np.float32(1), np.array(1.0), np.float16(1)])
def test_zero_dimensional_in_scalar_out(value: Any, kind: Elementwise, strict: None) -> None:
    result = kind(value, **required(kind))
    assert isinstance(result, np.floating)
    assert isinstance(kind.vjp(value, value, **required(kind)), np.floating)
    for part in kind.value_and_derivative(value, **required(kind)):
        assert isinstance(part, np.floating)


@looped("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)])
def test_empty(shape: tuple[int, ...], kind: Elementwise, backend: str) -> None:
    for x in (np.empty(shape), np.empty(shape, "f"), np.empty(shape, ">f2")):
        assert kind(x, **required(kind)).shape == shape
        assert kind.vjp(x, x, **required(kind)).shape == shape
        assert [y.shape for y in kind.value_and_derivative(x, **required(kind))] == [shape, shape]
    assert kind([], **required(kind)).dtype == DOUBLE


def test_array_likes(kind: Elementwise, strict: None) -> None:
    expected = kind(np.array([[1.0, 2.0], [3.0, 4.0]]), **required(kind))
    for value in ([[1, 2], [3, 4]], ((1.0, 2.0), (3.0, 4.0)), [np.array([1, 2]), (3, 4)]):
        np.testing.assert_array_equal(kind(value, **required(kind)), expected)
    with pytest.raises(ValueError, match="inhomogeneous"):
        kind([[1], [2, 3]], **required(kind))


def test_arrays_are_positional(kind: Elementwise) -> None:
    with pytest.raises(TypeError, match="x by position"):
        kind(x=X, **required(kind))
    with pytest.raises(TypeError, match="g and x by position"):
        kind.vjp(X, **required(kind))


def test_out_is_returned_by_identity(kind: Elementwise, backend: str) -> None:
    given = required(kind)
    expected = kind(X, **given)
    out, dout = np.empty(5), np.empty(5)
    assert kind(X, out=out, **given) is out
    np.testing.assert_array_equal(out, expected)
    assert kind(X, out=(dout,), **given) is dout
    np.testing.assert_array_equal(dout, expected)
    pair = kind.value_and_derivative(X, out=(out, dout), **given)
    assert pair[0] is out and pair[1] is dout
    np.testing.assert_array_equal(dout, kind.derivative(X, **given))
    first, second = kind.value_and_derivative(X, out=(None, dout), **given)
    np.testing.assert_array_equal(first, expected)
    assert second is dout
    zero = np.empty(())
    assert kind(1.0, out=zero, **given) is zero


def test_inputs_broadcast_to_out(kind: Elementwise, strict: None) -> None:
    out = np.zeros((3, 5))
    assert kind(X, out=out, **required(kind)) is out
    np.testing.assert_array_equal(out, np.broadcast_to(kind(X, **required(kind)), (3, 5)))


@looped("char", ["e", "f", ">f", ">d", "g", "D"])
def test_out_of_another_dtype(char: str, kind: Elementwise, strict: None) -> None:
    out = np.empty(5, char)
    assert kind(X, out=out, **required(kind)) is out
    np.testing.assert_array_equal(out, kind(X, **required(kind)).astype(char))


BAD_OUTS: list[tuple[Any, type[Exception], str]] = [
    (np.full(4, 7.0), ValueError, "out of shape"),
    (np.full((1, 4), 7.0), ValueError, "out of shape"),
    (np.full(5, 7), TypeError, "out of dtype int64"),
    (np.full(5, True), TypeError, "out of dtype bool"),
    (np.full(5, None), TypeError, "out of dtype object"),
    (np.full(5, "abc"), TypeError, "out of dtype <U3"),
    (np.broadcast_to(7.0, (5,)), ValueError, "read-only"),
    ([7.0] * 5, TypeError, "out has type list, expected an array"),
    ((np.full(5, 7.0), np.full(5, 7.0)), ValueError, "one array as out"),
]


@looped("out, error, message", BAD_OUTS)
def test_bad_out_is_refused_before_any_write(
    out: Any, error: type[Exception], message: str, kind: Elementwise, strict: None
) -> None:
    before = copy.deepcopy(out)
    with pytest.raises(error, match=message):
        kind(X, out=out, **required(kind))
    np.testing.assert_array_equal(out, before)


def test_bad_second_out_is_refused_before_the_first_is_written(kind: Elementwise) -> None:
    good = np.full(5, 7.0)
    for bad in (np.empty(4), np.empty(5, int), np.broadcast_to(1.0, (5,)), good, good[::-1], "a"):
        with pytest.raises((TypeError, ValueError)):
            kind.value_and_derivative(X, out=(good, bad), **required(kind))
        assert (good == 7.0).all()
    with pytest.raises(TypeError, match="tuple of 2"):
        kind.value_and_derivative(X, out=good, **required(kind))


def test_where_leaves_the_rest_untouched(kind: Elementwise, strict: None) -> None:
    given = required(kind)
    mask = np.array([True, False, True, False, False])
    out = np.full(5, 7.0)
    assert kind(X, out=out, where=mask, **given) is out
    np.testing.assert_array_equal(out, np.where(mask, kind(X, **given), 7.0))
    single = np.full((2, 5), 7.0, np.float32)
    kind.vjp(X, X, out=single, where=mask[::-1], **given)
    expected = np.where(mask[::-1], kind.vjp(X, X, **given).astype(np.float32), np.float32(7))
    np.testing.assert_array_equal(single, np.broadcast_to(expected, (2, 5)))
    y, dy = np.full(5, 7.0), np.full(5, 7.0)
    kind.value_and_derivative(X, out=(y, dy), where=False, **given)
    assert (y == 7).all() and (dy == 7).all()
    np.testing.assert_array_equal(kind(X, where=np.True_, **given), kind(X, **given))
    inplace = X.copy()
    kind(inplace, out=inplace, where=mask, **given)
    np.testing.assert_array_equal(inplace, np.where(mask, kind(X, **given), X))


def test_where_is_checked(kind: Elementwise) -> None:
    with pytest.raises(TypeError, match="where has dtype int64"):
        kind(X, where=np.ones(5, int), **required(kind))
    with pytest.raises(ValueError, match=r"\(5,\), \(4,\) do not broadcast"):
        kind(X, where=np.ones(4, bool), **required(kind))
    with pytest.raises(ValueError, match="do not broadcast"):
        kind.vjp(X, X[:4], **required(kind))


def test_silent_at_the_extremes(everywhere: Elementwise) -> None:
    function = everywhere
    for char in "efd":
        info = np.finfo(char)
        magnitudes = [
            0.0,
            info.tiny,
            info.smallest_subnormal,
            1.0,
            min(1e30, float(info.max)),
            info.max,
        ]
        x = np.array([*magnitudes, np.inf, np.nan], char)
        x = np.concatenate([x, -x])
        for values in (x, np.repeat(x, 2)[::2], x.astype(x.dtype.newbyteorder()), [float(x[0])]):
            with np.errstate(all="raise"), warnings.catch_warnings():
                warnings.simplefilter("error")
                function(values, **required(function))
                function.vjp(values, values, **required(function))
                function.value_and_derivative(values, **required(function))
                function(values, dtype="e", **required(function))


def test_flat_parts_pass_no_gradient_back(everywhere: Elementwise) -> None:
    function = everywhere
    x = np.linspace(-9, 9, 37)
    slope = function.derivative(x, **required(function))
    flat = np.convolve(slope == 0, [1, 1, 1], "same") == 3
    for g in (np.inf, -np.inf):
        product = function.vjp(np.full_like(x, g), x, **required(function))
        assert (product[flat] == 0).all()
        assert (product[slope == 1] == g).all()


def test_every_pass_works_on_every_backend(everywhere: Elementwise) -> None:
    function = everywhere
    x = np.linspace(-2, 2, 9)
    given = required(function)
    x = x[np.isfinite(function.derivative(x, **given))]  # log1p and others are not for all numbers
    assert x.size
    y, dy = function.value_and_derivative(x, **given)
    np.testing.assert_allclose(function.vjp(x, x, **given), x * dy, rtol=1e-14, atol=1e-300)
    if "vjp_from_output" in function.passes:
        product = function.vjp_from_output(x, y, **given)
        np.testing.assert_allclose(product, x * dy, rtol=1e-12, atol=1e-13)
