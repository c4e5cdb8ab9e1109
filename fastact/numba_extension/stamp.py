"""What keeps stale code out of Numba's cache, which does not see that imported code has changed."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from typing import Any

from .._version import __version__
from ..backends.numba import cache as disk_cache

__all__ = ["mark"]


class Stale(OSError):
    """Cached code was made from other kernels. Numba takes an OSError for a missing file and compiles again."""


class Stamp:
    """What cached code carries: it can be loaded only where the kernels are those that the code was made from.

    Numba keeps it with the functions that are to be called when the code is loaded.
    """

    def __init__(self, module: str, digest: str) -> None:
        self._content = module, digest

    def __call__(self) -> None:
        """Do nothing: that it could be loaded is enough."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded, self._content


def mark(context: Any, module: str) -> None:
    """Let code that is being compiled carry a stamp, and all code that it becomes a part of.

    Parameters
    ----------
    context : numba.core.base.BaseContext
        What compiles it.
    module : str
        The name of the emitted module that it was made from.
    """
    stamp, library = _stamp(module), context.active_code_library
    if hasattr(library, "_reload_init"):
        library._reload_init.add(stamp)
    else:  # before Numba 0.64, whose cache does not have the constants of a parallel loop
        context.environment.consts.append(stamp)


@cache
def _stamp(module: str) -> Stamp:
    return Stamp(module, _digest(module))


def _loaded(module: str, digest: str) -> Stamp:
    if digest != _digest(module):
        raise Stale(f"{module} is not what the code was made from")
    return _stamp(module)


@cache
def _digest(module: str) -> str:
    """Return the digest of the version and of the sources; of the version alone where there are no sources."""
    parts = [__version__]
    with suppress(OSError):
        parts += [disk_cache._sources(), disk_cache._source(module)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
