"""Tensors as NumPy arrays of the same memory, and arrays as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..calling.dtypes import FLOAT_NAMES, Array

__all__ = ["arrays_of", "check", "is_plain", "shares_memory", "tensor_of"]

try:
    from ml_dtypes import bfloat16
except ImportError:  # then PyTorch converts to float32, and back with the same rounding
    _BFLOAT16 = None
else:
    _BFLOAT16 = np.dtype(bfloat16)

FLOATS = frozenset(getattr(torch, name) for name in FLOAT_NAMES)
_INDICES = frozenset((torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8))
_STRIDED = torch.strided
_PLAIN = frozenset((torch.Tensor, torch.nn.Parameter))


def is_plain(tensors: Sequence[Any]) -> bool:
    """Tell whether all are dense tensors in memory, or None: no fake ones, no subclasses."""
    for one in tensors:
        if one is None:
            continue
        if type(one) not in _PLAIN or not one.is_cpu or one.layout is not _STRIDED:
            return False
    return True


def check(
    label: str, names: Sequence[str], optional: Sequence[str], tensors: Sequence[Any]
) -> None:
    """Raise TypeError unless all are dense floating-point tensors of one dtype; a target may hold indices."""
    first = None
    for name, one in zip(names, tensors, strict=True):
        if one is None and name in optional:
            continue
        if not isinstance(one, torch.Tensor):
            raise TypeError(f"{label}(): {name} must be a torch.Tensor, not {type(one).__name__}")
        if one.layout is not _STRIDED or one.device.type not in ("cpu", "meta"):
            layout = str(one.layout).removeprefix("torch.")
            raise TypeError(
                f"{label}(): {name} is a {layout} tensor on {one.device}: expected a strided one on cpu"
            )
        if one.dtype in FLOATS and (first is None or one.dtype is first.dtype):
            first = one if first is None else first
        elif one.dtype in FLOATS and first is not None:
            raise TypeError(
                f"{label}(): {name} has dtype {one.dtype}, expected {first.dtype} as that of {names[0]}"
            )
        elif not (name == "target" and one.dtype in _INDICES):
            *known, last = FLOAT_NAMES
            raise TypeError(
                f"{label}(): {name} has dtype {one.dtype}, expected {', '.join(known)} or {last}"
            )


def arrays_of(tensors: Sequence[Any]) -> list[Any]:
    """Return the arrays of the tensors' memory; bfloat16 is copied to float32 where ml_dtypes is not installed."""
    return [None if one is None else _array(one) for one in tensors]


def _array(tensor: Any) -> Array:
    if tensor.requires_grad:
        tensor = tensor.detach()
    if tensor.dtype is torch.bfloat16:
        if _BFLOAT16 is None:
            return tensor.float().numpy()  # type: ignore[no-any-return]
        return tensor.view(torch.int16).numpy().view(_BFLOAT16)  # type: ignore[no-any-return]
    return tensor.numpy()  # type: ignore[no-any-return]


def shares_memory(tensor: Any) -> bool:
    """Tell whether `arrays_of` returns an array of the tensor's memory."""
    return tensor.dtype is not torch.bfloat16 or _BFLOAT16 is not None


def tensor_of(result: Any, dtype: Any) -> Any:
    """Return a tensor of `dtype` in the memory of an array of that dtype, or of a number."""
    if type(result) is not np.ndarray:
        result = np.asarray(result)
    if dtype is not torch.bfloat16:
        return torch.from_numpy(result)
    if result.dtype == _BFLOAT16:
        return torch.from_numpy(result.view(np.int16)).view(dtype)
    return torch.from_numpy(result).to(dtype)
