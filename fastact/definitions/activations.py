"""The table: every elementwise activation, declared once, next to its derivative.

To add one, write it here and its mathematical definition in reference.py. A declaration is a function of the
kernel dialect: straight-line scalar arithmetic on x and the parameters, over the elementary functions of
elementary.py. Its keyword defaults are the public parameters, its docstring is the public documentation, and
`formula` is the textbook's definition, which the documentation prints and differentiates: Python over x and the
parameters with where, clip, abs, sqrt, exp, log, tanh, sigma, softplus, Phi and pi.
"""

from __future__ import annotations

from math import inf
from typing import Any

from . import declare
from .dialect import (
    absent,
    copysign,
    exact,
    fma,
    known,
    low,
    per_type,
    sqrt,
)
from .elementary import (
    BOTTOM,
    LARGEST,
    LIFTED,
    LOWEST,
    SATURATED,
    THIRD,
    UNIT,
    bell_parts,
    exp,
    exp_far,
    exp_negative,
    expm1,
    expm1_parts,
    facing,
    reduced,
    scaled,
    softplus_parts,
    tanh_parts,
    tanh_share,
)
from .elementary import sigmoid as sigmoid_
from .elementary import tanh as tanh_
from .elementary import tanh_shrink as tanh_shrink_
from .gaussian import DENSITY, gelu_slope_tail, gelu_tail
from .logistic import plain_slope, swish, swish_of_any, swish_slope

TABLE = declare.Table()
elementwise = TABLE.elementwise


def above(x: Any, t: Any) -> Any:
    """x > t, also where t is not a number of the computing type."""
    return x > t or (x == t and low(t) < 0.0)


# A divisor whose reciprocal may not be a normal number is multiplied, and x with it, by a power of two.
RAISE = per_type(f32=2.0**64, f64=2.0**512)
LITTLE = per_type(f32=2.0**-60, f64=2.0**-500)
# What rounding z left behind, for any z that is not far beyond FAR; 0·inf and the like are not less than it.
ROUNDING = per_type(f32=2.0**-16, f64=2.0**-42)


def quotient(x: Any, divisor: Any) -> Any:
    """x/divisor and what rounding it left behind, both for use as the argument of exp."""
    return divided(x, divisor) if known(divisor) else by_reciprocal(x, divisor)


def divided(x: Any, divisor: Any) -> Any:
    z = x / divisor
    return z, (fma(-z, divisor, x) - z * low(divisor)) * (1.0 / divisor)


def by_reciprocal(x: Any, divisor: Any) -> Any:
    """The same: the reciprocal is computed once, in two parts, and an element takes no division."""
    size = abs(divisor)
    factor = RAISE if size < LITTLE else (1.0 / RAISE if size > 1.0 / LITTLE else 1.0)
    x = x * factor
    divisor_low = low(divisor) * factor
    divisor = divisor * factor
    inverse = 1.0 / divisor
    inverse_low = (fma(-inverse, divisor, 1.0) - inverse * divisor_low) * inverse
    z = x * inverse
    z_low = fma(x, inverse_low, fma(x, inverse, -z))
    return z, z_low if abs(z_low) < ROUNDING else 0.0


def inside(mask: Any, x: Any, slope: Any) -> Any:
    """`slope` where the mask holds, else 0, but NaN where x is."""
    return slope if mask else (x if x != x else 0.0)


# --- straight lines and steps -----------------------------------------------------------------------------------


@elementwise(aliases=("linear",), formula="x", source="definition")
def identity(x: Any) -> Any:
    """x."""
    return x


@identity.derivative
def identity_slope(x: Any) -> Any:
    return 1.0


@identity.derivative_from_output
def identity_slope_from_output(y: Any) -> Any:
    return 1.0


