"""What the normal distribution's functions need besides pieces, as ``python tools/fit.py`` prints it.

With each stand its degree and the error that the fit reports, relative unless said otherwise.
"""

from __future__ import annotations

from ..dialect import coefficients, exact

# 16·Φ(-4)·exp(8)
MILLS_MIDDLE = exact("1.510570260831502986734754666781382708193077815147346725652867612113247")

# 2·(a + 4)·Φ(-a)·exp(a²/2) for every a ≥ 0 is MILLS_MIDDLE + v·(MILLS_BOUNDED in v),
# v = 1/2 - 4/(a + 4): f64 degree 24, 2^-58.3.
MILLS_BOUNDED = coefficients(
    f64=(
        "-0x1.373e3a893c28bp+1",
        "0x1.8c6dbf2cfc2b1p+1",
        "-0x1.7dff2bff682aap+1",
        "0x1.eec4cc3e4d7b2p+0",
        "-0x1.ee276104c08b2p-2",
        "-0x1.c81719d5c5e94p-2",
        "0x1.ab825fd1695d6p-2",
        "0x1.17a4ae9ccbe7ap-4",
        "-0x1.e4a42a037af47p-3",
        "-0x1.001f3b5dab5efp-8",
        "0x1.26d0fd399e76fp-3",
        "0x1.80c65c2f6a7b2p-8",
        "-0x1.8d55f99ef8b8bp-4",
        "-0x1.523128f853d17p-6",
        "0x1.1298e27b4080cp-4",
        "0x1.24b7460aa6febp-5",
        "-0x1.515885dd1736ap-5",
        "-0x1.75c2cf6ec7d6cp-5",
        "0x1.055d647dc4189p-6",
        "0x1.71e7b3820b73bp-5",
        "0x1.2431961d65cc9p-8",
        "-0x1.0314eb1f5098dp-5",
        "-0x1.8b33489614599p-7",
        "0x1.7d6f3d92e54fdp-7",
        "0x1.a49fd83a5800ep-8",
    ),
    rest=("0x0p+0", "0x1.8837437d32c94p-53"),
)

# What that rises by with v, also in v: f64 degree 3, 2^-7.0.
MILLS_BOUNDED_RISE = coefficients(
    f64=(
        "-0x1.36ebffddcb19cp+1",
        "0x1.9584fd6e01196p+2",
        "-0x1.2a0ec9c57cc6cp+3",
        "0x1.986dcedb7320ap+2",
    ),
    rest=("0x0p+0", "-0x1.327670485ef53p-54"),
)

# -(a + 1)²·erfcx'(a/√2) in v: f64 degree 27, 2^-56.4.
ERFCX_SLOPE_BOUNDED = coefficients(
    f64=(
        "0x1.8190e75937cdfp+0",
        "-0x1.90c9bf64f3eb6p-1",
        "-0x1.8f0dbfa820056p-1",
        "0x1.988284409dec8p+1",
        "-0x1.ff51589f666e1p+1",
        "0x1.f5558a4da52b7p-1",
        "0x1.0334cacff096dp+2",
        "-0x1.677f3463158d9p+2",
        "0x1.59e8539180689p+0",
        "0x1.af5190b229c6cp+1",
        "-0x1.1e4e5a20c6d84p+1",
        "-0x1.04f7e8b4a63b5p+1",
        "0x1.f853c2143ba5bp+0",
        "0x1.9cec995713953p+0",
        "-0x1.7ececf57d4b22p+0",
        "-0x1.9bd695bcb5e6bp+0",
        "0x1.d95d7536279bdp-1",
        "0x1.b801f3ac2f77ap+0",
        "-0x1.dca6730f4c85ep-3",
        "-0x1.b77db07a8fbp+0",
        "-0x1.057df29870831p-1",
        "0x1.704002ba30dc9p+0",
        "0x1.08df9f7fbe8e8p+0",
        "-0x1.c5f3c553b41d4p-1",
        "-0x1.f9ec44f1759ffp-1",
        "0x1.43705e9f9b18dp-2",
        "0x1.b5ee31fa0b339p-2",
        "-0x1.d59612f4aa421p-6",
    ),
    rest=("0x0p+0", "0x1.87b149235de74p-55"),
)

# x·erfcx(x) in 1/x² from ERFCX_FAR_FROM on: f32 degree 3, 2^-31.4, f64 degree 1, 2^-83.4.
ERFCX_FAR = coefficients(
    f32=(
        "0x1.20dd76p-1",
        "-0x1.20dd48p-2",
        "0x1.b0ec46p-2",
        "-0x1.fc9006p-1",
    ),
    f64=(
        "0x1.20dd750429b6dp-1",
        "-0x1.20dd750428058p-2",
    ),
    rest=("-0x1.faec74p-26", "0x1.1ae3a8f9ea15p-57"),
)

