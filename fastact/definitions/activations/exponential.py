"""Exponentials: elu and its relatives, sigmoid, tanh, softplus."""

from __future__ import annotations

from math import inf
from typing import Any

from ..coefficients.elementary import EXPM1
from ..dialect import absent, copysign, exact, fma, known, low, per_type, polynomial
from ..elementary import (
    LOWEST,
    THIRD,
    bell_parts,
    exp,
    exp_far,
    exp_negative,
    expm1,
    expm1_parts,
    facing,
    scaled,
    softplus_parts,
    tanh_parts,
    tanh_quotient,
)
from ..elementary import sigmoid as sigmoid_
from ..elementary import tanh as tanh_
from ..elementary import tanh_shrink as tanh_shrink_
from ..two_parts import remainder, two_product
from .table import elementwise, inside

# A divisor whose reciprocal may not be a normal number is multiplied, and x with it, by a power of two.
RAISE = per_type(f32=2.0**64, f64=2.0**512)
LITTLE = per_type(f32=2.0**-60, f64=2.0**-500)
# The rounding error of z, for any z that is not far beyond FAR, is less than this; 0·inf and the like are not.
ROUNDING = per_type(f32=2.0**-16, f64=2.0**-42)


def quotient(x: Any, divisor: Any) -> Any:
    """x/divisor and its rounding error, both for use as the argument of exp."""
    return divided(x, divisor) if known(divisor) else by_reciprocal(x, divisor)


def divided(x: Any, divisor: Any) -> Any:
    z = x / divisor
    return z, remainder(x, absent, divisor, low(divisor), z) * (1.0 / divisor)


def by_reciprocal(x: Any, divisor: Any) -> Any:
    """The same: the reciprocal is computed once, in two parts, and an element takes no division."""
    size = abs(divisor)
    factor = RAISE if size < LITTLE else (1.0 / RAISE if size > 1.0 / LITTLE else 1.0)
    x = x * factor
    divisor_low = low(divisor) * factor
    divisor = divisor * factor
    inverse = 1.0 / divisor
    inverse_low = remainder(1.0, absent, divisor, divisor_low, inverse) * inverse
    z, z_low = two_product(x, inverse)
    z_low = fma(x, inverse_low, z_low)
    return z, z_low if abs(z_low) < ROUNDING else 0.0


@elementwise(aliases=("exp",), formula="exp(x)", source="definition")
def exponential(x: Any) -> Any:
    """eˣ."""
    return exp(x)


@exponential.derivative
def exponential_slope(x: Any) -> Any:
    return exp(x)


@exponential.derivative_from_output()
def exponential_slope_from_output(y: Any) -> Any:
    return y


