"""Passes with their parameters filled in: what another library's arrays are given to call."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..calling import docs
from .base import Pass

if TYPE_CHECKING:
    from .elementwise import Elementwise, ElementwisePass

__all__ = ["BoundFunction", "BoundPass", "as_ufunc"]


class BoundPass(Pass):
    """A pass with its scalar parameters filled in and its array parameters as further inputs.

    It is passed to the ``__array_ufunc__`` of another library's arrays: a ufunc takes arrays, and an
    array parameter must be aligned or chunked together with the data. The dtype is filled in too,
    since dask does not pass it on.
    """

    def __init__(
        self,
        function: ElementwisePass,
        scalars: dict[str, float],
        arrays: tuple[str, ...],
        dtype: Any,
    ) -> None:
        self.arrays = (*function.arrays, *arrays)
        self.nout = function.nout
        self._name(function.owner.__qualname__, function.pass_)
        self._made_of = function, scalars, arrays, dtype

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute from the data, followed by the array parameters."""
        function, scalars, names, dtype = self._made_of
        arrays = dict(zip(names, inputs[function.nin :], strict=True))
        options.setdefault("dtype", dtype)
        return function(*inputs[: function.nin], **scalars, **arrays, **options)

    def __repr__(self) -> str:
        _, scalars, arrays, _ = self._made_of
        shown = ", ".join(f"{name}={value!r}" for name, value in scalars.items())
        return f"<fastact.{self.__qualname__} with {shown or ', '.join(arrays)}>"

    def __reduce__(self) -> tuple[Any, ...]:  # type: ignore[override]
        return BoundPass, self._made_of

    @property
    def parts(self) -> tuple[BoundPass, ...]:
        """The passes that compute each output separately."""
        function, *bound = self._made_of
        return tuple(BoundPass(part, *bound) for part in function.parts)

    def _signature(self) -> inspect.Signature:
        shown = self._made_of[0]._signature().parameters
        options = [shown[name] for name in ("out", "where", "dtype")]
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature(
            [*(inspect.Parameter(name, kind) for name in self.arrays), *options]
        )

    def _text(self) -> docs.Text:
        found, shown = self._made_of[0]._text(), self._signature().parameters
        kept = {name: text for name, text in found.arguments.items() if name in shown}
        return found.replaced(arguments=kept)


class BoundFunction(BoundPass):
    """A function with parameters filled in, and its other passes as attributes."""

    family = "bound"

    def __init__(self, function: Elementwise, scalars: dict[str, float]) -> None:
        super().__init__(function, scalars, (), None)
        for name, one in function.passes.items():
            if name != "forward":
                setattr(self, name, BoundPass(one, scalars, (), None))

    def __reduce__(self) -> tuple[Any, ...]:  # type: ignore[override]
        return BoundFunction, self._made_of[:2]


def as_ufunc(
    function: ElementwisePass, data: tuple[Any, ...], params: Mapping[str, Any], dtype: Any
) -> tuple[ElementwisePass | BoundPass, tuple[Any, ...]]:
    """Return a callable that takes arrays only, and those arrays."""
    if not params and dtype is None:
        return function, data
    scalars = {name: value for name, value in params.items() if type(value) is float}
    arrays = {name: value for name, value in params.items() if name not in scalars}
    return BoundPass(function, scalars, tuple(arrays), dtype), (*data, *arrays.values())
