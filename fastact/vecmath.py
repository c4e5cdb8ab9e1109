"""The elementary functions of the dialect, for float32 and float64, without a branch.

Every polynomial is a minimax fit that ``python tools/fit.py`` makes again, digit for digit; beside each stands the
error that the fit reports, relative unless said. Numbers that leave the range of normal floats are carried as a
significand and a unit, so that a product with them is rounded into the subnormals once.
"""

from __future__ import annotations

from typing import Any

from .dialect.primitives import (
    absent,
    coefficients,
    copysign,
    exact,
    fma,
    low,
    per_type,
    polynomial,
    polynomial_parts,
    scale,
)

LN2 = exact(
    "0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863326996"
)
LOG2E = exact(
    "1.442695040888963407359924681001892137426645954152985934135449406931109219181185079885526622893"
)

# 1.5 · 2^(bits of the significand): adding it leaves the sum rounded to an integer in the low bits.
ROUNDER = per_type(f32=12582912.0, f64=6755399441055744.0)

# exp of a negative number is computed 2^LIFT too high and comes with the unit 2^-LIFT, so that whatever it is
# multiplied by, the product is rounded into the subnormals once. Down to LOWEST the lifted value is a normal number,
# and a product of |x| or less with it has reached zero there.
LIFTED = per_type(f32=12582912.0 + 64.0, f64=6755399441055744.0 + 128.0)
UNIT = per_type(f32=2.0**-64, f64=2.0**-128)
LOWEST = per_type(f32=-120.0, f64=-780.0)

# For products with a factor that is free, such as alpha, or x beside a beta of 1e-10: below TINY alone it is lifted, by
# so much that it stays normal down to FAR, and so little that e^TINY · 2^LIFT times the largest number is finite.
TINY = per_type(f32=-70.0, f64=-700.0)
FAR_LIFTED = per_type(f32=12582912.0 + 100.0, f64=6755399441055744.0 + 980.0)
FAR_UNIT = per_type(f32=2.0**-100, f64=2.0**-980)
FAR = per_type(f32=-156.0, f64=-1386.0)

# (expm1(r) - r) / r² for |r| ≤ ln 2 / 2; error of expm1(r): f32 degree 4, 2^-26.2, f64 degree 9, 2^-55.6.
EXPM1 = coefficients(
    f32=(
        "0x1p-1",
        "0x1.5554bp-3",
        "0x1.555486p-5",
        "0x1.1227f8p-7",
        "0x1.6d98fep-10",
    ),
    f64=(
        "0x1.0000000000005p-1",
        "0x1.555555555555cp-3",
        "0x1.5555555552129p-5",
        "0x1.111111110e743p-7",
        "0x1.6c16c17f2dd43p-10",
        "0x1.a01a01b5b2c85p-13",
        "0x1.a019a69b42cbbp-16",
        "0x1.71ddea5773f72p-19",
        "0x1.28a29b6543249p-22",
        "0x1.af762d6dc3e12p-26",
    ),
)

# log1p(u) / u for 0 ≤ u ≤ 1, in u - ½, which keeps sums from growing: f32 degree 9, 2^-27.7, f64 degree 20, 2^-56.6.
LOG1P = coefficients(
    f32=(
        "0x1.9f323ep-1",
        "-0x1.2773a6p-2",
        "0x1.0f955p-3",
        "-0x1.153fb2p-4",
        "0x1.2c1e28p-5",
        "-0x1.510612p-6",
        "0x1.7b53c8p-7",
        "-0x1.ba5cd4p-8",
        "0x1.5848a6p-8",
        "-0x1.a93322p-9",
    ),
    f64=(
        "0x1.9f323ecbf984cp-1",
        "-0x1.2773a5da90bd5p-2",
        "0x1.0f95b3dc0a10bp-3",
        "-0x1.1540afd54ca17p-4",
        "0x1.2bec9fba54fa3p-5",
        "-0x1.50abf6ca7a79dp-6",
        "0x1.83c50b0ca0a8ap-7",
        "-0x1.c72c644b0b0ap-8",
        "0x1.0f11920f0046ap-8",
        "-0x1.469c50423f432p-9",
        "0x1.8d3f9ead454d1p-10",
        "-0x1.e6fd3b74d20edp-11",
        "0x1.2c73895573754p-11",
        "-0x1.740d2ead1c211p-12",
        "0x1.cfa06fdebda4p-13",
        "-0x1.2a0a4a8a345fbp-13",
        "0x1.785d96570ff0ap-14",
        "-0x1.77c4d4698342fp-15",
        "0x1.cdc9c20640e1p-16",
        "-0x1.420ae76ccbe23p-15",
        "0x1.a420fdc4eb253p-16",
    ),
    rest=("0x1.d90812p-26", "-0x1.5ab1bbfe0b483p-58"),
)

