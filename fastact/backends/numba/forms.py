"""One form of one kernel, as it becomes part of another function that Numba compiles."""

from __future__ import annotations

from typing import Any, NamedTuple

from .arithmetic import TYPES

__all__ = ["KernelForm"]


class KernelForm(NamedTuple):
    """One form of one kernel.

    Attributes
    ----------
    name, pass_ : str
        The function and its pass.
    dtype : str
        "f32" or "f64".
    plain : bool
        Whether it is the form for the default parameters, where there is one.
    """

    name: str
    pass_: str
    dtype: str
    plain: bool

    @property
    def element(self) -> Any:
        """The Numba type of its elements."""
        return TYPES[self.dtype]

    @property
    def label(self) -> str:
        """What errors call it."""
        return self.name if self.pass_ == "forward" else f"{self.name}.{self.pass_}"

    @property
    def stem(self) -> str:
        """What names in the emitted module begin with."""
        return f"{self.pass_}_{self.dtype}"
