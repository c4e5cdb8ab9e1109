"""Passes of a leaky_relu whose slope is computed from further parameters: prelu, rrelu."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from types import FunctionType
from typing import Any, TypeAlias

import numpy as np

from ..calling import arguments, docs
from ..calling.broadcast import regions
from ..calling.dtypes import Array, loop_dtype
from ..calling.memory import check_distinct, without_overlap
from ..messages import listed
from .base import Function, Pass, renamed
from .elementwise import FUNCTIONS, ElementwisePass

__all__ = ["ARGUMENTS", "LEAKY_RELU", "Drawn", "Rng", "SlopeFunction", "SlopePass"]

# A string, because evaluating it would import numpy.random: 25 ms.
Rng: TypeAlias = "np.random.Generator | int | None"

LEAKY_RELU = FUNCTIONS["leaky_relu"]
# Elements whose slopes are drawn at a time: 128 KiB.
BLOCK = 1 << 14

ARGUMENTS = {
    "weight": "float or array_like\n"
    "    The slope below 0. A one-dimensional array of several weights holds one for each index of\n"
    "    `axis`. Any other array broadcasts against x.",
    "axis": "int, default {default}\n    The channel axis of x, which a one-dimensional weight belongs to.",
    "lower": "float, default 1/8\n    In training, slopes are uniform between lower and upper; else it is their mean.",
    "upper": "float, default 1/3\n    See lower.",
    "training": "bool, default {default}\n    Whether to draw a slope for each element.",
}
_SUMMARIES = {
    "derivative": "The derivative of {name} with respect to x.",
    "value_and_derivative": "{name} and its derivative, computed together; `out` is a pair.",
    "vjp": "The vector-Jacobian product: g times the derivative of {name}.",
}
_PAIR = "tuple of two ndarrays or scalars\n    "


class Drawn:
    """Slopes that are drawn when they are taken, in the order of the elements of an array of the shape."""

    def __init__(self, lower: float, upper: float, rng: Rng, shape: tuple[int, ...]) -> None:
        self._between, self.shape = (lower, upper), shape
        self._generator = np.random.default_rng(rng)
        self.is_large = math.prod(shape) > BLOCK

    def take(self, shape: tuple[int, ...]) -> Array:
        """Return the next slopes: the same numbers, whatever pieces they are drawn in."""
        return self._generator.uniform(*self._between, shape)


class SlopePass(Pass):
    """One pass of a leaky_relu whose slope is computed from further parameters.

    Parameters
    ----------
    slope : function
        Takes the name of the pass for errors, x and the parameters; returns the slope for leaky_relu.
    """

    def __init__(self, name: str, pass_: str, slope: Callable[..., Any], summary: str) -> None:
        self._target = _LeakyPass(pass_, name)
        self.arrays = self._target.arrays
        self.nout = max(self._target.nout, type(self).nout)
        self._name(name, pass_)
        assert isinstance(slope, FunctionType)
        self._slope = partial(renamed(slope, self.__qualname__), self.__qualname__)
        self._summary = summary

    def __call__(
        self, *args: Any, out: Any = None, where: Any = True, dtype: Any = None, **parameters: Any
    ) -> Any:
        """Compute; ``inspect.signature`` shows the arguments."""
        self._check(args, parameters)
        slope = self._slope(*args[self.nin - 1 :], **parameters)
        if type(slope) is Drawn:
            if slope.is_large and self._are_plain(args[: self.nin], out, where, slope.shape):
                return self._in_blocks(args[: self.nin], slope, out, where, dtype)
            slope = slope.take(slope.shape)
        return self._target(*args[: self.nin], slope, out=out, where=where, dtype=dtype)

    @cached_property
    def _known(self) -> list[str]:
        shown = self._signature().parameters.values()
        return [one.name for one in shown if one.kind is one.POSITIONAL_OR_KEYWORD]

    def _check(self, args: tuple[Any, ...], parameters: dict[str, Any]) -> None:
        """Raise TypeError for arguments that there are not, or if an array is missing."""
        wrong = [name for name in parameters if name not in self._known]
        more = max(0, len(args) - self.nin - len(self._known))
        if len(args) < self.nin:
            raise TypeError(f"{self.__qualname__}() takes {listed(self.arrays)} by position")
        if wrong or more:
            self._refuse(wrong, more)

    def _are_plain(
        self, arrays: Sequence[Any], out: Any, where: Any, shape: tuple[int, ...]
    ) -> bool:
        """Tell whether all are NumPy arrays that results of the shape can be computed from in blocks."""
        outs = arguments.normalize_out(self.__qualname__, out, self.nout)
        read = arrays if where is True else (*arrays, where)
        return (
            all(type(one) is np.ndarray for one in read)
            and all(one is None or type(one) is np.ndarray for one in outs)
            and all(one is None or one.shape == shape for one in outs)
            and np.broadcast_shapes(*(one.shape for one in read)) == shape
        )

    def _in_blocks(
        self, arrays: Sequence[Any], slopes: Drawn, out: Any, where: Any, dtype: Any
    ) -> Any:
        """Draw slopes, and compute, block by block."""
        label, shape = self.__qualname__, slopes.shape
        loop = loop_dtype(label, arrays, arrays, dtype)
        outs = arguments.normalize_out(label, out, self.nout)
        arguments.check_out(label, outs, loop)
        check_distinct(label, outs)
        mask = arguments.check_where(label, where)
        targets = [np.empty_like(arrays[-1], loop) if one is None else one for one in outs]
        *read, mask = without_overlap(targets, (*arrays, mask))
        read = [np.broadcast_to(one, shape) for one in read]
        mask = None if mask is None else np.broadcast_to(mask, shape)
        for region in regions(shape, BLOCK):
            into = tuple(one[region] for one in targets)
            self._target(
                *(one[region] for one in read),
                slopes.take(into[0].shape),
                out=into if self.nout > 1 else into[0],
                where=True if mask is None else mask[region],
                dtype=dtype,
            )
        return targets[0] if self.nout == 1 else tuple(targets)

    def _signature(self) -> inspect.Signature:
        kind = inspect.Parameter
        _, *parameters = inspect.signature(self._slope).parameters.values()
        shown = [kind(name, kind.POSITIONAL_ONLY) for name in self.arrays]
        shown += [one.replace(annotation=kind.empty) for one in parameters]
        for name, default in (("out", None), ("where", True), ("dtype", None)):
            shown.append(kind(name, kind.KEYWORD_ONLY, default=default))
        return inspect.Signature(shown)

    def _text(self) -> docs.Text:
        shown = self._signature().parameters
        texts = {name: text for name, text in ARGUMENTS.items() if name in shown}
        shape = f"Of the broadcast shape; {docs.DTYPE.format(array='x')}"
        returns = "ndarray or scalar\n    " if self.nout == 1 else _PAIR
        return docs.Text(self._summary, returns + shape, texts)


class SlopeFunction(SlopePass, Function):
    """A leaky_relu whose slope is computed from further parameters: prelu, rrelu."""

    family = "parametric"

    def __init__(
        self,
        name: str,
        doc: str,
        formula: str,
        source: str,
        slope: Callable[..., Any],
        slope_again: Callable[..., Any],
        vjp: type[SlopePass] = SlopePass,
        parameter_vjp: Pass | None = None,
    ) -> None:
        super().__init__(name, "forward", slope, inspect.cleandoc(doc))
        kinds = {
            "derivative": (SlopePass, slope_again),
            "vjp": (vjp, slope_again),
            "value_and_derivative": (SlopePass, slope),
        }
        passes = {
            pass_: kind(name, pass_, made, _SUMMARIES[pass_].format(name=name))
            for pass_, (kind, made) in kinds.items()
        }
        self._introduce(source, passes, formula=formula)
        if parameter_vjp is not None:
            self.parameter_vjp = parameter_vjp


class _LeakyPass(ElementwisePass):
    """A pass of leaky_relu that errors call by another name."""

    def __init__(self, pass_: str, name: str) -> None:
        super().__init__(LEAKY_RELU.declaration, pass_)
        self.owner = LEAKY_RELU
        self.__qualname__ = name if pass_ == "forward" else f"{name}.{pass_}"

    def __reduce__(self) -> tuple[Any, ...]:  # type: ignore[override]
        return LEAKY_RELU.passes.__getitem__, (self.pass_,)
