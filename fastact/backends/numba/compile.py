"""Compiling with a disk cache, and without it where it cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

from numba import njit, types

from . import cache
from .fork import compiling


def compiled(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    returns: Any = types.none,
    nogil: bool = True,
) -> Any:
    """Return Numba's compile result for `function`, from the disk cache if it is there.

    Parameters
    ----------
    function : callable
        A function of a module, with a name of its own there: the disk cache does not look into its closure.
    arguments : sequence of numba types
        The types of its arguments.
    returns : numba type
        What it returns.
    nogil : bool
        Whether a call from Python releases its lock.
    """
    made = dispatcher(function, nogil)
    with suppress(OSError):  # no cache folder: compiled anew in each process
        made._cache = cache.DiskCache(function, made.targetoptions)
    made.compile(returns(*arguments))
    return made.overloads[tuple(arguments)]


def address(result: Any) -> int:
    """Return the address of a compile result's function, in Numba's own calling convention."""
    return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))


def machine_code(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    returns: Any = None,
    nogil: bool = True,
) -> tuple[Callable[..., Any], int]:
    """Compile a function, which returns None or a Numba type.

    Returns what calls it from Python, and its address in Numba's calling convention. The code stays
    where it is as long as the process lives.
    """
    with compiling():
        result = compiled(function, arguments, returns=returns or types.none, nogil=nogil)
        return cast(Callable[..., Any], result.entry_point), address(result)


def cache_folder() -> str:
    """Return where compiled code is kept, or "none" and why it cannot be."""
    try:
        return str(cache.folder())
    except OSError as error:
        return f"none: {error}"


def dispatcher(function: Callable[..., Any], nogil: bool = True) -> Any:
    """Return what compiles a function, with the options of all that is compiled here."""
    return njit(error_model="numpy", nogil=nogil, boundscheck=False)(function)
