"""The definitions in float64 against themselves in 60 digits, and both against known values."""

import inspect
import math

import numpy as np
import pytest

from fastact import accuracy
from fastact.definitions import activations
from fastact.reference import activations as reference
from fastact.reference import arithmetic, normal_tail
from representatives import looped

mpmath = pytest.importorskip("mpmath")

NAMES = list(reference.TABLE)
PASSES = ("forward", "derivative")
INF, NAN = math.inf, math.nan
REQUIRED = 30.0  # for a parameter without a default
# Outside of these the function is NaN, or its derivative.
DOMAINS = {
    "log1p": (-1.0, INF),
    "logit": (0.0, 1.0),
    "log1mexp": (0.0, INF),
    "log_expm1": (0.0, INF),
    "entr": (0.0, INF),
    "erfinv": (-1.0, 1.0),
    "ndtri": (0.0, 1.0),
}


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

    x = sample()
    if name == "snake":  # sums of a large phase and π/4 are not known to twice the precision
        x = x[~(np.abs(x) > 2.0**29)]
    worst = accuracy.measure(name, pass_, np.float64, kernel, params, x)
    print(f"{name}{list(params)} {pass_}: {worst}")
    # Of snake's terms, one is NumPy's sine squared, up to 2.7 times as large as their sum.
    assert worst.ulp <= {"forward": 3 if name == "snake" else 2.25, "derivative": 4}[pass_]


@pytest.mark.parametrize("name, params", CASES)
def test_derivative_against_difference_quotient(name, params):
    m = arithmetic.exact_arithmetic()
    function, h = reference.TABLE[name], m.context.ldexp(1, -70)
    params = [m.context.mpf(p) for p in params]
    low, high = DOMAINS.get(name, (-INF, INF))
    for x in np.random.default_rng(21).uniform(max(low, -9), min(high, 9), 60).tolist():
        x = m.context.mpf(x)
        rise = function.forward(m, x + h, *params) - function.forward(m, x - h, *params)
        quotient, slope = rise / (2 * h), function.derivative(m, x, *params)
        assert abs(quotient - slope) <= 1e-25 * max(1, abs(slope)), float(x)


