"""The gradients of a function of two arrays."""

from __future__ import annotations

from typing import Any

from ..calling import docs
from .base import Pass
from .elementwise import ElementwisePass

__all__ = ["OneGradient", "TwoGradients"]


class TwoGradients(ElementwisePass):
    """Base class of a pass that gives a gradient for each of two arrays."""

    @property
    def parts(self) -> tuple[OneGradient, ...]:
        """The passes that compute each gradient separately."""
        return OneGradient(self, 0), OneGradient(self, 1)


class OneGradient(Pass):
    """One of two gradients, for libraries that accept single-output ufuncs only (dask)."""

    def __init__(self, function: TwoGradients, place: int) -> None:
        self.arrays = function.arrays
        self._name(f"{function.__name__}_{place}", "forward")
        self._made_of = function, place

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute both gradients and return one."""
        function, place = self._made_of
        return function(*inputs, **options)[place]

    def __reduce__(self) -> tuple[Any, ...]:  # type: ignore[override]
        return OneGradient, self._made_of

    def _text(self) -> docs.Text:
        return self._made_of[0]._text()
