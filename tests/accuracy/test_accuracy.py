"""The measure of error itself, on errors that are known."""

import math

import numpy as np
import pytest

from fastact import accuracy
from fastact.reference import activations as reference

mpmath = pytest.importorskip("mpmath")

DTYPES = [np.float16, np.float32, np.float64]
TINY = {np.float16: 2.0**-24, np.float32: 2.0**-149, np.float64: 5e-324}


def as_truth(values, dtype):
    values = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if np.dtype(dtype).itemsize < 8:
        return values
    return np.array([mpmath.mpf(v) for v in values.tolist()], dtype=object)


def error(result, truth, dtype):
    result = np.atleast_1d(np.asarray(result, dtype=dtype))
    truth = truth if isinstance(truth, np.ndarray) else as_truth(truth, dtype)
    return accuracy.ulp_error(result, truth).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_units_are_those_of_the_true_value(dtype):
    eps = float(np.finfo(dtype).eps)
    results, truths = [1 + eps, 1 - eps / 2, 2.0, 1.0], [1.0, 1.0, 2 - eps, 1.0]
    assert error(results, truths, dtype) == [1, 0.5, 1, 0]
    assert error([-1 - 3 * eps], [-1.0], dtype) == [3]


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_spacing(dtype):
    tiny = TINY[dtype]
    assert error([3 * tiny, 0, tiny, -0.0], [tiny, 2 * tiny, 0, 0], dtype) == [2, 2, 1, 0]


def test_fractions_below_the_smallest_subnormal():
    assert error([0.0], [2.0**-150], np.float32) == [0.5]
    assert error([0.0], np.array([mpmath.ldexp(1, -1075)], dtype=object), np.float64) == [0.5]


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values(dtype):
    inf, nan = math.inf, math.nan
    pairs = [(inf, inf, 0), (-inf, inf, inf), (nan, nan, 0), (nan, 1, inf), (1, nan, inf),
             (inf, 1, inf), (1, inf, inf), (nan, inf, inf), (inf, nan, inf)]  # fmt: skip
    result, truth, expected = zip(*pairs, strict=True)
    assert error(result, truth, dtype) == list(expected)


def test_truth_beyond_the_largest_number():
    largest = float(np.finfo(np.float32).max)
    step = 2.0**104
    assert error([np.inf, largest], [largest + step] * 2, np.float32) == [0, 1]
    assert error([np.inf], [largest + step / 4], np.float32) == [math.inf]
    truth = np.array([mpmath.mpf(10) ** 400] * 2, dtype=object)
    assert error([np.inf, -np.inf], truth, np.float64) == [0, math.inf]


def test_float64_needs_more_than_a_float64_truth():
    with pytest.raises(TypeError, match="mpmath"):
        accuracy.ulp_error(np.ones(2), np.ones(2))


def test_mpmath_truth_serves_every_dtype():
    x = np.linspace(-3, 3, 41, dtype=np.float32)
    exact = np.array([mpmath.tanh(mpmath.mpf(v)) for v in x.tolist()], dtype=object)
    np.testing.assert_allclose(
        accuracy.ulp_error(np.tanh(x), exact),
        accuracy.ulp_error(np.tanh(x), np.tanh(x.astype(np.float64))),
        atol=1e-6,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_bit_patterns(dtype):
    x = accuracy.bit_patterns(dtype, 3000)
    info = np.finfo(dtype)
    assert x.dtype == dtype
    assert abs(x.size - 3000) < 200
    for value in (0.0, info.smallest_subnormal, info.smallest_normal, info.max, np.inf):
        assert value in x
        assert -value in x
    assert np.isnan(x).any()
    assert {True, False} == set(np.signbit(x[x == 0]).tolist())
    exponents = np.frexp(x[np.isfinite(x) & (np.abs(x) >= info.smallest_normal)])[1]
    assert np.diff(np.unique(exponents)).max() <= 2
    assert x.tobytes() == accuracy.bit_patterns(dtype, 3000).tobytes()


def test_blocks_cover_every_pattern_once():
    patterns = np.concatenate([b.view(np.uint16) for b in accuracy.blocks(np.float16, 1, 1000)])
    np.testing.assert_array_equal(patterns, np.arange(1 << 16))
    strided = np.concatenate([b.view(np.uint16) for b in accuracy.blocks(np.float16, 7, 1000)])
    np.testing.assert_array_equal(strided, np.arange(0, 1 << 16, 7))


@pytest.mark.parametrize("dtype", DTYPES)
def test_around(dtype):
    eps, tiny = float(np.finfo(dtype).eps), TINY[dtype]
    assert accuracy.around(0.0, dtype, 1).tolist() == [-tiny, 0, tiny]
    assert accuracy.around([1, -1], dtype, 1).tolist() == [
        -1 - eps, -1, -1 + eps / 2, 1 - eps / 2, 1, 1 + eps
    ]  # fmt: skip
    assert accuracy.around(math.inf, dtype, 1).tolist() == [float(np.finfo(dtype).max), math.inf]


@pytest.mark.parametrize("name", list(reference.TABLE))
def test_sign_changes_are_zeros_of_the_derivative(name):
    declared = reference.TABLE[name].slope.__defaults__
    params = declared or (30.0,) * (reference.TABLE[name].slope.__code__.co_argcount - 2)
    for zero in accuracy.sign_changes(name, *params):
        left, right = np.nextafter(zero, -np.inf), np.nextafter(zero, np.inf)
        low, high = reference.evaluate(name, "derivative", np.array([left, right]), *params)
        assert low * high <= 0


def test_error_near_zeros_is_absolute_near_a_zero_only():
    x = np.array([-1.0, -1.0, -3.0], dtype=np.float32)
    truth = np.array([2.0**-10, 0.5, 2.0**-10])
    result = np.ones(3)
    found = accuracy.error_near_zeros(result, truth, x, np.float32, (-1.5,))
    assert found.tolist() == [2.0**-5, 1, 1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_measure_finds_the_one_wrong_value(dtype):
    def kernel(x, out):
        out[:] = np.maximum(x, 0)
        out[x == 1] = np.nextafter(np.nextafter(out.dtype.type(1), 2), 2) + np.finfo(out.dtype).eps

    x = np.linspace(-2, 2, 1001, dtype=dtype)
    worst = accuracy.measure("relu", "forward", dtype, kernel, x=x)
    print(worst)
    assert (worst.ulp, worst.x, worst.truth, worst.count) == (3, 1, 1, 1001)
    assert worst.over == pytest.approx(1 / 1001)
    assert "3.000 ulp at 1.0" in str(worst)


def test_measure_walks_blocks_and_takes_array_parameters():
    def kernel(x, out, slope):
        with np.errstate(invalid="ignore"):  # signalling NaNs
            out[:] = np.where(x > 0, x, slope * x.astype(np.float64))

    worst = accuracy.measure(
        "leaky_relu", "forward", "float32", kernel, (0.1,), accuracy.blocks("float32", 40001, 5000)
    )
    assert worst.ulp <= 0.5
    assert worst.count == -(-(1 << 32) // 40001)
    x = np.linspace(-3, 3, 50, dtype=np.float32)
    slope = np.linspace(0, 1, 50, dtype=np.float32)
    assert accuracy.measure("leaky_relu", "forward", "float32", kernel, (slope,), x).ulp <= 0.5


def test_measure_of_nothing_is_refused():
    with pytest.raises(ValueError, match="empty"):
        accuracy.measure("relu", "forward", "float32", np.positive, x=np.empty(0, np.float32))
