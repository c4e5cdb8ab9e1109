"""The table: every function of whole rows, such as softmax, declared once, next to its vector-Jacobian product.

To add one, write it here and its mathematical definition in reference_rows.py. A declaration is a function of the
kernel dialect on one element of the row; `row_max`, `row_sum`, `row_sums` and `row_solve` go over all elements.
Whatever depends on the row alone is computed once a row. What begins with an underscore is not public.
"""

from __future__ import annotations

from math import inf
from typing import Any

from . import declare
from .dialect.primitives import (
    fma,
    known,
    low,
    per_type,
    row_max,
    row_solve,
    row_sum,
    row_sums,
    sqrt,
)
from .vecmath import LN2, LOWEST, UNIT, exp_negative, log1p_parts

ROWS = declare.RowTable()
rowwise = ROWS.rowwise

LARGEST = per_type(f32=3.4028234663852886e38, f64=1.7976931348623157e308)
# Elements further below m than |m| · GRAIN differ from it by so many ulp that exp has reached zero, if those of m
# are 2^-23 or more of LOWEST each; nearer ones are subtracted from m without rounding.
GRAIN = per_type(f32=2.0**-21, f64=2.0**-50)
# What exp(0) is under the lift of `exp_negative`.
PEAK = per_type(f32=2.0**64, f64=2.0**128)


def inverse(temperature: Any) -> Any:
    """1 / temperature and what rounding it left behind."""
    high = 1.0 / temperature
    return high, (fma(-high, temperature, 1.0) - high * low(temperature)) * high


def below(x: Any, maximum: Any, temperature: Any) -> Any:
    """(x - maximum) / temperature ≤ 0 and what rounding it left behind, exact as far as exp can tell.

    At a distance of 80, the half ulp that a plain subtraction loses is 64 ulp of exp. Where x or the maximum is
    infinite, finite numbers take its place.
    """
    m = min(max(maximum, -LARGEST), LARGEST)
    floor = max(m - max(-LOWEST * temperature, abs(m) * GRAIN), -LARGEST)
    x = max(x, floor)
    d = x - m
    back = d - x
    d_low = (x - (d - back)) - (m + back)
    return (d, d_low) if known(temperature) else divided(d, d_low, temperature)


def divided(d: Any, d_low: Any, temperature: Any) -> Any:
    """(d + d_low) / temperature, likewise."""
    factor, factor_low = inverse(temperature)
    z = d * factor
    z_low = fma(d, factor, -z) + fma(d, factor_low, d_low * factor)
    return z, z_low if z > 2.0 * LOWEST else 0.0


def weight(x: Any, maximum: Any, temperature: Any) -> Any:
    """exp((x - maximum) / temperature) / UNIT, a normal number, and PEAK for the maximum itself."""
    z, z_low = below(x, maximum, temperature)
    significand, _ = exp_negative(z, z_low)
    return significand


def moved(old: Any, new: Any, total: Any, temperature: Any) -> Any:
    """A sum of weights below `old` as one of weights below `new`."""
    return total * (weight(old, new, temperature) * UNIT)


def exp_sum(x: Any, temperature: Any) -> Any:
    """The maximum, the weight of x, and the sum of all weights."""
    maximum = row_max(x)
    own = weight(x, maximum, temperature)
    return maximum, own, row_sums(moved, temperature, own)


def moved_others(old: Any, new: Any, rest: Any, count: Any, temperature: Any) -> Any:
    """Both sums of `exp_sum_parts` for another maximum."""
    factor = weight(old, new, temperature) * UNIT
    same = old == new
    return rest if same else (rest + count * PEAK) * factor, count if same else 0.0


def exp_sum_parts(x: Any, temperature: Any) -> Any:
    """The maximum m; the weight of x unless it is m; s - 1, where s is the sum of all exp((x - m) / temperature).

    One maximum is left out of the sum and the others are counted: s - 1 keeps its digits however small it is.
    """
    maximum = row_max(x)
    at_maximum = x == maximum
    own = 0.0 if at_maximum else weight(x, maximum, temperature)
    rest, count = row_sums(moved_others, temperature, own, 1.0 if at_maximum else 0.0)
    return maximum, own, fma(rest, UNIT, count - 1.0)


def if_finite(maximum: Any) -> Any:
    """0, or NaN for a row that has no finite maximum."""
    return maximum - maximum


def halved(n: Any, f: Any, exponent: Any, power: Any) -> Any:
    """f·2ⁿ with f brought below `power`, which is 2 to the `exponent`."""
    large = f >= power
    return n + exponent if large else n, f * (1.0 / power) if large else f


