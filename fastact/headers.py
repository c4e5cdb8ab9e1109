"""Where the C headers are, for users' own C, C++ and Cython code."""

from __future__ import annotations

from pathlib import Path

__all__ = ["get_include", "operations"]


def get_include() -> str:
    """Return the folder of the C headers, for the compiler's ``-I`` or ``include_dirs`` of an extension.

    ``fastact.h`` in it includes all functions, ``fastact/gelu.h`` those of gelu. Cython code needs the folder, too:
    ``cimport fastact.api``.

    Returns
    -------
    str
        The folder.

    Examples
    --------
    >>> import os
    >>> import fastact as fa
    >>> "arrays.h" in os.listdir(os.path.join(fa.get_include(), "fastact"))
    True
    """
    return str(Path(__file__).with_name("include"))


def operations() -> str:
    """Return the text of the header that all functions include."""
    path = Path(get_include()) / "fastact" / "operations.h"
    return path.read_text(encoding="utf-8")
