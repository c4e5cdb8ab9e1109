"""Straight lines and steps."""

# ruff: noqa: D103  (each definition is its own description)

from __future__ import annotations

from fractions import Fraction

from ..arithmetic import Mathematics, Number
from .table import by, clipped, derivative_of, inside

SIXTH = Fraction(1, 6)


def identity(m: Mathematics, x: Number) -> Number:
    return x


@derivative_of(identity, constant=True, from_output=lambda m, y: m.where(y == y, 1.0, 1.0))
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x == x, 1.0, 1.0)


def step(m: Mathematics, x: Number, threshold: Number = 0.0, at_threshold: Number = 1.0) -> Number:
    return m.where(x > threshold, 1.0, m.where(x < threshold, 0.0, at_threshold))


@derivative_of(step, constant=True)
def _(m: Mathematics, x: Number, threshold: Number, at_threshold: Number) -> Number:
    return m.where(x == x, 0.0, 0.0)


@by(step, "threshold", constant=True)
def _(m: Mathematics, x: Number, threshold: Number, at_threshold: Number) -> Number:
    return m.where(x == x, 0.0, 0.0)


@by(step, "at_threshold")
def _(m: Mathematics, x: Number, threshold: Number, at_threshold: Number) -> Number:
    return m.where(x == threshold, 1.0, 0.0)


def _hard_sigmoid_parts(
    m: Mathematics, slope: Number, offset: Number
) -> tuple[Number, Number, Number]:
    # The default slope means one sixth, and the bounds are doubles: so they are exactly ∓3, not
    # 3e-16 away from that.
    slope = m.default(slope, SIXTH)
    divisor = m.where(slope == 0, 1.0, slope)
    return slope, m.rounded(-offset / divisor), m.rounded((1 - offset) / divisor)


def hard_sigmoid(m: Mathematics, x: Number, slope: Number = 1 / 6, offset: Number = 0.5) -> Number:
    slope, zero, _ = _hard_sigmoid_parts(m, slope, offset)
    near = (slope != 0) & (m.magnitude(zero) < 1e300)  # the zero is infinite for a subnormal slope
    return clipped(m, m.where(near, slope * (x - zero), slope * x + offset), 0.0, 1.0)


@derivative_of(hard_sigmoid)
def _(m: Mathematics, x: Number, slope: Number, offset: Number) -> Number:
    slope, zero, one = _hard_sigmoid_parts(m, slope, offset)
    return inside(m, x, m.minimum(zero, one), m.maximum(zero, one), slope)


@by(hard_sigmoid, "slope")
def _(m: Mathematics, x: Number, slope: Number, offset: Number) -> Number:
    slope, zero, one = _hard_sigmoid_parts(m, slope, offset)
    return inside(m, x, m.minimum(zero, one), m.maximum(zero, one), x)


@by(hard_sigmoid, "offset")
def _(m: Mathematics, x: Number, slope: Number, offset: Number) -> Number:
    slope, zero, one = _hard_sigmoid_parts(m, slope, offset)
    return inside(m, x, m.minimum(zero, one), m.maximum(zero, one), 1.0)


def hard_tanh(m: Mathematics, x: Number, min_val: Number = -1.0, max_val: Number = 1.0) -> Number:
    return clipped(m, x, min_val, max_val)


@derivative_of(hard_tanh)
def _(m: Mathematics, x: Number, min_val: Number, max_val: Number) -> Number:
    return inside(m, x, min_val, max_val, 1.0)


@by(hard_tanh, "min_val")
def _(m: Mathematics, x: Number, min_val: Number, max_val: Number) -> Number:
    return m.where(x <= min_val, 1.0, 0.0)


@by(hard_tanh, "max_val")
def _(m: Mathematics, x: Number, min_val: Number, max_val: Number) -> Number:
    return m.where((x >= max_val) & (x > min_val), 1.0, 0.0)


def relu(m: Mathematics, x: Number) -> Number:
    return m.where(x < 0, 0.0, x)


@derivative_of(relu, from_output=lambda m, y: m.where(y > 0, 1.0, 0.0))
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x > 0, 1.0, 0.0)


def relu6(m: Mathematics, x: Number) -> Number:
    return clipped(m, x, 0.0, 6.0)


@derivative_of(relu6)
def _(m: Mathematics, x: Number) -> Number:
    return inside(m, x, 0.0, 6.0, 1.0)


def relu_squared(m: Mathematics, x: Number) -> Number:
    return m.where(x < 0, 0.0, x * x)


@derivative_of(relu_squared)
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x < 0, 0.0, 2 * x)


