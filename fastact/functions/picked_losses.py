"""Further losses of class indices: of log-probabilities, and focal loss of logits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..calling import arguments
from ..calling.dtypes import Array
from .class_blocks import Block
from .class_losses import ARGUMENTS, NOTE, RAISES, ClassTask
from .cross_entropy import without_cancellation
from .loss_task import Task
from .losses import Loss

__all__ = ["LOSSES"]


class _Picked(Block):
    def losses(self) -> Array:
        target, ignored, weight = self.indices()
        picked = self.picked(target)
        if self.out is not None:
            self.out.fill(0.0)
            self.put(target, 0.0 - self.scaled(weight))
        return np.where(ignored, 0.0, -(weight * picked))


class _Nll(ClassTask):
    block = _Picked


class _FocalBlock(Block):
    def losses(self) -> Array:
        call = self.call
        assert isinstance(call, _Focal)
        target, ignored, weight = self.indices()
        logit = self.picked(target)
        maximum, others = self.maximum_and_others()
        behind = maximum - logit
        log_p = -(np.log1p(others) + behind + (maximum - maximum))
        missing = without_cancellation(behind, others)
        alpha = (
            call.alpha if isinstance(call.alpha, float) else call.alpha[target].astype(np.float64)
        )
        factor = weight * alpha * missing**call.gamma
        losses = -factor * log_p
        if self.out is not None:
            # p·log p/(1 - p), whose limits at p = 0 and at p = 1 are 0 and -1.
            p = np.exp(log_p)
            ratio = np.where(missing == 0.0, -1.0, p * log_p / missing)
            ratio = np.where(p == 0.0, 0.0, ratio)
            factor *= 1.0 - call.gamma * ratio
            factor[ignored] = 0.0
            self.statistic(factor, self.out)
            self.put(target, 0.0 - self.scaled(factor) * (missing + (maximum - maximum)))
            self.finish(maximum + others, ignored)
        return np.where(ignored, 0.0, losses)


class _Focal(ClassTask):
    block = _FocalBlock

    def __init__(
        self, label: str, *operands: Any, alpha: Any, gamma: float, **options: Any
    ) -> None:
        super().__init__(label, *operands, **options)
        self.gamma = arguments.number(label, "gamma", gamma)
        if not 0.0 <= self.gamma < math.inf:
            raise ValueError(
                f"{label}(): gamma={self.gamma} is outside the domain 0 <= gamma < inf"
            )
        self.alpha: float | Array = (
            arguments.number(label, "alpha", alpha)
            if arguments.is_scalar(alpha)
            else self.of_classes("alpha", alpha)
        )


def _nll(
    label: str,
    x: Any,
    target: Any,
    *,
    axis: int = -1,
    ignore_index: Any = -100,
    weight: Any = None,
    reduction: str = "mean",
    empty: float | None = None,
    g: tuple[Any, ...] = (),
) -> Task:
    options = {"axis": axis, "ignore_index": ignore_index, "weight": weight}
    return _Nll(label, x, target, g, reduction=reduction, empty=empty, **options)


def _softmax_focal(
    label: str,
    x: Any,
    target: Any,
    *,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    axis: int = -1,
    ignore_index: Any = -100,
    weight: Any = None,
    reduction: str = "mean",
    empty: float | None = None,
    g: tuple[Any, ...] = (),
) -> Task:
    options = {"axis": axis, "ignore_index": ignore_index, "weight": weight, "empty": empty}
    focal = {"alpha": alpha, "gamma": gamma}
    return _Focal(label, x, target, g, reduction=reduction, **options, **focal)


#: Canonical name -> loss.
LOSSES = {
    "nll": Loss(
        "nll",
        """Minus the log-probability of the target class. Arguments have PyTorch's meaning.

If you have logits, use `cross_entropy` instead: it takes one pass for what otherwise takes log_softmax first.""",
        "negative log-likelihood of a categorical variable",
        _nll,
        {
            **ARGUMENTS,
            "x": "array_like\n    Log-probabilities, such as log_softmax gives.",
        },
        (f"With every backend it is computed with NumPy, which picks out the classes.\n{NOTE}",),
        RAISES,
    ),
    "softmax_focal": Loss(
        "softmax_focal",
        """-`alpha`·(1 - p)^`gamma`·log p for the probability p that softmax gives the target class.

It is computed from the logits; 1 - p keeps its digits where p is nearly 1. With a `gamma` of 0 and an `alpha` of 1
it is `cross_entropy`.""",
        "Lin, Goyal, Girshick, He, Dollár 2017, arXiv:1708.02002",
        _softmax_focal,
        {
            **ARGUMENTS,
            "alpha": "float or array_like, default {default}\n"
            "    The factor of each loss, or one for each class; the mean is not divided by it.",
            "gamma": "float, default {default}\n    0 <= gamma < inf: how much less sure answers count.",
        },
        (NOTE,),
        RAISES,
    ),
}
