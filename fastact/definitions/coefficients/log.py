"""Tables of logarithm.py, as ``python tools/fit.py`` prints them."""

from __future__ import annotations

from ..dialect import coefficients, entries, per_type

# (log1p(r) - r + r²/2) / r³ for -11/128 ≤ r ≤ 5/64; error of log1p(r): f32 degree 4, 2^-33.0, f64 degree 10, 2^-61.6.
LOG_REST = coefficients(
    f32=(
        "0x1.555558p-2",
        "-0x1.fffe96p-3",
        "0x1.998a5ep-3",
        "-0x1.57ce9ep-3",
        "0x1.2e8496p-3",
    ),
    f64=(
        "0x1.555555555554ep-2",
        "-0x1.0000000000215p-2",
        "0x1.99999999a504dp-3",
        "-0x1.555555536bb67p-3",
        "0x1.249248fb79ccbp-3",
        "-0x1.000004d0cf0cdp-3",
        "0x1.c71ceb9ad33efp-4",
        "-0x1.998ea95fca609p-4",
        "0x1.740bf5d50b22cp-4",
        "-0x1.5b193657c676bp-4",
        "0x1.50ae302972786p-4",
    ),
)

# By the integer next to 8·m, from 6 to 12: a number near 1/m, and minus its logarithm in two parts.
INVERSES = entries(
    f32=(
        "0x1.4p+0",
        "0x1.2p+0",
        "0x1p+0",
        "0x1.cp-1",
        "0x1.ap-1",
        "0x1.8p-1",
        "0x1.6p-1",
        "0x1p+0",
    ),
    f64=(
        "0x1.4p+0",
        "0x1.2p+0",
        "0x1p+0",
        "0x1.cp-1",
        "0x1.ap-1",
        "0x1.8p-1",
        "0x1.6p-1",
        "0x1p+0",
    ),
    first=6,
)
LOG_HIGH = entries(
    f32=(
        "-0x1.c8ff7cp-3",
        "-0x1.e27076p-4",
        "0x0p+0",
        "0x1.1178e8p-3",
        "0x1.a93ed4p-3",
        "0x1.269622p-2",
        "0x1.7fafa4p-2",
        "0x0p+0",
    ),
    f64=(
        "-0x1.c8ff7c79a9a22p-3",
        "-0x1.e27076e2af2e6p-4",
        "0x0p+0",
        "0x1.1178e8227e47cp-3",
        "0x1.a93ed3c8ad9e3p-3",
        "0x1.269621134db92p-2",
        "0x1.7fafa3bd8151cp-2",
        "0x0p+0",
    ),
    first=6,
)
LOG_LOW = entries(
    f32=(
        "-0x1.e6a688p-29",
        "-0x1.c55e5cp-29",
        "0x0p+0",
        "0x1.13f23ep-30",
        "-0x1.ba930ep-30",
        "-0x1.d9648ep-27",
        "-0x1.09fabap-28",
        "0x0p+0",
    ),
    f64=(
        "0x1.4f689f8434012p-57",
        "0x1.61578001e0162p-60",
        "0x0p+0",
        "-0x1.0e63a5f01c691p-58",
        "0x1.bcafa9de97203p-57",
        "0x1.e0efadd9db02bp-56",
        "-0x1.219024acd3b77p-58",
        "0x0p+0",
    ),
    first=6,
)

# log 2 in two parts, of which products of the first with an exponent are exact.
LN2_HEAD = per_type(f32=float.fromhex("0x1.62e4p-1"), f64=float.fromhex("0x1.62e42fefa38p-1"))
LN2_TAIL = per_type(f32=float.fromhex("0x1.7f7d1cp-20"), f64=float.fromhex("0x1.ef35793c7673p-45"))
