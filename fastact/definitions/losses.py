"""The table of losses that are computed element by element; each declared once, next to its gradient.

To add one, write it here and its definition in reference/losses.py. The inputs are x and the target, which has no
gradient; then come the parameters, numbers or arrays, with `weight` among them, and last `scale`, which the library
multiplies gradients by: 1/n for the mean of n losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from .declaration import Declaration
from .declare import Table
from .dialect import absent, copysign, exact, fma, low
from .distances import (
    difference,
    finite_difference,
    half_difference,
    log_cosh_parts,
    times,
    times_exp,
)
from .elementary import exp, logistic_parts, softplus_parts, tanh
from .focal import focal_gradient, focal_value
from .logarithm import log_parts
from .two_parts import remainder, two_sum

LOSSES = Table(bound={"forward": 2.0, "vjp": 4.0}, required=("forward", "value_and_grad", "vjp"))


def loss(
    *,
    source: str,
    inputs: tuple[str, ...] = ("x", "target"),
    optional: Mapping[str, float] | None = None,
    domain: tuple[str, ...] = (),
    input_domain: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    reductions: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Declaration]:
    """Decorator: declare the loss that the decorated dialect function computes, without a reduction."""
    return LOSSES.declare(
        source=source,
        inputs=inputs,
        outputs=("loss",),
        optional={"weight": 1.0, **(optional or {})},
        internal=("scale",),
        domain=domain,
        input_domain=input_domain,
        flags=flags,
        reductions=reductions,
    )


# --- distances ---------------------------------------------------------------------------------------------------


@loss(source="Gauss 1809, Theoria motus corporum coelestium")
def mse(x: Any, target: Any, weight: float = 1.0, scale: float = 1.0) -> Any:
    """(x - t)²; the mean of it is the mean squared error."""
    d = x - target
    return weight * (d * d)


@mse.gradient()
def _mse_gradient(x: Any, target: Any, weight: float, scale: float) -> Any:
    d, by = finite_difference(x, target)
    return 2.0 * weight * scale * by * d


@loss(source="Boscovich 1757; Laplace 1799")
def l1(x: Any, target: Any, weight: float = 1.0, scale: float = 1.0) -> Any:
    """|x - t|; the mean of it is the mean absolute error. The gradient where x = t is 0."""
    return weight * abs(x - target)


def sign(d: Any) -> Any:
    """The sign of d; ±0 and NaN as they are."""
    return copysign(1.0, d) if abs(d) > 0.0 else d


@l1.gradient()
def _l1_gradient(x: Any, target: Any, weight: float, scale: float) -> Any:
    return weight * scale * sign(x - target)


@loss(source="Huber 1964, doi:10.1214/aoms/1177703732", domain=("delta > 0",))
def huber(x: Any, target: Any, weight: float = 1.0, delta: float = 1.0, scale: float = 1.0) -> Any:
    """(x - t)²/2 where |x - t| ≤ `delta`, else `delta`·(|x - t| - `delta`/2)."""
    # c·(d - c/2) for d = x - t and c, which is d within ±delta; all of it halved, which is finite for all numbers.
    h, h_low = half_difference(x, target)
    c = min(abs(h), 0.5 * delta)
    # Four times c first: of the product, rounded into the subnormals, it would be an error of 2 ulp.
    return weight * (4.0 * c * (fma(-0.5, c, abs(h)) + h_low))


@huber.gradient()
def _huber_gradient(x: Any, target: Any, weight: float, delta: float, scale: float) -> Any:
    # The order of the operands keeps a NaN.
    return weight * scale * max(min(x - target, delta), -delta)


@loss(source="Girshick 2015, arXiv:1504.08083", domain=("beta == 0 or 1e-37 <= beta <= 1e37",))
def smooth_l1(
    x: Any, target: Any, weight: float = 1.0, beta: float = 1.0, scale: float = 1.0
) -> Any:
    """(x - t)²/(2·`beta`) where |x - t| < `beta`, else |x - t| - `beta`/2; with a `beta` of 0 it is `l1`."""
    d, d_low = difference(x, target)
    inverse = 1.0 / beta
    q = abs(d) * inverse
    q_low = remainder(abs(d), d_low, beta, low(beta), q) * inverse
    linear = (abs(d) - 0.5 * beta) + d_low
    return weight * (
        0.5 * fma(abs(d), q, fma(abs(d), q_low, d_low * q)) if abs(d) < beta else linear
    )


@smooth_l1.gradient()
def _smooth_l1_gradient(x: Any, target: Any, weight: float, beta: float, scale: float) -> Any:
    d = x - target
    return weight * scale * (d / beta if abs(d) < beta else sign(d))


@loss(source="logarithm of the hyperbolic cosine; Green 1990, doi:10.1109/42.52985")
def log_cosh(x: Any, target: Any, weight: float = 1.0, scale: float = 1.0) -> Any:
    """log cosh(x - t): (x - t)²/2 near 0, |x - t| - log 2 far from it, without cancellation."""
    d, d_low = difference(x, target)
    high, rest = log_cosh_parts(abs(d))
    return weight * (high + fma(min(abs(d), 1.0), d_low, rest))


@log_cosh.gradient()
def _log_cosh_gradient(x: Any, target: Any, weight: float, scale: float) -> Any:
    return weight * scale * tanh(x - target)


# --- margins, for labels that are -1 and 1 -----------------------------------------------------------------------


@loss(source="Cortes, Vapnik 1995, doi:10.1007/BF00994018")
def hinge(x: Any, target: Any, weight: float = 1.0, scale: float = 1.0) -> Any:
    """max(0, 1 - t·x), for the labels -1 and 1. The gradient where t·x = 1 is 0."""
    return weight * max(fma(-target, x, 1.0), 0.0)


@hinge.gradient()
def _hinge_gradient(x: Any, target: Any, weight: float, scale: float) -> Any:
    margin = fma(-target, x, 1.0)
    return 0.0 if margin <= 0.0 else weight * scale * (-target if margin == margin else margin)


@loss(source="Lee, Mangasarian 2001, doi:10.1023/A:1011215321374")
def squared_hinge(x: Any, target: Any, weight: float = 1.0, scale: float = 1.0) -> Any:
    """max(0, 1 - t·x)², for the labels -1 and 1."""
    margin = max(fma(-target, x, 1.0), 0.0)
    return weight * (margin * margin)


@squared_hinge.gradient()
def _squared_hinge_gradient(x: Any, target: Any, weight: float, scale: float) -> Any:
    margin = fma(-target, x, 1.0)
    return 0.0 if margin <= 0.0 else -2.0 * weight * scale * (target * margin)


# --- of logits ---------------------------------------------------------------------------------------------------


def bce_weights(target: Any, pos_weight: Any) -> Any:
    """What log σ(x) and log σ(-x) are multiplied by, and the sum of both."""
    negative = 1.0 - target
    return pos_weight * target, negative, fma(pos_weight, target, negative)


@loss(source="negative log-likelihood of a Bernoulli variable", optional={"pos_weight": 1.0})
def binary_cross_entropy_with_logits(
    x: Any, target: Any, weight: float = 1.0, pos_weight: float = 1.0, scale: float = 1.0
) -> Any:
    """-log σ(x) for the target 1, -log σ(-x) for the target 0, and in between for targets in between.

    No probability is formed: the loss is `pos_weight`·t·softplus(-x) + (1 - t)·softplus(x), times `weight`. That of an
    infinite logit on the right side is 0, its gradient too (PyTorch: NaN). The target is not checked, as in PyTorch:
    where it is outside [0, 1], the loss may be negative.
    """
    positive, negative, both = bce_weights(target, pos_weight)
    # Both from softplus(-|x|); a term of which t leaves 0 is 0.
    p, p_low, unit = softplus_parts(-abs(x), absent)
    factor = positive if x < 0.0 else negative
    linear = 0.0 if factor == 0.0 else factor * abs(x)
    return weight * fma(both * (p + p_low), unit, linear)


@binary_cross_entropy_with_logits.gradient()
def _bce_gradient(x: Any, target: Any, weight: float, pos_weight: float, scale: float) -> Any:
    positive, negative, _ = bce_weights(target, pos_weight)
    s, s_low, unit, e = logistic_parts(-abs(x), absent)
    small = (s + s_low) * unit
    large = 1.0 / (1.0 + e)
    below = x < 0.0
    slope = fma(negative, small if below else large, -(positive * (large if below else small)))
    return weight * scale * slope


@loss(
    source="Lin, Goyal, Girshick, He, Dollár 2017, arXiv:1708.02002",
    domain=("alpha == -1 or 0 <= alpha <= 1", "0 <= gamma < inf"),
)
def sigmoid_focal(
    x: Any,
    target: Any,
    weight: float = 1.0,
    alpha: float = 0.25,
    gamma: float = 2.0,
    scale: float = 1.0,
) -> Any:
    """a·(1 - p)^`gamma`·`binary_cross_entropy_with_logits`, where p is what σ(x) gives the target.

    For the target 1 it is p = σ(x) and a = `alpha`, for the target 0 p = σ(-x) and a = 1 - `alpha`, and in between for
    targets in between; an `alpha` of -1 stands for a = 1. torchvision's definition.
    """
    return focal_value(x, target, weight, alpha, gamma)


@sigmoid_focal.gradient()
def _focal_gradient(
    x: Any, target: Any, weight: float, alpha: float, gamma: float, scale: float
) -> Any:
    return focal_gradient(x, target, weight * scale, alpha, gamma)


# --- of log-probabilities and rates ------------------------------------------------------------------------------


@loss(
    source="Kullback, Leibler 1951, doi:10.1214/aoms/1177729694",
    flags=("log_target",),
    reductions=("batchmean",),
)
def kl_div(
    x: Any,
    target: Any,
    weight: float = 1.0,
    scale: float = 1.0,
    log_target: Any = False,
) -> Any:
    """t·(log t - x) for log-probabilities x; with `log_target` the target is a logarithm, too: exp(t)·(t - x).

    A probability of 0 in the target contributes 0, even where x is -inf (PyTorch: NaN). The mean over a batch, which is
    the divergence, is the reduction "batchmean".
    """
    log_t, log_t_low = (target, 0.0) if log_target else log_parts(target)
    d, d_low = two_sum(log_t, -x)
    d_low = d_low + log_t_low if d - d == 0.0 else 0.0
    product = times_exp(d, d_low, target) if log_target else times(target, d, d_low)
    # A target of probability 0 leaves a NaN in x.
    nothing = 0.0 * x if x != x else 0.0
    return weight * (nothing if log_t == -inf else product)


@kl_div.gradient()
def _kl_div_gradient(x: Any, target: Any, weight: float, scale: float, log_target: Any) -> Any:
    return -weight * scale * (exp(target) if log_target else target)


# log(2π)/2
HALF_LOG_2PI = exact(
    "0.918938533204672741780329736405617639861397473637783412817151540482765695927260397694743298635"
)


def stirling(target: Any) -> Any:
    """Stirling's approximation of log t!, for t > 1: t·log t - t + log(2πt)/2; 0 up to 1."""
    log, log_low = log_parts(target)
    half = fma(0.5, log, fma(0.5, log_low, HALF_LOG_2PI))
    smooth = fma(target, log, fma(target, log_low, half) - target)
    return smooth if target > 1.0 else 0.0 * target


