"""The gradients of a function with respect to its parameters: accurate sums in bounded memory."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..calling import arguments, docs, labelled
from ..calling.broadcast import as_slices, regions
from ..calling.dtypes import Array, loop_dtype
from ..calling.fast import KernelTable, alike
from ..definitions.declaration import BY
from ..messages import listed
from .base import Pass

__all__ = ["SUM_BLOCK", "ParameterVjp", "common_shape", "summed_by"]

# Elements of a partial sum: with two inputs and a product 384 KiB.
SUM_BLOCK = 1 << 14

_DOUBLE = np.dtype(np.float64)


class ParameterVjp(Pass):
    """The vector-Jacobian products of one function with respect to its parameters.

    Called as ``f.parameter_vjp(g, x, alpha, dtype=None)``, with the parameters by position or by name.
    """

    arrays = ("g", "x")

    def __init__(self, function: Any) -> None:
        self._function = function
        self._name(function.__qualname__, "parameter_vjp")
        self.__module__ = function.__module__

    @cached_property
    def tables(self) -> dict[str, KernelTable]:
        """The kernels of g times the derivative, by parameter."""
        names = self._function.parameter_list.params
        return {name: self._function._kernels(BY + name) for name in names}

    def __call__(self, *args: Any, dtype: Any = None, **named: Any) -> Any:
        """Compute; ``inspect.signature`` shows the arguments."""
        label = self.__qualname__
        if len(args) < self.nin:
            raise TypeError(f"{label}() takes {listed(self.arrays)} by position")
        values, labels = labelled.plain(label, args[: self.nin])
        arrays = list(map(partial(arguments.real_array, label), values, self.arrays))
        parameters = self._function.parameter_list
        _, bound = parameters.bind(label, args[self.nin :], named, ("dtype",))
        given = [
            value if type(value) is float else arguments.real_array(label, value)
            for value in bound.values()
        ]
        loop = loop_dtype(label, values, arrays, dtype)
        if labels is not None:
            arrays = list(map(labelled.masked_out, arrays, labels.missing))
        gradients = {}
        for k, name in enumerate(bound):
            found = np.empty(np.shape(given[k]), loop)
            summed_by(label, self.tables[name], arrays, given, found)
            gradients[name] = found if found.ndim else found[()]
        return gradients

    def _signature(self) -> inspect.Signature:
        kind = inspect.Parameter
        shown = [kind(name, kind.POSITIONAL_ONLY) for name in self.arrays]
        known = self._function._signature().parameters
        shown += [one for one in known.values() if one.name in self._function.parameter_list.names]
        shown.append(kind("dtype", kind.KEYWORD_ONLY, default=None))
        return inspect.Signature(shown)

    def _text(self) -> docs.Text:
        function = self._function
        found = function._text()
        texts = {name: found.arguments[name] for name in function.parameter_list.names}
        return docs.Text(
            f"The gradients of {function.__qualname__} by its parameters: g times each derivative, summed.",
            "dict of str to ndarray or scalar\n"
            "    By name, each of the shape that the parameter was given in; summed in float64, then rounded to the\n"
            "    dtype of x.",
            texts,
            raises={
                "ValueError": "If shapes do not broadcast, or a parameter is outside of the domain."
            },
        )


def summed_by(
    label: str,
    table: KernelTable,
    arrays: Sequence[Array],
    params: Sequence[float | Array],
    out: Array,
) -> None:
    """Write the sum of what a kernel makes of g, x and the parameters, in the shape of one of these.

    The arrays are cast to the dtype of `out`; from there on everything is float64, and the sum, which is rounded to
    that dtype, has the rounding errors of its additions.
    """
    kernel: Any = table.kernel(_DOUBLE)
    with silent():
        if not out.shape and _is_plain(kernel, arrays, params, out.dtype):
            out[...] = kernel.summed(*arrays, *params)
        else:
            _in_blocks(label, kernel, arrays, params, out)


def _is_plain(
    kernel: Any, arrays: Sequence[Array], params: Sequence[Any], loop: np.dtype[Any]
) -> bool:
    """Tell whether the kernel adds up the results itself: it takes arrays of one dimension."""
    x = arrays[-1]
    return (
        hasattr(kernel, "summed")
        and x.ndim == 1
        and x.dtype == loop == _DOUBLE
        and all(alike(array, x) for array in arrays)
        and all(type(value) is float for value in params)
    )


def _in_blocks(
    label: str,
    kernel: Any,
    arrays: Sequence[Array],
    params: Sequence[float | Array],
    out: Array,
) -> None:
    """Sum for some elements of `out` after the others: the sums, in float64, are longer than these."""
    whole = common_shape(label, [*arrays, *(p for p in params if isinstance(p, np.ndarray))])
    arrays = [np.broadcast_to(array, whole) for array in arrays]
    spread = [np.broadcast_to(p, whole) if isinstance(p, np.ndarray) else p for p in params]
    target = out[(None,) * (len(whole) - out.ndim) + (...,)]
    shared = tuple(axis for axis, length in enumerate(target.shape) if length == 1)
    # Sums, their errors, and what they are added up with need as much memory again as three blocks.
    size = SUM_BLOCK if target.shape == whole else SUM_BLOCK // 4
    for region in regions(target.shape, size):
        place = as_slices(region, len(whole))
        wide: tuple[Any, ...] = (
            *(slice(None) if axis in shared else place[axis] for axis in range(len(whole))),
            ...,
        )
        some = [array[wide] for array in arrays]
        values = [p if type(p) is float else p[wide] for p in spread]  # type: ignore[index]
        target[place] = _sum(kernel, some, values, target[place].shape, out.dtype)


def _sum(
    kernel: Any,
    arrays: Sequence[Array],
    params: Sequence[float | Array],
    shape: tuple[int, ...],
    loop: np.dtype[Any],
) -> Array:
    """Return the sums of one shape: arrays and parameters have the same, or are longer along axes of length 1."""
    whole, depth = arrays[0].shape, arrays[0].ndim
    shared = tuple(axis for axis, length in enumerate(shape) if length == 1)
    if whole == shape and arrays[0].size <= SUM_BLOCK:
        return _results(kernel, arrays, params, loop)
    total, lost = np.zeros(shape), np.zeros(shape)
    for region in regions(whole, SUM_BLOCK):
        index = as_slices(region, depth)
        values = [p if type(p) is float else p[index] for p in params]  # type: ignore[index]
        part = _results(kernel, [array[index] for array in arrays], values, loop)
        # The ellipsis keeps a zero-dimensional slice an array, for adding in place.
        held: tuple[Any, ...] = (
            *(slice(None) if axis in shared else index[axis] for axis in range(depth)),
            ...,
        )
        _add(total[held], lost[held], part.sum(axis=shared, keepdims=True, dtype=np.float64))
    found: Array = np.where(np.isfinite(lost), total + lost, total)
    return found


def _results(
    kernel: Any, arrays: Sequence[Array], params: Sequence[float | Array], loop: np.dtype[Any]
) -> Array:
    """Return what is to be summed."""
    flat = [_contiguous(array, loop) for array in arrays]
    values = [p if type(p) is float else _contiguous(p, _DOUBLE) for p in params]  # type: ignore[arg-type]
    out = np.empty(flat[-1].size)
    kernel(*flat, out, *values)
    return out.reshape(arrays[0].shape)


def _contiguous(array: Array, loop: np.dtype[Any]) -> Array:
    """Return the elements in float64, cast to `loop` first."""
    return np.require(array.astype(loop, copy=False), _DOUBLE, ("C", "A")).reshape(-1)


def common_shape(label: str, arrays: Sequence[Array]) -> tuple[int, ...]:
    """Return the shape that the arrays broadcast to: np.broadcast_shapes stops at 32 dimensions."""
    try:
        walk = np.nditer(arrays, flags=["multi_index", "zerosize_ok"])
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"{label}(): operands of shape {shapes} do not broadcast") from None
    shape: tuple[int, ...] = walk.shape
    return shape


def _add(total: Array, lost: Array, part: Array) -> None:
    """Add `part` in place, accumulating the rounding errors in `lost` (Knuth's two-sum)."""
    before = total.copy()
    total += part
    kept = total - before
    lost += (before - (total - kept)) + (part - kept)
