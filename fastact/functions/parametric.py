"""Rectifiers whose slope is learned (prelu) or drawn (rrelu), on the kernels of leaky_relu."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from types import FunctionType
from typing import Any, Never, TypeAlias

import numpy as np

from ..backends.environment import silent
from ..calling import arguments, docs, labelled
from ..calling.axes import checked_axis
from ..calling.broadcast import regions
from ..calling.dtypes import Array, DType, is_floating, is_real, loop_dtype
from ..calling.memory import check_distinct, without_overlap
from ..messages import listed
from .base import Function, Pass, named, renamed
from .elementwise import FUNCTIONS, ElementwisePass
from .parameter_vjp import common_shape, summed_by

__all__ = ["PARAMETRIC"]

# A string, because evaluating it would import numpy.random: 25 ms.
Rng: TypeAlias = "np.random.Generator | int | None"

_leaky_relu = FUNCTIONS["leaky_relu"]
# Elements whose slopes are drawn at a time: 128 KiB.
BLOCK = 1 << 14

_ARGUMENTS = {
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


class _Drawn:
    """Slopes that are drawn when they are taken, in the order of the elements of an array of the shape."""

    def __init__(self, lower: float, upper: float, rng: Rng, shape: tuple[int, ...]) -> None:
        self._between, self.shape = (lower, upper), shape
        self._generator = np.random.default_rng(rng)
        self.is_large = math.prod(shape) > BLOCK

    def take(self, shape: tuple[int, ...]) -> Array:
        """Return the next slopes: the same numbers, whatever pieces they are drawn in."""
        return self._generator.uniform(*self._between, shape)


class _SlopePass(Pass):
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
        if type(slope) is _Drawn:
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
        self, arrays: Sequence[Any], slopes: _Drawn, out: Any, where: Any, dtype: Any
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
        texts = {name: text for name, text in _ARGUMENTS.items() if name in shown}
        shape = f"Of the broadcast shape; {docs.DTYPE.format(array='x')}"
        returns = "ndarray or scalar\n    " if self.nout == 1 else _PAIR
        return docs.Text(self._summary, returns + shape, texts)


class _PReluVjp(_SlopePass):
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


class _PReluParameterVjp(Pass):
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
        texts = {name: _ARGUMENTS[name] for name in ("weight", "axis")}
        return docs.Text(
            "The gradient of prelu with respect to its weight: the sum of g * x where x < 0.",
            "dict of str to ndarray or scalar\n    By name, of the shape of `weight`; summed in float64.",
            texts,
        )


class _SlopeFunction(_SlopePass, Function):
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
        vjp: type[_SlopePass] = _SlopePass,
    ) -> None:
        super().__init__(name, "forward", slope, inspect.cleandoc(doc))
        kinds = {
            "derivative": (_SlopePass, slope_again),
            "vjp": (vjp, slope_again),
            "value_and_derivative": (_SlopePass, slope),
        }
        passes = {
            pass_: kind(name, pass_, made, _SUMMARIES[pass_].format(name=name))
            for pass_, (kind, made) in kinds.items()
        }
        self._introduce(source, passes, formula=formula)
        if vjp is _PReluVjp:
            self.parameter_vjp = named(_PReluParameterVjp, "prelu.parameter_vjp")()


class _LeakyPass(ElementwisePass):
    """A pass of leaky_relu that errors call by another name."""

    def __init__(self, pass_: str, name: str) -> None:
        super().__init__(_leaky_relu.declaration, pass_)
        self.owner = _leaky_relu
        self.__qualname__ = name if pass_ == "forward" else f"{name}.{pass_}"

    def __reduce__(self) -> tuple[Any, ...]:  # type: ignore[override]
        return _leaky_relu.passes.__getitem__, (self.pass_,)


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


def _drawn(
    label: str,
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    rng: Rng = None,
) -> Any:
    """Return the slope: the mean, or one draw for each element of x."""
    lower = arguments.number(label, "lower", lower)
    upper = arguments.number(label, "upper", upper)
    training = arguments.flag(label, "training", training)
    if rng is not None:
        rng = arguments.generator(label, rng)
    if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
        raise ValueError(
            f"{label}(): lower={lower}, upper={upper}: expected finite numbers, lower <= upper"
        )
    if not training:
        return (lower + upper) / 2
    return _Drawn(lower, upper, rng, arguments.shape_of(label, "x", x))


def _drawn_again(
    label: str,
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    rng: Rng = None,
) -> Any:
    """Return the slopes that the forward call drew."""
    training = arguments.flag(label, "training", training)
    if training and rng is None:
        raise ValueError(
            f"{label}(): while training, the derivative needs the integer rng of the forward call"
        )
    return _drawn(label, x, lower, upper, training, rng)


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
    table = _leaky_relu.parameter_vjp.tables["negative_slope"]
    summed_by(
        label, table, arrays, [slope], out.reshape(slope.shape)
    )  # a view: only axes of length 1 differ


def _overlaps(out: Array, arrays: Sequence[Array], slope: Array) -> bool:
    return any(np.may_share_memory(out, one) for one in (*arrays, slope))


def _check_gradient_out(label: str, out: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray) or not is_floating(out.dtype):
        raise TypeError(f"{label}(): out[1]: expected an array of floating dtype")
    if out.shape != shape or not out.flags.writeable:
        raise ValueError(f"{label}(): out[1]: expected a writeable array of shape {shape}")


#: Canonical name -> function.
PARAMETRIC: dict[str, Function] = {
    "prelu": _SlopeFunction(
        "prelu",
        """x where x > 0, else weight * x; the slope is learned.

        ``prelu.derivative(x, weight)`` is 1 or the weight, and the weight at 0. ``prelu.vjp(g, x, weight)`` returns
        the gradients with respect to x and to the weight.""",
        "where(x > 0, x, weight*x)",
        "He, Zhang, Ren, Sun 2015, arXiv:1502.01852",
        _weights,
        _weights,
        _PReluVjp,
    ),
    "rrelu": _SlopeFunction(
        "rrelu",
        """x where x > 0, else slope * x; while training, the slope is drawn for every element.

        While training, ``rrelu.derivative`` and ``rrelu.vjp`` need the integer `rng` of the forward call, from which
        they draw the same slopes. To keep the slopes instead, draw
        ``slopes = generator.uniform(1/8, 1/3, x.shape)`` and call ``leaky_relu(x, slopes)`` and
        ``leaky_relu.vjp(g, x, slopes)``.""",
        "where(x > 0, x, (lower + upper)/2*x)",
        "Xu, Wang, Chen, Li 2015, arXiv:1505.00853",
        _drawn,
        _drawn_again,
    ),
}
