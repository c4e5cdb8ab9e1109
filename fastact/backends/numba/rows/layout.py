"""How rows lie in memory, as the compiled functions are told: jobs, plans and their fields.

A *tile* is some rows that are computed together. What is known of its rows stands in its *slots*: vectors with a lane
for each row, numbered as in definitions/declaration.py. Its *steps* are the vectors that its rows consist of. How
elements stand in them depends on the layout:

ALONG
    the axis is the last one; a vector holds elements of one row, and the rows of a tile are done one after the other.
TRANSPOSED
    the axis is the last one, and so short that the rows are first transposed into the scratch buffer.
ACROSS
    other axes follow; a vector holds one element of each row. A tile is one or several vectors wide, each with slots of
    its own, and goes down the axis a chunk of steps at a time: what is adjacent in memory is read together.
FOLDED
    so little follows the axis that a vector holds several elements of each row.

A *task* is one tile. Long rows are divided into *parts*; how many depends on the shape alone, and their results are
combined in order, so that results do not depend on the number of threads. Of a row that is not in memory as a whole,
parts.py has some of these parts at a time, or a *piece* of one.

A kernel is compiled for the layout ALONG or for the others, whichever is needed.
"""

from __future__ import annotations

from typing import Final

import numpy as np

ALONG, TRANSPOSED, ACROSS, FOLDED = range(4)

# The phases of a kernel.
MAXIMUM, SUM, MERGE, START, NEXT, FINISH, MAP, MAP_STORED, FUSED = range(9)

# The steps of a task. It begins with MAXIMA where an equation is solved with several TOTALS, with BOTH where a maximum
# and sums are all, with TOTALS where sums are, and with NOTHING where the output depends on nothing else. AT_ONCE takes
# the place of TOTALS and what follows where a kernel `fuses` them: ALONG, in one part.
MAXIMA, TOTALS, BOTH, NOTHING, RESULTS, AT_ONCE, DONE = range(7)
FIRST_STEPS: Final = {"none": NOTHING, "sums": TOTALS, "exp_sum": BOTH, "solve": MAXIMA}

# What `tasks.run` does: whole tasks, or of one task the beginning, some parts of a step, the end of that step.
WHOLE, BEGIN, SOME_PARTS, END = range(4)

# The slots have the low parts of the sums before them and the row outputs after. A part has those up to the sums.
FIRST_LOW: Final = -2
FIRST_OUTPUT: Final = 16
SLOTS_BEFORE, SLOT_COUNT, PART_SLOT_COUNT = 2, 20, 8
# The slots that a part begins with: row inputs, maximum, value.
GIVEN_SLOTS: Final = 4


def _integers(names: str) -> list[tuple[str, type]]:
    return [(name, np.int64) for name in names.split()]


# What a phase is given. Addresses, and distances in bytes.
_JOB: Final = [
    # inputs, output, stored terms, mask
    *_integers("x0 x1 y t m"),
    # from step to step
    *_integers("x_step y_step t_step m_step"),
    # ALONG from row to row, ACROSS from one vector to the next
    *_integers("x_row y_row t_row m_row"),
    # rows, or vectors, that are done one after the other, and how many of these are whole; steps, how many of these are
    # whole, and how many are done at a time; lanes of vectors that are not whole
    *_integers("rows whole_rows steps whole_steps chunk lanes_left"),
    # unless ALONG: lanes k and k + FOLD belong to the same row
    *_integers("fold"),
    # the slots, how many vectors have some, the distance from those of one to the next, which is 0 ALONG; whether terms
    # are stored, the parts and the slots of the first of them
    *_integers("slots slot_rows slot_row storing parts part_slots"),
    # whether maxima and sums go on from those in the slots
    *_integers("begun"),
    ("param", np.float64),
    # for tasks.py: the first row, how many there are, how often sums were taken to solve an equation
    *_integers("first_row width rounds"),
]

# What all tasks of a call have in common. It begins with a job, that of the first task.
_PLAN: Final = [
    *_JOB,
    # the kernel and how many operands of each kind it has
    *_integers("kernel inputs row_inputs outputs row_outputs masked layout first_step solves"),
    # bytes of an element in memory and of a value of a row; of a vector of elements in memory
    *_integers("item value vector"),
    # tasks for each index before the axis, tiles of each; rows of a tile, and for each index before the axis
    *_integers("blocks tile_rows outer_rows"),
    # from tile to tile, and from index to index before the axis, of arrays and mask
    *_integers("x_tile m_tile x_outer m_outer"),
    # row inputs and row outputs
    *_integers("r0 r1 s0 s1"),
    # steps of a part, where slots of parts are in the memory, the memory of a task that threads share
    *_integers("part_steps part_slots_at shared"),
    # for `tasks.piece`: the address of `tasks.run` and its arguments, how many tasks or parts there are in how many
    # pieces, the memory of the first piece, and how many bytes each has
    *_integers("run mode step count pieces memory memory_bytes"),
]

JOB: Final = np.dtype(_JOB)
PLAN: Final = np.dtype(_PLAN)

# A thread's memory: the job of a task, that of a part, the slots of up to 128 bytes each, then the scratch buffer.
JOB_BYTES: Final = -(-JOB.itemsize // 128) * 128
TILE: Final = 2 * JOB_BYTES + SLOT_COUNT * 128
