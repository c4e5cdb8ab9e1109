"""softmax and log_softmax with what attention asks of them: a cap, a bias, a sink, a temperature for each row."""

from __future__ import annotations

import inspect
import math
from typing import Any, Never

import numpy as np

from ..calling import arguments, attention, axes, docs, fast, protocols
from ..calling.attention import unbroadcast
from ..calling.attention_rows import Logits
from ..calling.dtypes import Array, DType, computing
from ..calling.fast import KernelTable
from ..calling.memory import without_overlap
from ..calling.row_arguments import RowArguments, require_numpy
from ..definitions.tables import ACTIVATIONS
from .row_passes import Axis, RowPass, RowVjp, Rowwise

__all__ = ["CLASSES", "AttentionCall", "AttentionSoftmax", "AttentionVjp", "by_rows"]

_TEMPERATURE = (
    "float or array_like, default 1.0\n"
    "    Positive; x is divided by it first. An array has one for each row: it broadcasts to the shape of the data\n"
    "    without the axis, or with length 1 along it."
)
_TEXTS = {
    "temperature": _TEMPERATURE,
    "cap": "float, optional\n"
    "    The largest size of a logit (softcap): x/temperature becomes cap·tanh(x/temperature/cap).",
    "bias": "array_like, optional\n"
    "    What is added to the logits then; it broadcasts to the shape of the data. -inf excludes an element.",
    "sink": "float or array_like, optional\n"
    "    One more logit for each row, which counts in the sum and does not come out: with 0, softmax-one. An array\n"
    "    is given like the temperatures of the rows.",
}
_GIVEN = "\n    As in the call of the function; then {gradient} is returned, too."
_VJP_TEXTS = {
    "temperature": _TEMPERATURE,
    "x": "array_like, optional\n    The x of the call of the function: needed with a cap or a sink.",
    "cap": "float, optional\n    As in the call of the function.",
    "bias": "array_like, optional" + _GIVEN.format(gradient="the gradient by the bias"),
    "sink": "float or array_like, optional" + _GIVEN.format(gradient="the gradient by the sink"),
}
_NOTE = (
    "The logits are rounded to the dtype that is computed in where the temperature differs from row to row, or a cap,\n"
    "a bias or a sink is given. Then only NumPy and masked arrays are taken, a block of rows at a time: beyond input\n"
    "and output a call uses at most 1 MiB, but for copies of long rows by the NumPy backend."
)


class AttentionCall(RowArguments):
    """The checked arguments of a call with a cap, a bias, a sink or several temperatures."""

    def __init__(
        self,
        label: str,
        optional: dict[str, Any],
        data: dict[str, Any],
        axis: Any,
        where: Any,
        out: Any,
        dtype: Any,
    ) -> None:
        (target,) = arguments.normalize_out(label, out, 1)
        operands = (*optional.values(), *data.values(), target)
        require_numpy(label, operands, where, "a cap, a bias, a sink or several temperatures")
        super().__init__(label, data, axis, where, target, dtype, optional)
        self.check_out(self.shape)

    def logits(self, temperature: Any, cap: Any, bias: Array | None, sink: Any) -> Logits:
        """Return what the logits are made of; raise if an option does not fit."""
        heat, extremes = self._temperature(temperature)
        dtype = self.loop
        for one in extremes:
            dtype = axes.walked_dtype(dtype, one)
        return Logits(
            self.axes,
            computing(dtype),
            heat,
            self._cap(cap),
            None if bias is None else axes.broadcast(self.label, "bias", bias, self.shape),
            None if sink is None else self._of_rows("sink", sink),
            self.mask,
        )

    def _of_rows(self, name: str, value: Any) -> Array:
        array = arguments.real_array(self.label, value, name)
        return axes.expanded(self.label, name, array, self.shape, self.axes)

    def _temperature(self, value: Any) -> tuple[float | Array, tuple[float, ...]]:
        """Return the temperature, or those of the rows, and the lowest and the highest."""
        if arguments.is_scalar(value):
            number = axes.temperature_of(self.label, "temperature", value)
            return number, (number,)
        array = self._of_rows("temperature", value).astype(np.float64)
        if not array.size:
            return array, ()
        low, high = float(array.min()), float(array.max())
        if not 0.0 < low <= high < math.inf:
            wrong = array[~((array > 0.0) & (array < math.inf))][0]
            raise ValueError(
                f"{self.label}(): temperature={wrong!r}: expected positive finite numbers"
            )
        return array, (low, high)

    def _cap(self, cap: Any) -> float | None:
        if cap is None:
            return None
        number = arguments.number(self.label, "cap", cap)
        if number == math.inf:
            return None
        ACTIVATIONS["softcap"].check_domain(self.label, {"cap": number})
        return number

    def target(self, reads: list[Any]) -> tuple[Array, list[Any]]:
        """Return the array for the result, and copies of the operands that it would overwrite."""
        target = self.out
        if target is None:
            target = np.empty_like(self.data, self.loop, subok=False)
        return np.asarray(target), without_overlap((np.asarray(target),), reads)

    def wrapped(self, data: tuple[Any, ...], function: Any, result: Array) -> Any:
        """Return the result as the caller expects it."""
        if self.out is None and self.labels is not None:
            return self.labels.restored(result, self.missing)
        return protocols.wrap(function, data, [result], (self.out,))[0]


def _is_plain(temperature: Any, *options: Any) -> bool:
    return all(option is None for option in options) and arguments.is_scalar(temperature)


