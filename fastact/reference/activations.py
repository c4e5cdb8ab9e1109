"""Every elementwise function and its derivative, written by hand from the mathematical definition.

Nothing here is shared with the kernels: these definitions are what the kernels are checked against.
Each takes an arithmetic `m` first (see `mathematics`) and is evaluated in NumPy float64, where it
is the `numpy` backend and the truth for float32, or in mpmath with 60 digits, where it is the truth
for float64. They are therefore in the form that is accurate in float64; where that form is not the
textbook one, a comment derives it.

To add an activation, write its definition and its derivative, one below the other.
"""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .arithmetic import FLOAT64, Mathematics, Number, exact_arithmetic

Definition = Callable[..., Number]

SIXTH = Fraction(1, 6)
QUICK_GELU_SLOPE = Fraction("1.702")  # Hendrycks and Gimpel, arXiv:1606.08415, section 2
GELU_TANH_CUBIC = Fraction("0.044715")  # the same
SQRT_2_OVER_PI = Fraction(
    "0.797884560802865355879892119868763736951717262329869315331851659341315851798604"
)
NORMAL_DENSITY_0 = SQRT_2_OVER_PI / 2  # 1/√(2π)
# Klambauer et al., arXiv:1706.02515, section 2
SELU_SCALE = Fraction("1.0507009873554804934193349852946")
SELU_SLOPE = SELU_SCALE * Fraction("1.6732632423543772848170429916717")
# Beyond these, e^(−x²/2) and e^−x are below 1e-700: less than the smallest double, whatever double
# multiplies them.
NORMAL_LIMIT, EXP_LIMIT = 60.0, 2000.0


@dataclass(frozen=True)
class Reference:
    """The definition of one function and of its derivative."""

    definition: Definition
    slope: Definition
    slope_is_constant: bool
    slope_from_output: Definition | None

    def forward(self, m: Mathematics, x: Number, *params: Number) -> Number:
        """Evaluate the function; NaN gives NaN."""
        return m.where(x == x, self.definition(m, x, *params), x)

    def derivative(self, m: Mathematics, x: Number, *params: Number) -> Number:
        """Evaluate the derivative; NaN gives NaN unless the derivative is the same everywhere."""
        slope = self.slope(m, x, *params)
        return slope if self.slope_is_constant else m.where(x == x, slope, x)

    def derivative_from_output(self, m: Mathematics, y: Number, *params: Number) -> Number:
        """Evaluate the derivative from y = f(x), where that determines it."""
        if self.slope_from_output is None:
            raise KeyError(f"the output of {self.definition.__name__} leaves its derivative open")
        slope = self.slope_from_output(m, y, *params)
        return slope if self.slope_is_constant else m.where(y == y, slope, y)


TABLE: dict[str, Reference] = {}


def derivative_of(
    definition: Definition, *, constant: bool = False, from_output: Definition | None = None
) -> Callable[[Definition], None]:
    """Enter a definition into the table, together with its derivative, which this decorates.

    `constant` says that the derivative is the same everywhere; `from_output` is the derivative as a
    function of y = f(x), for a function whose output determines it.
    """

    def enter(slope: Definition) -> None:
        TABLE[definition.__name__] = Reference(definition, slope, constant, from_output)

    return enter


def evaluate(name: str, pass_: str, x: Any, *params: Any) -> Any:
    """Return `pass_` of `name` at x in float64, all broadcast.

    It is "forward", "derivative", or "derivative_from_output" with y = f(x) for x.
    """
    arguments = (np.asarray(a, dtype=np.float64) for a in (x, *params))
    with np.errstate(all="ignore"):
        return getattr(TABLE[name], pass_)(FLOAT64, *arguments)


def exact(name: str, pass_: str, x: float, *params: float) -> Any:
    """Return the same at one point as an mpmath number of 60 digits.

    The arguments are taken as the doubles that they are. NaN and infinity have no digits: what
    `evaluate` makes of them is returned.
    """
    m = exact_arithmetic()
    if not math.isfinite(x) or any(math.isnan(p) for p in params):
        return m.context.mpf(float(evaluate(name, pass_, x, *params)))
    arguments = (m.context.mpf(a) for a in (x, *params))
    return m.context.mpf(getattr(TABLE[name], pass_)(m, *arguments))


