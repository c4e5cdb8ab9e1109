"""The threads that share large calls where the extension, which has a thread pool in C, was not built.

Not Numba's: no threading layer of Numba's can be launched safely from a library. After ``omp`` was launched here, a
forked child is killed as soon as the user's code launches it there, and the process exits if the system refuses a
thread; ``workqueue`` aborts the process if the user's code is in a parallel loop on another thread. That code
cannot know of this package. ``parallel=True`` would also add 0.4-0.9 s of compilation for each signature.

So these are Python threads that run code compiled without it. :func:`serve` polls for work, with the GIL released, for
as long as another call is likely to follow; then the thread sleeps on a Python lock. The caller takes part and never
waits for a thread that has not arrived: if none can be started, it does everything.

The scheme is that of csrc/pool.c. A job consists of pieces. One call at a time uses the pool; a second caller does all
its pieces itself. Each participant begins with a contiguous range of pieces, the same from call to call, so that arrays
that fit stay in that core's cache, and then takes pieces from the ranges of the others.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import platform
import signal
from contextlib import suppress
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import types

from .compile import machine_code
from .environment import enter
from .llvm import call_compiled, call_llvm, intrinsic, step_returning

__all__ = ["AT", "BUSY", "SHARE_OUT", "STATE", "WORDS", "gather", "share"]

# The pool is memory of 64-bit words. Between words that different threads write lie two cache lines, because processors
# prefetch lines in pairs.
_SPACING: Final = 16
# The state: generation (from bit 32 on), participants (from bit 17 on), whether the job is open, threads inside. A
# thread may read the job only while it is counted inside, and the caller changes it only when none is.
STATE, BUSY, _JOB = 0, _SPACING, 2 * _SPACING
_PIECE, _CONTEXT, _YIELD, _WHICH_CPU, _CPU = range(_JOB, _JOB + 5)
_OPEN: Final = 1 << 16
_INSIDE: Final = _OPEN - 1
# For each participant, of which 0 is the caller: its next piece, the end of its range, whether it sleeps.
_NEXT, _END, _ASLEEP = 3 * _SPACING, 3 * _SPACING + 1, 4 * _SPACING
_EACH: Final = 2 * _SPACING
# More threads are not started, so that 32 KiB of memory are enough.
_MOST: Final = 128
_CAN_LEAVE: Final = hasattr(os, "sched_setaffinity")
_WORDS: Final = _NEXT + _MOST * _EACH
# About 50 us, as in csrc/pool.c: a sleeping thread takes 50 to 100 us to arrive, in a virtual machine.
_LOOKS: Final = 2000
_LOOKS_PER_CPU, _LOOKS_BEFORE_YIELD = 32, 4096


def _pointer(builder: Any, pool: Any, index: Any) -> Any:
    words = builder.inttoptr(pool, ir.IntType(64).as_pointer())
    return builder.gep(words, [index])


@intrinsic
def get(typingctx: Any, pool: Any, index: Any) -> Any:
    """Return a word, and see what was written before it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(builder, *args), "seq_cst", 8)

    return types.intp(types.intp, types.intp), build


@intrinsic
def put(typingctx: Any, pool: Any, index: Any, value: Any) -> Any:
    """Set a word, after all that was written before it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[2], _pointer(builder, *args[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.none(types.intp, types.intp, types.intp), build


@intrinsic
def add(typingctx: Any, pool: Any, index: Any, value: Any) -> Any:
    """Add to a word and return what it was."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(builder, *args[:2]), args[2], "seq_cst")

    return types.intp(types.intp, types.intp, types.intp), build


@intrinsic
def replace(typingctx: Any, pool: Any, index: Any, old: Any, new: Any) -> Any:
    """Set a word if it is the old one, and tell whether it was."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = _pointer(builder, *args[:2])
        return builder.extract_value(builder.cmpxchg(word, *args[2:], "seq_cst"), 1)

    return types.boolean(types.intp, types.intp, types.intp, types.intp), build


@intrinsic
def call_piece(typingctx: Any, piece: Any, context_: Any, k: Any) -> Any:
    """Call a compiled function of the job's context and the number of the piece."""
    kinds = (types.intp, types.intp)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        call_compiled(context, builder, args[0], kinds, args[1:])
        return context.get_dummy_value()

    return types.none(types.intp, *kinds), build


