"""The supported floating dtypes: what each is computed in, and which of them a call returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

__all__ = [
    "FLOATS",
    "SUPPORTED",
    "Array",
    "DType",
    "computing",
    "is_ready",
    "loop_dtype",
]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
DType: TypeAlias = np.dtype[Any]

_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)

#: Character of a result's dtype -> the dtype that kernels compute it in.
_COMPUTED_IN: dict[str, DType] = {"e": _SINGLE, "f": _SINGLE, "d": _DOUBLE}

FLOATS = tuple(np.dtype(char) for char in _COMPUTED_IN)
SUPPORTED = f"the floating dtypes are {', '.join(str(dtype) for dtype in FLOATS)}"
_DIRECT = frozenset(char for char, dtype in _COMPUTED_IN.items() if dtype.char == char)


def computing(loop: DType) -> DType:
    """Return the dtype that kernels compute results of dtype `loop` in; they are rounded to it once."""
    return _COMPUTED_IN[loop.char]


def is_ready(array: Array, loop: DType) -> bool:
    """Tell whether a kernel takes the array unchanged, for a result of dtype `loop`.

    float16 has no kernels: it is converted on input and rounded on output.
    """
    return (
        array.dtype == loop
        and loop.char in _DIRECT
        and array.flags.c_contiguous
        and array.flags.aligned
    )


def loop_dtype(
    label: str, data: Sequence[Any], arrays: Sequence[Array], dtype: Any = None
) -> DType:
    """Return the floating dtype of the result, by NumPy's rules for ufuncs.

    Integers count as float64; Python numbers are weak: they adapt to the arrays.

    Parameters
    ----------
    data, arrays
        The operands as given, and as arrays.
    dtype : dtype, optional
        The dtype that the caller asked for.
    """
    if dtype is not None:
        wanted: DType = np.dtype(dtype).newbyteorder("=")
        if wanted not in FLOATS:
            raise TypeError(f"{label}() does not return dtype {wanted}: {SUPPORTED}")
        return wanted
    result: DType | None = None
    for value, array in zip(data, arrays, strict=True):
        if isinstance(value, (int, float)) and not isinstance(value, np.generic):
            continue
        one = array.dtype if array.dtype.kind == "f" else _DOUBLE
        if not one.isnative:  # tested first: a new dtype takes 0.2 us
            one = one.newbyteorder("=")
        result = one if result is None or result is one else np.promote_types(result, one)
    if result is None:
        return _DOUBLE
    if result not in FLOATS:
        raise TypeError(f"{label}() does not take dtype {result}: {SUPPORTED}")
    return result
