"""The gates, defined by their activations.

To add one, write it into the table; the activation's definition stands in `activations`. Parameters come after the
arrays, in the order of the declaration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .activations import TABLE, Reference
from .activations.table import clipped
from .arithmetic import Mathematics, Number


@dataclass(frozen=True)
class Gate:
    """activation(gate)·value."""

    name: str

    @property
    def activation(self) -> Reference:
        """The definition of the activation."""
        return TABLE[self.name]

    def forward(self, m: Mathematics, gate: Number, value: Number) -> tuple[Number]:
        """Evaluate the gate."""
        return (self.activation.forward(m, gate) * value,)

    def vjp(self, m: Mathematics, g: Number, gate: Number, value: Number) -> tuple[Number, Number]:
        """Evaluate the gradients with respect to gate and value."""
        dgate = g * value * self.activation.derivative(m, gate)
        return dgate, g * self.activation.forward(m, gate)


class Reglu(Gate):
    """The gate where it is above a threshold, else 0, and then no gradient passes, not even inf·0."""

    def forward(
        self, m: Mathematics, gate: Number, value: Number, threshold: Number = 0.0
    ) -> tuple[Number]:
        """Evaluate the gate."""
        return (m.where(gate <= threshold, 0.0, gate) * value,)

    def vjp(
        self, m: Mathematics, g: Number, gate: Number, value: Number, threshold: Number = 0.0
    ) -> tuple[Number, Number]:
        """Evaluate the gradients."""
        closed = gate <= threshold
        dgate = m.where(gate == gate, g * value, gate)
        return m.where(closed, 0.0, dgate), m.where(closed, 0.0, g * gate)


class Swiglu(Gate):
    """silu(min(gate, limit), alpha)·(clip(value, ±limit) + linear_offset)."""

    def forward(
        self,
        m: Mathematics,
        gate: Number,
        value: Number,
        alpha: Number = 1.0,
        limit: Number = math.inf,
        linear_offset: Number = 0.0,
    ) -> tuple[Number]:
        """Evaluate the gate."""
        activated = self.activation.forward(m, m.minimum(gate, limit), alpha)
        return (activated * (clipped(m, value, -limit, limit) + linear_offset),)

    def vjp(
        self,
        m: Mathematics,
        g: Number,
        gate: Number,
        value: Number,
        alpha: Number = 1.0,
        limit: Number = math.inf,
        linear_offset: Number = 0.0,
    ) -> tuple[Number, Number]:
        """Evaluate the gradients."""
        inner = m.minimum(gate, limit)
        factor = clipped(m, value, -limit, limit) + linear_offset
        dgate = g * factor * self.activation.derivative(m, inner, alpha)
        dvalue = g * self.activation.forward(m, inner, alpha)
        return m.where(gate > limit, 0.0, dgate), m.where(m.magnitude(value) > limit, 0.0, dvalue)


class SituGlu(Gate):
    """situ(gate, gate_scale)·(softcap(value, linear_scale) + linear_offset)."""

    def forward(
        self,
        m: Mathematics,
        gate: Number,
        value: Number,
        gate_scale: Number = 4.0,
        linear_scale: Number = 25.0,
        linear_offset: Number = 0.0,
    ) -> tuple[Number]:
        """Evaluate the gate."""
        factor = TABLE["softcap"].forward(m, value, linear_scale) + linear_offset
        return (self.activation.forward(m, gate, gate_scale) * factor,)

    def vjp(
        self,
        m: Mathematics,
        g: Number,
        gate: Number,
        value: Number,
        gate_scale: Number = 4.0,
        linear_scale: Number = 25.0,
        linear_offset: Number = 0.0,
    ) -> tuple[Number, Number]:
        """Evaluate the gradients."""
        factor = TABLE["softcap"].forward(m, value, linear_scale) + linear_offset
        slope = TABLE["softcap"].derivative(m, value, linear_scale)
        dgate = g * factor * self.activation.derivative(m, gate, gate_scale)
        return dgate, g * slope * self.activation.forward(m, gate, gate_scale)


GATES = {
    "glu": Gate("sigmoid"),
    "swiglu": Swiglu("silu"),
    "geglu": Gate("gelu"),
    "geglu_tanh": Gate("gelu_tanh"),
    "geglu_sigmoid": Gate("quick_gelu"),
    "reglu": Reglu("relu"),
    "situ_glu": SituGlu("situ"),
    "bilinear": Gate("identity"),
}
