"""The phases of a row kernel, put together from its pieces when Numba compiles it.

layout.py says which phases there are and what a job is, tasks.py runs them.

The loops are written in LLVM's terms because Numba, given the same loops as Python and the pieces as intrinsics, needs
0.5 s for a kernel instead of 0.2, and the intrinsics are more lines than the loops save. The code is equally fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils

from ....definitions.declare import DERIVED, MAX, SUMS, VALUE
from ..arithmetic import VECTOR, VECTORS
from ..llvm import INT, pointer
from . import layout
from .vectors import BYTE, Operations

# Terms that are added plainly before the sum is carried on in two parts. Worst errors of softmax, float32 and float64,
# and time: one 3.2, 3.1 ulp, 1.1; two 3.2, 3.1 ulp, 1.05; four 3.4, 3.9 ulp, 1.
_BLOCK: Final = 2
# Sums of products, as in vjp, have twice as many, as in plan.py a chunk.
_PLAIN_SUMS: Final = 4
_TRUE: Final = ir.IntType(1)(1)
_FALSE: Final = ir.IntType(1)(0)

Piece = Callable[..., list[Any]]


class Body:
    """The code of one kernel.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        What writes it.
    about : dict
        What the emitted module says of the kernel.
    stored : str
        What the type of the elements in memory is called.
    masked : bool
        Whether there is a mask.
    pieces : dict of str to callable
        Its pieces, functions of `Operations` and vectors that return a list of vectors.
    phase, job : llvmlite.ir.Value
        The arguments of the kernel; a job is given by its address.
    """

    def __init__(
        self,
        builder: Any,
        about: dict[str, Any],
        stored: str,
        masked: bool,
        pieces: dict[str, Piece],
        phase: Any,
        job: Any,
    ) -> None:
        self._builder, self._kind = builder, VECTORS[about["dtype"]]
        self._o, self._stored = Operations(builder, self._kind), stored
        self._excluded, self._masked, self._pieces = about["excluded"], masked, pieces
        self._sums_only = about["statistic"] == "sums"
        self._plain = _PLAIN_SUMS if self._sums_only else _BLOCK
        self._slots_of_sums = [(SUMS + k, layout.FIRST_LOW + k) for k in range(about["sums"])]
        self._phase, self._job = phase, job
        self._leaves = {
            name: piece.__code__.co_varnames[1 : piece.__code__.co_argcount]
            for name, piece in pieces.items()
        }

    def build(self) -> Any:
        """Write a switch over the phases; return the result."""
        builder = self._builder
        with builder.goto_entry_block():
            self._result = builder.alloca(INT)
        builder.store(INT(0), self._result)
        self._begin()
        end = builder.append_basic_block()
        switch = builder.switch(self._phase, end)
        for number, write, piece in (
            (layout.MAXIMUM, self._maximum, "key"),
            (layout.SUM, self._sum, "terms"),
            (layout.MERGE, self._merge, "terms"),
            (layout.START, self._start, "start"),
            (layout.NEXT, self._next, "next"),
            (layout.FINISH, self._finish, "rows"),
            (layout.MAP, lambda: self._map("map"), "map"),
            (layout.MAP_STORED, lambda: self._map("stored"), "stored"),
            (layout.FUSED, self._fused, "map" if self._sums_only else ""),
        ):
            if piece in self._pieces:
                block = builder.append_basic_block()
                switch.add_case(INT(number), block)
                builder.position_at_end(block)
                write()
                builder.branch(end)
        builder.position_at_end(end)
        return builder.load(self._result)

    def _begin(self) -> None:
        """Fetch what all phases need."""
        builder = self._builder
        start = pointer(builder, self._job, INT)
        # At once: LLVM does not know that no store to an array changes them.
        self._fields = {
            name: builder.load(builder.gep(start, [INT(k)]))
            for k, name in enumerate(layout.JOB.names or ())
        }
        self._across = builder.icmp_signed("!=", self._fields["across"], INT(0))
        self._begun = builder.icmp_signed("!=", self._fields["begun"], INT(0))
        self._some = self._o.first_lanes(self._fields["lanes_left"])
        number = builder.bitcast(self._fields["param"], ir.DoubleType())
        high = builder.fptrunc(number, ir.FloatType())
        low = builder.fsub(number, builder.fpext(high, ir.DoubleType()))
        single = self._kind == VECTORS["f32"]
        self._values: dict[str, Any] = {
            "p0": self._o.splat(high if single else number),
            "p0_lo": self._o.splat(builder.fptrunc(low, ir.FloatType()) if single else low),
        }

    # --- values of the row ------------------------------------------------------------------------------------------

    def _slot(self, number: int, row: Any = None) -> Any:
        """Return the address of a slot, of one vector of those that have some."""
        base = self._slots if row is None else self._slots_of(row)
        return self._builder.add(base, INT(number * VECTOR))

    def _slots_of(self, row: Any) -> Any:
        offset = self._builder.mul(row, self._fields["slot_row"])
        return self._builder.add(self._fields["slots"], offset)

    def _get(self, number: int, row: Any = None, slots: Any = None) -> Any:
        """Return a slot as it is, or with vectors along rows what it has for one of them."""
        if slots is not None:
            place = self._builder.add(slots, INT(number * VECTOR))
            return self._o.load_slot(place, _TRUE, INT(0))
        across = _TRUE if row is None else self._across
        return self._o.load_slot(self._slot(number, row), across, row or INT(0))

    def _put(self, number: int, value: Any, row: Any = None) -> None:
        across = _TRUE if row is None else self._across
        self._o.store_slot(self._slot(number, row), value, across, row or INT(0))

    def _fetch(self, name: str, row: Any = None, known: dict[str, Any] | None = None) -> None:
        """Fetch the values of the row that a piece needs, unless they are known."""
        self._values |= known or {}
        for leaf in self._leaves[name]:
            if leaf.startswith("row") and leaf not in (known or {}):
                number = int(leaf[3:])
                value = self._get(number, row)
                if SUMS <= number < DERIVED:
                    low = self._get(number - SUMS + layout.FIRST_LOW, row)
                    value = self._o.joined(value, low)
                self._values[leaf] = value

    def _call(self, name: str, **values: Any) -> list[Any]:
        """Write a piece of the given values and what was fetched."""
        given = {**self._values, **values}
        results = self._pieces[name](self._o, *(given[leaf] for leaf in self._leaves[name]))
        return [self._o.value(result) for result in results]

    # --- loops and variables ----------------------------------------------------------------------------------------

    @contextmanager
    def _loop(self, count: Any) -> Iterator[Any]:
        with cgutils.for_range(self._builder, count) as loop:
            yield loop.index

    @contextmanager
    def _tiled(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Loop over chunks of steps and, in each, over rows: (row, first step, how many, whether some came before)."""
        builder, count, chunk = self._builder, self._fields["steps"], self._fields["chunk"]
        chunks = builder.sdiv(builder.add(count, builder.sub(chunk, INT(1))), chunk)
        with self._loop(chunks) as number, self._loop(self._fields["rows"]) as r:
            first = builder.mul(number, chunk)
            left = builder.sub(count, first)
            size = builder.select(builder.icmp_signed("<", left, chunk), left, chunk)
            later = builder.icmp_signed(">", number, INT(0))
            yield r, first, size, builder.or_(later, self._begun)

    @contextmanager
    def _each_slots(self) -> Iterator[Any]:
        """Loop over the vectors that have slots."""
        with self._loop(self._fields["slot_rows"]) as row:
            self._slots = self._slots_of(row)
            yield row

    def _address(self, array: str, i: Any, r: Any) -> Any:
        """Return where step i of row r is."""
        builder, name = self._builder, array[0]
        row = builder.mul(r, self._fields[f"{name}_row"])
        step = builder.mul(i, self._fields[f"{name}_step"])
        return builder.add(builder.add(self._fields[array], row), step)

    def _elements(self, name: str, i: Any, r: Any) -> tuple[Any, Any]:
        """Fetch the elements that a piece needs; return whether the vector is whole, and which lanes count."""
        whole = self._builder.and_(
            self._builder.icmp_signed("<", i, self._fields["whole_steps"]),
            self._builder.icmp_signed("<", r, self._fields["whole_rows"]),
        )
        for leaf in self._leaves[name]:
            if leaf.startswith("in"):
                if name == "stored":
                    value = self._o.load(self._address("t", i, r), whole, self._some)
                else:
                    place = self._address(f"x{leaf[2:]}", i, r)
                    value = self._o.load_elements(self._stored, place, whole, self._some)
                self._values[leaf] = value
        if not self._masked:
            every = self._some.type([1] * self._kind.count)
            return whole, self._builder.select(whole, every, self._some)
        mask = self._o.load(self._address("m", i, r), whole, self._some, BYTE)
        return whole, self._builder.icmp_unsigned("!=", mask, mask.type(None))

    def _variable(self, value: Any) -> Any:
        """Return a variable that has a value to begin with."""
        value = self._o.value(value)
        with self._builder.goto_entry_block():
            place = self._builder.alloca(value.type)
        self._builder.store(value, place)
        return place

    def _loaded(self, variables: Sequence[Any]) -> list[Any]:
        return [self._builder.load(variable) for variable in variables]

    def _set(self, variables: Sequence[Any], values: Sequence[Any]) -> None:
        for variable, value in zip(variables, values, strict=True):
            self._builder.store(value, variable)

    def _distances(self) -> Iterator[int]:
        """Half a vector, a quarter, ... while lanes that far apart belong to one row: write what combines them."""
        distance = self._kind.count // 2
        while distance:
            near = self._builder.icmp_signed("<=", self._fields["fold"], INT(distance))
            with self._builder.if_then(near):
                yield distance
            distance //= 2

    # --- phases -----------------------------------------------------------------------------------------------------

    def _maximum(self) -> None:
        """Find the maximum of each row."""
        builder, o = self._builder, self._o
        with self._tiled() as (r, first, size, begun):
            best = self._variable(float("-inf"))
            with builder.if_then(begun):
                builder.store(self._get(MAX, r), best)
            with self._loop(size) as k:
                _, mask = self._elements("key", builder.add(first, k), r)
                (key,) = self._call("key")
                key = o.select(mask, key, float("-inf"))
                builder.store(o.max(key, builder.load(best)), best)
            with builder.if_then(builder.not_(self._across)):
                builder.store(o.largest(builder.load(best)), best)
            for distance in self._distances():
                now = builder.load(best)
                builder.store(o.max(now, o.rotated(now, distance)), best)
            self._put(MAX, builder.load(best), r)

    def _sum(self) -> None:
        """Add up the terms of each row, and store the first term of each element if that is asked for."""
        builder, o = self._builder, self._o
        storing = builder.icmp_signed("!=", self._fields["storing"], INT(0))
        with self._tiled() as (r, start, count, begun):
            self._fetch("terms", r)
            sums = [(self._variable(0.0), self._variable(0.0)) for _ in self._slots_of_sums]
            with builder.if_then(begun):
                for pair, numbers in zip(sums, self._slots_of_sums, strict=True):
                    self._set(pair, [self._get(number, r) for number in numbers])
            self._add_up(sums, r, start, count, storing)
            for pair, numbers in zip(sums, self._slots_of_sums, strict=True):
                with builder.if_then(builder.not_(self._across)):
                    self._set(pair, self._total(*self._loaded(pair)))
                for distance in self._distances():
                    self._set(pair, self._folded(*self._loaded(pair), distance))
                for number, value in zip(numbers, self._loaded(pair), strict=True):
                    self._put(number, value, r)

    def _add_up(self, sums: Sequence[Any], r: Any, start: Any, count: Any, storing: Any) -> None:
        """Add the terms of some steps of a row to sums in two parts."""
        builder, o = self._builder, self._o
        blocks = builder.sdiv(builder.add(count, INT(self._plain - 1)), INT(self._plain))
        with self._loop(blocks) as block:
            first = builder.mul(block, INT(self._plain))
            left = builder.sub(count, first)
            less = builder.icmp_signed("<", left, INT(self._plain))
            parts = [self._variable(0.0) for _ in sums]
            with self._loop(builder.select(less, left, INT(self._plain))) as k:
                i = builder.add(start, builder.add(first, k))
                whole, mask = self._elements("terms", i, r)
                terms = self._call("terms")
                for part, term in zip(parts, terms, strict=True):
                    more = o.add(builder.load(part), o.select(mask, term, 0.0))
                    builder.store(more, part)
                if "stored" in self._pieces:
                    with builder.if_then(storing):
                        o.store(self._address("t", i, r), terms[0], whole, self._some)
            for pair, part in zip(sums, parts, strict=True):
                high, low = self._loaded(pair)
                self._set(pair, o.grown(high, low, builder.load(part)))

    def _total(self, high: Any, low: Any) -> tuple[Any, Any]:
        """Return the sum of all lanes in two parts; of plain sums it is one, as in C."""
        if not self._sums_only:
            return self._o.total(high, low)
        return self._o.plain_total(self._o.joined(high, low)), self._o.value(0.0)

    def _folded(self, high: Any, low: Any, distance: int) -> tuple[Any, Any]:
        """Return the sums of lanes so far apart in two parts, of plain sums as `_total` adds them."""
        o = self._o
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
            self._add_up(sums, r, INT(0), self._fields["steps"], _FALSE)
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
        builder = self._builder
        with self._loop(size) as k:
            i = builder.add(first, k)
            whole, mask = self._elements(name, i, r)
            (out,) = self._call(name)
            if self._masked:
                out = self._o.select(mask, out, self._excluded)
            place = self._address("y", i, r)
            self._o.store_elements(self._stored, place, out, whole, self._some)
