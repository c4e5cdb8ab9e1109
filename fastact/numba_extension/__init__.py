"""What lets users' own ``@njit`` code call the functions: Numba asks for `init` when it first compiles.

kinds.py has the types of functions, calls.py and row_calls.py read the arguments of a call, lowering.py, arrays.py and
rows.py write its code; stamp.py keeps stale code out of Numba's cache.
"""

from __future__ import annotations

__all__ = ["init"]


def init() -> None:
    """Make the functions known to Numba: the entry point of the group ``numba_extensions``."""
    from . import kinds  # noqa: F401 -- it registers their types, and what their calls need with the first call
