"""binary_cross_entropy: of probabilities, for all backends."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.environment import silent
from ..calling.broadcast import regions
from ..calling.dtypes import Array
from .elementwise_losses import ElementwiseTask
from .loss_task import Task
from .losses import Loss

__all__ = ["binary_cross_entropy"]

# Elements of a block, for which NumPy makes up to ten float64 temporaries: 640 KiB.
BLOCK = 1 << 13
# PyTorch's lower bounds in binary cross entropy: of a logarithm, and of p·(1 - p) in the gradient.
LEAST_LOG = -100.0
LEAST_VARIANCE = 1e-12


class _Task(ElementwiseTask):
    """Binary cross entropy of probabilities, in NumPy float64 with every backend."""

    def value(self, loss: Array | None) -> float:
        return self._walk(loss, None, np.ones(()), 1.0)

    def value_and_grad(self, loss: Array | None, outs: tuple[Array, ...], scale: float) -> float:
        return self._walk(loss, outs[0], np.ones(()), scale)

    def vjp(self, g: Array, outs: tuple[Array, ...], scale: float) -> None:
        self._walk(None, outs[0], g, scale)

    def _walk(self, loss: Array | None, out: Array | None, g: Array, scale: float) -> float:
        """Write losses, gradients times g and `scale`, or both, block by block; return the sum of the losses."""
        total, (weight,) = 0.0, self.weights
        with silent():
            for region in regions(self.shape, BLOCK):
                p, t = self.x[region].astype(np.float64), self.target[region].astype(np.float64)
                w = weight[region].astype(self.loop) if isinstance(weight, np.ndarray) else weight
                losses = _bernoulli(p, t)
                losses *= w
                total += float(losses.sum())
                if out is not None:
                    by = (g[region] if g.ndim else g).astype(np.float64) * scale
                    slope = (p - t) / np.maximum((1.0 - p) * p, LEAST_VARIANCE)
                    np.copyto(out[region], (slope * w * by).astype(self.loop), casting="unsafe")
                if loss is not None:
                    np.copyto(loss[region], losses, casting="unsafe")
        return total


def _bernoulli(p: Array, t: Array) -> Array:
    """Return -t·log p - (1 - t)·log(1 - p) in a new array."""
    losses = np.maximum(np.log1p(-p), LEAST_LOG)
    losses *= t - 1.0
    losses -= t * np.maximum(np.log(p), LEAST_LOG)
    return losses


def _prepare(
    label: str,
    p: Any,
    target: Any,
    *,
    weight: Any = None,
    reduction: str = "mean",
    g: tuple[Any, ...] = (),
) -> Task:
    task = _Task(label, "p", p, target, {"weight": weight}, reduction, g)
    if task.x.size and (np.fmin.reduce(task.x, None) < 0 or np.fmax.reduce(task.x, None) > 1):
        first = np.unravel_index(int(np.argmax((task.x < 0) | (task.x > 1))), task.shape)
        at = f"[{', '.join(map(str, first))}]" if first else ""
        raise ValueError(
            f"{label}(): p{at}={task.x[first]} is outside [0, 1]; "
            "for logits take binary_cross_entropy_with_logits()"
        )
    return task


binary_cross_entropy = Loss(
    "binary_cross_entropy",
    """-log p for the target 1, -log(1 - p) for the target 0, and their weighted mean for targets in between.

If you have logits, use `binary_cross_entropy_with_logits` instead: a probability near 1 has lost most of the
digits that its loss and its gradient need.""",
    "negative log-likelihood of a Bernoulli variable",
    _prepare,
    {
        "p": "array_like\n    Probabilities.",
        "target": "array_like\n    Has the shape of p: booleans, or numbers from 0 to 1.",
    },
    (
        "As in PyTorch, logarithms are clamped to -100, so that the loss at p = 0 is 100 and not infinite, and the\n"
        "gradient is (p - t)/max(p·(1 - p), 1e-12). Every backend computes it in float64 with NumPy. The target is\n"
        "not checked: where it is outside [0, 1], the loss may be negative.",
    ),
    {"ValueError": "If shapes do not match or p is outside [0, 1]. Nothing is written."},
)