# (a + 4) · Φ(-a) · exp(a²/2), Mills' ratio tamed, in t - 5/16 with t = a / (a + 4). Of the powers of two, 4 wants the
# least degree. A centre of 3/16 leaves 5.5 ulp in the tail of float32 gelu, one of 3/8 leaves 4.4 units in its
# derivative near the zero. The mapping is that of Shepherd and Laframboise, Math. Comp. 36 (1981),
# doi:10.1090/S0025-5718-1981-0595058-X: f32 degree 10, 2^-29.5, f64 degree 22, 2^-55.5.
MILLS = coefficients(
    f32=(
        "0x1.0c7bb6p+0",
        "-0x1.fb00a8p+0",
        "0x1.4d2112p+1",
        "-0x1.21d202p+1",
        "0x1.087cep+0",
        "0x1.119c68p-3",
        "-0x1.9e7a92p-2",
        "0x1.3542fp-5",
        "0x1.489e5cp-3",
        "-0x1.a5ff2cp-6",
        "-0x1.79fe2ap-5",
    ),
    f64=(
        "0x1.0c7bb5e05a983p+0",
        "-0x1.fb00a80e97498p+0",
        "0x1.4d21135e27f9cp+1",
        "-0x1.21d22dc6dad76p+1",
        "0x1.087d2096a18ebp+0",
        "0x1.1201896f87282p-3",
        "-0x1.9ec8d63826fcbp-2",
        "0x1.1f68232b9c884p-5",
        "0x1.54042e81ef834p-3",
        "-0x1.9ded84035ea15p-7",
        "-0x1.48f10b2a078c4p-4",
        "-0x1.3a2029355cd79p-7",
        "0x1.4278c617dc297p-5",
        "0x1.3191b768de606p-6",
        "-0x1.de4c77f9d38p-7",
        "-0x1.18bb015c10c38p-6",
        "-0x1.1939b501c7896p-10",
        "0x1.1a17c3409068bp-7",
        "0x1.a9f98a8846c55p-7",
        "-0x1.b8c4418a2caf4p-9",
        "-0x1.72bc6b6951be9p-6",
        "0x1.478784903c8c8p-6",
        "-0x1.48e69aba7cc09p-8",
    ),
    rest=("-0x1.e5b23cp-28", "0x1.1ea30a6200505p-54"),
)

MILLS_CENTRE = 0.3125
# Where a·φ(a) has rounded to zero: the fit ends a little above.
MILLS_END = per_type(f32=14.75, f64=38.75)

# (x - tanh x) / x³ for x² ≤ 3/2, in x² - ½: f32 degree 9, 2^-26.7, f64 degree 20, 2^-57.0.
TANH_SHRINK = coefficients(
    f32=(
        "0x1.1c8e0ep-2",
        "-0x1.79ce14p-4",
        "0x1.fc61ccp-6",
        "-0x1.568c6cp-7",
        "0x1.cdc6c8p-9",
        "-0x1.38500cp-10",
        "0x1.a8182ap-12",
        "-0x1.0fbd3ep-13",
        "0x1.0b6beap-15",
        "-0x1.0c990cp-18",
    ),
    f64=(
        "0x1.1c8e0ec09a303p-2",
        "-0x1.79ce0c25b5db4p-4",
        "0x1.fc6215f7c71e8p-6",
        "-0x1.5691ebb1125a4p-7",
        "0x1.cdc3c46a403d3p-9",
        "-0x1.37394ed8235c6p-10",
        "0x1.a3860b9f6b4ep-12",
        "-0x1.1ac14074a0ffep-13",
        "0x1.7d25f178af277p-15",
        "-0x1.00e3f3a7bc6eap-16",
        "0x1.5a486e4a39f69p-18",
        "-0x1.d2c4a01a4d3d3p-20",
        "0x1.3a936910a71ccp-21",
        "-0x1.a843609cd575ep-23",
        "0x1.1ed90a9f2ac3fp-24",
        "-0x1.83ec57477d65ap-26",
        "0x1.fd6c2878bdc61p-28",
        "-0x1.2be61ba9f4df9p-29",
        "0x1.16e806b421086p-31",
        "-0x1.589c60be22e5p-34",
        "0x1.997d89fc647eap-38",
    ),
    rest=("0x1.ae0632p-27", "0x1.697046c81be26p-57"),
)


