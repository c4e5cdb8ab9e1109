"""Checking the arguments of a call: parameters by position or name, dtypes, `out` and `where`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..definitions.declare import Declaration
from ..messages import listed, shortened, shown, suggestion
from .dtypes import Array, DType, is_floating, is_real, loop_dtype
from .memory import check_distinct
from .protocols import takes_over, type_name

__all__ = [
    "ParameterList",
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
    "too_many",
    "unknown_argument",
]

_OPTIONS = ("out", "where", "dtype")


class ParameterList:
    """The parameters of one function, in order, and their binding in a call.

    Attributes
    ----------
    defaults : dict of str to object
        Name -> default, as shown in signatures; required parameters are left out.
    complete : tuple of float or None
        The kernel's parameters when a call gives none; None if one is required.
    """

    def __init__(self, declaration: Declaration, pass_: str = "forward") -> None:
        self.params = declaration.params
        self.choices = declaration.choices
        self.names = (*self.choices, *self.params)
        self.defaults: dict[str, object] = {
            name: next(iter(table)) for name, table in self.choices.items()
        }
        self.defaults.update(
            {
                name: None if parameter.optional else parameter.default
                for name, parameter in self.params.items()
                if parameter.optional or parameter.default is not None
            }
        )
        values = [parameter.default for parameter in self.params.values()]
        self.complete = None if None in values else tuple(v for v in values if v is not None)
        self._default_binding: tuple[str | None, dict[str, Any]] | None = None
        # The defaults lie in the domain: to check that of all functions would take 2 ms of the import.
        self._check_domain: Callable[..., None] = lambda *_: None
        if self.complete is not None:
            self._default_binding = self.bind(declaration.name, (), {})
        self._check_domain = partial(declaration.check_domain, pass_=pass_)

    def bind(
        self,
        label: str,
        positional: Sequence[Any],
        named: Mapping[str, Any],
        options: tuple[str, ...] = _OPTIONS,
    ) -> tuple[str | None, dict[str, Any]]:
        """Return the declaration that a choice selects, if any, and the values of the parameters.

        A value is a `float`, an array, or an object of a type with its own ``__array_ufunc__``.
        """
        if self._default_binding is not None and not positional and not named:
            return self._default_binding
        given = self.assign(label, positional, named, options)
        chosen = None
        for name, table in self.choices.items():
            chosen = choose(label, name, table, given.get(name, self.defaults[name]))
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

    def assign(
        self,
        label: str,
        positional: Sequence[Any],
        named: Mapping[str, Any],
        options: tuple[str, ...] = _OPTIONS,
    ) -> dict[str, Any]:
        """Return the given parameters by name; errors show the keywords `options`, too."""
        if len(positional) > len(self.names):
            raise TypeError(
                f"{label}() got too many positional arguments, {len(positional)} after its arrays: "
                f"{_takes((*self.names, *options))}"
            )
        given = dict(zip(self.names, positional, strict=False)) if positional else {}
        for name, value in named.items():
            if name not in self.names:
                raise unknown_argument(label, name, (*self.names, *options))
            if name in given:
                raise TypeError(f"{label}() got two values for {name!r}")
            given[name] = value
        return given


def unknown_argument(label: str, name: str, known: Collection[str]) -> TypeError:
    """Return the error for a keyword that a function does not take, given those that it takes."""
    hint = suggestion(name, known)
    return TypeError(f"{label}() has no parameter {shown(name)}: {_takes(known)}{hint}")


def too_many(label: str, names: Sequence[str], given: int) -> TypeError:
    """Return the error for more positional arguments than a function takes, given the names of those."""
    return TypeError(
        f"{label}() takes at most {len(names)} positional arguments, {listed(names)}, not {given}"
    )


def _takes(known: Collection[str]) -> str:
    return f"it takes {listed(known)}" if known else "it takes none"


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
    """Return array-like data as an array of any dtype, or raise an error that names it if it is ragged."""
    try:
        return np.asanyarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(
            f"{label}(): {name} is a {type(value).__name__} of parts that differ in length, "
            "expected what makes an array"
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
