"""Straight lines and steps: relu, its clipped, leaky and shrinking relatives, hard sigmoids."""

from __future__ import annotations

from math import inf
from typing import Any

from ..dialect import absent, copysign, exact, fma, low, per_type
from ..elementary import LARGEST
from ..two_parts import remainder, two_product, two_sum
from .table import above, elementwise, inside


@elementwise(aliases=("linear",), formula="x", source="definition")
def identity(x: Any) -> Any:
    """x."""
    return x


@identity.derivative
def identity_slope(x: Any) -> Any:
    return 1.0


@identity.derivative_from_output()
def identity_slope_from_output(y: Any) -> Any:
    return 1.0


@elementwise(
    aliases=("binary_step",),
    formula="where(x > threshold, 1, where(x < threshold, 0, at_threshold))",
    source="Rosenblatt 1958, doi:10.1037/h0042519",
    domain=("-inf <= threshold <= inf",),
)
def step(x: Any, threshold: float = 0.0, at_threshold: float = 1.0) -> Any:
    """1 above the threshold, 0 below it, `at_threshold` on it. The derivative is 0 everywhere, for NaN too."""
    on = x == threshold and low(threshold) == 0.0
    return 1.0 if above(x, threshold) else (at_threshold if on else (x if x != x else 0.0))


@step.derivative
def step_slope(x: Any, threshold: float, at_threshold: float) -> Any:
    return 0.0


@step.by("threshold")
def step_by_threshold(x: Any, threshold: float, at_threshold: float) -> Any:
    return 0.0


@step.by("at_threshold")
def step_by_at_threshold(x: Any, threshold: float, at_threshold: float) -> Any:
    return inside(x == threshold and low(threshold) == 0.0, x, 1.0)


