"""The dtypes that tests take: NumPy's floats, and bfloat16 where ml_dtypes is installed."""

from __future__ import annotations

from typing import Any

import numpy as np

HALVES: dict[str, np.dtype[Any]] = {"f16": np.dtype(np.float16)}
try:
    import ml_dtypes

    HALVES["bf16"] = np.dtype(ml_dtypes.bfloat16)
except ImportError:
    pass

#: What NumPy knows the floating dtypes by.
CHARS = ("e", "f", "d", *(["bfloat16"] if "bf16" in HALVES else []))


def every(half: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return all 65,536 numbers of a 16-bit dtype."""
    return np.arange(1 << 16, dtype=np.uint16).view(half)


def eps(dtype: Any) -> float:
    """Return the distance from 1 to the next number."""
    dtype = np.dtype(dtype)
    return 2.0**-7 if dtype.name == "bfloat16" else float(np.finfo(dtype).eps)


def promoted(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a sum; NumPy gives that of the two 16-bit ones when it adds, but not when it is asked."""
    return sum((np.ones(1, dtype) for dtype in dtypes[1:]), np.ones(1, dtypes[0])).dtype


def rounded(values: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Round silently."""
    with np.errstate(all="ignore"):
        return values.astype(dtype)
