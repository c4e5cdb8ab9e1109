"""The minimax polynomials of vecmath.py, as ``python tools/fit.py`` prints them.

Each stands with the degree and the error that the fit reports, relative unless said. The constant term may have a
`rest`, what it has beyond its value in the computing type.
"""

from __future__ import annotations

from .dialect.primitives import coefficients, per_type

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

# (a + 4) · Φ(-a) · exp(a²/2), Mills' ratio tamed, in t - MILLS_CENTRE with t = a / (a + 4). Of the powers of two, 4
# wants the least degree. The centre: in float32 3/16 leaves 5.5 ulp in the tail of gelu, 3/8 leaves 4.4 units in its
# derivative near the zero; in float64 5/16 leaves 4.0 ulp in the tail, 7/16 2.4, and 1/2 1.6. The mapping is that of
# Shepherd and Laframboise, Math. Comp. 36 (1981), doi:10.1090/S0025-5718-1981-0595058-X: f32 degree 10, 2^-29.5,
# f64 degree 22, 2^-55.5.
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
        "0x1.82b4bb8c94dcep-1",
        "-0x1.373e3a893c28ap+0",
        "0x1.8c6dbf2cfc308p+0",
        "-0x1.7dff2bff6848ep+0",
        "0x1.eec4cc3e4435bp-1",
        "-0x1.ee27610439459p-3",
        "-0x1.c81719c956ff5p-3",
        "0x1.ab825fb0b066ap-3",
        "0x1.17a4a5f7ec824p-5",
        "-0x1.e4a421b80bc45p-4",
        "-0x1.0011050058bb8p-9",
        "0x1.26d0637ec873bp-4",
        "0x1.7fd97bf3fd5b9p-9",
        "-0x1.8d4904c0b5633p-5",
        "-0x1.4faabbe9ebd4cp-7",
        "0x1.124d7d6d7d14ap-5",
        "0x1.1ba23a77f245ep-6",
        "-0x1.504768dec2e72p-6",
        "-0x1.4b9dacb991f86p-6",
        "0x1.141151cf00d6p-7",
        "0x1.f64dfbd4fbc5ap-7",
        "-0x1.74c9600283417p-11",
        "-0x1.48e69aba7cc09p-8",
    ),
    rest=("-0x1.e5b23cp-28", "-0x1.5694e37200509p-55"),
)

MILLS_CENTRE = per_type(f32=0.3125, f64=0.5)
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
