"""The definitions in float64 against themselves in 60 digits, and both against known values."""

import inspect
import math

import numpy as np
import pytest

from fastact import accuracy
from fastact.definitions import activations
from fastact.reference import activations as reference
from fastact.reference import arithmetic
from representatives import looped

mpmath = pytest.importorskip("mpmath")

NAMES = list(reference.TABLE)
PASSES = ("forward", "derivative")
INF, NAN = math.inf, math.nan
REQUIRED = 30.0  # for a parameter without a default


def parameter_sets(name):
    """The defaults, and values apart from them."""
    parameters = list(inspect.signature(reference.TABLE[name].definition).parameters.values())[2:]
    first = [REQUIRED if p.default is p.empty else p.default for p in parameters]
    return [tuple(first), tuple(0.6 * value + 0.3 for value in first)] if first else [()]


CASES = [
    pytest.param(name, params, id=f"{name}{list(params) or ''}")
    for name in NAMES
    for params in parameter_sets(name)
]


def sample():
    rng = np.random.default_rng(20)
    kinks = accuracy.around([-6, -3, -1, -0.5, 0, 0.5, 1, 3, 6], np.float64, 2)
    return np.concatenate(
        [
            accuracy.bit_patterns(np.float64, 600),
            rng.uniform(-4, 4, 400),
            rng.uniform(-760, -4, 200),
            kinks,
        ]
    )


@pytest.mark.parametrize("pass_", PASSES)
@pytest.mark.parametrize("name, params", CASES)
def test_float64_against_60_digits(name, params, pass_):
    def kernel(x, out, *params):
        out[:] = reference.evaluate(name, pass_, x, *params)

    worst = accuracy.measure(name, pass_, np.float64, kernel, params, sample())
    print(f"{name}{list(params)} {pass_}: {worst}")
    assert worst.ulp <= {"forward": 2.25, "derivative": 4}[pass_]


@pytest.mark.parametrize("name, params", CASES)
def test_derivative_against_difference_quotient(name, params):
    m = arithmetic.exact_arithmetic()
    function, h = reference.TABLE[name], m.context.ldexp(1, -70)
    params = [m.context.mpf(p) for p in params]
    for x in np.random.default_rng(21).uniform(-9, 9, 60).tolist():
        x = m.context.mpf(x)
        rise = function.forward(m, x + h, *params) - function.forward(m, x - h, *params)
        quotient, slope = rise / (2 * h), function.derivative(m, x, *params)
        assert abs(quotient - slope) <= 1e-25, float(x)


def test_declares_what_the_table_of_activations_declares():
    assert set(NAMES) == set(activations.TABLE)
    for name in NAMES:
        for definition in (reference.TABLE[name].definition, reference.TABLE[name].slope):
            signature = inspect.signature(definition).parameters
            ours = {p.name: None if p.default is p.empty else p.default for p in signature.values()}
            theirs = {p.name: p.default for p in activations.TABLE[name].params.values()}
            assert list(ours.items())[2:] == list(theirs.items()), name


@looped("pass_", PASSES)
@looped("name, params", [case.values for case in CASES])
def test_nan_gives_nan(name, params, pass_):
    constant = pass_ == "derivative" and reference.TABLE[name].slope_is_constant
    assert math.isnan(reference.evaluate(name, pass_, NAN, *params)) != constant
    assert mpmath.isnan(reference.exact(name, pass_, NAN, *params)) != constant


@looped("pass_", PASSES)
@looped("name, params", [case.values for case in CASES])
def test_silent_and_not_nan_at_the_extremes(name, params, pass_):
    x = accuracy.bit_patterns(np.float64, 200)
    x = np.append(x[~np.isnan(x)], [1e30, -1e30])
    with np.errstate(all="raise"):
        result = reference.evaluate(name, pass_, x, *params)
    assert not np.isnan(result).any(), x[np.isnan(result)]


@looped("pass_", PASSES)
@looped("name, params", [case.values for case in CASES])
def test_array_parameters_are_as_numbers(name, params, pass_):
    x = np.random.default_rng(22).uniform(-50, 50, 100)
    arrays = [np.full(x.shape, value) for value in params]
    whole = reference.evaluate(name, pass_, x, *arrays)
    alone = [reference.evaluate(name, pass_, value, *params) for value in x.tolist()]
    # NumPy may round an element differently on its own than within an array.
    np.testing.assert_allclose(whole, alone, rtol=2e-15)


GOLDEN = [
    ("sigmoid", "forward", [0.25, 7, 9, 20], (), [0.5621765008857981, 0.9990889488055994,
                                                 0.9998766054240137, 0.9999999979388463]),
    ("sigmoid", "forward", [-1, 1, 2, INF], (), [0.2689414213699951, 0.7310585786300049,
                                                 0.8807970779778823, 1]),
]  # fmt: skip


