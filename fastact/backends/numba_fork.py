"""The lock of Numba's compiler, for imports of what needs Numba and for compilations."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

__all__ = ["compiling"]


def compiling() -> AbstractContextManager[object]:
    """Return a context for imports of what needs Numba and for compilations: one thread at a time is in it."""
    from numba.core.compiler_lock import global_compiler_lock

    return cast(AbstractContextManager[object], global_compiler_lock)
