"""The supported floating dtypes: what each is computed in, and which of them a call returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from ..messages import shown, suggestion

__all__ = [
    "FLOATS",
    "FLOAT_NAMES",
    "SUPPORTED",
    "Array",
    "DType",
    "computing",
    "is_floating",
    "is_ready",
    "is_real",
    "loop_dtype",
]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
DType: TypeAlias = np.dtype[Any]

_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)

#: Name of a result's dtype -> the dtype that kernels compute it in. bfloat16 is a type of ml_dtypes, which need not be
#: installed, and may be imported at any time: it is known by its name.
_COMPUTED_IN: dict[str, DType] = {
    "float16": _SINGLE,
    "bfloat16": _SINGLE,
    "float32": _SINGLE,
    "float64": _DOUBLE,
}

FLOAT_NAMES = tuple(_COMPUTED_IN)
#: Those that NumPy defines.
FLOATS = tuple(np.dtype(name) for name in FLOAT_NAMES if name != "bfloat16")
SUPPORTED = f"the floating dtypes are {', '.join(FLOAT_NAMES)}"

# To ask a dtype for its name takes 1 us.
_COMPUTED = {np.dtype(name): _COMPUTED_IN[name] for name in map(str, FLOATS)}


def is_floating(dtype: DType) -> bool:
    """Tell whether it is a floating dtype, NumPy's or bfloat16."""
    return dtype.kind == "f" or _is_bfloat16(dtype)


def is_real(dtype: DType) -> bool:
    """Tell whether it is a dtype of real numbers: floating, integer or bool."""
    return dtype.kind in "biuf" or _is_bfloat16(dtype)


def _is_bfloat16(dtype: DType) -> bool:
    return dtype.kind == "V" and dtype.name == "bfloat16"


def computing(loop: DType) -> DType:
    """Return the dtype that kernels compute results of dtype `loop` in; they are rounded to it once."""
    found = _COMPUTED.get(loop)
    return _COMPUTED_IN[loop.name] if found is None else found


def is_ready(array: Array, dtype: DType | None) -> bool:
    """Tell whether a kernel that takes arrays of `dtype` takes this one unchanged; None: it takes no unchanged ones."""
    return (
        dtype is not None
        and array.dtype == dtype
        and array.flags.c_contiguous
        and array.flags.aligned
    )


def loop_dtype(
    label: str, data: Sequence[Any], arrays: Sequence[Array], dtype: Any = None
) -> DType:
    """Return the floating dtype of the result, by NumPy's rules for ufuncs.

    Integers count as float64; Python numbers are weak: they adapt to the arrays. float16 and bfloat16
    promote to float32.

    Parameters
    ----------
    data, arrays
        The operands as given, and as arrays.
    dtype : dtype, optional
        The dtype that the caller asked for.
    """
    if dtype is not None:
        wanted = _read(label, dtype).newbyteorder("=")
        if not _is_supported(wanted):
            raise TypeError(f"{label}() does not return dtype {wanted}: {SUPPORTED}")
        return wanted
    result: DType | None = None
    for value, array in zip(data, arrays, strict=True):
        if isinstance(value, (int, float)) and not isinstance(value, np.generic):
            continue
        one = array.dtype if is_floating(array.dtype) else _DOUBLE
        if not one.isnative:  # tested first: a new dtype takes 0.2 us
            one = one.newbyteorder("=")
        result = one if result is None or result is one else _promoted(result, one)
    if result is None:
        return _DOUBLE
    if not _is_supported(result):
        raise TypeError(f"{label}() does not take dtype {result}: {SUPPORTED}")
    return result


def _read(label: str, dtype: Any) -> DType:
    try:
        found: DType = np.dtype(dtype)
    except (TypeError, ValueError):
        # NumPy knows the name bfloat16 once ml_dtypes has been imported.
        known = isinstance(dtype, str) and dtype in FLOAT_NAMES
        hint = "; import ml_dtypes first" if known else suggestion(dtype, FLOAT_NAMES)
        raise TypeError(f"{label}(): dtype={shown(dtype)}: {SUPPORTED}{hint}") from None
    return found


def _is_supported(dtype: DType) -> bool:
    return dtype in _COMPUTED or _is_bfloat16(dtype)


def _promoted(a: DType, b: DType) -> DType:
    """Return the dtype of the sum of arrays of two floating dtypes."""
    if a.itemsize == b.itemsize == 2 and a != b:  # which promote_types refuses
        return _SINGLE
    return np.promote_types(a, b)
