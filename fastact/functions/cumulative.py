"""logcumsumexp: the logarithm of the sum of exp(x) up to each element of a row."""

from __future__ import annotations

from typing import Any, Never

from ..backends.protocol import Kernel
from ..calling import arguments, docs
from ..calling.dtypes import DType, computing
from ..calling.fast import KernelTable
from . import cumulative_steps
from .base import named
from .row_passes import Axis, RowFunction, RowPass

__all__ = ["logcumsumexp"]

_REVERSE = {
    "reverse": "bool, default False\n    Sum from the end of each row to the element instead."
}
_MEMORY = "Beyond input and output a call uses at most 1 MiB."
_ACCURACY = (
    "It is computed in float64 whatever the dtype. The error is below 4 ulp of the largest of the result, the largest\n"
    "x so far and the logarithm of the number of elements. From a +inf on the result is +inf, from a NaN on NaN."
)


class _Cumulative(RowPass):
    """What both passes of logcumsumexp have in common."""

    in_order = True

    def _kernel(self, dtype: DType, **extra: Any) -> tuple[Kernel, DType]:
        step = cumulative_steps.forward if self.pass_ == "forward" else cumulative_steps.vjp
        return step.reversed(extra["reverse"]), computing(dtype)

    def _text(self) -> docs.Text:
        text = super()._text()
        return text.replaced(arguments={**text.arguments, **_REVERSE}, notes=(_MEMORY,))


class _Vjp(_Cumulative):
    """The vector-Jacobian product."""

    arrays = ("g", "x")

    def __call__(
        self,
        g: Any,
        x: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        reverse: bool = False,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        reverse = arguments.flag(self.__qualname__, "reverse", reverse)
        return self._general((g, x), axis, temperature, where, out, dtype, reverse=reverse)


class _Forward(_Cumulative, RowFunction):
    """The function itself."""

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        reverse: bool = False,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        reverse = arguments.flag(self.__qualname__, "reverse", reverse)
        return self._general((x,), axis, temperature, where, out, dtype, reverse=reverse)

    def _text(self) -> docs.Text:
        text = super()._text()
        return text.replaced(notes=(_ACCURACY, *text.notes))


def _table(step: Kernel) -> KernelTable:
    """Return what every backend has: the exponentials and logarithms in it are the active one's."""
    return KernelTable(lambda backend, dtype: step)


logcumsumexp = named(_Forward, "logcumsumexp")(
    "logcumsumexp",
    """The logarithm of the sum of exp(x/T) up to each element of the row, that included.

    The elements of several axes are taken in the order of their indices.

    ``logcumsumexp.vjp(g, x)`` takes the input, as the vjp of logsumexp does.""",
    "the scan of logaddexp; Blelloch 1990, Prefix sums and their applications, CMU-CS-90-190",
    _table(cumulative_steps.forward),
    excluded="-inf",
    vjp=named(_Vjp, "logcumsumexp.vjp")(
        "logcumsumexp",
        "vjp",
        "The vector-Jacobian product of logcumsumexp, from its input.",
        _table(cumulative_steps.vjp),
    ),
)
