"""The passes of row functions: calls along any axes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Never, TypeAlias

import numpy as np

from ..backends.environment import silent
from ..backends.protocol import Kernel
from ..calling import arguments, axes, docs, fast, labelled, protocols
from ..calling.dtypes import Array, DType
from ..calling.fast import KernelTable
from ..calling.row_arguments import RowArguments
from ..calling.row_layout import RowOperands
from ..calling.rows import compute
from .base import Function, Pass

__all__ = [
    "Axis",
    "ReductionVjp",
    "RowFunction",
    "RowPass",
    "RowReduction",
    "RowVjp",
    "Rowwise",
]

Axis: TypeAlias = int | tuple[int, ...] | None

_ARGUMENTS = {
    "g": "array_like\n    The gradient with respect to the output; it broadcasts to its shape.",
    "axis": "int, tuple of int or None, default {default}\n"
    "    The axis along which rows lie. Several axes, or None for all of them, form one long row.",
    "temperature": "float, default 1.0\n    Positive; x is divided by it first.",
    "tau": "float, default 1.0\n    The temperature: positive; the noisy x is divided by it.",
    "hard": "bool, default False\n    Return 1 at the maximum and 0 elsewhere instead.",
    "keepdims": "bool, default False\n    Keep the reduced axes, with length 1.",
    "out": "ndarray, optional\n    Where to write the result; may be one of the inputs.",
}
_WHERE = (
    "array_like of bool, optional\n"
    "    Which elements take part; it broadcasts to the shape of the data. An element where it is False does not\n"
    "    affect its row, even if it is NaN, and its result is {excluded}."
)
_RAISES = {
    "numpy.exceptions.AxisError": "If there is no such axis.",
    "ValueError": "If an axis is repeated, the temperature is not positive and finite, shapes do not match, or\n"
    "    `out` is read-only. Nothing is written.",
}
_NOTES = """\
A NaN makes its whole row NaN and affects no other row. Beyond input and output a call uses at most
1 MiB of memory. Only the NumPy backend copies rows of more than 20,000 elements that are not
contiguous or have another dtype than the output: one at a time."""


class RowPass(Pass):
    """One pass of one row function."""

    #: Whether the last of `arrays` is reduced to one number for each row.
    reduces: ClassVar[bool] = False
    #: The name of the temperature.
    heat: ClassVar[str] = "temperature"
    #: Whether the result depends on the order of a row's elements.
    in_order: bool = False

    def __init__(
        self, name: str, pass_: str, summary: str, kernels: KernelTable, excluded: str = "0"
    ) -> None:
        self._name(name, pass_)
        self._summary, self._excluded = summary, excluded
        self.kernels = kernels

    def _text(self) -> docs.Text:
        shown = self._signature().parameters
        texts = {name: text for name, text in _ARGUMENTS.items() if name in shown}
        texts["where"] = _WHERE.format(excluded=self._excluded)
        last = self.arrays[-1]
        reduced = (
            "The shape of x without the reduced axes; "
            if self.reduces
            else f"Of the shape of {last}; "
        )
        returns = f"ndarray or scalar\n    {reduced}{docs.DTYPE.format(array=last)}"
        return docs.Text(self._summary, returns, texts, _RAISES, (_NOTES,))

    def _general(
        self,
        data: tuple[Any, ...],
        axis: Any,
        temperature: Any,
        where: Any,
        out: Any,
        dtype: Any,
        keepdims: bool = False,
        **extra: Any,
    ) -> Any:
        """Compute from operands of any kind: other libraries' arrays, array-likes, any layout and dtype."""
        label = self.__qualname__
        outs = arguments.normalize_out(label, out, 1)
        library = protocols.row_library(label, (*data, outs[0]), where)
        if library is not None:
            options = {"axis": axis, self.heat: temperature, **extra}
            for name, value, default in (("dtype", dtype, None), ("keepdims", keepdims, False)):
                if value is not default:
                    options[name] = value
            return labelled.rows_of(library, self, data, outs[0], where, options)
        heat = axes.temperature_of(label, self.heat, temperature)
        keepdims = arguments.flag(label, "keepdims", keepdims)
        return self._compute(data, axis, heat, where, outs, dtype, keepdims, extra)

    def _compute(
        self,
        data: tuple[Any, ...],
        axis: Any,
        temperature: float,
        where: Any,
        outs: tuple[Any, ...],
        dtype: Any,
        keepdims: bool,
        extra: Mapping[str, Any],
    ) -> Any:
        """Compute from operands that NumPy can read."""
        operands = dict(zip(self.arrays, data, strict=True))
        call = RowArguments(self.__qualname__, operands, axis, where, outs[0], dtype)
        loop = call.loop
        expected = axes.reduced(call.shape, call.axes, keepdims) if self.reduces else call.shape
        call.check_out(expected)
        target = None if outs[0] is None else np.asarray(outs[0])
        walked = self._walked(loop, temperature, extra)
        if walked != loop and target is None and not self.reduces:
            target = np.empty_like(call.data, loop, subok=False)
        sorted_ = self._operands(call, target, temperature, extra)
        kernel = self._kernel(walked, **extra)
        (result,) = compute(*kernel, walked, call.axes, sorted_, self.in_order)
        if walked != loop and target is None:
            with silent():
                result = result.astype(loop)
        if self.reduces:
            result = result.reshape(expected)
        if outs[0] is None and call.labels is not None:
            missing = call.missing
            if self.reduces and missing is not None:
                missing = missing.all(call.axes).reshape(expected)
            return call.labels.restored(result, missing)
        return protocols.wrap(self, data, [result], outs)[0]

    def _operands(
        self,
        call: RowArguments,
        target: Array | None,
        temperature: float,
        extra: Mapping[str, Any],
    ) -> RowOperands:
        """Sort the arrays of a call into full ones and those with one value for each row."""
        inputs = [
            axes.broadcast(call.label, name, array, call.shape)
            for name, array in zip(self.arrays, call.arrays, strict=True)
        ]
        return RowOperands(inputs, (), (target,), (), call.mask, (temperature,))

    def _walked(self, loop: DType, temperature: float, extra: Mapping[str, Any]) -> DType:
        """Return the dtype to compute a result of dtype `loop` in, or one that it is computed in."""
        return axes.walked_dtype(loop, temperature)

    def _kernel(self, dtype: DType, **extra: Any) -> tuple[Kernel, DType]:
        """Return the kernel of the active backend, and the dtype of the arrays that it takes."""
        return self.kernels.direct(dtype)


