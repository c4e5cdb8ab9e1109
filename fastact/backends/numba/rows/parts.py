"""One row that is not in memory: parts of it are loaded into buffers, one after the other, and go through the phases.

Its parts are those of a row in memory and are combined in the same order, so that it has the same bits. Here it lies
FOLDED, as one row of which a vector has all lanes: where a part is longer than the buffers, its maximum and sums stay
vectors, in its slots, from one piece of it to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .. import runtime
from ..arithmetic import VECTOR
from . import layout
from .plan import LAID_OUT, PART_SLOT_BYTES, address, aligned, laid_out, runner

__all__ = ["BUFFER_BYTES", "LoadedRow"]

#: Bytes of a buffer, for the elements as they are computed: what the protocol of backends says.
BUFFER_BYTES: Final = 1 << 18

# The phases that the parts go through in a step.
_PHASES: Final = {
    layout.MAXIMA: (layout.MAXIMUM,),
    layout.TOTALS: (layout.SUM,),
    layout.BOTH: (layout.MAXIMUM, layout.SUM),
    layout.NOTHING: (),
}

Move = Callable[[int, int, int], object]


class LoadedRow:
    """A call of a kernel for one row.

    Parameters
    ----------
    kernel : dict of str to int
        The fields of a plan in layout.py that describe the kernel.
    phases : callable
        The kernel as it was compiled.
    length : int
        The elements of the row.
    addresses : dict of str to int
        Where the operands are, by the names of their fields in a plan: buffers, and values of the row.
    param : float
        The parameter.
    """

    def __init__(
        self,
        kernel: dict[str, int],
        phases: Callable[[int, int], int],
        length: int,
        addresses: dict[str, int],
        param: float,
    ) -> None:
        self._phases, self._length = phases, length
        self._lanes = VECTOR // kernel["value"]
        shape = 1, length, 1
        found = laid_out(*shape, kernel["item"], kernel["value"], False)
        fields = kernel | dict(zip(LAID_OUT, found, strict=True)) | addresses
        self._steps, self._part = fields["steps"], fields["part_steps"]
        # Steps of the buffers; of whole parts that fit them, or else of one part.
        self._size = BUFFER_BYTES // VECTOR
        self._group = max(1, self._size // self._part) * self._part
        slots = self._group // self._part * PART_SLOT_BYTES
        self._memory, start = aligned(layout.TILE + slots)
        self._offset = start - address(self._memory)
        # To what runs whole tasks, the row is one part: it does not combine any.
        fields |= {"layout": layout.FOLDED, "fold": 1, "parts": 1, "storing": 0}
        fields |= {"part_slots_at": layout.TILE, "shared": start}
        values = tuple(fields.get(name, 0) for name in layout.PLAN.names or ())
        self._plan: Any = np.array(values, layout.PLAN)
        self._plan["param"] = param
        self._task, self._piece = self._job_at(start), self._job_at(start + layout.JOB_BYTES)

    def run(self, load: Move, store: Move) -> None:
        """Compute; ``load(begin, end, at)`` puts elements at a place of the buffers, `store` fetches results."""
        step = self._between(layout.BEGIN, layout.NOTHING)
        while step != layout.DONE:
            if step == layout.RESULTS:
                self._results(load, store)
            else:
                self._totals(_PHASES[step], load)
            step = self._between(layout.END, step)

    def _between(self, mode: int, step: int) -> int:
        """Do what comes before the first step or after a step; return the next one."""
        with runtime.environment()():
            return runner()[0](mode, step, 0, 1, address(self._plan), int(self._plan["shared"]))

    def _totals(self, phases: tuple[int, ...], load: Move) -> None:
        """Run the phases of a step, and combine the parts."""
        for begin in range(0, self._steps, self._group) if phases else ():
            end = min(begin + self._group, self._steps)
            parts = -(-(end - begin) // self._part)
            for part in range(parts):
                self._give_slots(part)
            for phase in phases:
                for at in range(begin, end, self._size):
                    stop = min(at + self._size, end)
                    if phase == phases[0] or end - begin > self._size:
                        self._move(load, at, stop)
                    for first in range(at, stop, self._part):
                        last = min(first + self._part, stop)
                        self._aim(at, first, last)
                        ends = last % self._part == 0 or last == self._steps
                        part = (first - begin) // self._part
                        self._piece["slots"] = self._task["part_slots"] + part * PART_SLOT_BYTES
                        self._piece["begun"] = first % self._part != 0
                        self._piece["fold"] = 1 if ends else self._lanes
                        self._run(phase, self._piece)
            self._task["parts"], self._task["begun"] = parts, begin > 0
            self._run(layout.MERGE, self._task)

    def _results(self, load: Move, store: Move) -> None:
        for at in range(0, self._steps, self._size):
            stop = min(at + self._size, self._steps)
            self._move(load, at, stop)
            self._aim(at, at, stop)
            self._run(layout.MAP, self._piece)
            self._move(store, at, stop)

    def _move(self, move: Move, begin: int, end: int) -> None:
        """Load or store some steps."""
        move(begin * self._lanes, min(end * self._lanes, self._length), 0)

    def _aim(self, at: int, begin: int, end: int) -> None:
        """Make the job of some steps, where the buffers begin with step `at`."""
        task, piece = self._task, self._piece
        piece[...] = task
        for array in ("x0", "x1", "y", "m"):
            step = task[f"{array[0]}_step"]
            piece[array] = task[array] + (begin - at) * step
        piece["steps"] = piece["chunk"] = end - begin
        piece["whole_steps"] = max(0, min(int(task["whole_steps"]), end) - begin)

    def _give_slots(self, part: int) -> None:
        """Copy the values of the row that a part begins with."""
        before, size = layout.SLOTS_BEFORE * VECTOR, layout.GIVEN_SLOTS * VECTOR
        source = self._offset + 2 * layout.JOB_BYTES + before
        target = self._offset + layout.TILE + before + part * PART_SLOT_BYTES
        self._memory[target : target + size] = self._memory[source : source + size]

    def _run(self, phase: int, job: Any) -> None:
        with runtime.environment()():
            self._phases(phase, address(job))

    def _job_at(self, start: int) -> Any:
        """Return the job at an address in the memory."""
        offset = start - address(self._memory)
        job: Any = self._memory[offset : offset + layout.JOB.itemsize].view(layout.JOB)
        return job.reshape(())
