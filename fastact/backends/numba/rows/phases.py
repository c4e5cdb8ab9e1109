"""The phases of a row kernel, put together from its pieces when Numba compiles it.

A kernel is a function of a phase and a job: where a tile of the data is and how to step through it, and where the
values of its rows are. rows/loops.py says which phases there are and drives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ....definitions.declare import DERIVED, MAX, SUMS, VALUE
from ..lanes import (
    BYTE,
    FLOATS,
    INT,
    VECTOR,
    Operations,
    first_lanes,
    load,
    load_slot,
    pointer,
    store,
    store_slot,
)
from ..operations import _VECTOR_BITS
from . import loops

# Terms that are added plainly before the sum is carried on in two parts. Worst errors of softmax, float32 and float64,
# and time: one 3.2, 3.1 ulp, 1.1; two 3.2, 3.1 ulp, 1.05; four 3.4, 3.9 ulp, 1.
_BLOCK: Final = 2
_TRUE: Final = ir.IntType(1)(1)

Piece = Callable[..., list[Any]]


def row_kernel(dtype: str, sums: int, excluded: float, masked: bool, **pieces: Piece) -> Any:
    """Return the body of a kernel: what a function (phase, job, number) calls that Numba compiles.

    Parameters
    ----------
    dtype : str
        "f32" or "f64".
    sums : int
        How many sums it has.
    excluded : float
        What an element comes out as that the mask leaves out.
    masked : bool
        Whether there is a mask.
    **pieces : callable
        The pieces by name, functions of `Operations` and vectors that return a list of vectors.
    """

    def body(typingctx: Any, phase: Any, job: Any, number: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            # llvmlite's list of known attributes has none of the form "name"="value".
            set.add(builder.function.attributes, f'"prefer-vector-width"="{_VECTOR_BITS}"')
            return _Body(builder, dtype, sums, excluded, masked, pieces, args).build()

        return types.intp(types.intp, types.intp, types.float64), build

    return intrinsic(body)


class _Body:
    """The code of one kernel."""

    def __init__(
        self,
        builder: Any,
        dtype: str,
        sums: int,
        excluded: float,
        masked: bool,
        pieces: dict[str, Piece],
        args: Any,
    ) -> None:
        self.builder, self.kind = builder, FLOATS[dtype]
        self.o = Operations(builder, self.kind)
        self.excluded, self.masked, self.pieces = excluded, masked, pieces
        self.slots_of_sums = [(SUMS + k, loops.FIRST_LOW + k) for k in range(sums)]
        self.phase, self.job, self.number = args
        self.leaves = {
            name: piece.__code__.co_varnames[1 : piece.__code__.co_argcount]
            for name, piece in pieces.items()
        }

    def build(self) -> Any:
        """Write a switch over the phases; return the result."""
        with self.builder.goto_entry_block():
            self.result = self.builder.alloca(INT)
        self.builder.store(INT(0), self.result)
        self.head()
        phases = [
            (numbers, write) for numbers, write, piece in self.phases() if piece in self.pieces
        ]
        end = self.builder.append_basic_block()
        switch = self.builder.switch(self.phase, end)
        for numbers, write in phases:
            block = self.builder.append_basic_block()
            for number in numbers:
                switch.add_case(INT(number), block)
            self.builder.position_at_end(block)
            write()
            self.builder.branch(end)
        self.builder.position_at_end(end)
        return self.builder.load(self.result)

    def phases(self) -> Iterator[tuple[tuple[int, ...], Callable[[], None], str]]:
        """Every phase, what writes it, and the piece without which a kernel does not have it."""
        yield (loops.RESET,), self.reset, "terms"
        yield (loops.PEAK,), self.peak, "key"
        yield (loops.SUMS, loops.STORE), self.sum_up, "terms"
        yield (loops.MERGE,), self.merge, "terms"
        yield (loops.START,), self.start, "start"
        yield (loops.NEXT,), self.next, "next"
        yield (loops.FINISH,), self.finish, "rows"
        yield (loops.MAP,), lambda: self.map("map"), "map"
        yield (loops.MAP_STORED,), lambda: self.map("stored"), "stored"

    def head(self) -> None:
        """Fetch what all phases need."""
        builder = self.builder
        self.values: dict[str, Any] = {}
        high = builder.fptrunc(self.number, ir.FloatType())
        low = builder.fsub(self.number, builder.fpext(high, ir.DoubleType()))
        single = self.kind == FLOATS["f32"]
        self.values["p0"] = self.o.splat(high if single else self.number)
        self.values["p0_lo"] = self.o.splat(builder.fptrunc(low, ir.FloatType()) if single else low)
        start = pointer(builder, self.job, INT)
        # At once: LLVM does not know that no store to an array changes them.
        self.fields = [builder.load(builder.gep(start, [INT(k)])) for k in range(loops.JOB_FIELDS)]
        self.slots, self.across = self.field(loops.SLOTS), self.field(loops.ACROSS)
        self.across = builder.icmp_signed("!=", self.across, INT(0))
        self.full = self.field(loops.FULL)
        self.some = first_lanes(builder, self.field(loops.ALIVE), self.kind)
        self.step, self.mask_step = self.field(loops.STEP), self.field(loops.M_STEP)

    def field(self, number: int) -> Any:
        return self.fields[number]

    # --- values of the row ------------------------------------------------------------------------------------------

    def slot(self, number: int, base: Any = None) -> Any:
        return self.builder.add(base or self.slots, INT(number * VECTOR))

    def get(self, number: int, lane: Any = None, base: Any = None) -> Any:
        """Return a slot as it is, or for vectors along a row what it has for that row."""
        across = _TRUE if lane is None else self.across
        return load_slot(self.builder, self.slot(number, base), self.kind, across, lane or INT(0))

    def put(self, number: int, value: Any, lane: Any = None) -> None:
        across, value = _TRUE if lane is None else self.across, self.o.value(value)
        store_slot(self.builder, self.slot(number), value, across, lane or INT(0))

    def fetch(self, name: str, lane: Any = None) -> None:
        """Fetch the values of the row that a piece needs."""
        for leaf in self.leaves[name]:
            if leaf.startswith("row"):
                number = int(leaf[3:])
                value = self.get(number, lane)
                if SUMS <= number < DERIVED:
                    low = self.get(number - SUMS + loops.FIRST_LOW, lane)
                    value = self.o.joined(value, low)
                self.values[leaf] = value

    def call(self, name: str, **values: Any) -> list[Any]:
        given = {**self.values, **values}
        results = self.pieces[name](self.o, *(given[leaf] for leaf in self.leaves[name]))
        return [self.o.value(result) for result in results]

    # --- loops ------------------------------------------------------------------------------------------------------

    @contextmanager
    def rows(self) -> Iterator[Any]:
        """Loop over the rows of a job."""
        with cgutils.for_range(self.builder, self.field(loops.ROWS)) as loop:
            yield loop.index

    def address(self, field: int, step: Any, i: Any, r: Any, row_step: int) -> Any:
        """Return where step i of row r is."""
        builder = self.builder
        row = builder.add(self.field(field), builder.mul(r, self.field(row_step)))
        return builder.add(row, builder.mul(i, step))

    def elements(self, name: str, i: Any, r: Any) -> tuple[Any, Any]:
        """Fetch the elements that a piece needs; return whether the vector is whole, and the mask."""
        builder = self.builder
        whole = builder.icmp_signed("<", i, self.full)
        for leaf in self.leaves[name]:
            if leaf.startswith("in"):
                place = self.address(loops.X0 + int(leaf[2:]), self.step, i, r, loops.X_ROW)
                if name == "stored":
                    place = self.address(loops.T, self.field(loops.T_STEP), i, r, loops.T_ROW)
                self.values[leaf] = load(builder, place, self.kind, whole, self.some)
        every = self.some.type([1] * self.kind.count)
        if not self.masked:
            return whole, builder.select(whole, every, self.some)
        place = self.address(loops.M, self.mask_step, i, r, loops.M_ROW)
        kind = ir.VectorType(BYTE, self.kind.count)
        mask = load(builder, place, kind, whole, self.some)
        return whole, builder.icmp_unsigned("!=", mask, kind(None))

    def variable(self, value: Any) -> Any:
        """Return a variable that has a value to begin with."""
        value = self.o.value(value)
        with self.builder.goto_entry_block():
            place = self.builder.alloca(value.type)
        self.builder.store(value, place)
        return place

    # --- phases -----------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin with no maximum and no sums."""
        self.put(MAX, -float("inf"))
        self.clear_sums()

    def clear_sums(self) -> None:
        for high, low in self.slots_of_sums:
            self.put(high, 0.0)
            self.put(low, 0.0)

    def peak(self) -> None:
        """Raise the maximum of each row to that of its elements."""
        builder, o = self.builder, self.o
        with self.rows() as r:
            best = self.variable(self.get(MAX, r))
            with cgutils.for_range(builder, self.field(loops.COUNT)) as loop:
                _, mask = self.elements("key", loop.index, r)
                (key,) = self.call("key")
                key = o.select(mask, key, -float("inf"))
                builder.store(o.max(key, builder.load(best)), best)
            with builder.if_then(builder.not_(self.across)):
                builder.store(o.largest(builder.load(best)), best)
            for distance in self.folds():
                best_now = builder.load(best)
                builder.store(o.max(best_now, o.rotated(best_now, distance)), best)
            self.put(MAX, builder.load(best), r)

    def sum_up(self) -> None:
        """Add the terms of each row to its sums; in the phase STORE, keep the first term."""
        builder, o = self.builder, self.o
        count, block = self.field(loops.COUNT), INT(_BLOCK)
        storing = builder.icmp_signed("==", self.phase, INT(loops.STORE))
        with self.rows() as r:
            self.fetch("terms", r)
            sums = [(self.variable(0.0), self.variable(0.0)) for _ in self.slots_of_sums]
            blocks = builder.sdiv(builder.add(count, INT(_BLOCK - 1)), block)
            with cgutils.for_range(builder, blocks) as outer:
                first = builder.mul(outer.index, block)
                left = builder.sub(count, first)
                left = builder.select(builder.icmp_signed("<", left, block), left, block)
                parts = [self.variable(0.0) for _ in sums]
                with cgutils.for_range(builder, left) as loop:
                    i = builder.add(first, loop.index)
                    whole, mask = self.elements("terms", i, r)
                    terms = self.call("terms")
                    for part, term in zip(parts, terms, strict=True):
                        more = o.add(builder.load(part), o.select(mask, term, 0.0))
                        builder.store(more, part)
                    if "stored" in self.pieces:
                        with builder.if_then(storing):
                            step = self.field(loops.T_STEP)
                            place = self.address(loops.T, step, i, r, loops.T_ROW)
                            store(builder, place, terms[0], whole, self.some)
                for (high, low), part in zip(sums, parts, strict=True):
                    self.grow(high, low, builder.load(part))
            for (high, low), slots in zip(sums, self.slots_of_sums, strict=True):
                with builder.if_then(builder.not_(self.across)):
                    total = o.total(builder.load(high), builder.load(low))
                    builder.store(total[0], high)
                    builder.store(total[1], low)
                for distance in self.folds():
                    now = builder.load(low)
                    more = o.rotated(builder.load(high), distance)
                    builder.store(o.add(now, o.rotated(now, distance)), low)
                    self.grow(high, low, more)
                before, before_low = (self.get(number, r) for number in slots)
                self.grow(high, low, before)
                self.put(slots[0], builder.load(high), r)
                self.put(slots[1], o.add(builder.load(low), before_low), r)

    def folds(self) -> Iterator[int]:
        """Half a vector, a quarter, ... as long as lanes that far apart are of one row: write what folds them."""
        distance, fold = self.kind.count // 2, self.field(loops.FOLD)
        while distance:
            with self.builder.if_then(self.builder.icmp_signed("<=", fold, INT(distance))):
                yield distance
            distance //= 2

    def grow(self, high: Any, low: Any, more: Any) -> None:
        """Add to a sum in two variables."""
        load = self.builder.load
        for value, place in zip(
            self.o.grown(load(high), load(low), more), (high, low), strict=True
        ):
            self.builder.store(value, place)

    def merge(self) -> None:
        """Add what the slots at OTHER say of more elements, for the larger maximum of both."""
        o, other = self.o, self.field(loops.OTHER)
        slots = self.slots_of_sums
        mine, theirs = (
            [tuple(self.get(n, base=base) for n in pair) for pair in slots]
            for base in (None, other)
        )
        if "key" in self.pieces:
            old, new = self.get(MAX), self.get(MAX, base=other)
            self.values["row2"] = o.max(old, new)
            self.put(MAX, self.values["row2"])
        if "moved" in self.pieces:
            mine, theirs = self.moved(mine, old), self.moved(theirs, new)
        for numbers, (high, low), (more, more_low) in zip(slots, mine, theirs, strict=True):
            high, low = o.grown(high, o.add(low, more_low), more)
            self.put(numbers[0], high)
            self.put(numbers[1], low)

    def moved(self, sums: list[Any], old: Any) -> list[Any]:
        """Return sums that were taken with the maximum `old`, for that in row2."""
        parts = []
        for part in zip(*sums, strict=True):
            values = {f"row{SUMS + k}": value for k, value in enumerate(part)}
            parts.append(self.call("moved", in0=old, **values))
        return list(zip(*parts, strict=True))

    def start(self) -> None:
        """Begin with a value below that which is solved for."""
        self.fetch("start")
        self.put(VALUE, self.call("start")[0])

    def next(self) -> None:
        """Raise the value; the result is 1 if that of any row has risen, and then the sums are cleared."""
        self.fetch("next")
        value = self.get(VALUE)
        (following,) = self.call("next")
        self.put(VALUE, self.o.select(self.o.le(following, value), value, following))
        with self.builder.if_then(self.o.any(self.o.gt(following, value))):
            self.clear_sums()
            self.builder.store(INT(1), self.result)

    def finish(self) -> None:
        """Compute what depends on the row alone."""
        for name, first in (("finish", DERIVED), ("rows", loops.FIRST_OUTPUT)):
            self.fetch(name)
            for k, value in enumerate(self.call(name)):
                self.put(first + k, value)

    def map(self, name: str) -> None:
        """Compute the output, from the inputs or from the stored terms."""
        builder = self.builder
        with self.rows() as r:
            self.fetch(name, r)
            with cgutils.for_range(builder, self.field(loops.COUNT)) as loop:
                whole, mask = self.elements(name, loop.index, r)
                (out,) = self.call(name)
                if self.masked:
                    out = self.o.select(mask, out, self.excluded)
                place = self.address(loops.Y, self.field(loops.Y_STEP), loop.index, r, loops.Y_ROW)
                store(builder, place, out, whole, self.some)