def log_one_plus(others: Any) -> Any:
    """log(1 + others) for 0 ≤ others < 2⁶⁴ in two parts; -inf for -1."""
    s = 1.0 + others
    n, f = halved(0.0, s, 32.0, 4294967296.0)
    n, f = halved(n, f, 16.0, 65536.0)
    n, f = halved(n, f, 8.0, 256.0)
    n, f = halved(n, f, 4.0, 16.0)
    n, f = halved(n, f, 2.0, 4.0)
    n, f = halved(n, f, 1.0, 2.0)
    u = others if n == 0.0 else f - 1.0
    ratio, ratio_low = log1p_parts(u)
    rest = u * ratio
    rest_low = fma(u, ratio, -rest) + u * ratio_low
    whole = n * LN2
    total = whole + rest
    total_low = (rest - (total - whole)) + (rest_low + fma(n, low(LN2), fma(n, LN2, -whole)))
    return total if s > 0.0 or s != s else -inf, total_low


def plus(a: Any, a_low: Any, b: Any, b_low: Any) -> Any:
    """a + b, each in two parts; infinite if one of them is."""
    total = a + b
    back = total - a
    left = (a - (total - back)) + (b - back)
    return total if abs(total) == inf else total + (left + (a_low + b_low))


def over(x: Any, temperature: Any) -> Any:
    """x / temperature and what rounding it left behind."""
    factor = 1.0 / temperature
    q = x / temperature
    q_low = (fma(-q, temperature, x) - q * low(temperature)) * factor
    return (x, 0.0) if known(temperature) else (q, q_low)


def share(own: Any, maximum: Any, total: Any) -> Any:
    """The part that a weight has of the sum of all weights."""
    return own * (1.0 / total + if_finite(maximum))


# --- the softmax family ----------------------------------------------------------------------------------------


