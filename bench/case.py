"""One computation that is compared, and its name."""

from __future__ import annotations

import math
from dataclasses import dataclass

from peers import Key

#: What an axis is called in the name of a case -> the axis.
AXES = {"": -1, "last": -1, "first": 0}


@dataclass(frozen=True)
class Case:
    """A pass of a function on numbers of a dtype, in an array of a shape and along one of its axes.

    Its name is function-pass-dtype-shape-axis, such as softmax-vjp-float32-256x4096-last. Where the
    axis means nothing it is left out: gelu-forward-float32-262144.
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
