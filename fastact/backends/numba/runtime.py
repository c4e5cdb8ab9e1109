"""What the parts of the numba backend have in common: compiling, threads and the floating-point environment.

Numba is imported with the first kernel, not with this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from typing import Any, Final, cast

from ... import threads
from . import own
from .fork import compiling

__all__ = [
    "KERNELS",
    "compiling",
    "environment",
    "extension",
    "kernel_module",
    "machine_code",
    "pool",
    "sharer",
]

KERNELS: Final = own.KERNELS


def kernel_module(name: str, pass_: str, dtype: str) -> Any:
    """Return the emitted module that has the kernel of one pass of one function, in one type."""
    qualified = own.module_name(name, pass_, dtype)
    return own.module(qualified) or import_module(qualified)


@cache
def extension() -> Any:
    """Return the extension, if it is there: it calls kernels without Python, on threads of its own."""
    try:
        with compiling():
            found = import_module("...cython._native", __name__)
    except ImportError:
        return None
    threads.on_change(found.set_threads)
    return found


@cache
def environment() -> Callable[[], AbstractContextManager[None]]:
    """Return a context with the floating-point environment of kernels, for their calls from Python."""
    if (found := extension()) is not None:
        return cast(Callable[[], AbstractContextManager[None]], found.Environment)
    with compiling():
        from .environment import Environment
    return Environment


@cache
def pool() -> Any:
    """Return the module with the threads for where the extension is not there."""
    with compiling():
        from . import pool
    return pool


@cache
def sharer() -> Callable[[int, int, int, int], None]:
    """Return what does the pieces of a job on several threads, as pool.share does."""
    if (found := extension()) is not None:
        return lambda piece, context, pieces, count: found.share(piece, context, pieces)
    return cast(Callable[[int, int, int, int], None], pool().share)


def machine_code(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    returns: Any = None,
    nogil: bool = True,
) -> tuple[Callable[..., Any], int]:
    """Compile a function with `compile.machine_code`, which imports Numba."""
    with compiling():
        from .compile import machine_code

        return machine_code(function, arguments, returns, nogil)
