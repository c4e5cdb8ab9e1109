"""What the losses share: their arguments, and sums that do not depend on the number of threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..backends.registry import Kernel, active, within
from ..calling import arguments
from ..calling.broadcast import regions
from ..calling.row_arguments import broadcast
from .elementwise import Pass

__all__ = [
    "REDUCTIONS",
    "Loss",
    "as_flat",
    "check_g",
    "check_reduction",
    "is_flat",
    "loss_dtype",
    "matching",
    "reduced",
    "summed",
]

Array = np.ndarray[Any, np.dtype[Any]]

REDUCTIONS = ("mean", "sum", "none")
# Elements of a block whose losses are kept to be summed. Four float64 operands of it, all of them copies, are 1 MiB.
BLOCK = 1 << 15


class Loss:
    """Base of the losses: a public object with a name that it is found by."""

    name: str
    aliases: tuple[str, ...] = ()
    source: str

    def __init__(self) -> None:
        self.__module__ = "fastact"
        self.__name__ = self.__qualname__ = self.name

    def __reduce__(self) -> str:
        return self.name


def loss_dtype(label: str, data: Sequence[Any], arrays: Sequence[Array]) -> np.dtype[Any]:
    """Return the dtype of a loss and of its gradient, by NumPy's rules for its operands.

    The target comes last; integers and booleans are labels in it, and adapt to the others as weights do.
    """
    if arrays[-1].dtype.kind != "f":
        data, arrays = data[:-1], arrays[:-1]
    return arguments.loop_dtype(label, data, arrays, None)


def check_reduction(label: str, reduction: str) -> None:
    """Raise unless it is one of the three."""
    if reduction not in REDUCTIONS:
        choices = ", ".join(REDUCTIONS)
        raise ValueError(f"{label}(): reduction={reduction!r}: choose one of {choices}")


def matching(label: str, what: str, value: Any, shape: tuple[int, ...], loop: Any) -> Any:
    """Return a weight as a float, or as an array of `loop` broadcast to `shape`: infinite beyond its range."""
    if value is None:
        return 1.0
    value = arguments.parameter_value(label, what, value)
    if type(value) is float:
        return within(np.dtype(np.float32), value) if loop.itemsize < 8 else value
    with silent():
        return broadcast(label, what, np.asarray(value).astype(loop, copy=False), shape)


def check_g(label: str, g: Any, shape: tuple[int, ...], reduction: str) -> Array:
    """Return the gradient with respect to the loss as an array, once it is known to fit."""
    array = arguments.real_array(label, g)
    if array.shape != (shape if reduction == "none" else ()):
        raise ValueError(f"{label}(): g of shape {array.shape} does not fit the loss")
    return array


def reduced(total: float, count: float, reduction: str, dtype: np.dtype[Any]) -> Any:
    """Return a sum, or the mean, as a scalar of `dtype`; the mean of nothing is NaN."""
    with silent():
        value = np.float64(total)
        return (value / count if reduction == "mean" else value).astype(dtype)


def summed(
    function: Pass, inputs: list[Array], out: Array | None, params: tuple[Any, ...], loop: Any
) -> float:
    """Return the sum of the first output of `function`, which goes nowhere else; a second one goes to `out`.

    All arrays are of one shape.
    """
    dtype = np.dtype(np.float64 if loop.itemsize == 8 else np.float32)
    kernel = function.kernels[active()][dtype]
    assert kernel is not None
    arrays = [*inputs, *([] if out is None else [out]), *params]
    if (
        hasattr(kernel, "summed")
        and dtype == loop
        and all(is_flat(a, dtype) for a in arrays if isinstance(a, np.ndarray))
    ):
        return float(
            kernel.summed(*(a.reshape(-1) if isinstance(a, np.ndarray) else a for a in arrays))
        )
    total = 0.0
    with silent():
        for region in regions(inputs[0].shape, BLOCK):
            total += _summed_block(kernel, len(inputs), region, arrays, out, loop)
    return total


def as_flat(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return the array as kernels take it: of this dtype, contiguous and aligned, with one dimension at least."""
    array = np.ascontiguousarray(array, dtype)
    return array if array.flags.aligned else array.copy()


def is_flat(array: Array, dtype: np.dtype[Any]) -> bool:
    """Tell whether kernels take the array as it is."""
    return array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned


def _summed_block(
    kernel: Kernel, n_in: int, region: Any, arrays: list[Any], out: Array | None, loop: Any
) -> float:
    """Return the sum over one region, whose operands are copied where they are not flat.

    They are cast to `loop` first, and the second output is: float16 is only computed in float32.
    """
    dtype = np.dtype(np.float64 if loop.itemsize == 8 else np.float32)
    parts = [a[region] if isinstance(a, np.ndarray) else a for a in arrays]
    flat = [
        as_flat(a.astype(loop, copy=False), dtype).reshape(-1) if isinstance(a, np.ndarray) else a
        for a in parts
    ]
    losses = np.empty(flat[0].size, dtype)
    kernel(*flat[:n_in], losses, *flat[n_in:])
    if out is not None and not np.may_share_memory(flat[n_in], parts[n_in]):
        parts[n_in][...] = flat[n_in].astype(loop, copy=False).reshape(parts[n_in].shape)
    return float(np.add.reduce(losses, dtype=np.float64))
