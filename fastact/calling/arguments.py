"""Checking the arguments of a call, one by one: numbers, choices, arrays, `out` and `where`."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..messages import shortened, shown, suggestion
from .dtypes import Array, DType, is_floating, is_real, loop_dtype
from .memory import check_distinct
from .protocols import takes_over, type_name

__all__ = [
    "as_array",
    "as_float",
    "check_out",
    "check_where",
    "choose",
    "flag",
    "generator",
    "integer",
    "integers",
    "is_scalar",
    "lazy_dtype",
    "normalize_out",
    "number",
    "real_array",
    "shape_of",
    "target_for",
    "targets_for",
]


def choose(label: str, name: str, table: Mapping[Any, Any], value: object) -> Any:
    """Return the table's entry for a choice, or raise an error that names the choices."""
    try:
        return table[value]
    except (KeyError, TypeError):  # TypeError: unhashable
        choices = ", ".join(map(repr, table))
        hint = suggestion(value, table)
        raise ValueError(
            f"{label}(): {name}={shown(value)}: choose one of {choices}{hint}"
        ) from None


def parameter_value(label: str, name: str, value: Any) -> Any:
    """Return a number as `float`, an array-like as an array; raise TypeError if it is not numeric."""
    if isinstance(value, (float, int, np.floating, np.integer, np.bool_)):
        return as_float(label, name, value)
    if takes_over(value):
        return value
    if type(value) is not np.ndarray and isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{label}() does not take a masked array for {name}: fill it first")
    array = None if isinstance(value, str) else np.asarray(as_array(label, name, value))
    if array is None or not is_real(array.dtype):
        found = shown(value) if array is None or not array.ndim else f"{array.dtype} array"
        raise TypeError(f"{label}() takes a number or an array of numbers for {name}, not {found}")
    return array if array.ndim else float(array)


def as_float(label: str, name: str, value: Any) -> float:
    """Return a number as a float, or raise an error that names it if it is out of range."""
    try:
        return float(value)
    except OverflowError:
        raise ValueError(
            f"{label}(): {name} is {shown(value)}: expected a number in the range of float64"
        ) from None


def as_array(label: str, name: str, value: Any) -> Array:
    """Return array-like data as an array of any dtype, or raise an error that names it if that fails."""
    try:
        return np.asanyarray(value)
    except (RuntimeError, TypeError) as error:  # of __array__: a tensor with a gradient or of a GPU
        kind = type(value)
        known = kind.__module__.partition(".")[0] == "torch"
        hint = "; fastact.torch has functions of tensors" if known else ""
        raise TypeError(
            f"{label}(): {name} of type {kind.__name__} is not converted to an array: "
            f"{' '.join(str(error).split())[:110].rstrip('.')}{hint}"
        ) from None
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(
            f"{label}(): {name} is an inhomogeneous {type(value).__name__}, whose parts differ in length: "
            "expected an array"
        ) from None


def shape_of(label: str, name: str, value: Any) -> tuple[int, ...]:
    """Return the shape of array-like data, or raise an error that names it."""
    if takes_over(value):
        return np.shape(value)
    return np.shape(value if type(value) is np.ndarray else as_array(label, name, value))


def is_scalar(value: Any) -> bool:
    """Tell whether an argument is one number, and not a sequence, whose shape NumPy may refuse to find."""
    return not (isinstance(value, (list, tuple)) or np.ndim(value))


def integer(label: str, name: str, value: Any) -> int:
    """Return an argument as an int, or raise an error that names it."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{label}(): {name}={shown(value)}: expected an integer") from None


def integers(label: str, name: str, value: Any) -> tuple[int, ...]:
    """Return an argument that is an integer or a sequence of them as a tuple, or raise an error that names it."""
    try:
        return (operator.index(value),)
    except TypeError:
        pass
    try:
        return tuple(map(operator.index, value))
    except TypeError:
        raise TypeError(
            f"{label}(): {name}={shown(value)}: expected an integer or a sequence of integers"
        ) from None


def number(label: str, name: str, value: Any) -> float:
    """Return an argument as a float, or raise an error that names it."""
    try:
        found = parameter_value(label, name, value)
    except TypeError:
        found = None
    if type(found) is not float:
        raise TypeError(f"{label}(): {name}={shown(value)}: expected a number")
    return found


def flag(label: str, name: str, value: Any) -> bool:
    """Return an argument that is True or False, or raise an error that names it."""
    if isinstance(value, (bool, np.bool_)) or (type(value) is int and value in (0, 1)):
        return bool(value)
    raise TypeError(f"{label}(): {name}={shown(value)}: expected True or False")


def generator(label: str, rng: Any) -> np.random.Generator:
    """Return a random generator for an argument `rng`, or raise an error that names it."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise TypeError(
            f"{label}(): rng={shown(rng)}: expected a non-negative integer, a numpy.random.Generator or None"
        ) from None


