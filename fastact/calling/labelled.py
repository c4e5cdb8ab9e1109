"""Masked, pandas and xarray operands of functions that are not ufuncs: unwrap to plain arrays, rewrap the results.

A missing or masked element takes no part in its row, mean or sum, and is missing in the result. pandas and
xarray are imported only for operands that are their objects.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import protocols
from .axes import checked_axes
from .dtypes import Array, is_floating
from .protocols import comes_from, takes_over, type_name

__all__ = ["Labels", "is_labelled", "masked_out", "plain", "restored", "rows_of", "union"]

# Types of operands that are neither masked nor labelled.
_UNLABELLED = frozenset((np.ndarray, float, int, bool, list, tuple, type(None)))


class Labels:
    """The missing elements of a call's operands, and the labels of their axes.

    Attributes
    ----------
    missing : list of ndarray of bool or None
        Which elements of each operand are missing.
    """

    def __init__(self, missing: list[Array | None], origins: list[Any]) -> None:
        self.missing = missing
        self._origins = [origin for origin in origins if origin is not None]

    def combined(self, shape: tuple[int, ...]) -> Array | None:
        """Return which elements of the shape are missing in any operand, or None if none is."""
        return union(self.missing, shape)

    def restored(
        self,
        result: Array,
        missing: Array | None = None,
        dropped: tuple[int, ...] = (),
        resized: int | None = None,
    ) -> Any:
        """Return a result with the labels of the last labelled operand, or masked if an operand was.

        Parameters
        ----------
        result : ndarray
            Has that operand's shape without the axes `dropped`.
        missing : ndarray of bool, optional
            Which elements of the result are missing.
        dropped : tuple of int
            The axes that the result no longer has.
        resized : int, optional
            An axis whose length has changed, so that its labels no longer apply.
        """
        labelled = (
            one for one in reversed(self._origins) if not isinstance(one, np.ma.MaskedArray)
        )
        origin = next(labelled, None)
        if origin is None:
            masked = np.ma.MaskedArray(result, mask=np.ma.nomask if missing is None else missing)
            return masked if masked.ndim else masked[()]
        if comes_from(origin, "xarray"):
            return _relabelled(origin, result, missing, dropped, resized)
        return _framed(origin, result, missing, dropped, resized)


def union(masks: Iterable[Array | None], shape: tuple[int, ...]) -> Array | None:
    """Return which elements of the shape any mask has, or None if there is no mask."""
    found: Array | None = None
    for one in masks:
        if one is not None:
            mask = np.broadcast_to(one, shape)
            found = mask if found is None else found | mask
    return found


def restored(labels: Labels | None, result: Array, *details: Any, **more: Any) -> Any:
    """Return a result for the caller: with labels if there are any, a scalar if it has no axes."""
    if labels is not None:
        return labels.restored(result, *details, **more)
    return result if result.ndim else result[()]


def plain(label: str, values: Sequence[Any]) -> tuple[Sequence[Any], Labels | None]:
    """Return the operands without labels and masks, and the `Labels` if there are any.

    Operands of pandas and xarray are aligned with the last of them.

    Raises
    ------
    TypeError
        If one is an array of a library that is not supported here, such as dask.
    """
    for value in values:  # all() of a generator takes 0.3 us more
        if type(value) not in _UNLABELLED:
            break
    else:
        return values, None
    leader = next((value for value in reversed(values) if _has_labels(value)), None)
    unwrapped = [_unwrapped(label, value, leader) for value in values]
    labels = Labels([missing for _, missing, _ in unwrapped], [origin for *_, origin in unwrapped])
    return [value for value, *_ in unwrapped], labels if any(
        o is not None for *_, o in unwrapped
    ) else None


def _has_labels(value: Any) -> bool:
    return is_labelled(value) and not isinstance(value, np.ma.MaskedArray)


def is_labelled(value: Any) -> bool:
    """Tell whether the value is masked or labelled and supported here: not an xarray Dataset."""
    if type(value) in _UNLABELLED:
        return False
    if isinstance(value, np.ma.MaskedArray) or _is_frame(value):
        return True
    return comes_from(value, "xarray") and hasattr(value, "values") and hasattr(value, "dims")


def masked_out(array: Array, missing: Array | None, filler: float = 0.0) -> Array:
    """Return the array with missing elements replaced by a filler."""
    if missing is None:
        return array
    filled = array.astype(array.dtype if is_floating(array.dtype) else np.float64)
    filled[missing] = filler
    return filled


def rows_of(
    library: str,
    function: Any,
    data: Sequence[Any],
    out: Any,
    where: Any,
    options: dict[str, Any],
) -> Any:
    """Delegate a call of a row function to the library of its operands; `options` holds the axis."""
    if library == "dask":
        from .dask import compute  # which imports dask

        return compute(function, tuple(data), out, where, options)
    if where is not True:
        options = {**options, "where": where}
    if library == "xarray":
        if function.reduces:
            return _reduced(function, data[0], options)
        candidates = protocols.overrides((*data, out))
        return protocols.delegate(candidates, function, data, (out,), options)
    return _of_frames(function, data, out, options)


def _reduced(function: Any, x: Any, options: dict[str, Any]) -> Any:
    """Reduce an xarray object, or each variable of a Dataset."""
    if hasattr(x, "data_vars"):
        return x.map(lambda variable: _reduced(function, variable, options))
    rest = {name: value for name, value in options.items() if name not in ("axis", "keepdims")}
    axis, keepdims = options["axis"], options.get("keepdims", False)

    def reduce(values: Any, axis: Any = None, **_: Any) -> Any:
        return function(values, axis=axis, **rest)

    return x.reduce(reduce, axis=axis, keepdims=keepdims)


def _of_frames(function: Any, data: Sequence[Any], out: Any, options: dict[str, Any]) -> Any:
    label = function.__qualname__
    if out is not None and takes_over(out):
        raise TypeError(f"{label}(): out= is supported for NumPy arrays only")
    arrays, labels = plain(label, data)
    shape = np.shape(arrays[-1])
    missing = None if labels is None else labels.combined(shape)
    if missing is not None:
        where = options.get("where", True)
        options = {**options, "where": ~missing if where is True else ~missing & np.asarray(where)}
    result = function(*arrays, out=out, **options)
    if out is not None or options.get("keepdims"):
        return result
    if not function.reduces:
        return restored(labels, result, missing)
    axes = checked_axes(label, options["axis"], len(shape))
    gone = None if missing is None else np.asarray(missing.all(axes))
    return restored(labels, result, gone, axes)


def _is_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, (pandas.Series, pandas.DataFrame))


def _unwrapped(label: str, value: Any, leader: Any) -> tuple[Any, Array | None, Any]:
    """Return an operand as an array if it is labelled, else unchanged; its missing elements; its labelled object."""
    if isinstance(value, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(value) if value.mask is not np.ma.nomask else None
        return np.asarray(value.data), masked, value
    if not takes_over(value):
        return value, None, None
    if comes_from(value, "pandas"):
        return _from_pandas(value, leader)
    if is_labelled(value):
        if getattr(value, "chunks", None):
            raise TypeError(f"{label}() does not take chunked xarray objects: load() them first")
        if type(value) is type(leader) and {*value.dims} == {*leader.dims}:
            value = value.transpose(*leader.dims)
            if value.shape == leader.shape:  # as arithmetic of the two would
                value = value.reindex_like(leader)
        return value.values, None, value
    dask = comes_from(value, "dask")
    advice = "compute() it first" if dask else "convert it to a NumPy array first"
    raise TypeError(f"{label}() does not take arrays of type {type_name(value)}: {advice}")


def _from_pandas(value: Any, leader: Any) -> tuple[Any, Array | None, Any]:
    pandas = sys.modules["pandas"]
    if not _is_frame(value):  # an Index or an extension array has no labels
        return (*_column(pandas.Series(value)), None)
    if value.ndim == 1 and getattr(leader, "ndim", 0) == 2 and _is_frame(leader):
        if {*value.index} == {*leader.index}:  # one value for each row
            value = value.reindex(leader.index)
    elif value is not leader and type(value) is type(leader) and value.shape == leader.shape:
        same = all(a.equals(b) for a, b in zip(value.axes, leader.axes, strict=True))
        value = value if same else value.reindex_like(leader)
    if value.ndim == 1:
        return (*_column(value), value)
    if all(isinstance(dtype, np.dtype) for dtype in value.dtypes):
        return value.to_numpy(), None, value
    columns = [_column(value.iloc[:, place]) for place in range(value.shape[1])]
    array = np.stack([column for column, _ in columns], axis=1)
    gone = [np.zeros(len(value), bool) if mask is None else mask for _, mask in columns]
    missing = np.stack(gone, axis=1)
    return array, missing if missing.any() else None, value


def _relabelled(
    origin: Any,
    result: Array,
    missing: Array | None,
    dropped: tuple[int, ...],
    resized: int | None,
) -> Any:
    first = {origin.dims[axis]: 0 for axis in dropped}
    kept = origin.isel(first if resized is None else {origin.dims[resized]: 0}, drop=True)
    values = result if missing is None else np.where(missing, result.dtype.type(np.nan), result)
    if resized is None:
        return kept.copy(data=values)
    return type(origin)(values, kept.coords, origin.dims, origin.name, origin.attrs)


def _column(series: Any) -> tuple[Array, Array | None]:
    """Return the values of a Series, and which are missing if its dtype records that."""
    dtype = series.dtype
    numeric = getattr(dtype, "numpy_dtype", None)  # of nullable dtypes, Arrow's included
    if isinstance(dtype, np.dtype) or numeric is None or numeric.kind not in "biuf":
        return np.asarray(series), None
    missing = series.isna().to_numpy()
    # Missing values take no part: 0 stands for them, so that integers stay integers.
    values = series.to_numpy(dtype=numeric, na_value=numeric.type(0))
    return values, missing if missing.any() else None


def _framed(
    origin: Any,
    result: Array,
    missing: Array | None,
    dropped: tuple[int, ...],
    resized: int | None,
) -> Any:
    pandas = sys.modules["pandas"]
    axes = [
        axis if place != resized else pandas.RangeIndex(result.shape[place])
        for place, axis in enumerate(origin.axes)
        if place not in dropped
    ]
    dtypes = [origin.dtype] if origin.ndim == 1 else list(origin.dtypes)
    if resized == 1:
        dtypes = [
            next((one for one in dtypes if hasattr(one, "numpy_dtype")), result.dtype)
        ] * result.shape[1]
    if not axes:
        return pandas.NA if missing is not None and missing.all() else result[()]
    if len(axes) == 2:
        masks = [None] * len(dtypes) if missing is None else list(missing.T)
        if not any(hasattr(dtype, "numpy_dtype") for dtype in dtypes) and missing is None:
            return pandas.DataFrame(result, *axes)
        columns = map(_extended, dtypes, result.T, masks)
        frame = pandas.DataFrame(dict(enumerate(columns)), index=axes[0])
        frame.columns = axes[1]
        return frame
    dtype = next((one for one in dtypes if hasattr(one, "numpy_dtype")), dtypes[0])
    name = origin.name if origin.ndim == 1 else None
    return pandas.Series(_extended(dtype, result, missing), index=axes[0], name=name)


def _extended(dtype: Any, values: Array, missing: Array | None) -> Any:
    """Return values as an extension array of dtype's kind: nullable or Arrow."""
    pandas = sys.modules["pandas"]
    if not hasattr(dtype, "numpy_dtype"):
        return values if missing is None else np.where(missing, values.dtype.type(np.nan), values)
    if isinstance(dtype, pandas.ArrowDtype):
        import pyarrow  # installed wherever this dtype exists

        return pandas.array(
            pyarrow.array(values, mask=missing),
            dtype=pandas.ArrowDtype(pyarrow.from_numpy_dtype(values.dtype)),
        )
    if values.itemsize < 4:  # pandas has no nullable float16
        values = values.astype(np.float32)
    gone = np.zeros(values.shape, bool) if missing is None else missing.copy()
    return pandas.arrays.FloatingArray(values.copy(), gone)