class RowVjp(RowPass):
    """The vector-Jacobian product of a row function from its output."""

    arrays = ("g", "y")

    def __call__(
        self,
        g: Any,
        y: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        result = (
            None
            if g is None
            else fast.rows(self.kernels, g, y, axis, temperature, where, out, dtype)
        )
        if result is not None:
            return result
        return self._general((g, y), axis, temperature, where, out, dtype)


class ReductionVjp(RowPass):
    """The vector-Jacobian product of a reduction from its input."""

    arrays = ("g", "x")

    def __call__(
        self,
        g: Any,
        x: Any,
        /,
        axis: Axis = None,
        *more: Never,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        return self._general((g, x), axis, temperature, where, out, dtype)

    def _operands(
        self,
        call: RowArguments,
        target: Array | None,
        temperature: float,
        extra: Mapping[str, Any],
    ) -> RowOperands:
        g, x = call.arrays
        rows = axes.expanded(call.label, "g", g, call.shape, call.axes)
        return RowOperands([x], [rows], (target,), (), call.mask, (temperature,))


class RowFunction(RowPass, Function):
    """A row function.

    ``f.vjp(g, y)`` is the vector-Jacobian product from the output if f keeps the shape (softmax); ``f.vjp(g, x)`` is
    that from the input if f reduces each row to one number (logsumexp).
    """

    family = "rows"
    vjp: RowPass

    def __init__(
        self,
        name: str,
        doc: str,
        source: str,
        kernels: KernelTable,
        aliases: tuple[str, ...] = (),
        excluded: str = "0",
        vjp: RowPass | None = None,
    ) -> None:
        super().__init__(name, "forward", inspect.cleandoc(doc), kernels, excluded)
        self._introduce(source, {"vjp": vjp} if vjp else {}, aliases)


class Rowwise(RowFunction):
    """A row function that keeps the shape, such as softmax."""

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        result = fast.rows(self.kernels, None, x, axis, temperature, where, out, dtype)
        if result is not None:
            return result
        return self._general((x,), axis, temperature, where, out, dtype)


class RowReduction(RowFunction):
    """A row function that reduces each row to one number, such as logsumexp."""

    reduces = True

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = None,
        *more: Never,
        temperature: float = 1.0,
        keepdims: bool = False,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        if out is None and keepdims is False:
            result = fast.rows_reduced(self.kernels, x, axis, temperature, where, dtype)
            if result is not None:
                return result
        return self._general((x,), axis, temperature, where, out, dtype, keepdims)

    def _operands(
        self,
        call: RowArguments,
        target: Array | None,
        temperature: float,
        extra: Mapping[str, Any],
    ) -> RowOperands:
        if target is not None and target.ndim < call.data.ndim:
            target = np.expand_dims(target, call.axes)
        return RowOperands(call.arrays, (), (), (target,), call.mask, (temperature,))
