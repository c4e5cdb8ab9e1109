"""maxout and crelu: functions that split an axis into pieces, or join two pieces along one."""

from __future__ import annotations

from functools import partial
from typing import Any, Never

import numpy as np

from ..backends.environment import silent
from ..calling import arguments, axes, docs, labelled, protocols
from ..calling.broadcast import regions
from ..calling.dtypes import Array, DType, loop_dtype
from ..calling.memory import without_overlap
from ..definitions.channels import CHANNELS as DECLARED
from ..messages import shown
from .base import Function, Pass, named
from .elementwise import FUNCTIONS, ElementwisePass

__all__ = ["CHANNELS"]

# Elements of a block of maxout's gradient: with the maxima in float64 and two masks, 320 KiB.
BLOCK = 1 << 15

_AXIS = "int, default -1\n    The axis, which becomes {how}."
_RETURNS = f"ndarray\n    {docs.DTYPE.format(array='x')}"
_RAISES = {"numpy.exceptions.AxisError": "If there is no such axis."}
_VJP = {
    "g": "array_like\n    The gradient with respect to the output; it broadcasts to the output's shape."
}


class _MaxoutPass(Pass):
    """Base class of the passes of maxout."""

    def _text(self) -> docs.Text:
        forward = self.pass_ == "forward"
        texts = {
            "pieces": "int\n    Elements in a group; the length of the axis must be a multiple of it.",
            "axis": _AXIS.format(how="shorter by that factor"),
            **({} if forward else _VJP),
        }
        summary = (
            "The maximum of each group of `pieces` adjacent elements along an axis; NaN if one of them is NaN."
            if forward
            else "The vector-Jacobian product of maxout: g at the first maximum of each group, or at its first NaN,\n"
            "and 0 elsewhere."
        )
        return docs.Text(summary, _RETURNS, texts, _RAISES)


