"""What runs the row kernels: which tiles go through which phases, in whole or in parts.

A kernel is called by its address, so these functions are compiled once for all kernels. layout.py says what their words
mean. Arguments named `at`, `unit` and `memory` are the addresses of the plan, of a task's job and slots, and of the
calling thread's memory.
"""

from __future__ import annotations

from typing import Final

from numba.core import types

from ..arithmetic import VECTOR
from ..llvm import step_returning
from . import layout
from .layout import JOB_BYTES
from .memory import (
    address_of,
    call_kernel,
    call_run,
    copy,
    job_at,
    move,
    plan_at,
)

_SLOTS: Final = 2 * JOB_BYTES + layout.SLOTS_BEFORE * VECTOR
_PART_SLOT_BYTES: Final = layout.PART_SLOT_COUNT * VECTOR
_JOB_SIZE: Final = layout.JOB.itemsize
_MOST_ROUNDS: Final = 1 << 12


# --- tiles ------------------------------------------------------------------------------------------------------------


@step_returning(types.none)
def place(at, task, unit):  # type: ignore[no-untyped-def]
    """Fill in the job of a task, and give its slots the row inputs."""
    plan, job = plan_at(at), job_at(unit)
    copy(unit, at, _JOB_SIZE)
    outer = task // plan.blocks
    tile = task - outer * plan.blocks
    job.first_row = outer * plan.outer_rows + tile * plan.tile_rows
    job.width = min(plan.tile_rows, plan.outer_rows - tile * plan.tile_rows)
    shift = outer * plan.x_outer + tile * plan.x_tile
    job.x0 += shift
    job.x1 += shift
    job.y += shift
    job.t += shift
    job.m += outer * plan.m_outer + tile * plan.m_tile
    job.slots = unit + _SLOTS
    job.part_slots = unit + plan.part_slots_at + layout.SLOTS_BEFORE * VECTOR
    if plan.layout == layout.ALONG:
        job.rows = job.width
        job.whole_rows = job.width
    elif plan.layout != layout.FOLDED:
        size = job.width * plan.item
        job.whole_rows = size // plan.vector
        job.rows = -(-size // plan.vector)
        job.slot_rows = job.rows
        job.lanes_left = (size - job.whole_rows * plan.vector) // plan.item
    if plan.row_inputs > 0:
        fill(plan, job, 0, plan.r0)
    if plan.row_inputs > 1:
        fill(plan, job, VECTOR, plan.r1)


@step_returning(types.none)
def fill(plan, job, slot, source):  # type: ignore[no-untyped-def]
    """Copy one value for each row into a slot."""
    source += job.first_row * plan.value
    size = job.width * plan.value
    if plan.layout == layout.FOLDED:
        for k in range(VECTOR // size):
            copy(job.slots + slot + k * size, source, size)
        return
    for row in range(job.slot_rows):
        left = min(size - row * VECTOR, VECTOR)
        copy(job.slots + row * job.slot_row + slot, source + row * VECTOR, left)


@step_returning(types.none)
def drain(plan, job, slot, target):  # type: ignore[no-untyped-def]
    """Copy one value for each row out of a slot."""
    target += job.first_row * plan.value
    size = job.width * plan.value
    for row in range(job.slot_rows):
        left = min(size - row * VECTOR, VECTOR)
        copy(target + row * VECTOR, job.slots + row * job.slot_row + slot, left)


@step_returning(types.none)
def transpose(plan, job, buffer):  # type: ignore[no-untyped-def]
    """Copy the rows of a tile to the scratch buffer so that vectors go across them, and compute there."""
    item, rows, steps, vector = plan.item, job.width, job.steps, plan.vector
    size = steps * vector
    move(item, rows, steps, buffer, item, vector, job.x0, steps * item, item)
    job.x0 = buffer
    if plan.inputs > 1:
        move(item, rows, steps, buffer + size, item, vector, job.x1, steps * item, item)
        job.x1 = buffer + size
    if plan.masked != 0:
        mask = buffer + 2 * size
        move(1, rows, steps, mask, 1, vector // item, job.m, job.m_row, 1)
        job.m = mask
    job.y = buffer
    job.t = buffer


# --- steps ------------------------------------------------------------------------------------------------------------


@step_returning(types.none)
def run_part(plan, unit, step, part, memory):  # type: ignore[no-untyped-def]
    """Run the phases of a step, for one part of a task or for all of it."""
    task, address = job_at(unit), unit
    if plan.parts > 1:
        address = memory + JOB_BYTES
        job = job_at(address)
        copy(address, unit, _JOB_SIZE)
        first = part * plan.part_steps
        job.steps = min(plan.part_steps, task.steps - first)
        job.whole_steps = max(min(task.whole_steps - first, job.steps), 0)
        job.x0 += first * job.x_step
        job.x1 += first * job.x_step
        job.y += first * job.y_step
        job.m += first * job.m_step
        if step != layout.RESULTS:
            job.slots = task.part_slots + part * task.slot_rows * _PART_SLOT_BYTES
            job.slot_row = _PART_SLOT_BYTES if task.slot_row > 0 else 0
            for row in range(task.slot_rows):
                given = task.slots + row * task.slot_row
                copy(job.slots + row * job.slot_row, given, layout.GIVEN_SLOTS * VECTOR)
    if step == layout.AT_ONCE:
        call_kernel(plan.kernel, layout.FUSED, address)
    elif step == layout.RESULTS:
        phase = layout.MAP_STORED if task.storing != 0 else layout.MAP
        call_kernel(plan.kernel, phase, address)
    elif step != layout.NOTHING:
        if step != layout.TOTALS:
            call_kernel(plan.kernel, layout.MAXIMUM, address)
        if step != layout.MAXIMA:
            call_kernel(plan.kernel, layout.SUM, address)


@step_returning(types.intp)
def end_step(plan, unit, step):  # type: ignore[no-untyped-def]
    """Combine the parts and do what comes before the next step, which is returned."""
    job = job_at(unit)
    if step >= layout.RESULTS:
        return layout.DONE
    if plan.parts > 1 and step != layout.NOTHING:
        call_kernel(plan.kernel, layout.MERGE, unit)
    if step == layout.MAXIMA:
        call_kernel(plan.kernel, layout.START, unit)
        return layout.TOTALS
    if plan.solves != 0:
        job.rounds += 1
        if call_kernel(plan.kernel, layout.NEXT, unit) != 0 and job.rounds < _MOST_ROUNDS:
            return layout.TOTALS
    call_kernel(plan.kernel, layout.FINISH, unit)
    if plan.row_outputs > 0:
        drain(plan, job, layout.FIRST_OUTPUT * VECTOR, plan.s0)
    if plan.row_outputs > 1:
        drain(plan, job, layout.FIRST_OUTPUT * VECTOR + VECTOR, plan.s1)
    return layout.RESULTS if plan.outputs > 0 else layout.DONE


@step_returning(types.none)
def run_task(at, plan, task, memory):  # type: ignore[no-untyped-def]
    """Compute all rows of a task."""
    job, buffer = job_at(memory), memory + layout.TILE
    place(at, task, memory)
    target = job.y
    if plan.layout == layout.TRANSPOSED:
        transpose(plan, job, buffer)
    step = plan.first_step
    while step != layout.DONE:
        for part in range(plan.parts):
            run_part(plan, memory, step, part, memory)
        step = end_step(plan, memory, step)
    if plan.layout == layout.TRANSPOSED and plan.outputs > 0:
        item, steps = plan.item, job.steps
        move(item, job.width, steps, target, steps * item, item, buffer, item, plan.vector)


# --- what is compiled -------------------------------------------------------------------------------------------------


def run(mode, step, begin, end, at, memory):  # type: ignore[no-untyped-def]
    """Do what a mode of layout.py says, for tasks or parts begin to end; return the next step."""
    plan = plan_at(at)
    if mode == layout.WHOLE:
        for task in range(begin, end):
            run_task(at, plan, task, memory)
    elif mode == layout.BEGIN:
        place(at, begin, plan.shared)
        return plan.first_step
    elif mode == layout.END:
        return end_step(plan, plan.shared, step)
    else:
        for part in range(begin, end):
            run_part(plan, plan.shared, step, part, memory)
    return step


def enter(address, tasks, at, memory, param, x0, x1, y):  # type: ignore[no-untyped-def]
    """Complete a plan by the addresses of the arrays, and run tasks. To ask for one in Python takes 1.3 us."""
    plan = plan_at(at)
    plan.x0 = address_of(x0)
    plan.x1 = address_of(x1)
    plan.y = address_of(y)
    plan.t = plan.y
    plan.param = param
    call_run(address, layout.WHOLE, 0, 0, tasks, at, memory)


def piece(at, k):  # type: ignore[no-untyped-def]
    """Do one of the pieces into which tasks or parts are divided. Each has memory that no other uses."""
    plan = plan_at(at)
    begin, end = plan.count * k // plan.pieces, plan.count * (k + 1) // plan.pieces
    memory = plan.memory + k * plan.memory_bytes
    call_run(plan.run, plan.mode, plan.step, begin, end, at, memory)