def _clipped(m: Mathematics, x: Number, low: Number, high: Number) -> Number:
    return m.where(x < low, low, m.where(x > high, high, x))  # −0.0 stays, as in PyTorch


def _inside(m: Mathematics, x: Number, low: Number, high: Number, slope: Number) -> Number:
    return m.where((x > low) & (x < high), slope, 0.0)


def _sigmoid(m: Mathematics, z: Number) -> Number:
    negated = -m.magnitude(z)
    e = m.exp(negated)
    return m.where(m.narrow(z) < 0, m.times_exp_over(1.0, negated, m.wide(e) + 1.0), 1 / (1 + e))


def _sech_squared(m: Mathematics, z: Number) -> Number:
    # 4/(e^z + e^−z)² with the larger exponential divided out
    doubled = m.magnitude(z) * -2.0
    e = m.exp(doubled)
    return m.times_exp(4.0, doubled) / (1 + e * (2 + e))


def _gated(m: Mathematics, x: Number, z: Number) -> Number:
    """Return x·σ(z)."""
    negated = -m.magnitude(z)
    e = m.exp(negated)
    return m.where(m.narrow(z) < 0, m.times_exp_over(x, negated, m.wide(e) + 1.0), x / (1 + e))


def _gated_slope(m: Mathematics, v: Number, z: Number) -> Number:
    """Return the derivative of x·σ(z(x)), σ(z) + v·σ(z)σ(−z) with v = x·z′(x)."""
    # With E = e^z it is E(1 + v + E)/(1 + E)²; for z ≥ 0, with e = e^−z, (1 + e + v·e)/(1 + e)².
    # The wide 1 + v comes first because all cancellation, where the derivative vanishes, is there.
    negated = -m.magnitude(z)
    e = m.exp(negated)
    left = m.times_exp((v + 1.0) + e, negated)
    right = 1 + (e + m.times_exp(v, negated))
    return m.where(m.narrow(z) < 0, left, right) / (1 + e * (2 + e))


def identity(m: Mathematics, x: Number) -> Number:
    return x


@derivative_of(identity, constant=True, from_output=lambda m, y: m.where(y == y, 1.0, 1.0))
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x == x, 1.0, 1.0)


def step(m: Mathematics, x: Number, threshold: Number = 0.0, at_threshold: Number = 1.0) -> Number:
    return m.where(x > threshold, 1.0, m.where(x < threshold, 0.0, at_threshold))


@derivative_of(step, constant=True)
def _(m: Mathematics, x: Number, threshold: Number = 0.0, at_threshold: Number = 1.0) -> Number:
    return m.where(x == x, 0.0, 0.0)


def sigmoid(m: Mathematics, x: Number) -> Number:
    return _sigmoid(m, x)


@derivative_of(sigmoid, from_output=lambda m, y: y * (1.0 - y))
def _(m: Mathematics, x: Number) -> Number:
    e = m.exp(-m.magnitude(x))
    return e / (1 + e * (2 + e))


def _hard_sigmoid_parts(
    m: Mathematics, slope: Number, offset: Number
) -> tuple[Number, Number, Number]:
    # The default slope means one sixth, and the bounds are doubles: so they are exactly ∓3, not
    # 3e-16 beside them.
    slope = m.default(slope, SIXTH)
    divisor = m.where(slope == 0, 1.0, slope)
    return slope, m.rounded(-offset / divisor), m.rounded((1 - offset) / divisor)


def hard_sigmoid(m: Mathematics, x: Number, slope: Number = 1 / 6, offset: Number = 0.5) -> Number:
    slope, zero, _ = _hard_sigmoid_parts(m, slope, offset)
    return _clipped(m, m.where(slope == 0, offset, slope * (x - zero)), 0.0, 1.0)


@derivative_of(hard_sigmoid)
def _(m: Mathematics, x: Number, slope: Number = 1 / 6, offset: Number = 0.5) -> Number:
    slope, zero, one = _hard_sigmoid_parts(m, slope, offset)
    return _inside(m, x, m.minimum(zero, one), m.maximum(zero, one), slope)


def log_sigmoid(m: Mathematics, x: Number) -> Number:
    return m.narrow(m.minimum(x, 0.0) - m.log1p_exp(-m.magnitude(x)))


