"""What a call may be given: parameters by position or name, dtypes, `out` and `where`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..definitions.declare import Declaration
from .memory import check_distinct
from .protocols import takes_over

__all__ = [
    "ParameterList",
    "check_where",
    "loop_dtype",
    "normalize_out",
    "real_array",
    "target_for",
]

Array = np.ndarray[Any, np.dtype[Any]]
DType = np.dtype[Any]

FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))
_DOUBLE = FLOATS[2]


class ParameterList:
    """The parameters of one function, in order, and how a call fills them.

    Attributes
    ----------
    defaults : dict of str to object
        Name -> default, as shown; required parameters are missing from it.
    complete : tuple of float or None
        What the kernel gets when a call gives no parameter; None if one is required.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.params = declaration.params
        self.choices = declaration.choices
        self._check_domain = declaration.check_domain
        self.names = (*self.params, *self.choices)
        self.defaults: dict[str, object] = {
            name: None if parameter.optional else parameter.default
            for name, parameter in self.params.items()
            if parameter.optional or parameter.default is not None
        }
        self.defaults.update({name: next(iter(table)) for name, table in self.choices.items()})
        values = [parameter.default for parameter in self.params.values()]
        self.complete = None if None in values else tuple(v for v in values if v is not None)
        self._default_binding: tuple[str | None, dict[str, Any]] | None = None
        if self.complete is not None:
            self._default_binding = self.bind(declaration.name, (), {})

    def bind(
        self, label: str, positional: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[str | None, dict[str, Any]]:
        """Return the declaration that a choice selects, if any, and the values of the parameters.

        A value is a `float`, an array, or an object of a type with its own ``__array_ufunc__``.
        """
        if self._default_binding is not None and not positional and not named:
            return self._default_binding
        given = self._assign(label, positional, named)
        chosen = None
        for name, table in self.choices.items():
            chosen = _choose(label, name, table, given.get(name, self.defaults[name]))
        values = {name: self._value(label, name, given) for name in self.params}
        self._check_domain(label, values)
        return chosen, values

    def _value(self, label: str, name: str, given: Mapping[str, Any]) -> Any:
        parameter = self.params[name]
        value = given.get(name)
        if value is None and (parameter.optional or name not in given):
            value = parameter.default
            if value is None:
                raise TypeError(f"{label}() is missing its required parameter {name!r}")
        return value if type(value) is float else parameter_value(label, name, value)

    def _assign(
        self, label: str, positional: Sequence[Any], named: Mapping[str, Any]
    ) -> dict[str, Any]:
        if len(positional) > len(self.names):
            raise TypeError(
                f"{label}() got too many positional arguments, {len(positional)} after its arrays: "
                f"{self._described()}"
            )
        given = dict(zip(self.names, positional, strict=False)) if positional else {}
        for name, value in named.items():
            if name not in self.names:
                raise TypeError(f"{label}() has no parameter {name!r}: {self._described()}")
            if name in given:
                raise TypeError(f"{label}() got two values for {name!r}")
            given[name] = value
        return given

    def _described(self) -> str:
        if not self.names:
            return "it takes none besides out, where and dtype"
        shown = (
            f"{name}={self.defaults[name]!r}" if name in self.defaults else name
            for name in self.names
        )
        return f"it takes {', '.join(shown)}, and out, where and dtype"


def _choose(label: str, name: str, table: Mapping[object, str], value: object) -> str:
    try:
        return table[value]
    except (KeyError, TypeError):  # TypeError: unhashable
        choices = ", ".join(map(repr, table))
        raise ValueError(f"{label}(): {name}={value!r}: choose one of {choices}") from None


def parameter_value(label: str, name: str, value: Any) -> Any:
    """Return a number as `float` and an array-like as an array, once it is known to be numeric."""
    if isinstance(value, (float, int, np.floating, np.integer, np.bool_)):
        return float(value)
    if takes_over(value):
        return value
    array = None if isinstance(value, str) else np.asarray(value)
    if array is None or array.dtype.kind not in "biuf":
        shown = type(value).__name__ if array is None or not array.ndim else f"{array.dtype} array"
        raise TypeError(f"{label}() takes a number or an array of numbers for {name}, not {shown}")
    return array if array.ndim else float(array)


def real_array(label: str, value: Any) -> Array:
    """Return array-like data as an array, once its dtype is known to be real."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        found = f" ({type(value).__name__})" if array.dtype.kind == "O" and not array.ndim else ""
        raise TypeError(f"{label}() takes real numbers, not dtype {array.dtype}{found}")
    return array


def loop_dtype(label: str, data: Sequence[Any], arrays: Sequence[Array], dtype: Any) -> DType:
    """Return the floating dtype of the result, by NumPy's rules for ufuncs.

    Integers count as float64; Python's own numbers adapt to the arrays beside them.
    """
    if dtype is not None:
        wanted: DType = np.dtype(dtype).newbyteorder("=")
        if wanted not in FLOATS:
            raise TypeError(f"{label}() has no result of dtype {wanted}: {_supported()}")
        return wanted
    result: DType | None = None
    for value, array in zip(data, arrays, strict=True):
        if isinstance(value, (int, float)) and not isinstance(value, np.generic):
            continue
        own = array.dtype if array.dtype.kind == "f" else _DOUBLE
        if not own.isnative:  # asked first: a new dtype takes 0.2 us
            own = own.newbyteorder("=")
        result = own if result is None or result is own else np.promote_types(result, own)
    if result is None:
        return _DOUBLE
    if result not in FLOATS:
        raise TypeError(f"{label}() does not take dtype {result}: {_supported()}")
    return result


def _supported() -> str:
    return "the floating dtypes are float16, float32 and float64"


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
            raise TypeError(f"{label}(): out is not an array but {type(entry).__name__}")
    return outs


def check_out(label: str, outs: Sequence[Array | None], result: DType) -> None:
    """Raise if a result of dtype `result` may not be written into each of `outs`."""
    if len(outs) == 2:
        check_distinct(label, *outs)
    for out in outs:
        if out is None:
            continue
        if not out.flags.writeable:
            raise ValueError(f"{label}(): out is read-only")
        if out.dtype.kind not in "fc" or not np.can_cast(result, out.dtype, "same_kind"):
            raise TypeError(
                f"{label}() cannot write its {result} result into an out of dtype {out.dtype}"
            )


def target_for(label: str, out: Any, shape: tuple[int, ...], loop: DType) -> Array:
    """Return `out` once it is known to fit, or a new array."""
    if out is None:
        return np.empty(shape, loop)
    (out,) = normalize_out(label, out, 1)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{label}() writes into NumPy arrays alone, not {type(out).__name__}")
    check_out(label, (out,), loop)
    if out.shape != shape:
        raise ValueError(f"{label}(): out is of shape {out.shape}, the result of shape {shape}")
    array: Array = out
    return array


def check_where(label: str, where: Any) -> Array | None:
    """Return the mask as an array, or None if everything is selected."""
    if where is True:
        return None
    mask = np.asarray(where)
    if mask.dtype != np.bool_:
        raise TypeError(f"{label}(): where is of dtype {mask.dtype}, not bool")
    return None if mask.ndim == 0 and mask else mask
