"""What a loss computes: the checked arguments of one call, value, gradient and reduction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backends.environment import Environment, silent
from ..calling import labelled
from ..calling.dtypes import Array, DType, computing
from ..calling.labelled import Labels

__all__ = ["Task"]

# Between these a float64 is a normal float32.
_LEAST, _LARGEST = 1e-37, 1e38


class Task:
    """The checked arguments of one call of a loss.

    A derived class computes; the passes check, allocate and reduce.

    Attributes
    ----------
    loop : dtype
        The dtype of the loss and of its gradient.
    shape, loss_shape : tuple of int
        The shape of x and of its gradient, and of the loss without a reduction.
    gradient_shapes : tuple of tuple of int
        The shape of each gradient, that with respect to x first.
    reduction : str
        How the losses are reduced: a sum, a kind of mean, or "none".
    dropped : tuple of int
        The axes of the gradient that the loss does not have.
    empty : float
        The mean of nothing.
    """

    loop: DType
    shape: tuple[int, ...]
    gradient_shapes: tuple[tuple[int, ...], ...]
    reduction: str
    labels: Labels | None
    missing: Array | None = None
    dropped: tuple[int, ...] = ()
    empty: float = math.nan

    @property
    def loss_shape(self) -> tuple[int, ...]:
        """The shape of the loss without a reduction."""
        return self.shape

    @property
    def is_mean(self) -> bool:
        """Whether the sum is divided by `count`."""
        return self.reduction not in ("sum", "none")

    def missing_losses(self) -> Array | None:
        """Return which of the losses are missing."""
        return self.missing

    def count(self) -> float:
        """Return the divisor that turns the sum of all losses into their mean."""
        raise NotImplementedError

    def keep_from(self, outs: tuple[Array, ...]) -> None:
        """Copy each operand that `outs` would overwrite before it is read."""
        raise NotImplementedError

    def value(self, loss: Array | None) -> float:
        """Fill `loss` if it is given, else return the sum."""
        raise NotImplementedError

    def value_and_grad(self, loss: Array | None, outs: tuple[Array, ...], scale: float) -> float:
        """Compute like `value`, and write the gradients times `scale` into `outs`."""
        raise NotImplementedError

    def vjp(self, g: Array, outs: tuple[Array, ...], scale: float) -> None:
        """Write g times the gradients times `scale`; `g` is a number or has the shape of the loss."""
        raise NotImplementedError

    def reduced(self, loss: Array | None, total: float, count: float) -> Any:
        """Return the reduced loss, as the call returns it."""
        if loss is not None:
            return labelled.restored(self.labels, loss, self.missing_losses(), self.dropped)
        with Environment():
            value = (total / count if count else self.empty) if self.is_mean else total
            # Where no cast can warn, np.errstate is not worth its 1.5 us.
            if _LEAST < abs(value) < _LARGEST and computing(self.loop) == self.loop:
                return self.loop.type(value)
        with silent():
            return np.float64(value).astype(self.loop)
