"""Compiling with Numba's disk cache, and without it where it cannot be had."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from numba import njit, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.serialize import dumps


def compiled(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    parallel: bool = False,
    returns: Any = types.none,
) -> Any:
    """Return Numba's compile result for `function`, from the disk cache if it is there.

    Parameters
    ----------
    function : callable
        A plain function of a real file: the cache is keyed by file, name and line.
    arguments : sequence of numba types
        The types of its arguments.
    parallel : bool
        Whether its `prange` loops run on Numba's threads. One function is compiled either with or
        without: Numba's cache does not tell the two apart.
    returns : numba type
        What it returns.
    """
    key = tuple(arguments)
    cache = _cache(function)
    # Twice, because a damaged index or data file fails the first time and is then thrown away. Two
    # processes that fill the cache of one function for different signatures can leave an index that
    # leads to the other's code, hence the look at what was loaded. A full disk fails when all is
    # compiled.
    for _ in range(2 if cache else 0):
        dispatcher = _dispatcher(function, parallel)
        dispatcher._cache = cache
        with contextlib.suppress(Exception):
            dispatcher.compile(returns(*key))
        if key in dispatcher.overloads:
            return dispatcher.overloads[key]
        with contextlib.suppress(OSError):
            cache.flush()
    dispatcher = _dispatcher(function, parallel)
    dispatcher.compile(returns(*key))
    return dispatcher.overloads[key]


def address(result: Any) -> int:
    """Return the address of a compile result's function, in Numba's own calling convention."""
    return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))


def cache_folder(function: Callable[..., Any]) -> str | None:
    """Return where the compiled `function` is kept, or None if nothing can be written."""
    cache = _cache(function)
    return None if cache is None else str(cache.cache_path)


def _dispatcher(function: Callable[..., Any], parallel: bool) -> Any:
    return njit(error_model="numpy", nogil=True, boundscheck=False, parallel=parallel)(function)


def _cache(function: Callable[..., Any]) -> Any:
    try:
        return _CheckedCache(function)
    except RuntimeError:  # neither the folder of the function's file nor the user's can be written
        return None


class _Checked(CompileResultCacheImpl):  # type: ignore[misc]
    """What a data file holds: the machine code and its digest.

    Numba maps whatever it reads. Of 40 files with one bit flipped, four killed the process and one
    gave wrong numbers.
    """

    def reduce(self, result: Any) -> tuple[bytes, bytes]:
        data = dumps(super().reduce(result))
        return hashlib.sha256(data).digest(), data

    def rebuild(self, target_context: Any, reduced: tuple[bytes, bytes]) -> Any:
        digest, data = reduced
        if hashlib.sha256(data).digest() != digest:
            raise ValueError("the cache file is damaged")
        return super().rebuild(target_context, pickle.loads(data))


class _CheckedCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache of one function, with the digest looked at."""

    _impl_class = _Checked
