"""What drives the row kernels: which rows go through which phases, in whole or in parts.

A kernel is handed over by its address, so these functions are compiled once for all kernels. Each is in one piece,
because Numba spends as long on the smallest function that it calls.

A *task* is what has its values of the row in one set of slots: up to a vector of rows. A vector goes along a row where
the axis is the last one. It goes across rows where it is not, and where rows are so short that they are transposed
first. Where a vector is a multiple of what lies behind the axis, it goes both ways, and its lanes are folded. A long
task is done in parts, whose number depends on its shape alone, and what the parts have found is merged in order: the
result does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

# What Numba leaves untyped.
_intrinsic: Callable[[Callable[..., Any]], Any] = intrinsic

# The phases of a kernel.
RESET, PEAK, SUMS, STORE, MERGE, START, NEXT, FINISH, MAP, MAP_STORED = range(10)

# The fields of a job: addresses, and steps in bytes. T is where terms are stored.
X0, X1, Y, T, M, STEP, Y_STEP, T_STEP, M_STEP, X_ROW, Y_ROW, T_ROW, M_ROW = range(13)
# How many rows there are, steps in a row, steps of whole vectors; how many lanes there are in the others; whether lanes
# are of rows of their own, at which distance they are of the same row again.
ROWS, COUNT, FULL, ALIVE, ACROSS, FOLD, SLOTS, OTHER, ROUNDS = range(13, 22)
JOB_FIELDS: Final = 22

# The fields of a plan: a job for the first task, then about the kernel, then
(KERNEL, STATISTIC, STORED, INPUTS, ROW_INPUTS, OUTPUTS, ROW_OUTPUTS, ITEM, VECTOR, MASKED) = range(
    21, 31
)
# how the tasks lie: blocks of a row of tasks, how many rows each has, and the last one; what one task and what one row
# of tasks are apart in bytes of the arrays, of the mask, and in rows; addresses of what the rows are given and give,
(BLOCKS, WIDTH, LAST_WIDTH, X_BLOCK, X_OUTER, M_BLOCK, M_OUTER, R_BLOCK, R_OUTER) = range(32, 41)
(R0, R1, S0, S1, WAY, TASKS, PARTS, PART_STEPS, PART_SLOTS, UNIT, GATHERED) = range(41, 52)
# and for `piece`: the address of `run` and its arguments, how many tasks or parts there are in how many pieces, the
# memory of the first piece, and how many bytes each has.
(RUN, MODE, PHASE, NUMBER, COUNTED, PIECES, MEMORY, MEMORY_BYTES) = range(52, 60)
PLAN_FIELDS: Final = 60

NONE, SUMS_ONLY, EXP_SUM, SOLVE = range(4)
ALONG, ACROSS_ROWS, TRANSPOSED, FOLDED = range(4)
# What `run` does: whole tasks; a step for some parts of the task at UNIT; what comes between two steps of it.
WHOLE, SOME_PARTS, BETWEEN = range(3)
# The steps of a task.
PLACE, MAXIMA, TOTALS, BOTH, RESULTS, DONE = range(6)

# The slots of declare.py have the low parts of the sums before them and the row outputs after.
FIRST_LOW: Final = -2
FIRST_OUTPUT: Final = 16
# Vectors before and in a set of slots, and in what a part needs of it.
BEFORE, SLOT_COUNT, PART_SLOT_COUNT = 2, 20, 8
# Bytes of a thread's memory: two jobs, a set of slots of 128 bytes each, then the tile for rows that are transposed.
JOB_BYTES: Final = 256
TILE: Final = 2 * JOB_BYTES + SLOT_COUNT * 128
MOST_ROUNDS: Final = 64


def _loader(count: int) -> Any:
    return ir.IntType(8 * count).as_pointer()


@_intrinsic
def get(typingctx: Any, address: Any, index: Any) -> Any:
    """Return one of the integers at an address."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(builder.inttoptr(args[0], _loader(8)), [args[1]]))

    return types.intp(types.intp, types.intp), build


