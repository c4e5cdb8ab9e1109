"""Tables of fastact/definitions/coefficients/log.py: log of a number near one of seven. Needs mpmath."""

from __future__ import annotations

import mpmath as mp
from minimax import Real, hexadecimal, rounded

# About 8/j for j = 6, ..., 12, of so few bits that s·m - 1 for |m - j/8| ≤ 1/16 is exact in float32; it is at least
# -11/128 and at most 5/64. The eighth is not looked up.
INVERSES = tuple(mp.mpf(s) / 16 for s in (20, 18, 16, 14, 13, 12, 11, 16))
SMALLEST, LARGEST = mp.mpf(-11) / 128, mp.mpf(5) / 64
# Bits after the point for which products with exponents are exact.
HEAD_BITS = {"f32": 16, "f64": 42}


def log_rest(r: Real) -> Real:
    """(log1p(r) − r + r²/2) / r³."""
    small = abs(r) < mp.mpf(10) ** -15
    return mp.mpf(1) / 3 - r / 4 if small else (mp.log1p(r) - r + r * r / 2) / r**3


def log_weight(r: Real) -> Real:
    """What an error of it is of log1p(r), and a little more."""
    return (abs(r) + mp.mpf(10) ** -2) ** 2


def log_tables() -> list[tuple[str, list[str]]]:
    """Title and digits."""
    tables = []
    for dtype, bits in HEAD_BITS.items():
        logs = [-mp.log(inverse) for inverse in INVERSES]
        low = [value - rounded(value, dtype) for value in logs]
        head = mp.nint(mp.log(2) * 2**bits) / mp.mpf(2) ** bits
        for name, table in (
            ("INVERSES", INVERSES),
            ("LOG_HIGH", logs),
            ("LOG_LOW", low),
            ("LN2_HEAD, LN2_TAIL", [head, mp.log(2) - head]),
        ):
            tables.append((f"{name} {dtype}", [hexadecimal(mp.mpf(v), dtype) for v in table]))
    return tables