# -x²·erfcx'(x) in 1/x² likewise: f32 degree 3, 2^-28.3, f64 degree 1, 2^-81.1.
ERFCX_SLOPE_FAR = coefficients(
    f32=(
        "0x1.20dd74p-1",
        "-0x1.b14b6ap-1",
        "0x1.0e65e4p+1",
        "-0x1.b53d54p+2",
    ),
    f64=(
        "0x1.20dd750429b6dp-1",
        "-0x1.b14c2f863a57p-1",
    ),
    rest=("0x1.eb859ep-26", "0x1.1ae3a88d97092p-57"),
)

# a·(φ(a)/Φ(-a) - a) in 1/a² from HAZARD_FAR_FROM on: f32 degree 2, 2^-22.2, f64 degree 1, 2^-79.7.
HAZARD_FAR = coefficients(
    f32=(
        "0x1.fffff8p-1",
        "-0x1.ffc9f4p+0",
        "0x1.3073d6p+3",
    ),
    f64=(
        "0x1p+0",
        "-0x1.fffffffff6p+0",
    ),
    rest=("0x1.f32deep-26", "-0x1.3ffffffff5bp-80"),
)

# erfinv(y)/y in y² for |y| ≤ 1/2: f32 degree 6, 2^-30.2, f64 degree 13, 2^-57.8.
ERFINV_RATIO = coefficients(
    f32=(
        "0x1.c5bf8ap-1",
        "0x1.db29dap-3",
        "0x1.05445ep-3",
        "0x1.610452p-4",
        "0x1.1a8872p-4",
        "0x1.e8a77cp-6",
        "0x1.8f7636p-4",
    ),
    f64=(
        "0x1.c5bf891b4ef6bp-1",
        "0x1.db29fb2fee68ep-3",
        "0x1.053c2c0aae635p-3",
        "0x1.62847c505e941p-4",
        "0x1.0a1316db23ebep-4",
        "0x1.a7c8cb48884f8p-5",
        "0x1.5ee24e9ebfac7p-5",
        "0x1.2b33ac460106fp-5",
        "0x1.fe31dfc7bb6c1p-6",
        "0x1.030eaa2e9969p-5",
        "0x1.111e18aae7308p-7",
        "0x1.2df180bab3f8cp-4",
        "-0x1.391ee1028a0b3p-4",
        "0x1.d05e4a0652966p-4",
    ),
    rest=("-0x1.be4bf2p-26", "-0x1.7d6a2d1ca7cb8p-55"),
)

# s - a for Φ(-a) = exp(-s²/2) ≤ 1/4, in v = (s - START)/(s + SHIFT) - MIDDLE; absolute
# error: f32 degree 11, 2^-27.8, f64 degree 33, 2^-56.0.
SHORTFALL = coefficients(
    f32=(
        "0x1.16125cp-1",
        "-0x1.f9287p-1",
        "0x1.25e436p-1",
        "-0x1.372c0cp-1",
        "0x1.f6f9ap-2",
        "-0x1.24ad68p-1",
        "0x1.0fa4c6p-1",
        "-0x1.5edff2p-1",
        "0x1.1dcbacp-1",
        "-0x1.5fd414p-1",
        "0x1.774362p+0",
        "-0x1.227408p+1",
    ),
    f64=(
        "0x1.a68da88592754p-2",
        "-0x1.c31392855d8bp-1",
        "0x1.4e7f914c8c009p-1",
        "-0x1.8f0dcfdb5c03p-1",
        "0x1.8b9a07fb9d7fcp-1",
        "-0x1.f17c209a4f492p-1",
        "0x1.0961761ba5502p+0",
        "-0x1.61b66d657d483p+0",
        "0x1.8ac64234db531p+0",
        "-0x1.164059dc1382dp+1",
        "0x1.3d3519fbd9725p+1",
        "-0x1.d3aaa42d58ffp+1",
        "0x1.0a5b628663001p+2",
        "-0x1.99ebedb7b293ap+2",
        "0x1.cd297305540b7p+2",
        "-0x1.6e2444e614b09p+3",
        "0x1.7f0d36473578cp+3",
        "-0x1.80651ee7c5a65p+4",
        "0x1.0334c59076721p+5",
        "-0x1.48068025d12f6p+0",
        "-0x1.481fc5a49d0a3p+6",
        "-0x1.077735000a251p+9",
        "0x1.1ec3e3cc13fd4p+10",
        "0x1.c6467a84eac6ap+11",
        "-0x1.ab7cc516adc6p+12",
        "-0x1.74c945d06f662p+14",
        "0x1.f69198252ba7bp+14",
        "0x1.968f4d8a1ebdep+16",
        "-0x1.82395c680c9b4p+16",
        "-0x1.37447e38aa34bp+18",
        "0x1.6f4b342674dcp+17",
        "0x1.1ff5f0ac9cba7p+19",
        "-0x1.4231689f22e69p+17",
        "-0x1.04963d79239bdp+19",
    ),
    rest=("0x1.9988c8p-26", "0x1.3af1097a5b5b4p-56"),
)
