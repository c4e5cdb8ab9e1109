"""The phases of a row kernel, put together from its pieces when Numba compiles it.

layout.py says which phases there are and what a job is, tasks.py runs them.

The loops are written in LLVM's terms because Numba, given the same loops as Python and the pieces as intrinsics, needs
0.5 s for a kernel instead of 0.2, and the intrinsics are more lines than the loops save. The code is equally fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llvmlite import ir

from ....definitions.declaration import DERIVED, MAX, SUMS, VALUE
from ..arithmetic import VECTOR
from ..llvm import INT
from . import layout
from .writer import Writer

# Steps that are written out, and terms that are added plainly before the sum is carried on in two parts. Worst errors
# of softmax, float32 and float64, and time: one 3.2, 3.1 ulp, 1.1; two 3.2, 3.1 ulp, 1.05; four 3.4, 3.9 ulp, 1.
_BLOCK: Final = 2
# Sums of products, as in vjp, have twice as many, as in plan.py a chunk. Where one row follows the other they have as
# many as in C: vjp of softmax, 256 x 256, takes 0.95 (float32) and 0.88 (float64) of the time.
_PLAIN_SUMS: Final = 4
_PLAIN_SUMS_AT_ONCE: Final = 16
_FALSE: Final = ir.IntType(1)(0)


class Body(Writer):
    """The code of one kernel; its parameters are those of `Writer`."""

    def build(self, phase: Any) -> Any:
        """Write a switch over the phases, of which the kernel is given one; return its result."""
        about, builder = self._about, self._builder
        self._sums_only = about["statistic"] == "sums"
        self._plain = _PLAIN_SUMS if self._sums_only else _BLOCK
        # Of sums relative to a maximum, the second counts elements: it is exact.
        self._counts = (1,) if about["statistic"] == "exp_sum" else ()
        self._slots_of_sums = [(SUMS + k, layout.FIRST_LOW + k) for k in range(about["sums"])]
        with builder.goto_entry_block():
            self._result = builder.alloca(INT)
        builder.store(INT(0), self._result)
        self._begin()
        end = builder.append_basic_block()
        switch = builder.switch(phase, end)
        for number, write, piece in (
            (layout.MAXIMUM, self._maximum, "key"),
            (layout.SUM, self._sum, "terms"),
            (layout.MERGE, self._merge, "terms"),
            (layout.START, self._start, "start"),
            (layout.NEXT, self._next, "next"),
            (layout.FINISH, self._finish, "rows"),
            (layout.MAP, lambda: self._map("map"), "map"),
            (layout.MAP_STORED, lambda: self._map("stored"), "stored"),
            (layout.FUSED, self._fused, "" if self._across or not self._sums_only else "map"),
        ):
            if piece in self._pieces:
                block = builder.append_basic_block()
                switch.add_case(INT(number), block)
                builder.position_at_end(block)
                write()
                builder.branch(end)
        builder.position_at_end(end)
        return builder.load(self._result)

    def _maximum(self) -> None:
        """Find the maximum of each row."""
        builder, o = self._builder, self._o
        with self._tiled() as (r, first, size, begun):
            # One for each step of a block: no comparison waits for the one before.
            best, *others = (self._variable(float("-inf")) for _ in range(_BLOCK))
            with builder.if_then(begun):
                builder.store(self._get(MAX, r), best)
            for steps, _ in self._blocks(r, first, size, _BLOCK):
                for (i, is_whole), place in zip(steps, (best, *others), strict=False):
                    _, mask = self._elements("key", i, r, is_whole)
                    (key,) = self._call("key")
                    key = self._counting(mask, key, float("-inf"))
                    builder.store(o.max(key, builder.load(place)), place)
            for other in others:
                builder.store(o.max(builder.load(other), builder.load(best)), best)
            if not self._across:
                builder.store(o.largest(builder.load(best)), best)
            for distance in self._distances():
                now = builder.load(best)
                builder.store(o.max(now, o.rotated(now, distance)), best)
            self._put(MAX, builder.load(best), r)

    def _sum(self) -> None:
        """Add up the terms of each row, and store the first term of each element if that is asked for."""
        builder = self._builder
        storing = builder.icmp_signed("!=", self._fields["storing"], INT(0))
        with self._tiled() as (r, start, count, begun):
            self._fetch("terms", r)
            sums = [(self._variable(0.0), self._variable(0.0)) for _ in self._slots_of_sums]
            with builder.if_then(begun):
                for pair, numbers in zip(sums, self._slots_of_sums, strict=True):
                    self._set(pair, [self._get(number, r) for number in numbers])
            self._add_up(sums, r, start, count, storing, self._plain)
            for pair, numbers in zip(sums, self._slots_of_sums, strict=True):
                if not self._across:
                    self._set(pair, self._total(*self._loaded(pair)))
                for distance in self._distances():
                    self._set(pair, self._folded(pair, distance))
                for number, value in zip(numbers, self._loaded(pair), strict=True):
                    self._put(number, value, r)

    def _add_up(
        self, sums: Sequence[Any], r: Any, start: Any, count: Any, storing: Any, plain: int
    ) -> None:
        """Add the terms of some steps of a row to sums in two parts, so many plainly at first."""
        builder, o = self._builder, self._o
        parts = [self._variable(-0.0) for _ in sums]  # to which LLVM adds nothing
        for steps, done in self._blocks(r, start, count, _BLOCK):
            for i, is_whole in steps:
                whole, mask = self._elements("terms", i, r, is_whole)
                terms = self._call("terms")
                for part, term in zip(parts, terms, strict=True):
                    more = o.add(builder.load(part), self._counting(mask, term, 0.0))
                    builder.store(more, part)
                if "stored" in self._pieces:
                    with builder.if_then(storing):
                        o.store(self._address("t", i, r), terms[0], whole, self._some)
            over = builder.icmp_signed("==", builder.urem(done, INT(plain)), INT(0))
            with builder.if_then(builder.or_(over, builder.icmp_signed("==", done, count))):
                self._carry(sums, parts)

    def _carry(self, sums: Sequence[Any], parts: Sequence[Any]) -> None:
        """Add terms that have been added plainly to sums in two parts."""
        builder, o = self._builder, self._o
        for number, (pair, part) in enumerate(zip(sums, parts, strict=True)):
            high, low = self._loaded(pair)
            more = builder.load(part)
            if number in self._counts:
                builder.store(o.add(high, more), pair[0])
            else:
                self._set(pair, o.grown(high, low, more))
            builder.store(o.value(-0.0), part)

    def _total(self, high: Any, low: Any) -> tuple[Any, Any]:
        """Return the sum of all lanes in two parts; of plain sums it is one, as in C."""
        if not self._sums_only:
            return self._o.total(high, low)
        return self._o.plain_total(self._o.joined(high, low)), self._o.value(0.0)

    def _folded(self, pair: Sequence[Any], distance: int) -> tuple[Any, Any]:
        """Return the sums of lanes so far apart in two parts, of plain sums as `_total` adds them."""
        o, (high, low) = self._o, self._loaded(pair)
        if not self._sums_only:
            return o.grown(high, o.add(low, o.rotated(low, distance)), o.rotated(high, distance))
        high = o.joined(high, low)
        return o.add(high, o.rotated(high, distance)), o.value(0.0)

    def _fused(self) -> None:
        """Do sum, finish and map for one row after the other: the next is read while this one is written."""
        o = self._o
        with self._loop(self._fields["rows"]) as r:
            self._fetch("terms", r)
            sums = [(self._variable(0.0), self._variable(0.0)) for _ in self._slots_of_sums]
            self._add_up(sums, r, INT(0), self._fields["steps"], _FALSE, _PLAIN_SUMS_AT_ONCE)
            known = {
                f"row{SUMS + k}": o.joined(*self._total(*self._loaded(pair)))
                for k, pair in enumerate(sums)
            }
            self._fetch("finish", r, known)
            known |= {f"row{DERIVED + k}": v for k, v in enumerate(self._call("finish"))}
            self._fetch("map", r, known)
            self._map_steps("map", r, INT(0), self._fields["steps"])

    def _merge(self) -> None:
        """Combine the results of all parts, in order."""
        builder, o = self._builder, self._o
        size = INT(layout.PART_SLOT_COUNT * VECTOR)
        with self._each_slots() as row:
            best = self._variable(float("-inf"))
            sums = [(self._variable(0.0), self._variable(0.0)) for _ in self._slots_of_sums]
            with builder.if_then(self._begun):
                builder.store(self._get(MAX), best)
                for pair, numbers in zip(sums, self._slots_of_sums, strict=True):
                    self._set(pair, [self._get(number) for number in numbers])
            with self._loop(self._fields["parts"]) as part:
                number = builder.add(builder.mul(part, self._fields["slot_rows"]), row)
                slots = builder.add(self._fields["part_slots"], builder.mul(number, size))
                ours = [self._loaded(pair) for pair in sums]
                theirs = [[self._get(n, slots=slots) for n in pair] for pair in self._slots_of_sums]
                if "key" in self._pieces:
                    old, other = builder.load(best), self._get(MAX, slots=slots)
                    new = o.max(old, other)
                    builder.store(new, best)
                    if "moved" in self._pieces:
                        ours, theirs = self._moved(ours, old, new), self._moved(theirs, other, new)
                for pair, (high, low), (more, more_low) in zip(sums, ours, theirs, strict=True):
                    self._set(pair, o.grown(high, o.add(low, more_low), more))
            if "key" in self._pieces:
                self._put(MAX, builder.load(best))
            for pair, numbers in zip(sums, self._slots_of_sums, strict=True):
                for number, value in zip(numbers, self._loaded(pair), strict=True):
                    self._put(number, value)

    def _moved(self, sums: list[list[Any]], old: Any, new: Any) -> list[list[Any]]:
        """Return sums that were taken with the maximum `old`, for the maximum `new`."""
        halves = []
        for half in zip(*sums, strict=True):
            values = {f"row{SUMS + k}": value for k, value in enumerate(half)}
            halves.append(self._call("moved", in0=old, row2=new, **values))
        return [list(pair) for pair in zip(*halves, strict=True)]

    def _start(self) -> None:
        """Begin with a value below the solution."""
        with self._each_slots():
            self._fetch("start")
            self._put(VALUE, self._call("start")[0])

    def _next(self) -> None:
        """Raise the value of each row towards the solution; the result is 1 if that of any row has risen.

        Lanes without a row hold what was in memory: a value there may rise without end.
        """
        builder, o = self._builder, self._o
        with self._each_slots() as row:
            self._fetch("next")
            old, (new,) = self._get(VALUE), self._call("next")
            self._put(VALUE, o.select(o.le(new, old), old, new))
            before = builder.mul(row, INT(self._kind.count))
            rows = o.first_lanes(builder.sub(self._fields["width"], before))
            rises = builder.zext(o.any(builder.and_(o.gt(new, old), rows)), INT)
            builder.store(builder.or_(builder.load(self._result), rises), self._result)

    def _finish(self) -> None:
        """Compute what depends on the row alone."""
        with self._each_slots():
            for name, first in (("finish", DERIVED), ("rows", layout.FIRST_OUTPUT)):
                self._fetch(name)
                for k, value in enumerate(self._call(name)):
                    self._put(first + k, value)

    def _map(self, name: str) -> None:
        """Compute the output, from the inputs or from the stored terms."""
        with self._tiled() as (r, first, size, _):
            self._fetch(name, r)
            self._map_steps(name, r, first, size)

    def _map_steps(self, name: str, r: Any, first: Any, size: Any) -> None:
        for steps, _ in self._blocks(r, first, size, 1):
            for i, is_whole in steps:
                whole, mask = self._elements(name, i, r, is_whole)
                (out,) = self._call(name)
                if self._masked:
                    out = self._counting(mask, out, self._excluded)
                place = self._address("y", i, r)
                self._o.store_elements(self._stored, place, out, whole, self._some)