def leaky_relu(m: Mathematics, x: Number, negative_slope: Number = 0.01) -> Number:
    return m.where(x > 0, x, negative_slope * x)


@derivative_of(leaky_relu, from_output=lambda m, y, slope=0.01: m.where(y > 0, 1.0, slope))
def _(m: Mathematics, x: Number, negative_slope: Number) -> Number:
    return m.where(x > 0, 1.0, negative_slope)


@by(leaky_relu, "negative_slope")
def _(m: Mathematics, x: Number, negative_slope: Number) -> Number:
    return m.where(x > 0, 0.0, x)


def threshold(m: Mathematics, x: Number, threshold: Number = 1.0, value: Number = 0.0) -> Number:
    return m.where(x > threshold, x, value)


@derivative_of(threshold)
def _(m: Mathematics, x: Number, threshold: Number, value: Number) -> Number:
    return m.where(x > threshold, 1.0, 0.0)


@by(threshold, "threshold", constant=True)
def _(m: Mathematics, x: Number, threshold: Number, value: Number) -> Number:
    return m.where(x == x, 0.0, 0.0)


@by(threshold, "value")
def _(m: Mathematics, x: Number, threshold: Number, value: Number) -> Number:
    return m.where(x > threshold, 0.0, 1.0)


def hard_swish(m: Mathematics, x: Number) -> Number:
    return m.where(x <= -3, -0.0, m.where(x >= 3, x, x * (x + 3) / 6))


@derivative_of(hard_swish)
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x <= -3, 0.0, m.where(x >= 3, 1.0, (2 * x + 3) / 6))


def hard_mish(m: Mathematics, x: Number) -> Number:
    return m.where(x <= -2, -0.0, m.where(x >= 0, x, x * (x + 2) / 2))


@derivative_of(hard_mish)
def _(m: Mathematics, x: Number) -> Number:
    return m.where(x <= -2, 0.0, m.where(x >= 0, 1.0, x + 1))


# Wide: both terms cancel where the result is zero.
def star_relu(m: Mathematics, x: Number, scale: Number = 0.8944, bias: Number = -0.4472) -> Number:
    x = m.where(x < 0, 0.0, x)
    far = m.magnitude(x) > 1e100
    near = m.narrow(m.wide(m.where(far, 0.0, x)) * x * scale + bias)
    return m.where(far, scale * x * x, near)


@derivative_of(star_relu)
def _(m: Mathematics, x: Number, scale: Number, bias: Number) -> Number:
    return m.where(x < 0, 0.0, 2 * (scale * x))


@by(star_relu, "scale")
def _(m: Mathematics, x: Number, scale: Number, bias: Number) -> Number:
    return m.where(x > 0, x * x, 0.0)


@by(star_relu, "bias")
def _(m: Mathematics, x: Number, scale: Number, bias: Number) -> Number:
    return m.where(x == x, 1.0, 1.0)


def sparse_plus(m: Mathematics, x: Number) -> Number:
    return m.where(x <= -1, 0.0, m.where(x >= 1, x, (x + 1) * (x + 1) / 4))


def sparse_sigmoid(m: Mathematics, x: Number) -> Number:
    return clipped(m, (x + 1) / 2, 0.0, 1.0)


@derivative_of(sparse_plus)
def _(m: Mathematics, x: Number) -> Number:
    return sparse_sigmoid(m, x)


@derivative_of(sparse_sigmoid)
def _(m: Mathematics, x: Number) -> Number:
    return inside(m, x, -1.0, 1.0, 0.5)


def hard_shrink(m: Mathematics, x: Number, lambd: Number = 0.5) -> Number:
    return m.where(m.magnitude(x) > lambd, x, 0.0)


@derivative_of(hard_shrink)
def _(m: Mathematics, x: Number, lambd: Number) -> Number:
    return m.where(m.magnitude(x) > lambd, 1.0, 0.0)


@by(hard_shrink, "lambd", constant=True)
def _(m: Mathematics, x: Number, lambd: Number) -> Number:
    return m.where(x == x, 0.0, 0.0)


def soft_shrink(m: Mathematics, x: Number, lambd: Number = 0.5) -> Number:
    return m.where(x > lambd, x - lambd, m.where(x < -lambd, x + lambd, 0 * x))


@derivative_of(soft_shrink)
def _(m: Mathematics, x: Number, lambd: Number) -> Number:
    return m.where(m.magnitude(x) > lambd, 1.0, 0.0)


@by(soft_shrink, "lambd")
def _(m: Mathematics, x: Number, lambd: Number) -> Number:
    return m.where(x > lambd, -1.0, m.where(x < -lambd, 1.0, 0.0))
