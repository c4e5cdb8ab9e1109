"""What the threads of the pool ask of the system, in compiled code: none of it needs Python's lock.

A thread that took that lock when it woke, or to change its affinity, could lose its processor to another program while
it held it, and the caller then waited for both. relu of 131,072 float32 beside two busy programs on two processors,
time on two threads over that on one: 0.96 to 1.25, and 0.89 to 0.96 without the lock (test_beside_busy_programs).
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

from numba.core import types

from .llvm import step_returning
from .words import call_system, get, put

__all__ = [
    "MASK",
    "give_way",
    "leave",
    "new_semaphore",
    "post",
    "this_cpu",
    "wait",
    "write_functions",
]

_WINDOWS: Final = os.name == "nt"
# Words of a set of processors: 1,024 of them, the most that Linux' C libraries have.
MASK: Final = 16
# The first words of the pool: addresses of functions, and the process's number.
_YIELD, _WHICH_CPU, _WAIT, _POST, _GET_AFFINITY, _SET_AFFINITY, _PROCESS = range(7)


def _library() -> Any:
    return ctypes.CDLL("kernel32" if _WINDOWS else None)


def _address_of(name: str) -> int:
    """Return the address of a function of the system, or 0."""
    function: Any = getattr(_library(), name, None)
    return ctypes.cast(function, ctypes.c_void_p).value or 0


# By kind of system: what makes, awaits and posts a semaphore. macOS has no unnamed ones of POSIX.
_KINDS: Final = {
    "windows": ("CreateSemaphoreW", "WaitForSingleObject", "ReleaseSemaphore"),
    "dispatch": (
        "dispatch_semaphore_create",
        "dispatch_semaphore_wait",
        "dispatch_semaphore_signal",
    ),
    "posix": ("sem_init", "sem_wait", "sem_post"),
}
_KIND: Final = next((kind for kind, names in _KINDS.items() if all(map(_address_of, names))), "")


def write_functions(words: Any) -> None:
    """Write what the functions below read."""
    can_leave = hasattr(os, "sched_setaffinity")
    words[_YIELD] = _address_of("SwitchToThread" if _WINDOWS else "sched_yield")
    words[_WHICH_CPU] = _address_of("sched_getcpu") if can_leave else 0
    if _KIND:
        words[_WAIT], words[_POST] = map(_address_of, _KINDS[_KIND][1:])
    words[_GET_AFFINITY] = _address_of("sched_getaffinity") if can_leave else 0
    words[_SET_AFFINITY] = _address_of("sched_setaffinity") if can_leave else 0
    words[_PROCESS] = os.getpid()


def new_semaphore(memory: int) -> int:
    """Return a new semaphore of value 0, in 32 bytes of memory if it needs any; 0 on failure."""
    if not _KIND:
        return 0
    create = getattr(_library(), _KINDS[_KIND][0])
    if _KIND == "posix":
        return 0 if create(ctypes.c_void_p(memory), 0, 0) else memory
    create.restype = ctypes.c_void_p
    most = ctypes.c_long(1 << 30)
    given = (None, 0, most, None) if _KIND == "windows" else (ctypes.c_ssize_t(0),)
    return create(*given) or 0


@step_returning(types.none)
def wait(system, semaphore):  # type: ignore[no-untyped-def]
    """Wait for a semaphore, for as long as it takes; a signal may end that."""
    call_system(get(system, _WAIT), semaphore, -1, 0)


@step_returning(types.none)
def post(system, semaphore):  # type: ignore[no-untyped-def]
    """Let one thread pass that waits for a semaphore."""
    call_system(get(system, _POST), semaphore, 1, 0)


@step_returning(types.none)
def give_way(system):  # type: ignore[no-untyped-def]
    """Let other threads use the processor for a moment."""
    call_system(get(system, _YIELD), 0, 0, 0)


@step_returning(types.intp)
def this_cpu(system):  # type: ignore[no-untyped-def]
    """Return the number of the processor that runs this, or -1."""
    function = get(system, _WHICH_CPU)
    return call_system(function, 0, 0, 0) if function else -1


@step_returning(types.boolean)
def leave(system, masks, cpu):  # type: ignore[no-untyped-def]
    """Restrict this thread to the other processors that the main thread may use; return whether that was done.

    The system tends to wake a thread on its waker's processor. relu of 262,144 float32 on two threads: 30 us (as one
    thread) to 98, and 21 with this. A thread that was placed from outside (taskset) stays. `masks` points to three
    sets of processors of this thread: what it chose last, what it may use, what the main thread may.
    """
    chosen, now, allowed = masks, masks + 8 * MASK, masks + 16 * MASK
    if cpu >= 64 * MASK or get(system, _SET_AFFINITY) == 0:
        return False
    ask = get(system, _GET_AFFINITY)
    if call_system(ask, 0, 8 * MASK, now) or call_system(
        ask, get(system, _PROCESS), 8 * MASK, allowed
    ):
        return False
    from_outside, still_chosen, left = False, True, False
    for k in range(MASK):
        from_outside |= get(now, k) != get(allowed, k)
        still_chosen &= get(now, k) == get(chosen, k)
    if from_outside and not still_chosen:
        return False
    put(allowed, cpu >> 6, get(allowed, cpu >> 6) & ~(1 << (cpu & 63)))
    for k in range(MASK):
        left |= get(allowed, k) != 0
    if not left or call_system(get(system, _SET_AFFINITY), 0, 8 * MASK, allowed):
        return False
    for k in range(MASK):
        put(chosen, k, get(allowed, k))
    return True
