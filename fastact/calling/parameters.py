"""Binding the arguments of a call to names: parameters by position or name, and errors on those that there are not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from ..definitions.declaration import Declaration
from ..messages import listed, shown, suggestion
from .arguments import choose, parameter_value

__all__ = ["ParameterList", "too_many", "unknown_argument"]

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


def too_few(label: str, arrays: Sequence[str], given: int) -> TypeError:
    """Return the error for fewer positional arguments than a function takes arrays."""
    return TypeError(
        f"{label}() takes {listed(arrays)} by position, not {given} argument{'s' * (given != 1)}"
    )


def too_many(label: str, names: Sequence[str], given: int) -> TypeError:
    """Return the error for more positional arguments than a function takes, given the names of those."""
    return TypeError(
        f"{label}() takes at most {len(names)} positional arguments, {listed(names)}, not {given}"
    )


def _takes(known: Collection[str]) -> str:
    return f"it takes {listed(known)}" if known else "it takes none"