@elementwise(
    formula="where(x > 0, x, alpha*(exp(x) - 1))",
    source="Clevert, Unterthiner, Hochreiter 2015, arXiv:1511.07289",
    domain=("-1e37 <= alpha <= 1e37",),
)
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else `alpha`·(eˣ - 1). The derivative is `alpha` at 0."""
    below = expm1(min(x, 0.0))
    return x if x >= 0.0 else fma(below, alpha, below * low(alpha))


@elu.derivative
def elu_slope(x: Any, alpha: float) -> Any:
    e, unit = exp_far(min(x, 0.0), absent)
    return 1.0 if x > 0.0 else fma(e, alpha, e * low(alpha)) * unit


@elu.by("alpha")
def elu_by_alpha(x: Any, alpha: float) -> Any:
    return expm1(min(x, 0.0))


@elu.derivative_from_output(domain=("alpha >= 0",))
def elu_slope_from_output(y: Any, alpha: float) -> Any:
    return 1.0 if y > 0.0 else y + alpha


# Below this eˣ - 1 is x to the last bit.
NEGLIGIBLE = per_type(f32=2.0**-25, f64=2.0**-54)


@elementwise(
    formula="where(x > 0, x, alpha*(exp(x/alpha) - 1))",
    source="Barron 2017, arXiv:1704.07483",
    domain=("1e-37 <= alpha <= 1e37",),
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


# Up to half of ln 2, where the polynomial of expm1 holds.
SMALL = 0.34


@celu.by("alpha")
def celu_by_alpha(x: Any, alpha: float) -> Any:
    """expm1(z) - z·e^z at z = x/alpha."""
    z, z_low = quotient(min(x, 0.0), alpha)
    rest = polynomial(z, EXPM1)
    e, unit = exp_negative(z, z_low)
    y, y_low = expm1_parts(z)
    near = -(z * z) * fma(z, rest, 1.0 - rest)
    far = (y - (z if z > LOWEST else 0.0) * (e * unit)) + fma(z_low, 1.0 + y, y_low)
    return near if z > -SMALL else far


@celu.derivative_from_output()
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


@selu.derivative_from_output()
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


@sigmoid.derivative_from_output()
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


@tanh.derivative_from_output()
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


@elementwise(
    formula="cap*tanh(x/cap)",
    source="Gemma Team 2024, arXiv:2408.00118",
    domain=("1e-37 <= abs(cap) <= 1e37",),
)
def softcap(x: Any, cap: float) -> Any:
    """`cap`·tanh(x/`cap`). The derivative is sech²(x/`cap`)."""
    z, z_low = quotient(x, cap)
    square = fma(z, z, 2.0 * z * z_low)
    part, near = tanh_quotient(abs(z), -facing(z, z_low), square)
    # x·(1 - what is missing of tanh z in z) near 0, ±cap·(1 - what is missing of tanh |z| in 1) elsewhere.
    whole = x if near else copysign(cap, x)
    missing = square * fma(-square, part, THIRD) if near else part
    return copysign(fma(-whole, missing, whole), x)


@softcap.derivative
def softcap_slope(x: Any, cap: float) -> Any:
    z, z_low = quotient(x, cap)
    b, unit = bell_parts(2.0 * z, 2.0 * z_low)
    return 4.0 * b * unit


@softcap.by("cap")
def softcap_by_cap(x: Any, cap: float) -> Any:
    return softcap_rise(x, cap)


def softcap_rise(x: Any, cap: Any) -> Any:
    """tanh z - z·sech² z at z = x/cap."""
    z, z_low = quotient(x, cap)
    y = tanh_(z)
    b, unit = bell_parts(2.0 * z, 2.0 * z_low)
    bounded = min(max(z, LOWEST), -LOWEST)
    return fma(z, y * y, -tanh_shrink_(z)) if abs(z) < 1.0 else fma(-bounded, 4.0 * b * unit, y)


@elementwise(aliases=("logsigmoid", "log_expit"), formula="log(sigma(x))", source="definition")
def log_sigmoid(x: Any) -> Any:
    """log σ(x) = min(x, 0) - log1p(exp(-|x|)). The derivative is σ(-x)."""
    p, p_low, unit = softplus_parts(-x, absent)
    return x if x < LOWEST else 0.0 - (p + p_low) * unit


@log_sigmoid.derivative
def log_sigmoid_slope(x: Any) -> Any:
    return sigmoid_(-x, absent)


@log_sigmoid.derivative_from_output()
def log_sigmoid_slope_from_output(y: Any) -> Any:
    return -expm1(y)


@elementwise(
    formula="where(beta*x > threshold, x, log(1 + exp(beta*x))/beta)",
    source="Dugas et al. 2000, NIPS",
    domain=("1e-6 <= abs(beta) <= 1e37",),
    optional={"threshold": inf},
)
def softplus(x: Any, beta: float = 1.0, threshold: float | None = None) -> Any:
    """log1p(exp(`beta`·x))/`beta`; x itself where `beta`·x > `threshold`, if one is given."""
    z, z_low = scaled(x, beta)
    p, p_low, unit = softplus_parts(z, z_low)
    y = p / beta
    rest = remainder(p, p_low, beta, low(beta), y)
    return x if z > threshold or z > -LOWEST else fma(rest, 1.0 / beta, y) * unit


@softplus.derivative
def softplus_slope(x: Any, beta: float, threshold: float) -> Any:
    z, z_low = scaled(x, beta)
    return 1.0 if z > threshold else sigmoid_(z, z_low)


@softplus.by("beta")
def softplus_by_beta(x: Any, beta: float, threshold: float) -> Any:
    """(z·σ(z) - log(1 + e^z))/beta² at z = beta·x, which is even in z."""
    z, z_low = scaled(x, beta)
    a, a_low = -abs(z), facing(z, z_low)
    p, _, unit = softplus_parts(a, a_low)
    e, _ = exp_negative(a, a_low)
    whole = max(a, LOWEST) * (e / fma(e, unit, 1.0)) - p
    return inside(z <= threshold, x, whole / beta / beta * unit)


@softplus.by("threshold")
def softplus_by_threshold(x: Any, beta: float, threshold: float) -> Any:
    return 0.0


@softplus.derivative_from_output(domain=("threshold == inf",))
def softplus_slope_from_output(y: Any, beta: float, threshold: float) -> Any:
    z = beta * y
    return 1.0 if z > threshold else -expm1(-z)