def real_array(label: str, value: Any, name: str = "") -> Array:
    """Return array-like data as an array; raise TypeError if its dtype is not real."""
    role = f" as {name}" if name else ""
    if type(value) is not np.ndarray and takes_over(value):
        raise TypeError(
            f"{label}() does not take arrays of type {type_name(value)}{role}: convert it to a NumPy array"
        )
    array = np.asarray(as_array(label, name or "an argument", value))
    if not is_real(array.dtype):
        found = f" ({type(value).__name__})" if array.dtype.kind == "O" and not array.ndim else ""
        kind = shortened(str(array.dtype))
        raise TypeError(f"{label}() takes real numbers, not dtype {kind}{found}{role}")
    return array


def lazy_dtype(label: str, data: Sequence[Any], dtype: Any = None) -> DType:
    """Return the dtype of the result without computing lazy operands, such as dask arrays."""
    stand_ins = [np.empty((0,), one.dtype) if hasattr(one, "dtype") else one for one in data]
    return loop_dtype(label, data, [real_array(label, one) for one in stand_ins], dtype)


def normalize_out(label: str, out: Any, nout: int) -> tuple[Any, ...]:
    """Return `out` as a tuple with one entry, an array or None, for each output."""
    if out is None:
        return (None,) * nout
    outs = out if isinstance(out, tuple) else (out,)
    if len(outs) != nout:
        expected = "one array" if nout == 1 else f"a tuple of {nout} arrays"
        raise (ValueError if isinstance(out, tuple) else TypeError)(
            f"{label}() takes {expected} as out"
        )
    for entry in outs:
        if not (entry is None or isinstance(entry, np.ndarray) or takes_over(entry)):
            raise TypeError(f"{label}(): out has type {type(entry).__name__}, expected an array")
    return outs


def check_out(label: str, outs: Sequence[Array | None], result: DType) -> None:
    """Raise if a result of dtype `result` may not be written into each of `outs`."""
    if len(outs) > 1:
        check_distinct(label, outs)
    for out in outs:
        if out is None:
            continue
        if not out.flags.writeable:
            raise ValueError(f"{label}(): out is read-only")
        floating = out.dtype.kind == "c" or is_floating(out.dtype)
        if not floating or not np.can_cast(result, out.dtype, "same_kind"):
            raise TypeError(
                f"{label}() cannot write its {result} result into an out of dtype {out.dtype}"
            )


def targets_for(
    label: str, out: Any, shapes: Sequence[tuple[int, ...]], loop: DType
) -> tuple[Array, ...]:
    """Do as `target_for` for several outputs, of which `out` is None or a tuple with an array or None for each."""
    outs = normalize_out(label, out, len(shapes))
    check_distinct(label, outs)
    return tuple(
        target_for(label, one, shape, loop) for one, shape in zip(outs, shapes, strict=True)
    )


def target_for(label: str, out: Any, shape: tuple[int, ...], loop: DType) -> Array:
    """Return `out` if it fits, else raise; return a new array if it is None."""
    if out is None:
        return np.empty(shape, loop)
    (out,) = normalize_out(label, out, 1)
    if not isinstance(out, np.ndarray):
        raise TypeError(
            f"{label}(): out= is supported for NumPy arrays only, not {type(out).__name__}"
        )
    check_out(label, (out,), loop)
    if out.shape != shape:
        raise ValueError(f"{label}(): out has shape {out.shape}, expected {shape}")
    array: Array = out
    return array


def check_where(label: str, where: Any) -> Array | None:
    """Return the mask as an array, or None if it selects everything."""
    if where is True:
        return None
    mask = np.asarray(where)
    if mask.dtype != np.bool_:
        raise TypeError(f"{label}(): where has dtype {mask.dtype}, expected bool")
    return None if mask.ndim == 0 and mask else mask
