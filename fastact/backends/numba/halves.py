"""Conversions between 16-bit elements, as integers, and float32, of one value or of a vector, in LLVM's terms.

The same bits as those of csrc/lanes/.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from llvmlite import ir
from numba.core.registry import cpu_target

__all__ = ["NARROW", "WIDEN"]

_INT16, _INT32 = ir.IntType(16), ir.IntType(32)
_SINGLE: Final = ir.FloatType()


@cache
def _converts_float16() -> bool:
    """Tell whether the processor has instructions; else LLVM calls a function that may not be there."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return triple.startswith(("aarch64", "arm64")) or "+f16c" in features.split(",")


class _Values:
    """Integer operations on values of one shape: scalars, or vectors of so many lanes."""

    def __init__(self, builder: Any, like: Any) -> None:
        self.builder, self._count = builder, getattr(like.type, "count", None)

    def kind(self, element: Any) -> Any:
        return element if self._count is None else ir.VectorType(element, self._count)

    def number(self, value: int) -> Any:
        return self.kind(_INT32)(value if self._count is None else [value] * self._count)

    def bits(self, value: Any) -> Any:
        return self.builder.bitcast(value, self.kind(_INT32))

    def single(self, bits: Any) -> Any:
        return self.builder.bitcast(bits, self.kind(_SINGLE))

    def float_number(self, value: float) -> Any:
        return self.kind(_SINGLE)(value if self._count is None else [value] * self._count)

    def masked(self, value: Any, mask: int) -> Any:
        return self.builder.and_(value, self.number(mask))

    def left(self, value: Any, distance: int) -> Any:
        return self.builder.shl(value, self.number(distance))

    def right(self, value: Any, distance: int) -> Any:
        return self.builder.lshr(value, self.number(distance))

    def nearest(self, bits: Any, dropped: int) -> Any:
        """Return the bits without the last ones, rounded to nearest, ties to even."""
        odd = self.masked(self.right(bits, dropped), 1)
        half = self.number((1 << (dropped - 1)) - 1)
        return self.right(self.builder.add(self.builder.add(bits, half), odd), dropped)


def _widen_bfloat16(builder: Any, value: Any) -> Any:
    v = _Values(builder, value)
    return v.single(v.left(builder.zext(value, v.kind(_INT32)), 16))


def _narrow_bfloat16(builder: Any, value: Any) -> Any:
    v = _Values(builder, value)
    bits = v.bits(value)
    quiet = builder.or_(v.right(bits, 16), v.number(0x40))
    is_nan = builder.fcmp_unordered("uno", value, value)
    return builder.trunc(builder.select(is_nan, quiet, v.nearest(bits, 16)), v.kind(_INT16))


def _widen_float16(builder: Any, value: Any) -> Any:
    v = _Values(builder, value)
    if _converts_float16():
        half = builder.bitcast(value, v.kind(ir.HalfType()))
        return builder.fpext(half, v.kind(_SINGLE))
    wide = builder.zext(value, v.kind(_INT32))
    sign, rest = v.left(v.masked(wide, 0x8000), 16), v.left(v.masked(wide, 0x7FFF), 13)
    # The exponents differ by 112, which a product adds to subnormals, too.
    finite = v.bits(builder.fmul(v.single(rest), v.float_number(2.0**112)))
    special = builder.or_(rest, v.number(0x7F800000))
    quiet = builder.or_(special, v.number(0x400000))
    limit = v.number(0x7C00 << 13)
    special = builder.select(builder.icmp_unsigned(">", rest, limit), quiet, special)
    found = builder.select(builder.icmp_unsigned("<", rest, limit), finite, special)
    return v.single(builder.or_(sign, found))


def _narrow_float16(builder: Any, value: Any) -> Any:
    v = _Values(builder, value)
    if _converts_float16():
        half = builder.fptrunc(value, v.kind(ir.HalfType()))
        return builder.bitcast(half, v.kind(_INT16))
    bits = v.bits(value)
    sign, rest = v.masked(v.right(bits, 16), 0x8000), v.masked(bits, 0x7FFFFFFF)
    normal = v.nearest(builder.sub(rest, v.number(112 << 23)), 13)
    # A unit in the last place of 0.5 is that of a subnormal.
    half = v.float_number(0.5)
    subnormal = builder.sub(v.bits(builder.fadd(v.single(rest), half)), v.bits(half))
    nan = builder.or_(v.masked(v.right(rest, 13), 0x1FF), v.number(0x7E00))
    found = builder.select(
        builder.icmp_unsigned("<", rest, v.number(0x38800000)), subnormal, normal
    )
    # What rounds to 2**16 or more is infinite.
    large = builder.icmp_unsigned(">=", rest, v.number(0x477FF000))
    found = builder.select(large, v.number(0x7C00), found)
    found = builder.select(builder.icmp_unsigned(">", rest, v.number(0x7F800000)), nan, found)
    return builder.trunc(builder.or_(sign, found), v.kind(_INT16))


#: Name of the element type -> a function of a builder and 16-bit integers that returns float32.
WIDEN: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "f16": _widen_float16,
    "bf16": _widen_bfloat16,
}
#: The reverse, rounded to nearest; a NaN becomes quiet.
NARROW: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "f16": _narrow_float16,
    "bf16": _narrow_bfloat16,
}
