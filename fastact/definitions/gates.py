"""The table of elementwise functions of several arrays: gates and their like, each declared once, next to its vjp.

To add one, write it here and its definition in reference/gates.py. Each pass is a function of the kernel dialect, as in
activations.py, that returns as many values as its signature has outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import declare
from .activations import inside
from .coefficients import MILLS_END
from .dialect import absent, fma, per_type
from .elementary import LARGEST, LOWEST, UNIT, bell_parts, logistic_parts, softplus_parts
from .gaussian import gelu_slope_tail, gelu_tail
from .logistic import swish_parts, swish_slope_parts

FUSED = declare.FusedTable()

LIFT = per_type(f32=2.0**64, f64=2.0**128)
# Below this x·Φ(x) is x/2, within 2^-5 ulp.
HALVED = per_type(f32=2.0**-30, f64=2.0**-59)

GATE = {
    "forward": (("gate", "value"), ("out",)),
    "vjp": (("g", "gate", "value"), ("dgate", "dvalue")),
}


def gate(*, source: str) -> Callable[[Callable[..., Any]], declare.Fused]:
    """Decorator: declare the product of two arrays of which `gate` is activated."""
    return FUSED.fused(source=source, signatures=GATE)


# Activations come as (p, p_low, unit), slopes as (p, unit), to be read as (p + p_low)·unit with p a normal number; the
# unit is 0 where they are less than half the smallest number, so that a gate of -1e9 is closed to any value.


def product(p: Any, p_low: Any, unit: Any, factor: Any) -> Any:
    """(p + p_low)·unit·`factor`, rounded once, for any factor. Unless `unit` is 1, |p| is less than 1/UNIT.

    `unit` goes first to a large factor, which it leaves exact, and last to a small one: neither product overflows, and
    the first is no subnormal where it matters.
    """
    large = abs(factor) > 1.0
    factor = factor * unit if large else factor
    return fma(p, factor, p_low * min(max(factor, -LARGEST), LARGEST)) * (1.0 if large else unit)


# --- the gates ---------------------------------------------------------------------------------------------------


def sigmoid_parts(x: Any) -> Any:
    s, s_low, unit, _ = logistic_parts(x, absent)
    return s, s_low, 0.0 if x < LOWEST else unit


def sigmoid_slope_parts(x: Any) -> Any:
    b, unit = bell_parts(x, absent)
    return b, 0.0 if abs(x) > -LOWEST else unit


@gate(source="Dauphin, Fan, Auli, Grangier 2016, arXiv:1612.08083")
def glu(gate: Any, value: Any) -> Any:
    """σ(gate)·value, the gated linear unit."""
    s, s_low, unit = sigmoid_parts(gate)
    return product(s, s_low, unit, value)


@glu.vjp
def glu_vjp(g: Any, gate: Any, value: Any) -> Any:
    s, s_low, unit = sigmoid_parts(gate)
    b, b_unit = sigmoid_slope_parts(gate)
    return product(b, absent, b_unit, g * value), product(s, s_low, unit, g)


def silu_parts(x: Any) -> Any:
    # x·σ(x) for 0 ≤ x < 1 is lifted, too: it is subnormal where x is.
    small = x >= 0.0 and x < 1.0
    p, p_low, unit = swish_parts(x * LIFT if small else x, x, absent)
    return p, p_low, UNIT if small else unit


def silu_slope_parts(x: Any) -> Any:
    d, unit = swish_slope_parts(x, absent, x, absent)
    return d, 0.0 if x < LOWEST else unit


@gate(source="Shazeer 2020, arXiv:2002.05202")
def swiglu(gate: Any, value: Any) -> Any:
    """gate·σ(gate)·value."""
    p, p_low, unit = silu_parts(gate)
    return product(p, p_low, unit, value)


@swiglu.vjp
def swiglu_vjp(g: Any, gate: Any, value: Any) -> Any:
    p, p_low, unit = silu_parts(gate)
    d, d_unit = silu_slope_parts(gate)
    return product(d, absent, d_unit, g * value), product(p, p_low, unit, g)


def gelu_parts(x: Any) -> Any:
    # Between -1 and 1 it is lifted, too, and x/2 in the end: it is subnormal where x is.
    tail, tail_low = gelu_tail(x)
    large, closed = x >= 1.0, x < -MILLS_END
    unit = 1.0 if large else UNIT
    high = max(x if large else x * LIFT, 0.0)
    tail = tail * UNIT if large else tail
    tail_low = tail_low * UNIT if large else tail_low
    p = high - tail
    p_low = ((high - p) - tail) - tail_low
    halved = abs(x) < HALVED
    p = 0.5 * (x * LIFT) if halved else (0.0 if closed else p)
    return p, 0.0 if halved or closed or x > MILLS_END else p_low, unit


def gelu_slope_parts(x: Any) -> Any:
    tail, rising = 0.25 * gelu_slope_tail(x), x >= 0.0
    below = 0.0 if x < -MILLS_END else -tail
    return 1.0 + tail * UNIT if rising else below, 1.0 if rising else UNIT


@gate(source="Shazeer 2020, arXiv:2002.05202")
def geglu(gate: Any, value: Any) -> Any:
    """gate·Φ(gate)·value, Φ the normal cdf."""
    p, p_low, unit = gelu_parts(gate)
    return product(p, p_low, unit, value)


@geglu.vjp
def geglu_vjp(g: Any, gate: Any, value: Any) -> Any:
    p, p_low, unit = gelu_parts(gate)
    d, d_unit = gelu_slope_parts(gate)
    return product(d, absent, d_unit, g * value), product(p, p_low, unit, g)


@gate(source="Shazeer 2020, arXiv:2002.05202")
def reglu(gate: Any, value: Any) -> Any:
    """max(gate, 0)·value. A gate at 0 is closed to gradients."""
    return max(gate, 0.0) * value


@reglu.vjp
def reglu_vjp(g: Any, gate: Any, value: Any) -> Any:
    return inside(gate > 0.0, gate, g * value), inside(gate > 0.0, gate, g * gate)


@gate(source="Mnih, Hinton 2007, doi:10.1145/1273496.1273577; Shazeer 2020, arXiv:2002.05202")
def bilinear(gate: Any, value: Any) -> Any:
    """gate·value."""
    return gate * value


@bilinear.vjp
def bilinear_vjp(g: Any, gate: Any, value: Any) -> Any:
    return g * value, g * gate


#: The names of the gates
GATES = tuple(name for name, declaration in FUSED.items() if declaration.signatures is GATE)


# --- concatenated rectifiers -------------------------------------------------------------------------------------

HALVES = {
    "forward": (("x",), ("positive", "negative")),
    "vjp": (("g_positive", "g_negative", "x"), ("dx",)),
}


@FUSED.fused(source="Shang, Sohn, Almeida, Lee 2016, arXiv:1603.05201", signatures=HALVES)
def crelu(x: Any) -> Any:
    """max(x, 0) and max(-x, 0), one after the other along an axis. The derivative is 0 at 0."""
    return max(x, 0.0), max(-x, 0.0)


@crelu.vjp
def crelu_vjp(g_positive: Any, g_negative: Any, x: Any) -> Any:
    return g_positive if x > 0.0 else (-g_negative if x < 0.0 else x * 0.0)


# --- losses ------------------------------------------------------------------------------------------------------

LOSS = {
    "forward": (("x", "target"), ("loss",)),
    "value_and_grad": (("x", "target"), ("loss", "dx")),
    "vjp": (("g", "x", "target"), ("dx",)),
}


def bce_shares(target: Any, pos_weight: Any) -> Any:
    """What log σ(x) and log σ(-x) are multiplied by, and the sum of both."""
    negative = 1.0 - target
    return pos_weight * target, negative, fma(pos_weight, target, negative)


def bce_value(x: Any, target: Any, pos_weight: Any) -> Any:
    """`pos_weight`·t·softplus(-x) + (1 - t)·softplus(x), both from softplus(-|x|); a term of which t leaves 0 is 0."""
    positive, negative, both = bce_shares(target, pos_weight)
    p, p_low, unit = softplus_parts(-abs(x), absent)
    share = positive if x < 0.0 else negative
    linear = 0.0 if share == 0.0 else share * abs(x)
    return fma(both * (p + p_low), unit, linear)


def bce_slope(x: Any, target: Any, pos_weight: Any) -> Any:
    """(1 - t)·σ(x) - `pos_weight`·t·σ(-x)."""
    positive, negative, _ = bce_shares(target, pos_weight)
    s, s_low, unit, e = logistic_parts(-abs(x), absent)
    small = (s + s_low) * unit
    large = 1.0 / (1.0 + e)
    below = x < 0.0
    return fma(negative, small if below else large, -(positive * (large if below else small)))


@FUSED.fused(source="negative log-likelihood of a Bernoulli variable", signatures=LOSS)
def _bce_with_logits(
    x: Any, target: Any, weight: float = 1.0, pos_weight: float = 1.0, scale: float = 1.0
) -> Any:
    """`weight`·(`pos_weight`·t·softplus(-x) + (1 - t)·softplus(x)); the gradient is multiplied by `scale`."""
    return weight * bce_value(x, target, pos_weight)


@_bce_with_logits.value_and_grad
def _bce_value_and_grad(x: Any, target: Any, weight: float, pos_weight: float, scale: float) -> Any:
    slope = weight * scale * bce_slope(x, target, pos_weight)
    return weight * bce_value(x, target, pos_weight), slope


@_bce_with_logits.vjp
def _bce_vjp(g: Any, x: Any, target: Any, weight: float, pos_weight: float, scale: float) -> Any:
    return g * (weight * scale * bce_slope(x, target, pos_weight))
