"""entmax for any alpha: softmax's sparse relatives, of which sparsemax is alpha = 2 and entmax15 alpha = 1.5."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Never

import numpy as np

from ..backends.environment import silent
from ..backends.protocol import Kernel
from ..calling import arguments, axes, docs, fast
from ..calling.broadcast import as_slices, regions
from ..calling.dtypes import Array, DType, computing
from ..calling.fast import KernelTable
from ..calling.long_rows import spans
from ..calling.row_arguments import RowArguments, require_numpy
from ..calling.row_layout import RowOperands
from ..messages import shown
from .attention import by_rows
from .base import named
from .row_passes import Axis, RowFunction, RowPass

__all__ = ["entmax"]

#: alpha -> the function that has a threshold in closed form.
_EXACT = {1.5: "entmax15", 2.0: "sparsemax"}
# Elements of a block of the gradient by alpha, of which some ten arrays of float64 are in memory.
BLOCK = 1 << 13

_ALPHA = (
    "float or array_like, default 1.5\n"
    "    More than 1; the larger, the fewer elements are not 0. An array has one for each row: it broadcasts to the\n"
    "    shape of the data without the axis, or with length 1 along it."
)
_BY_ALPHA = "bool, default False\n    Return the gradient by alpha, too, in the shape of alpha: a tuple of both."


class _EntmaxPass(RowPass):
    """What both passes of entmax have in common."""

    def __init__(self, pass_: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        names = [*_EXACT.items(), (None, "_entmax")]
        self._tables = {alpha: KernelTable.of_rows(name, pass_) for alpha, name in names}

    def _table(self, alpha: Any) -> KernelTable:
        return self._tables[alpha if isinstance(alpha, float) and alpha in _EXACT else None]

    def _alpha(self, value: Any) -> float | Array:
        """Return alpha, a number if it is the same for all rows; raise if it is not more than 1."""
        alpha = arguments.parameter_value(self.__qualname__, "alpha", value)
        array = np.asarray(alpha, np.float64)
        if array.size and not (array.min() > 1.0 and array.max() < math.inf):
            raise ValueError(
                f"{self.__qualname__}(): alpha={shown(value)}: expected finite numbers above 1"
            )
        return float(array.flat[0]) if array.size and array.min() == array.max() else array

    def _fast(self, g: Any, x: Any, axis: Any, alpha: Any, *options: Any) -> Any:
        """Compute like `fast.rows` if alpha has a kernel of its own."""
        if type(alpha) is not float or alpha not in _EXACT:
            return None
        return fast.rows(self._tables[alpha], g, x, axis, *options)

    def _walked(self, loop: DType, temperature: float, extra: Mapping[str, Any]) -> DType:
        walked = super()._walked(loop, temperature, extra)
        # alpha is not rounded to 16 bits.
        return (
            walked if self._table(extra["alpha"]) is not self._tables[None] else computing(walked)
        )

    def _operands(
        self,
        call: RowArguments,
        target: Array | None,
        temperature: float,
        extra: Mapping[str, Any],
    ) -> RowOperands:
        found = super()._operands(call, target, temperature, extra)
        alpha = extra["alpha"]
        if self._table(alpha) is not self._tables[None]:
            return found
        excess = np.asarray(alpha) - 1.0
        return found._replace(
            row_inputs=[axes.expanded(call.label, "alpha", excess, call.shape, call.axes)]
        )

    def _kernel(self, dtype: DType, **extra: Any) -> tuple[Kernel, DType]:
        return self._table(extra["alpha"]).direct(dtype)

    def _text(self) -> docs.Text:
        text = super()._text()
        return text.replaced(arguments={**text.arguments, "alpha": _ALPHA})


class _Vjp(_EntmaxPass):
    """The vector-Jacobian product from the output."""

    arrays = ("g", "y")

    def __call__(
        self,
        g: Any,
        y: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        alpha: Any = 1.5,
        by_alpha: bool = False,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        by_alpha = arguments.flag(self.__qualname__, "by_alpha", by_alpha)
        options = temperature, where, out, dtype
        result = None if by_alpha or g is None else self._fast(g, y, axis, alpha, *options)
        if result is not None:
            return result
        number = self._alpha(alpha)
        if not by_alpha:
            return self._general((g, y), axis, *options, alpha=number)
        second = self._by_alpha(g, y, axis, number, np.shape(alpha), where, dtype)
        return self._general((g, y), axis, *options, alpha=number), second

    def _by_alpha(
        self, g: Any, y: Any, axis: Any, alpha: Any, shape: tuple[int, ...], where: Any, dtype: Any
    ) -> Any:
        label = self.__qualname__
        require_numpy(label, (g, y), where, "by_alpha=True")
        call = RowArguments(label, {"g": g, "y": y}, axis, where, None, dtype)
        g = axes.broadcast(label, "g", call.arrays[0], call.shape)
        excess = axes.expanded(label, "alpha", np.asarray(alpha) - 1.0, call.shape, call.axes)
        mask = np.broadcast_to(np.True_ if call.mask is None else call.mask, call.shape)
        gradient = np.zeros(axes.kept(call.shape, call.axes))
        depth = len(call.shape) - len(call.axes)
        order = [*(k for k in range(len(call.shape)) if k not in call.axes), *call.axes]
        *operands, target = (a.transpose(order) for a in (g, call.data, excess, mask, gradient))
        n = math.prod(operands[0].shape[depth:])
        with silent():
            for region in regions(target.shape[:depth], max(1, BLOCK // max(1, n))) if n else ():
                place: tuple[Any, ...] = (*as_slices(region, depth), ...)
                rows = [one[place] for one in operands]
                target[place] = _slope(rows, depth, n).reshape(target[place].shape)
        return by_rows(gradient, shape, call)

    def _text(self) -> docs.Text:
        text = super()._text()
        return text.replaced(arguments={**text.arguments, "by_alpha": _BY_ALPHA})


def _slope(operands: Sequence[Array], depth: int, n: int) -> Array:
    """Return the gradient by alpha of each row (Correia, Niculae, Martins 2019, arXiv:1909.00015, proposition 3).

    The operands are g, y, alpha - 1 and the mask, whose first axes are those of rows. A row of more than BLOCK elements
    is processed in parts.
    """
    g, y, excess, mask = operands
    excess = excess.reshape(-1, 1)

    def part(begin: int) -> tuple[Array, ...]:
        return _terms(excess, *(_part(one, depth, begin, n) for one in (g, y, mask)))

    def parts() -> Iterable[tuple[Array, ...]]:
        return [whole] if whole else map(part, range(0, n, BLOCK))

    whole = part(0) if n <= BLOCK else None
    total, by_g, some = (np.zeros(excess.shape) for _ in range(3))
    for g_part, _, s, _ in parts():
        total += s.sum(axis=1, keepdims=True)
        by_g += np.sum(g_part * s, axis=1, keepdims=True)
        some += np.count_nonzero(s, axis=1, keepdims=True)
    mean = by_g / total
    first, second = np.zeros(excess.shape), np.zeros(excess.shape)
    for g_part, p, s, entropy in parts():
        first += np.sum(g_part * (p - s / total), axis=1, keepdims=True)
        second += np.sum((g_part - mean) * entropy, axis=1, keepdims=True)
    slope: Array = first / excess**2 + second / excess
    return np.where(some, slope, 0.0)


def _part(array: Array, depth: int, begin: int, n: int) -> Array:
    """Return elements from `begin` on, at most BLOCK, of one row or of all rows if they are short."""
    if n <= BLOCK:
        return array.reshape(-1, n)
    row = array[(0,) * depth]
    pieces = [piece.reshape(-1) for piece, _ in spans(row, begin, min(begin + BLOCK, n), 0)]
    return np.concatenate(pieces).reshape(1, -1)


def _terms(excess: Array, g: Array, y: Array, mask: Array) -> tuple[Array, ...]:
    """Return g, p, p**(1 - (alpha - 1)) and -p·log p, in float64 and C order, 0 where p is."""
    g, y = g.astype(np.float64, order="C"), y.astype(np.float64, order="C")
    inside = (y > 0.0) & mask
    p = np.where(inside, y, 1.0)
    s = np.where(inside, np.power(p, 1.0 - excess), 0.0)
    return (
        np.where(inside, g, 0.0),
        np.where(inside, p, 0.0),
        s,
        np.where(inside, -p * np.log(p), 0.0),
    )


class _Forward(_EntmaxPass, RowFunction):
    """The function itself."""

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        alpha: Any = 1.5,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        options = temperature, where, out, dtype
        result = self._fast(None, x, axis, alpha, *options)
        if result is not None:
            return result
        return self._general((x,), axis, *options, alpha=self._alpha(alpha))


entmax = named(_Forward, "entmax")(
    "forward",
    "entmax",
    """The sparse softmax: max((α - 1)·x/T - τ, 0)^(1/(α - 1)), where τ makes the row sum to 1.

    Towards α = 1 it is softmax; α = 1.5 is entmax15, α = 2 sparsemax, which are computed as those.""",
    "Peters, Niculae, Martins 2019, arXiv:1905.05702; Correia, Niculae, Martins 2019, arXiv:1909.00015",
    KernelTable.of_rows("_entmax", "forward"),
    vjp=named(_Vjp, "entmax.vjp")(
        "vjp", "entmax", "vjp", "The vector-Jacobian product of entmax.",
        KernelTable.of_rows("_entmax", "vjp"),
    ),
)  # fmt: skip
