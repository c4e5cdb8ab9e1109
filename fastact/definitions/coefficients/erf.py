"""The error function, as ``python tools/fit.py`` prints it: in float32 polynomials in pieces of 2a + 1, in a - c.

The leading bits of 2a + 1 change at a = 0.25, 0.5, 1, 1.5, 2.5 and 3.5; above 4 the function is 1.
"""

from __future__ import annotations

from ..dialect import coefficients, entries, pieces
from .tail import FIRST

ERF_CENTRES = entries(
    f32=(
        "0x0p+0",
        "0x1.80e12ap-2",
        "0x1.7f9ea4p-1",
        "0x1.3f6426p+0",
        "0x1.fec084p+0",
        "0x1.7f7d14p+1",
        "0x1.df38c2p+1",
        "0x1.df38c2p+1",
    ),
    first=FIRST,
)

# erf a is ERF + d·(ERF_RISE in d), d = a - c; in the first piece, where c is 0, a + a·(2/√π - 1 + …), which leaves a
# exact.
# Error of the pieces: 2^-30.1, 2^-29.5, 2^-29.0, 2^-30.2, 2^-24.4, 2^-28.0, 2^-39.3; the eighth is not in use.
ERF = entries(
    f32=(
        "0x0p+0",
        "0x1.9ead7ep-2",
        "0x1.6bddf6p-1",
        "0x1.d83c6cp-1",
        "0x1.fd8d8ap-1",
        "0x1.fffd08p-1",
        "0x1.fffffcp-1",
        "0x1.fffffcp-1",
    ),
    first=FIRST,
)
ERF_RISE = pieces(
    f32=(
        (
            "0x1.06eba8p-3",
            "0x1.a8444p-24",
            "-0x1.8127fep-2",
            "0x1.ec41a6p-16",
            "0x1.cdb63ep-4",
            "-0x1.e2f932p-15",
            "-0x1.a5cb24p-6",
        ),
        (
            "0x1.f59df6p-1",
            "-0x1.79131p-2",
            "-0x1.dfdf3ap-3",
            "0x1.558dep-3",
            "0x1.7a51e4p-5",
            "-0x1.97f6c6p-5",
            "-0x1.2e9c38p-5",
        ),
        (
            "0x1.498c2ap-1",
            "-0x1.edd4ep-2",
            "0x1.af8366p-6",
            "0x1.34fd2ap-3",
            "-0x1.b25334p-5",
            "-0x1.b5206p-6",
            "0x1.1a0d22p-6",
        ),
        (
            "0x1.e747ecp-3",
            "-0x1.2ff8b6p-2",
            "0x1.573a2ep-3",
            "-0x1.6d00aep-8",
            "-0x1.84f048p-5",
            "0x1.508028p-6",
            "0x1.e92956p-9",
        ),
        (
            "0x1.594438p-6",
            "-0x1.58610cp-5",
            "0x1.909628p-5",
            "-0x1.1db9cp-5",
            "0x1.abc51ep-7",
            "0x1.5b67fp-10",
            "-0x1.bc8a7ep-9",
        ),
        (
            "0x1.2b1f1ep-13",
            "-0x1.c0976cp-12",
            "0x1.a67fd6p-11",
            "-0x1.148d12p-10",
            "0x1.0f536cp-10",
            "-0x1.aa90c6p-11",
            "0x1.9f5548p-12",
        ),
        (
            "0x1.ef4786p-21",
            "-0x1.cfaa08p-19",
            "0x1.16ebbap-17",
            "-0x1.e1a3f4p-17",
            "0x1.406948p-16",
            "-0x1.6772d2p-16",
            "0x1.1fb16p-16",
        ),
        (
            "0x1.ef4786p-21",
            "-0x1.cfaa08p-19",
            "0x1.16ebbap-17",
            "-0x1.e1a3f4p-17",
            "0x1.406948p-16",
            "-0x1.6772d2p-16",
            "0x1.1fb16p-16",
        ),
    ),
    first=FIRST,
)

# -log(1 - erf x)/x for 0 ≤ x ≤ 6: f64 degree 24, error of erf x 2^-57.4.
ERF_EXPONENT = coefficients(
    f64=(
        "0x1.20dd750429b6dp+0",
        "0x1.45f306dc9c898p-1",
        "0x1.a4f4e2a1b1e6p-4",
        "-0x1.39668593c9617p-6",
        "-0x1.b6b68c549a17p-13",
        "0x1.bca67c3df2e4fp-10",
        "-0x1.3565546147758p-11",
        "0x1.b22e1959a3854p-16",
        "0x1.0e7df09473d5bp-14",
        "-0x1.f2a1853e1b999p-16",
        "0x1.c89503e4f59p-19",
        "0x1.7d7750de16869p-19",
        "-0x1.d5657566a3921p-20",
        "0x1.6f4e8ffdf3a5dp-22",
        "0x1.1eac554abf8adp-23",
        "-0x1.2c54758b17d87p-23",
        "0x1.16ebd5cfca33p-24",
        "-0x1.63a2bef6ebd02p-26",
        "0x1.52bc5b43fd6aep-28",
        "-0x1.eba443e27897fp-31",
        "0x1.0dc808e26959p-33",
        "-0x1.b311822a4febbp-37",
        "0x1.e715573eabeb4p-41",
        "-0x1.525ff91acccfcp-45",
        "0x1.b76aa56835412p-51",
    ),
    rest=("0x0p+0", "0x1.610bf43dfd40ep-57"),
)