@elementwise(
    aliases=("hardtanh",),
    formula="clip(x, min_val, max_val)",
    source="Collobert 2004, Large Scale Machine Learning",
    domain=("min_val <= max_val",),
)
def hard_tanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x, clipped to [`min_val`, `max_val`]. The derivative is 1 inside, 0 at both bounds."""
    return min(max(x, min_val), max_val)


@hard_tanh.derivative
def hard_tanh_slope(x: Any, min_val: float, max_val: float) -> Any:
    return inside(min_val < x and x < max_val, x, 1.0)


@hard_tanh.by("min_val")
def hard_tanh_by_min_val(x: Any, min_val: float, max_val: float) -> Any:
    return inside(x <= min_val, x, 1.0)


@hard_tanh.by("max_val")
def hard_tanh_by_max_val(x: Any, min_val: float, max_val: float) -> Any:
    return inside(x >= max_val and x > min_val, x, 1.0)


@elementwise(
    aliases=("hardsigmoid",),
    formula="clip(slope*x + offset, 0, 1)",
    source="Courbariaux, Bengio, David 2015, arXiv:1511.00363; slope of MobileNetV3",
    domain=("-1e37 <= slope <= 1e37", "-1e37 <= offset <= 1e37"),
)
def hard_sigmoid(x: Any, slope: float = 1 / 6, offset: float = 0.5) -> Any:
    """`slope`·x + `offset`, clipped to [0, 1]. The derivative is `slope` inside, 0 at both bounds."""
    return min(max(ramp(x, slope, offset), 0.0), 1.0)


@hard_sigmoid.derivative
def hard_sigmoid_slope(x: Any, slope: float, offset: float) -> Any:
    return on_ramp(x, slope, offset, slope)


@hard_sigmoid.by("slope")
def hard_sigmoid_by_slope(x: Any, slope: float, offset: float) -> Any:
    return on_ramp(x, slope, offset, x)


@hard_sigmoid.by("offset")
def hard_sigmoid_by_offset(x: Any, slope: float, offset: float) -> Any:
    return on_ramp(x, slope, offset, 1.0)


def on_ramp(x: Any, slope: Any, offset: Any, value: Any) -> Any:
    """`value` between the ends of the slope, else 0."""
    y = ramp(x, slope, offset)
    # The largest x below the upper end gives a y that is rounded to 1.
    left = 1.0 - offset
    end, end_low = ratio(left, ((1.0 - left) - offset) - low(offset), slope)
    near = abs(end) < FAR_END
    rest = ((end if near else 0.0) - x) + (end_low if near else absent)
    rest = fma(rest, slope, 0.0 if near else left)
    return inside(y > 0.0 and rest > 0.0, x, value)


# 1 in float32. In float64 the quotient of two parameters counts as exact; a float32 one has a low part, of which
# less than 2^-40 is noise.
SINGLE = per_type(f32=1.0, f64=absent)
NOISE = 2.0**-40
# Ends of the slope beyond this are not looked for.
FAR_END = per_type(f32=1e30, f64=1e30)


def ratio(number: Any, number_low: Any, divisor: Any) -> Any:
    """The quotient of parameters in two parts."""
    q = number / divisor
    left = remainder(number, number_low, divisor, low(divisor), q) / divisor * SINGLE
    return q, left if abs(left) > NOISE * abs(q) else absent


def ramp(x: Any, slope: Any, offset: Any) -> Any:
    """slope·x + offset, as (x + offset/slope)·slope: the zero lies where a slope such as 1/6 means it to lie."""
    shift, shift_low = ratio(offset, low(offset), slope)
    near = abs(shift) < FAR_END
    moved = (x + (shift if near else 0.0)) + (shift_low if near else absent)
    return fma(moved, slope, 0.0 if near else offset)


@elementwise(formula="where(x > 0, x, 0)", source="Nair, Hinton 2010, ICML")
def relu(x: Any) -> Any:
    """max(x, 0). The derivative is 0 at 0."""
    return max(x, 0.0)


@relu.derivative
def relu_slope(x: Any) -> Any:
    return inside(x > 0.0, x, 1.0)


@relu.derivative_from_output()
def relu_slope_from_output(y: Any) -> Any:
    return inside(y > 0.0, y, 1.0)


@elementwise(formula="clip(x, 0, 6)", source="Howard et al. 2017, arXiv:1704.04861")
def relu6(x: Any) -> Any:
    """x, clipped to [0, 6]. The derivative is 0 at 0 and at 6."""
    return min(max(x, 0.0), 6.0)


@relu6.derivative
def relu6_slope(x: Any) -> Any:
    return inside(x > 0.0 and x < 6.0, x, 1.0)


@elementwise(
    aliases=("relu2", "squared_relu"),
    formula="where(x > 0, x**2, 0)",
    source="So et al. 2021, arXiv:2109.08668",
)
def relu_squared(x: Any) -> Any:
    """max(x, 0)²."""
    m = max(x, 0.0)
    return m * m


@relu_squared.derivative
def relu_squared_slope(x: Any) -> Any:
    return inside(x > 0.0, x, 2.0 * x)


@elementwise(
    formula="where(x > 0, scale*x**2 + bias, bias)",
    source="Yu et al. 2022, arXiv:2210.13452 (MetaFormer baselines)",
    domain=("-1e6 <= scale <= 1e6", "-1e37 <= bias <= 1e37"),
)
def star_relu(x: Any, scale: float = 0.8944, bias: float = -0.4472) -> Any:
    """`scale`·max(x, 0)² + `bias`."""
    m = max(x, 0.0)
    p, p_low = two_product(scale, m)
    square, square_low = two_product(p, m)
    square_low = square_low + (p_low + low(scale) * m) * m
    total, left = two_sum(square, bias)
    # Near the zero of the result both cancel.
    return total if abs(total) == inf else total + (left + (square_low + low(bias)))


@star_relu.derivative
def star_relu_slope(x: Any, scale: float, bias: float) -> Any:
    return inside(x > 0.0, x, 2.0 * fma(scale, x, low(scale) * min(x, LARGEST)))


@star_relu.by("scale")
def star_relu_by_scale(x: Any, scale: float, bias: float) -> Any:
    m = max(x, 0.0)
    return m * m


@star_relu.by("bias")
def star_relu_by_bias(x: Any, scale: float, bias: float) -> Any:
    return x if x != x else 1.0


@elementwise(formula="where(x > 0, x, negative_slope*x)", source="Maas, Hannun, Ng 2013, ICML")
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else `negative_slope`·x. The derivative is `negative_slope` at 0."""
    return x if x > 0.0 else negative_slope * x


@leaky_relu.derivative
def leaky_relu_slope(x: Any, negative_slope: float) -> Any:
    return 1.0 if x > 0.0 else (x if x != x else negative_slope)


@leaky_relu.by("negative_slope")
def leaky_relu_by_negative_slope(x: Any, negative_slope: float) -> Any:
    return min(x, 0.0)


@leaky_relu.derivative_from_output(domain=("negative_slope >= 0",))
def leaky_relu_slope_from_output(y: Any, negative_slope: float) -> Any:
    return 1.0 if y > 0.0 else (y if y != y else negative_slope)


@elementwise(
    aliases=("thresholded_relu",),
    formula="where(x > threshold, x, value)",
    source="Konda, Memisevic, Krueger 2014, arXiv:1402.3337",
)
def threshold(x: Any, threshold: float = 1.0, value: float = 0.0) -> Any:
    """x above the threshold, else `value`. The derivative is 0 at the threshold."""
    return x if above(x, threshold) or x != x else value


@threshold.derivative
def threshold_slope(x: Any, threshold: float, value: float) -> Any:
    return inside(above(x, threshold), x, 1.0)


