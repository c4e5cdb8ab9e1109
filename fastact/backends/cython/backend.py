"""The compiled backend: the loops of csrc/ for the best instruction set of this processor."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import threads
from ...variables import variable
from ..elements import ELEMENTS

if TYPE_CHECKING:
    from ._native import Kernel, RowKernel

name = "cython"

dtypes = frozenset(ELEMENTS)


def why_unavailable() -> str | None:
    """Say why the extension module cannot be used, or return None if it can."""
    try:
        import_module("._native", __package__)
        _isa()
    except ImportError as error:
        if reason := _build_failure():
            return f"the extension module was not built: {reason}"
        return f"the extension module was not built or does not load ({error})"
    except ValueError as error:
        return str(error)
    return None


def _build_failure() -> str | None:
    """Return why the last build made no extension: what setup.py has left in a file of that name."""
    try:
        with open(
            os.path.join(os.path.dirname(__file__), "not_built.txt"), encoding="utf-8"
        ) as file:
            return file.read().strip() or None
    except OSError:
        return None


def kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return the kernel of one pass of one function, for one of `dtypes`."""
    try:
        return kernels()[name, pass_, ELEMENTS[dtype.name]]
    except KeyError:
        raise KeyError(f"the cython backend has no kernel {name}, {pass_}, {dtype}") from None


def row_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> RowKernel:
    """Return the kernel of one pass of one row function, for one of `dtypes`."""
    try:
        return _row_kernels()[name, pass_, ELEMENTS[dtype.name]]
    except KeyError:
        raise KeyError(f"the cython backend has no row kernel {name}, {pass_}, {dtype}") from None


def convert(source: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> bool:
    """Copy a contiguous array of a 16-bit dtype to one of float32, or back; return whether it did."""
    from . import _native

    return bool(_native.convert(source, target))


def running_maximum(x: Any, carried: Any, maximum: Any, exponents: Any) -> None:
    """Fill the maximum up to each element of each row, and three arrays of exponents."""
    from . import _native

    _native.running_maximum(x, carried, maximum, exponents)


def recurrence(factor: Any, carried: Any, terms: Any) -> None:
    """Replace the terms t of each row by s with s[k] = factor[k]·s[k - 1] + t[k]."""
    from . import _native

    _native.recurrence(factor, carried, terms)


def describe() -> dict[str, str]:
    """Describe the instruction set in use and the others that this processor could run."""
    from ._native import available_isas

    isas, isa = available_isas(), _isa()
    others = ", ".join(other for other in isas if other != isa)
    failure = _build_failure()
    return {
        **({"last build": f"failed, an earlier one is in use: {failure}"} if failure else {}),
        "instruction set": f"{isa} ({isas[isa]})",
        "also built for this processor": others or "none",
        "threads": "own pool, started by the first large call",
    }


def _isa() -> str:
    from ._native import available_isas

    isas = available_isas()
    isa = variable("ISA")
    if isa is None:
        return next(iter(isas))
    if isa not in isas:
        raise ValueError(
            f"FASTACT_ISA={isa!r}: choose one of {', '.join(isas)} (all that this processor can run)"
        )
    return isa


@cache
def kernels() -> dict[tuple[str, str, str], Kernel]:
    """Return the kernels of the instruction set in use, by function, pass and element."""
    from . import _native

    table = _native.kernels(_isa())
    threads.on_change(_native.set_threads)
    return table


@cache
def _row_kernels() -> dict[tuple[str, str, str], RowKernel]:
    from . import _native

    threads.on_change(_native.set_threads)
    return _native.row_kernels(_isa())
