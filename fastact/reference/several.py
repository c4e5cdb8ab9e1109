"""The functions of several arrays, evaluated from their definitions: what the kernels are checked against.

Evaluated in NumPy float64, which is the `numpy` backend, or in mpmath with 60 digits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arithmetic import FLOAT64, exact_arithmetic
from .binary import BINARY
from .channels import CHANNELS
from .gates import GATES
from .losses import LOSSES

#: Name -> definition, which has a method for each pass.
TABLE: dict[str, Any] = {**BINARY, **GATES, **CHANNELS, **LOSSES}


def evaluate(name: str, pass_: str, *inputs: Any) -> tuple[Any, ...]:
    """Return the outputs of a pass in float64, all inputs broadcast."""
    arguments = (np.asarray(a, dtype=np.float64) for a in inputs)
    with np.errstate(all="ignore"):
        return tuple(getattr(TABLE[name], pass_)(FLOAT64, *arguments))


def exact(name: str, pass_: str, *inputs: float) -> tuple[Any, ...]:
    """Return the same for one element as mpmath numbers of 60 digits; what is not finite as `evaluate` does."""
    m = exact_arithmetic()
    if not all(map(math.isfinite, inputs)):
        return tuple(m.context.mpf(float(value)) for value in evaluate(name, pass_, *inputs))
    arguments = (m.context.mpf(a) for a in inputs)
    return tuple(m.context.mpf(value) for value in getattr(TABLE[name], pass_)(m, *arguments))
