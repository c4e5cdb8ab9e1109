"""maxout and crelu: what takes an axis apart into pieces, or puts one together from two."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..backends.environment import silent
from ..calling import arguments, protocols
from ..calling.broadcast import regions
from ..calling.memory import without_overlap
from ..calling.row_arguments import broadcast
from ..definitions.gates import FUSED
from .elementwise import FUNCTIONS, Pass

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
        loop = arguments.loop_dtype("maxout", (x,), (x,), dtype)
        shape = _grouped("maxout", x, pieces, axis)
        out = arguments.target_for("maxout", out, shape, loop)
        (x,) = without_overlap((out,), (x,))
        if out.size:  # of no elements there may be any number of pieces
            with silent():
                _largest(_pieces(x, pieces, axis), out, loop)
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
        loop = arguments.loop_dtype("maxout.vjp", (g, x), (g, x), dtype)
        shape = _grouped("maxout.vjp", x, pieces, axis)
        g = broadcast("maxout.vjp", "g", g, shape)
        out = arguments.target_for("maxout.vjp", out, x.shape, loop)
        g, x = without_overlap((out,), (g, x))
        if out.size:
            with silent():
                _give_to_first(g, _pieces(x, pieces, axis), _pieces(out, pieces, axis), loop)
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
        if protocols.takes_over(x):
            relu = FUNCTIONS["relu"]
            return np.concatenate((relu(x, dtype=dtype), relu(-x, dtype=dtype)), axis)
        x = _real("crelu", x)
        loop = arguments.loop_dtype("crelu", (x,), (x,), dtype)
        axis = normalize_axis_index(axis, x.ndim)
        shape = (*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :])
        out = arguments.target_for("crelu", out, shape, loop)
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
        if not protocols.takes_over(g):
            g = _real("crelu.vjp", g)
        axis = normalize_axis_index(axis, g.ndim)
        shape = np.shape(x)
        if g.shape != (*shape[:axis], 2 * shape[axis] if shape else 0, *shape[axis + 1 :]):
            raise ValueError(f"crelu.vjp(): g is of shape {g.shape}, x of shape {shape}")
        positive, negative = _halves(g, axis)
        if protocols.takes_over(g) or protocols.takes_over(x):
            vjp = FUNCTIONS["relu"].vjp
            return vjp(positive, x, dtype=dtype) - vjp(negative, -x, dtype=dtype)
        return self._vjp(positive, negative, x, out=out, dtype=dtype)


def _real(label: str, value: Any) -> Array:
    return arguments.real_array(label, value)


def _halves(x: Any, axis: int) -> tuple[Any, Any]:
    before, half = (slice(None),) * axis, x.shape[axis] // 2
    return x[(*before, slice(0, half))], x[(*before, slice(half, None))]


def _grouped(label: str, x: Array, pieces: int, axis: int) -> tuple[int, ...]:
    """Return the shape of a result with one element for each group along the axis."""
    pieces, axis = operator.index(pieces), normalize_axis_index(axis, x.ndim)
    length = x.shape[axis]
    if pieces < 1 or length % pieces:
        raise ValueError(
            f"{label}(): the {length} elements of axis {axis} are not groups of {pieces}"
        )
    shape: tuple[int, ...] = x.shape
    return (*shape[:axis], length // pieces, *shape[axis + 1 :])


def _pieces(x: Array, pieces: int, axis: int) -> list[Array]:
    """Return views of the first of each group along the axis, of the second, and so on."""
    before = (slice(None),) * (axis % x.ndim)
    return [x[(*before, slice(first, None, pieces))] for first in range(pieces)]


def _largest(pieces: list[Array], out: Array, loop: np.dtype[Any]) -> None:
    """Write the largest of the pieces, each cast to `loop`: in place if `out` is of it, else block by block."""
    if out.dtype == loop:
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
        np.maximum(out, piece, out=out, dtype=out.dtype, casting="unsafe")


def _give_to_first(
    g: Array, pieces: list[Array], targets: list[Array], loop: np.dtype[Any]
) -> None:
    """Write g where the first of the largest pieces is, and 0 elsewhere, all cast to `loop`, block by block."""
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
            np.copyto(gradient[region], np.where(here, passed, 0), casting="unsafe")


crelu = CRelu()
maxout = Maxout()
