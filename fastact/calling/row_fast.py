"""The short way for rows: plain contiguous float32 or float64 arrays go straight to the kernel.

As in `_contiguous`, every function here either does the whole job or returns None and has touched
nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.registry import active
from .fast import MAX_SIZE, RowKernelTable, alike, fits
from .row_arguments import split

__all__ = ["one_to_one", "one_to_row", "two_to_one"]

Array = np.ndarray[Any, np.dtype[Any]]

_ndarray = np.ndarray
_empty = np.empty


def one_to_one(table: RowKernelTable, x: Any, axis: Any, out: Any, temperature: float) -> Any:
    """Compute an output of x's shape."""
    if type(x) is not _ndarray or not x.flags.carray or x.size > MAX_SIZE:
        return None
    kernel = table[active()][x.dtype]
    shape = split(x.shape, axis)
    if kernel is None or shape is None:
        return None
    if out is None:
        out = _empty(x.shape, x.dtype)
    elif not fits(out, x):
        return None
    kernel(x.reshape(shape), out.reshape(shape), None, temperature)
    return out


def two_to_one(
    table: RowKernelTable, g: Any, y: Any, axis: Any, out: Any, temperature: float
) -> Any:
    """Compute an output from two inputs of its shape."""
    if type(y) is not _ndarray or not y.flags.carray or y.size > MAX_SIZE or not alike(g, y):
        return None
    kernel = table[active()][y.dtype]
    shape = split(y.shape, axis)
    if kernel is None or shape is None:
        return None
    if out is None:
        out = _empty(y.shape, y.dtype)
    elif not (fits(out, y) and fits(out, g)):
        return None
    kernel(g.reshape(shape), y.reshape(shape), out.reshape(shape), None, temperature)
    return out


def one_to_row(table: RowKernelTable, x: Any, axis: Any, temperature: float) -> Any:
    """Compute one number for each row."""
    if type(x) is not _ndarray or not x.flags.carray or x.size > MAX_SIZE or not x.ndim:
        return None
    kernel = table[active()][x.dtype]
    shape = split((x.size,), 0) if axis is None else split(x.shape, axis)
    if kernel is None or shape is None:
        return None
    rows = _empty((shape[0], shape[2]), x.dtype)
    kernel(x.reshape(shape), rows, None, temperature)
    if axis is None or x.ndim == 1:
        return rows[0, 0]
    axis %= x.ndim
    return rows.reshape(x.shape[:axis] + x.shape[axis + 1 :])
