"""Vectors in LLVM's terms: what the pieces of row kernels are functions of.

LLVM does not vectorise a floating-point reduction, so row kernels use explicit vectors, as those in C do. A vector is
two registers wide: two are in flight, as in the elementwise kernels.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir

from ..arithmetic import Arithmetic, splat, suffix
from ..halves import NARROW, WIDEN
from ..llvm import call_llvm, pointer

BYTE: Final = ir.IntType(8)
_INT32: Final = ir.IntType(32)
_INT16: Final = ir.IntType(16)


class Operations(Arithmetic):
    """The operations of the dialect on vectors of one type, sums and maxima of lanes, and memory."""

    # --- what sums and maxima need --------------------------------------------------------------------------------

    def grown(self, high: Any, low: Any, more: Any) -> tuple[Any, Any]:
        """Return high + low + more in two parts: Knuth's exact addition of high and more."""
        total = self.add(high, more)
        back = self.sub(total, high)
        lost = self.add(self.sub(high, self.sub(total, back)), self.sub(more, back))
        return total, self.add(low, lost)

    def joined(self, high: Any, low: Any) -> Any:
        """Return high + low; beside an infinite sum, low is NaN."""
        return self.add(high, self.select(self.eq(low, low), low, 0.0))

    def any(self, mask: Any) -> Any:
        """Tell whether a lane holds."""
        bits = ir.IntType(mask.type.count)
        return self.builder.icmp_unsigned("!=", self.builder.bitcast(mask, bits), bits(0))

    def largest(self, vector: Any) -> Any:
        """Return the largest lane in all lanes."""
        while vector.type.count > 1:
            a, b = self._halves(vector)
            vector = Operations(self.builder, a.type).max(a, b)
        return self.splat(self._lane0(vector))

    def total(self, high: Any, low: Any) -> tuple[Any, Any]:
        """Return the sum of all lanes of high + low in two parts, each in all lanes."""
        while high.type.count > 1:
            a, b = self._halves(high)
            half = Operations(self.builder, a.type)
            high, low = half.grown(a, half.add(*self._halves(low)), b)
        return self.splat(self._lane0(high)), self.splat(self._lane0(low))

    def plain_total(self, vector: Any) -> Any:
        """Return the sum of all lanes in all lanes, without what is lost."""
        while vector.type.count > 1:
            a, b = self._halves(vector)
            vector = self.builder.fadd(a, b)
        return self.splat(self._lane0(vector))

    def rotated(self, vector: Any, distance: int) -> Any:
        """Return a vector whose lane k is lane k + distance, past the end from the beginning on."""
        count = self.kind.count
        return self._shuffled(vector, [(lane + distance) % count for lane in range(count)])

    def _lane0(self, vector: Any) -> Any:
        return self.builder.extract_element(vector, _INT32(0))

    def _shuffled(self, vector: Any, places: list[int]) -> Any:
        mask = ir.VectorType(_INT32, len(places))(places)
        return self.builder.shuffle_vector(vector, vector, mask)

    def _halves(self, vector: Any) -> list[Any]:
        count = vector.type.count
        lanes = list(range(count))
        return [self._shuffled(vector, half) for half in (lanes[: count // 2], lanes[count // 2 :])]

    def splat(self, number: Any) -> Any:
        """Return a vector of one number, of any type."""
        return splat(self.builder, number, self.kind.count)

    def first_lanes(self, count: Any) -> Any:
        """Return the mask of so many lanes."""
        places = ir.VectorType(_INT32, self.kind.count)(list(range(self.kind.count)))
        limit = self.splat(self.builder.trunc(count, _INT32))
        return self.builder.icmp_signed("<", places, limit)

    # --- memory, given by addresses -------------------------------------------------------------------------------

    def load(self, address: Any, whole: Any, some: Any, element: Any = None) -> Any:
        """Return a vector, of floats or of the given elements; unless it is whole (None: it is), the lanes `some`.

        The others are zero.
        """
        kind = ir.VectorType(element or self.kind.element, self.kind.count)
        place = pointer(self.builder, address, kind)
        if whole is None:
            return self.builder.load(place, align=1)
        with self.builder.if_else(whole) as (then, otherwise):
            with then:
                everything, first = self.builder.load(place, align=1), self.builder.block
            with otherwise:
                name = f"llvm.masked.load.{suffix(kind)}.p0{suffix(kind)}"
                part = call_llvm(self.builder, name, kind, place, _INT32(1), some, kind(None))
                second = self.builder.block
        result = self.builder.phi(kind)
        result.add_incoming(everything, first)
        result.add_incoming(part, second)
        return result

    def store(self, address: Any, value: Any, whole: Any, some: Any) -> None:
        """Store a vector, of any elements; unless it is whole, the lanes `some`."""
        place = pointer(self.builder, address, value.type)
        if whole is None:
            self.builder.store(value, place, align=1)
            return
        with self.builder.if_else(whole) as (then, otherwise):
            with then:
                self.builder.store(value, place, align=1)
            with otherwise:
                name = f"llvm.masked.store.{suffix(value.type)}.p0{suffix(value.type)}"
                call_llvm(self.builder, name, ir.VoidType(), value, place, _INT32(1), some)

    def load_elements(self, stored: str, address: Any, whole: Any, some: Any) -> Any:
        """Return a vector of elements as they are computed; `stored` is what their type in memory is called."""
        if stored not in WIDEN:
            return self.load(address, whole, some)
        return WIDEN[stored](self.builder, self.load(address, whole, some, _INT16))

    def store_elements(self, stored: str, address: Any, value: Any, whole: Any, some: Any) -> None:
        """Do the reverse."""
        value = self.value(value)
        if stored in NARROW:
            value = NARROW[stored](self.builder, value)
        self.store(address, value, whole, some)

    def load_slot(self, address: Any, lane: Any = None) -> Any:
        """Return a slot, or one of its lanes in all."""
        if lane is not None:
            return self.splat(self.builder.load(self._lane(address, lane)))
        return self.builder.load(pointer(self.builder, address, self.kind), align=1)

    def store_slot(self, address: Any, value: Any, lane: Any = None) -> None:
        """Set a slot, or one of its lanes to the first of a vector."""
        if lane is not None:
            self.builder.store(self._lane0(value), self._lane(address, lane))
        else:
            self.builder.store(value, pointer(self.builder, address, self.kind), align=1)

    def _lane(self, address: Any, lane: Any) -> Any:
        return self.builder.gep(pointer(self.builder, address, self.kind.element), [lane])
