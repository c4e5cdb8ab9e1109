"""Arrays of other libraries in calls of row functions: who computes, and what the result becomes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import protocols

if TYPE_CHECKING:
    from ..functions.rows import RowCall

__all__ = ["asked", "delegate", "without_masked", "wrap"]

Array = np.ndarray[Any, np.dtype[Any]]


def asked(data: Sequence[Any], out: Any, where: Any) -> list[Any]:
    """Return the operands to ask, as ufuncs do; a mask is asked only if it is a dask array."""
    mask = (where,) if _comes_from(where, "dask") else ()
    return protocols.overrides((*data, out, *mask))


def delegate(
    function: RowCall,
    candidates: Sequence[Any],
    data: tuple[Any, ...],
    out: Any,
    where: Any,
    options: dict[str, Any],
) -> Any:
    """Leave a call to the first candidate that takes it; `options` has the axis."""
    xarray = [candidate for candidate in candidates if _comes_from(candidate, "xarray")]
    if not xarray and any(_comes_from(candidate, "dask") for candidate in candidates):
        from .dask import compute  # which imports dask

        return compute(function, data, out, where, options)
    if where is not True:
        options = {**options, "where": where}
    if xarray and function.reduces:
        return _reduced(function, data[0], options)
    result = protocols.delegate(candidates, function, data, (out,), options)
    if function.reduces and isinstance(result, np.ndarray) and result.ndim == 1:
        return _series(data[0], result, options["axis"])
    return result


def _comes_from(value: object, library: str) -> bool:
    return type(value).__module__.partition(".")[0] == library


def _reduced(function: RowCall, x: Any, options: dict[str, Any]) -> Any:
    """Reduce an xarray object; a Dataset's variables one by one."""
    if hasattr(x, "data_vars"):
        return x.map(lambda variable: _reduced(function, variable, options))
    rest = {name: value for name, value in options.items() if name not in ("axis", "keepdims")}
    axis, keepdims = options["axis"], options.get("keepdims", False)

    def reduce(values: Any, axis: Any = None, **_: Any) -> Any:
        return function(values, axis=axis, **rest)

    return x.reduce(reduce, axis=axis, keepdims=keepdims)


def _series(frame: Any, values: Array, axis: Any) -> Any:
    """Label a DataFrame's reduced values with what is left of its axes."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(frame, pandas.DataFrame) or not isinstance(axis, int):
        return values
    return pandas.Series(values, index=frame.axes[1 - axis % 2])


def without_masked(mask: Array | None, data: Sequence[Any]) -> Array | None:
    """Return the mask without what masked arrays have masked: that does not count either."""
    for value in data:
        if isinstance(value, np.ma.MaskedArray) and value.shape == np.shape(data[-1]):
            counts = ~np.ma.getmaskarray(value)
            mask = counts if mask is None else mask & counts
    return mask


def wrap(
    function: RowCall,
    data: Sequence[Any],
    result: Array,
    outs: Sequence[Any],
    reduced: tuple[int, ...] | None,
) -> Any:
    """Dress a plain result as ufuncs do; a masked row's number is masked."""
    x = data[-1]
    if reduced is not None and outs[0] is None and isinstance(x, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(x).all(axis=reduced).reshape(result.shape)
        masked = np.ma.MaskedArray(result, mask=mask)
        return masked if masked.ndim else masked[()]
    return protocols.wrap(function, data, [result], outs)[0]