@derivative_of(log_sigmoid, from_output=lambda m, y: -m.expm1(y))
def _(m: Mathematics, x: Number) -> Number:
    return _sigmoid(m, -x)


def tanh(m: Mathematics, x: Number) -> Number:
    return m.tanh(x)


@derivative_of(tanh, from_output=lambda m, y: (1.0 - y) * (1.0 + y))
def _(m: Mathematics, x: Number) -> Number:
    return _sech_squared(m, x)


def hard_tanh(m: Mathematics, x: Number, min_val: Number = -1.0, max_val: Number = 1.0) -> Number:
    return _clipped(m, x, min_val, max_val)


@derivative_of(hard_tanh)
def _(m: Mathematics, x: Number, min_val: Number = -1.0, max_val: Number = 1.0) -> Number:
    return _inside(m, x, min_val, max_val, 1.0)


def tanh_shrink(m: Mathematics, x: Number) -> Number:
    return m.x_minus_tanh(x) + 0.0  # −0.0 − tanh(−0.0) is +0.0


@derivative_of(tanh_shrink)
def _(m: Mathematics, x: Number) -> Number:
    y = m.tanh(x)
    return y * y


def relu(m: Mathematics, x: Number) -> Number:
    return m.where(x < 0, 0.0, x)


@derivative_of(relu, from_output=lambda m, y: m.where(y > 0, 1.0, 0.0))
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x > 0, 1.0, 0.0)


def relu6(m: Mathematics, x: Number) -> Number:
    return _clipped(m, x, 0.0, 6.0)


@derivative_of(relu6)
def _(m: Mathematics, x: Number) -> Number:
    return _inside(m, x, 0.0, 6.0, 1.0)


def relu_squared(m: Mathematics, x: Number) -> Number:
    return m.where(x < 0, 0.0, x * x)


@derivative_of(relu_squared)
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x < 0, 0.0, 2 * x)


def leaky_relu(m: Mathematics, x: Number, negative_slope: Number = 0.01) -> Number:
    return m.where(x > 0, x, negative_slope * x)


@derivative_of(leaky_relu, from_output=lambda m, y, slope=0.01: m.where(y > 0, 1.0, slope))
def _(m: Mathematics, x: Number, negative_slope: Number = 0.01) -> Number:
    return m.where(x > 0, 1.0, negative_slope)


def threshold(m: Mathematics, x: Number, threshold: Number = 1.0, value: Number = 0.0) -> Number:
    return m.where(x > threshold, x, value)


@derivative_of(threshold)
def _(m: Mathematics, x: Number, threshold: Number = 1.0, value: Number = 0.0) -> Number:
    return m.where(x > threshold, 1.0, 0.0)


def elu(m: Mathematics, x: Number, alpha: Number = 1.0) -> Number:
    return m.where(x > 0, x, alpha * m.expm1(x))


@derivative_of(elu, from_output=lambda m, y, alpha=1.0: m.where(y > 0, 1.0, y + alpha))
def _(m: Mathematics, x: Number, alpha: Number = 1.0) -> Number:
    return m.where(x > 0, 1.0, m.times_exp(alpha, x))


def celu(m: Mathematics, x: Number, alpha: Number = 1.0) -> Number:
    return m.where(x > 0, x, alpha * m.expm1(x / alpha))


@derivative_of(celu, from_output=lambda m, y, alpha=1.0: m.where(y > 0, 1.0, y / alpha + 1.0))
def _(m: Mathematics, x: Number, alpha: Number = 1.0) -> Number:
    return m.where(x > 0, 1.0, m.exp(m.wide(x) / alpha))


def selu(m: Mathematics, x: Number) -> Number:
    scale, slope = m.narrow(m.real(SELU_SCALE)), m.narrow(m.real(SELU_SLOPE))
    return m.where(x > 0, scale * x, slope * m.expm1(x))


@derivative_of(selu, from_output=lambda m, y: m.where(y > 0, SELU_SCALE, y + SELU_SLOPE))
def _(m: Mathematics, x: Number) -> Number:
    scale, slope = m.narrow(m.real(SELU_SCALE)), m.narrow(m.real(SELU_SLOPE))
    return m.where(x > 0, scale, m.times_exp(slope, x))