@pytest.mark.parametrize("name, pass_, x, params, expected", GOLDEN)
def test_golden(name, pass_, x, params, expected):
    np.testing.assert_allclose(reference.evaluate(name, pass_, x, *params), expected, rtol=3e-16)


# Compared with their signs of zero.
SPECIAL = [
    ("step", "forward", [-1, 0, 1, -INF, INF], (), [0, 1, 1, 0, 1]),
    ("step", "forward", [1, 2, 3], (2, 0.5), [0, 0.5, 1]),
    ("hard_sigmoid", "forward", [-INF, -3, 0, 3, INF], (), [0, 0, 0.5, 1, 1]),
    ("hard_sigmoid", "derivative", [-3, 0, 3], (), [0, 1 / 6, 0]),
    ("hard_sigmoid", "forward", [-1e300, 7, 1e300], (0, 0.25), [0.25, 0.25, 0.25]),
    ("hard_tanh", "forward", [-INF, -0.0, INF], (), [-1, -0.0, 1]),
    ("hard_tanh", "derivative", [-1, 0, 1], (), [0, 1, 0]),
    ("log_sigmoid", "forward", [-INF, -1e308, INF], (), [-INF, -1e308, 0.0]),
    ("tanh", "forward", [-INF, -0.0, INF], (), [-1, -0.0, 1]),
    ("tanh_shrink", "forward", [-INF, -0.0, 0.0, INF], (), [-INF, 0.0, 0.0, INF]),
    ("relu", "forward", [-INF, -1, -0.0, INF], (), [0, 0, -0.0, INF]),
    ("relu", "derivative", [-1, 0, 1], (), [0, 0, 1]),
    ("relu6", "forward", [-1, -0.0, 7], (), [0, -0.0, 6]),
    ("relu6", "derivative", [0, 1, 6], (), [0, 1, 0]),
    ("leaky_relu", "forward", [-0.0, -INF], (), [-0.0, -INF]),
    ("leaky_relu", "derivative", [-1, 0, 1], (0.2,), [0.2, 0.2, 1]),
    ("threshold", "forward", [1, -0.0, 2], (), [0, 0, 2]),
    ("threshold", "derivative", [1, 2], (), [0, 1]),
    ("elu", "forward", [-INF, -0.0, INF], (2,), [-2, -0.0, INF]),
    ("elu", "derivative", [0, 1], (2,), [2, 1]),
    ("celu", "derivative", [0, 1], (2,), [1, 1]),
    ("selu", "derivative", [0], (), [1.7580993408473769]),
    ("silu", "forward", [-INF, -0.0, INF, -1e308], (), [-0.0, -0.0, INF, -0.0]),
    ("silu", "forward", [-104], (), [-104 / (1 + math.exp(104))]),
    ("gelu", "forward", [-INF, -0.0, INF, -1e308], (), [-0.0, -0.0, INF, -0.0]),
    ("gelu_tanh", "forward", [-INF, -0.0, INF, -1e308], (), [-0.0, -0.0, INF, -0.0]),
    ("gelu_tanh", "derivative", [-1e308, -1e19, 1e19, 1e308], (), [-0.0, -0.0, 1, 1]),
    ("quick_gelu", "forward", [-INF, -0.0, INF, -1.7e308], (), [-0.0, -0.0, INF, -0.0]),
    ("mish", "forward", [-INF, -0.0, INF, -1e308], (), [-0.0, -0.0, INF, -0.0]),
    ("hard_swish", "forward", [-INF, -3, -0.0, 3, 1.7e308, INF], (),
     [-0.0, -0.0, -0.0, 3, 1.7e308, INF]),
    ("hard_swish", "derivative", [-3, 0, 3], (), [0, 0.5, 1]),
    ("softplus", "forward", [-INF, 21, 1e308, INF], (1, 20), [0, 21, 1e308, INF]),
    ("softplus", "derivative", [21], (1, 20), [1]),
    ("squareplus", "forward", [-INF, 0, INF, 1.7e308], (), [0, 1, INF, 1.7e308]),
    ("squareplus", "forward", [-1, 0, 1], (0,), [0, 0, 1]),
    ("sparse_plus", "forward", [-INF, -1, 0, 1, INF], (), [0, 0, 0.25, 1, INF]),
    ("sparse_plus", "derivative", [-1, 0, 1], (), [0, 0.5, 1]),
    ("sparse_sigmoid", "derivative", [-1, 0, 1], (), [0, 0.5, 0]),
    ("softsign", "forward", [-INF, -0.0, INF], (), [-1, -0.0, 1]),
    ("softsign", "derivative", [1e160], (), [1e-320]),
    ("hard_shrink", "forward", [-0.5, -0.0, 0.5, INF], (), [0, 0, 0, INF]),
    ("hard_shrink", "derivative", [-0.5, 0.5, 1], (), [0, 0, 1]),
    ("soft_shrink", "forward", [-0.3, -0.0, 0.5, -INF], (), [-0.0, -0.0, 0, -INF]),
    ("soft_shrink", "derivative", [-0.5, 0.5, 1], (), [0, 0, 1]),
    ("softcap", "forward", [-INF, -0.0, 5e-324, INF], (30,), [-30, -0.0, 5e-324, 30]),
    ("exponential", "forward", [-INF, 0, INF], (), [0, 1, INF]),
]  # fmt: skip


