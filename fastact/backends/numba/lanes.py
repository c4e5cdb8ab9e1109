"""Vectors in Numba: what the row kernels are made of, in terms of LLVM.

LLVM does not vectorise a floating-point reduction, so these kernels say themselves what stands in one vector, like
those in C. A vector is two registers wide: two are in flight, as in the elementwise kernels. All of this runs while
a kernel is compiled; to have Numba type every operation would take it 1 ms each, ten times as long as the rest.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils
from numba.core.registry import cpu_target

INT: Final = ir.IntType(64)
BYTE: Final = ir.IntType(8)
_INT32: Final = ir.IntType(32)
_NAMES: Final = {ir.FloatType(): "f32", ir.DoubleType(): "f64", BYTE: "i8"}
_MANTISSA_BITS: Final = {ir.FloatType(): (32, 23), ir.DoubleType(): (64, 52)}


def _vector_bytes() -> int:
    """Return two registers of the processor that is compiled for, which is part of the cache's key."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    has = features.split(",")
    return 128 if "+avx512f" in has else 64 if "+avx" in has else 32


VECTOR: Final = _vector_bytes()
FLOATS: Final = {
    "f32": ir.VectorType(ir.FloatType(), VECTOR // 4),
    "f64": ir.VectorType(ir.DoubleType(), VECTOR // 8),
}


def call_llvm(builder: Any, name: str, result: Any, *args: Any) -> Any:
    """Call an intrinsic by its full name."""
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _suffix(vector: Any) -> str:
    return f"v{vector.count}{_NAMES[vector.element]}"


class Operations:
    """The operations of the dialect, on vectors and on Python's numbers."""

    def __init__(self, builder: Any, vector: Any) -> None:
        self._builder, self._vector = builder, vector

    def value(self, operand: Any) -> Any:
        """Return a vector as it is, or one that holds a number in every lane."""
        if isinstance(operand, float):
            return self._vector([operand] * self._vector.count)
        return operand

    def _call(self, name: str, *operands: Any) -> Any:
        args = map(self.value, operands)
        return call_llvm(self._builder, f"{name}.{_suffix(self._vector)}", self._vector, *args)

    def _compare(self, comparison: str, a: Any, b: Any) -> Any:
        return self._builder.fcmp_ordered(comparison, self.value(a), self.value(b))

    def add(self, a: Any, b: Any) -> Any:
        return self._builder.fadd(self.value(a), self.value(b))

    def sub(self, a: Any, b: Any) -> Any:
        return self._builder.fsub(self.value(a), self.value(b))

    def mul(self, a: Any, b: Any) -> Any:
        return self._builder.fmul(self.value(a), self.value(b))

    def div(self, a: Any, b: Any) -> Any:
        return self._builder.fdiv(self.value(a), self.value(b))

    def max(self, a: Any, b: Any) -> Any:
        """Return a if a > b else b, which is one instruction."""
        return self.select(self.gt(a, b), a, b)

    def min(self, a: Any, b: Any) -> Any:
        """Return a if a < b else b."""
        return self.select(self.lt(a, b), a, b)

    def neg(self, a: Any) -> Any:
        return self._builder.fneg(self.value(a))

    def abs(self, a: Any) -> Any:
        return self._call("llvm.fabs", a)

    def nabs(self, a: Any) -> Any:
        return self.neg(self.abs(a))

    def sqrt(self, a: Any) -> Any:
        return self._call("llvm.sqrt", a)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return self._call("llvm.fma", a, b, c)

    def copysign(self, a: Any, b: Any) -> Any:
        return self._call("llvm.copysign", a, b)

    def scale(self, p: Any, t: Any) -> Any:
        """Return p with the low bits of t added to its exponent, in wrapping integer arithmetic."""
        bits, shift = _MANTISSA_BITS[self._vector.element]
        integers = ir.VectorType(ir.IntType(bits), self._vector.count)
        start, exponent = (self._builder.bitcast(self.value(arg), integers) for arg in (p, t))
        raised = self._builder.shl(exponent, integers([shift] * integers.count))
        return self._builder.bitcast(self._builder.add(start, raised), self._vector)

    def lt(self, a: Any, b: Any) -> Any:
        return self._compare("<", a, b)

    def le(self, a: Any, b: Any) -> Any:
        return self._compare("<=", a, b)

    def gt(self, a: Any, b: Any) -> Any:
        return self._compare(">", a, b)

    def ge(self, a: Any, b: Any) -> Any:
        return self._compare(">=", a, b)

    def eq(self, a: Any, b: Any) -> Any:
        return self._compare("==", a, b)

    def ne(self, a: Any, b: Any) -> Any:
        return self._builder.fcmp_unordered("!=", self.value(a), self.value(b))

    def both(self, a: Any, b: Any) -> Any:
        return self._builder.and_(a, b)

    def either(self, a: Any, b: Any) -> Any:
        return self._builder.or_(a, b)

    def opposite(self, a: Any) -> Any:
        return self._builder.not_(a)

    def select(self, mask: Any, a: Any, b: Any) -> Any:
        return self._builder.select(mask, self.value(a), self.value(b))

    # --- what sums and maxima need --------------------------------------------------------------------------------

    def rest(self, a: Any, b: Any, total: Any) -> Any:
        """Return what rounding total = a + b left behind."""
        back = self.sub(total, a)
        return self.add(self.sub(a, self.sub(total, back)), self.sub(b, back))

    def grown(self, high: Any, low: Any, more: Any) -> tuple[Any, Any]:
        """Return high + low + more in two parts."""
        total = self.add(high, more)
        return total, self.add(low, self.rest(high, more, total))

    def joined(self, high: Any, low: Any) -> Any:
        """Return high + low; beside an infinite sum, low is NaN."""
        return self.add(high, self.select(self.eq(low, low), low, 0.0))

    def any(self, mask: Any) -> Any:
        """Tell whether a lane holds."""
        bits = ir.IntType(mask.type.count)
        return self._builder.icmp_unsigned("!=", self._builder.bitcast(mask, bits), bits(0))

    def largest(self, vector: Any) -> Any:
        """Return the largest lane in all lanes."""
        while vector.type.count > 1:
            a, b = halves(self._builder, vector)
            vector = Operations(self._builder, a.type).max(a, b)
        return self.splat(self._lane0(vector))

    def total(self, high: Any, low: Any) -> tuple[Any, Any]:
        """Return the sum of all lanes of high + low in two parts, each in all lanes."""
        while high.type.count > 1:
            a, b = halves(self._builder, high)
            half = Operations(self._builder, a.type)
            high, lost = half.grown(a, half.add(*halves(self._builder, low)), b)
            low = lost
        return self.splat(self._lane0(high)), self.splat(self._lane0(low))

    def rotated(self, vector: Any, count: int) -> Any:
        """Return a vector whose lanes have moved round by so many."""
        lanes = self._vector.count
        return shuffled(self._builder, vector, vector, [(k + count) % lanes for k in range(lanes)])

    def _lane0(self, vector: Any) -> Any:
        return self._builder.extract_element(vector, _INT32(0))

    def splat(self, number: Any) -> Any:
        """Return a vector of one number."""
        return splat(self._builder, number, self._vector.count)


def splat(builder: Any, value: Any, count: int) -> Any:
    """Return a vector of one value."""
    vector = ir.VectorType(value.type, count)
    one = builder.insert_element(vector(ir.Undefined), value, _INT32(0))
    return shuffled(builder, one, one, [0] * count)


def shuffled(builder: Any, a: Any, b: Any, places: list[int]) -> Any:
    """Return the lanes of a, then b, at the given places."""
    return builder.shuffle_vector(a, b, ir.VectorType(_INT32, len(places))(places))


def halves(builder: Any, vector: Any) -> list[Any]:
    """Return both halves of a vector."""
    count = vector.type.count // 2
    return [
        shuffled(builder, vector, vector, list(range(start, start + count))) for start in (0, count)
    ]


# --- memory, given by addresses ----------------------------------------------------------------------------------


def pointer(builder: Any, address: Any, kind: Any) -> Any:
    """Return an address as a pointer."""
    return builder.inttoptr(address, kind.as_pointer())


def first_lanes(builder: Any, count: Any, vector: Any) -> Any:
    """Return the mask of the first lanes."""
    places = ir.VectorType(_INT32, vector.count)(list(range(vector.count)))
    limit = splat(builder, builder.trunc(count, _INT32), vector.count)
    return builder.icmp_signed("<", places, limit)


def load(builder: Any, address: Any, kind: Any, whole: Any, some: Any) -> Any:
    """Return a vector; if it is not whole, the lanes `some` and zero in the others."""
    place = pointer(builder, address, kind)
    with builder.if_else(whole) as (then, otherwise):
        with then:
            everything, first = builder.load(place, align=1), builder.block
        with otherwise:
            name = f"llvm.masked.load.{_suffix(kind)}.p0{_suffix(kind)}"
            part = call_llvm(builder, name, kind, place, _INT32(1), some, kind(None))
            second = builder.block
    return joined_at(builder, kind, (everything, first), (part, second))


def store(builder: Any, address: Any, value: Any, whole: Any, some: Any) -> None:
    """Store a vector; if it is not whole, the lanes `some`."""
    place, kind = pointer(builder, address, value.type), value.type
    with builder.if_else(whole) as (then, otherwise):
        with then:
            builder.store(value, place, align=1)
        with otherwise:
            name = f"llvm.masked.store.{_suffix(kind)}.p0{_suffix(kind)}"
            call_llvm(builder, name, ir.VoidType(), value, place, _INT32(1), some)


def load_slot(builder: Any, address: Any, kind: Any, across: Any, lane: Any) -> Any:
    """Return the vector at an address if it goes across rows, or one of its lanes in all."""
    place = pointer(builder, address, kind)
    with builder.if_else(across) as (then, otherwise):
        with then:
            vector, first = builder.load(place, align=1), builder.block
        with otherwise:
            number = builder.load(builder.gep(pointer(builder, address, kind.element), [lane]))
            same, second = splat(builder, number, kind.count), builder.block
    return joined_at(builder, kind, (vector, first), (same, second))


def store_slot(builder: Any, address: Any, value: Any, across: Any, lane: Any) -> None:
    """Store a vector that goes across rows; else its first lane as the lane of a row."""
    with builder.if_else(across) as (then, otherwise):
        with then:
            builder.store(value, pointer(builder, address, value.type), align=1)
        with otherwise:
            place = builder.gep(pointer(builder, address, value.type.element), [lane])
            builder.store(builder.extract_element(value, _INT32(0)), place)


def joined_at(builder: Any, kind: Any, *branches: tuple[Any, Any]) -> Any:
    """Return the value of the branch that was taken."""
    result = builder.phi(kind)
    for value, block in branches:
        result.add_incoming(value, block)
    return result