@_intrinsic
def get_number(typingctx: Any, address: Any, index: Any) -> Any:
    """Return one of the integers at an address, reinterpreted as a float64."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        numbers = builder.inttoptr(args[0], ir.DoubleType().as_pointer())
        return builder.load(builder.gep(numbers, [args[1]]))

    return types.float64(types.intp, types.intp), build


@_intrinsic
def put(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
    """Set one of the integers at an address."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(builder.inttoptr(args[0], _loader(8)), [args[1]]))
        return context.get_dummy_value()

    return types.none(types.intp, types.intp, types.intp), build


@_intrinsic
def copy(typingctx: Any, target: Any, source: Any, n_bytes: Any) -> Any:
    """Copy bytes between addresses."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to, start = (builder.inttoptr(arg, _loader(1)) for arg in args[:2])
        cgutils.raw_memcpy(builder, to, start, args[2], 1)
        return context.get_dummy_value()

    return types.none(types.intp, types.intp, types.intp), build


@_intrinsic
def call_kernel(typingctx: Any, address: Any, phase: Any, job: Any, number: Any) -> Any:
    """Call a row kernel."""
    kinds = (types.intp, types.intp, types.float64)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(context, builder, kinds, args)

    return types.intp(types.intp, *kinds), build


@_intrinsic
def call_run(
    typingctx: Any,
    address: Any,
    mode: Any,
    step: Any,
    begin: Any,
    end: Any,
    plan: Any,
    memory: Any,
    number: Any,
) -> Any:
    """Call `run`."""
    kinds = (*[types.intp] * 6, types.float64)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _call(context, builder, kinds, args)

    return types.intp(types.intp, *kinds), build


@_intrinsic
def move_vectors(typingctx: Any, size: Any, target: Any, source: Any, count: Any, step: Any) -> Any:
    """Copy `count` vectors of 32, 64 or 128 bytes, `step` bytes apart, to one after the other."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        size, target, source, count, step = args
        for width in (32, 64, 128):
            kind = ir.VectorType(ir.IntType(64), width // 8).as_pointer()
            with (
                builder.if_then(builder.icmp_signed("==", size, size.type(width))),
                cgutils.for_range(builder, count) as loop,
            ):
                start = builder.add(source, builder.mul(loop.index, step))
                to = builder.add(target, builder.mul(loop.index, size))
                value = builder.load(builder.inttoptr(start, kind), align=1)
                builder.store(value, builder.inttoptr(to, kind), align=1)
        return context.get_dummy_value()

    return types.none(*[types.intp] * 5), build


@_intrinsic
def start_of(typingctx: Any, array: Any) -> Any:
    """Return the address of an array."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(array)(context, builder, value=args[0])
        return builder.ptrtoint(view.data, ir.IntType(64))

    return types.intp(array), build


def _call(context: Any, builder: Any, kinds: Any, args: Any) -> Any:
    convention = context.call_conv
    kind = convention.get_function_type(types.intp, kinds)
    function = builder.inttoptr(args[0], kind.as_pointer())
    # It cannot raise, so its status is not looked at.
    _, value = convention.call_function(builder, function, types.intp, kinds, args[1:])
    return value


@_intrinsic
def move_rows(
    typingctx: Any,
    item: Any,
    target: Any,
    source: Any,
    rows: Any,
    count: Any,
    to_row: Any,
    to_step: Any,
    from_row: Any,
    from_step: Any,
) -> Any:
    """Copy `count` items of so many rows, each item of 1, 4 or 8 bytes, from one arrangement to another."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        item, target, source, rows, count, to_row, to_step, from_row, from_step = args

        def place(start: Any, r: Any, row: Any, i: Any, step: Any) -> Any:
            return builder.add(start, builder.add(builder.mul(r, row), builder.mul(i, step)))

        for size in (1, 4, 8):
            with (
                builder.if_then(builder.icmp_signed("==", item, item.type(size))),
                cgutils.for_range(builder, rows) as outer,
                cgutils.for_range(builder, count) as inner,
            ):
                r, i = outer.index, inner.index
                start = builder.inttoptr(place(source, r, from_row, i, from_step), _loader(size))
                to = builder.inttoptr(place(target, r, to_row, i, to_step), _loader(size))
                builder.store(builder.load(start), to)
        return context.get_dummy_value()

    return types.none(*[types.intp] * 9), build


def run(mode, step, begin, end, plan, memory, number):  # type: ignore[no-untyped-def]
    """Do what `mode` says to tasks or parts begin to end, in memory of the calling thread's own.

    Returns the step that comes next, for the mode BETWEEN.
    """
    kernel, statistic, parts = get(plan, KERNEL), get(plan, STATISTIC), get(plan, PARTS)
    item, vector, way = get(plan, ITEM), get(plan, VECTOR), get(plan, WAY)
    unit = memory if mode == WHOLE else get(plan, UNIT)
    slots = unit + 2 * JOB_BYTES + BEFORE * vector
    part_slots = unit + get(plan, PART_SLOTS) + BEFORE * vector
    stored = get(plan, STORED) != 0 and parts == 1
    # Columns that are gathered together, a vector of each at a time.
    group = max(get(plan, GATHERED), 1)
    target = 0
    for turn in range(begin * group, end * group):
        index, k = turn // group, turn % group
        o = index // get(plan, BLOCKS)
        block = (index - o * get(plan, BLOCKS)) * group + k
        first_row = o * get(plan, R_OUTER) + block * get(plan, R_BLOCK)
        width = get(plan, LAST_WIDTH) if index == get(plan, TASKS) - 1 else get(plan, WIDTH)
        if way == ACROSS_ROWS:
            width = min(get(plan, WIDTH), get(plan, R_OUTER) - block * get(plan, WIDTH))
            if width <= 0:
                continue
        if mode == WHOLE or step == PLACE:
            # Fill in the job, and the slots with what the rows are given.
            copy(unit, plan, JOB_FIELDS * 8)
            put(unit, SLOTS, slots)
            put(unit, ROUNDS, 0)
            shift = o * get(plan, X_OUTER) + block * get(plan, X_BLOCK)
            for n in range(X0, T + 1):
                put(unit, n, get(plan, n) + shift)
            put(unit, M, get(plan, M) + o * get(plan, M_OUTER) + block * get(plan, M_BLOCK))
            if way == ALONG:
                put(unit, ROWS, width)
            elif way != FOLDED:
                put(unit, ALIVE, width)
                put(unit, FULL, get(unit, COUNT) if width * item == vector else 0)
            for n in range(get(plan, ROW_INPUTS)):
                for fold in range(vector // (width * item) if way == FOLDED else 1):
                    to = slots + n * vector + fold * width * item
                    copy(to, get(plan, R0 + n) + first_row * item, width * item)
            step = TOTALS
            if statistic >= EXP_SUM:
                step = BOTH if statistic == EXP_SUM else MAXIMA
            if mode == BETWEEN:
                return step
        count, tile = get(unit, COUNT), memory + TILE
        if way == TRANSPOSED:
            for n in range(get(plan, INPUTS)):
                to, start = tile + n * count * vector, get(unit, X0 + n)
                move_rows(item, to, start, width, count, item, vector, count * item, item)
                put(unit, X0 + n, to)
            if get(plan, MASKED):
                to, start = tile + 2 * count * vector, get(unit, M)
                move_rows(1, to, start, width, count, 1, vector // item, get(plan, M_ROW), 1)
                put(unit, M, to)
            put(unit, OTHER, get(unit, Y))
            put(unit, Y, tile)
            put(unit, T, tile)
        wide = group * vector
        if get(plan, GATHERED) != 0:
            for n in range(get(plan, INPUTS)):
                to, start, step_in = tile + n * count * wide, get(unit, X0 + n), get(unit, STEP)
                if wide == width * item:
                    move_vectors(vector, to, start, count, step_in)
                elif k == 0:
                    left = (get(plan, R_OUTER) * (o + 1) - first_row) * item
                    for i in range(count):
                        copy(to + i * wide, start + i * step_in, min(wide, left))
                put(unit, X0 + n, to + k * vector)
            put(unit, STEP, wide)
            put(unit, T, tile + k * vector)
            put(unit, T_STEP, wide)
            if group > 1:
                target = get(unit, Y) - k * vector
                put(unit, Y, tile + k * vector)
                put(unit, Y_STEP, wide)
        while True:
            begin_part, end_part = (0, parts) if mode == WHOLE else (index, index + 1)
            if mode == BETWEEN or (step == TOTALS and statistic == NONE):
                end_part = begin_part
            for part in range(begin_part, end_part):
                job = unit
                if parts > 1:
                    job = memory + JOB_BYTES
                    copy(job, unit, JOB_FIELDS * 8)
                    first = part * get(plan, PART_STEPS)
                    stop = min(first + get(plan, PART_STEPS), count)
                    put(job, X0, get(unit, X0) + first * get(unit, STEP))
                    put(job, X1, get(unit, X1) + first * get(unit, STEP))
                    put(job, Y, get(unit, Y) + first * get(unit, Y_STEP))
                    put(job, M, get(unit, M) + first * get(unit, M_STEP))
                    put(job, COUNT, stop - first)
                    put(job, FULL, max(min(get(unit, FULL), stop) - first, 0))
                if step == RESULTS:
                    call_kernel(kernel, MAP_STORED if stored else MAP, job, number)
                    continue
                if parts > 1:
                    # Slots of its own: the inputs of the row, and in TOTALS the maximum and the value.
                    own = part_slots + part * PART_SLOT_COUNT * vector
                    put(job, SLOTS, own)
                    call_kernel(kernel, RESET, job, number)
                    copy(own, slots, (4 if step == TOTALS else 2) * vector)
                elif step != TOTALS or statistic == SUMS_ONLY:
                    call_kernel(kernel, RESET, job, number)
                if step != TOTALS:
                    call_kernel(kernel, PEAK, job, number)
                if step != MAXIMA:
                    call_kernel(kernel, STORE if stored else SUMS, job, number)
            if mode == SOME_PARTS or step == RESULTS:
                break
            if parts > 1:
                call_kernel(kernel, RESET, unit, number)
                for part in range(parts):
                    own = part_slots + part * PART_SLOT_COUNT * vector
                    put(unit, OTHER, own)
                    call_kernel(kernel, MERGE, unit, number)
            rises = False
            if statistic == SOLVE and step == TOTALS:
                put(unit, ROUNDS, get(unit, ROUNDS) + 1)
                rises = call_kernel(kernel, NEXT, unit, number) != 0
            if step == MAXIMA:
                call_kernel(kernel, START, unit, number)
                step = TOTALS
            elif not rises or get(unit, ROUNDS) == MOST_ROUNDS:
                call_kernel(kernel, FINISH, unit, number)
                for n in range(get(plan, ROW_OUTPUTS)):
                    start = slots + (FIRST_OUTPUT + n) * vector
                    copy(get(plan, S0 + n) + first_row * item, start, width * item)
                step = RESULTS if get(plan, OUTPUTS) else DONE
            if mode == BETWEEN or step == DONE:
                break
        if way == TRANSPOSED and get(plan, OUTPUTS):
            to = get(unit, OTHER)
            move_rows(item, to, tile, width, count, count * item, item, item, vector)
        last = k == group - 1 or (block + 1) * vector >= get(plan, R_OUTER) * item
        if group > 1 and last and get(plan, OUTPUTS):
            written = k * vector + width * item
            for i in range(count):
                copy(target + i * get(plan, Y_STEP), tile + i * wide, written)
    return step


def enter(address, tasks, plan, memory, number, x0, x1, y):  # type: ignore[no-untyped-def]
    """Complete the plan by the addresses of the arrays, and do the tasks. To ask for one in Python takes 1.3 us."""
    put(plan, X0, start_of(x0))
    put(plan, X1, start_of(x1))
    put(plan, Y, start_of(y))
    put(plan, T, start_of(y))
    call_run(address, WHOLE, PLACE, 0, tasks, plan, memory, number)


def piece(plan, k):  # type: ignore[no-untyped-def]
    """Do one of the pieces into which tasks, or parts, are divided. Each has memory that no other uses."""
    count, pieces = get(plan, COUNTED), get(plan, PIECES)
    begin, end = count * k // pieces, count * (k + 1) // pieces
    memory = get(plan, MEMORY) + k * get(plan, MEMORY_BYTES)
    number = get_number(plan, NUMBER)
    call_run(get(plan, RUN), get(plan, MODE), get(plan, PHASE), begin, end, plan, memory, number)
