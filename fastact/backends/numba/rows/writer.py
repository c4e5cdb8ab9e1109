"""What the phases of a row kernel are written with: fields of the job, values of the row, loops and elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from ....definitions.declaration import DERIVED, SUMS
from ..arithmetic import VECTOR, VECTORS
from ..halves import WIDEN
from ..llvm import INT, pointer
from . import layout
from .vectors import BYTE, Operations

__all__ = ["Piece", "Writer"]

Piece = Callable[..., list[Any]]


class Writer:
    """Writes one kernel.

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
    along : bool
        Whether the layout is ALONG.
    pieces : dict of str to callable
        Its pieces, functions of `Operations` and vectors that return a list of vectors.
    job : llvmlite.ir.Value
        The address of the job, an argument of the kernel.
    """

    def __init__(
        self,
        builder: Any,
        about: dict[str, Any],
        stored: str,
        masked: bool,
        along: bool,
        pieces: dict[str, Piece],
        job: Any,
    ) -> None:
        self._builder, self._kind = builder, VECTORS[about["dtype"]]
        self._o, self._stored = Operations(builder, self._kind), stored
        self._excluded, self._masked, self._pieces = about["excluded"], masked, pieces
        self._about, self._job, self._across = about, job, not along
        self._leaves = {
            name: piece.__code__.co_varnames[1 : piece.__code__.co_argcount]
            for name, piece in pieces.items()
        }

    def _begin(self) -> None:
        """Fetch what all phases need."""
        builder = self._builder
        start = pointer(builder, self._job, INT)
        # At once: LLVM does not know that no store to an array changes them.
        self._fields = {
            name: builder.load(builder.gep(start, [INT(k)]))
            for k, name in enumerate(layout.JOB.names or ())
        }
        if not self._across:
            # Of known length, steps are parts of addresses in machine code.
            lanes = self._kind.count
            item = 2 if self._stored in WIDEN else VECTOR // lanes
            self._fields |= dict.fromkeys(("x_step", "y_step", "t_step"), INT(lanes * item))
            self._fields["m_step"] = INT(lanes)
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
            return self._o.load_slot(place)
        lane = None if self._across else row
        return self._o.load_slot(self._slot(number, row), lane)

    def _put(self, number: int, value: Any, row: Any = None) -> None:
        self._o.store_slot(self._slot(number, row), value, None if self._across else row)

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
            size = self._least(left, chunk)
            later = builder.icmp_signed(">", number, INT(0))
            yield r, first, size, builder.or_(later, self._begun)

    @contextmanager
    def _each_slots(self) -> Iterator[Any]:
        """Loop over the vectors that have slots."""
        with self._loop(self._fields["slot_rows"]) as row:
            self._slots = self._slots_of(row)
            yield row

    def _blocks(
        self, r: Any, start: Any, count: Any, size: int
    ) -> Iterator[tuple[Iterator[tuple[Any, bool]], Any]]:
        """Write two loops over steps of a row: blocks of whole vectors without a mask, written out, and the others.

        Yields the steps of each block with whether they are of the first kind, and how many are done after it.
        """
        builder, done = self._builder, INT(0)
        if not self._masked:
            whole = self._least(count, builder.sub(self._fields["whole_steps"], start))
            if self._across:
                inside = builder.icmp_signed("<", r, self._fields["whole_rows"])
                whole = builder.select(inside, whole, INT(0))
            blocks = builder.sdiv(whole, INT(size))
            with self._loop(blocks) as number:
                before = builder.mul(number, INT(size))
                first = builder.add(start, before)
                steps: Iterator[tuple[Any, bool]]
                steps = ((builder.add(first, INT(k)), True) for k in range(size))
                yield steps, builder.add(before, INT(size))
            done = builder.mul(blocks, INT(size))
        left = builder.sub(count, done)
        with self._loop(builder.sdiv(builder.add(left, INT(size - 1)), INT(size))) as number:
            before = builder.add(done, builder.mul(number, INT(size)))
            after = self._least(builder.add(before, INT(size)), count)
            steps = self._some_steps(builder.add(start, before), builder.sub(after, before))
            yield steps, after

    def _some_steps(self, first: Any, count: Any) -> Iterator[tuple[Any, bool]]:
        with self._loop(count) as k:
            yield self._builder.add(first, k), False

    def _least(self, a: Any, b: Any) -> Any:
        return self._builder.select(self._builder.icmp_signed("<", a, b), a, b)

    def _address(self, array: str, i: Any, r: Any) -> Any:
        """Return where step i of row r is."""
        builder, name = self._builder, array[0]
        row = builder.mul(r, self._fields[f"{name}_row"])
        step = builder.mul(i, self._fields[f"{name}_step"])
        return builder.add(builder.add(self._fields[array], row), step)

    def _elements(self, name: str, i: Any, r: Any, is_whole: bool) -> tuple[Any, Any]:
        """Fetch the elements that a piece needs; return whether the vector is whole, and which lanes count or None."""
        whole = None
        if not is_whole:
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
        if is_whole:
            return None, None
        if not self._masked:
            every = self._some.type([1] * self._kind.count)
            return whole, self._builder.select(whole, every, self._some)
        mask = self._o.load(self._address("m", i, r), whole, self._some, BYTE)
        return whole, self._builder.icmp_unsigned("!=", mask, mask.type(None))

    def _counting(self, mask: Any, value: Any, other: float) -> Any:
        """Return a value where lanes count, elsewhere another."""
        return value if mask is None else self._o.select(mask, value, other)

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
        distance = self._kind.count // 2 if self._across else 0
        while distance:
            near = self._builder.icmp_signed("<=", self._fields["fold"], INT(distance))
            with self._builder.if_then(near):
                yield distance
            distance //= 2
