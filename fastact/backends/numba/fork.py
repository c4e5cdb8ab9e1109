"""Forks wait for imports and compilations of other threads, which a forked child could not finish.

In the child the locks of Numba's compiler, of llvmlite or of a module would stay locked by a thread that it does not
have. Replacing them there would not help: LLVM and Numba's tables stay as they were in the middle of a compilation. So
a fork waits until no other thread imports or compiles, which takes about a second. That holds for the user's
compilations too, since they take the same locks.
"""

from __future__ import annotations

import logging  # noqa: F401 -- see _before
import os
import sys
import threading
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from operator import attrgetter
from typing import Any, Final, cast

__all__ = ["compiling"]

# Seconds to wait. A thread that holds a lock for longer may be waiting for the thread that forks.
PATIENCE: Final = 60
_PACKAGES: Final = (__name__.partition(".")[0], "numba", "llvmlite")
# In the order in which Numba takes them.
_LOCKS: Final = (
    ("numba.core.compiler_lock", attrgetter("global_compiler_lock._lock")),
    ("llvmlite.binding.ffi", attrgetter("lib._lock._lock")),
)


class _Fork(threading.local):
    """The locks that this thread holds while it forks, and whether it got them all."""

    def __init__(self) -> None:
        self.held: list[Any] = []
        self.complete = True


class _Process:
    """Whether this process was forked in the middle of a compilation all the same."""

    orphaned = False


_fork = _Fork()
_process = _Process()


def compiling() -> AbstractContextManager[object]:
    """Return a context for imports of what needs Numba and for compilations: a fork waits for its end."""
    if _process.orphaned:
        raise RuntimeError(
            "the numba backend cannot compile here: this process was forked while another thread compiled with Numba, "
            f"for more than {PATIENCE} s"
        )
    # All of Numba first, which waits for a thread that is importing it: that thread may need the lock.
    import numba  # noqa: F401
    from numba.core.compiler_lock import global_compiler_lock

    return cast(AbstractContextManager[object], global_compiler_lock)


def _before() -> None:
    # Hooks run in reverse order of registration. That of `logging` must run after this one, because it takes a lock
    # that an import of Numba needs: hence the import of `logging` above.
    _fork.complete = False
    waited_for: set[str] = set()
    while True:
        names = _being_imported() - waited_for
        for name in names:
            with suppress(Exception):
                import_module(name)  # returns when the thread that has begun is done
        waited_for |= names
        if not _acquire_all():
            return
        if _being_imported() <= waited_for:
            break
        _release_all()  # who imports may have to compile
    _fork.complete = True


def _being_imported() -> set[str]:
    """Return the names of the modules of this package and of Numba whose import has not ended."""
    return {
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in _PACKAGES
        and getattr(getattr(module, "__spec__", None), "_initializing", False)
    }


def _acquire_all() -> bool:
    for module, lock_of in _LOCKS:
        with suppress(KeyError, AttributeError):  # Numba is not imported, or another version
            lock = lock_of(sys.modules[module])
            if not lock.acquire(timeout=PATIENCE):
                return False
            _fork.held.append(lock)
    return True


def _release_all() -> None:
    while _fork.held:
        _fork.held.pop().release()


def _after_in_child() -> None:
    _process.orphaned = _process.orphaned or not _fork.complete
    _release_all()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_release_all, after_in_child=_after_in_child
    )
