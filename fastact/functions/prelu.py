"""prelu: a rectifier whose slope is learned."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any, Never

import numpy as np

from ..backends.environment import silent
from ..calling import arguments, docs, labelled
from ..calling.axes import checked_axis
from ..calling.dtypes import Array, DType, is_floating, is_real, loop_dtype
from ..calling.memory import check_distinct
from .base import Pass, named
from .parameter_vjp import common_shape, summed_by
from .slopes import ARGUMENTS, LEAKY_RELU, SlopeFunction, SlopePass

__all__ = ["prelu"]


class _Vjp(SlopePass):
    """The gradients of prelu with respect to x and to the weight."""

    nout = 2

    def __call__(
        self, *args: Any, out: Any = None, dtype: Any = None, **parameters: Any
    ) -> tuple[Any, Any]:
        """Compute; ``inspect.signature`` shows the arguments."""
        self._check(args, parameters)
        label = self.__qualname__
        slope, shape = self._slope(*args[1:], **parameters), _weight_shape(*args[2:], **parameters)
        dx_out, dweight_out = arguments.normalize_out(label, out, 2)
        check_distinct(label, (dx_out, dweight_out))
        if dweight_out is not None:
            _check_gradient_out(label, dweight_out, shape)
        arrays, loop = _weight_data(label, args[:2], dtype)
        arguments.check_out(label, (dx_out,), loop)
        gradient = dweight_out
        # Nothing is written before all that may be wrong has been checked, or where it is still to be read.
        whole = common_shape(label, [*arrays, slope])
        fits = dx_out is None or dx_out.shape == whole
        if (
            gradient is None
            or gradient.dtype != loop
            or not fits
            or _overlaps(gradient, arrays, slope)
        ):
            gradient = np.empty(shape, loop)
        _sum_weight_gradient(label, arrays, slope, gradient)
        dx = self._target(*args[:2], slope, out=dx_out, dtype=dtype)
        if dweight_out is None:
            return dx, gradient if gradient.ndim else gradient[()]
        if gradient is not dweight_out:
            with silent():
                np.copyto(dweight_out, gradient, casting="same_kind")
        return dx, dweight_out

    def _signature(self) -> inspect.Signature:
        shown = super()._signature()
        return shown.replace(
            parameters=[one for one in shown.parameters.values() if one.name != "where"]
        )

    def _text(self) -> docs.Text:
        texts = {
            "out": "tuple of two arrays, optional\n    Where to write the gradients; the first may be g or x."
        }
        returns = (
            "dx : ndarray or scalar\n    Of the broadcast shape of g and x.\n"
            "dweight : ndarray or scalar\n"
            "    Of the shape of `weight`: the sum of g * x where x < 0, accumulated in float64."
        )
        found = super()._text()
        return found.replaced(arguments={**found.arguments, **texts}, returns=returns)


class _ParameterVjp(Pass):
    """The gradient of prelu with respect to the weight alone."""

    arrays = ("g", "x")

    def __init__(self) -> None:
        self._name("prelu", "parameter_vjp")

    def __call__(
        self,
        g: Any,
        x: Any,
        /,
        weight: Any,
        axis: int = 1,
        *more: Never,
        dtype: Any = None,
        **unknown: Never,
    ) -> dict[str, Any]:
        """Compute; ``inspect.signature`` shows the arguments."""
        if unknown or more:
            self._refuse(unknown, len(more))
        label = self.__qualname__
        slope = _weights(label, x, weight, axis)
        arrays, loop = _weight_data(label, (g, x), dtype)
        gradient = np.empty(_weight_shape(weight), loop)
        _sum_weight_gradient(label, arrays, slope, gradient)
        return {"weight": gradient if gradient.ndim else gradient[()]}

    def _text(self) -> docs.Text:
        texts = {name: ARGUMENTS[name] for name in ("weight", "axis")}
        return docs.Text(
            "The gradient of prelu with respect to its weight: the sum of g * x where x < 0.",
            "dict of str to ndarray or scalar\n    By name, of the shape of `weight`; summed in float64.",
            texts,
        )


def _weights(label: str, x: Any, weight: Any, axis: int = 1) -> Any:
    """Return the weights in a shape that broadcasts along `axis` of x."""
    weight = np.asarray(arguments.parameter_value(label, "weight", weight))
    if not is_real(weight.dtype):  # of another library
        arguments.parameter_value(label, "weight", weight)  # which raises
    if weight.ndim != 1 or weight.size == 1:
        return weight.reshape(()) if weight.size == 1 else weight
    shape = arguments.shape_of(label, "x", x)
    ndim = len(shape)
    axis = checked_axis(label, axis, ndim)
    if shape[axis] != weight.size:
        raise ValueError(
            f"{label}(): weight has {weight.size} elements, expected {shape[axis]}: one for each of axis {axis}"
        )
    return weight.reshape(weight.shape + (1,) * (ndim - 1 - axis))


def _weight_shape(weight: Any, axis: int = 1) -> tuple[int, ...]:
    return np.shape(weight)


def _weight_data(label: str, data: Sequence[Any], dtype: Any) -> tuple[list[Array], DType]:
    """Return g and x, and the dtype that the gradient is to be rounded to."""
    values, labels = labelled.plain(label, data)
    arrays = list(map(partial(arguments.real_array, label), values, ("g", "x")))
    loop = loop_dtype(label, values, arrays, dtype)
    if labels is not None:
        arrays = list(map(labelled.masked_out, arrays, labels.missing))
    return arrays, loop


def _sum_weight_gradient(label: str, arrays: Sequence[Array], slope: Array, out: Array) -> None:
    """Write the gradient by the weight, which has as many elements as the slope."""
    table = LEAKY_RELU.parameter_vjp.tables["negative_slope"]
    of_slope = out.reshape(slope.shape)  # a view: only axes of length 1 differ
    summed_by(label, table, arrays, [slope], of_slope)


def _overlaps(out: Array, arrays: Sequence[Array], slope: Array) -> bool:
    return any(np.may_share_memory(out, one) for one in (*arrays, slope))


def _check_gradient_out(label: str, out: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray) or not is_floating(out.dtype):
        raise TypeError(f"{label}(): out[1]: expected an array of floating dtype")
    if out.shape != shape or not out.flags.writeable:
        raise ValueError(f"{label}(): out[1]: expected a writeable array of shape {shape}")


prelu = SlopeFunction(
    "prelu",
    """x where x > 0, else `weight`·x; the slope is learned.

    ``prelu.derivative(x, weight)`` is 1 or the weight, and the weight at 0. ``prelu.vjp(g, x, weight)`` returns
    the gradients with respect to x and to the weight.""",
    "where(x > 0, x, weight*x)",
    "He, Zhang, Ren, Sun 2015, arXiv:1502.01852",
    _weights,
    _weights,
    _Vjp,
    named(_ParameterVjp, "prelu.parameter_vjp")(),
)
