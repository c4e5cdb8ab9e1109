"""The losses that are computed element by element, by their definitions, without a reduction."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .activations import TABLE
from .arithmetic import Mathematics, Number

# 50 digits.
PI = Fraction("3.14159265358979323846264338327950288419716939937510")


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


class Focal(Loss):
    """a·q^gamma·cross entropy for the probability q of the wrong answer, by the logarithm of q."""

    def _parts(
        self, m: Mathematics, x: Number, t: Number, alpha: Number, gamma: Number
    ) -> tuple[Number, Number, Number, Number]:
        """Return a, q^gamma, the cross entropy, and σ(x)·σ(-x)/q."""
        distance = -m.magnitude(x)
        flat, small = m.narrow(m.log1p_exp(distance)), m.exp(distance)
        large, other = m.where(x >= 0, 1 - t, t), m.where(x >= 0, t, 1 - t)
        closed = large == 0
        total = m.where(closed, other, large + other * small)
        log_q = m.log(total) + m.where(closed, distance, 0.0) - flat
        power = m.where(gamma == 0, 1.0, m.exp(m.where(gamma == 0, 0.0, gamma * log_q)))
        entropy = flat + m.where(closed, 0.0, large * -distance)
        quotient = m.where(closed, 1.0, small) / (1 + small) / total
        a = m.where(alpha < 0, 1.0, alpha * t + (1 - alpha) * (1 - t))
        return a, power, entropy, quotient

    def value(self, m: Mathematics, x: Number, t: Number, alpha: Number, gamma: Number) -> Number:
        """Evaluate the loss."""
        a, power, entropy, _ = self._parts(m, x, t, alpha, gamma)
        return a * power * entropy

    def slope(self, m: Mathematics, x: Number, t: Number, alpha: Number, gamma: Number) -> Number:
        """Evaluate its derivative."""
        a, power, entropy, quotient = self._parts(m, x, t, alpha, gamma)
        first = BinaryCrossEntropy().slope(m, x, t, 1.0)
        second = m.where(quotient == 0, 0.0, gamma * (1 - 2 * t) * entropy * quotient)
        return a * power * (first + second)


@dataclass(frozen=True)
class Divergence(Loss):
    """t·(log t - x), the target t given by itself or by its logarithm; 0 where t is 0."""

    log_target: bool

    def value(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate the loss."""
        p, log = (m.exp(t), t) if self.log_target else (t, m.log(t))
        difference = m.narrow(m.wide(log) - x)
        product = m.times_exp(difference, t) if self.log_target else p * difference
        return m.where(p == 0, m.where(x == x, 0.0, x), product)

    def slope(self, m: Mathematics, x: Number, t: Number) -> Number:
        """Evaluate its derivative."""
        return -(m.exp(t) if self.log_target else t)


@dataclass(frozen=True)
class Poisson(Loss):
    """Rate minus t times its logarithm, and in full what Stirling leaves of log t!."""

    log_input: bool
    full: bool

    def value(self, m: Mathematics, x: Number, t: Number, eps: Number) -> Number:
        """Evaluate the loss."""
        rate, log = (m.exp(x), x) if self.log_input else (x, m.log(x + eps))
        value = rate - m.where(t == 0, 0.0, t * log)
        if not self.full:
            return value
        two_pi = 2 * m.real(PI)
        above = m.where(t > 1, t, 1.0)
        stirling = above * m.log(above) - above + m.log(m.narrow(two_pi * above)) / 2
        return value + m.where(t > 1, stirling, 0.0 * t)

    def slope(self, m: Mathematics, x: Number, t: Number, eps: Number) -> Number:
        """Evaluate its derivative."""
        return m.exp(x) - t if self.log_input else 1 - t / (x + eps)


@dataclass(frozen=True)
class Gaussian(Loss):
    """(log v + (x - t)²/v)/2 for the variance v, which is at least eps; in full with log(2π)/2."""

    full: bool
    inputs = 3

    def value(self, m: Mathematics, x: Number, t: Number, var: Number, eps: Number) -> Number:
        """Evaluate the loss."""
        v, d = m.maximum(var, eps), m.wide(x) - t
        value = m.narrow((d / v * d + m.log(v)) * 0.5)
        return value + m.log(m.narrow(2 * m.real(PI))) / 2 if self.full else value

    def slope(
        self, m: Mathematics, x: Number, t: Number, var: Number, eps: Number
    ) -> tuple[Number, Number]:
        """Evaluate its derivatives with respect to x and to the variance."""
        v, d = m.maximum(var, eps), m.wide(x) - t
        return m.narrow(d / v), m.narrow((1 - d * d / v) * 0.5 / v)


LOSSES: dict[str, Loss] = {
    "mse": SquaredError(),
    "l1": AbsoluteError(),
    "huber": Huber(),
    "smooth_l1": SmoothL1(),
    "log_cosh": LogCosh(),
    "hinge": Hinge(),
    "squared_hinge": SquaredHinge(),
    "binary_cross_entropy_with_logits": BinaryCrossEntropy(),
    "sigmoid_focal": Focal(),
    "kl_div": Divergence(log_target=False),
    "_kl_div_log_target": Divergence(log_target=True),
    "poisson_nll": Poisson(log_input=True, full=False),
    "_poisson_nll_full": Poisson(log_input=True, full=True),
    "_poisson_nll_log_input": Poisson(log_input=False, full=False),
    "_poisson_nll_log_input_full": Poisson(log_input=False, full=True),
    "gaussian_nll": Gaussian(full=False),
    "_gaussian_nll_full": Gaussian(full=True),
}
