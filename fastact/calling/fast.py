"""The short way: plain contiguous float32 or float64 arrays go straight to the kernel.

Every function here either does the whole job or returns None and has touched nothing; the caller
then takes the general way. All of them ask `flags.carray`, which is "aligned, writeable and
C-contiguous" in one attribute: 0.05 us instead of three times that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.registry import Backend, Kernel, active, row_kernel

Array = np.ndarray[Any, np.dtype[Any]]
Parameters = tuple[float | Array, ...]

# A kernel may not see Ctrl-C before it returns. At 10 ns an element, slow functions on one thread,
# this many take 0.17 s.
MAX_SIZE = 1 << 24

_ndarray = np.ndarray
_may_share_memory = np.may_share_memory
_empty = np.empty


class BoundKernels(dict[np.dtype[Any], Kernel | None]):
    """The kernels of one pass of one function in one backend, by dtype, bound when first needed."""

    def __init__(self, backend: Backend, name: str, pass_: str) -> None:
        super().__init__()
        self._origin = backend, name, pass_

    def __missing__(self, dtype: np.dtype[Any]) -> Kernel | None:
        if dtype.char not in "fd" or not dtype.isnative:
            return None
        return self.setdefault(dtype, self._bind(*self._origin, np.dtype(dtype.char)))

    @staticmethod
    def _bind(backend: Backend, name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
        return backend.kernel(name, pass_, dtype)


class BoundRowKernels(BoundKernels):
    """The same for a row function."""

    @staticmethod
    def _bind(backend: Backend, name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
        return row_kernel(backend, name, pass_, dtype)


class KernelTable(dict[Backend, BoundKernels]):
    """The kernels of one pass of one function, by backend."""

    _bound: type[BoundKernels] = BoundKernels

    def __init__(self, name: str, pass_: str) -> None:
        super().__init__()
        self._origin = name, pass_

    def __missing__(self, backend: Backend) -> BoundKernels:
        return self.setdefault(backend, self._bound(backend, *self._origin))


class RowKernelTable(KernelTable):
    """The same for a row function."""

    _bound = BoundRowKernels


def one_to_one(table: KernelTable, arrays: tuple[Any], out: Any, params: Parameters) -> Any:
    """Compute one output from one input."""
    (x,) = arrays
    if type(x) is not _ndarray or not x.flags.carray or not x.ndim or x.size > MAX_SIZE:
        return None
    kernel = table[active()][x.dtype]
    if kernel is None:
        return None
    if out is None:
        out = _empty(x.shape, x.dtype)
    elif not fits(out, x):
        return None
    if x.ndim == 1:
        kernel(x, out, *params)
    else:
        kernel(x.reshape(-1), out.reshape(-1), *params)
    return out


def two_to_one(table: KernelTable, arrays: tuple[Any, Any], out: Any, params: Parameters) -> Any:
    """Compute one output from two inputs of the same shape and dtype."""
    g, x = arrays
    if type(x) is not _ndarray or not x.flags.carray or not x.ndim or x.size > MAX_SIZE:
        return None
    kernel = table[active()][x.dtype]
    if kernel is None or not alike(g, x):
        return None
    if out is None:
        out = _empty(x.shape, x.dtype)
    elif not (fits(out, x) and fits(out, g)):
        return None
    if x.ndim == 1:
        kernel(g, x, out, *params)
    else:
        kernel(g.reshape(-1), x.reshape(-1), out.reshape(-1), *params)
    return out


def one_to_two(table: KernelTable, arrays: tuple[Any], out: Any, params: Parameters) -> Any:
    """Compute two outputs from one input."""
    (x,) = arrays
    if type(x) is not _ndarray or not x.flags.carray or not x.ndim or x.size > MAX_SIZE:
        return None
    kernel = table[active()][x.dtype]
    if kernel is None:
        return None
    if out is None:
        out = _empty(x.shape, x.dtype), _empty(x.shape, x.dtype)
    elif type(out) is not tuple or len(out) != 2:
        return None
    else:
        y, dy = out
        if not (fits(y, x) and fits(dy, x)) or dy is y or _may_share_memory(y, dy):
            return None
    y, dy = out
    if x.ndim == 1:
        kernel(x, y, dy, *params)
    else:
        kernel(x.reshape(-1), y.reshape(-1), dy.reshape(-1), *params)
    return out


def from_several(
    n_out: int,
    table: KernelTable,
    arrays: tuple[Any, ...],
    out: Any,
    params: Parameters,
) -> Any:
    """Compute one or two outputs from inputs of the same shape and dtype."""
    x = arrays[-1]
    if type(x) is not _ndarray or not x.flags.carray or not x.ndim or x.size > MAX_SIZE:
        return None
    kernel = table[active()][x.dtype]
    if kernel is None or not all(alike(array, x) for array in arrays[:-1]):
        return None
    outs = (out,) if n_out == 1 else out
    if out is None:
        outs = tuple(_empty(x.shape, x.dtype) for _ in range(n_out))
    elif type(outs) is not tuple or len(outs) != n_out or not _fit_all(outs, arrays):
        return None
    kernel(*(array.reshape(-1) for array in (*arrays, *outs)), *params)
    return outs[0] if n_out == 1 else outs


def _fit_all(outs: tuple[Any, ...], arrays: tuple[Any, ...]) -> bool:
    if not all(fits(out, array) for out in outs for array in arrays):
        return False
    return len(outs) == 1 or not _may_share_memory(*outs)


def alike(a: Any, b: Array) -> bool:
    """Tell whether `a` is a plain array like `b`, ready for a kernel."""
    return (
        type(a) is _ndarray and a.dtype == b.dtype and a.shape == b.shape and bool(a.flags.carray)
    )


def fits(out: Any, x: Array) -> bool:
    """Tell whether `out` is like `x` and is `x` itself or memory of its own."""
    if out is x:
        return True
    if not alike(out, x):
        return False
    # Two arrays that each own their memory cannot overlap: 0.1 us instead of 0.3.
    return (out.flags.owndata and x.flags.owndata) or not _may_share_memory(out, x)