def gelu(m: Mathematics, x: Number) -> Number:
    t = m.minimum(m.magnitude(x), NORMAL_LIMIT)
    lower = m.times_exp(m.normal_tail(t) * x, m.wide(t) * t * -0.5)  # x·Φ(−|x|)
    return m.where(x <= 0, lower, x - lower)


@derivative_of(gelu)
def _(m: Mathematics, x: Number) -> Number:
    # Φ(−t) − tφ(t) at x = −t; one minus that at x = t.
    t = m.minimum(m.magnitude(x), NORMAL_LIMIT)
    scaled = m.normal_tail(t) - m.real(NORMAL_DENSITY_0) * t
    lower = m.times_exp(scaled, m.wide(t) * t * -0.5)
    return m.where(x < 0, lower, 1 - lower)


# ½(1 + tanh u) = σ(2u)
def gelu_tanh(m: Mathematics, x: Number) -> Number:
    t = m.wide(_clipped(m, x, -NORMAL_LIMIT, NORMAL_LIMIT))
    k = 2 * SQRT_2_OVER_PI
    return _gated(m, x, (t * t * m.real(k * GELU_TANH_CUBIC) + m.real(k)) * t)


@derivative_of(gelu_tanh)
def _(m: Mathematics, x: Number) -> Number:
    t = m.wide(_clipped(m, x, -NORMAL_LIMIT, NORMAL_LIMIT))
    k = 2 * SQRT_2_OVER_PI
    cubic = t * t * m.real(k * GELU_TANH_CUBIC)
    linear = m.real(k)
    return _gated_slope(m, (cubic * 3.0 + linear) * t, (cubic + linear) * t)


def quick_gelu(m: Mathematics, x: Number) -> Number:
    return _gated(m, x, m.real(QUICK_GELU_SLOPE) * x)


@derivative_of(quick_gelu)
def _(m: Mathematics, x: Number) -> Number:
    z = m.real(QUICK_GELU_SLOPE) * x
    return _gated_slope(m, z, z)


def silu(m: Mathematics, x: Number, beta: Number = 1.0) -> Number:
    return _gated(m, x, m.wide(x) * beta)


@derivative_of(silu)
def _(m: Mathematics, x: Number, beta: Number = 1.0) -> Number:
    z = m.wide(x) * beta
    return _gated_slope(m, z, z)


def hard_swish(m: Mathematics, x: Number) -> Number:
    return m.where(x <= -3, -0.0, m.where(x >= 3, x, x * (x + 3) / 6))


@derivative_of(hard_swish)
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x <= -3, 0.0, m.where(x >= 3, 1.0, (2 * x + 3) / 6))


# tanh(log(1 + e^x)) = ((1 + e^x)² − 1)/((1 + e^x)² + 1). With E = e^x that is E(2 + E)/(2 + 2E +
# E²); with e = e^−x, used for x ≥ 0, (1 + 2e)/(1 + 2e + 2e²).
def mish(m: Mathematics, x: Number) -> Number:
    e = m.exp(-m.magnitude(x))
    first, last = m.where(x < 0, 2.0, 1.0), m.where(x < 0, 1.0, 2.0)
    numerator = m.wide(e) * last + first
    return m.times_exp_over(numerator * x, m.minimum(x, 0.0), (m.wide(e) * last + 2.0) * e + first)


@derivative_of(mish)
def _(m: Mathematics, x: Number) -> Number:
    # x times the derivative of the fractions above, plus the fractions: E(4(1 + x) + E(6 + 4x + E(4
    # + E)))/(E(E + 2) + 2)² and ((1 + 2e)D + 4x·e²(1 + e))/D², D = 1 + 2e + 2e².
    x = _clipped(m, x, -EXP_LIMIT, EXP_LIMIT)
    e = m.exp(-m.magnitude(x))
    n = (m.wide(e) + 2.0) * e + 2.0
    left = m.times_exp_over(4 * (1 + x) + e * (6 + 4 * x + e * (4 + e)), -m.magnitude(x), n * n)
    d = 1 + 2 * e * (1 + e)
    right = ((1 + 2 * e) + 4 * x * e * e * (1 + e) / d) / d
    return m.where(x < 0, left, right)


