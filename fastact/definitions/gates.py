"""The table of gates: one array, activated, times another; each declared once, next to its vjp.

To add one, write it here and its definition in reference/gates.py. Each pass is a function of the kernel dialect that
returns as many values as it has outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .activations.table import inside
from .coefficients import MILLS_END
from .declare import Declaration, Table
from .dialect import absent, fma, per_type
from .elementary import LARGEST, LOWEST, ONE_OVER_UNIT, UNIT, bell_parts, logistic_parts
from .gaussian import QUARTER, gelu_slope_tail, gelu_tail_parts
from .logistic import swish_parts, swish_slope_parts

GATES = Table(bound={"forward": 2.0, "vjp": 4.0}, required=("forward", "vjp"))
GRADIENTS = ("dgate", "dvalue")

# Below this x·Φ(x) is x/2, within 2^-5 ulp.
HALVED = per_type(f32=2.0**-30, f64=2.0**-59)


def gate(*, source: str, order: str = "gate_first") -> Callable[[Callable[..., Any]], Declaration]:
    """Decorator: declare the product of two arrays of which `gate` is activated.

    `order` says which half of an array that holds both is the gate.
    """
    return GATES.declare(source=source, inputs=("gate", "value"), order=order)


# Activations are (p, p_low, unit), slopes (p, unit), which stand for (p + p_low)·unit with p a normal number; the
# unit is 0 where they are less than half the smallest number, so that a gate of -1e9 is closed to any value.


def product(p: Any, p_low: Any, unit: Any, factor: Any) -> Any:
    """(p + p_low)·unit·`factor`, rounded once, for any factor. Unless `unit` is 1, |p| is less than 1/UNIT.

    `unit` goes first to a large factor, which it leaves exact, and last to a small one: neither product overflows, and
    the first is no subnormal where it matters.
    """
    large = abs(factor) > 1.0
    factor = factor * unit if large else factor
    return fma(p, factor, p_low * min(max(factor, -LARGEST), LARGEST)) * (1.0 if large else unit)


def sigmoid_parts(x: Any) -> Any:
    s, s_low, unit, _ = logistic_parts(x, absent)
    return s, s_low, 0.0 if x < LOWEST else unit


def sigmoid_slope_parts(x: Any) -> Any:
    b, unit = bell_parts(x, absent)
    return b, 0.0 if abs(x) > -LOWEST else unit


# PyTorch's glu activates the second half; of the others, most code activates the first.
@gate(source="Dauphin, Fan, Auli, Grangier 2016, arXiv:1612.08083", order="value_first")
def glu(gate: Any, value: Any) -> Any:
    """σ(gate)·value, the gated linear unit."""
    s, s_low, unit = sigmoid_parts(gate)
    return product(s, s_low, unit, value)


@glu.vjp(outputs=GRADIENTS)
def glu_vjp(g: Any, gate: Any, value: Any) -> Any:
    s, s_low, unit = sigmoid_parts(gate)
    b, b_unit = sigmoid_slope_parts(gate)
    return product(b, absent, b_unit, g * value), product(s, s_low, unit, g)


def silu_parts(x: Any) -> Any:
    # x·σ(x) for 0 ≤ x < 1 has the unit too: it is subnormal where x is.
    small = x >= 0.0 and x < 1.0
    p, p_low, unit = swish_parts(x * ONE_OVER_UNIT if small else x, x, absent)
    return p, p_low, UNIT if small else unit


def silu_slope_parts(x: Any) -> Any:
    d, unit = swish_slope_parts(x, absent, x, absent)
    return d, 0.0 if x < LOWEST else unit


@gate(source="Shazeer 2020, arXiv:2002.05202")
def swiglu(gate: Any, value: Any) -> Any:
    """gate·σ(gate)·value."""
    p, p_low, unit = silu_parts(gate)
    return product(p, p_low, unit, value)


@swiglu.vjp(outputs=GRADIENTS)
def swiglu_vjp(g: Any, gate: Any, value: Any) -> Any:
    p, p_low, unit = silu_parts(gate)
    d, d_unit = silu_slope_parts(gate)
    return product(d, absent, d_unit, g * value), product(p, p_low, unit, g)


def gelu_parts(x: Any) -> Any:
    # Between -1 and 1 it has the unit too, and is x/2 near 0: it is subnormal where x is.
    tail, tail_low = gelu_tail_parts(x)
    large, closed = x >= 1.0, x < -MILLS_END
    unit = 1.0 if large else UNIT
    high = max(x if large else x * ONE_OVER_UNIT, 0.0)
    tail = tail * UNIT if large else tail
    tail_low = tail_low * UNIT if large else tail_low
    p = high - tail
    p_low = ((high - p) - tail) - tail_low
    halved = abs(x) < HALVED
    p = 0.5 * (x * ONE_OVER_UNIT) if halved else (0.0 if closed else p)
    return p, 0.0 if halved or closed or x > MILLS_END else p_low, unit


def gelu_slope_parts(x: Any) -> Any:
    tail, rising = QUARTER * gelu_slope_tail(x), x >= 0.0
    below = 0.0 if x < -MILLS_END else tail
    return 1.0 - tail * UNIT if rising else below, 1.0 if rising else UNIT


@gate(source="Shazeer 2020, arXiv:2002.05202")
def geglu(gate: Any, value: Any) -> Any:
    """gate·Φ(gate)·value, Φ the normal cdf."""
    p, p_low, unit = gelu_parts(gate)
    return product(p, p_low, unit, value)


@geglu.vjp(outputs=GRADIENTS)
def geglu_vjp(g: Any, gate: Any, value: Any) -> Any:
    p, p_low, unit = gelu_parts(gate)
    d, d_unit = gelu_slope_parts(gate)
    return product(d, absent, d_unit, g * value), product(p, p_low, unit, g)


@gate(source="Shazeer 2020, arXiv:2002.05202")
def reglu(gate: Any, value: Any) -> Any:
    """max(gate, 0)·value. A gate at 0 is closed to gradients."""
    return max(gate, 0.0) * value


@reglu.vjp(outputs=GRADIENTS)
def reglu_vjp(g: Any, gate: Any, value: Any) -> Any:
    return inside(gate > 0.0, gate, g * value), inside(gate > 0.0, gate, g * gate)


@gate(source="Mnih, Hinton 2007, doi:10.1145/1273496.1273577; Shazeer 2020, arXiv:2002.05202")
def bilinear(gate: Any, value: Any) -> Any:
    """gate·value."""
    return gate * value


@bilinear.vjp(outputs=GRADIENTS)
def bilinear_vjp(g: Any, gate: Any, value: Any) -> Any:
    return g * value, g * gate