@elementwise(
    aliases=("binary_step",),
    formula="where(x > threshold, 1, where(x < threshold, 0, at_threshold))",
    source="Rosenblatt 1958, doi:10.1037/h0042519",
)
def step(x: Any, threshold: float = 0.0, at_threshold: float = 1.0) -> Any:
    """1 above the threshold, 0 below it, `at_threshold` on it. The derivative is 0 everywhere, for NaN too."""
    on = x == threshold and low(threshold) == 0.0
    return 1.0 if above(x, threshold) else (at_threshold if on else (x if x != x else 0.0))


@step.derivative
def step_slope(x: Any, threshold: float, at_threshold: float) -> Any:
    return 0.0


@elementwise(
    aliases=("hardtanh",),
    formula="clip(x, min_val, max_val)",
    source="Collobert 2004, Large Scale Machine Learning",
)
def hard_tanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x, clipped to [`min_val`, `max_val`]. The derivative is 1 inside, 0 at both bounds."""
    return min(max(x, min_val), max_val)


@hard_tanh.derivative
def hard_tanh_slope(x: Any, min_val: float, max_val: float) -> Any:
    return inside(min_val < x and x < max_val, x, 1.0)


@elementwise(
    aliases=("hardsigmoid",),
    formula="clip(slope*x + offset, 0, 1)",
    source="Courbariaux, Bengio, David 2015, arXiv:1511.00363; slope of MobileNetV3",
)
def hard_sigmoid(x: Any, slope: float = 1 / 6, offset: float = 0.5) -> Any:
    """`slope`·x + `offset`, clipped to [0, 1]. The derivative is `slope` inside, 0 at both bounds."""
    return min(max(ramp(x, slope, offset), 0.0), 1.0)


@hard_sigmoid.derivative
def hard_sigmoid_slope(x: Any, slope: float, offset: float) -> Any:
    y = ramp(x, slope, offset)
    # The largest x below the upper end gives a y that is rounded to 1.
    left = 1.0 - offset
    end, end_low = ratio(left, ((1.0 - left) - offset) - low(offset), slope)
    rest = ((end - x) + end_low) * slope if abs(end) < FAR_END else 1.0 - y
    return inside(y > 0.0 and rest > 0.0, x, slope)


# 1 in float32. In float64 the quotient of two parameters counts as exact; a float32 one has a low part, of which
# less than 2^-40 is noise.
SINGLE = per_type(f32=1.0, f64=absent)
NOISE = 2.0**-40
# Ends of the slope beyond this are not looked for.
FAR_END = per_type(f32=1e30, f64=1e30)


def ratio(number: Any, number_low: Any, divisor: Any) -> Any:
    """The quotient of parameters in two parts."""
    q = number / divisor
    left = (fma(-q, divisor, number) + (number_low - q * low(divisor))) / divisor * SINGLE
    return q, left if abs(left) > NOISE * abs(q) else absent


def ramp(x: Any, slope: Any, offset: Any) -> Any:
    """slope·x + offset, as (x + offset/slope)·slope: the zero lies where a slope such as 1/6 means it to lie."""
    shift, shift_low = ratio(offset, low(offset), slope)
    return ((x + shift) + shift_low) * slope if abs(shift) < FAR_END else fma(slope, x, offset)


@elementwise(formula="where(x > 0, x, 0)", source="Nair, Hinton 2010, ICML")
def relu(x: Any) -> Any:
    """max(x, 0). The derivative is 0 at 0."""
    return max(x, 0.0)


@relu.derivative
def relu_slope(x: Any) -> Any:
    return inside(x > 0.0, x, 1.0)


@relu.derivative_from_output
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


@elementwise(formula="where(x > 0, x, negative_slope*x)", source="Maas, Hannun, Ng 2013, ICML")
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else `negative_slope`·x. The derivative is `negative_slope` at 0."""
    return x if x > 0.0 else negative_slope * x


@leaky_relu.derivative
def leaky_relu_slope(x: Any, negative_slope: float) -> Any:
    return 1.0 if x > 0.0 else (x if x != x else negative_slope)


@leaky_relu.derivative_from_output
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


