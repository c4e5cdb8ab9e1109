"""The tables of the normal distribution's tail in float32, as ``python tools/fit.py`` prints them.

Eight pieces, found by the leading bits of a + 1, which change at a = 0.5, 1, 2, 3, 5, 7 and 11: `FIRST` is what
`leading(1)` is modulo 8. The polynomials are in a - c for a centre c at which all constant terms are float32 numbers
to within 1/230 ulp: Gal and Bachelis, ACM TOMS 17 (1991) 26-45. Four pieces an octave would need degree 5 in place of
7, but of AVX2 two permutations and a blend in place of one permutation for each coefficient.
"""

from __future__ import annotations

from ..dialect import coefficients, entries, pieces

FIRST = 6

# exp(-a²/2) is 2^(a²·EXPONENT) with a rounded EXPONENT; what that changes is in the tables, which saves its low part.
EXPONENT = float.fromhex("-0x1.715476p-1")

# 2^f - 1 is f·EXP2_SLOPE + f²·(EXP2 in f) for |f| ≤ 1/2; degree 4, error 2^-28.2.
EXP2_SLOPE = float.fromhex("0x1.62e43p-1")
EXP2 = coefficients(
    f32=("0x1.ebfbep-3", "0x1.c6af72p-5", "0x1.3b2a48p-7", "0x1.5f0dd8p-10", "0x1.4424b6p-13")
)

CENTRES = entries(
    f32=(
        "0x0p+0",
        "0x1.7ff074p-1",
        "0x1.7f79ap+0",
        "0x1.3ffb76p+1",
        "0x1.003b68p+2",
        "0x1.7fbdfcp+2",
        "0x1.20e45p+3",
        "0x1.a078a6p+3",
    ),
    first=FIRST,
)

# 2a·Φ(-a) over that power of two is min(a, TAIL) + d·(a polynomial of degree 6 in d), d = a - c. In the first piece,
# where c is 0, that is a + a·(…): a itself, which is exact, has no constant beside it. Of a·Φ(-a) as a·(½ - …), the
# bracket is rounded to half an ulp of a number between ¼ and ½: 2.2 ulp in gelu at -0.33, and 1.7 like this.
# Error of the pieces: 2^-27.5, 2^-31.8, 2^-27.1, 2^-30.4, 2^-26.7, 2^-31.1, 2^-28.1, 2^-31.2.
TAIL = entries(
    f32=(
        "inf",
        "0x1.cd1da4p-2",
        "0x1.3bee62p-1",
        "0x1.69cde8p-1",
        "0x1.82bd78p-1",
        "0x1.8dfdaap-1",
        "0x1.93adacp-1",
        "0x1.96256ap-1",
    ),
    first=FIRST,
)
TAIL_RISE = pieces(
    f32=(
        (
            "0x0p+0",
            "-0x1.98843ep-1",
            "0x1.fff9bep-2",
            "-0x1.100804p-2",
            "0x1.f8757ap-4",
            "-0x1.846f82p-5",
            "0x1.72f33cp-7",
        ),
        (
            "0x1.5c05a2p-2",
            "-0x1.c2dc64p-3",
            "0x1.d6a654p-4",
            "-0x1.a8a5dcp-5",
            "0x1.573244p-6",
            "-0x1.0176c6p-7",
            "0x1.649dap-9",
        ),
        (
            "0x1.20e1a4p-3",
            "-0x1.33f53ap-4",
            "0x1.0e3afep-5",
            "-0x1.a01966p-7",
            "0x1.22ae8p-8",
            "-0x1.88614ep-10",
            "0x1.db138ap-12",
        ),
        (
            "0x1.bf46eap-5",
            "-0x1.78abfp-6",
            "0x1.0ace78p-7",
            "-0x1.5159c2p-9",
            "0x1.87ffd4p-11",
            "-0x1.b79eaap-13",
            "0x1.c7f73cp-15",
        ),
        (
            "0x1.2d2b18p-6",
            "-0x1.77e63cp-8",
            "0x1.92d66p-10",
            "-0x1.86fcdep-12",
            "0x1.6252a4p-14",
            "-0x1.4b242ep-16",
            "0x1.12e52cp-18",
        ),
        (
            "0x1.a1b1b4p-8",
            "-0x1.7c4356p-10",
            "0x1.2d8e38p-12",
            "-0x1.b78086p-15",
            "0x1.2e3892p-17",
            "-0x1.a0f33ep-20",
            "0x1.06e202p-22",
        ),
        (
            "0x1.090e9ep-9",
            "-0x1.50bcp-12",
            "0x1.784874p-15",
            "-0x1.847d62p-18",
            "0x1.7d9ebcp-21",
            "-0x1.957586p-24",
            "0x1.82867ep-27",
        ),
        (
            "0x1.6e9178p-11",
            "-0x1.4a7e9ap-14",
            "0x1.07552ep-17",
            "-0x1.86c36ep-21",
            "0x1.153e4ap-24",
            "-0x1.9547f6p-28",
            "0x1.0fea08p-31",
        ),
    ),
    first=FIRST,
)

