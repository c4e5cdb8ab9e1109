"""Gates: the activation of one array times another array, given as two arrays or packed into one."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from ..backends.registry import active
from ..calling import arguments, docs, labelled, protocols
from ..calling.axes import checked_axis
from ..calling.broadcast import SHORTEST_ROW
from ..calling.dtypes import Array, is_real, loop_dtype
from ..calling.fast import MAX_SIZE, alike, fits
from ..definitions.declare import Declaration
from ..definitions.gates import GATES
from .base import Function
from .elementwise import ElementwisePass
from .gradients import TwoGradients

__all__ = ["GATED", "Gate", "GateVjp"]

# A result of at most this many elements is computed row by row, however short the rows.
FEW = 4096
_ORDERS = {"gate_first": True, "value_first": False}

_ARGUMENTS = {
    "gate": "array_like\n    The input of the activation.",
    "value": "array_like\n    The factor of the activated gate; all arrays broadcast.",
    "x": "array_like\n    Gate and value packed into one array, half of `axis` each; replaces both.",
    "axis": "int, default -1\n    The axis along which they are packed.",
    "order": '{"gate_first", "value_first"}, default {default}\n    Which half comes first.',
}
_RAISES = {
    "ValueError": "If shapes do not broadcast, the axis has odd length, or `out` does not match. Nothing is written."
}

Halves = list[tuple[slice, ...]]


class _GatePass(ElementwisePass):
    """Base class of a gate's passes: in a call with one array fewer, the last one packs gate and value."""

    def __init__(self, declaration: Declaration, pass_: str) -> None:
        super().__init__(declaration, pass_)
        self.order = declaration.order

    def call(self, *args: Any, out: Any = None, **options: Any) -> Any:
        """Compute, like a call of the object; ``inspect.signature`` shows the arguments."""
        if len(args) != self.nin - 1:
            packed = {name: None for name in ("axis", "order") if name in options}
            if packed:
                raise TypeError(
                    f"{self.__qualname__}(): {' and '.join(packed)} is for gate and value in one array"
                )
            if not options.keys() <= {"where", "dtype"}:
                self._refuse(name for name in options if name not in ("where", "dtype"))
            return super().call(*args, out=out, **options)
        label = self.__qualname__
        axis, order = options.pop("axis", -1), options.pop("order", None)
        first = arguments.choose(label, "order", _ORDERS, self.order if order is None else order)
        if any(map(labelled.is_labelled, args)):
            return self._labelled(args, axis, order, out, options)
        *g, x = args
        if not protocols.takes_over(x):
            x = np.asanyarray(x)
            if not is_real(x.dtype):
                arguments.real_array(label, x)  # which raises
        return self._packed(g, x, _halves(label, x, axis, first), out, options)

    def _packed(
        self, g: list[Any], x: Any, halves: Halves, out: Any, options: dict[str, Any]
    ) -> Any:
        raise NotImplementedError

    def _labelled(
        self, args: tuple[Any, ...], axis: int, order: Any, out: Any, options: dict[str, Any]
    ) -> Any:
        """Compute from plain arrays; the result loses the labels of the halved axis."""
        values, labels = labelled.plain(self.__qualname__, args)
        result = self(*values, axis=axis, order=order, out=out, **options)
        if out is not None:
            return result
        axis = checked_axis(self.__qualname__, axis, np.ndim(values[-1]))
        packed = self.pass_ == "vjp"
        missing = None
        if labels is not None and any(one is not None for one in labels.missing):
            *gradients, x = labels.missing
            parts = [one for one in gradients if one is not None]
            parts += [] if x is None else np.split(x, 2, axis)
            missing = np.logical_or.reduce(np.broadcast_arrays(*parts))
            missing = np.concatenate((missing, missing), axis) if packed else missing
        return labelled.restored(labels, result, missing, resized=None if packed else axis)

    def _signature(self) -> inspect.Signature:
        kind = inspect.Parameter
        shown = [kind(name, kind.POSITIONAL_ONLY) for name in self.arrays[:-1]]
        shown.append(kind("value", kind.POSITIONAL_ONLY, default=None))
        options = {"axis": -1, "order": self.order, "out": None, "where": True, "dtype": None}
        shown += [kind(name, kind.KEYWORD_ONLY, default=value) for name, value in options.items()]
        return inspect.Signature(shown)

    def _text(self) -> docs.Text:
        label = self.__qualname__
        first = "g, " if self.pass_ == "vjp" else ""
        calls = (
            f"Called as ``{label}({first}gate, value)``, or as ``{label}({first}x, axis=-1, order=...)`` with both "
            "packed into one array."
        )
        texts, returns, notes = _VJP if first else _FORWARD
        summary = inspect.cleandoc(self.declaration.doc)
        if first:
            summary = f"The gradients of {self.declaration.name} with respect to gate and value."
        return docs.Text(
            f"{summary}\n\n{calls}", returns, {**_ARGUMENTS, **texts}, _RAISES, (notes,)
        )


