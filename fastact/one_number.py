"""Every function as one of a single number x: what is drawn of softmax, gates, losses, and users' own callables."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .messages import shown

__all__ = ["OneNumber", "of_one_number"]

Array = npt.NDArray[Any]

# The distance of a difference quotient: its error is about 1e-10 of the function and 1e-6 of its second derivative.
STEP = 1e-6
#: Loss of class indices -> its other logits or log-probabilities are 0, its target the first class.
_OF_CLASSES = ("cross_entropy", "nll", "softmax_focal")


class OneNumber:
    """A function of x, with its derivative by differences.

    Attributes
    ----------
    fixed : mapping of str to float
        The values of the other arrays, which parameters of these names replace.
    """

    formula = None

    def __init__(
        self, name: str, compute: Callable[..., Any], parameters: Mapping[str, Any], **fixed: float
    ) -> None:
        self.__name__ = name
        self._compute, self.fixed = compute, fixed
        self.parameters = {**fixed, **parameters}

    def __call__(self, x: Array, **parameters: Any) -> Array:
        """Compute."""
        with np.errstate(all="ignore"):
            y = np.asarray(self._compute(x, **{**self.fixed, **parameters}))
        if y.shape != x.shape:
            raise TypeError(
                f"{self.__name__}: of an array of shape {shown(x.shape)[:40]} it returns the shape {y.shape}, "
                "expected an array of the same shape"
            )
        return y

    def derivative(self, x: Array, **parameters: Any) -> Array:
        """Return the difference quotient to the right or to the left, the smaller one: no spike at a jump."""
        here, right, left = (self(x + h, **parameters) for h in (0.0, STEP, -STEP))
        with np.errstate(all="ignore"):
            after, before = (right - here) / STEP, (here - left) / STEP
            smaller = (np.abs(after) < np.abs(before)) | np.isnan(before)
        found: Array = np.where(smaller, after, before)
        return found


class _OneDraw(np.random.Generator):
    """A generator whose Gumbel noise is the same for all rows of two."""

    def gumbel(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Return the noise of one row again and again."""
        pair = np.random.default_rng(0).gumbel(size=2)
        return np.tile(pair, int(size) // 2)


def of_one_number(function: Any) -> Any:
    """Return a function of one number with a derivative: the function itself, or what is drawn of it.

    A row is x and a 0, of which the first element is drawn, or the number that the row is reduced to; the second
    operand of a gate is 1, that of a function of two arrays 2; the target of a loss is 1, or the first class; maxout is
    that of x and 0, crelu its first half. Any other callable takes an array and returns one of its shape.

    Raises
    ------
    TypeError
        If it cannot be called.
    """
    if hasattr(function, "derivative") and hasattr(function, "__name__"):
        return function
    family = getattr(function, "family", None)
    if family in _MADE:
        return _MADE[family](function)
    if not callable(function):
        raise TypeError(f"{shown(function)} is neither a function nor the name of one")
    name = getattr(function, "__name__", type(function).__name__)
    return OneNumber(name, function, _parameters_of(function))


def _parameters_of(function: Any) -> dict[str, Any]:
    try:
        _, *others = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # no signature, or no parameter
        return {}
    return {p.name: p.default for p in others if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


def _known(function: Any, *without: str) -> dict[str, Any]:
    known = function.parameters.items()
    return {name: default for name, default in known if name not in without}


def _row(x: Array) -> Array:
    return np.stack([x, np.zeros_like(x)], -1)


def _of_rows(function: Any) -> OneNumber:
    def compute(x: Array, **parameters: Any) -> Any:
        if function.name == "gumbel_softmax":
            parameters["rng"] = _OneDraw(np.random.PCG64(0))
        y = function(_row(x), axis=-1, **parameters)
        return y if y.ndim == x.ndim else y[..., 0]

    without = ("axis", "keepdims", "bias", "sink", "rng")
    return OneNumber(f"{function.name} of [x, 0]", compute, _known(function, *without))


def _of_two(function: Any) -> OneNumber:
    second = function.arrays[1]

    def compute(x: Array, **parameters: Any) -> Any:
        return function(x, np.full_like(x, parameters.pop(second)), **parameters)

    known = _known(function, "axis", "order")
    # x·log y is 0 where y is 1.
    return OneNumber(function.name, compute, known, **{second: 1.0 if second == "value" else 2.0})


def _of_loss(function: Any) -> OneNumber:
    others = function.arrays[1:]

    def compute(x: Array, **parameters: Any) -> Any:
        given = [np.full_like(x, parameters.pop(name)) for name in others]
        inside = np.ones(x.shape, bool)
        if function.name == "binary_cross_entropy":
            inside = (x > 0.0) & (x < 1.0)
        loss = function(np.where(inside, x, 0.5), *given, reduction="none", **parameters)
        return np.where(inside, loss, np.nan)

    def of_classes(x: Array, **parameters: Any) -> Any:
        target = np.zeros(x.shape, np.intp)
        return function(_row(x), target, axis=-1, reduction="none", **parameters)

    known = _known(function, "axis", "reduction", "weight", "ignore_index", "empty")
    if function.name in _OF_CLASSES:
        return OneNumber(f"{function.name} of [x, 0]", of_classes, known)
    return OneNumber(function.name, compute, known, **dict.fromkeys(others, 1.0))


def _of_channels(function: Any) -> OneNumber:
    def largest(x: Array) -> Any:
        return function(_row(x), 2)[..., 0]

    def half(x: Array) -> Any:
        return function(x[..., None])[..., 0]

    if function.name == "maxout":
        return OneNumber("maxout of [x, 0]", largest, {})
    return OneNumber(f"{function.name}, first half", half, {})


_MADE: dict[str, Callable[[Any], OneNumber]] = {
    "rows": _of_rows,
    "gates": _of_two,
    "binary": _of_two,
    "losses": _of_loss,
    "channels": _of_channels,
}
