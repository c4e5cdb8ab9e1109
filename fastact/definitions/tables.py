"""Every declaration, by name: the tables of the kinds of functions."""

from __future__ import annotations

from .activations import TABLE as ACTIVATIONS
from .binary import BINARY
from .channels import CHANNELS
from .declaration import Declaration
from .gates import GATES
from .losses import LOSSES
from .rows import ROWS

__all__ = ["ACTIVATIONS", "BINARY", "CHANNELS", "ELEMENTWISE", "GATES", "LOSSES", "ROWS"]

#: All whose kernels go through arrays element by element.
ELEMENTWISE: dict[str, Declaration] = {**ACTIVATIONS, **BINARY, **GATES, **CHANNELS, **LOSSES}
