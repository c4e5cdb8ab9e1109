"""Gates: one array, activated, times another, given as two arrays or packed into one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..backends.registry import active
from ..calling import arguments, docs, gate_docs, protocols
from ..calling.broadcast import SHORTEST_ROW
from ..calling.caller import fast_call
from ..calling.fast import MAX_SIZE, fits
from ..definitions.declare import Declaration
from ..definitions.gates import FUSED, GATES
from .elementwise import Pass

__all__ = ["GATED", "Gated", "GatedVjp", "OneGradient"]

Array = np.ndarray[Any, np.dtype[Any]]

# Elements of a result that are computed row by row however short the rows are.
FEW = 4096
_ORDERS = ("gate_first", "value_first")
# PyTorch's glu activates the second half; of the others, most code activates the first.
_DEFAULT_ORDER = {"glu": "value_first"}


@fast_call
class GatedVjp(Pass):
    """The gradients of a gate: called as ``(g, gate, value)``, or as ``(g, x, axis=-1, order=...)``."""

    __doc__ = docs.OnInstance(gate_docs.document, class_value=__doc__)
    __signature__ = docs.OnInstance(gate_docs.signature)

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "vjp")
        self.order = _DEFAULT_ORDER.get(declaration.name, "gate_first")

    @property
    def parts(self) -> tuple[OneGradient, ...]:  # type: ignore[override]
        """What computes each gradient alone."""
        return OneGradient(self, 0), OneGradient(self, 1)

    def call(self, *args: Any, out: Any = None, **options: Any) -> Any:
        """Compute, as calling the object does; ``inspect.signature`` shows the arguments."""
        if len(args) != 2:
            return super().call(*args, out=out, **options)
        return self._packed(*args, out=out, **options)

    def _packed(
        self,
        g: Any,
        x: Any,
        *,
        axis: int = -1,
        order: str | None = None,
        out: Any = None,
        dtype: Any = None,
    ) -> Any:
        label = self.__qualname__
        halves, x = _halves(label, x, axis, order or self.order)
        if dtype is None and (plain := _plain(self, x, halves)) is not None:
            rows, gate, value = plain
            target = np.empty(x.shape, x.dtype) if out is None else out
            if _like(g, x[halves[0]]) and fits(target, x) and not np.may_share_memory(target, g):
                pair = _cut(target, halves)
                rows(_as_rows(g, gate.shape), gate, value, *pair)
                return target
        gate, value = (x[half] for half in halves)
        if protocols.takes_over(x) or protocols.takes_over(g):
            if out is not None:
                raise TypeError(f"{label}() takes an out for NumPy arrays alone")
            gradients = super().call(g, gate, value, dtype=dtype)
            in_order = gradients if halves[0] == min(halves, key=_start) else gradients[::-1]
            return np.concatenate(in_order, axis)
        arrays = (arguments.real_array(label, g), arguments.real_array(label, x))
        loop = arguments.loop_dtype(label, (g, x), arrays, dtype)
        out = arguments.target_for(label, out, x.shape, loop)
        super().call(g, gate, value, out=tuple(out[half] for half in halves), dtype=dtype)
        return out


class OneGradient:
    """One of the two gradients of a gate, for whoever takes functions of one result alone."""

    def __init__(self, function: GatedVjp, place: int) -> None:
        self.__module__ = "fastact"
        self.__name__ = self.__qualname__ = f"{function.__name__}_{place}"
        self.signature = None
        self.nin, self.nout, self.nargs = function.nin, 1, function.nin + 1
        self.types = [f"{char * self.nin}->{char}" for char in "efd"]
        self.ntypes = len(self.types)
        self._function = function
        self._place = place

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute both and return the one."""
        return self._function(*inputs, **options)[self._place]

    def __reduce__(self) -> tuple[Any, ...]:
        return OneGradient, (self._function, self._place)