def test_declares_what_the_table_of_activations_declares():
    assert set(NAMES) == set(activations.TABLE)
    for name in NAMES:
        entry, declared = reference.TABLE[name], activations.TABLE[name].params.values()
        shown = inspect.signature(entry.definition).parameters.values()
        ours = [(p.name, None if p.default is p.empty else p.default) for p in shown]
        assert ours[2:] == [(p.name, p.default) for p in declared], name
        for slope in (
            entry.slope,
            *entry.slopes_by.values(),
        ):  # whose defaults are those of the definition
            _, _, *given = inspect.signature(slope).parameters.values()
            names = [p.name for p in given if p.kind is not p.VAR_POSITIONAL]
            assert names == [p.name for p in declared][: len(names)], name
            assert all(p.default is p.empty for p in given), name


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
    if (name, pass_) == ("snake", "derivative"):  # 1 + sin ∞
        x = x[np.isfinite(x)]
    low, high = DOMAINS.get(name, (-INF, INF))
    x = x[(low <= x) & (x <= high)]
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
    ("snake", "forward", [-INF, -2, INF], (0,), [-INF, -2, INF]),
    ("snake", "derivative", [-INF, 2], (0,), [1, 1]),
    ("log1p", "forward", [-2, -1, -0.0, 0.0, INF], (), [NAN, -INF, -0.0, 0, INF]),
    ("log1p", "derivative", [-2, -1, 0, INF], (), [NAN, INF, 1, 0]),
    ("expm1", "forward", [-INF, -0.0, INF], (), [-1, -0.0, INF]),
    ("logit", "forward", [-1, 0, 0.5, 1, 2], (), [NAN, -INF, 0, INF, NAN]),
    ("logit", "derivative", [-1, -0.0, 0.5, 1, 2], (), [NAN, INF, 4, INF, NAN]),
    ("log1mexp", "forward", [-1, 0, INF], (), [NAN, -INF, -0.0]),
    ("log1mexp", "derivative", [-1, 0, INF], (), [NAN, INF, 0]),
    ("log_expm1", "forward", [-1, 0, 900, INF], (), [NAN, -INF, 900, INF]),
    ("log_expm1", "derivative", [-1, 0, 900, INF], (), [NAN, INF, 1, 1]),
    ("entr", "forward", [-INF, -1, -0.0, 0, 1, INF], (), [-INF, -INF, 0, 0, -0.0, -INF]),
    ("entr", "derivative", [-1, 0, 1, INF], (), [NAN, INF, -1, -INF]),
    ("softsign", "derivative", [1e160], (), [1e-320]),
    ("hard_shrink", "forward", [-0.5, -0.0, 0.5, INF], (), [0, 0, 0, INF]),
    ("hard_shrink", "derivative", [-0.5, 0.5, 1], (), [0, 0, 1]),
    ("soft_shrink", "forward", [-0.3, -0.0, 0.5, -INF], (), [-0.0, -0.0, 0, -INF]),
    ("soft_shrink", "derivative", [-0.5, 0.5, 1], (), [0, 0, 1]),
    ("softcap", "forward", [-INF, -0.0, 5e-324, INF], (30,), [-30, -0.0, 5e-324, 30]),
    ("exponential", "forward", [-INF, 0, INF], (), [0, 1, INF]),
    ("gelu", "forward", [-INF, -1, 3, INF], (0.1,), [-0.0, -0.1, 0.1, 0.1]),
    ("gelu", "derivative", [-1, 3, INF], (0.1,), [0, 0, 0]),
    ("situ", "forward", [-INF, -0.0, INF, -1e308], (), [-0.0, -0.0, 4, -0.0]),
    ("situ", "derivative", [0, INF], (), [0.5, 0]),
    ("lisht", "forward", [-INF, -0.0, INF, 1.7e308], (), [INF, 0.0, INF, 1.7e308]),
    ("lisht", "derivative", [-INF, -0.0, INF], (), [-1, -0.0, 1]),
    ("hard_mish", "forward", [-INF, -2, -1, -0.0, 1.7e308, INF], (),
     [-0.0, -0.0, -0.5, -0.0, 1.7e308, INF]),
    ("hard_mish", "derivative", [-2, -1, 0], (), [0, 0, 1]),
    ("star_relu", "forward", [-INF, -0.0, 1e160, INF], (), [-0.4472, -0.4472, INF, INF]),
    ("star_relu", "derivative", [-1, 0, 0.5], (), [0, 0, 0.8944]),
    ("xielu", "forward", [-INF, -1.7e308, INF], (), [INF, 0.3 * 1.7e308, INF]),
    ("xielu", "forward", [-INF, -1e300], (1, 0.5, 0.5, 0), [-0.5, -0.5]),
    ("xielu", "derivative", [-INF, -1e-6, 0], (), [-0.3, -0.3, -0.3]),
    ("sqrt_softplus", "forward", [-INF, -1488.0, 1e308, INF], (), [0, 1e-323, 1e154, INF]),
    ("sqrt_softplus", "derivative", [-INF, INF], (), [0, 0]),
    ("logcosh", "forward", [-INF, -0.0, 1e-100, 1.7e308, INF], (), [INF, 0, 5e-201, 1.7e308, INF]),
    ("laplace", "forward", [-INF, 0.707107, INF], (), [0, 0.5, 1]),
    ("laplace", "derivative", [-INF, 1, INF], (1, 0.25), [0, 1.5957691216057308, 0]),
    ("erf", "forward", [-INF, -0.0, 5e-324, INF], (), [-1, -0.0, 5e-324, 1]),
    ("erfc", "forward", [-INF, -0.0, INF], (), [2, 1, 0]),
    ("erfcx", "forward", [-INF, -0.0, 1.7e308, INF], (), [INF, 1, 3.318762256163271e-309, 0]),
    ("erfcx", "derivative", [-INF, 0, INF], (), [-INF, -2 / math.sqrt(math.pi), -0.0]),
    ("ndtr", "forward", [-INF, -0.0, INF], (), [0, 0.5, 1]),
    ("log_ndtr", "forward", [-INF, -1.5e154, INF], (), [-INF, -1.125e308, 0]),
    ("log_ndtr", "derivative", [-INF, -1e300, INF], (), [INF, 1e300, 0]),
    ("erfinv", "forward", [-1, -0.0, 5e-324, 1], (), [-INF, -0.0, 5e-324, INF]),
    ("erfinv", "derivative", [-1, 0, 1], (), [INF, math.sqrt(math.pi) / 2, INF]),
    ("ndtri", "forward", [-0.0, 0, 5e-324, 0.5, 1], (), [-INF, -INF, -38.467405617144344, 0, INF]),
    ("ndtri", "derivative", [0, 0.5, 1], (), [INF, math.sqrt(2 * math.pi), INF]),
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
    "situ": lambda c, x: 4 * c.tanh(x / 4) / (1 + c.exp(-x)),
    "lisht": lambda c, x: x * c.tanh(x),
    "hard_mish": lambda c, x: x / 2 * min(max(x + 2, 0), 2),
    "sqrt_softplus": lambda c, x: c.sqrt(c.log(1 + c.exp(x))),
    "logcosh": lambda c, x: c.log(c.cosh(x)),
    "laplace": lambda c, x: (1 + c.erf(
        (x - c.mpf(0.707107)) / (c.mpf(0.282095) * c.sqrt(2)))) / 2,
    "softcap": lambda c, x: REQUIRED * c.tanh(x / REQUIRED),
    "erf": lambda c, x: c.erf(x),
    "erfc": lambda c, x: c.erfc(x),
    "erfcx": lambda c, x: c.exp(x * x) * c.erfc(x),
    "ndtr": lambda c, x: c.ncdf(x),
    "log_ndtr": lambda c, x: c.log(c.ncdf(x)),
    "erfinv": lambda c, x: c.erfinv(x),
    "ndtri": lambda c, x: c.sqrt(2) * c.erfinv(2 * x - 1),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTBOOK)
