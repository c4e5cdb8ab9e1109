"""The gates, defined by their activations.

To add one, write it into the table; the activation's definition stands in `activations`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .activations import TABLE, Reference
from .arithmetic import Mathematics, Number


@dataclass(frozen=True)
class Gate:
    """activation(gate)·value. One that `closes` is 0 along a half-line, where no gradient passes, not even inf·0."""

    name: str
    closes: bool = False

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
        dvalue = g * self.activation.forward(m, gate)
        if not self.closes:
            return dgate, dvalue
        return m.where(gate <= 0, 0.0, dgate), m.where(gate <= 0, 0.0, dvalue)


GATES = {
    "glu": Gate("sigmoid"),
    "swiglu": Gate("silu"),
    "geglu": Gate("gelu"),
    "reglu": Gate("relu", closes=True),
    "bilinear": Gate("identity"),
}
