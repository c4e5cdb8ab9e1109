"""Every function of whole rows, such as softmax, declared once, next to its vector-Jacobian product.

To add one, write it here and its mathematical definition in reference/rows.py. A declaration is a function of the
kernel dialect on one element of the row; `row_max`, `row_sum`, `row_sums` and `row_solve` go over all elements.
Whatever depends on the row alone is computed once a row. What begins with an underscore is not public.
"""

from __future__ import annotations

from math import inf
from typing import Any

from .declare import Table
from .dialect import absent, fma, per_type, row_max, row_solve, row_sum, row_sums, sqrt
from .elementary import LARGEST, exp, exp_negative, expm1
from .exp_sums import (
    difference,
    exp_sum,
    exp_sum_parts,
    if_finite,
    log_one_plus,
    log_one_plus_far,
    over,
    peak,
    per,
    plus,
    probability,
    rescaled,
    weight,
)
from .two_parts import remainder

ROWS = Table(bound={"forward": 4.0, "vjp": 4.0}, domain=("0 < temperature < inf",))
rowwise = ROWS.declare


# --- the softmax family ----------------------------------------------------------------------------------------


@rowwise(source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28")
def softmax(x: Any, temperature: float = 1.0) -> Any:
    """exp(x/T) over its sum along the row."""
    maximum, w, total = exp_sum(x, temperature)
    return probability(w, maximum, total)


@softmax.vjp()
def softmax_vjp(g: Any, y: Any, temperature: float) -> Any:
    return per(y * (g - row_sum(g * y)), temperature)


@rowwise(source="softmax of -x")
def softmin(x: Any, temperature: float = 1.0) -> Any:
    """exp(-x/T) over its sum along the row."""
    maximum, w, total = exp_sum(-x, temperature)
    return probability(w, maximum, total)


@softmin.vjp()
def softmin_vjp(g: Any, y: Any, temperature: float) -> Any:
    return per(y * (row_sum(g * y) - g), temperature)


@rowwise(source="log of softmax", excluded=-inf)
def log_softmax(x: Any, temperature: float = 1.0) -> Any:
    """x/T minus the logarithm of the sum of exp(x/T) along the row."""
    maximum, _, rest_of_sum = exp_sum_parts(x, temperature)
    total, _ = log_one_plus(rest_of_sum)
    d, divisor = difference(x, maximum, temperature)
    return d / divisor - (total + if_finite(maximum))


@log_softmax.vjp()
def log_softmax_vjp(g: Any, y: Any, temperature: float) -> Any:
    significand, unit = exp_negative(y, 0.0)
    return per(fma(-row_sum(g), significand * unit, g), temperature)


@rowwise(
    aliases=("reduce_log_sum_exp",),
    source="Blanchard, Higham, Higham 2021, doi:10.1093/imanum/draa038",
    outputs=(),
    row_outputs=("out",),
)
def logsumexp(x: Any, temperature: float = 1.0) -> Any:
    """The logarithm of the sum of exp(x/T) along the row."""
    maximum, _, rest_of_sum = exp_sum_parts(x, temperature)
    q, q_low = over(maximum, temperature)
    total, total_low = log_one_plus(rest_of_sum)
    return plus(q, q_low, total, total_low)


def logsumexp_vjp(x: Any, g: Any, temperature: float) -> Any:
    maximum, w, total = exp_sum(x, temperature)
    return per(probability(w, maximum, total) * g, temperature)


@rowwise(source="logsumexp - log n", outputs=(), row_outputs=("out",))
def logmeanexp(x: Any, temperature: float = 1.0) -> Any:
    """The logarithm of the mean of exp(x/T) along the row."""
    maximum = row_max(x)
    w = weight(min(x, LARGEST), maximum, temperature)
    total, count = row_sums(rescaled_mean, temperature, w, 1.0)
    q, q_low = over(maximum, temperature)
    log_total, log_total_low = log_one_plus(total / peak(maximum, temperature) - 1.0)
    log_count, log_count_low = log_one_plus(count - 1.0)
    mean = plus(log_total, log_total_low, -log_count, -log_count_low)
    return plus(q, q_low, mean if count > 0.0 or count != count else 0.0, 0.0)


def rescaled_mean(old: Any, new: Any, total: Any, count: Any, temperature: Any) -> Any:
    """Both sums of `logmeanexp` for another maximum."""
    return rescaled(old, new, total, temperature), count


# The constant log n makes no difference to the gradient.
for declared in (logsumexp, logmeanexp):
    declared.vjp(row_inputs=("g",))(logsumexp_vjp)


# --- sparse relatives: Newton's method on the threshold, which rises to the solution from below -------------------


def distance(x: Any, maximum: Any, temperature: Any) -> Any:
    d, divisor = difference(x, maximum, temperature)
    return per(d, divisor)


def linear_step(threshold: Any, z: Any) -> Any:
    """Michelot 1986, doi:10.1007/BF00938486: the next threshold makes the present support sum to 1.

    Summed up are the elements, not what they have above the threshold: that would be rounded at its size.
    """
    inside = row_sum(0.0 if z <= threshold else z)
    return (inside - 1.0) / row_sum(0.0 if z <= threshold else 1.0)


@rowwise(source="Martins, Astudillo 2016, arXiv:1602.02068")
def sparsemax(x: Any, temperature: float = 1.0) -> Any:
    """The point of the probability simplex that is nearest to x/T."""
    z = distance(x, row_max(x), temperature)
    return max(z - row_solve(linear_step, -1.0, z), 0.0)


@sparsemax.vjp()
def sparsemax_vjp(g: Any, y: Any, temperature: float) -> Any:
    inside = y > 0.0
    mean = row_sum(g if inside else y * 0.0) / row_sum(1.0 if inside else 0.0)
    slope = per(g - mean, temperature)
    return slope if inside else (0.0 if mean == mean else mean)


def square_step(threshold: Any, z: Any) -> Any:
    above = max(z - threshold, 0.0)
    return threshold + (row_sum(above * above) - 1.0) / (2.0 * row_sum(above))


@rowwise(source="Peters, Niculae, Martins 2019, arXiv:1905.05702")
def entmax15(x: Any, temperature: float = 1.0) -> Any:
    """The sparse softmax with α = 1.5: max(x/(2T) - τ, 0)², where τ makes the row sum to 1."""
    z = 0.5 * distance(x, row_max(x), temperature)
    above = max(z - row_solve(square_step, -1.0, z), 0.0)
    return above * above


@entmax15.vjp()
def entmax15_vjp(g: Any, y: Any, temperature: float) -> Any:
    root = sqrt(y)
    return per(root * (g - row_sum(g * root) / row_sum(root)), temperature)


# --- any other α, of which `excess` is α - 1 --------------------------------------------------------------------------


# The base of the largest element's power, and so the threshold, is a number between 0 and 1: near α = 1 close to 1,
# where what is missing in 1 has more digits, and else close to 0 (1/n for α = 2 and n equal elements).
CLOSE_TO_SOFTMAX = 0.125
# The first steps are long: their rounding errors must not take them past the solution. Without it 25 ulp (67 equal
# float32, α = 1.9).
SHORTER = per_type(f32=1.0 - 2.0**-20, f64=1.0 - 2.0**-49)
# The smallest normal number.
TINY = per_type(f32=2.0**-126, f64=2.0**-1022)


def power(z: Any, excess: Any) -> Any:
    """a^(1/excess) and 1/a - 1, or 0 where a is not positive; a is 1 - z close to softmax, else -z."""
    top = 1.0 if excess < CLOSE_TO_SOFTMAX else 0.0
    a = top - z
    odds = (z + (1.0 - top)) / a
    logarithm, logarithm_low = log_one_plus_far(odds)
    q = logarithm / excess
    q_low = (remainder(logarithm, absent, excess, absent, q) + logarithm_low) / excess
    significand, unit = exp_negative(-q, -q_low)
    return 0.0 if a <= 0.0 else significand * unit, 0.0 if a <= 0.0 else odds


def power_step(threshold: Any, below: Any, excess: Any) -> Any:
    """A step that does not go past the solution.

    With q = 1/excess, the a of `power` and the sum s of a^q: for q ≥ 1 the norm s^(1/q) is convex in the threshold, and
    Newton's method stays below. For q < 1, (1 - u)^q is at least 1 - u and at least 1 - q·u - (1 - q)·u² for all u from
    0 to 1, and these are negative beyond: with u = step/a each of them gives a step. The sum of a^(q-2) in the second
    one is at most that of a^(q-1) to the power (2 - q)/(1 - q).
    """
    p, odds = power(below + threshold, excess)
    total, slope = row_sum(p), row_sum(fma(p, odds, p))
    rest = total - 1.0
    logarithm, _ = log_one_plus(rest)
    norm_step = -expm1(-excess * logarithm) * (total / slope)
    q, step = 1.0 / excess, rest / slope
    log_slope, _ = log_one_plus_far(max(slope - 1.0, 0.0))
    # 1.001, for it must not be rounded down.
    curvature = exp(1.001 * (log_slope / (excess - 1.0))) * 1.001
    far_step = 2.0 * step / (q + sqrt(fma(q, q, 4.0 * (1.0 - q) * max(rest, 0.0) * curvature)))
    return fma(norm_step if excess <= 1.0 else max(step, far_step), SHORTER, threshold)


@rowwise(
    source="Peters, Niculae, Martins 2019, arXiv:1905.05702",
    row_inputs=("excess",),
    bound={"forward": 8.0, "vjp": 16.0},
)
def _entmax(x: Any, excess: Any, temperature: float = 1.0) -> Any:
    """Entmax for α = 1 + `excess`."""
    below = -excess * distance(x, row_max(x), temperature)
    start = 0.0 if excess < CLOSE_TO_SOFTMAX else -1.0
    p, _ = power(below + row_solve(power_step, start, below, excess), excess)
    return p


@_entmax.vjp(row_inputs=("excess",))
def _entmax_vjp(g: Any, y: Any, excess: Any, temperature: float) -> Any:
    """On the support, with s = y^(2 - α): s·(g - the mean of g weighted with s)."""
    normal = max(y, TINY)
    logarithm, _ = log_one_plus_far((1.0 - normal) / normal)
    s = exp((excess - 1.0) * logarithm) if y > 0.0 else y * 0.0
    mean = row_sum(s * g if y > 0.0 else y * 0.0) / row_sum(s)
    slope = per(s * (g - mean), temperature)
    return slope if y > 0.0 else (0.0 if mean == mean else mean)


# --- for losses, and for rows that are in memory a part at a time ------------------------------------------------


@rowwise(source="softmax's statistic", outputs=(), row_outputs=("maximum", "rest_of_sum"))
def _exp_sum(x: Any, temperature: float = 1.0) -> Any:
    """The maximum m and s - 1, where s is the sum of exp((x - m)/T)."""
    maximum, _, rest_of_sum = exp_sum_parts(x, temperature)
    return maximum if rest_of_sum == rest_of_sum else rest_of_sum, rest_of_sum


@rowwise(source="softmax, given its statistic", row_inputs=("maximum", "rest_of_sum"))
def _softmax_from(x: Any, maximum: Any, rest_of_sum: Any, temperature: float = 1.0) -> Any:
    """Softmax, given what `_exp_sum` gave."""
    all_of_it = peak(maximum, temperature) * (1.0 + rest_of_sum)
    return weight(x, maximum, temperature) * (1.0 / all_of_it + if_finite(maximum))


@rowwise(
    source="log_softmax, given its statistic", row_inputs=("maximum", "rest_of_sum"), excluded=-inf
)
def _log_softmax_from(x: Any, maximum: Any, rest_of_sum: Any, temperature: float = 1.0) -> Any:
    """Log_softmax, given what `_exp_sum` gave."""
    total, _ = log_one_plus(rest_of_sum)
    d, divisor = difference(x, maximum, temperature)
    return d / divisor - (total + if_finite(maximum))


@rowwise(
    source="gradient of cross entropy, but for the target",
    row_inputs=("scale",),
    row_outputs=("maximum", "rest_of_sum"),
)
def _cross_entropy(x: Any, scale: Any, temperature: float = 1.0) -> Any:
    """scale · softmax(x), and what `_exp_sum` gives."""
    maximum, w, rest_of_sum = exp_sum_parts(x, temperature)
    top = peak(maximum, temperature)
    shown = top if w == 0.0 else w
    return (
        shown * (1.0 / (top * (1.0 + rest_of_sum)) + if_finite(maximum)) * scale,
        maximum if rest_of_sum == rest_of_sum else rest_of_sum,
        rest_of_sum,
    )
