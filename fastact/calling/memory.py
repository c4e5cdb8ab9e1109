"""Memory that the operands of a call share: what has to be copied before it is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["check_distinct", "without_overlap"]

Array = np.ndarray[Any, np.dtype[Any]]


def without_overlap(outs: Sequence[Array | None], operands: Sequence[Any]) -> list[Any]:
    """Return the operands, as copies where writing one of `outs` may change what is yet to be read.

    Not copied is an array whose elements lie where those of the out do: each is read before it is
    written. What is no array is returned as it is.
    """
    read = list(operands)
    for out in outs:
        if out is not None:
            for place, operand in enumerate(read):
                if isinstance(operand, np.ndarray) and _clashes(operand, out):
                    read[place] = _copy(operand)
    return read


def check_distinct(label: str, first: Any, second: Any) -> None:
    """Raise if both outs of a call are arrays and share memory."""
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray) and _share(first, second):
        raise ValueError(f"{label}(): out[0] and out[1] share memory")


def _copy(array: Array) -> Array:
    """Copy an array; one that was broadcast stays so, and takes no more memory than before."""
    if 0 not in array.strides:
        return array.copy("K")
    held = tuple(slice(None) if stride else slice(1) for stride in array.strides)
    return np.broadcast_to(array[(*held, ...)].copy("K"), array.shape)


def _clashes(array: Array, out: Array) -> bool:
    if not np.may_share_memory(array, out):
        return False
    if array.shape == out.shape and array.strides == out.strides:
        same_place = array.__array_interface__["data"][0] == out.__array_interface__["data"][0]
        if same_place and array.itemsize == out.itemsize:
            return False
    return _share(array, out)


def _share(a: Array, b: Array) -> bool:
    try:
        # Interleaved views (x[::2] and x[1::2]) are told apart within this much work.
        return np.shares_memory(a, b, max_work=1000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
