"""Elementwise functions of two arrays, such as logaddexp, with their gradients."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..calling import arguments, docs, labelled, protocols
from ..calling.memory import check_distinct
from ..definitions.binary import BINARY
from ..definitions.declaration import Declaration
from .base import Function
from .elementwise import ElementwisePass
from .gradients import TwoGradients

__all__ = ["BINARY_FUNCTIONS", "Binary", "BinaryVjp"]

_ARGUMENTS = {
    "x": "array_like\n    Real numbers; integers and booleans count as float64.",
    "y": "array_like\n    The second argument, likewise; both broadcast.",
}


class BinaryVjp(TwoGradients):
    """The gradients with respect to x and y, called as ``(g, x, y)``: each has the shape of its argument."""

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "vjp")

    def call(self, *args: Any, out: Any = None, **options: Any) -> Any:
        """Compute, like a call of the object; ``inspect.signature`` shows the arguments."""
        shapes = [
            arguments.shape_of(self.__qualname__, *one)
            for one in zip(self.arrays, args, strict=False)
        ]
        if len(args) != self.nin or len({*shapes}) == 1:
            return super().call(*args, out=out, **options)
        return self._summed(args, shapes[1:], out, options)

    def _summed(
        self,
        args: tuple[Any, ...],
        shapes: list[tuple[int, ...]],
        out: Any,
        options: dict[str, Any],
    ) -> tuple[Any, ...]:
        """Compute, and sum each gradient over what its argument was repeated along."""
        label = self.__qualname__
        if any(map(protocols.takes_over, args)) or any(map(labelled.is_labelled, args)):
            raise TypeError(
                f"{label}(): arrays of other libraries are not broadcast here: expected three of one shape"
            )
        outs = arguments.normalize_out(label, out, 2)
        check_distinct(label, outs)
        for k, (one, shape) in enumerate(zip(outs, shapes, strict=True)):
            if one is not None and np.shape(one) != shape:
                raise ValueError(f"{label}(): out[{k}] has shape {np.shape(one)}, expected {shape}")
        where = options.get("where", True)
        gradients = super().call(*args, **options)
        return tuple(
            _placed(_sum_to(gradient, shape, where), one)
            for gradient, shape, one in zip(gradients, shapes, outs, strict=True)
        )

    def _text(self) -> docs.Text:
        bound = self.declaration.most("vjp")
        return docs.Text(
            f"The gradients of {self.declaration.name} with respect to x and y: g times its derivatives.",
            "tuple of two ndarrays or scalars\n    Of the shapes of x and y: summed over what an array was repeated "
            "along, in float64.",
            {
                **_ARGUMENTS,
                "out": "tuple of two arrays, optional\n    Where to write the gradients.",
                "where": "array_like of bool, optional\n    Elements where it is False are not written, or not summed.",
            },
            notes=(
                f"Before sums at most {bound:g} ulp from the true value away from zeros of the derivative, if neither "
                "that nor\ng times it overflows or underflows. In code compiled by Numba each has the broadcast shape.",
            ),
        )


def _sum_to(gradient: Any, shape: tuple[int, ...], where: Any) -> Any:
    """Sum over the axes that `shape` does not have, or has with length 1."""
    gradient = np.asarray(gradient)
    if gradient.shape == shape:
        return gradient
    missing = gradient.ndim - len(shape)
    axes = (*range(missing), *(missing + k for k, n in enumerate(shape) if n == 1))
    with silent():
        total = gradient.sum(axes, dtype=np.float64, keepdims=True, where=where)
        return total.reshape(shape).astype(gradient.dtype)


def _placed(gradient: Any, out: Any) -> Any:
    if out is None:
        return gradient if gradient.ndim else gradient[()]
    with silent():
        np.copyto(out, gradient, casting="same_kind")
    return out


class Binary(ElementwisePass, Function):
    """A function of two arrays: ``f(x, y)``, and its gradients ``f.vjp(g, x, y)``, one in the shape of each array."""

    family = "binary"
    vjp: BinaryVjp

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "forward")
        self._introduce(declaration.source, {"vjp": BinaryVjp(declaration)}, declaration.aliases)

    def _text(self) -> docs.Text:
        return docs.Text(
            inspect.cleandoc(self.declaration.doc),
            f"ndarray or scalar\n    Of the broadcast shape; {docs.DTYPE.format(array='each array')}",
            _ARGUMENTS,
            notes=(
                f"At most {self.declaration.most('forward'):g} ulp from the true value in float32 and float64; a "
                "16-bit result is\nthe float32 result rounded once.",
            ),
        )


#: Canonical name -> function, in the order of the table.
BINARY_FUNCTIONS: dict[str, Binary] = {
    name: Binary(declaration) for name, declaration in BINARY.items()
}
