"""Gates: the activation of one array times another array, given as two arrays or packed into one."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backends.registry import active
from ..calling import arguments, docs, labelled, protocols
from ..calling.axes import checked_axis
from ..calling.broadcast import SHORTEST_ROW
from ..calling.dtypes import Array, is_real, loop_dtype
from ..calling.fast import MAX_SIZE, alike, fits
from ..definitions.declaration import Declaration
from ..definitions.gates import GATES
from .base import Function
from .elementwise import ElementwisePass
from .gradients import TwoGradients

__all__ = ["GATED", "Gate", "GateVjp"]

# A result of at most this many elements is computed row by row, however short the rows.
FEW = 4096
_ORDERS = {name: name for name in ("gate_first", "value_first", "interleaved")}

_ARGUMENTS = {
    "gate": "array_like\n    The input of the activation.",
    "value": "array_like\n    The factor of the activated gate; all arrays broadcast.",
    "x": "array_like\n    Gate and value packed into one array along `axis`; replaces both.",
    "axis": "int, default -1\n    The axis along which they are packed.",
    "order": '{"gate_first", "value_first", "interleaved"}, default {default}\n'
    "    Which half comes first, or interleaved: the elements at even positions are the gate.",
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
            self._check(options)
            return super().call(*args, out=out, **options)
        label = self.__qualname__
        axis, order = options.pop("axis", -1), options.pop("order", None)
        if options:
            self._check(options)
        named = arguments.choose(label, "order", _ORDERS, self.order if order is None else order)
        if any(map(labelled.is_labelled, args)):
            return self._labelled(args, axis, order, out, options)
        *g, x = args
        if not protocols.takes_over(x):
            x = arguments.as_array(label, "x", x)
            if not is_real(x.dtype):
                arguments.real_array(label, x, "x")  # which raises
        return self._packed(g, x, _halves(label, x, axis, named), out, options)

    def _check(self, options: dict[str, Any]) -> None:
        known = ("where", "dtype", *self.parameter_list.names)
        if not options.keys() <= set(known):
            self._refuse(name for name in options if name not in known)

    def _chosen(self, name: str | None) -> ElementwisePass:
        found: ElementwisePass = self if name is None else GATED[name].passes[self.pass_]
        return found

    def _packed(
        self, g: list[Any], x: Any, halves: Halves, out: Any, options: dict[str, Any]
    ) -> Any:
        raise NotImplementedError

    def _plain(self, x: Any, halves: Halves, options: dict[str, Any]) -> Any:
        """Return a kernel of rows, its parameters, and gate and value as rows, if x is a plain array: 5 us, not 20."""
        if type(x) is not np.ndarray or not x.flags.carray or not x.size or x.size > MAX_SIZE:
            return None
        if halves[0][-1].step or (options and ("where" in options or "dtype" in options)):
            return None
        bound = self.bound((), options) if options else (self, self._defaults)
        if bound is None:  # a parameter is an array, or wrong
            return None
        chosen, params = bound
        rows = getattr(chosen.kernels[active()][x.dtype], "rows", None)
        if rows is None:
            return None
        gate, value = _cut(x, halves)
        if gate.size > FEW and gate.shape[1] < SHORTEST_ROW:
            return None
        return rows, params or (), gate, value

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
            named = self.order if order is None else order
            halves = _halves(self.__qualname__, values[-1], axis, named)
            parts = [one for one in gradients if one is not None]
            parts += [] if x is None else [x[half] for half in halves]
            missing = np.logical_or.reduce(np.broadcast_arrays(*parts))
            missing = _joined([missing, missing], halves) if packed else missing
        return labelled.restored(labels, result, missing, resized=None if packed else axis)

    def _signature(self) -> inspect.Signature:
        kind = inspect.Parameter
        shown = [kind(name, kind.POSITIONAL_ONLY) for name in self.arrays[:-1]]
        shown.append(kind("value", kind.POSITIONAL_ONLY, default=None))
        defaults = self.parameter_list.defaults
        shown += [
            kind(name, kind.POSITIONAL_OR_KEYWORD, default=defaults[name])
            for name in self.parameter_list.names
        ]
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
        texts = {**_ARGUMENTS, **texts, **self._parameter_texts()}
        notes = (*notes, *self._domain_notes())
        return docs.Text(f"{summary}\n\n{calls}", returns, texts, _RAISES, notes)


_FORWARD: tuple[dict[str, str], str, tuple[str, ...]] = (
    {},
    "ndarray or scalar\n    Of the broadcast shape, or of the shape of half of x.",
    (
        "At most 2 ulp from the true value, subnormal results included. Where the activation of the gate underflows,\n"
        "the result is 0 whatever the value.",
    ),
)
_VJP: tuple[dict[str, str], str, tuple[str, ...]] = (
    {
        "g": "array_like\n    The gradient with respect to the output.",
        "out": "tuple of two arrays, or one array for x, optional\n"
        "    Where to write the gradients; may be the inputs.",
        "where": "array_like of bool, optional\n"
        "    Elements where it is False are not written; for gate and value in two arrays only.",
    },
    "tuple of two ndarrays or scalars\n    The gradients with respect to gate and value, of the broadcast shape.\n"
    "ndarray\n    For a packed x: its gradient, packed in the same way.",
    (
        "At most 4 ulp from the true value away from the zeros of the activation's derivative, if g·value neither\n"
        "overflows nor underflows; for situ_glu also g times the derivative by the value.",
    ),
)


class GateVjp(TwoGradients, _GatePass):
    """The gradients of a gate: called as ``(g, gate, value)``, or as ``(g, x, axis=-1, order=...)``."""

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "vjp")

    def _packed(
        self, g: list[Any], x: Any, halves: Halves, out: Any, options: dict[str, Any]
    ) -> Any:
        label, (grad,) = self.__qualname__, g
        if options.pop("where", True) is not True:
            raise TypeError(f"{label}(): where is for gate and value in two arrays")
        if (plain := self._plain(x, halves, options)) is not None:
            rows, params, gate, value = plain
            target = np.empty(x.shape, x.dtype) if out is None else out
            if (
                alike(grad, x[halves[0]])
                and fits(target, x)
                and not np.may_share_memory(target, grad)
            ):
                rows(_as_rows(grad, gate.shape), gate, value, *_cut(target, halves), *params)
                return target
        gate, value = (x[half] for half in halves)
        if protocols.takes_over(x) or protocols.takes_over(grad):
            if out is not None:
                raise TypeError(f"{label}(): out= is supported for NumPy arrays only")
            return _joined(super().call(grad, gate, value, **options), halves)
        arrays = (arguments.real_array(label, grad), arguments.real_array(label, x))
        loop = loop_dtype(label, (grad, x), arrays, options.get("dtype"))
        out = arguments.target_for(label, out, x.shape, loop)
        super().call(grad, gate, value, out=tuple(out[half] for half in halves), **options)
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
        if (plain := self._plain(x, halves, options)) is not None:
            rows, params, gate, value = plain
            half = x[halves[0]]
            target = np.empty(half.shape, x.dtype) if out is None else out
            if alike(target, half) and not np.may_share_memory(target, x):
                rows(gate, value, _as_rows(target, gate.shape), *params)
                return target
        return super().call(*(x[half] for half in halves), out=out, **options)


def _halves(label: str, x: Any, axis: int, order: str) -> Halves:
    """Return the positions of gate and value in x."""
    axis = checked_axis(label, axis, x.ndim)
    length = x.shape[axis]
    if length % 2:
        raise ValueError(f"{label}(): axis {axis} has {length} elements, expected an even number")
    before = (slice(None),) * axis
    if order == "interleaved":
        return [(*before, slice(0, None, 2)), (*before, slice(1, None, 2))]
    halves = [(*before, slice(0, length // 2)), (*before, slice(length // 2, length))]
    return halves if order == "gate_first" else halves[::-1]


def _joined(parts: Sequence[Any], halves: Halves) -> Any:
    """Return an array of which gate and value are at these positions."""
    axis = len(halves[0]) - 1
    if halves[0][-1].step:
        before, after = parts[0].shape[:axis], parts[0].shape[axis + 1 :]
        length = 2 * parts[0].shape[axis]
        return np.stack(parts, axis + 1).reshape((*before, length, *after))
    return np.concatenate(parts if halves[0][-1].start == 0 else parts[::-1], axis)


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


#: Canonical name -> gate, in the order of the table.
GATED: dict[str, Gate] = {name: Gate(declaration) for name, declaration in GATES.items()}