# 2·(Φ(-a) - a·φ(a)) over that power of two in d, degree 7; the error counts absolutely below 1/6, around the zero:
# 2^-30.6, 2^-28.8, 2^-27.8, 2^-30.8, 2^-28.6, 2^-29.9, 2^-29.8, 2^-31.5.
SLOPE = pieces(
    f32=(
        (
            "0x1p+0",
            "-0x1.988452p+0",
            "0x1.ffff3ep-2",
            "-0x1.104d48p-2",
            "0x1.fec2b4p-4",
            "-0x1.a9afaep-5",
            "0x1.261f08p-6",
            "-0x1.f0c052p-9",
        ),
        (
            "0x1.1eb3e8p-9",
            "-0x1.253ceap+0",
            "0x1.5c05a6p-3",
            "-0x1.2c93dp-4",
            "0x1.d6a04ep-6",
            "-0x1.52e9c4p-7",
            "0x1.ced638p-9",
            "-0x1.5dac6ep-10",
        ),
        (
            "-0x1.910754p-1",
            "-0x1.f51a42p-1",
            "0x1.20e1e4p-4",
            "-0x1.9aa00ep-6",
            "0x1.0e16e8p-7",
            "-0x1.4c06b4p-9",
            "0x1.924612p-11",
            "-0x1.dd9e8p-13",
        ),
        (
            "-0x1.b640cp+0",
            "-0x1.c73abap-1",
            "0x1.bf474p-6",
            "-0x1.f63e66p-8",
            "0x1.0abc6ep-9",
            "-0x1.0d0924p-11",
            "0x1.0c7e8ap-13",
            "-0x1.1747dcp-15",
        ),
        (
            "-0x1.80bcep+1",
            "-0x1.ae4b24p-1",
            "0x1.2d2ce4p-7",
            "-0x1.f52beap-10",
            "0x1.922a4p-12",
            "-0x1.3968c6p-14",
            "0x1.face3p-17",
            "-0x1.715418p-19",
        ),
        (
            "-0x1.29e282p+2",
            "-0x1.a30ae4p-1",
            "0x1.a1b622p-9",
            "-0x1.fad8dcp-12",
            "0x1.2d6dbp-14",
            "-0x1.688184p-17",
            "0x1.a1f99cp-20",
            "-0x1.6b0ffcp-24",
        ),
        (
            "-0x1.c76a44p+2",
            "-0x1.9d5acp-1",
            "0x1.091cep-10",
            "-0x1.c11034p-14",
            "0x1.776498p-17",
            "-0x1.338066p-20",
            "0x1.15f252p-23",
            "-0x1.04560ep-26",
        ),
        (
            "-0x1.4a586p+3",
            "-0x1.9ae2c4p-1",
            "0x1.6edb5cp-12",
            "-0x1.b85dbp-16",
            "0x1.075b9ap-19",
            "-0x1.41ecf8p-23",
            "0x1.7bfb6p-27",
            "-0x1.40532cp-32",
        ),
    ),
    first=FIRST,
)