@loss(
    source="negative log-likelihood of a Poisson variable",
    domain=("0 <= eps < inf",),
    flags=("log_input", "full"),
)
def poisson_nll(
    x: Any,
    target: Any,
    weight: float = 1.0,
    eps: float = 1e-8,
    scale: float = 1.0,
    log_input: Any = True,
    full: Any = False,
) -> Any:
    """exp(x) - t·x for the logarithm x of a rate; without `log_input` x is the rate: x - t·log(x + `eps`).

    With `full`, Stirling's approximation of the rest is added where t > 1: t·log t - t + log(2πt)/2.
    """
    log, log_low = (x, 0.0) if log_input else log_parts(x + eps)
    rate = exp(x) if log_input else x
    # A target of 0 leaves the rate, even of a logarithm of -infinity.
    value = rate if target == 0.0 else fma(-target, log, fma(-target, log_low, rate))
    return weight * (value + stirling(target) if full else value)


@poisson_nll.gradient()
def _poisson_gradient(
    x: Any,
    target: Any,
    weight: float,
    eps: float,
    scale: float,
    log_input: Any,
    full: Any,
) -> Any:
    return weight * scale * (exp(x) - target if log_input else 1.0 - target / (x + eps))


@loss(
    source="Nix, Weigend 1994, doi:10.1109/ICNN.1994.374138",
    inputs=("x", "target", "var"),
    domain=("0 <= eps < inf",),
    input_domain=("var >= 0",),
    flags=("full",),
)
def gaussian_nll(
    x: Any,
    target: Any,
    var: Any,
    weight: float = 1.0,
    eps: float = 1e-6,
    scale: float = 1.0,
    full: Any = False,
) -> Any:
    """(log v + (x - t)²/v)/2 for the expectation x and the variance v = max(`var`, `eps`).

    With `full`, log(2π)/2 is added. There are two gradients, with respect to x and to `var`; as in PyTorch, the second
    does not stop at `eps`.
    """
    v = max(var, eps)
    a, a_low, r, r_low = half_over(x, target, v)
    log, log_low = log_parts(v)
    main = fma(2.0 * a, r, 0.5 * log)
    rest = fma(2.0 * a, r_low, fma(2.0 * a_low, r, 0.5 * log_low))
    rest = rest if main - main == 0.0 else 0.0
    return weight * (main + (rest + HALF_LOG_2PI if full else rest))


def half_over(x: Any, target: Any, v: Any) -> Any:
    """|x - t|/2 and |x - t|/(2v), each as a number and a small one."""
    h, h_low = half_difference(x, target)
    r = abs(h) / v
    r_low = remainder(abs(h), h_low, v, absent, r) / v
    return abs(h), h_low, r, r_low if r - r == 0.0 else 0.0


@gaussian_nll.gradient(outputs=("dx", "dvar"))
def _gaussian_gradient(
    x: Any, target: Any, var: Any, weight: float, eps: float, scale: float, full: Any
) -> Any:
    v = max(var, eps)
    a, a_low, r, r_low = half_over(x, target, v)
    # The first form keeps the most digits where 1/v and ((x - t)/v)² are near, the second is finite longer.
    near = (fma(-2.0 * a, r, 0.5) - 2.0 * fma(a, r_low, a_low * r)) / v
    slope = near if a * r < 1.0 else fma(-2.0 * r, r, 0.5 / v)
    d, by = finite_difference(x, target)
    return weight * scale * by * (d / v), weight * scale * slope