@looped("name, pass_, x, params, expected", SPECIAL)
def test_special_values(name, pass_, x, params, expected):
    result = reference.evaluate(name, pass_, x, *params)
    expected = np.array(expected, dtype=np.float64)
    np.testing.assert_allclose(result, expected, rtol=3e-16, atol=0)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


# The textbook's formulas, for the definitions written in another form; c is an mpmath context.
TEXTBOOK = {
    "sigmoid": lambda c, x: 1 / (1 + c.exp(-x)),
    "hard_sigmoid": lambda c, x: min(max(x / 6 + c.mpf(1) / 2, 0), 1),
    "log_sigmoid": lambda c, x: c.log(1 / (1 + c.exp(-x))),
    "tanh_shrink": lambda c, x: x - c.tanh(x),
    "selu": lambda c, x: c.mpf("1.0507009873554804934193349852946") * (
        x if x > 0 else c.mpf("1.6732632423543772848170429916717") * (c.exp(x) - 1)),
    "gelu": lambda c, x: x * c.ncdf(x),
    "gelu_tanh": lambda c, x: x / 2 * (
        1 + c.tanh(c.sqrt(2 / c.pi) * (x + c.mpf("0.044715") * x**3))),
    "quick_gelu": lambda c, x: x / (1 + c.exp(-c.mpf("1.702") * x)),
    "silu": lambda c, x: x / (1 + c.exp(-x)),
    "hard_swish": lambda c, x: x * min(max(x + 3, 0), 6) / 6,
    "mish": lambda c, x: x * c.tanh(c.log(1 + c.exp(x))),
    "softplus": lambda c, x: c.log(1 + c.exp(x)),
    "squareplus": lambda c, x: (x + c.sqrt(x * x + 4)) / 2,
    "softcap": lambda c, x: REQUIRED * c.tanh(x / REQUIRED),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_formula(name):
    context, params = arithmetic.exact_arithmetic().context, parameter_sets(name)[0]
    for x in np.random.default_rng(24).uniform(-9, 9, 60).tolist():
        expected = TEXTBOOK[name](context, context.mpf(x))
        assert abs(reference.exact(name, "forward", x, *params) - expected) <= 1e-50, x


def test_constants_are_what_they_are_named():
    context = arithmetic.exact_arithmetic().context
    two_over_pi = context.sqrt(2 / context.pi)
    assert (
        abs(arithmetic.exact_arithmetic().real(reference.weighted.SQRT_2_OVER_PI) - two_over_pi)
        < 1e-58
    )
    assert float(context.exp(-arithmetic._DEEP)) == arithmetic._EXP_MINUS_DEEP


def test_chebyshev_coefficients_of_the_normal_tail():
    m = arithmetic.exact_arithmetic()
    context, nodes = m.context, 80
    angles = [context.pi * (2 * j + 1) / (2 * nodes) for j in range(nodes)]
    arguments = [4 * (1 + context.cos(a)) / (1 - context.cos(a)) for a in angles]
    values = [(1 + t) * m.normal_tail(t) for t in arguments]
    points = list(zip(values, angles, strict=True))
    computed = [
        context.fsum(v * context.cos(k * a) for v, a in points) * 2 / nodes
        for k in range(len(arithmetic._TAIL) + 2)
    ]
    first = float(computed[0] / 2)
    assert (first, float(computed[0] / 2 - first)) == arithmetic._TAIL_FIRST
    assert tuple(float(c) for c in computed[1:-1]) == arithmetic._TAIL
    assert abs(computed[-1]) < 1e-19


def test_pair_carries_twice_the_digits():
    context = arithmetic.exact_arithmetic().context
    a, b = np.random.default_rng(23).uniform(0.5, 2, (2, 50))
    pair = (arithmetic.Pair.of(a) * b + a) / (arithmetic.Pair.of(b) - 3.0)
    columns = (column.tolist() for column in (a, b, pair.hi, pair.lo))
    for x, y, hi, lo in zip(*columns, strict=True):
        x, y = context.mpf(x), context.mpf(y)
        true = (x * y + x) / (y - 3)
        assert abs(context.mpf(hi) + lo - true) <= 2e-30 * abs(true)
