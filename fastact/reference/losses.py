"""The losses that are computed element by element, by their definitions, without a reduction."""

from __future__ import annotations

from .activations import TABLE
from .arithmetic import Mathematics, Number


class BinaryCrossEntropy:
    """`pos_weight`·t·softplus(-x) + (1 - t)·softplus(x), times `weight`; 0 times infinity counts as 0."""

    def forward(
        self, m: Mathematics, x: Number, t: Number, weight: Number, pos: Number, scale: Number
    ) -> tuple[Number]:
        """Evaluate the loss."""
        flat = m.narrow(m.log1p_exp(-m.magnitude(x)))
        factor = m.where(x < 0, pos * t, 1 - t)
        linear = m.where(factor == 0, 0.0, factor * m.magnitude(x))
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


LOSSES = {"binary_cross_entropy_with_logits": BinaryCrossEntropy()}
