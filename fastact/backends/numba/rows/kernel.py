"""The numba backend's functions of rows: what is compiled when, and how an array is gone through."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from itertools import accumulate
from math import prod
from typing import Any, Final, cast

import numpy as np
from numba import types

from .... import threads
from .. import backend
from ..fork import compiling
from ..lanes import VECTOR
from . import loops

__all__ = ["row_kernel"]

_STATISTICS: Final = {
    "none": loops.NONE,
    "sums": loops.SUMS_ONLY,
    "exp_sum": loops.EXP_SUM,
    "solve": loops.SOLVE,
}
# Rows along which there are fewer elements are transposed.
_SHORT: Final = 48
# Bytes of rows that go through a phase together: they stay in the first-level cache.
_GROUP: Final = 1 << 14
# Bytes of columns that a task gathers: of one vector of columns if they stay in the first-level cache, of several if
# the arrays are larger than the second-level one, for all threads together and for each at most; of a row of those.
_GATHERED: Final = 1 << 15
_GATHERED_BY_ALL: Final = 3 << 18
_GATHERED_WIDE: Final = 1 << 18
_GATHERED_ROW: Final = 1 << 11
_WIDE_FROM: Final = 1 << 22
# Bytes of an input that a long task goes through at a time, and how many such parts there are at most: together with
# their slots they stay below the 1 MiB that a call may take.
_PART: Final = 1 << 17
_MOST_PARTS: Final = 512
_MOST_SLOT_BYTES: Final = 1 << 19
# Bytes of memory for all pieces of a call, below the 1 MiB that it may take: fewer pieces than threads if need be.
_MOST_BYTES: Final = 15 << 16
# Bytes of an input from which two threads are faster than one.
_LARGE_FROM: Final = 1 << 17
# Bytes that a step of a transposed task takes: two inputs, and a mask.
_TILE_STEP: Final = 2 * VECTOR + VECTOR // 4
_PLANS_KEPT: Final = 16
# Two cache lines: the longest vector, and what processors fetch at once.
_LINES: Final = 128
_PART_SLOT_BYTES: Final = loops.PART_SLOT_COUNT * VECTOR


def row_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel of one pass of one row function, for float32 or float64.

    Parameters
    ----------
    name : str
        The canonical name of the function.
    pass_ : str
        "forward" or "vjp".
    dtype : numpy.dtype
        float32 or float64.

    Returns
    -------
    callable
        It takes the inputs and the inputs of the rows, the outputs to fill and those of the rows, a mask or None,
        and every parameter as a `float`. Inputs and outputs are contiguous arrays (outer, axis, inner) of one shape,
        what belongs to the rows (outer, inner). A mask is a bool array (outer or 1, axis, inner).

    Raises
    ------
    KeyError
        If there is no such kernel.
    """
    try:
        with compiling():
            module = import_module(f"{backend._KERNELS}.rows_{name}")
        stem = f"{pass_}_{backend._BITS[np.dtype(dtype)]}"
        about = getattr(module, stem.upper())
    except (ModuleNotFoundError, AttributeError, KeyError):
        message = f"the numba backend has no kernel of rows {name}, {pass_}, {dtype}"
        raise KeyError(message) from None
    return _RowKernel(module, stem, about, np.dtype(dtype)).caller()


class _RowKernel:
    """One kernel in its forms: for given or default parameters, with or without a mask."""

    def __init__(
        self, module: Any, stem: str, about: tuple[Any, ...], dtype: np.dtype[Any]
    ) -> None:
        statistic, stored, *counts = about
        self._module, self._stem, self._dtype = module, stem, dtype
        self._about = (_STATISTICS[statistic], int(stored), *counts, dtype.itemsize, VECTOR)
        # Where the inputs, the row inputs, the outputs and the row outputs end among the arguments.
        self._ends = tuple(accumulate(counts))
        self._here = _Here()

    def caller(self) -> Callable[..., None]:
        """Return a function of the arguments alone."""
        inputs, row_inputs, outputs, mask_at = self._ends
        environment = backend.environment()
        here, defaults, extra = (
            self._here,
            self._module.DEFAULTS,
            mask_at > outputs or row_inputs > inputs,
        )

        def call(*values: Any) -> None:
            x, mask, params = values[0], values[mask_at], values[mask_at + 1 :]
            key = x.shape, params == defaults, None if mask is None else mask.shape[0]
            # Taken out while in use: a signal handler or a finaliser may call for the same shape meanwhile.
            plans = here.plans
            plan = plans.pop(key, None) or self._new_plan(key)
            if plan is None:
                return self._without_elements(call, values)
            if plan.large and plan.count != threads.get_num_threads():
                plan = cast(_Plan, self._new_plan(key))
            if mask is not None:
                plan.fields[loops.M] = _address(mask)
            if extra:
                self._give_rows(plan.fields, values)
            arrays = x, values[inputs - 1], values[row_inputs] if outputs > row_inputs else x
            number = params[0] if params else 0.0
            with environment():
                if plan.large:
                    plan.run(arrays, number)
                else:
                    plan.enter(plan.run_at, plan.tasks, plan.at, plan.memory_at, number, *arrays)
            plans[key] = plan

        return call

    def _give_rows(self, fields: Any, values: tuple[Any, ...]) -> None:
        inputs, row_inputs, outputs, mask_at = self._ends
        for k in range(inputs, row_inputs):
            fields[loops.R0 + k - inputs] = _address(values[k])
        for k in range(outputs, mask_at):
            fields[loops.S0 + k - outputs] = _address(values[k])

    def _new_plan(self, key: tuple[Any, ...]) -> _Plan | None:
        """Plan for a shape, for default parameters or not, for a mask of some length; None without elements."""
        shape, plain, mask = key
        if not prod(shape):
            return None
        if len(self._here.plans) >= _PLANS_KEPT:
            self._here.plans.clear()
        name = f"{self._stem}{'_plain' * plain}{'_masked' * (mask is not None)}"
        kernel = _compiled(getattr(self._module, name))
        return _Plan((kernel, *self._about, mask is not None), shape, (mask or 0) > 1)

    def _without_elements(self, call: Callable[..., None], values: tuple[Any, ...]) -> None:
        """Give the outputs of rows without elements, as for rows of which the mask leaves nothing."""
        inputs, row_inputs, outputs, mask_at = self._ends
        rows = values[outputs:mask_at]
        if not rows or not rows[0].size:
            return
        outer, inner = rows[0].shape
        element = np.zeros((outer, 1, inner), self._dtype)
        elements = [element] * inputs, [element] * (outputs - row_inputs)
        mask = np.zeros((1, 1, inner), np.bool_)
        given = values[inputs:row_inputs]
        call(*elements[0], *given, *elements[1], *rows, mask, *values[mask_at + 1 :])


