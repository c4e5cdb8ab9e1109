"""How a kernel computes arrays of one shape: in which layout, tasks and parts, on how many threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any, Final, cast

import numpy as np
from numba import types

from .... import threads
from .. import runtime
from ..arithmetic import VECTOR
from . import layout, tasks

__all__ = [
    "LAID_OUT",
    "PART_SLOT_BYTES",
    "Plan",
    "address",
    "aligned",
    "laid_out",
    "runner",
    "thread_bytes",
]

# Rows along which there are fewer elements are transposed.
_SHORT: Final = 48
# Bytes of rows that go through a phase together: they stay in the first-level cache.
_GROUP: Final = 1 << 14
# Vectors that a tile is wide ACROSS, and steps that it goes down at a time, a multiple of what phases.py adds up
# plainly. Time of softmax and its vjp, 128 x 8192 float64, first axis, compared with one vector: 4 vectors and 16 steps
# 0.64 and 0.40, 8 and 16 0.54 and 0.35, 8 and 8 0.46 and 0.26, 16 and 8 0.40 and 0.24, 32 and 8 the same.
_WIDE: Final = 16
_CHUNK: Final = 8
# Steps for kernels that add up products of two inputs, such as that vjp: 4 take 0.45 (float32) and 0.7 (float64) of the
# time of 8. softmax itself takes 1.05.
_CHUNK_OF_SUMS: Final = 4
# Steps for kernels without an output of elements: logsumexp of 128 x 8192 float32 takes 0.8 of the time of 8. softmax
# takes 1.5.
_CHUNK_OF_REDUCTIONS: Final = 16
# Bytes of an input in a part of a long task, and how many parts there are at most: together with their slots they stay
# below the 1 MiB that a call may take.
_PART: Final = 1 << 17
_MOST_PARTS: Final = 512
_MOST_SLOT_BYTES: Final = 1 << 19
# Bytes of memory for all pieces of a call, below the 1 MiB that it may take: fewer pieces than threads if need be.
_MOST_BYTES: Final = 15 << 16
# Bytes of an input from which two threads are faster than one.
_LARGE_FROM: Final = 1 << 17
# Bytes of the scratch buffer for a step of a transposed task: two inputs, and a mask.
_TRANSPOSED_STEP: Final = 2 * VECTOR + VECTOR // 4
# Two cache lines: the longest vector, and what processors fetch at once.
_LINES: Final = 128
PART_SLOT_BYTES: Final = layout.PART_SLOT_COUNT * VECTOR


def address(array: Any) -> int:
    """Return where the elements of an array begin."""
    return cast(int, array.__array_interface__["data"][0])


class Plan:
    """How to compute arrays of one shape.

    Parameters
    ----------
    kernel : dict of str to int
        The fields of a plan in layout.py that describe the kernel.
    form : callable
        Gives the address of the kernel, for the layout ALONG or for the others.
    shape : tuple of int
        The length before the axis, along it and after it.
    full_mask : bool
        Whether there is a mask with the shape of the arrays.
    width : int, optional
        Where they are some columns of wider arrays: elements from one row of those to the next.

    Attributes
    ----------
    large : bool
        Whether it depends on the number of threads, and which that was.
    fields : numpy.ndarray
        The plan as compiled code has it, without the addresses of arrays.
    """

    def __init__(
        self,
        kernel: dict[str, int],
        form: Callable[[bool], int],
        shape: tuple[int, ...],
        full_mask: bool,
        width: int = 0,
    ) -> None:
        item, value = kernel["item"], kernel["value"]
        # Read once: what is gathered, the memory and the pieces must depend on one number.
        self.thread_count = threads.get_num_threads()
        outer, axis, inner = shape
        # Columns lie ACROSS, however few they are.
        found = laid_out(
            outer, axis, max(width, VECTOR // value) if width else inner, item, value, full_mask
        )
        fields = kernel | dict(zip(LAID_OUT, found, strict=True))
        along = fields["layout"] == layout.ALONG
        fields["kernel"] = form(along)
        if width:
            blocks = -(-inner // fields["tile_rows"])
            fields |= {"outer_rows": inner, "blocks": blocks, "tasks": blocks}
            fields |= dict.fromkeys(("x_step", "y_step", "t_step"), width * item)
        # For each thread; the slots of parts come after the rest.
        self._each = thread_bytes(fields["layout"] == layout.TRANSPOSED, fields["steps"])
        self._shared = prod(shape) * value >= _LARGE_FROM
        wide = 1
        if fields["layout"] == layout.ACROSS:
            wide = _widen(fields, self.thread_count if self._shared else 1)
            self._each += (wide - 1) * layout.SLOT_COUNT * VECTOR
        self._parts = fields["parts"]
        fields["storing"] &= self._parts == 1
        if fields["fuses"] and self._parts == 1 and along:
            fields["first_step"] = layout.AT_ONCE
        self._tasks = fields.pop("tasks")
        self._slots = wide * self._parts * PART_SLOT_BYTES if self._parts > 1 else 0
        self.large = self._shared or self._parts > 1
        values = tuple(fields.pop(name, 0) for name in layout.PLAN.names or ())
        self.fields: Any = np.array(values, layout.PLAN)
        self._memory, self._memory_at = aligned(0 if self.large else self._each)
        self._at = address(self.fields)
        self._run, self._run_at = runner()
        self._enter = _enter(item)

    def run(self, arrays: tuple[Any, ...], param: float) -> None:
        """Compute, for two inputs and an output, on several threads if that is faster."""
        at = self._at
        if not self.large:
            self._enter(self._run_at, self._tasks, at, self._memory_at, param, *arrays)
        elif self._shared and self.thread_count > 1:
            self._enter(self._run_at, 0, at, 0, param, *arrays)
            self._run_together()
        else:
            _kept, memory = aligned(self._each + self._slots)
            self.fields["part_slots_at"] = self._each
            self._enter(self._run_at, self._tasks, at, memory, param, *arrays)

    def _run_together(self) -> None:
        """Run on several threads: tasks, or one task after another in parts if tasks are too few to share evenly."""
        count, n_tasks, fields = self.thread_count, self._tasks, self.fields
        even = n_tasks % count == 0 or n_tasks > 4 * count
        split = self._parts > 1 and not (even and self._slots * count <= _MOST_SLOT_BYTES)
        own, shared = (0, self._slots) if split else (self._slots, 0)
        step = self._each + own
        pieces = min(count, (_MOST_BYTES - shared) // step)
        _kept, memory = aligned(step * pieces + shared)
        fields["shared"], fields["memory"], fields["memory_bytes"] = memory, memory, step
        fields["part_slots_at"] = step * pieces if split else self._each
        fields["run"] = self._run_at
        share, piece = runtime.sharer(), _piece()

        def together(mode: int, what: int, n_items: int) -> None:
            several = min(pieces, n_items)
            fields["mode"], fields["step"] = mode, what
            fields["count"], fields["pieces"] = n_items, several
            share(piece, self._at, several, several)

        if not split:
            return together(layout.WHOLE, layout.NOTHING, n_tasks)
        for task in range(n_tasks):
            what = self._run(layout.BEGIN, layout.NOTHING, task, task + 1, self._at, memory)
            while what != layout.DONE:
                together(layout.SOME_PARTS, what, self._parts)
                what = self._run(layout.END, what, task, task + 1, self._at, memory)


#: The fields of a plan that depend on the shape of the arrays, and how many tasks there are.
LAID_OUT: Final = (
    *("layout", "vector", "x_step", "y_step", "t_step", "m_step", "x_row", "y_row", "t_row"),
    *("m_row", "rows", "whole_rows", "steps", "whole_steps", "chunk", "lanes_left", "fold"),
    *("slot_rows", "slot_row", "tasks", "blocks"),
    *("tile_rows", "outer_rows", "x_tile", "m_tile", "x_outer", "m_outer"),
    *("parts", "part_steps"),
)


def laid_out(
    outer: int, axis: int, inner: int, item: int, value: int, full_mask: bool
) -> tuple[int, ...]:
    """Return the fields `LAID_OUT` for a shape; Numba compiles it, too."""
    lanes, elements = VECTOR // value, axis * inner
    vector = lanes * item
    per_mask, row_mask = (elements, axis) if full_mask else (0, 0)
    # One row of tiles, each of several rows along the axis, unless other axes follow.
    kind, tile_rows, outer_rows = layout.ALONG, inner, inner
    steps, step, mask_step = -(-elements // lanes), vector, lanes
    x_tile, m_tile = 1, 1
    if inner == 1:
        outer, outer_rows = 1, outer
        tile_rows = min(max(_GROUP // (axis * value), 1), lanes)
        x_tile, m_tile = axis, row_mask
        if axis < _SHORT:
            kind, steps, tile_rows = layout.TRANSPOSED, axis, lanes
    elif inner < lanes and lanes % inner == 0:
        kind = layout.FOLDED
    else:
        kind, tile_rows = layout.ACROSS, lanes
        steps, step, mask_step = axis, inner * item, inner
    whole = elements // lanes
    if kind == layout.TRANSPOSED or kind == layout.ACROSS:
        whole = steps
    blocks = -(-outer_rows // tile_rows)
    part = max(_PART // VECTOR, -(-steps // _MOST_PARTS))
    row, tile, slot_row = axis * item, tile_rows * x_tile * item, 0
    if kind == layout.ACROSS:
        row, row_mask, slot_row = vector, lanes, layout.SLOT_COUNT * VECTOR
    fold = inner if kind == layout.FOLDED else lanes
    parts = -(-steps // part)
    at_steps = kind, vector, step, step, step, mask_step
    at_rows = row, row, row, row_mask
    inside = 1, 1, steps, whole, steps, elements % lanes, fold, 1, slot_row
    at_tiles = outer * blocks, blocks, tile_rows, outer_rows, tile, tile_rows * m_tile
    return at_steps + at_rows + inside + at_tiles + (elements * item, per_mask, parts, part)


def thread_bytes(transposed: bool, steps: int) -> int:
    """Return the bytes of a thread's memory without slots of parts, where no columns are gathered."""
    scratch = steps * _TRANSPOSED_STEP if transposed else 0
    return -(-(layout.TILE + scratch) // _LINES) * _LINES


def _widen(fields: dict[str, int], count: int) -> int:
    """Make tiles several vectors wide, as far as each thread has one; return how many vectors.

    Where rows are a power of two apart, cache lines below one another push one another out of every cache, and a page
    has little more than one vector: the wider, the better.
    """
    n_tiles, n_parts = fields["tasks"], fields["parts"]
    most = _MOST_SLOT_BYTES // (n_parts * PART_SLOT_BYTES) if n_parts > 1 else _WIDE
    each = n_tiles // count
    if n_parts >= count:
        # Threads share the steps instead of the columns, as far as their memory allows: softmax's vjp of 4096 x 256
        # float32 takes 0.4 to 0.55 of the time on two threads.
        fitting = (_MOST_BYTES - _MOST_SLOT_BYTES) // (count * layout.SLOT_COUNT * VECTOR)
        each = max(each, min(n_tiles, fitting))
    wide = max(1, min(_WIDE, most, fields["blocks"], each))
    outer, blocks = n_tiles // fields["blocks"], -(-fields["blocks"] // wide)
    for name in ("tile_rows", "x_tile", "m_tile"):
        fields[name] *= wide
    fields["blocks"], fields["tasks"] = blocks, outer * blocks
    if wide > 1:
        fields["chunk"] = _chunk(fields)
    return wide


def _chunk(fields: dict[str, int]) -> int:
    """Return how many steps a wide tile goes down at a time."""
    if fields["first_step"] == layout.TOTALS:
        return _CHUNK_OF_SUMS
    return _CHUNK if fields["outputs"] else _CHUNK_OF_REDUCTIONS


def aligned(size: int) -> tuple[Any, int]:
    """Return memory, and an address in it from which so many bytes begin with a vector's alignment."""
    memory = np.empty(size + _LINES, np.uint8)
    return memory, -(-address(memory) // _LINES) * _LINES


@cache
def runner() -> tuple[Callable[..., int], int]:
    """Return what runs the kernels, and its address."""
    return runtime.machine_code(tasks.run, [types.intp] * 6, returns=types.intp)


@cache
def _enter(item: int) -> Callable[..., None]:
    """Return what calls it for arrays with items of so many bytes."""
    array = {2: types.uint16, 4: types.float32, 8: types.float64}[item][:, :, ::1]
    arguments = (*[types.intp] * 4, types.float64, array, array, array)
    return runtime.machine_code(tasks.enter, arguments)[0]


@cache
def _piece() -> int:
    """Return the address of what runs them for one piece of a job."""
    return runtime.machine_code(tasks.piece, (types.intp, types.intp))[1]