def reduced(x: Any, x_low: Any, rounder: Any) -> Any:
    """x + x_low = n·ln 2 + r: expm1(r), and 2ⁿ⁺ˢ where `rounder` is ROUNDER + s."""
    t = fma(x, LOG2E, rounder)
    n = t - rounder
    r = fma(n, -low(LN2), fma(n, -LN2, x)) + x_low
    return fma(r * r, polynomial(r, EXPM1), r), scale(1.0, t)


def exp_negative(x: Any, x_low: Any) -> Any:
    """exp(x + x_low) for x ≤ 0 as (significand, unit), the significand a normal number.

    `x_low` is what rounding x left behind: at x = -100 half an ulp of x is 50 ulp of exp(x).
    """
    q, power = reduced(max(x, LOWEST), x_low, LIFTED)
    return fma(power, q, power), UNIT


def exp_far(x: Any, x_low: Any) -> Any:
    """The same for products with a factor of any size."""
    x = max(x, FAR)
    q, power = reduced(x, x_low, FAR_LIFTED if x < TINY else ROUNDER)
    return fma(power, q, power), FAR_UNIT if x < TINY else 1.0


# exp of any number is computed a power of two too low, so that the last multiplication overflows where the result does.
LOWERED = per_type(f32=12582912.0 - 1.0, f64=6755399441055744.0 - 1.0)
HIGHEST = per_type(f32=89.0, f64=710.0)


def exp(x: Any) -> Any:
    """eˣ for every x; 1 ulp."""
    x = min(max(x, FAR), HIGHEST)
    q, power = reduced(x, absent, FAR_LIFTED if x < TINY else LOWERED)
    return fma(power, q, power) * (FAR_UNIT if x < TINY else 2.0)


# expm1 is -1 to the last bit below this, and 2ⁿ is a normal number above it.
EXPM1_LOWEST = per_type(f32=-20.0, f64=-40.0)


def expm1_parts(x: Any) -> Any:
    """eˣ - 1 for x ≤ 0 (up to where eˣ overflows, in fact), and what rounding the last sum left behind."""
    q, power = reduced(max(x, EXPM1_LOWEST), absent, ROUNDER)
    y = fma(power, q, power - 1.0)
    return y, fma(power, q, (power - 1.0) - y)


def expm1(x: Any) -> Any:
    """eˣ - 1 for x ≤ 0; 1 ulp."""
    y, _ = expm1_parts(x)
    return y


def log1p_parts(u: Any) -> Any:
    """log1p(u) / u for 0 ≤ u ≤ 1, in two parts."""
    return polynomial_parts(u - 0.5, LOG1P)


def scaled(x: Any, factor: Any) -> Any:
    """x · factor and what rounding it left behind, both for use as the argument of exp."""
    z = x * factor
    z_low = fma(x, factor, -z) + x * low(factor)
    return z, z_low if abs(z) < -FAR else 0.0


def facing(z: Any, z_low: Any) -> Any:
    """The low part of -|z|."""
    return z_low if z < 0.0 else -z_low


def logistic_parts(z: Any, z_low: Any, exp_of: Any) -> Any:
    """σ(z + z_low) as (s, s_low, unit, e): σ = (s + s_low) · unit, and e = exp(-|z|).

    `s_low` undoes the rounding of 1 + e and of the quotient. `exp_of` is `exp_negative` or `exp_far`.
    """
    negative = z < 0.0
    e, unit = exp_of(-abs(z), facing(z, z_low))
    small = e * unit
    top = e if negative else 1.0
    s, left, inverse = over_one_plus(top, small)
    return s, left * inverse, unit if negative else 1.0, small


def over_one_plus(top: Any, small: Any) -> Any:
    """top / (1 + small) as (s, left, inverse), to be read as s + left · inverse."""
    d = 1.0 + small
    rest = small - (d - 1.0)
    inverse = 1.0 / d
    s = top * inverse
    return s, fma(-s, rest, fma(-s, d, top)), inverse


