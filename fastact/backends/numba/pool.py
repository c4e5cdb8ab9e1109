"""The threads that share large calls where the extension, which has a thread pool in C, was not built.

Not Numba's: no threading layer of Numba's can be launched safely from a library. After ``omp`` was launched here, a
forked child is killed as soon as the user's code launches it there, and the process exits if the system refuses a
thread; ``workqueue`` aborts the process if the user's code is in a parallel loop on another thread. That code
cannot know of this package. ``parallel=True`` would also add 0.4-0.9 s of compilation for each signature.

So these are Python threads that stay in code compiled without it, :func:`serve`, and never take Python's lock again.
That polls for work for as long as another call is likely to follow; then the thread sleeps on a semaphore. The caller
takes part and never waits for a thread that has not arrived: if none can be started, it does everything.

The scheme is that of csrc/pool.c. A job consists of pieces. One call at a time uses the pool; a second caller does all
its pieces itself. Each participant begins with a contiguous range of pieces, the same from call to call, so that arrays
that fit stay in that core's cache, and then takes pieces from the ranges of the others.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import signal
from typing import Final

import numpy as np
from numba.core import types

from . import system
from .compile import machine_code
from .environment import enter
from .llvm import step_returning
from .system import give_way, leave, post, this_cpu, wait
from .words import add, call_piece, get, pause, put, replace

__all__ = ["AT", "BUSY", "SHARE_OUT", "STATE", "WORDS", "gather", "share"]

# The pool is memory of 64-bit words, of which the first are for system.py. Between words that different threads
# write lie two cache lines, because processors prefetch lines in pairs.
_SPACING: Final = 16
# The state: generation (from bit 32 on), participants (from bit 17 on), whether the job is open, threads inside. A
# thread may read the job only while it is counted inside, and the caller changes it only when none is.
STATE, BUSY, _JOB = _SPACING, 2 * _SPACING, 3 * _SPACING
_PIECE, _CONTEXT, _CPU = range(_JOB, _JOB + 3)
_OPEN: Final = 1 << 16
_INSIDE: Final = _OPEN - 1
# For each participant, of which 0 is the caller: its next piece, the end of its range; whether it sleeps, its semaphore
# and memory for that; the sets of processors of `leave`.
_NEXT, _END = 4 * _SPACING, 4 * _SPACING + 1
_ASLEEP, _SEMAPHORE, _MEMORY = (5 * _SPACING + k for k in (0, 1, 2))
_MASKS: Final = 6 * _SPACING
_EACH: Final = 2 * _SPACING + 3 * system.MASK
# More threads are not started, so that 80 KiB of memory are enough.
_MOST: Final = 128
_WORDS: Final = _NEXT + _MOST * _EACH
# About 50 us, as in csrc/pool.c: a sleeping thread takes 50 to 100 us to arrive, in a virtual machine.
_LOOKS: Final = 2000
_LOOKS_PER_CPU, _LOOKS_BEFORE_YIELD = 32, 4096


@step_returning(types.none)
def work(pool, me, participants):  # type: ignore[no-untyped-def]
    """Do pieces until none is left: first from the range of participant `me`, then from the others'."""
    for k in range(participants):
        victim = (me + k) % participants * _EACH
        while True:
            piece = add(pool, _NEXT + victim, 1)
            if piece >= get(pool, _END + victim):
                break
            call_piece(get(pool, _PIECE), get(pool, _CONTEXT), piece)


@step_returning(types.none)
def wake_next(pool, me, participants):  # type: ignore[no-untyped-def]
    """Wake two other participants, each of which wakes two more."""
    for k in range(2 * me + 1, min(2 * me + 3, participants)):
        if get(pool, _ASLEEP + k * _EACH) and replace(pool, _ASLEEP + k * _EACH, 1, 0):
            post(pool, get(pool, _SEMAPHORE + k * _EACH))


