"""The table of losses that are computed element by element; each declared once, next to its gradients.

To add one, write it here and its definition in reference/losses.py. The inputs are x and the target, which has no
gradient; then come the parameters that a call takes as `weight` and the like, numbers or arrays, and last `scale`,
which the library multiplies gradients by: 1/n for the mean of n losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .declare import Declaration, Table
from .dialect import absent, fma
from .elementary import logistic_parts, softplus_parts

LOSSES = Table(bound={"forward": 2.0, "vjp": 4.0}, required=("forward", "value_and_grad", "vjp"))


def loss(
    *, source: str, optional: Mapping[str, float]
) -> Callable[[Callable[..., Any]], Declaration]:
    """Decorator: declare the loss that the decorated dialect function computes, without a reduction."""
    return LOSSES.declare(
        source=source,
        inputs=("x", "target"),
        outputs=("loss",),
        optional=optional,
        internal=("scale",),
    )


def bce_weights(target: Any, pos_weight: Any) -> Any:
    """What log σ(x) and log σ(-x) are multiplied by, and the sum of both."""
    negative = 1.0 - target
    return pos_weight * target, negative, fma(pos_weight, target, negative)


def bce_value(x: Any, target: Any, pos_weight: Any) -> Any:
    """`pos_weight`·t·softplus(-x) + (1 - t)·softplus(x), both from softplus(-|x|); a term of which t leaves 0 is 0."""
    positive, negative, both = bce_weights(target, pos_weight)
    p, p_low, unit = softplus_parts(-abs(x), absent)
    weight = positive if x < 0.0 else negative
    linear = 0.0 if weight == 0.0 else weight * abs(x)
    return fma(both * (p + p_low), unit, linear)


def bce_slope(x: Any, target: Any, pos_weight: Any) -> Any:
    """(1 - t)·σ(x) - `pos_weight`·t·σ(-x)."""
    positive, negative, _ = bce_weights(target, pos_weight)
    s, s_low, unit, e = logistic_parts(-abs(x), absent)
    small = (s + s_low) * unit
    large = 1.0 / (1.0 + e)
    below = x < 0.0
    return fma(negative, small if below else large, -(positive * (large if below else small)))


@loss(
    source="negative log-likelihood of a Bernoulli variable",
    optional={"weight": 1.0, "pos_weight": 1.0},
)
def binary_cross_entropy_with_logits(
    x: Any, target: Any, weight: float = 1.0, pos_weight: float = 1.0, scale: float = 1.0
) -> Any:
    """-log σ(x) for the target 1, -log σ(-x) for the target 0, and in between for targets in between.

    No probability is formed: the loss is `pos_weight`·t·softplus(-x) + (1 - t)·softplus(x), times `weight`. That of an
    infinite logit on the right side is 0, its gradient too (PyTorch: NaN).
    """
    return weight * bce_value(x, target, pos_weight)


@binary_cross_entropy_with_logits.add("value_and_grad", outputs=("loss", "dx"))
def _bce_value_and_grad(x: Any, target: Any, weight: float, pos_weight: float, scale: float) -> Any:
    slope = weight * scale * bce_slope(x, target, pos_weight)
    return weight * bce_value(x, target, pos_weight), slope


@binary_cross_entropy_with_logits.vjp(outputs=("dx",))
def _bce_vjp(g: Any, x: Any, target: Any, weight: float, pos_weight: float, scale: float) -> Any:
    return g * (weight * scale * bce_slope(x, target, pos_weight))