def softplus(m: Mathematics, x: Number, beta: Number = 1.0, threshold: Number = math.inf) -> Number:
    z = m.wide(x) * beta
    e = -m.magnitude(z)
    # Below −600, log1p(E) is E in every digit, and would be subnormal before it is divided by beta.
    rest = m.where(m.narrow(e) < -600, m.times_exp(1 / beta, e), m.narrow(m.log1p_exp(e) / beta))
    return m.where(m.narrow(z) > threshold, x, m.where(m.narrow(z) > 0, x, 0.0) + rest)


@derivative_of(
    softplus,
    from_output=lambda m, y, beta=1.0, threshold=math.inf: m.where(
        beta * y > threshold, 1.0, -m.expm1(-beta * y)
    ),
)
def _(m: Mathematics, x: Number, beta: Number = 1.0, threshold: Number = math.inf) -> Number:
    z = m.wide(x) * beta
    return m.where(m.narrow(z) > threshold, 1.0, _sigmoid(m, z))


# With h = √(x² + b), (h − |x|)/2 = (b/4)/(h/2 + |x|/2): what is added to max(x, 0), and nothing
# overflows.
def _squareplus_parts(m: Mathematics, x: Number, b: Number) -> tuple[Number, Number]:
    h = m.hypot(x, m.sqrt(b))
    half = h / 2 + m.magnitude(x) / 2
    return h, m.where(b == 0, 0.0, b / 4 / m.where(half == 0, 1.0, half))


def squareplus(m: Mathematics, x: Number, b: Number = 4.0) -> Number:
    _, rest = _squareplus_parts(m, x, b)
    return m.where(x > 0, x, 0.0) + rest


@derivative_of(squareplus)
def _(m: Mathematics, x: Number, b: Number = 4.0) -> Number:
    h, rest = _squareplus_parts(m, x, b)
    rest = rest / m.where(h == 0, 1.0, h)
    return m.where(x > 0, 1 - rest, rest)


def sparse_plus(m: Mathematics, x: Number) -> Number:
    return m.where(x <= -1, 0.0, m.where(x >= 1, x, (x + 1) * (x + 1) / 4))


def sparse_sigmoid(m: Mathematics, x: Number) -> Number:
    return _clipped(m, (x + 1) / 2, 0.0, 1.0)


@derivative_of(sparse_plus)
def _(m: Mathematics, x: Number) -> Number:
    return sparse_sigmoid(m, x)


@derivative_of(sparse_sigmoid)
def _(m: Mathematics, x: Number) -> Number:
    return _inside(m, x, -1.0, 1.0, 0.5)


def softsign(m: Mathematics, x: Number) -> Number:
    x = _clipped(m, x, -1e100, 1e100)  # ±1 in every digit, without ∞/∞
    return x / (1 + m.magnitude(x))


@derivative_of(softsign)
def _(m: Mathematics, x: Number) -> Number:
    d = 1 + m.magnitude(x)
    return 1 / d / d  # d² may overflow where its inverse is a subnormal


def hard_shrink(m: Mathematics, x: Number, lambd: Number = 0.5) -> Number:
    return m.where(m.magnitude(x) > lambd, x, 0.0)


@derivative_of(hard_shrink)
def _(m: Mathematics, x: Number, lambd: Number = 0.5) -> Number:
    return m.where(m.magnitude(x) > lambd, 1.0, 0.0)


def soft_shrink(m: Mathematics, x: Number, lambd: Number = 0.5) -> Number:
    return m.where(x > lambd, x - lambd, m.where(x < -lambd, x + lambd, 0 * x))


@derivative_of(soft_shrink)
def _(m: Mathematics, x: Number, lambd: Number = 0.5) -> Number:
    return m.where(m.magnitude(x) > lambd, 1.0, 0.0)


def exponential(m: Mathematics, x: Number) -> Number:
    return m.exp(x)


@derivative_of(exponential, from_output=lambda m, y: y)
def _(m: Mathematics, x: Number) -> Number:
    return m.exp(x)


def softcap(m: Mathematics, x: Number, cap: Number) -> Number:
    q = x / cap
    # Where q is small, x less a small term hardly feels its rounding, nor its underflow.
    return m.where((m.magnitude(q) < 1) & (x != 0), x - cap * m.x_minus_tanh(q), cap * m.tanh(q))


@derivative_of(softcap)
def _(m: Mathematics, x: Number, cap: Number) -> Number:
    return _sech_squared(m, m.wide(x) / cap)