@elementwise(
    aliases=("hardshrink",),
    formula="where(abs(x) > lambd, x, 0)",
    source="Donoho, Johnstone 1994, doi:10.1093/biomet/81.3.425",
)
def hard_shrink(x: Any, lambd: float = 0.5) -> Any:
    """x where |x| > `lambd`, else 0. The derivative is 0 at ±`lambd`."""
    return x if above(abs(x), lambd) or x != x else 0.0


@hard_shrink.derivative
def hard_shrink_slope(x: Any, lambd: float) -> Any:
    return inside(above(abs(x), lambd), x, 1.0)


@elementwise(
    aliases=("softshrink",),
    formula="where(x > lambd, x - lambd, where(x < -lambd, x + lambd, 0))",
    source="Donoho 1995, doi:10.1109/18.382009",
)
def soft_shrink(x: Any, lambd: float = 0.5) -> Any:
    """sign(x)·max(|x| - `lambd`, 0). The derivative is 0 at ±`lambd`."""
    rest = (abs(x) - lambd) - low(lambd)
    return copysign(rest, x) if rest > 0.0 else x * 0.0


@soft_shrink.derivative
def soft_shrink_slope(x: Any, lambd: float) -> Any:
    return inside(above(abs(x), lambd), x, 1.0)


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


# --- roots and quotients -----------------------------------------------------------------------------------------


@elementwise(
    aliases=("soft_sign",), formula="x/(1 + abs(x))", source="Turian, Bergstra, Bengio 2009, NAACL"
)
def softsign(x: Any) -> Any:
    """x/(1 + |x|). The derivative is (1 + |x|)⁻²."""
    a = min(abs(x), 1e38)
    return copysign(a / (1.0 + a), x)


# Here 1 + a has long been a; (1 + a) - a must not be inf - inf.
LINEAR_END = per_type(f32=1e30, f64=1e300)


@softsign.derivative
def softsign_slope(x: Any) -> Any:
    a = abs(x)
    d = 1.0 + a
    b = d - a
    r = 1.0 / d
    r = fma(fma(-r, d, 1.0) - r * ((1.0 - b) + (a - (d - b))), r, r)
    return r * r if a < LINEAR_END else 1.0 / a / a


# Above this x² + b is x² to the last bit for every b that is not itself enormous, and x² nears overflow.
BIG = per_type(f32=1e18, f64=1e150)
LEAST = per_type(f32=2.0**-126, f64=2.0**-1022)


def squareplus_parts(x: Any, b: Any) -> Any:
    """For a = |x|: √(a² + b), (√ + a)/2 and (√ - a)/2, the last as b/4 over the one before."""
    a = min(abs(x), LARGEST)
    square = fma(a, a, b)
    near = sqrt(square)
    far = a > BIG or b == 0.0
    root = a if far else near
    half = fma(0.5, a, 0.5 * root)
    inverse = min(1.0 / half, LARGEST)
    # 1/(2·root) in a/half: within 3 %, which serves to correct the root for its own rounding.
    share = a * inverse
    root_low = fma(-near, near, square) * inverse * fma(fma(0.125, share, 0.125), share, 0.25)
    half_low = fma(0.5, a, 0.5 * root - half) + (0.0 if far else 0.5 * root_low)
    quarter = 0.25 * b
    below = quarter * inverse
    below = fma(fma(-below, half, quarter) - below * half_low, inverse, below)
    return root, half, below


@elementwise(formula="(x + sqrt(x**2 + b))/2", source="Barron 2021, arXiv:2112.11687")
def squareplus(x: Any, b: float = 4.0) -> Any:
    """(x + √(x² + `b`))/2 for `b` ≥ 0, without cancellation for x < 0."""
    _, half, below = squareplus_parts(x, b)
    return (below if x >= -LARGEST else 0.0) if x < 0.0 else (x if x > BIG else half)


@squareplus.derivative
def squareplus_slope(x: Any, b: float) -> Any:
    root, _, below = squareplus_parts(x, b)
    slope = below / max(root, LEAST)
    return slope if x <= 0.0 else 1.0 - slope