@intrinsic
def call_system(typingctx: Any, function: Any) -> Any:
    """Call a function of the system that takes nothing and returns an int."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), ())
        result = builder.call(builder.inttoptr(args[0], kind.as_pointer()), ())
        return builder.sext(result, args[0].type)

    return types.intp(types.intp), build


@intrinsic
def pause(typingctx: Any) -> Any:
    """Leave the core to its other hardware thread for a moment."""
    machine = platform.machine().lower()

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if machine in ("x86_64", "amd64"):
            call_llvm(builder, "llvm.x86.sse2.pause", ir.VoidType())
        elif machine in ("aarch64", "arm64"):
            call_llvm(builder, "llvm.aarch64.hint", ir.VoidType(), ir.IntType(32)(1))
        return context.get_dummy_value()

    return types.none(), build


@step_returning(types.intp)
def this_cpu(pool):  # type: ignore[no-untyped-def]
    """Return the number of the processor that runs this, or -1."""
    function = get(pool, _WHICH_CPU)
    return call_system(function) if function else -1


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
    work(pool, 0, participants)
    add(pool, STATE, -_OPEN)
    looks = 0
    while get(pool, STATE) & _INSIDE:
        looks += 1
        if looks < _LOOKS_BEFORE_YIELD:
            pause()
        else:
            call_system(get(pool, _YIELD))
    put(pool, BUSY, 0)


def serve(pool, me, may_leave):  # type: ignore[no-untyped-def]
    """Take part in jobs until none has come for a while; return -1 then.

    If the last caller runs on the same processor, where this thread would only slow it down, return the number of that
    processor at once.
    """
    looks, seen = 0, -1
    while looks < _LOOKS:
        now = get(pool, STATE)
        if now & _OPEN and now >> 32 != seen and me < now >> 17 & 0x7FFF:
            if replace(pool, STATE, now, now + 1):
                seen = now >> 32
                work(pool, me, now >> 17 & 0x7FFF)
                add(pool, STATE, -1)
                looks = 0
        elif may_leave and looks % _LOOKS_PER_CPU == 0 and this_cpu(pool) == get(pool, _CPU):
            return get(pool, _CPU)
        else:
            pause()
        looks += 1
    put(pool, _ASLEEP + me * _EACH, 1)
    return -1


class _Pool:
    """The shared memory, and the locks on which the threads sleep: the k-th is for participant k + 1."""

    def __init__(self) -> None:
        memory = np.zeros(_WORDS + _SPACING, np.int64)
        first = -memory.ctypes.data % (8 * _SPACING) // 8
        self.words = memory[first : first + _WORDS]
        self.at = self.words.ctypes.data
        self.words[_YIELD] = _address_of("SwitchToThread" if os.name == "nt" else "sched_yield")
        self.words[_WHICH_CPU] = _address_of("sched_getcpu") if _CAN_LEAVE else 0
        self.share_out, self.address = machine_code(share_out, [types.intp] * 5)
        self.serve, _ = machine_code(serve, [types.intp] * 3, types.intp)
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Forget all threads: a forked child has none of its parent's."""
        self.words[STATE] = self.words[BUSY] = self.words[_ASLEEP::_EACH] = 0
        self.sleepers: list[Any] = []
        self.wanted = 1
        self.starting = _thread.allocate_lock()

    def gather(self, count: int) -> int:
        """Start and wake threads so that `count` can take part, and return how many may."""
        if count > self.wanted and self.starting.acquire(blocking=False):
            try:
                self._start(count)
            finally:
                self.starting.release()
        participants = min(count, len(self.sleepers) + 1)
        for k in range(1, participants):
            if self.words[_ASLEEP + k * _EACH]:
                self.words[_ASLEEP + k * _EACH] = 0
                with suppress(RuntimeError):  # another caller has done it in between
                    self.sleepers[k - 1].release()
        return participants

    def _start(self, count: int) -> None:
        # After one refusal by the system, no more are asked for. threading.Thread does not do: its start() waits for
        # ever if the thread runs out of memory before it signals that it has started.
        self.wanted = count
        for k in range(len(self.sleepers) + 1, min(count, _MOST)):
            sleeper = _thread.allocate_lock()
            sleeper.acquire()
            try:
                _thread.start_new_thread(self._run, (k, sleeper))
            except (RuntimeError, MemoryError):
                return
            self.sleepers.append(sleeper)

    def _run(self, me: int, sleeper: Any) -> None:
        if hasattr(signal, "pthread_sigmask"):  # Ctrl-C must reach the main thread
            signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
        enter()  # a thread begins with the environment of the one that made it
        may_leave, chosen = _CAN_LEAVE, set[int]()
        while True:
            cpu = self.serve(self.at, me, may_leave)
            if cpu < 0:
                sleeper.acquire()
                may_leave = _CAN_LEAVE
            else:
                left = _leave(cpu, chosen)
                may_leave, chosen = left is not None, left or chosen


def _leave(cpu: int, chosen: set[int]) -> set[int] | None:
    """Restrict this thread to the other processors that the main thread may use; return those, or None on failure.

    The system tends to wake a thread on its waker's processor. relu of 262,144 float32 on two threads: 30 us (as one
    thread) to 98, and 21 with this. A thread that was placed from outside (taskset) stays.
    """
    try:
        now, allowed = os.sched_getaffinity(0), os.sched_getaffinity(os.getpid())
        if now not in (allowed, chosen) or not allowed - {cpu}:
            return None
        os.sched_setaffinity(0, allowed - {cpu})
    except OSError:
        return None
    return allowed - {cpu}


def _address_of(name: str) -> int:
    """Return the address of a function of the system, or 0."""
    library = ctypes.CDLL("kernel32" if os.name == "nt" else None)
    function: Any = getattr(library, name, None)
    return ctypes.cast(function, ctypes.c_void_p).value or 0


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
