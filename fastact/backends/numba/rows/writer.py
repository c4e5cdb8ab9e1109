"""What the phases of a row kernel are written with: fields of the job, values of the row, loops and elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils

from ....definitions.declaration import DERIVED, SUMS
from ..arithmetic import VECTOR, VECTORS
from ..llvm import INT, pointer
from . import layout
from .vectors import BYTE, Operations

__all__ = ["Piece", "Writer"]

_TRUE: Final = ir.IntType(1)(1)

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
        pieces: dict[str, Piece],
        job: Any,
    ) -> None:
        self._builder, self._kind = builder, VECTORS[about["dtype"]]
        self._o, self._stored = Operations(builder, self._kind), stored
        self._excluded, self._masked, self._pieces = about["excluded"], masked, pieces
        self._about, self._job = about, job
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
