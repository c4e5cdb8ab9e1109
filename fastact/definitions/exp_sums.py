"""Sums of exponentials over a row, and their logarithm: what softmax and its relatives are made of.

Arguments are divided by a temperature. Weights have the exponent of the row's maximum taken out, so that they neither
overflow nor vanish.
"""

from __future__ import annotations

from math import inf
from typing import Any

from .dialect import absent, fma, known, low, per_type, row_max, row_sums
from .elementary import LARGEST, LN2, LOG2E, LOWEST, ROUNDER, UNIT, UNIT_BITS, log1p_parts, reduced
from .two_parts import fast_two_sum, remainder, two_product, two_sum

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


# Exponents and powers of two that bring every number below 2⁶⁴.
E512, P512 = per_type(f32=64.0, f64=512.0), per_type(f32=2.0**64, f64=2.0**512)
E256, P256 = per_type(f32=64.0, f64=256.0), per_type(f32=2.0**64, f64=2.0**256)
E128, P128 = per_type(f32=64.0, f64=128.0), per_type(f32=2.0**64, f64=2.0**128)


def log_one_plus_far(rest_of_sum: Any) -> Any:
    """The same for any finite number from 0 on."""
    n, f = halved(0.0, rest_of_sum, E512, P512)
    n, f = halved(n, f, E256, P256)
    n, f = halved(n, f, E128, P128)
    n, f = halved(n, f, 64.0, 18446744073709551616.0)
    rest, rest_low = log_one_plus(f if n == 0.0 else f - 1.0)
    whole, whole_low = two_product(n, LN2)
    total, total_low = two_sum(whole, rest)
    return total, total_low + (rest_low + fma(n, low(LN2), whole_low))


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
