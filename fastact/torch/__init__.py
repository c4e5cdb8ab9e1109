"""fastact's functions for PyTorch: functions and modules of CPU tensors with gradients, under PyTorch's names.

``fastact.torch.gelu(x)`` is called like ``torch.nn.functional.gelu(x)``, ``fastact.torch.GELU()`` like
``torch.nn.GELU()``; ``replace(model)`` exchanges the modules of a model. Functions that PyTorch does not have are here
under their names in fastact. Tensors are float64, float32, float16 or bfloat16, dense and on the CPU; they are read and
written where they are. There are first derivatives only.
"""

from __future__ import annotations

from typing import Any

try:
    import torch
except ModuleNotFoundError as error:
    raise ImportError(
        "fastact.torch needs PyTorch, which is not installed: pip install torch"
    ) from error

from ..functions.pytorch import meant
from ..messages import suggestion
from .functional import FUNCTIONS, register_operators
from .modules import CLASSES, replace

del torch
globals().update(FUNCTIONS)
globals().update(CLASSES)
__all__ = ["register_operators", "replace", *sorted({**FUNCTIONS, **CLASSES})]


def __getattr__(name: str) -> Any:
    """Say what a wrong name may stand for: fastact's own, for example."""
    here = meant(name)
    hint = f"; did you mean {here!r}?" if here else suggestion(name, __all__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
