"""Losses: the value, the gradient, or both in one pass over the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..calling import arguments
from ..calling.broadcast import regions
from ..calling.memory import without_overlap
from ..definitions.gates import FUSED
from .elementwise import Pass
from .reduction import (
    BLOCK,
    Loss,
    check_g,
    check_reduction,
    loss_dtype,
    matching,
    reduced,
    summed,
)

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "BinaryCrossEntropyWithLogits",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
]

Array = np.ndarray[Any, np.dtype[Any]]


class BinaryCrossEntropyWithLogits(Loss):
    """-log σ(x) for the target 1, -log σ(-x) for the target 0, and in between for targets in between.

    No probability is formed: the loss is ``pos_weight * t * softplus(-x) + (1 - t) * softplus(x)``.

    Parameters
    ----------
    x : array_like
        Logits: real numbers; integers and booleans count as float64.
    target : array_like
        Of the shape of x: 0, 1, False, True or anything in between.
    weight : float or array_like, optional
        What each loss is multiplied by; it broadcasts to the shape of x.
    pos_weight : float or array_like, optional
        What the part of the target 1 is multiplied by; it broadcasts to the shape of x.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean over all elements, whatever their weights, or the sum, both added up in float64; or an array.

    Returns
    -------
    scalar or ndarray
        float16, float32 or float64: what x and a floating-point target promote to.

    Notes
    -----
    ``value_and_grad`` returns the loss and its gradient with respect to x for the cost of one.
    ``vjp(g, x, target)`` returns g times the gradient.

    The loss of an infinite logit on the right side is 0, its gradient too (PyTorch: NaN). Sums do
    not depend on the number of threads.

    Source: negative log-likelihood of a Bernoulli variable.
    """

    name = "binary_cross_entropy_with_logits"
    parameters: Mapping[str, object] = {"weight": None, "pos_weight": None, "reduction": "mean"}
    source = FUSED["_bce_with_logits"].source

    def __init__(self) -> None:
        super().__init__()
        declaration = FUSED["_bce_with_logits"]
        self._value = Pass(declaration, "forward")
        self._both = Pass(declaration, "value_and_grad")
        self._vjp = Pass(declaration, "vjp")

    def __call__(
        self,
        x: Any,
        target: Any,
        *,
        weight: Any = None,
        pos_weight: Any = None,
        reduction: str = "mean",
    ) -> Any:
        """Compute the loss."""
        x, target, weights, loop = self._arguments(x, target, weight, pos_weight, reduction)
        if reduction == "none":
            return self._value(x, target, *weights, dtype=loop)
        total = summed(self._value, [x, target], None, (*weights, 1.0), loop)
        return reduced(total, x.size, reduction, loop)

    def value_and_grad(
        self,
        x: Any,
        target: Any,
        *,
        weight: Any = None,
        pos_weight: Any = None,
        reduction: str = "mean",
        out: Any = None,
    ) -> tuple[Any, Any]:
        """Return the loss and its gradient with respect to x, from one pass over the data.

        Parameters
        ----------
        x, target, weight, pos_weight, reduction
            As in the call. Without a reduction the gradient is that of the sum.
        out : array, optional
            Where to write the gradient; may be x.
        """
        x, target, weights, loop = self._arguments(x, target, weight, pos_weight, reduction)
        out = arguments.target_for(f"{self.name}.value_and_grad", out, x.shape, loop)
        if reduction == "none":
            loss = np.empty(x.shape, loop)
            self._both(x, target, *weights, out=(loss, out), dtype=loop)
            return _plain(loss), out
        scale = _share(x, reduction)
        x, target, *weights = without_overlap((out,), (x, target, *weights))
        total = summed(self._both, [x, target], out, (*weights, scale), loop)
        return reduced(total, x.size, reduction, loop), out

    def vjp(
        self,
        g: Any,
        x: Any,
        target: Any,
        *,
        weight: Any = None,
        pos_weight: Any = None,
        reduction: str = "mean",
        out: Any = None,
    ) -> Any:
        """Return the gradient with respect to x, given that with respect to the loss.

        Parameters
        ----------
        g : float or array_like
            A number, or without a reduction an array of the shape of x.
        x, target, weight, pos_weight, reduction
            As in the call.
        out : array, optional
            Where to write it; may be x.
        """
        label = f"{self.name}.vjp"
        x, target, weights, loop = self._arguments(x, target, weight, pos_weight, reduction, g)
        g = check_g(label, g, x.shape, reduction)
        out = arguments.target_for(label, out, x.shape, loop)
        return self._vjp(g, x, target, *weights, _share(x, reduction), out=out, dtype=loop)

    def _arguments(
        self, x: Any, target: Any, weight: Any, pos_weight: Any, reduction: str, *g: Any
    ) -> tuple[Array, Array, list[Any], np.dtype[Any]]:
        label = self.name
        check_reduction(label, reduction)
        given = *g, x, target
        arrays = [arguments.real_array(label, value) for value in given]
        loop = loss_dtype(label, given, arrays)
        x, target = arrays[-2:]
        if x.shape != target.shape:
            raise ValueError(
                f"{label}(): the target is of shape {target.shape}, x of shape {x.shape}"
            )
        weights = [
            matching(label, what, value, x.shape, loop)
            for what, value in (("weight", weight), ("pos_weight", pos_weight))
        ]
        return x, target, weights, loop


class BinaryCrossEntropy(Loss):
    """-log p for the target 1, -log(1 - p) for the target 0, and in between for targets in between.

    Whoever has logits is better off with `binary_cross_entropy_with_logits`: a probability near 1 has lost
    most of the digits that its loss and its gradient need.

    Parameters
    ----------
    p : array_like
        Probabilities.
    target : array_like
        Of the shape of p: 0, 1, False, True or anything in between.
    weight : float or array_like, optional
        What each loss is multiplied by; it broadcasts to the shape of p.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean over all elements, whatever their weights, or the sum, both added up in float64; or an array.

    Returns
    -------
    scalar or ndarray
        float16, float32 or float64: what p and a floating-point target promote to.

    Raises
    ------
    ValueError
        If an element of p is less than 0 or greater than 1. Nothing is written.

    Notes
    -----
    As in PyTorch, a logarithm counts as -100 at least, so that p = 0 costs 100 and not infinity, and the
    gradient is (p - t)/max(p·(1 - p), 1e-12). It is computed in NumPy float64 with every backend.

    ``value_and_grad`` returns the loss and its gradient with respect to p; ``vjp(g, p, target)`` g times it.

    Source: negative log-likelihood of a Bernoulli variable.
    """

    name = "binary_cross_entropy"
    parameters: Mapping[str, object] = {"weight": None, "reduction": "mean"}
    source = BinaryCrossEntropyWithLogits.source

    def __call__(self, p: Any, target: Any, *, weight: Any = None, reduction: str = "mean") -> Any:
        """Compute the loss."""
        p, target, weight, loop = self._arguments(p, target, weight, reduction)
        loss = np.empty(p.shape, loop) if reduction == "none" else None
        total = self._walk(p, target, weight, loss, None, 1.0, loop)
        return _plain(loss) if loss is not None else reduced(total, p.size, reduction, loop)

    def value_and_grad(
        self, p: Any, target: Any, *, weight: Any = None, reduction: str = "mean", out: Any = None
    ) -> tuple[Any, Any]:
        """Return the loss and its gradient with respect to p, from one pass over the data.

        Parameters
        ----------
        p, target, weight, reduction
            As in the call. Without a reduction the gradient is that of the sum.
        out : array, optional
            Where to write the gradient; may be p.
        """
        p, target, weight, loop = self._arguments(p, target, weight, reduction)
        out = arguments.target_for(f"{self.name}.value_and_grad", out, p.shape, loop)
        p, target, weight = without_overlap((out,), (p, target, weight))
        loss = np.empty(p.shape, loop) if reduction == "none" else None
        total = self._walk(p, target, weight, loss, out, _share(p, reduction), loop)
        return _plain(loss) if loss is not None else reduced(total, p.size, reduction, loop), out

    def vjp(
        self,
        g: Any,
        p: Any,
        target: Any,
        *,
        weight: Any = None,
        reduction: str = "mean",
        out: Any = None,
    ) -> Any:
        """Return the gradient with respect to p, given that with respect to the loss.

        Parameters
        ----------
        g : float or array_like
            A number, or without a reduction an array of the shape of p.
        p, target, weight, reduction
            As in the call.
        out : array, optional
            Where to write it; may be p.
        """
        label = f"{self.name}.vjp"
        p, target, weight, loop = self._arguments(p, target, weight, reduction, g)
        g = check_g(label, g, p.shape, reduction)
        out = arguments.target_for(label, out, p.shape, loop)
        with silent():
            scale = g.astype(np.float64) * _share(p, reduction)
        p, target, weight = without_overlap((out,), (p, target, weight))
        self._walk(p, target, weight, None, out, scale, loop)
        return out

    def _arguments(
        self, p: Any, target: Any, weight: Any, reduction: str, *g: Any
    ) -> tuple[Array, Array, Any, np.dtype[Any]]:
        label = self.name
        check_reduction(label, reduction)
        given = *g, p, target
        arrays = [arguments.real_array(label, value) for value in given]
        loop = loss_dtype(label, given, arrays)
        p, target = arrays[-2:]
        if p.shape != target.shape:
            raise ValueError(
                f"{label}(): the target is of shape {target.shape}, p of shape {p.shape}"
            )
        if p.size and (np.fmin.reduce(p, None) < 0 or np.fmax.reduce(p, None) > 1):
            raise ValueError(f"{label}(): p holds what is no probability")
        return p, target, matching(label, "weight", weight, p.shape, loop), loop

    def _walk(
        self,
        p: Array,
        target: Array,
        weight: Any,
        loss: Array | None,
        out: Array | None,
        scale: Any,
        loop: np.dtype[Any],
    ) -> float:
        """Write losses, or gradients times `scale`, or both, block by block, and return the sum of the losses."""
        total = 0.0
        with silent():
            for region in regions(p.shape, BLOCK):
                x, t = p[region].astype(np.float64), target[region].astype(np.float64)
                w = weight[region] if isinstance(weight, np.ndarray) else weight
                losses = _bernoulli(x, t)
                losses *= w
                total += float(losses.sum())
                if out is not None:
                    by = scale[region] if np.ndim(scale) else scale
                    slope = (x - t) / np.maximum((1.0 - x) * x, LEAST_VARIANCE)
                    np.copyto(out[region], (slope * w * by).astype(loop), casting="unsafe")
                if loss is not None:
                    np.copyto(loss[region], losses, casting="unsafe")
        return total


# PyTorch's bounds: of a logarithm, and of p·(1 - p) below the gradient.
LEAST_LOG = -100.0
LEAST_VARIANCE = 1e-12


def _bernoulli(p: Array, t: Array) -> Array:
    """-t·log p - (1 - t)·log(1 - p), overwriting nothing."""
    losses = np.maximum(np.log1p(-p), LEAST_LOG)
    losses *= t - 1.0
    losses -= t * np.maximum(np.log(p), LEAST_LOG)
    return losses


def _share(x: Array, reduction: str) -> float:
    """Return what each element has of the reduction."""
    return 1.0 / x.size if reduction == "mean" and x.size else 1.0


def _plain(array: Array) -> Any:
    return array if array.ndim else array[()]


binary_cross_entropy_with_logits = BinaryCrossEntropyWithLogits()
binary_cross_entropy = BinaryCrossEntropy()

#: All of them, in the order of the documentation
LOSSES: tuple[Loss, ...] = (binary_cross_entropy_with_logits, binary_cross_entropy)
