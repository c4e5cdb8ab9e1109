"""Cross entropy of logits with class indices or distributions: value, gradient, or both in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..calling import arguments
from ..calling.dtypes import Array
from ..calling.fast import KernelTable
from ..calling.memory import scatter
from .class_blocks import Block
from .class_losses import ARGUMENTS, NOTE, RAISES, ClassTask
from .loss_task import Task
from .losses import Loss

__all__ = ["cross_entropy", "without_cancellation"]

_SOFTMAX = KernelTable.of_rows("_softmax_from", "forward")


class _Block(Block):
    def losses(self) -> Array:
        return self._soft() if self.call.soft else self._hard()

    def _hard(self) -> Array:
        target, ignored, weight = self.indices()
        logit = self.picked(target)
        maximum, others = self.statistic(weight, self.out)
        behind = maximum - logit
        losses = weight * (np.log1p(others) + behind + (maximum - maximum))
        if self.out is not None:
            missing = without_cancellation(behind, others)
            self.put(target, 0.0 - self.scaled(weight) * (missing + (maximum - maximum)))
            self.finish(maximum + others, ignored)
        return np.where(ignored, 0.0, losses)

    def _soft(self) -> Array:
        ignored = self.indices()[1] if self.call.by_index else self.rows_missing
        pieces = list(self.pieces())
        held = self._shares(pieces[0]) if len(pieces) == 1 else None

        def shares(classes: slice) -> Array:
            return self._shares(classes) if held is None else held

        def summed(of: Callable[[slice], Array]) -> Array:
            total = of(pieces[0]).sum(1)
            for classes in pieces[1:]:
                total += of(classes).sum(1)
            return np.asarray(total)

        whole = summed(shares)
        # A gradient that replaces x comes after x was read; one that is rounded is so once, when it is complete.
        gradient = self._rounded_later(held is not None)
        in_place = gradient is not None and np.may_share_memory(self.x, gradient)
        later = in_place or (self.out is not None and gradient is None)
        maximum, others = self.maximum_and_others() if later else self.statistic(whole, gradient)
        behind = summed(lambda classes: self._behind(maximum, shares(classes), classes))
        losses = whole * (np.log1p(others) + (maximum - maximum)) + behind
        if self.out is not None:
            if in_place:
                self.statistic(whole, gradient)
            for classes in pieces:
                part = self._softmax(classes, whole) if gradient is None else gradient
                part = part if gradient is None else self.piece(part, classes)
                self._subtract(part, shares(classes), ignored)
                if gradient is not self.out:
                    scatter(self.piece(self.out, classes), part, self.call.loop)
            self.finish(maximum + others, ignored)
        return losses if ignored is None else np.where(ignored, 0.0, losses)

    def _rounded_later(self, short: bool) -> Array | None:
        """Return what the gradient is computed in, or None if it is piece by piece."""
        if self.out is None or self.out.dtype == self.dtype == self.call.loop:
            return self.out
        return self.scratch.take("gradient", self.x.shape) if short else None

    def _softmax(self, classes: slice, weight: Array) -> Array:
        """Return weight · scale · softmax for some of the classes, from the statistic of the whole rows."""
        x = self.piece(self.x, classes)
        given = self.scratch.gather(
            x, "x", (self.shape[0], classes.stop - classes.start, self.shape[2])
        )
        found = self.scratch.take("statistic", (2, *self.row_shape))
        kernel = _SOFTMAX.kernel(self.call.loop)
        gradient = self.scratch.take("gradient", given.shape)
        kernel(given, found[0], found[1], gradient, None, 1.0)
        gradient *= self.scaled(weight).astype(self.dtype)[:, None, :]
        return gradient.reshape(x.shape)

    def _behind(self, maximum: Array, shares: Array, classes: slice) -> Array:
        """Return how far logits lie below the largest one, times their shares."""
        x = self.piece(self.x, classes).astype(self.call.loop, copy=False)
        behind: Array = maximum[:, None, :] - x.astype(self.dtype, copy=False).reshape(shares.shape)
        behind *= shares
        np.copyto(behind, 0.0, where=shares == 0.0)
        return behind

    def _subtract(self, gradient: Array, shares: Array, ignored: Array | None) -> None:
        """Subtract shares, which are overwritten, from a part of the gradient."""
        shares *= self.scale[:, None, :] if self.scale.ndim else self.scale
        if ignored is not None:
            np.copyto(shares, 0.0, where=ignored[:, None, :])
        np.subtract(gradient, shares.reshape(gradient.shape), out=gradient, casting="unsafe")

    def _shares(self, classes: slice) -> Array:
        """Return the factor of each logarithm, for some of the classes."""
        call = self.call
        assert isinstance(call, _CrossEntropy)
        even = call.smoothing / call.classes
        if call.by_index:
            target, ignored, _ = self.indices()
            shares = np.full((self.shape[0], classes.stop - classes.start, self.shape[2]), even)
            places, here = target - classes.start, ~ignored
            inside = (places >= 0) & (places < shares.shape[1])
            places = np.where(inside, places, 0)[:, None, :]
            right = np.take_along_axis(shares, places, 1)
            right += np.where(inside, 1.0 - call.smoothing, 0.0)[:, None, :]
            np.put_along_axis(shares, places, right, 1)
            shares *= here[:, None, :]
        else:
            given = self.piece(self.target, classes).astype(np.float64)
            shares = given.reshape(self.shape[0], -1, self.shape[2])
            if call.smoothing:
                shares *= 1.0 - call.smoothing
                shares += even
        if call.weight is not None:
            shares *= call.weight[classes].astype(np.float64)[:, None]
        if self.missing is not None:
            np.copyto(shares, 0.0, where=self.piece(self.missing, classes).reshape(shares.shape))
        return shares


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
        "target": "array_like\n    Integers with the shape of x without `axis`: the class of each row. Or\n"
        "    floating-point numbers with the shape of x: a distribution over the classes for each row.",
        "label_smoothing": "float, default {default}\n"
        "    From 0 to 1: the part of the target that is spread evenly over all classes.",
        "reduction": '{"mean", "sum", "none"}, default {default}\n'
        "    For class indices the mean is weighted by the class weights and leaves out ignored rows;\n"
        '    for distributions it is over all rows. Sums are in float64. "none" returns an array.',
    },
    (
        f"A class of probability 0 in the target contributes nothing, even if its logit is -inf.\n{NOTE}",
    ),
    {
        **RAISES,
        "ValueError": "If shapes do not match, label_smoothing is outside [0, 1], or a distribution is given with an\n"
        "    ignore_index. Nothing is written.",
    },
)
