"""The minimax polynomials of ../elementary.py, as ``python tools/fit.py`` prints them.

With each stand its degree and the error that the fit reports, relative unless said otherwise. The constant term may
have a `rest`, what it has beyond its value in the computing type.
"""

from __future__ import annotations

from ..dialect import coefficients, per_type

# (expm1(r) - r) / r² for |r| ≤ ln 2 / 2; error of expm1(r): f32 degree 4, 2^-26.2, f64 degree 9, 2^-55.6.
EXPM1 = coefficients(
    f32=(
        "0x1p-1",
        "0x1.5554bp-3",
        "0x1.555498p-5",
        "0x1.1227ap-7",
        "0x1.6d84bp-10",
    ),
    f64=(
        "0x1.0000000000005p-1",
        "0x1.555555555555cp-3",
        "0x1.555555555212dp-5",
        "0x1.111111110e9dp-7",
        "0x1.6c16c17f2cafcp-10",
        "0x1.a01a01b45ce45p-13",
        "0x1.a019a69ebf3c3p-16",
        "0x1.71ddee2d1c039p-19",
        "0x1.28a298055cb64p-22",
        "0x1.af6f01701e0e8p-26",
    ),
)

# log1p(u) / u for 0 ≤ u ≤ 1, in u - ½, which keeps sums from growing: f32 degree 9, 2^-27.5, f64 degree 20, 2^-56.4.
LOG1P = coefficients(
    f32=(
        "0x1.9f323ep-1",
        "-0x1.2773a6p-2",
        "0x1.0f955p-3",
        "-0x1.15403cp-4",
        "0x1.2c1dd8p-5",
        "-0x1.50e66cp-6",
        "0x1.7b5cap-7",
        "-0x1.bd08cp-8",
        "0x1.582324p-8",
        "-0x1.9f9dc2p-9",
    ),
    f64=(
        "0x1.9f323ecbf984cp-1",
        "-0x1.2773a5da90bd5p-2",
        "0x1.0f95b3dc0a121p-3",
        "-0x1.1540afd54c9cap-4",
        "0x1.2bec9fba51987p-5",
        "-0x1.50abf6ca80cabp-6",
        "0x1.83c50b0f89ab6p-7",
        "-0x1.c72c6447969dp-8",
        "0x1.0f1191718b40ep-8",
        "-0x1.469c50c0b5414p-9",
        "0x1.8d3fc45be298p-10",
        "-0x1.e6fd2695aee14p-11",
        "0x1.2c70cff24074fp-11",
        "-0x1.740e367bf5443p-12",
        "0x1.cfde8f9a6857dp-13",
        "-0x1.2a02998bb8002p-13",
        "0x1.76b2c84026d37p-14",
        "-0x1.78035965393f3p-15",
        "0x1.da71f8e6440e9p-16",
        "-0x1.41d59284c8fd5p-15",
        "0x1.99ef277391a3fp-16",
    ),
    rest=("0x1.d90812p-26", "-0x1.5ab1bbfe0b483p-58"),
)

# (a + 4) · Φ(-a) · exp(a²/2), a bounded form of Mills' ratio, in t - MILLS_CENTRE with t = a / (a + 4), for float64. Of
# the powers of two, 4 needs the least degree. The centre: 5/16 leaves 4.0 ulp in the tail of gelu, 7/16 2.4, and 1/2
# 1.6. The mapping is that of Shepherd and Laframboise, Math. Comp. 36 (1981), doi:10.1090/S0025-5718-1981-0595058-X:
# degree 22, 2^-55.3.
MILLS = coefficients(
    f64=(
        "0x1.82b4bb8c94dcep-1",
        "-0x1.373e3a893c28ap+0",
        "0x1.8c6dbf2cfc30bp+0",
        "-0x1.7dff2bff68435p+0",
        "0x1.eec4cc3e43e5fp-1",
        "-0x1.ee2761044aea2p-3",
        "-0x1.c81719c8f9aep-3",
        "0x1.ab825fb424239p-3",
        "0x1.17a4a5c311cf6p-5",
        "-0x1.e4a4227fed7acp-4",
        "-0x1.0010c2fa6714cp-9",
        "0x1.26d071961693ep-4",
        "0x1.7fd6870e78eb8p-9",
        "-0x1.8d4a4c35b21fcp-5",
        "-0x1.4fa61f49c044fp-7",
        "0x1.12570fafbddbep-5",
        "0x1.1b9cd98644868p-6",
        "-0x1.50a07dc9cf148p-6",
        "-0x1.4bb06d7ba229bp-6",
        "0x1.15e6178be8c5p-7",
        "0x1.f7668b873065fp-7",
        "-0x1.96100269eb38cp-11",
        "-0x1.4caa1a015feefp-8",
    ),
    rest=("0x0p+0", "-0x1.5694e37200509p-55"),
)

MILLS_CENTRE = 0.5
# What t · (a + 4) · Φ(-a) · exp(a²/2) rises by with (a + 4) · t, in t: degree 3, wrong by 0.09 ulp of the product for
# an ulp of t.
MILLS_RISE = coefficients(
    f64=(
        "0x1.d55b096c59a6ap-2",
        "-0x1.dfb01cd5ceba2p+0",
        "0x1.44cbdf99c2272p+1",
        "-0x1.22965dc2025ep+0",
    ),
)

# Where a·φ(a) has rounded to zero: the fit ends a little above.
MILLS_END = per_type(f32=14.75, f64=38.75)

# (1/3 - (x - tanh x)/x³)/x² is SHRINK_TOP / SHRINK_BOTTOM, both in x², for x² ≤ 9/8. The denominator is that of the
# fifth (float32) and ninth (float64) convergent of Lambert's continued fraction x/(1 + x²/(3 + x²/(5 + …))), DLMF
# 4.39.1, over its constant term; the numerator is fitted to it. Error of x - tanh x: f32 2^-29.3, f64 2^-57.9.
SHRINK_BOTTOM = coefficients(
    f32=("0x1p+0", "0x1.c71c72p-2", "0x1.041042p-6"),
    f64=(
        "0x1p+0",
        "0x1.e1e1e1e1e1e1ep-2",
        "0x1.c1c1c1c1c1c1cp-6",
        "0x1.a5c001a5c001ap-12",
        "0x1.5e8ba44745d2dp-20",
    ),
)
SHRINK_TOP = coefficients(
    f32=("0x1.11111p-3", "0x1.5ac154p-8", "-0x1.fd732p-24"),
    f64=(
        "0x1.1111111111112p-3",
        "0x1.1f99811f997a2p-7",
        "0x1.167d28e8fe1aep-13",
        "0x1.d364db0499858p-22",
    ),
)