@threshold.by("threshold")
def threshold_by_threshold(x: Any, threshold: float, value: float) -> Any:
    return 0.0


@threshold.by("value")
def threshold_by_value(x: Any, threshold: float, value: float) -> Any:
    return 0.0 if above(x, threshold) else (x if x != x else 1.0)


@elementwise(
    aliases=("hardshrink", "shrink"),
    formula="where(abs(x) > lambd, x, 0)",
    source="Donoho, Johnstone 1994, doi:10.1093/biomet/81.3.425",
)
def hard_shrink(x: Any, lambd: float = 0.5) -> Any:
    """x where |x| > `lambd`, else 0. The derivative is 0 at ±`lambd`."""
    return x if above(abs(x), lambd) or x != x else 0.0


@hard_shrink.derivative
def hard_shrink_slope(x: Any, lambd: float) -> Any:
    return inside(above(abs(x), lambd), x, 1.0)


@hard_shrink.by("lambd")
def hard_shrink_by_lambd(x: Any, lambd: float) -> Any:
    return 0.0


@elementwise(
    aliases=("softshrink",),
    formula="where(x > lambd, x - lambd, where(x < -lambd, x + lambd, 0))",
    source="Donoho 1995, doi:10.1109/18.382009",
    domain=("lambd >= 0",),
)
def soft_shrink(x: Any, lambd: float = 0.5) -> Any:
    """sign(x)·max(|x| - `lambd`, 0). The derivative is 0 at ±`lambd`."""
    rest = (abs(x) - lambd) - low(lambd)
    return copysign(rest, x) if rest > 0.0 else x * 0.0


@soft_shrink.derivative
def soft_shrink_slope(x: Any, lambd: float) -> Any:
    return inside(above(abs(x), lambd), x, 1.0)


@soft_shrink.by("lambd")
def soft_shrink_by_lambd(x: Any, lambd: float) -> Any:
    return inside(above(abs(x), lambd), x, copysign(1.0, -x))


SIXTH = exact("0.16666666666666666666666666666666666666666666666667")


@elementwise(
    aliases=("hardswish", "hard_silu"),
    formula="where(x <= -3, 0, where(x >= 3, x, x*(x + 3)/6))",
    source="Howard et al. 2019, arXiv:1905.02244",
)
def hard_swish(x: Any) -> Any:
    """x·clip(x + 3, 0, 6)/6. The derivative is 0 for x ≤ -3, 1 for x ≥ 3."""
    part = min(max(x + 3.0, 0.0), 6.0)
    return max(x, -3.0) * fma(part, SIXTH, part * low(SIXTH))


@hard_swish.derivative
def hard_swish_slope(x: Any) -> Any:
    twice = fma(2.0, x, 3.0)
    inside = fma(twice, SIXTH, twice * low(SIXTH))
    return 0.0 if x <= -3.0 else (1.0 if x >= 3.0 else inside)


@elementwise(
    formula="where(x <= -2, 0, where(x >= 0, x, x*(x + 2)/2))",
    source="Wightman 2019, PyTorch Image Models",
)
def hard_mish(x: Any) -> Any:
    """½x·clip(x + 2, 0, 2). The derivative is 0 for x ≤ -2, 1 for x ≥ 0."""
    return max(x, -2.0) * (0.5 * min(max(x + 2.0, 0.0), 2.0))


@hard_mish.derivative
def hard_mish_slope(x: Any) -> Any:
    return 0.0 if x <= -2.0 else (1.0 if x >= 0.0 else x + 1.0)


@elementwise(
    formula="where(x <= -1, 0, where(x >= 1, x, (x + 1)**2/4))", source="jax.nn.sparse_plus"
)
def sparse_plus(x: Any) -> Any:
    """0 for x ≤ -1, (x + 1)²/4 up to 1, x from there."""
    half = fma(0.5, x, 0.5)
    return x if x >= 1.0 else (0.0 if x <= -1.0 else half * half)


@sparse_plus.derivative
def sparse_plus_slope(x: Any) -> Any:
    return 1.0 if x >= 1.0 else (0.0 if x <= -1.0 else fma(0.5, x, 0.5))


@elementwise(
    formula="where(x <= -1, 0, where(x >= 1, 1, (x + 1)/2))",
    source="Martins, Astudillo 2016, arXiv:1602.02068",
)
def sparse_sigmoid(x: Any) -> Any:
    """(x + 1)/2, clipped to [0, 1]. The derivative is ½ inside, 0 at ±1."""
    return min(max(fma(0.5, x, 0.5), 0.0), 1.0)


@sparse_sigmoid.derivative
def sparse_sigmoid_slope(x: Any) -> Any:
    return inside(abs(x) < 1.0, x, 0.5)