# --- exponentials ------------------------------------------------------------------------------------------------


@elementwise(aliases=("exp",), formula="exp(x)", source="definition")
def exponential(x: Any) -> Any:
    """eˣ."""
    return exp(x)


@exponential.derivative
def exponential_slope(x: Any) -> Any:
    return exp(x)


@exponential.derivative_from_output
def exponential_slope_from_output(y: Any) -> Any:
    return y


@elementwise(
    formula="where(x > 0, x, alpha*(exp(x) - 1))",
    source="Clevert, Unterthiner, Hochreiter 2015, arXiv:1511.07289",
)
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else `alpha`·(eˣ - 1). The derivative is `alpha` at 0."""
    below = expm1(min(x, 0.0))
    return x if x >= 0.0 else fma(below, alpha, below * low(alpha))


@elu.derivative
def elu_slope(x: Any, alpha: float) -> Any:
    e, unit = exp_far(min(x, 0.0), absent)
    return 1.0 if x > 0.0 else fma(e, alpha, e * low(alpha)) * unit


@elu.derivative_from_output
def elu_slope_from_output(y: Any, alpha: float) -> Any:
    return 1.0 if y > 0.0 else y + alpha


# Below this eˣ - 1 is x to the last bit.
NEGLIGIBLE = per_type(f32=2.0**-25, f64=2.0**-54)


@elementwise(
    formula="where(x > 0, x, alpha*(exp(x/alpha) - 1))", source="Barron 2017, arXiv:1704.07483"
)
def celu(x: Any, alpha: float = 1.0) -> Any:
    """max(x, 0) + min(0, `alpha`·(exp(x/`alpha`) - 1)), for `alpha` > 0. The derivative is 1 at 0."""
    z, z_low = quotient(min(x, 0.0), alpha)
    y, y_low = expm1_parts(z)
    rest = fma(alpha, fma(z_low, 1.0 + y, y_low), low(alpha) * y)
    return x if z > -NEGLIGIBLE else fma(alpha, y, rest)


@celu.derivative
def celu_slope(x: Any, alpha: float) -> Any:
    z, z_low = quotient(min(x, 0.0), alpha)
    e, unit = exp_negative(z, z_low)
    return 1.0 if x > 0.0 else e * unit


@celu.derivative_from_output
def celu_slope_from_output(y: Any, alpha: float) -> Any:
    return 1.0 if y > 0.0 else (y + alpha) / alpha


SELU_SCALE = exact("1.0507009873554804934193349852946")
# Rounded to float32, λ is more than it is, and the largest result becomes infinite: of all inputs 3.23862215e38 alone.
SELU_SCALE_DOWN = per_type(f32=1.0507009029388428, f64=1.0507009873554805)
SELU_HUGE = per_type(f32=3.2e38, f64=1.7e308)
SELU_SCALE_ALPHA = exact("1.7580993408473768599402175208123")


@elementwise(
    formula="where(x > 0, 1.0507009873554805*x, 1.7580993408473769*(exp(x) - 1))",
    source="Klambauer, Unterthiner, Mayr, Hochreiter 2017, arXiv:1706.02515",
)
def selu(x: Any) -> Any:
    """λ·elu(x, α), λ = 1.0507009873554804934…, α = 1.6732632423543772848…. The derivative is λα at 0."""
    below = expm1(min(x, 0.0))
    rise = SELU_SCALE if x < SELU_HUGE else SELU_SCALE_DOWN
    return x * rise if x >= 0.0 else fma(below, SELU_SCALE_ALPHA, below * low(SELU_SCALE_ALPHA))


@selu.derivative
def selu_slope(x: Any) -> Any:
    e, unit = exp_negative(min(x, 0.0), absent)
    return SELU_SCALE if x > 0.0 else fma(e, SELU_SCALE_ALPHA, e * low(SELU_SCALE_ALPHA)) * unit


@selu.derivative_from_output
def selu_slope_from_output(y: Any) -> Any:
    return SELU_SCALE if y > 0.0 else y + SELU_SCALE_ALPHA


@elementwise(aliases=("expit", "logistic"), formula="1/(1 + exp(-x))", source="Verhulst 1838")
def sigmoid(x: Any) -> Any:
    """1/(1 + e⁻ˣ)."""
    return sigmoid_(x, absent)


@sigmoid.derivative
def sigmoid_slope(x: Any) -> Any:
    b, unit = bell_parts(x, absent)
    return b * unit


@sigmoid.derivative_from_output
def sigmoid_slope_from_output(y: Any) -> Any:
    return fma(-y, y, y)


@elementwise(formula="tanh(x)", source="definition")
def tanh(x: Any) -> Any:
    """tanh x. The derivative is sech² x."""
    return tanh_(x)


@tanh.derivative
def tanh_slope(x: Any) -> Any:
    b, unit = bell_parts(2.0 * x, absent)
    return 4.0 * b * unit


@tanh.derivative_from_output
def tanh_slope_from_output(y: Any) -> Any:
    return fma(-y, y, 1.0)


@elementwise(aliases=("tanhshrink",), formula="x - tanh(x)", source="definition")
def tanh_shrink(x: Any) -> Any:
    """x - tanh x, without cancellation near 0. The derivative is tanh² x."""
    return tanh_shrink_(x)


@tanh_shrink.derivative
def tanh_shrink_slope(x: Any) -> Any:
    y, y_low = tanh_parts(x)
    return fma(y, y, 2.0 * (y * y_low))


@elementwise(formula="cap*tanh(x/cap)", source="Gemma Team 2024, arXiv:2408.00118")
def softcap(x: Any, cap: float) -> Any:
    """`cap`·tanh(x/`cap`). The derivative is sech²(x/`cap`)."""
    z, z_low = quotient(x, cap)
    square = fma(z, z, 2.0 * z * z_low)
    share, near = tanh_share(abs(z), -facing(z, z_low), square)
    # x·(1 - what is missing of tanh z in z) near 0, ±cap·(1 - what is missing of tanh |z| in 1) elsewhere.
    whole = x if near else copysign(cap, x)
    missing = square * fma(-square, share, THIRD) if near else share
    return copysign(fma(-whole, missing, whole), x)


@softcap.derivative
def softcap_slope(x: Any, cap: float) -> Any:
    z, z_low = quotient(x, cap)
    b, unit = bell_parts(2.0 * z, 2.0 * z_low)
    return 4.0 * b * unit


@elementwise(aliases=("logsigmoid", "log_expit"), formula="log(sigma(x))", source="definition")
def log_sigmoid(x: Any) -> Any:
    """log σ(x) = min(x, 0) - log1p(exp(-|x|)). The derivative is σ(-x)."""
    p, p_low, unit = softplus_parts(-x, absent)
    return x if x < LOWEST else 0.0 - (p + p_low) * unit


@log_sigmoid.derivative
def log_sigmoid_slope(x: Any) -> Any:
    return sigmoid_(-x, absent)


@log_sigmoid.derivative_from_output
def log_sigmoid_slope_from_output(y: Any) -> Any:
    return -expm1(y)


@elementwise(
    formula="where(beta*x > threshold, x, log(1 + exp(beta*x))/beta)",
    source="Dugas et al. 2000, NIPS",
    optional={"threshold": inf},
)
def softplus(x: Any, beta: float = 1.0, threshold: float | None = None) -> Any:
    """log1p(exp(`beta`·x))/`beta`; x itself where `beta`·x > `threshold`, if one is given."""
    z, z_low = scaled(x, beta)
    p, p_low, unit = softplus_parts(z, z_low)
    y = p / beta
    rest = fma(-y, beta, p) + (p_low - y * low(beta))
    return x if z > threshold or z > -LOWEST else fma(rest, 1.0 / beta, y) * unit


@softplus.derivative
def softplus_slope(x: Any, beta: float, threshold: float) -> Any:
    z, z_low = scaled(x, beta)
    return 1.0 if z > threshold else sigmoid_(z, z_low)


@softplus.derivative_from_output
def softplus_slope_from_output(y: Any, beta: float, threshold: float) -> Any:
    z = beta * y
    return 1.0 if z > threshold else -expm1(-z)


@elementwise(
    aliases=("swish",),
    formula="x*sigma(beta*x)",
    source="Elfwing, Uchibe, Doya 2017, arXiv:1702.03118",
)
def silu(x: Any, beta: float = 1.0) -> Any:
    """x·σ(`beta`·x), the sigmoid-weighted linear unit."""
    z, z_low = scaled(x, beta)
    x = max(x, BOTTOM) if known(beta) else x
    return swish(x, min(x, SATURATED), z_low) if known(beta) else swish_of_any(x, z, z_low)


@silu.derivative
def silu_slope(x: Any, beta: float) -> Any:
    return plain_slope(x) if known(beta) else silu_slope_for(x, beta)


def silu_slope_for(x: Any, beta: Any) -> Any:
    # A beta of 1 among others, or in an array, gives the bits of the default.
    z, z_low = scaled(x, beta)
    plain = beta == 1.0 and low(beta) == 0.0
    return plain_slope(x) if plain else swish_slope(z, z_low, z, z_low)


QUICK = exact("1.702")
# BOTTOM and SATURATED over 1.702
QUICK_BOTTOM = per_type(f32=-64.5, f64=-458.0)
QUICK_SATURATED = per_type(f32=24.5, f64=52.5)


@elementwise(
    aliases=("gelu_fast",),
    formula="x*sigma(1.702*x)",
    source="Hendrycks, Gimpel 2016, arXiv:1606.08415, section 2",
)
def quick_gelu(x: Any) -> Any:
    """x·σ(1.702 x)."""
    x = max(x, QUICK_BOTTOM)
    z, z_low = scaled(min(x, QUICK_SATURATED), QUICK)
    return swish(x, z, z_low)


@quick_gelu.derivative
def quick_gelu_slope(x: Any) -> Any:
    z, z_low = scaled(x, QUICK)
    return swish_slope(z, z_low, z, z_low)


def mish_parts(x: Any) -> Any:
    """tanh(softplus x) = n/(n + 2) with n = eˣ·(eˣ + 2), both multiplied by e^(-2x) for x ≥ 0.

    As (e, e_low, unit, small) with (e + e_low)·UNIT = exp(-|x|), which is small but for the low part, the numerator
    and the denominator, each in two parts.
    """
    q, power = reduced(max(-abs(x), LOWEST), absent, LIFTED)
    e = fma(power, q, power)
    e_low = fma(power, q, power - e)
    negative = x < 0.0
    small = e * UNIT
    wide = small + 2.0
    wide_low = small - (wide - 2.0)
    flat = fma(2.0, small, 1.0)
    flat_low = fma(2.0, small, 1.0 - flat)
    steep = e * wide
    top = steep if negative else flat
    top_low = fma(e, wide, -steep) + e * wide_low if negative else flat_low
    left = small if negative else 2.0 * small
    right = wide if negative else small
    base = 2.0 if negative else flat
    d = fma(left, right, base)
    d_low = fma(left, right, base - d) + (small * wide_low if negative else flat_low)
    return e, e_low, UNIT if negative else 1.0, small, top, top_low, d, d_low


@elementwise(formula="x*tanh(softplus(x))", source="Misra 2019, arXiv:1908.08681")
def mish(x: Any) -> Any:
    """x·tanh(softplus x)."""
    _, _, unit, _, top, top_low, d, d_low = mish_parts(x)
    inverse = 1.0 / d
    q = top * inverse
    q_low = (fma(-q, d, top) + (top_low - q * d_low)) * inverse
    bounded = x if x > LOWEST else 0.0
    return copysign(fma(bounded, q, (x if abs(x) < -LOWEST else 0.0) * q_low) * unit, x)


@mish.derivative
def mish_slope(x: Any) -> Any:
    e, e_low, unit, small, _, _, d, d_low = mish_parts(x)
    # For x < 0: e·(e³ + 4e² + 6e + 4 + 4x(1 + e))/d² with e = eˣ; for x ≥ 0 both are multiplied by e^(-4x).
    bounded = min(max(x, LOWEST), -LOWEST)
    slope = fma(4.0, bounded, 6.0)
    falling = fma(small, fma(small, 4.0 + small, slope), fma(4.0, bounded, 4.0))
    steepness = fma(small, fma(8.0, small, slope), falling)
    rising = fma(fma(2.0, small, 1.0), d, 4.0 * bounded * (small * small * (1.0 + small)))
    # The numerator rises with e by falling + e·(3e² + 8e + 6 + 4x). Without the low parts: 5.04 units near the zero.
    top = e * falling if x < 0.0 else rising
    top_low = fma(e, falling, -top) + steepness * e_low if x < 0.0 else 0.0
    square = d * d
    square_low = fma(d, d, -square) + 2.0 * (d * d_low)
    inverse = 1.0 / square
    q = top * inverse
    q_low = fma(-q, square_low, fma(-q, square, top) + top_low) * inverse
    return (q + q_low) * unit


# --- the Gaussian family -----------------------------------------------------------------------------------------

GELU_CHOICES: dict[str, dict[object, str]] = {
    "approximate": {"none": "gelu", False: "gelu", "tanh": "gelu_tanh", True: "gelu_tanh"}
}


@elementwise(
    formula="x*Phi(x)", source="Hendrycks, Gimpel 2016, arXiv:1606.08415", choices=GELU_CHOICES
)
def gelu(x: Any) -> Any:
    """x·Φ(x), Φ the normal cdf. With `approximate="tanh"`, `gelu_tanh`."""
    # max(x, 0) - |x|·Φ(-|x|) has no cancellation.
    tail, _ = gelu_tail(x)
    return fma(tail, -UNIT, max(x, 0.0))


@gelu.derivative
def gelu_slope(x: Any) -> Any:
    tail = gelu_slope_tail(x) * (0.25 * UNIT)
    return 1.0 + tail if x > 0.0 else -tail


# DENSITY times 0.044715.
TANH_CUBIC = exact(
    "0.071354816272600248776338752279863540995592074770160212870127493894893876626349126834333992442661"
)
# Beyond this ±x is far in the tail where the result is x or 0: w is BOTTOM there.
TANH_END = per_type(f32=10.85, f64=21.8)


def tanh_argument(x: Any) -> Any:
    """The argument w of x·σ(w), to twice the precision, and what its cubic term adds to x·dw/dx."""
    square = x * x
    square_low = fma(x, x, -square)
    p = TANH_CUBIC * square
    p_low = fma(TANH_CUBIC, square, -p) + (low(TANH_CUBIC) * square + TANH_CUBIC * square_low)
    m = p + DENSITY
    b = m - p
    m_low = ((p - (m - b)) + (DENSITY - b)) + (p_low + low(DENSITY))
    w = x * m
    return w, fma(x, m, -w) + x * m_low, 2.0 * p * x


@elementwise(
    formula="x/2*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))",
    source="Hendrycks, Gimpel 2016, arXiv:1606.08415, section 2",
)
def gelu_tanh(x: Any) -> Any:
    """½x·(1 + tanh(√(2/π)·(x + 0.044715 x³)))."""
    x = max(x, -TANH_END)
    w, w_low, _ = tanh_argument(min(x, TANH_END))
    return swish(x, min(w, SATURATED), w_low)


@gelu_tanh.derivative
def gelu_tanh_slope(x: Any) -> Any:
    w, w_low, cubic = tanh_argument(min(max(x, -TANH_END), TANH_END))
    rise = w + cubic
    return swish_slope(w, w_low, rise, (w - rise + cubic) + w_low)
