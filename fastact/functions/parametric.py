"""Rectifiers whose slope is learned (prelu) or drawn (rrelu), on the kernels of leaky_relu."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..backends.environment import silent
from ..calling import arguments
from ..calling.memory import check_distinct
from .elementwise import FUNCTIONS
from .weight_gradient import weight_gradient

__all__ = ["PRelu", "RRelu", "prelu", "rrelu"]

Array = np.ndarray[Any, np.dtype[Any]]
# A string, because evaluating it would import numpy.random: 25 ms.
Rng: TypeAlias = "np.random.Generator | int | None"

_leaky_relu = FUNCTIONS["leaky_relu"]


class PRelu:
    """x where x > 0, else weight * x; the slope is learned.

    Parameters
    ----------
    x : array_like
        Real numbers; integers and booleans count as float64.
    weight : float or array_like
        A one-dimensional array of several weights holds one for each index of `axis`. Any other
        array broadcasts against x.
    axis : int, default 1
        The axis of x that a one-dimensional weight belongs to: the channels.
    out, where, dtype : optional
        As for every activation.

    Notes
    -----
    ``prelu.derivative(x, weight)`` is 1 or the weight, and the weight at 0.
    ``prelu.vjp(g, x, weight)`` returns the gradients with respect to x and to the weight.

    Source: He, Zhang, Ren, Sun 2015, arXiv:1502.01852.
    """

    name = "prelu"
    aliases: tuple[str, ...] = ()
    parameters: Mapping[str, object] = {"weight": inspect.Parameter.empty, "axis": 1}
    formula = "where(x > 0, x, weight*x)"
    source = "He, Zhang, Ren, Sun 2015, arXiv:1502.01852"
    __name__ = __qualname__ = "prelu"

    def __init__(self) -> None:
        self.__module__ = "fastact"

    def __call__(
        self,
        x: Any,
        weight: Any,
        axis: int = 1,
        *,
        out: Any = None,
        where: Any = True,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        return _leaky_relu(x, _along(x, weight, axis), out=out, where=where, dtype=dtype)

    def __repr__(self) -> str:
        return "<fastact.prelu(x, weight, axis=1, *, out=None, where=True, dtype=None)>"

    def __reduce__(self) -> str:
        return "prelu"

    def derivative(
        self,
        x: Any,
        weight: Any,
        axis: int = 1,
        *,
        out: Any = None,
        where: Any = True,
        dtype: Any = None,
    ) -> Any:
        """Return the derivative with respect to x."""
        return _leaky_relu.derivative(x, _along(x, weight, axis), out=out, where=where, dtype=dtype)

    def value_and_derivative(
        self,
        x: Any,
        weight: Any,
        axis: int = 1,
        *,
        out: Any = None,
        where: Any = True,
        dtype: Any = None,
    ) -> Any:
        """Return both at once; `out` is a pair."""
        return _leaky_relu.value_and_derivative(
            x, _along(x, weight, axis), out=out, where=where, dtype=dtype
        )

    def vjp(
        self, g: Any, x: Any, weight: Any, axis: int = 1, *, out: Any = None, dtype: Any = None
    ) -> tuple[Any, Any]:
        """Return the gradients with respect to x and to the weight.

        Parameters
        ----------
        g, x : array_like
            The gradient with respect to the output, and the input.
        weight, axis
            As in the call.
        out : tuple of two arrays, optional
            Where to write them; the first may be g or x.
        dtype : dtype, optional
            The dtype to compute in and return.

        Returns
        -------
        dx : array
            Of the shape of g and x.
        dweight : array
            Of the shape of `weight`: the sum of g * x where x < 0, added up in float64.
        """
        dx_out, dweight_out = _pair(out)
        check_distinct("prelu.vjp", dx_out, dweight_out)
        weight = np.asarray(weight)
        slope = _along(x, weight, axis)
        arrays = [arguments.real_array("prelu.vjp", array) for array in (g, x)]
        loop = arguments.loop_dtype("prelu.vjp", (g, x), arrays, dtype)
        gradient = weight_gradient(arrays[0], arrays[1], slope, loop).reshape(weight.shape)
        if dweight_out is not None:
            _check_gradient_out(dweight_out, weight.shape)
        dx = _leaky_relu.vjp(g, x, slope, out=dx_out, dtype=dtype)
        with silent():
            rounded = gradient.astype(loop)
            if dweight_out is not None:
                np.copyto(dweight_out, rounded, casting="same_kind")
                return dx, dweight_out
        return dx, rounded if rounded.ndim else rounded[()]


class RRelu:
    """x where x > 0, else slope * x; while training, the slope is drawn anew for every element.

    Parameters
    ----------
    x : array_like
        Real numbers; integers and booleans count as float64.
    lower, upper : float, default 1/8 and 1/3
        The slope is uniform between them, and their mean unless training.
    training : bool, default False
        Whether to draw.
    rng : int or numpy.random.Generator, optional
        What to draw from; None draws unpredictably.
    out, where, dtype : optional
        As for every activation.

    Notes
    -----
    ``rrelu.derivative`` and ``rrelu.vjp`` draw the slopes that the call drew when they are given
    the same integer `rng`; while training they need one. To keep the slopes instead, draw them
    yourself: with ``slopes = generator.uniform(1/8, 1/3, x.shape)`` the same is ``leaky_relu(x,
    slopes)`` and ``leaky_relu.vjp(g, x, slopes)``.

    Source: Xu, Wang, Chen, Li 2015, arXiv:1505.00853.
    """

    name = "rrelu"
    aliases: tuple[str, ...] = ()
    parameters: Mapping[str, object] = {
        "lower": 1 / 8,
        "upper": 1 / 3,
        "training": False,
        "rng": None,
    }
    formula = "where(x > 0, x, (lower + upper)/2*x)"
    source = "Xu, Wang, Chen, Li 2015, arXiv:1505.00853"
    __name__ = __qualname__ = "rrelu"

    def __init__(self) -> None:
        self.__module__ = "fastact"

    def __call__(
        self,
        x: Any,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        training: bool = False,
        rng: Rng = None,
        *,
        out: Any = None,
        where: Any = True,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        return _leaky_relu(
            x, _drawn(x, lower, upper, training, rng), out=out, where=where, dtype=dtype
        )

    def __repr__(self) -> str:
        return (
            "<fastact.rrelu(x, lower=1/8, upper=1/3, training=False, rng=None, *, "
            "out=None, where=True, dtype=None)>"
        )

    def __reduce__(self) -> str:
        return "rrelu"

    def derivative(
        self,
        x: Any,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        training: bool = False,
        rng: Rng = None,
        *,
        out: Any = None,
        where: Any = True,
        dtype: Any = None,
    ) -> Any:
        """Return the derivative."""
        _require_rng(training, rng)
        return _leaky_relu.derivative(
            x, _drawn(x, lower, upper, training, rng), out=out, where=where, dtype=dtype
        )

    def vjp(
        self,
        g: Any,
        x: Any,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        training: bool = False,
        rng: Rng = None,
        *,
        out: Any = None,
        where: Any = True,
        dtype: Any = None,
    ) -> Any:
        """Return g times the derivative."""
        _require_rng(training, rng)
        return _leaky_relu.vjp(
            g, x, _drawn(x, lower, upper, training, rng), out=out, where=where, dtype=dtype
        )

    def value_and_derivative(
        self,
        x: Any,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        training: bool = False,
        rng: Rng = None,
        *,
        out: Any = None,
        where: Any = True,
        dtype: Any = None,
    ) -> Any:
        """Return both, with the same slopes; `out` is a pair."""
        slope = _drawn(x, lower, upper, training, rng)
        return _leaky_relu.value_and_derivative(x, slope, out=out, where=where, dtype=dtype)


def _along(x: Any, weight: Any, axis: int) -> Any:
    """Return the weights shaped so that they broadcast along `axis` of x."""
    weight = np.asarray(weight)
    if weight.ndim != 1 or weight.size == 1:
        return weight.reshape(()) if weight.size == 1 else weight
    ndim = np.ndim(x)
    axis = normalize_axis_index(axis, ndim)
    if np.shape(x)[axis] != weight.size:
        raise ValueError(
            f"prelu(): {weight.size} weights for the {np.shape(x)[axis]} elements of axis {axis}"
        )
    return weight.reshape(weight.shape + (1,) * (ndim - 1 - axis))


def _pair(out: Any) -> tuple[Any, Any]:
    if out is None:
        return None, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise TypeError("prelu.vjp() takes a tuple of 2 arrays as out")
    return out


def _check_gradient_out(out: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray) or out.dtype.kind != "f":
        raise TypeError("prelu.vjp(): the second out is not an array of floating dtype")
    if out.shape != shape or not out.flags.writeable:
        raise ValueError(f"prelu.vjp(): the second out is not a writeable array of shape {shape}")


def _require_rng(training: bool, rng: Rng) -> None:
    if training and rng is None:
        raise ValueError(
            "rrelu(): while training, the derivative needs the integer rng that the call was given"
        )


def _drawn(x: Any, lower: float, upper: float, training: bool, rng: Rng) -> Any:
    """Return the slope: the mean, or one draw for each element of x."""
    lower, upper = float(lower), float(upper)
    if not (math.isfinite(lower) and math.isfinite(upper) and lower <= upper):
        raise ValueError(f"rrelu(): lower={lower} and upper={upper} do not bound a slope")
    if not training:
        return (lower + upper) / 2
    return np.random.default_rng(rng).uniform(lower, upper, np.shape(x))


prelu = PRelu()
rrelu = RRelu()
