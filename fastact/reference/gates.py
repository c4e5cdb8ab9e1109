"""The functions of several arrays from the definitions in `reference`: what the kernels are checked against.

Evaluated in NumPy float64, which is the `numpy` backend, or in mpmath with 60 digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .activations import TABLE, Reference
from .arithmetic import FLOAT64, Mathematics, Number, exact_arithmetic


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


class CRelu:
    """max(x, 0) and max(-x, 0)."""

    def forward(self, m: Mathematics, x: Number) -> tuple[Number, Number]:
        """Evaluate both."""
        return TABLE["relu"].forward(m, x), TABLE["relu"].forward(m, -x)

    def vjp(
        self, m: Mathematics, g_positive: Number, g_negative: Number, x: Number
    ) -> tuple[Number]:
        """Evaluate the gradient with respect to x."""
        return (m.where(x > 0, g_positive, m.where(x < 0, -g_negative, 0 * x)),)


class BinaryCrossEntropy:
    """`pos_weight`·t·softplus(-x) + (1 - t)·softplus(x), times `weight`; what t leaves nothing of counts as 0."""

    def forward(
        self, m: Mathematics, x: Number, t: Number, weight: Number, pos: Number, scale: Number
    ) -> tuple[Number]:
        """Evaluate the loss."""
        flat = m.narrow(m.log1p_exp(-m.magnitude(x)))
        share = m.where(x < 0, pos * t, 1 - t)
        linear = m.where(share == 0, 0.0, share * m.magnitude(x))
        return (weight * ((pos * t + (1 - t)) * flat + linear),)

    def value_and_grad(
        self, m: Mathematics, x: Number, t: Number, weight: Number, pos: Number, scale: Number
    ) -> tuple[Number, Number]:
        """Evaluate the loss, and `scale` times its derivative with respect to x."""
        (value,) = self.forward(m, x, t, weight, pos, scale)
        rising, falling = TABLE["sigmoid"].forward(m, x), TABLE["sigmoid"].forward(m, -x)
        return value, weight * scale * ((1 - t) * rising - pos * t * falling)

    def vjp(
        self, m: Mathematics, g: Number, x: Number, t: Number, *params: Number
    ) -> tuple[Number]:
        """Evaluate g times that derivative."""
        return (g * self.value_and_grad(m, x, t, *params)[1],)


FUSED: dict[str, Any] = {
    "glu": Gate("sigmoid"),
    "swiglu": Gate("silu"),
    "geglu": Gate("gelu"),
    "reglu": Gate("relu", closes=True),
    "bilinear": Gate("identity"),
    "crelu": CRelu(),
    "_bce_with_logits": BinaryCrossEntropy(),
}


def evaluate(name: str, pass_: str, *inputs: Any) -> tuple[Any, ...]:
    """Return the outputs of a pass in float64, all inputs broadcast."""
    arguments = (np.asarray(a, dtype=np.float64) for a in inputs)
    with np.errstate(all="ignore"):
        return tuple(getattr(FUSED[name], pass_)(FLOAT64, *arguments))


def exact(name: str, pass_: str, *inputs: float) -> tuple[Any, ...]:
    """Return the same for one element as mpmath numbers of 60 digits; what is not finite as `evaluate` does."""
    m = exact_arithmetic()
    if not all(map(math.isfinite, inputs)):
        return tuple(m.context.mpf(float(value)) for value in evaluate(name, pass_, *inputs))
    arguments = (m.context.mpf(a) for a in inputs)
    return tuple(m.context.mpf(value) for value in getattr(FUSED[name], pass_)(m, *arguments))
