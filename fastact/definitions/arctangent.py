"""The arctangent, without a branch.

The argument is turned by an eighth of a circle once or twice, to where a short polynomial holds: Cody and Waite,
Software Manual for the Elementary Functions (1980), ch. 11.
"""

from __future__ import annotations

from typing import Any

from .dialect import coefficients, copysign, exact, fma, low, polynomial

# (atan(t) / t - 1) / t² in t², for |t| ≤ tan(π/8): f32 degree 4, 2^-30.3, f64 degree 10, 2^-59.1; ATAN in tools/fit.py.
ATAN = coefficients(
    f32=("-0x1.55554cp-2", "0x1.99925ep-3", "-0x1.23c194p-3", "0x1.b28ce8p-4", "-0x1.f4c5a2p-5"),
    f64=(
        "-0x1.555555555554cp-2",
        "0x1.9999999997472p-3",
        "-0x1.2492492344c63p-3",
        "0x1.c71c711a27114p-4",
        "-0x1.745cfe1c5292p-4",
        "0x1.3b116e0864c07p-4",
        "-0x1.10ef2f6a0cdb7p-4",
        "0x1.df3e076286761p-5",
        "-0x1.9d973a5f64c98p-5",
        "0x1.39aa1eb7bdc57p-5",
        "-0x1.2931dfc561fb9p-6",
    ),
)
QUARTER_TURN = exact("1.57079632679489661923132169163975144209858469968755291048747")
EIGHTH_TURN = exact("0.785398163397448309615660845819875721049292349843776455243736")
# tan(π/8) and tan(3π/8): between them the turn is by an eighth.
NARROW, WIDE = 0.4142135623730950488, 2.4142135623730950488


def atan(x: Any) -> Any:
    """The arctangent of x, between -π/2 and π/2; 2 ulp."""
    a = abs(x)
    narrow, wide = a < NARROW, a > WIDE
    top = a if narrow else (-1.0 if wide else a - 1.0)
    bottom = 1.0 if narrow else (a if wide else a + 1.0)
    t = top / bottom
    square = t * t
    rise = fma(t * square, polynomial(square, ATAN), t)
    base = QUARTER_TURN if wide else EIGHTH_TURN
    base_low = low(QUARTER_TURN) if wide else low(EIGHTH_TURN)
    return copysign(rise if narrow else base + (rise + base_low), x)