@rowwise(source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28")
def softmax(x: Any, temperature: float = 1.0) -> Any:
    """exp(x/T) over its sum along the row."""
    maximum, own, total = exp_sum(x, temperature)
    return share(own, maximum, total)


@softmax.vjp(inputs=("g", "y"))
def softmax_vjp(g: Any, y: Any, temperature: float) -> Any:
    return y * (g - row_sum(g * y)) * (1.0 / temperature)


@rowwise(source="softmax of -x")
def softmin(x: Any, temperature: float = 1.0) -> Any:
    """exp(-x/T) over its sum along the row."""
    maximum, own, total = exp_sum(-x, temperature)
    return share(own, maximum, total)


@softmin.vjp(inputs=("g", "y"))
def softmin_vjp(g: Any, y: Any, temperature: float) -> Any:
    return y * (row_sum(g * y) - g) * (1.0 / temperature)


@rowwise(source="log of softmax", excluded=-inf)
def log_softmax(x: Any, temperature: float = 1.0) -> Any:
    """x/T minus the logarithm of the sum of exp(x/T) along the row."""
    maximum, _, others = exp_sum_parts(x, temperature)
    total, _ = log_one_plus(others)
    return (x - maximum) / temperature - (total + if_finite(maximum))


@log_softmax.vjp(inputs=("g", "y"))
def log_softmax_vjp(g: Any, y: Any, temperature: float) -> Any:
    significand, unit = exp_negative(y, 0.0)
    return fma(-row_sum(g), significand * unit, g) * (1.0 / temperature)


@rowwise(
    source="Blanchard, Higham, Higham 2021, doi:10.1093/imanum/draa038",
    outputs=(),
    row_outputs=("out",),
)
def logsumexp(x: Any, temperature: float = 1.0) -> Any:
    """The logarithm of the sum of exp(x/T) along the row."""
    maximum, _, others = exp_sum_parts(x, temperature)
    q, q_low = over(maximum, temperature)
    total, total_low = log_one_plus(others)
    return plus(q, q_low, total, total_low)


@logsumexp.vjp(inputs=("x",), row_inputs=("g",))
def logsumexp_vjp(x: Any, g: Any, temperature: float) -> Any:
    maximum, own, total = exp_sum(x, temperature)
    return share(own, maximum, total) * g * (1.0 / temperature)


@rowwise(source="logsumexp - log n", outputs=(), row_outputs=("out",))
def logmeanexp(x: Any, temperature: float = 1.0) -> Any:
    """The logarithm of the mean of exp(x/T) along the row."""
    maximum = row_max(x)
    own = weight(min(x, LARGEST), maximum, temperature)
    total, count = row_sums(moved_mean, temperature, own, 1.0)
    q, q_low = over(maximum, temperature)
    log_total, log_total_low = log_one_plus(total * UNIT - 1.0)
    log_count, log_count_low = log_one_plus(count - 1.0)
    mean = plus(log_total, log_total_low, -log_count, -log_count_low)
    return plus(q, q_low, mean if count > 0.0 or count != count else 0.0, 0.0)


def moved_mean(old: Any, new: Any, total: Any, count: Any, temperature: Any) -> Any:
    """Both sums of `logmeanexp` for another maximum."""
    return moved(old, new, total, temperature), count


@logmeanexp.vjp(inputs=("x",), row_inputs=("g",))
def logmeanexp_vjp(x: Any, g: Any, temperature: float) -> Any:
    maximum, own, total = exp_sum(x, temperature)
    return share(own, maximum, total) * g * (1.0 / temperature)


# --- sparse relatives: Newton's method on the threshold, which rises to the solution from below -------------------


def distance(x: Any, maximum: Any, temperature: Any) -> Any:
    return (x - maximum) * (1.0 / temperature)


def linear_step(threshold: Any, z: Any) -> Any:
    """Michelot 1986, doi:10.1007/BF00938486: the next threshold makes the present support sum to 1."""
    above = row_sum(max(z - threshold, 0.0))
    return threshold + (above - 1.0) / row_sum(1.0 if z > threshold else 0.0)


@rowwise(source="Martins, Astudillo 2016, arXiv:1602.02068")
def sparsemax(x: Any, temperature: float = 1.0) -> Any:
    """The point of the probability simplex that is nearest to x/T."""
    z = distance(x, row_max(x), temperature)
    return max(z - row_solve(linear_step, -1.0, z), 0.0)


@sparsemax.vjp(inputs=("g", "y"))
def sparsemax_vjp(g: Any, y: Any, temperature: float) -> Any:
    inside = y > 0.0
    mean = row_sum(g if inside else 0.0) / row_sum(1.0 if inside else 0.0)
    slope = (g - mean) * (1.0 / temperature)
    return slope if inside else y * 0.0


def square_step(threshold: Any, z: Any) -> Any:
    above = max(z - threshold, 0.0)
    return threshold + (row_sum(above * above) - 1.0) / (2.0 * row_sum(above))


@rowwise(source="Peters, Niculae, Martins 2019, arXiv:1905.05702")
def entmax15(x: Any, temperature: float = 1.0) -> Any:
    """The sparse softmax with α = 1.5: max(x/(2T) - τ, 0)², where τ makes the row sum to 1."""
    z = 0.5 * distance(x, row_max(x), temperature)
    above = max(z - row_solve(square_step, -1.0, z), 0.0)
    return above * above


@entmax15.vjp(inputs=("g", "y"))
def entmax15_vjp(g: Any, y: Any, temperature: float) -> Any:
    root = sqrt(y)
    return root * (g - row_sum(g * root) / row_sum(root)) * (1.0 / temperature)


# --- pieces: for losses, and for rows of which a part is at hand at a time -----------------------------------------


@rowwise(source="softmax's statistic", outputs=(), row_outputs=("maximum", "others"))
def _exp_sum(x: Any, temperature: float = 1.0) -> Any:
    """The maximum m and s - 1, where s is the sum of exp((x - m)/T)."""
    maximum, _, others = exp_sum_parts(x, temperature)
    return maximum, others


@rowwise(source="softmax, given its statistic", row_inputs=("maximum", "others"))
def _softmax_from(x: Any, maximum: Any, others: Any, temperature: float = 1.0) -> Any:
    """Softmax, given what `_exp_sum` gave."""
    return weight(x, maximum, temperature) * (UNIT / (1.0 + others) + if_finite(maximum))


@rowwise(source="log_softmax, given its statistic", row_inputs=("maximum", "others"), excluded=-inf)
def _log_softmax_from(x: Any, maximum: Any, others: Any, temperature: float = 1.0) -> Any:
    """Log_softmax, given what `_exp_sum` gave."""
    total, _ = log_one_plus(others)
    return (x - maximum) / temperature - (total + if_finite(maximum))


@rowwise(
    source="gradient of cross entropy, but for the target",
    row_inputs=("scale",),
    row_outputs=("maximum", "others"),
)
def _cross_entropy(x: Any, scale: Any, temperature: float = 1.0) -> Any:
    """scale · softmax(x), and what `_exp_sum` gives."""
    maximum, own, others = exp_sum_parts(x, temperature)
    shown = PEAK if own == 0.0 else own
    return (
        shown * (UNIT / (1.0 + others) + if_finite(maximum)) * scale,
        maximum,
        others,
    )
