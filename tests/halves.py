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

FLOATS = (*HALVES.values(), np.dtype(np.float32), np.dtype(np.float64))


def every(half: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return all 65,536 numbers of a 16-bit dtype."""
    return np.arange(1 << 16, dtype=np.uint16).view(half)


def rounded(values: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Round silently."""
    with np.errstate(all="ignore"):
        return values.astype(dtype)
