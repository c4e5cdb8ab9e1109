"""maxout and crelu: what takes an axis apart into pieces, or puts one together from two."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from . import _arguments, _override
from ._overlap import without_overlap
from ._row_arguments import broadcast
from ._walk import regions
from .elementwise import FUNCTIONS, Pass
from .fused import FUSED

__all__ = ["CRelu", "Maxout", "crelu", "maxout"]

Array = np.ndarray[Any, np.dtype[Any]]

# Elements of a block of maxout's gradient; with the largest as float64 and two masks it is 320 KiB.
BLOCK = 1 << 15


class Maxout:
    """The largest of every `pieces` neighbours along an axis; NaN if one of them is NaN.

    Parameters
    ----------
    x : array_like
        Real numbers; integers and booleans count as float64.
    pieces : int
        How many neighbours become one. The length of the axis is a multiple of it.
    axis : int, default -1
        The axis, which becomes shorter by that factor.
    out : array, optional
        Where to write the result.
    dtype : dtype, optional
        float16, float32 or float64: the dtype of the result.

    Notes
    -----
    ``maxout.vjp(g, x, pieces, axis)`` gives g to the first of the largest, or to the first NaN, and 0
    to all others.

    Source: Goodfellow et al. 2013, arXiv:1302.4389.
    """

    name = "maxout"
    aliases: tuple[str, ...] = ()
    parameters: Mapping[str, object] = {"axis": -1}
    source = "Goodfellow et al. 2013, arXiv:1302.4389"
    __name__ = __qualname__ = "maxout"

    def __init__(self) -> None:
        self.__module__ = "fastact"

    def __call__(
        self, x: Any, pieces: int, axis: int = -1, *, out: Any = None, dtype: Any = None
    ) -> Any:
        """Compute."""
        x = _real("maxout", x)
        loop = _arguments.loop_dtype("maxout", (x,), (x,), dtype)
        shape = _pieces("maxout", x, pieces, axis)[0].shape
        out = _arguments.target_for("maxout", out, shape, loop)
        (x,) = without_overlap((out,), (x,))
        with np.errstate(all="ignore"):
            _largest(_pieces("maxout", x, pieces, axis), out)
        return out

    def __repr__(self) -> str:
        return "<fastact.maxout(x, pieces, axis=-1, *, out=None, dtype=None)>"

    def __reduce__(self) -> str:
        return "maxout"

    def vjp(
        self, g: Any, x: Any, pieces: int, axis: int = -1, *, out: Any = None, dtype: Any = None
    ) -> Any:
        """Return the gradient with respect to x.

        Parameters
        ----------
        g : array_like
            The gradient with respect to the output; it broadcasts to the output's shape.
        x, pieces, axis
            As in the call.
        out : array, optional
            Where to write it; may be x.
        dtype : dtype, optional
            The dtype to return.
        """
        g, x = _real("maxout.vjp", g), _real("maxout.vjp", x)
        loop = _arguments.loop_dtype("maxout.vjp", (g, x), (g, x), dtype)
        shape = _pieces("maxout.vjp", x, pieces, axis)[0].shape
        g = broadcast("maxout.vjp", "g", g, shape)
        out = _arguments.target_for("maxout.vjp", out, x.shape, loop)
        g, x = without_overlap((out,), (g, x))
        parts = (_pieces("maxout.vjp", array, pieces, axis) for array in (x, out))
        with np.errstate(all="ignore"):
            _give_to_first(g, *parts)
        return out


class CRelu:
    """max(x, 0) and max(-x, 0), one after the other along an axis.

    Parameters
    ----------
    x : array_like
        Real numbers; integers and booleans count as float64.
    axis : int, default -1
        The axis, which becomes twice as long.
    out : array, optional
        Where to write the result.
    dtype : dtype, optional
        float16, float32 or float64: the dtype to compute in and return.

    Notes
    -----
    ``crelu.vjp(g, x, axis)`` is the gradient with respect to x: 0 at 0.

    Source: Shang, Sohn, Almeida, Lee 2016, arXiv:1603.05201.
    """

    name = "crelu"
    aliases: tuple[str, ...] = ()
    parameters: Mapping[str, object] = {"axis": -1}
    source = FUSED["crelu"].source
    __name__ = __qualname__ = "crelu"

    def __init__(self) -> None:
        self.__module__ = "fastact"
        self._forward = Pass(FUSED["crelu"], "forward")
        self._vjp = Pass(FUSED["crelu"], "vjp")

    def __call__(self, x: Any, axis: int = -1, *, out: Any = None, dtype: Any = None) -> Any:
        """Compute."""
        if _override.takes_over(x):
            relu = FUNCTIONS["relu"]
            return np.concatenate((relu(x, dtype=dtype), relu(-x, dtype=dtype)), axis)
        x = _real("crelu", x)
        loop = _arguments.loop_dtype("crelu", (x,), (x,), dtype)
        axis = normalize_axis_index(axis, x.ndim)
        shape = (*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :])
        out = _arguments.target_for("crelu", out, shape, loop)
        self._forward(x, out=_halves(out, axis), dtype=loop)
        return out

    def __repr__(self) -> str:
        return "<fastact.crelu(x, axis=-1, *, out=None, dtype=None)>"

    def __reduce__(self) -> str:
        return "crelu"

    def vjp(self, g: Any, x: Any, axis: int = -1, *, out: Any = None, dtype: Any = None) -> Any:
        """Return the gradient with respect to x.

        Parameters
        ----------
        g : array_like
            The gradient with respect to the output, of the output's shape.
        x, axis
            As in the call.
        out : array, optional
            Where to write it; may be x.
        dtype : dtype, optional
            The dtype to compute in and return.
        """
        if not _override.takes_over(g):
            g = _real("crelu.vjp", g)
        axis = normalize_axis_index(axis, g.ndim)
        shape = np.shape(x)
        if g.shape != (*shape[:axis], 2 * shape[axis] if shape else 0, *shape[axis + 1 :]):
            raise ValueError(f"crelu.vjp(): g is of shape {g.shape}, x of shape {shape}")
        positive, negative = _halves(g, axis)
        if _override.takes_over(g) or _override.takes_over(x):
            vjp = FUNCTIONS["relu"].vjp
            return vjp(positive, x, dtype=dtype) - vjp(negative, -x, dtype=dtype)
        return self._vjp(positive, negative, x, out=out, dtype=dtype)


def _real(label: str, value: Any) -> Array:
    return _arguments.real_array(label, value)


def _halves(x: Any, axis: int) -> tuple[Any, Any]:
    before, half = (slice(None),) * axis, x.shape[axis] // 2
    return x[(*before, slice(0, half))], x[(*before, slice(half, None))]


def _pieces(label: str, x: Array, pieces: int, axis: int) -> list[Array]:
    """Return views of the first of each group along the axis, of the second, and so on."""
    pieces, axis = operator.index(pieces), normalize_axis_index(axis, x.ndim)
    length = x.shape[axis]
    if pieces < 1 or length % pieces:
        raise ValueError(
            f"{label}(): the {length} elements of axis {axis} are not groups of {pieces}"
        )
    before = (slice(None),) * axis
    return [x[(*before, slice(first, None, pieces))] for first in range(pieces)]


def _largest(pieces: list[Array], out: Array) -> None:
    first, *others = pieces
    np.copyto(out, first, casting="unsafe")
    for piece in others:
        np.maximum(out, piece, out=out, casting="unsafe")


def _give_to_first(g: Array, pieces: list[Array], targets: list[Array]) -> None:
    """Write g where the first of the largest pieces is, and 0 elsewhere, block by block."""
    for region in regions(g.shape, BLOCK):
        largest = np.array(pieces[0][region])
        for piece in pieces[1:]:
            np.maximum(largest, piece[region], out=largest)
        given = np.zeros(largest.shape, bool)
        for piece, gradient in zip(pieces, targets, strict=True):
            here = (piece[region] == largest) | np.isnan(piece[region])
            here &= ~given
            given |= here
            np.copyto(gradient[region], np.where(here, g[region], 0), casting="unsafe")


crelu = CRelu()
maxout = Maxout()
