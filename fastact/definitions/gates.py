"""The table of gates: one array, activated, times another; each declared once, next to its vjp.

To add one, write it here and its definition in reference/gates.py. Each pass is a function of the kernel dialect that
returns as many values as it has outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from .activations.capped import capped, situ_parts, situ_slope_parts
from .activations.table import above, inside
from .activations.weighted import QUICK
from .declaration import Declaration
from .declare import Table
from .dialect import absent, known
from .elementary import UNIT, scaled
from .gate_parts import (
    gelu_parts,
    gelu_slope_parts,
    gelu_tanh_parts,
    gelu_tanh_slope_parts,
    linear_parts,
    product,
    shifted,
    sigmoid_parts,
    sigmoid_slope_parts,
    silu_parts,
    silu_slope_parts,
    swish_of,
    swish_slope_of,
    weighted,
    within,
)

GATES = Table(bound={"forward": 2.0, "vjp": 4.0}, required=("forward", "vjp"))
GRADIENTS = ("dgate", "dvalue")


def gate(
    *, source: str, order: str = "gate_first", **facts: Any
) -> Callable[[Callable[..., Any]], Declaration]:
    """Decorator: declare the product of two arrays of which `gate` is activated.

    `order` says which half of an array that holds both is the gate.
    """
    return GATES.declare(source=source, inputs=("gate", "value"), order=order, **facts)


# PyTorch's glu activates the second half; of the others, most code activates the first.
@gate(source="Dauphin, Fan, Auli, Grangier 2016, arXiv:1612.08083", order="value_first")
def glu(gate: Any, value: Any) -> Any:
    """σ(gate)·value, the gated linear unit."""
    s, s_low, unit = sigmoid_parts(gate)
    return product(s, s_low, unit, value, absent)


@glu.vjp(outputs=GRADIENTS)
def glu_vjp(g: Any, gate: Any, value: Any) -> Any:
    s, s_low, unit = sigmoid_parts(gate)
    b, b_unit = sigmoid_slope_parts(gate)
    return product(b, absent, b_unit, g * value, absent), product(s, s_low, unit, g, absent)


@gate(
    source="Shazeer 2020, arXiv:2002.05202",
    optional={"limit": inf},
    # An alpha as small leaves the activation what it underflows at; none leaves σ(alpha·gate) without gate.
    domain=("1e-4 <= alpha <= 1e6", "limit > 0", "-1e6 <= linear_offset <= 1e6"),
)
def swiglu(
    gate: Any,
    value: Any,
    alpha: float = 1.0,
    limit: float | None = None,
    linear_offset: float = 0.0,
) -> Any:
    """gate·σ(`alpha`·gate)·(value + `linear_offset`).

    With a `limit` the gate is clipped to at most that, the value to ±`limit`; gradients are 0 where they are clipped.
    """
    p, p_low, unit = silu_parts(gate, alpha, limit)
    factor, factor_low = linear_parts(value, limit, linear_offset)
    return product(p, p_low, unit, factor, factor_low)


@swiglu.vjp(outputs=GRADIENTS)
def swiglu_vjp(
    g: Any, gate: Any, value: Any, alpha: float, limit: float, linear_offset: float
) -> Any:
    p, p_low, unit = silu_parts(gate, alpha, limit)
    d, d_unit = silu_slope_parts(gate, alpha, limit)
    factor, factor_low = linear_parts(value, limit, linear_offset)
    dgate = product(d, absent, d_unit, weighted(g, factor, factor_low), absent)
    dvalue = product(p, p_low, unit, g, absent)
    return within(gate, limit, dgate), within(abs(value), limit, dvalue)


GEGLU_CHOICES: dict[str, dict[object, str]] = {
    "approximate": {
        "none": "geglu",
        False: "geglu",
        "tanh": "geglu_tanh",
        True: "geglu_tanh",
        "sigmoid": "geglu_sigmoid",
    }
}


@gate(source="Shazeer 2020, arXiv:2002.05202", choices=GEGLU_CHOICES)
def geglu(gate: Any, value: Any) -> Any:
    """gate·Φ(gate)·value, Φ the normal cdf.

    With `approximate="tanh"`, `geglu_tanh`; with `approximate="sigmoid"`, `geglu_sigmoid`.
    """
    p, p_low, unit = gelu_parts(gate)
    return product(p, p_low, unit, value, absent)


@geglu.vjp(outputs=GRADIENTS)
def geglu_vjp(g: Any, gate: Any, value: Any) -> Any:
    p, p_low, unit = gelu_parts(gate)
    d, d_unit = gelu_slope_parts(gate)
    return product(d, absent, d_unit, g * value, absent), product(p, p_low, unit, g, absent)


@gate(source="geglu with gelu_tanh for its activation")
def geglu_tanh(gate: Any, value: Any) -> Any:
    """gelu_tanh(gate)·value."""
    p, p_low, unit = gelu_tanh_parts(gate)
    return product(p, p_low, unit, value, absent)


@geglu_tanh.vjp(outputs=GRADIENTS)
def geglu_tanh_vjp(g: Any, gate: Any, value: Any) -> Any:
    p, p_low, unit = gelu_tanh_parts(gate)
    d, d_unit = gelu_tanh_slope_parts(gate)
    return product(d, absent, d_unit, g * value, absent), product(p, p_low, unit, g, absent)


@gate(aliases=("quick_geglu",), source="geglu with quick_gelu for its activation")
def geglu_sigmoid(gate: Any, value: Any) -> Any:
    """gate·σ(1.702 gate)·value."""
    z, z_low = scaled(gate, QUICK)
    p, p_low, unit = swish_of(gate, z, z_low)
    return product(p, p_low, unit, value, absent)


@geglu_sigmoid.vjp(outputs=GRADIENTS)
def geglu_sigmoid_vjp(g: Any, gate: Any, value: Any) -> Any:
    z, z_low = scaled(gate, QUICK)
    p, p_low, unit = swish_of(gate, z, z_low)
    d, d_unit = swish_slope_of(z, z_low, z, z_low)
    return product(d, absent, d_unit, g * value, absent), product(p, p_low, unit, g, absent)


@gate(source="Shazeer 2020, arXiv:2002.05202; with a threshold: Song et al. 2024, arXiv:2402.13516")
def reglu(gate: Any, value: Any, threshold: float = 0.0) -> Any:
    """gate·value where gate > `threshold`, else 0. A gate at the threshold is closed to gradients."""
    kept = (
        above(gate, threshold) or gate == 0.0 or gate != gate
    )  # a zero with its sign, as by default
    return (max(gate, 0.0) if known(threshold) else (gate if kept else 0.0)) * value


@reglu.vjp(outputs=GRADIENTS)
def reglu_vjp(g: Any, gate: Any, value: Any, threshold: float) -> Any:
    opened = gate > 0.0 if known(threshold) else above(gate, threshold)
    return inside(opened, gate, g * value), inside(opened, gate, g * gate)


@gate(
    source="Moonshot AI, Kimi K3; Megatron Core's situ",
    domain=(
        "1e-6 <= gate_scale <= 1e6",
        "1e-6 <= linear_scale <= 1e6",
        "-1e6 <= linear_offset <= 1e6",
    ),
)
def situ_glu(
    gate: Any,
    value: Any,
    gate_scale: float = 4.0,
    linear_scale: float = 25.0,
    linear_offset: float = 0.0,
) -> Any:
    """situ(gate, `gate_scale`)·(`linear_scale`·tanh(value/`linear_scale`) + `linear_offset`)."""
    p, p_low, unit = situ_parts(gate, gate_scale)
    c, c_low, _, _, _ = capped(value, linear_scale)
    factor, factor_low = shifted(c, c_low, linear_offset)
    return product(p, p_low, unit, factor, factor_low)


@situ_glu.vjp(outputs=GRADIENTS)
def situ_glu_vjp(
    g: Any,
    gate: Any,
    value: Any,
    gate_scale: float,
    linear_scale: float,
    linear_offset: float,
) -> Any:
    p, p_low, unit = situ_parts(gate, gate_scale)
    d, d_unit = situ_slope_parts(gate, gate_scale)
    c, c_low, _, _, bell = capped(value, linear_scale)
    factor, factor_low = shifted(c, c_low, linear_offset)
    large = abs(g) > 1.0
    falling = (g * UNIT if large else g) * bell * (1.0 if large else UNIT)
    dgate = product(d, absent, d_unit, weighted(g, factor, factor_low), absent)
    return dgate, product(p, p_low, unit, falling, absent)


@gate(source="Mnih, Hinton 2007, doi:10.1145/1273496.1273577; Shazeer 2020, arXiv:2002.05202")
def bilinear(gate: Any, value: Any) -> Any:
    """gate·value."""
    return gate * value


@bilinear.vjp(outputs=GRADIENTS)
def bilinear_vjp(g: Any, gate: Any, value: Any) -> Any:
    return g * value, g * gate