class _Maxout(_MaxoutPass, Function):
    """The maximum of each group of `pieces` adjacent elements; ``maxout.vjp(g, x, pieces)`` is its gradient."""

    family = "channels"

    def __init__(self) -> None:
        self._name("maxout", "forward")
        self._introduce(
            "Goodfellow et al. 2013, arXiv:1302.4389", {"vjp": named(_MaxoutVjp, "maxout.vjp")()}
        )

    def __call__(
        self,
        x: Any,
        pieces: int,
        axis: int = -1,
        *more: Never,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        (value,), labels = labelled.plain("maxout", (x,))
        x = arguments.real_array("maxout", value, "x")
        loop = loop_dtype("maxout", (value,), (x,), dtype)
        axis = axes.checked_axis("maxout", axis, x.ndim)
        shape = _grouped("maxout", x, pieces, axis)
        target = arguments.target_for("maxout", out, shape, loop)
        (x,) = without_overlap((target,), (x,))
        gone = None if labels is None else labels.missing[0]
        missing = None
        if target.size:  # an empty array may have any number of pieces
            with silent():
                if gone is not None:
                    x = labelled.masked_out(x, gone, -np.inf)
                    missing = np.logical_and.reduce(_pieces(gone, pieces, axis))
                _largest(_pieces(x, pieces, axis), target, loop)
        return (
            target
            if labels is None or out is not None
            else labels.restored(target, missing, resized=axis)
        )


class _MaxoutVjp(_MaxoutPass):
    """The gradient of maxout."""

    arrays = ("g", "x")

    def __init__(self) -> None:
        self._name("maxout", "vjp")

    def __call__(
        self,
        g: Any,
        x: Any,
        pieces: int,
        axis: int = -1,
        *more: Never,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        label = self.__qualname__
        values, labels = labelled.plain(label, (g, x))
        g, x = map(partial(arguments.real_array, label), values, self.arrays)
        loop = loop_dtype(label, values, (g, x), dtype)
        axis = axes.checked_axis(label, axis, x.ndim)
        shape = _grouped(label, x, pieces, axis)
        g = axes.broadcast(label, "g", g, shape)
        target = arguments.target_for(label, out, x.shape, loop)
        g, x = without_overlap((target,), (g, x))
        missing = None
        if labels is not None:
            g_gone, x_gone = labels.missing
            x = labelled.masked_out(x, x_gone, -np.inf)
            if g_gone is not None:
                g_gone = np.repeat(np.broadcast_to(g_gone, shape), int(pieces), axis)
            missing = labelled.union((g_gone, x_gone), x.shape)
        if target.size:
            with silent():
                _give_to_first(g, _pieces(x, pieces, axis), _pieces(target, pieces, axis), loop)
        return target if labels is None or out is not None else labels.restored(target, missing)


class _CReluPass(Pass):
    """Base class of the passes of crelu."""

    def _text(self) -> docs.Text:
        forward = self.pass_ == "forward"
        texts = {"axis": _AXIS.format(how="twice as long"), **({} if forward else _VJP)}
        summary = (
            "max(x, 0) and max(-x, 0), concatenated along an axis."
            if forward
            else "The vector-Jacobian product of crelu: the gradient with respect to x, 0 at 0."
        )
        return docs.Text(summary, _RETURNS, texts, _RAISES)


class _CRelu(_CReluPass, Function):
    """max(x, 0) and max(-x, 0), concatenated along an axis; ``crelu.vjp(g, x)`` is its gradient."""

    family = "channels"

    def __init__(self) -> None:
        self._name("crelu", "forward")
        self._kernels = ElementwisePass(DECLARED["crelu"], "forward")
        self._introduce(DECLARED["crelu"].source, {"vjp": named(_CReluVjp, "crelu.vjp")()})

    def __call__(
        self,
        x: Any,
        axis: int = -1,
        *more: Never,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        if protocols.takes_over(x) and not labelled.is_labelled(x):
            relu = FUNCTIONS["relu"]
            return np.concatenate((relu(x, dtype=dtype), relu(-x, dtype=dtype)), axis)
        (value,), labels = labelled.plain("crelu", (x,))
        x = arguments.real_array("crelu", value, "x")
        loop = loop_dtype("crelu", (value,), (x,), dtype)
        axis = axes.checked_axis("crelu", axis, x.ndim)
        shape = (*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :])
        target = arguments.target_for("crelu", out, shape, loop)
        self._kernels(x, out=_halves(target, axis), dtype=loop)
        if labels is None or out is not None:
            return target
        (gone,) = labels.missing
        missing = None if gone is None else np.concatenate((gone, gone), axis)
        return labels.restored(target, missing, resized=axis)


class _CReluVjp(_CReluPass):
    """The gradient of crelu."""

    arrays = ("g", "x")

    def __init__(self) -> None:
        self._name("crelu", "vjp")
        self._kernels = ElementwisePass(DECLARED["crelu"], "vjp")

    def __call__(
        self,
        g: Any,
        x: Any,
        axis: int = -1,
        *more: Never,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        label = self.__qualname__
        if any(protocols.takes_over(one) and not labelled.is_labelled(one) for one in (g, x)):
            vjp = FUNCTIONS["relu"].vjp
            positive, negative = self._cut(g, x, axis)
            return vjp(positive, x, dtype=dtype) - vjp(negative, -x, dtype=dtype)
        (g, x), labels = labelled.plain(label, (g, x))
        g, x = map(partial(arguments.real_array, label), (g, x), self.arrays)
        gradient = self._kernels(*self._cut(g, x, axis), x, out=out, dtype=dtype)
        if labels is None or out is not None:
            return gradient
        g_gone, x_gone = labels.missing
        halves = (None, None) if g_gone is None else _halves(g_gone, axis)
        missing = labelled.union((*halves, x_gone), np.shape(gradient))
        return labels.restored(np.asarray(gradient), missing)

    def _cut(self, g: Any, x: Any, axis: int) -> tuple[Any, Any]:
        axis = axes.checked_axis(self.__qualname__, axis, g.ndim)
        shape = np.shape(x)
        expected = (*shape[:axis], 2 * shape[axis] if shape else 0, *shape[axis + 1 :])
        if g.shape != expected:
            raise ValueError(
                f"{self.__qualname__}(): g has shape {g.shape}, expected {expected} for x of shape {shape}"
            )
        return _halves(g, axis)


def _halves(array: Any, axis: int) -> tuple[Any, Any]:
    before = (slice(None),) * (axis % array.ndim)
    middle = array.shape[axis] // 2
    return array[(*before, slice(0, middle))], array[(*before, slice(middle, None))]


def _grouped(label: str, x: Array, pieces: int, axis: int) -> tuple[int, ...]:
    """Return the shape of a result with one element for each group along the axis."""
    pieces, length = arguments.integer(label, "pieces", pieces), x.shape[axis]
    if pieces < 1:
        raise ValueError(f"{label}(): pieces={pieces}: expected a positive integer")
    if length % pieces:
        raise ValueError(
            f"{label}(): axis {axis} has {length} elements, expected a multiple of pieces={shown(pieces)}"
        )
    shape: tuple[int, ...] = x.shape
    return (*shape[:axis], length // pieces, *shape[axis + 1 :])


def _pieces(x: Array, pieces: int, axis: int) -> list[Array]:
    """Return views of the first element of each group along the axis, of the second, and so on."""
    before = (slice(None),) * (axis % x.ndim)
    return [x[(*before, slice(first, None, pieces))] for first in range(pieces)]


def _largest(pieces: list[Array], out: Array, loop: DType) -> None:
    """Write the maximum of the pieces, cast to `loop`: directly if all have that dtype, else block by block."""
    if out.dtype == loop == pieces[0].dtype:
        _maximum(pieces, out)
        return
    for region in regions(out.shape, BLOCK):
        largest = np.empty(out[region].shape, loop)
        _maximum([piece[region] for piece in pieces], largest)
        np.copyto(out[region], largest, casting="unsafe")


def _maximum(pieces: list[Array], out: Array) -> None:
    first, *others = pieces
    np.copyto(out, first, casting="unsafe")
    for piece in others:
        np.maximum(out, piece.astype(out.dtype, copy=False), out=out)


def _give_to_first(g: Array, pieces: list[Array], targets: list[Array], loop: DType) -> None:
    """Write g at the first maximum among the pieces and 0 elsewhere, cast to `loop`, block by block."""
    zero = np.zeros((), loop)
    for region in regions(g.shape, BLOCK):
        largest = np.empty(g[region].shape, loop)
        _maximum([piece[region] for piece in pieces], largest)
        passed = g[region].astype(loop, copy=False)
        given = np.zeros(largest.shape, bool)
        for piece, gradient in zip(pieces, targets, strict=True):
            part = piece[region].astype(loop, copy=False)
            here = (part == largest) | np.isnan(part)
            here &= ~given
            given |= here
            # NumPy 2.0 crashes on a Python 0 beside bfloat16
            np.copyto(gradient[region], np.where(here, passed, zero), casting="unsafe")


#: Canonical name -> function.
CHANNELS: dict[str, Function] = {
    "maxout": named(_Maxout, "maxout")(),
    "crelu": named(_CRelu, "crelu")(),
}
