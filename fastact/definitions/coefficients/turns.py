"""Tables of trigonometric.py, as ``python tools/fit.py`` prints them: a polynomial, and turns to be subtracted."""

from __future__ import annotations

from ..dialect import coefficients

# (sin r - r) / r³ in r² for |r| ≤ π/2 + 1/8; error of sin r: f32 degree 4, 2^-33.7, f64 degree 7, 2^-59.6.
SINE = coefficients(
    f32=(
        "-0x1.555556p-3",
        "0x1.111108p-7",
        "-0x1.a01684p-13",
        "0x1.714728p-19",
        "-0x1.96fb5ep-26",
    ),
    f64=(
        "-0x1.5555555555554p-3",
        "0x1.1111111111023p-7",
        "-0x1.a01a01a00c233p-13",
        "0x1.71de3a4f2405ep-19",
        "-0x1.ae6453559e235p-26",
        "0x1.612372c6e3e2fp-33",
        "-0x1.ae2d763d5f877p-41",
        "0x1.8603bdfd122abp-49",
    ),
    rest=("0x1.924af4p-28", "0x1.34f0da9886054p-60"),
)

Turn = tuple[float, float, float, float]


def turns(table: tuple[tuple[str, str, str, str], ...]) -> tuple[Turn, ...]:
    """Numbers given as hexadecimal floats."""
    return tuple(
        (float.fromhex(a), float.fromhex(b), float.fromhex(c), float.fromhex(d))
        for a, b, c, d in table
    )


# Numbers of the type that are nearly multiples of 2π, from the largest down: the number, its reciprocal, and what it
# lacks to the multiple, in two parts. The quotient of what one leaves, or of the largest number, and the next is below
# 2^21.4 (float32) and 2^50.4 (float64), as adding ROUNDER requires; times what the turn lacks, below 2^-5.1 and 2^-6.9.
TURNS_F32 = turns(
    (
        ("0x1.b08c4ap+113", "0x1.2f05e4p-114", "0x1.5f52eap-25", "0x1.09e242p-50"),
        ("0x1.f37c8ap+97", "0x1.0669dcp-98", "-0x1.bbdd52p-28", "-0x1.4b1d6p-53"),
        ("0x1.13093p+78", "0x1.dc9032p-79", "-0x1.f7e04cp-26", "0x1.bef1dap-54"),
        ("0x1.0f79ap+59", "0x1.e2d068p-60", "-0x1.c859fcp-25", "0x1.263ee4p-52"),
        ("0x1.47d0fep+37", "0x1.8fd566p-38", "-0x1.149dbp-26", "0x1.4a3b3cp-53"),
        ("0x1.9a48dep+17", "0x1.3f774ep-18", "-0x1.16ae2ap-24", "0x1.d7658ap-49"),
    )
)
TURNS_F64 = turns(
    (
        (
            "0x1.3e0fc9773e229p+980",
            "0x1.9c189f9871bebp-981",
            "-0x1.fd0062c1bfd34p-52",
            "-0x1.90951e286efcfp-107",
        ),
        (
            "0x1.4fc4137057ac6p+934",
            "0x1.865e004c06d7ap-935",
            "0x1.0441c8d2bb189p-52",
            "0x1.d8b123659eb56p-108",
        ),
        (
            "0x1.db67eff294283p+889",
            "0x1.13b494b5cd348p-890",
            "-0x1.ec56950df790bp-52",
            "0x1.c9f9e58b64ef5p-106",
        ),
        (
            "0x1.8bb5847d49973p+844",
            "0x1.4b3bb6fe85b64p-845",
            "0x1.b280efa3a1fcbp-52",
            "-0x1.702c57856ac72p-107",
        ),
        (
            "0x1.6e8d778c94d66p+796",
            "0x1.659490380ea64p-797",
            "0x1.3c408220c4c3fp-55",
            "0x1.dfcff14094c79p-111",
        ),
        (
            "0x1.cc7c4385f6695p+752",
            "0x1.1ca386850fcf4p-753",
            "0x1.2aaf45c66e5dep-51",
            "-0x1.4fa1d839c4a6fp-107",
        ),
        (
            "0x1.01b5d89b91aeap+709",
            "0x1.fc9a1e92b309ep-710",
            "0x1.36d58dd93538bp-54",
            "0x1.3afc2f06f795dp-108",
        ),
        (
            "0x1.41c5fceb2921dp+663",
            "0x1.9757b2b36aec4p-664",
            "0x1.1a70280a2b3b5p-54",
            "-0x1.23dc235baec87p-108",
        ),
        (
            "0x1.83009e2e9e2ebp+616",
            "0x1.52af6afb68a27p-617",
            "-0x1.104830400912ap-56",
            "0x1.01fdcb0e43486p-110",
        ),
        (
            "0x1.4f6243f039841p+571",
            "0x1.86cfd8cfc2e9cp-572",
            "0x1.186a146afb85ap-53",
            "0x1.11a4b20e4665ap-107",
        ),
        (
            "0x1.f0585228f1561p+524",
            "0x1.08130aaf7b02ap-525",
            "-0x1.5d2836d3678d5p-53",
            "-0x1.b3cdfc465db2ep-111",
        ),
        (
            "0x1.fe85261f0286p+481",
            "0x1.00bdf9828bd95p-482",
            "0x1.5e5455c01b9e8p-52",
            "0x1.26f3a63de6d2bp-111",
        ),
        (
            "0x1.70e605fb57308p+438",
            "0x1.634e6ec4f212ep-439",
            "-0x1.edc8717d509fdp-51",
            "0x1.60ac957e583f8p-105",
        ),
        (
            "0x1.22043b9ac94b5p+392",
            "0x1.c3f25761900dap-393",
            "0x1.37392e7bf4dd7p-53",
            "-0x1.4fb333228bb62p-114",
        ),
        (
            "0x1.8feca5b1a8cbdp+347",
            "0x1.47bdefd08e45fp-348",
            "-0x1.3568d29546cd9p-51",
            "0x1.2fab4d5fd185ap-105",
        ),
        (
            "0x1.c45cd11154dfdp+297",
            "0x1.21bff8494e3d5p-298",
            "0x1.01242876d7c1bp-56",
            "-0x1.ece5331615d6fp-110",
        ),
        (
            "0x1.69eab0985179bp+248",
            "0x1.6a291ee898166p-249",
            "0x1.61ecec9c577fdp-56",
            "0x1.f48c6607bea98p-111",
        ),
        (
            "0x1.e7e44a78ac18cp+199",
            "0x1.0ca6560e01182p-200",
            "-0x1.ed415f54c8cb8p-57",
            "-0x1.5cba91564eeafp-111",
        ),
        (
            "0x1.b930d680374c2p+152",
            "0x1.29163f379605ap-153",
            "0x1.4710c83c6a7d5p-54",
            "-0x1.c231e60868e9ap-108",
        ),
        (
            "0x1.d99e1681eadap+108",
            "0x1.14bf1b736218p-109",
            "-0x1.e1584cde91f3p-53",
            "0x1.00b5beeaeebffp-107",
        ),
        (
            "0x1.a7f3bc5a7ed9ep+66",
            "0x1.352ac106b5f42p-67",
            "-0x1.0e54c54604e37p-52",
            "-0x1.232facee4474ap-106",
        ),
        (
            "0x1.b951f1572eba5p+30",
            "0x1.28fff62493bddp-31",
            "0x1.f54f5227a4e84p-53",
            "-0x1.01b19345a7a1cp-111",
        ),
    )
)