def sigmoid(z: Any) -> Any:
    """σ(z). A subnormal e needs no unit here: it is multiplied by 1."""
    e, unit = exp_negative(-abs(z), absent)
    small = e * unit
    s, left, inverse = over_one_plus(small if z < 0.0 else 1.0, small)
    return fma(left, inverse, s)


def bell_parts(z: Any, z_low: Any) -> Any:
    """σ(z + z_low) · σ(-z - z_low) as (b, unit): e / (1 + e)²."""
    e, unit = exp_negative(-abs(z), facing(z, z_low))
    small = e * unit
    d = 1.0 + small
    rest = small - (d - 1.0)
    return e / fma(d, d, 2.0 * (d * rest)), unit


def softplus_parts(z: Any, z_low: Any) -> Any:
    """log(1 + exp(z + z_low)) as (p, p_low, unit): (p + p_low) · unit, p alone being good to 2 ulp."""
    negative = z < 0.0
    q, power = reduced(max(-abs(z), LOWEST), facing(z, z_low), LIFTED)
    small = fma(power, q, power) * UNIT
    ratio, ratio_low = log1p_parts(small)
    # Below zero the rounding of 1 + q would be half an ulp more.
    p = power * (ratio + fma(ratio, q, ratio_low)) if negative else fma(small, ratio, z)
    p_low = 0.0 if negative else fma(small, ratio_low, fma(small, ratio, z - p) + z_low)
    return p, p_low, UNIT if negative else 1.0


def tanh_parts(x: Any) -> Any:
    """tanh |x| as the sum of a number and a small one."""
    t, t_low = expm1_parts(-2.0 * abs(x))
    return ratio_parts(t, t_low)


def ratio_parts(t: Any, t_low: Any) -> Any:
    """-t / (2 + t) as the sum of a number and a small one."""
    d = 2.0 + t
    d_low = (t - (d - 2.0)) + t_low
    inverse = 1.0 / d
    y = -t * inverse
    return y, (fma(-y, d_low, fma(-y, d, -t)) - t_low) * inverse


def tanh(x: Any) -> Any:
    """tanh x; odd, and right to the last subnormal. Without the low part of expm1: 1.9 ulp, not 1.4."""
    y, y_low = ratio_parts(expm1(-2.0 * abs(x)), absent)
    return copysign(y + y_low, x)


# Where tanh |x| is subtracted from |x| without loss, and up to where the fit holds.
SHRINK_SPLIT = per_type(f32=1.21875, f64=1.21875)


def tanh_shrink(x: Any) -> Any:
    """x - tanh x; +0 at -0, as -0 - (-0) is."""
    y, y_low = tanh_parts(x)
    square = x * x
    cube = x * square
    cube_low = fma(x, square, -cube) + x * fma(x, x, -square)
    ratio, ratio_low = polynomial_parts(square - 0.5, TANH_SHRINK)
    near = fma(cube, ratio, fma(cube, ratio_low, cube_low * ratio))
    return near if abs(x) < SHRINK_SPLIT else copysign((abs(x) - y) - y_low, x)


def mills_parts(x: Any) -> Any:
    """For a = |x| ≤ MILLS_END: a, t = a / (a + 4) in two parts, and (a + 4) · Φ(-a) · exp(a²/2) in two parts."""
    a = min(abs(x), MILLS_END)
    s = a + 4.0
    rest = a - (s - 4.0)
    inverse = 1.0 / s
    quotient = a * inverse
    left = fma(-quotient, rest, fma(-quotient, s, a))
    t = fma(left, inverse, quotient)
    t_low = fma(left, inverse, quotient - t)
    v = t - MILLS_CENTRE
    mills, mills_low = polynomial_parts(v, MILLS)
    # Rounding v matters for small t alone, where the function falls with a slope of about -4.
    return a, t, t_low, mills, fma(-4.0, t - (v + MILLS_CENTRE), mills_low)


def gaussian_parts(a: Any) -> Any:
    """exp(-a²/2) for a ≤ MILLS_END as (q, power): (1 + q) · power · UNIT; a² is carried to twice the precision."""
    half = 0.5 * a
    square = half * a
    return reduced(-square, -fma(half, a, -square), LIFTED)
