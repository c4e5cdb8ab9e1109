"""The losses that are computed element by element, by their definitions, without a reduction."""

from __future__ import annotations

from .activations import TABLE
from .arithmetic import Mathematics, Number


class Loss:
    """A loss: its value and its derivative with respect to x, from the inputs and the parameters but for two.

    To add one, derive a class that defines both. The kernels' first parameter is `weight`, by which they multiply
    both, and their last one `scale`, by which they multiply the derivative.
    """

    inputs = 2

    def value(self, m: Mathematics, *operands: Number) -> Number:
        """Evaluate the loss."""
        raise NotImplementedError

    def slope(self, m: Mathematics, *operands: Number) -> Number | tuple[Number, ...]:
        """Evaluate its derivative, or those with respect to several inputs."""
        raise NotImplementedError

    def forward(self, m: Mathematics, *operands: Number) -> tuple[Number]:
        """Evaluate the weighted loss."""
        inputs, (weight, *params, _) = operands[: self.inputs], operands[self.inputs :]
        return (weight * self.value(m, *inputs, *params),)

    def _gradients(self, m: Mathematics, *operands: Number) -> tuple[Number, ...]:
        inputs, (weight, *params, scale) = operands[: self.inputs], operands[self.inputs :]
        slopes = self.slope(m, *inputs, *params)
        each = slopes if isinstance(slopes, tuple) else (slopes,)
        return tuple(weight * scale * one for one in each)

    def value_and_grad(self, m: Mathematics, *operands: Number) -> tuple[Number, ...]:
        """Evaluate the weighted loss, and `weight` · `scale` times its derivative."""
        return *self.forward(m, *operands), *self._gradients(m, *operands)

    def vjp(self, m: Mathematics, g: Number, *operands: Number) -> tuple[Number, ...]:
        """Evaluate g times that derivative; where that is 0 it is 0."""
        return tuple(m.where(one == 0, 0.0, g * one) for one in self._gradients(m, *operands))


def sign(m: Mathematics, d: Number) -> Number:
    """Return -1, 0 or 1, or NaN."""
    return m.where(d > 0, 1.0, m.where(d < 0, -1.0, 0.0 * d))


class SquaredError(Loss):
    """(x - t)²."""

    def value(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate the loss."""
        d = m.wide(x) - t
        return m.narrow(d * d)

    def slope(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate its derivative."""
        return 2 * (x - t)


class AbsoluteError(Loss):
    """|x - t|."""

    def value(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate the loss."""
        return m.magnitude(x - t)

    def slope(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate its derivative."""
        return sign(m, x - t)


class Huber(Loss):
    """(x - t)²/2 up to a distance of `delta`, and from there on its tangent."""

    def value(self, m: Mathematics, x: Number, t: Number, delta: Number) -> Number:
        """Evaluate the loss."""
        d = m.magnitude(m.wide(x) - t)
        square, line = m.narrow(d * d * 0.5), m.narrow((d - m.wide(delta) * 0.5) * delta)
        return m.where(m.narrow(d) <= delta, square, line)

    def slope(self, m: Mathematics, x: Number, t: Number, delta: Number) -> Number:
        """Evaluate its derivative."""
        return m.maximum(m.minimum(x - t, delta), -delta)


class SmoothL1(Loss):
    """The Huber loss divided by the distance, here `beta`; with a `beta` of 0 the distance itself."""

    def value(self, m: Mathematics, x: Number, t: Number, beta: Number) -> Number:
        """Evaluate the loss."""
        d = m.magnitude(m.wide(x) - t)
        divisor = m.where(beta == 0, 1.0, beta)
        square, line = m.narrow(d * d * 0.5 / divisor), m.narrow(d - m.wide(beta) * 0.5)
        return m.where(m.narrow(d) < beta, square, line)

    def slope(self, m: Mathematics, x: Number, t: Number, beta: Number) -> Number:
        """Evaluate its derivative."""
        d = x - t
        return m.where(m.magnitude(d) < beta, d / m.where(beta == 0, 1.0, beta), sign(m, d))


class LogCosh(Loss):
    """log cosh(x - t), near 0 as log(1 + sinh²)/2."""

    def value(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate the loss."""
        d = m.magnitude(m.wide(x) - t)
        near = m.minimum(m.narrow(d), 1.0)
        sinh = (m.expm1(near) - m.expm1(-near)) / 2
        far = m.narrow(d + m.log1p_exp(-2 * d) - m.log1p_exp(0 * near))
        return m.where(m.narrow(d) < 1, m.log1p(sinh * sinh) / 2, far)

    def slope(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate its derivative."""
        return m.tanh(x - t)


class Hinge(Loss):
    """max(0, 1 - t·x)."""

    def value(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate the loss."""
        return m.maximum(m.narrow(1 - m.wide(x) * t), 0.0)

    def slope(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate its derivative."""
        margin = m.narrow(1 - m.wide(x) * t)
        return m.where(margin <= 0, 0.0, m.where(margin > 0, -t, margin))


class SquaredHinge(Hinge):
    """The square of `Hinge`."""

    def value(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate the loss."""
        return super().value(m, x, t) * super().value(m, x, t)

    def slope(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate its derivative."""
        return -2 * t * super().value(m, x, t)


class BinaryCrossEntropy(Loss):
    """`pos_weight`·t·softplus(-x) + (1 - t)·softplus(x); 0 times infinity counts as 0."""

    def value(self, m: Mathematics, x: Number, t: Number, pos: Number) -> Number:
        """Evaluate the loss."""
        flat = m.narrow(m.log1p_exp(-m.magnitude(x)))
        factor = m.where(x < 0, pos * t, 1 - t)
        linear = m.where(factor == 0, 0.0, factor * m.magnitude(x))
        return (pos * t + (1 - t)) * flat + linear

    def slope(self, m: Mathematics, x: Number, t: Number, pos: Number) -> Number:
        """Evaluate its derivative."""
        rising, falling = TABLE["sigmoid"].forward(m, x), TABLE["sigmoid"].forward(m, -x)
        return (1 - t) * rising - pos * t * falling


LOSSES: dict[str, Loss] = {
    "mse": SquaredError(),
    "l1": AbsoluteError(),
    "huber": Huber(),
    "smooth_l1": SmoothL1(),
    "log_cosh": LogCosh(),
    "hinge": Hinge(),
    "squared_hinge": SquaredHinge(),
    "binary_cross_entropy_with_logits": BinaryCrossEntropy(),
}