def test_textbook_formula(name):
    context, params = arithmetic.exact_arithmetic().context, parameter_sets(name)[0]
    low, high = DOMAINS.get(name, (-INF, INF))
    for x in np.random.default_rng(24).uniform(max(low, -9), min(high, 9), 60).tolist():
        expected = TEXTBOOK[name](context, context.mpf(x))
        error = abs(reference.exact(name, "forward", x, *params) - expected)
        assert error <= 1e-50 * max(1, abs(expected)), x


def test_constants_are_what_they_are_named():
    context = arithmetic.exact_arithmetic().context
    two_over_pi = context.sqrt(2 / context.pi)
    assert (
        abs(arithmetic.exact_arithmetic().real(reference.weighted.SQRT_2_OVER_PI) - two_over_pi)
        < 1e-58
    )
    two_pi = context.sqrt(2 * context.pi)
    pair = normal_tail._ROOT_2PI
    assert abs(context.mpf(float(pair.hi)) + pair.lo - two_pi) < 1e-31
    first = 2 / context.sqrt(context.pi) - normal_tail._ERF_FIRST[0]
    assert float(first) == normal_tail._ERF_FIRST[1]
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
        for k in range(len(normal_tail._TAIL) + 2)
    ]
    first = float(computed[0] / 2)
    assert (first, float(computed[0] / 2 - first)) == normal_tail._TAIL_FIRST
    assert tuple(float(c) for c in computed[1:-1]) == normal_tail._TAIL
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