_FORWARD: tuple[dict[str, str], str, str] = (
    {},
    "ndarray or scalar\n    Of the broadcast shape, or of the shape of half of x.",
    "At most 2 ulp from the true value, subnormal results included. Where the activation of the gate underflows,\n"
    "the result is 0 whatever the value.",
)
_VJP: tuple[dict[str, str], str, str] = (
    {
        "g": "array_like\n    The gradient with respect to the output.",
        "out": "tuple of two arrays, or one array for x, optional\n"
        "    Where to write the gradients; may be the inputs.",
        "where": "array_like of bool, optional\n"
        "    Elements where it is False are not written; for gate and value in two arrays only.",
    },
    "tuple of two ndarrays or scalars\n    The gradients with respect to gate and value, of the broadcast shape.\n"
    "ndarray\n    For a packed x: its gradient, packed in the same way.",
    "At most 4 ulp from the true value away from the zeros of the activation's derivative, if g·value neither\n"
    "overflows nor underflows.",
)


class GateVjp(TwoGradients, _GatePass):
    """The gradients of a gate: called as ``(g, gate, value)``, or as ``(g, x, axis=-1, order=...)``."""

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "vjp")

    def _packed(
        self, g: list[Any], x: Any, halves: Halves, out: Any, options: dict[str, Any]
    ) -> Any:
        label, (grad,) = self.__qualname__, g
        dtype = options.pop("dtype", None)
        if options.pop("where", True) is not True:
            raise TypeError(f"{label}(): where is for gate and value in two arrays")
        if options:
            self._refuse(options)
        if dtype is None and (plain := _plain(self, x, halves)) is not None:
            rows, gate, value = plain
            target = np.empty(x.shape, x.dtype) if out is None else out
            if (
                alike(grad, x[halves[0]])
                and fits(target, x)
                and not np.may_share_memory(target, grad)
            ):
                rows(_as_rows(grad, gate.shape), gate, value, *_cut(target, halves))
                return target
        gate, value = (x[half] for half in halves)
        if protocols.takes_over(x) or protocols.takes_over(grad):
            if out is not None:
                raise TypeError(f"{label}(): out= is supported for NumPy arrays only")
            gradients = super().call(grad, gate, value, dtype=dtype)
            in_order = gradients if halves[0] == min(halves, key=_start) else gradients[::-1]
            return np.concatenate(in_order, len(halves[0]) - 1)
        arrays = (arguments.real_array(label, grad), arguments.real_array(label, x))
        loop = loop_dtype(label, (grad, x), arrays, dtype)
        out = arguments.target_for(label, out, x.shape, loop)
        super().call(grad, gate, value, out=tuple(out[half] for half in halves), dtype=dtype)
        return out


class Gate(_GatePass, Function):
    """A gate: called as ``(gate, value)``, or with both packed into one array as ``(x, axis=-1, order=...)``.

    ``f.vjp(g, gate, value)`` gives the gradients with respect to gate and value, ``f.vjp(g, x)`` the gradient with
    respect to the packed array.
    """

    family = "gates"
    vjp: GateVjp

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "forward")
        self._introduce(declaration.source, {"vjp": GateVjp(declaration)}, declaration.aliases)

    def _packed(
        self, g: list[Any], x: Any, halves: Halves, out: Any, options: dict[str, Any]
    ) -> Any:
        if not options and (plain := _plain(self, x, halves)) is not None:
            rows, gate, value = plain
            half = x[halves[0]]
            target = np.empty(half.shape, x.dtype) if out is None else out
            if alike(target, half) and not np.may_share_memory(target, x):
                rows(gate, value, _as_rows(target, gate.shape))
                return target
        return super().call(*(x[half] for half in halves), out=out, **options)

    def _text(self) -> docs.Text:
        return super()._text().replaced(closing=self._closing())


def _halves(label: str, x: Any, axis: int, gate_first: bool) -> Halves:
    """Return the positions of gate and value in x."""
    axis = checked_axis(label, axis, x.ndim)
    length = x.shape[axis]
    if length % 2:
        raise ValueError(f"{label}(): axis {axis} has {length} elements, expected an even number")
    before = (slice(None),) * axis
    halves = [(*before, slice(0, length // 2)), (*before, slice(length // 2, length))]
    return halves if gate_first else halves[::-1]


def _plain(function: ElementwisePass, x: Any, halves: Halves) -> Any:
    """Return the kernel for rows, and gate and value as rows, if x is a plain array: 5 us instead of 20."""
    if type(x) is not np.ndarray or not x.flags.carray or not x.size or x.size > MAX_SIZE:
        return None
    rows = getattr(function.kernels[active()][x.dtype], "rows", None)
    if rows is None:
        return None
    gate, value = _cut(x, halves)
    return (rows, gate, value) if gate.size <= FEW or gate.shape[1] >= SHORTEST_ROW else None


def _cut(x: Array, halves: Halves) -> list[Array]:
    """Return the halves of a contiguous array, each two-dimensional."""
    axis = len(halves[0]) - 1
    flat = x.reshape(math.prod(x.shape[:axis]), -1)
    middle = flat.shape[1] // 2
    return [flat[:, :middle] if half[-1].start == 0 else flat[:, middle:] for half in halves]


def _as_rows(array: Array, shape: tuple[int, ...]) -> Array:
    """Return a contiguous array in two dimensions, with strides that the kernels accept."""
    # reshape() to the same shape keeps the strides, and an axis of length 1 may have any.
    return array.reshape(shape) if shape[1] > 1 else array.reshape(-1).reshape(shape)


def _start(half: tuple[slice, ...]) -> int:
    return int(half[-1].start)


#: Canonical name -> gate, in the order of the table.
GATED: dict[str, Gate] = {name: Gate(declaration) for name, declaration in GATES.items()}