class _Here(threading.local):
    """A kernel's plans that are not in use: a thread has its own. They are half of what a small call costs."""

    def __init__(self) -> None:
        self.plans: dict[tuple[Any, ...], _Plan] = {}


class _Plan:
    """How to go through arrays of one shape with one kernel."""

    def __init__(self, kernel: tuple[int, ...], shape: tuple[int, ...], full_mask: bool) -> None:
        item = kernel[loops.ITEM - loops.KERNEL]
        # Read once: what is gathered, the memory and the pieces must depend on one number.
        self.count = threads.get_num_threads()
        way = _way(shape, item, full_mask)
        tile = way[loops.COUNT] * _TILE_STEP if way[loops.WAY] == loops.TRANSPOSED else 0
        if way[loops.WAY] == loops.ACROSS_ROWS:
            inputs = kernel[loops.INPUTS - loops.KERNEL]
            tile = _gather(way, inputs, prod(shape) * item, self.count)
        self.tasks, self._parts = way[loops.TASKS], way[loops.PARTS]
        # For each thread; its slots for parts come after the rest.
        self._each = -(-(loops.TILE + tile) // _LINES) * _LINES
        self._slots = self._parts * _PART_SLOT_BYTES if self._parts > 1 else 0
        self._shared = prod(shape) * item >= _LARGE_FROM
        self.large = self._shared or self._parts > 1
        self.fields: Any = np.zeros(loops.PLAN_FIELDS, np.int64)
        self.fields[loops.KERNEL : loops.MASKED + 1] = kernel
        for field, value in way.items():
            self.fields[field] = value
        self._memory, self.memory_at = _aligned(0 if self.large else self._each)
        self.at = _address(self.fields)
        self._run, self.run_at = _run()
        self.enter = _enter(item)

    def run(self, arrays: tuple[Any, ...], number: float) -> None:
        """Do it for these inputs and this output, on several threads if that is faster."""
        if self._shared and self.count > 1:
            self.enter(self.run_at, 0, self.at, 0, number, *arrays)
            return self._run_together(number)
        _kept, at = _aligned(self._each + self._slots)
        self.fields[loops.PART_SLOTS] = self._each
        self.enter(self.run_at, self.tasks, self.at, at, number, *arrays)

    def _run_together(self, number: float) -> None:
        """Do it on several threads, the parts of one task after those of another if the tasks cannot be shared out."""
        count = self.count
        alike = self.tasks % count == 0 or self.tasks > 4 * count
        split = self._parts > 1 and not (alike and self._slots * count <= _MOST_SLOT_BYTES)
        own, shared = (0, self._slots) if split else (self._slots, 0)
        step = self._each + own
        pieces = min(count, (_MOST_BYTES - shared) // step)
        _kept, at = _aligned(step * pieces + shared)
        fields = self.fields
        fields[loops.UNIT] = at
        fields[loops.PART_SLOTS] = step * pieces if split else self._each
        fields[loops.RUN], fields[loops.MEMORY], fields[loops.MEMORY_BYTES] = self.run_at, at, step
        fields.view(np.float64)[loops.NUMBER] = number
        share, piece = backend.sharer(), _piece()

        def together(mode: int, what: int, n_items: int) -> None:
            several = min(pieces, n_items)
            fields[loops.MODE], fields[loops.PHASE] = mode, what
            fields[loops.COUNTED], fields[loops.PIECES] = n_items, several
            share(piece, self.at, several, several)

        if not split:
            return together(loops.WHOLE, loops.PLACE, self.tasks)
        for task in range(self.tasks):
            what = loops.PLACE
            while what not in (loops.RESULTS, loops.DONE):
                what = self._run(loops.BETWEEN, what, task, task + 1, self.at, at, number)
                if what != loops.DONE:
                    together(loops.SOME_PARTS, what, self._parts)


def _way(shape: tuple[int, ...], item: int, full_mask: bool) -> dict[int, int]:
    """Return the fields of a plan that depend on the shape of the arrays."""
    outer, axis, inner = shape
    lanes, elements = VECTOR // item, axis * inner
    per_mask, row_mask = elements if full_mask else 0, axis if full_mask else 0
    # As it is along rows, one to a task: from task to task elements of arrays and mask, and rows.
    way, tasks, blocks, width = loops.ALONG, outer, 1, inner
    next_outer, rows = (elements, per_mask, inner), inner
    steps, step, mask_step = -(-elements // lanes), VECTOR, lanes
    if inner == 1:
        width, rows = min(max(_GROUP // (axis * item), 1), lanes), outer
        if axis < _SHORT:
            way, steps, width = loops.TRANSPOSED, axis, lanes
        tasks, next_outer = -(-outer // width), (width * axis, width * row_mask, width)
    elif inner < lanes and lanes % inner == 0:
        way = loops.FOLDED
    else:
        way, blocks, width = loops.ACROSS_ROWS, -(-inner // lanes), lanes
        tasks, steps, step, mask_step = outer * blocks, axis, inner * item, inner
    part = max(_PART // VECTOR, -(-steps // _MOST_PARTS))
    return {
        loops.WAY: way,
        **dict.fromkeys((loops.STEP, loops.Y_STEP, loops.T_STEP), step),
        loops.M_STEP: mask_step,
        **dict.fromkeys((loops.X_ROW, loops.Y_ROW, loops.T_ROW), axis * item),
        loops.M_ROW: row_mask,
        loops.ROWS: 1,
        loops.COUNT: steps,
        loops.FULL: elements // lanes,
        loops.ALIVE: elements % lanes,
        loops.ACROSS: int(way != loops.ALONG),
        loops.FOLD: inner if way == loops.FOLDED else lanes,
        loops.TASKS: tasks,
        loops.BLOCKS: blocks,
        loops.WIDTH: width,
        loops.LAST_WIDTH: (rows - 1) % width + 1,
        loops.X_BLOCK: VECTOR,
        loops.M_BLOCK: lanes,
        loops.R_BLOCK: lanes,
        loops.X_OUTER: next_outer[0] * item,
        loops.M_OUTER: next_outer[1],
        loops.R_OUTER: next_outer[2],
        loops.PARTS: -(-steps // part),
        loops.PART_STEPS: part,
    }


def _gather(way: dict[int, int], inputs: int, size: int, count: int) -> int:
    """Let a task gather columns before it goes through them several times; return the bytes that they take.

    Where rows are a power of two apart, their lines push one another out of every cache, and a page has little more
    than one vector.
    """
    column, group = inputs * way[loops.COUNT] * VECTOR, 1
    if size >= _WIDE_FROM:
        most = min(_GATHERED_WIDE, _GATHERED_BY_ALL // count)
        group = min(most // column, _GATHERED_ROW // VECTOR, way[loops.BLOCKS])
    if group < 2:
        group = int(column <= _GATHERED)
    way[loops.GATHERED] = group
    if group:
        outer, blocks = way[loops.TASKS] // way[loops.BLOCKS], -(-way[loops.BLOCKS] // group)
        way[loops.BLOCKS], way[loops.TASKS] = blocks, outer * blocks
    return column * group


def _aligned(size: int) -> tuple[Any, int]:
    """Return memory, and an address in it from which so many bytes begin with a vector's alignment."""
    memory = np.empty(size + _LINES, np.uint8)
    return memory, -(-_address(memory) // _LINES) * _LINES


def _address(array: Any) -> int:
    return cast(int, array.__array_interface__["data"][0])


@cache
def _compiled(function: Callable[..., Any]) -> int:
    """Return the address of a kernel."""
    arguments = (types.intp, types.intp, types.float64)
    return backend.machine_code(function, arguments, returns=types.intp)[1]


@cache
def _run() -> tuple[Callable[..., int], int]:
    """Return what drives the kernels, and its address."""
    arguments = (*[types.intp] * 6, types.float64)
    return backend.machine_code(loops.run, arguments, returns=types.intp)


@cache
def _enter(item: int) -> Callable[..., None]:
    """Return what calls it for arrays with items of so many bytes."""
    array = (types.float32 if item == 4 else types.float64)[:, :, ::1]
    arguments = (*[types.intp] * 4, types.float64, array, array, array)
    return backend.machine_code(loops.enter, arguments)[0]


@cache
def _piece() -> int:
    """Return the address of what drives them for one piece of a job."""
    return backend.machine_code(loops.piece, (types.intp, types.intp))[1]