def share_out(pool, piece, context, pieces, participants):  # type: ignore[no-untyped-def]
    """Do a job, together with the threads that poll for work unless another call uses them."""
    if participants < 2 or not replace(pool, BUSY, 0, 1):
        for k in range(pieces):
            call_piece(piece, context, k)
        return
    put(pool, _PIECE, piece)
    put(pool, _CONTEXT, context)
    put(pool, _CPU, this_cpu(pool))
    for k in range(participants):
        put(pool, _NEXT + k * _EACH, pieces * k // participants)
        put(pool, _END + k * _EACH, pieces * (k + 1) // participants)
    generation = ((get(pool, STATE) >> 32) + 1) & 0x7FFFFFFF
    put(pool, STATE, generation << 32 | participants << 17 | _OPEN)
    wake_next(pool, 0, participants)
    work(pool, 0, participants)
    add(pool, STATE, -_OPEN)
    looks = 0
    while get(pool, STATE) & _INSIDE:
        looks += 1
        if looks < _LOOKS_BEFORE_YIELD:
            pause()
        else:
            give_way(pool)
    put(pool, BUSY, 0)


@step_returning(types.boolean)
def is_for(me, now, seen):  # type: ignore[no-untyped-def]
    """Tell whether a state is that of a job for a participant, other than the one it saw last."""
    return (now & _OPEN) != 0 and now >> 32 != seen and me < now >> 17 & 0x7FFF


@step_returning(types.none)
def sleep(pool, me, seen):  # type: ignore[no-untyped-def]
    """Wait until a caller wakes this thread, unless a job has come in between."""
    place = _ASLEEP + me * _EACH
    put(pool, place, 1)
    if not (is_for(me, get(pool, STATE), seen) and replace(pool, place, 1, 0)):
        wait(pool, get(pool, _SEMAPHORE + me * _EACH))


def serve(pool, me):  # type: ignore[no-untyped-def]
    """Take part in jobs for ever.

    If the last caller runs on the same processor, where this thread would only slow it down, it moves to another; if
    none has come for a while, or it cannot move, it sleeps.
    """
    looks, seen = 0, -1
    while True:
        now = get(pool, STATE)
        looks += 1
        if is_for(me, now, seen):
            if replace(pool, STATE, now, now + 1):
                seen = now >> 32
                wake_next(pool, me, now >> 17 & 0x7FFF)
                work(pool, me, now >> 17 & 0x7FFF)
                add(pool, STATE, -1)
                looks = 0
        elif looks > _LOOKS or (looks % _LOOKS_PER_CPU == 0 and in_the_way(pool, me)):
            sleep(pool, me, seen)
            looks = 0
        else:
            pause()


@step_returning(types.boolean)
def in_the_way(pool, me):  # type: ignore[no-untyped-def]
    """Tell whether this thread is on the last caller's processor and cannot leave it."""
    cpu = this_cpu(pool)
    if cpu < 0 or cpu != get(pool, _CPU):
        return False
    return not leave(pool, pool + 8 * (_MASKS + me * _EACH), cpu)


class _Pool:
    """The shared memory, and how many threads there are: the k-th is participant k."""

    def __init__(self) -> None:
        memory = np.zeros(_WORDS + _SPACING, np.int64)
        # Threads read it for as long as the process lives, longer than this module.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))
        first = -memory.ctypes.data % (8 * _SPACING) // 8
        self.words = memory[first : first + _WORDS]
        self.at = self.words.ctypes.data
        self.share_out, self.address = machine_code(share_out, [types.intp] * 5)
        self.serve, _ = machine_code(serve, [types.intp] * 2)
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Forget all threads: a forked child has none of its parent's."""
        self.words[:] = 0
        system.write_functions(self.words)
        self.started = self.wanted = 1
        self.starting = _thread.allocate_lock()

    def gather(self, count: int) -> int:
        """Start threads so that `count` can take part, the caller included, and return how many may."""
        if count > self.wanted and self.starting.acquire(blocking=False):
            try:
                self._start(count)
            finally:
                self.starting.release()
        return min(count, self.started)

    def _start(self, count: int) -> None:
        # After one refusal by the system, no more are asked for. threading.Thread does not do: its start() waits for
        # ever if the thread runs out of memory before it signals that it has started.
        self.wanted = count
        for k in range(self.started, min(count, _MOST)):
            semaphore = system.new_semaphore(self.at + 8 * (_MEMORY + k * _EACH))
            self.words[_SEMAPHORE + k * _EACH] = semaphore
            try:
                if semaphore:
                    _thread.start_new_thread(self._run, (k,))
            except (RuntimeError, MemoryError):
                semaphore = 0
            if not semaphore:
                return
            self.started = k + 1

    def _run(self, me: int) -> None:
        if hasattr(signal, "pthread_sigmask"):  # Ctrl-C must reach the main thread
            signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
        enter()  # a thread begins with the environment of the one that made it
        self.serve(self.at, me)


_pool: Final = _Pool()
gather: Final = _pool.gather
SHARE_OUT: Final = _pool.address
AT: Final = _pool.at
WORDS: Final = _pool.words


def share(piece: int, context: int, pieces: int, count: int) -> None:
    """Do a job on at most `count` threads.

    Parameters
    ----------
    piece : int
        The address, in Numba's calling convention, of a compiled function of the context and the number of a piece.
    context : int
        What it is given, such as the address of what all pieces have in common.
    pieces : int
        How many there are.
    count : int
        How many threads may take part, the caller included.
    """
    _pool.share_out(AT, piece, context, pieces, gather(count))