class AttentionSoftmax(Rowwise):
    """softmax or log_softmax."""

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *more: Any,
        temperature: Any = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **options: Any,
    ) -> Any:
        """Compute; ``inspect.signature`` shows the arguments."""
        if not options and not more:  # further arguments that are None would take 0.1 us
            result = fast.rows(self.kernels, None, x, axis, temperature, where, out, dtype)
            if result is not None:
                return result
        return self._call(
            x, axis, *more, temperature=temperature, where=where, out=out, dtype=dtype, **options
        )

    def _call(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        temperature: Any = 1.0,
        cap: float | None = None,
        bias: Any = None,
        sink: Any = None,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute whatever the options are."""
        if unknown or more:
            self._refuse(unknown, len(more))
        if _is_plain(temperature, cap, bias, sink):
            return self._general((x,), axis, temperature, where, out, dtype)
        call = AttentionCall(self.__qualname__, {"bias": bias}, {"x": x}, axis, where, out, dtype)
        logits = call.logits(temperature, cap, call.optional["bias"], sink)
        target, (x_read, *read) = call.target([call.data, logits.bias, logits.sink, logits.mask])
        logits = logits._replace(bias=read[0], sink=read[1], mask=read[2])
        attention.forward(self.kernels.kernel(logits.dtype), logits, x_read, target)
        return call.wrapped((x,), self, target)

    def _signature(self) -> inspect.Signature:
        return docs.signature_of(type(self)._call)

    def _text(self) -> docs.Text:
        return _described(super()._text(), _TEXTS)


class AttentionVjp(RowVjp):
    """The vector-Jacobian product of softmax or log_softmax from its output."""

    def __init__(
        self, name: str, pass_: str, summary: str, kernels: KernelTable, excluded: str = "0"
    ) -> None:
        super().__init__(name, pass_, summary, kernels, excluded)
        self._forward = KernelTable.of_rows(name, "forward")

    def __call__(
        self,
        g: Any,
        y: Any,
        /,
        axis: Axis = -1,
        *more: Any,
        temperature: Any = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **options: Any,
    ) -> Any:
        """Compute; ``inspect.signature`` shows the arguments."""
        if not options and not more:
            result = (
                None
                if g is None
                else fast.rows(self.kernels, g, y, axis, temperature, where, out, dtype)
            )
            if result is not None:
                return result
        options.update(temperature=temperature, where=where, out=out, dtype=dtype)
        return self._call(g, y, axis, *more, **options)

    def _call(
        self,
        g: Any,
        y: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        temperature: Any = 1.0,
        x: Any = None,
        cap: float | None = None,
        bias: Any = None,
        sink: Any = None,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute whatever the options are."""
        if unknown or more:
            self._refuse(unknown, len(more))
        if x is None and _is_plain(temperature, cap, bias, sink):
            return self._general((g, y), axis, temperature, where, out, dtype)
        label = self.__qualname__
        if x is None and not (cap is None and sink is None):
            raise TypeError(f"{label}() needs x= with a cap or a sink: the x of the call")
        options = {"bias": bias, "x": x}
        call = AttentionCall(label, options, {"g": g, "y": y}, axis, where, out, dtype)
        bias_, x_, (g_, _) = call.optional["bias"], call.optional["x"], call.arrays
        logits = call.logits(temperature, cap, bias_, sink)
        operands = [
            axes.broadcast(label, name, call.data if one is None else one, call.shape)
            for name, one in (("g", g_), ("y", call.data), ("x", x_))
        ]
        target, read = call.target([*operands, logits.bias, logits.sink, logits.mask])
        logits = logits._replace(bias=read[3], sink=read[4], mask=read[5])
        dbias = None if bias_ is None else _sums_for(bias_.shape, call)
        dsink = None if logits.sink is None else _of_rows(call, logits.dtype)
        kernels = self._forward.kernel(logits.dtype), self.kernels.kernel(logits.dtype)
        attention.vjp(kernels, logits, tuple(read[:3]), target, dbias, dsink)
        results = [call.wrapped((g, y), self, target)]
        if dbias is not None and bias_ is not None:
            results.append(_shown(dbias, bias_.shape, call.loop))
        if dsink is not None:
            results.append(by_rows(dsink, np.shape(sink), call))
        return results[0] if len(results) == 1 else tuple(results)

    def _signature(self) -> inspect.Signature:
        return docs.signature_of(type(self)._call)

    def _text(self) -> docs.Text:
        text = _described(super()._text(), _VJP_TEXTS)
        more = "\n    With a bias or a sink a tuple: this, then the gradients by those that are given, in that order."
        return text.replaced(returns=text.returns + more)


def _described(text: docs.Text, texts: dict[str, str]) -> docs.Text:
    return text.replaced(arguments={**text.arguments, **texts}, notes=(*text.notes, _NOTE))


def _sums_for(shape: tuple[int, ...], call: RowArguments) -> Array:
    """Return the sums for the gradient by a bias: in float64 unless there is no sum."""
    full = (1,) * (len(call.shape) - len(shape)) + shape
    return np.zeros(full, computing(call.loop) if full == call.shape else np.float64)


def _of_rows(call: AttentionCall, dtype: DType) -> Array:
    return np.zeros(axes.kept(call.shape, call.axes), dtype)


def by_rows(rows: Array, shape: tuple[int, ...], call: RowArguments) -> Any:
    """Return gradients by a parameter of the rows, summed to the shape that it was given in."""
    if len(shape) < rows.ndim:
        rows = rows.reshape(axes.reduced(call.shape, call.axes, False))
    return _shown(unbroadcast(rows, shape), shape, call.loop)


def _shown(result: Array, shape: tuple[int, ...], loop: DType) -> Any:
    with np.errstate(all="ignore"):
        result = result.reshape(shape).astype(loop, copy=False)
    return result if result.ndim else result[()]


#: Function -> its class and that of its vjp.
CLASSES: dict[str, tuple[type[Rowwise], type[RowPass]]] = {
    name: (AttentionSoftmax, AttentionVjp) for name in ("softmax", "log_softmax")
}