@fast_call
class Gated(Pass):
    """A gate: called as ``(gate, value)``, or with both packed into one array as ``(x, axis=-1, order=...)``.

    Attributes
    ----------
    name : str
        The canonical name.
    aliases : tuple of str
        Its other names.
    parameters : mapping of str to object
        What a packed call takes, with the defaults.
    source : str
        Where it is defined.
    vjp : GatedVjp
        ``f.vjp(g, gate, value)``: the gradients with respect to gate and value. ``f.vjp(g, x)``: the gradient with
        respect to the packed array.
    """

    __doc__ = docs.OnInstance(gate_docs.document, class_value=__doc__)
    __signature__ = docs.OnInstance(gate_docs.signature)

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "forward")
        self.name = declaration.name
        self.aliases = declaration.aliases
        self.source = declaration.source
        self.vjp = GatedVjp(declaration)
        self.order = self.vjp.order
        self.parameters: Mapping[str, object] = MappingProxyType({"axis": -1, "order": self.order})

    def call(self, *args: Any, out: Any = None, **options: Any) -> Any:
        """Compute, as calling the object does; ``inspect.signature`` shows the arguments."""
        if len(args) != 1:
            return super().call(*args, out=out, **options)
        axis, order = options.pop("axis", -1), options.pop("order", self.order)
        halves, x = _halves(self.__qualname__, args[0], axis, order)
        if not options and (plain := _plain(self, x, halves)) is not None:
            rows, gate, value = plain
            half = x[halves[0]]
            target = np.empty(half.shape, x.dtype) if out is None else out
            if _like(target, half) and not np.may_share_memory(target, x):
                rows(gate, value, _as_rows(target, gate.shape))
                return target
        return super().call(*(x[half] for half in halves), out=out, **options)


def _halves(label: str, x: Any, axis: int, order: str) -> tuple[list[tuple[slice, ...]], Any]:
    """Return where gate and value lie in x, and x as something that can be cut."""
    if order not in _ORDERS:
        raise ValueError(f"{label}(): order={order!r}: choose one of {', '.join(_ORDERS)}")
    if not protocols.takes_over(x):
        x = np.asanyarray(x)
    axis = normalize_axis_index(axis, x.ndim)
    length = x.shape[axis]
    if length % 2:
        raise ValueError(f"{label}(): the {length} elements of axis {axis} cannot be halved")
    before = (slice(None),) * axis
    halves = [(*before, slice(0, length // 2)), (*before, slice(length // 2, length))]
    return halves if order == "gate_first" else halves[::-1], x


def _plain(function: Pass, x: Any, halves: list[tuple[slice, ...]]) -> Any:
    """Return the kernel for rows, and gate and value as such, if x is a plain array of them: 5 us, not 20."""
    if type(x) is not np.ndarray or not x.flags.carray or not x.size or x.size > MAX_SIZE:
        return None
    rows = getattr(function.kernels[active()][x.dtype], "rows", None)
    if rows is None:
        return None
    gate, value = _cut(x, halves)
    return (rows, gate, value) if gate.size <= FEW or gate.shape[1] >= SHORTEST_ROW else None


def _cut(x: Array, halves: list[tuple[slice, ...]]) -> list[Array]:
    """Return the halves of a contiguous array, in two dimensions."""
    axis = len(halves[0]) - 1
    flat = x.reshape(math.prod(x.shape[:axis]), -1)
    middle = flat.shape[1] // 2
    return [flat[:, :middle] if half[-1].start == 0 else flat[:, middle:] for half in halves]


def _as_rows(array: Array, shape: tuple[int, ...]) -> Array:
    """Return a contiguous array in two dimensions, with strides that the kernels take."""
    # Of an array of this shape reshape keeps the strides, and that of an axis of length 1 may be any.
    return array.reshape(shape) if shape[1] > 1 else array.reshape(-1).reshape(shape)


def _like(array: Any, half: Array) -> bool:
    """Tell whether `array` is plain and contiguous, of the shape and dtype of this half."""
    return (
        type(array) is np.ndarray
        and array.dtype == half.dtype
        and array.shape == half.shape
        and bool(array.flags.carray)
    )


def _start(half: tuple[slice, ...]) -> int:
    return int(half[-1].start)


#: Canonical name -> gate, in the order of the table.
GATED: dict[str, Gated] = {name: Gated(FUSED[name]) for name in GATES}
