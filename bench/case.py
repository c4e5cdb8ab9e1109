"""One compared computation and its name."""

from __future__ import annotations

import math
from dataclasses import dataclass

from peers import Key

#: Axis in the name of a case -> axis.
AXES = {"": -1, "last": -1, "first": 0}


@dataclass(frozen=True)
class Case:
    """A pass of a function for a dtype, a shape and an axis.

    Its name is function-pass-dtype-shape-axis, such as softmax-vjp-float32-256x4096-last, without the
    axis for elementwise functions: gelu-forward-float32-262144.
    """

    function: str
    pass_: str
    dtype: str
    shape: tuple[int, ...]
    axis: str = ""

    def __str__(self) -> str:
        return f"{self.function}-{self.pass_}-{self.dtype}-{self.layout}"

    @classmethod
    def parse(cls, text: str) -> Case:
        function, pass_, dtype, shape, *axis = text.split("-")
        return cls(function, pass_, dtype, tuple(map(int, shape.split("x"))), *axis)

    @property
    def key(self) -> Key:
        return self.function, self.pass_

    @property
    def layout(self) -> str:
        shape = "x".join(map(str, self.shape))
        return f"{shape}-{self.axis}" if self.axis else shape

    @property
    def size(self) -> int:
        return math.prod(self.shape)
