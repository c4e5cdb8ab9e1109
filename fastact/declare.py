"""What it takes to declare an activation: its formula, its derivative, its names and its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

#: The passes that every activation has; "vjp_from_output" is there where a formula from the output is declared.
PASSES = ("forward", "derivative", "vjp", "value_and_derivative")


@dataclass(frozen=True)
class Parameter:
    """A scalar parameter: its name, and its default unless it is required.

    An `optional` one is shown with the default None, which stands for `default`.
    """

    name: str
    default: float | None
    optional: bool = False


@dataclass(eq=False)
class Declaration:
    """One activation of the table. `forward` and the `slopes`, by what they are given, are dialect functions."""

    name: str
    forward: FunctionType
    aliases: tuple[str, ...]
    source: str
    params: dict[str, Parameter]
    doc: str
    choices: dict[str, dict[object, str]] = field(default_factory=dict)
    slopes: dict[str, FunctionType] = field(default_factory=dict)

    @property
    def defaults(self) -> tuple[float, ...]:
        """The default of every parameter; empty if there is none, or one is required."""
        values = tuple(p.default for p in self.params.values() if p.default is not None)
        return values if len(values) == len(self.params) else ()

    @property
    def passes(self) -> tuple[str, ...]:
        """Its passes, in the order of SIGNATURES in dialect/kernels.py."""
        return (*PASSES, "vjp_from_output") if "output" in self.slopes else PASSES

    def derivative(self, function: Callable[..., Any]) -> Declaration:
        """Decorator: the derivative with respect to x, given x and the parameters."""
        assert isinstance(function, FunctionType)
        self.slopes["x"] = function
        return self

    def derivative_from_output(self, function: Callable[..., Any]) -> Declaration:
        """Decorator: the derivative, given the output y and the parameters."""
        assert isinstance(function, FunctionType)
        self.slopes["output"] = function
        return self


class Table(dict[str, Declaration]):
    """Canonical name -> declaration, in the order of declaration."""

    def elementwise(
        self,
        *,
        aliases: tuple[str, ...] = (),
        source: str,
        optional: dict[str, float] | None = None,
        choices: dict[str, dict[object, str]] | None = None,
    ) -> Callable[[Callable[..., Any]], Declaration]:
        """Decorator: declare the activation that the decorated dialect function computes.

        Its keyword defaults are the parameters, its docstring is the public documentation. A parameter named in
        `optional` may be None, which stands for the number given there; `choices` maps an option that selects
        among declarations to their names, the default first.
        """

        def declare(function: Callable[..., Any]) -> Declaration:
            assert isinstance(function, FunctionType)
            declaration = Declaration(
                function.__name__,
                function,
                aliases,
                source,
                _parameters(function, optional or {}),
                function.__doc__ or "",
                choices or {},
            )
            self[declaration.name] = declaration
            return declaration

        return declare


def _parameters(function: FunctionType, optional: dict[str, float]) -> dict[str, Parameter]:
    names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    shown: list[float | None] = [None] * (len(names) - len(defaults)) + list(defaults)
    return {
        name: Parameter(name, optional.get(name, default), name in optional)
        for name, default in zip(names, shown, strict=True)
    }
