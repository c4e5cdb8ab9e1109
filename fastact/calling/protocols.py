"""NumPy's override protocols: dispatch to other libraries, and wrapping of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .dtypes import is_floating

__all__ = ["comes_from", "delegate", "overrides", "row_library", "takes_over", "type_name", "wrap"]

# xarray comes first: its objects may hold dask arrays.
_ROW_LIBRARIES = ("xarray", "pandas", "dask")
_DEFAULT = np.ndarray.__array_ufunc__


def takes_over(operand: object) -> bool:
    """Tell whether the operand's type has its own ``__array_ufunc__``."""
    method = getattr(type(operand), "__array_ufunc__", _DEFAULT)
    return method is not _DEFAULT


def library_of(value: object) -> str:
    """Return the library that the value's type comes from."""
    return type(value).__module__.partition(".")[0]


def comes_from(value: object, library: str) -> bool:
    """Tell whether the value's type comes from this library."""
    return library_of(value) == library


def type_name(value: object) -> str:
    """Return the value's type for an error message, such as ``dask.Array``."""
    return f"{library_of(value)}.{type(value).__name__}"


def row_library(label: str, operands: Iterable[object], where: object) -> str | None:
    """Return the library that a call of a row function is delegated to, or None for NumPy.

    A row function is not elementwise: only a library known to pass it whole rows is accepted. `where` is considered
    only if it is a dask array.

    Raises
    ------
    TypeError
        If an operand is an array of any other library.
    """
    found = {library_of(one): one for one in operands if takes_over(one)}
    if comes_from(where, "dask"):
        found["dask"] = where
    for library, one in found.items():
        if library not in _ROW_LIBRARIES:
            raise TypeError(
                f"{label}() does not take arrays of type {type_name(one)}: "
                "convert them to NumPy arrays first"
            )
    return next((library for library in _ROW_LIBRARIES if library in found), None)


def overrides(operands: Iterable[object]) -> list[Any]:
    """Return the operands with ``__array_ufunc__``, one of each type, in order, subclasses before their bases."""
    found: list[Any] = []
    for operand in operands:
        kind = type(operand)
        if not takes_over(operand) or any(type(other) is kind for other in found):
            continue
        bases = (place for place, other in enumerate(found) if issubclass(kind, type(other)))
        found.insert(next(bases, len(found)), operand)
    return found


def delegate(
    candidates: Sequence[Any],
    function: Any,
    inputs: Sequence[Any],
    outs: Sequence[Any],
    options: dict[str, Any],
    dtype: Any = None,
) -> Any:
    """Delegate a call of the ufunc-like `function` to the first candidate that accepts it.

    `dtype` is the result's, for dask, which would otherwise infer it by a call on uninitialised memory.
    """
    inputs = [_filled(operand) for operand in inputs]
    if dtype is not None:
        options = {**options, "dtype": dtype}
    answer = _ask(candidates, function, inputs, outs, options)
    if answer is NotImplemented and len(outs) == 2:
        # dask refuses ufuncs with two outputs: two calls with one output each.
        answers = [
            _ask(candidates, part, inputs, (out,), options)
            for part, out in zip(function.parts, outs, strict=True)
        ]
        answer = NotImplemented if any(a is NotImplemented for a in answers) else tuple(answers)
    if answer is NotImplemented:
        kinds = ", ".join(repr(type(operand).__name__) for operand in candidates)
        raise TypeError(f"{function.__qualname__}() is not implemented by operands of type {kinds}")
    return answer


def _filled(operand: Any) -> Any:
    """Return a masked array with NaN in place of what is masked: other libraries would drop the mask."""
    if not isinstance(operand, np.ma.MaskedArray) or operand.mask is np.ma.nomask:
        return operand
    kind = operand.dtype if is_floating(operand.dtype) else np.dtype(np.float64)
    return np.ma.filled(operand.astype(kind), np.nan)


def _ask(
    candidates: Sequence[Any],
    function: Any,
    inputs: Sequence[Any],
    outs: Sequence[Any],
    options: dict[str, Any],
) -> Any:
    """Return the first answer that is not NotImplemented, or NotImplemented when all decline."""
    for candidate in candidates:
        if type(candidate).__array_ufunc__ is None:
            raise TypeError(
                f"operand {type(candidate).__name__!r} does not support "
                f"{function.__qualname__}() (__array_ufunc__=None)"
            )
    if any(out is not None for out in outs):
        options = {"out": tuple(outs), **options}
    for candidate in candidates:
        answer = type(candidate).__array_ufunc__(
            candidate, function, "__call__", *inputs, **options
        )
        if answer is not NotImplemented:
            return answer
    return NotImplemented


def wrap(
    function: Any,
    inputs: Sequence[Any],
    results: Sequence[np.ndarray[Any, np.dtype[Any]]],
    outs: Sequence[Any],
) -> list[Any]:
    """Wrap plain results as ufuncs do: as the given `out`, or as the inputs' subclass.

    A zero-dimensional result that no operand wraps becomes a NumPy scalar.
    """
    wrapper = _highest_priority(inputs)
    wrapped = []
    for place, (result, out) in enumerate(zip(results, outs, strict=True)):
        context = (function, tuple(inputs), place)
        if type(out) is np.ndarray:
            wrapped.append(out)
        elif out is not None:
            wrapped.append(_call_array_wrap(out, out, context, False))
        elif wrapper is not None:
            wrapped.append(_call_array_wrap(wrapper, result, context, result.ndim == 0))
        else:
            wrapped.append(result if result.ndim else result[()])
    return wrapped


def _highest_priority(inputs: Sequence[Any]) -> Any:
    best, priority = None, 0.0
    for operand in inputs:
        if type(operand) is np.ndarray or isinstance(operand, np.generic):
            continue
        if hasattr(operand, "__array_wrap__"):
            own = float(getattr(operand, "__array_priority__", 0.0))
            if best is None or own > priority:
                best, priority = operand, own
    return best


def _call_array_wrap(wrapper: Any, result: Any, context: Any, scalar: bool) -> Any:
    # NumPy 2 passes three arguments; libraries written for NumPy 1 take two or one.
    if type(wrapper).__array_wrap__ is np.ndarray.__array_wrap__:
        return wrapper.__array_wrap__(result, context, scalar)
    for arguments in ((result, context, scalar), (result, context)):
        try:
            return wrapper.__array_wrap__(*arguments)
        except TypeError:
            continue
    return wrapper.__array_wrap__(result)
