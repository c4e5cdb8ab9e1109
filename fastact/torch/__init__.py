"""fastact's functions for PyTorch: functions and modules of CPU tensors with gradients, under PyTorch's names.

``fastact.torch.gelu(x)`` is called like ``torch.nn.functional.gelu(x)``, ``fastact.torch.GELU()`` like
``torch.nn.GELU()``; ``replace(model)`` exchanges the modules of a model. Functions that PyTorch does not have are here
under their names in fastact. Tensors are float64, float32, float16 or bfloat16, dense and on the CPU; they are read and
written where they are. There are first derivatives only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    import torch
except ModuleNotFoundError as error:
    raise ImportError(
        "fastact.torch needs PyTorch, which is not installed: pip install torch"
    ) from error

from .functional import FUNCTIONS
from .modules import CLASSES, replace

del torch
globals().update(FUNCTIONS)
globals().update(CLASSES)
__all__ = ["replace", *sorted({**FUNCTIONS, **CLASSES})]

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
