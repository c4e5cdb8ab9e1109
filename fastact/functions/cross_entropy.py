"""Cross entropy of logits with class indices or distributions: value, gradient, or both in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..calling import arguments
from ..calling.dtypes import Array
from .class_losses import ARGUMENTS, NOTE, RAISES, Block, ClassTask
from .losses import Loss, Task

__all__ = ["cross_entropy", "without_cancellation"]


class _Block(Block):
    def losses(self) -> Array:
        return self._soft() if self.call.soft else self._hard()

    def _hard(self) -> Array:
        x = self.given()
        target, ignored, weight = self.indices()
        logit = self.picked(target)
        maximum, others, gradient = self.statistic(x, weight)
        behind = maximum - logit
        losses = weight * (np.log1p(others) + behind + (maximum - maximum))
        if gradient is not None:
            missing = without_cancellation(behind, others)
            slope = 0.0 - self.scaled(weight) * (missing + (maximum - maximum))
            np.put_along_axis(gradient, target[:, None, :], slope[:, None, :].astype(self.dtype), 1)
            self.finish(gradient, maximum + others, ignored)
        return np.where(ignored, 0.0, losses)

    def _soft(self) -> Array:
        x = self.given()
        if self.out is not None and np.may_share_memory(x, self.out):
            x = x.copy()
        shares, ignored = self._shares()
        whole = shares.sum(1)
        maximum, others, gradient = self.statistic(x, whole)
        behind = maximum[:, None, :] - x
        behind *= shares
        np.copyto(behind, 0.0, where=shares == 0.0)
        losses = whole * (np.log1p(others) + (maximum - maximum)) + behind.sum(1)
        if gradient is not None:
            shares *= self.scale[:, None, :] if self.scale.ndim else self.scale
            if ignored is not None:
                np.copyto(shares, 0.0, where=ignored[:, None, :])
            np.subtract(gradient, shares, out=gradient, casting="unsafe")
            self.finish(gradient, maximum + others, ignored)
        return losses if ignored is None else np.where(ignored, 0.0, losses)

    def _shares(self) -> tuple[Array, Array | None]:
        """Return the factor of each logarithm, and which rows are ignored."""
        call, ignored = self.call, self.rows_missing
        assert isinstance(call, _CrossEntropy)
        even = call.smoothing / call.classes
        if call.by_index:
            target, ignored, _ = self.indices()
            shares = np.full(self.shape, even)
            places = target[:, None, :]
            right = np.take_along_axis(shares, places, 1) + (1.0 - call.smoothing)
            np.put_along_axis(shares, places, right, 1)
            shares *= ~ignored[:, None, :]
        else:
            shares = self.target.astype(np.float64).reshape(self.shape)
            if call.smoothing:
                shares *= 1.0 - call.smoothing
                shares += even
        if call.weight is not None:
            shares *= call.weight[:, None]
        if self.missing is not None:
            np.copyto(shares, 0.0, where=self.missing)
        return shares, ignored


def without_cancellation(behind: Array, others: Array) -> Array:
    """Return 1 - p, given how far the logit lies below the largest one, and the sum of the other exponentials.

    For the largest logit it is the sum of the other probabilities.
    """
    above = np.where(behind == 0.0, others, 1.0 + others - np.exp(-behind))
    missing: Array = above / (1.0 + others)
    return missing


class _CrossEntropy(ClassTask):
    block = _Block
    takes_distributions = True

    def __init__(self, label: str, *operands: Any, label_smoothing: float, **options: Any) -> None:
        self.smoothing = arguments.number(label, "label_smoothing", label_smoothing)
        if not 0.0 <= self.smoothing <= 1.0:
            raise ValueError(
                f"{label}(): label_smoothing={self.smoothing}: expected a number in [0, 1]"
            )
        super().__init__(label, *operands, **options)

    @property
    def soft(self) -> bool:
        return super().soft or self.smoothing > 0.0


def _cross_entropy(
    label: str,
    x: Any,
    target: Any,
    *,
    axis: int = -1,
    ignore_index: Any = -100,
    label_smoothing: float = 0.0,
    weight: Any = None,
    reduction: str = "mean",
    empty: float | None = None,
    g: tuple[Any, ...] = (),
) -> Task:
    return _CrossEntropy(
        label,
        x,
        target,
        g,
        axis=axis,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        weight=weight,
        reduction=reduction,
        empty=empty,
    )


cross_entropy = Loss(
    "cross_entropy",
    """The negative log-probability that softmax gives the target class, or its mean over a distribution of classes.

It is computed from the logits without forming probabilities. Arguments have PyTorch's meaning.""",
    "negative log-likelihood of a categorical variable",
    _cross_entropy,
    {
        **ARGUMENTS,
        "target": "array_like\n    Integers with the shape of x without `axis`: the class of each row. Or floating-\n"
        "    point numbers with the shape of x: a distribution over the classes for each row.",
        "label_smoothing": "float, default {default}\n"
        "    From 0 to 1: the part of the target that is spread evenly over all classes.",
        "reduction": '{"mean", "sum", "none"}, default {default}\n'
        "    For class indices the mean is weighted by the class weights and leaves out ignored rows;\n"
        '    for distributions it is over all rows. Sums are in float64. "none" returns an array.',
    },
    (
        f"A class of probability 0 in the target contributes nothing, even if its logit is -inf. {NOTE}",
    ),
    {
        **RAISES,
        "ValueError": "If shapes do not match, label_smoothing is outside [0, 1], or a distribution is given with an\n"
        "    ignore_index. Nothing is written.",
    },
)
