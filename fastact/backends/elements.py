"""The element types of the compiled kernels: what their arrays hold, and what they compute in."""

from __future__ import annotations

from typing import Final

__all__ = ["COMPUTED", "ELEMENTS"]

#: Name of a dtype -> what kernels call it.
ELEMENTS: Final = {"float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16"}
#: The type that kernels of each compute in.
COMPUTED: Final = {"f64": "f64", "f32": "f32", "f16": "f32", "bf16": "f32"}
