"""The table: every function of whole rows, such as softmax, declared once, next to its vector-Jacobian product.

To add one, write it here and its mathematical definition in reference/rows.py. A declaration is a function of the
kernel dialect on one element of the row; `row_max`, `row_sum`, `row_sums` and `row_solve` go over all elements.
Whatever depends on the row alone is computed once a row. What begins with an underscore is not public.
"""

from __future__ import annotations

from math import inf
from typing import Any

from .declare import Table
from .dialect import (
    absent,
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
from .elementary import (
    LARGEST,
    LN2,
    LOG2E,
    LOWEST,
    ROUNDER,
    UNIT,
    UNIT_BITS,
    exp_negative,
    log1p_parts,
    reduced,
)
from .two_parts import fast_two_sum, remainder, two_product, two_sum

ROWS = Table(bound={"forward": 4.0, "vjp": 4.0})
rowwise = ROWS.declare

# A temperature above the one or below the other is divided by it: its reciprocal is a normal number then, with all
# its digits, and LOWEST times it is finite.
HOT = per_type(f32=2.0**64, f64=2.0**512)
COLD = per_type(f32=2.0**-64, f64=2.0**-512)


def scale(temperature: Any) -> Any:
    """The power of two that the temperature, and what is to be divided by it, is multiplied by."""
    return (
        1.0
        if known(temperature)
        else (COLD if temperature > HOT else (HOT if temperature < COLD else 1.0))
    )


def inverse(temperature: Any) -> Any:
    """1 / temperature for what is multiplied by its `scale`, and its rounding error."""
    by = scale(temperature)
    divisor = temperature * by
    high = 1.0 / divisor
    return high, remainder(1.0, absent, divisor, low(temperature) * by, high) * high


def divided(d: Any, temperature: Any) -> Any:
    """d / temperature, d being multiplied by the `scale` already, and its rounding error."""
    factor, factor_low = inverse(temperature)
    z, z_low = two_product(d, factor)
    return (d, absent) if known(temperature) else (z, z_low + d * factor_low)


def per(value: Any, temperature: Any) -> Any:
    """value / temperature by a multiplication."""
    by = scale(temperature)
    return value * by * (1.0 / (temperature * by))


def difference(x: Any, maximum: Any, temperature: Any) -> Any:
    """x - maximum and the temperature, both times a half where the difference alone could overflow."""
    half = 0.5 if temperature > 1.0 else 1.0
    # The product is exact: a difference of products, without one more value of the row to keep.
    d = x - maximum if known(temperature) else fma(-half, maximum, x * half)
    return d, temperature if known(temperature) else temperature * half


def origin(maximum: Any, temperature: Any) -> Any:
    """What elements are taken relative to: (base, top, power).

    Weights are exp((x - base) / temperature) · 2^-power, those of the maximum, `top` above the base, between 0.7
    and 1.5. No x that counts loses a bit when the base is subtracted: it is 0, or so much larger than the distance
    at which exp reaches zero that x and the base are within a factor of two. At a distance of 80 below a maximum of
    80, the half ulp that x - maximum loses would be 64 ulp of exp. An infinite maximum is taken as ±LARGEST.
    """
    m = min(max(maximum, -LARGEST), LARGEST)
    base = 0.0 if abs(m) < -4.0 * LOWEST * temperature else m
    top = m - base
    z, _ = divided(top * scale(temperature), temperature)
    return base, top, fma(z, LOG2E, ROUNDER) - ROUNDER


def scaled_exp(z: Any, z_low: Any, power: Any) -> Any:
    """exp(z + z_low) · 2^-power / UNIT."""
    q, scaled = reduced(z, z_low, ROUNDER + (UNIT_BITS - power))
    return fma(scaled, q, scaled)


def weight(x: Any, maximum: Any, temperature: Any) -> Any:
    """exp((x - base) / temperature) · 2^-power / UNIT for the `origin`; a normal number."""
    base, top, power = origin(maximum, temperature)
    by = scale(temperature)
    least = LOWEST * (temperature * by)
    z, z_low = divided(max((x - base) * by, max(top * by + least, -LARGEST)), temperature)
    return scaled_exp(z, z_low, power)


def peak(maximum: Any, temperature: Any) -> Any:
    """The weight of the maximum."""
    _, top, power = origin(maximum, temperature)
    z, z_low = divided(top * scale(temperature), temperature)
    return scaled_exp(z, z_low, power)


def rescaling(old: Any, new: Any, temperature: Any) -> Any:
    """The factor from weights for a maximum to those for a larger one; a power of two unless both are far from 0."""
    old_base, _, old_power = origin(old, temperature)
    base, _, new_power = origin(new, temperature)
    power = new_power - old_power
    z, z_low = divided(max((old_base - base) * scale(temperature), -LARGEST), temperature)
    least = fma(power, LN2, LOWEST)
    factor = scaled_exp(max(z, least), z_low if z > least else 0.0, power) * UNIT
    # -LARGEST, which stands for -inf, has a weight where the temperature is as large.
    return factor if known(temperature) else (0.0 if old == -inf else factor)


def rescaled(old: Any, new: Any, total: Any, temperature: Any) -> Any:
    """A sum of weights for the maximum `old` as one for `new`."""
    return total * rescaling(old, new, temperature)


def exp_sum(x: Any, temperature: Any) -> Any:
    """The maximum, the weight of x, and the sum of all weights."""
    maximum = row_max(x)
    w = weight(x, maximum, temperature)
    return maximum, w, row_sums(rescaled, temperature, w)


def rescaled_rest(old: Any, new: Any, rest: Any, count: Any, temperature: Any) -> Any:
    """Both sums of `exp_sum_parts` for another maximum."""
    all_of_it = fma(count, peak(old, temperature), rest)
    same = old == new
    return rest if same else all_of_it * rescaling(old, new, temperature), count if same else 0.0


def exp_sum_parts(x: Any, temperature: Any) -> Any:
    """The maximum m; the weight of x unless it is m; s - 1, where s is the sum of all exp((x - m) / temperature).

    One maximum is left out of the sum and further ones are counted: s - 1 keeps its digits however small it is.
    """
    maximum = row_max(x)
    at_maximum = x == maximum
    w = 0.0 if at_maximum else weight(x, maximum, temperature)
    rest, count = row_sums(rescaled_rest, temperature, w, 1.0 if at_maximum else 0.0)
    return maximum, w, rest / peak(maximum, temperature) + (count - 1.0)


def if_finite(maximum: Any) -> Any:
    """0, or NaN for a row that has no finite maximum."""
    return maximum - maximum


def halved(n: Any, f: Any, exponent: Any, power: Any) -> Any:
    """f·2ⁿ with f brought below `power`, which is 2 to the `exponent`."""
    large = f >= power
    return n + exponent if large else n, f * (1.0 / power) if large else f


def log_one_plus(rest_of_sum: Any) -> Any:
    """log(1 + rest_of_sum) for 0 ≤ rest_of_sum < 2⁶⁴ in two parts; -inf for -1."""
    s = 1.0 + rest_of_sum
    n, f = halved(0.0, s, 32.0, 4294967296.0)
    n, f = halved(n, f, 16.0, 65536.0)
    n, f = halved(n, f, 8.0, 256.0)
    n, f = halved(n, f, 4.0, 16.0)
    n, f = halved(n, f, 2.0, 4.0)
    n, f = halved(n, f, 1.0, 2.0)
    u = rest_of_sum if n == 0.0 else f - 1.0
    ratio, ratio_low = log1p_parts(u)
    rest, rest_low = two_product(u, ratio)
    rest_low = rest_low + u * ratio_low
    whole, whole_low = two_product(n, LN2)
    total, total_low = fast_two_sum(whole, rest)
    total_low = total_low + (rest_low + fma(n, low(LN2), whole_low))
    return total if s > 0.0 or s != s else -inf, total_low


def plus(a: Any, a_low: Any, b: Any, b_low: Any) -> Any:
    """a + b, each in two parts; infinite if one of them is."""
    total, left = two_sum(a, b)
    return total if abs(total) == inf else total + (left + (a_low + b_low))


def over(x: Any, temperature: Any) -> Any:
    """x / temperature and its rounding error."""
    q = x / temperature
    q_low = per(remainder(x, absent, temperature, low(temperature), q), temperature)
    return (x, 0.0) if known(temperature) else (q, q_low)


def probability(w: Any, maximum: Any, total: Any) -> Any:
    """A weight over the sum of all weights."""
    return w * (1.0 / total + if_finite(maximum))


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
