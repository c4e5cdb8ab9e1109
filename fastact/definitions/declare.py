"""What it takes to declare an activation: its formula, its derivative, its names and its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

#: The passes that every activation has; "vjp_from_output" is there where a formula from the output is declared.
PASSES = ("forward", "derivative", "vjp", "value_and_derivative")

#: (names of the inputs, names of the outputs)
Signature = tuple[tuple[str, ...], tuple[str, ...]]

#: What each pass of an activation takes and gives.
SIGNATURES: Mapping[str, Signature] = {
    "forward": (("x",), ("out",)),
    "derivative": (("x",), ("out",)),
    "vjp": (("g", "x"), ("out",)),
    "value_and_derivative": (("x",), ("out", "dout")),
    "vjp_from_output": (("g", "y"), ("out",)),
}


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
    formula: str
    source: str
    params: dict[str, Parameter]
    doc: str
    choices: dict[str, dict[object, str]] = field(default_factory=dict)
    slopes: dict[str, FunctionType] = field(default_factory=dict)
    signatures: Mapping[str, Signature] = field(default_factory=lambda: SIGNATURES)

    @property
    def defaults(self) -> tuple[float, ...]:
        """The default of every parameter; empty if there is none, or one is required."""
        values = tuple(p.default for p in self.params.values() if p.default is not None)
        return values if len(values) == len(self.params) else ()

    @property
    def passes(self) -> tuple[str, ...]:
        """Its passes, in the order of SIGNATURES."""
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


@dataclass(eq=False)
class Fused(Declaration):
    """A function of several arrays. Each pass is a dialect function of its own, of its inputs and the parameters."""

    functions: dict[str, FunctionType] = field(default_factory=dict)

    @property
    def passes(self) -> tuple[str, ...]:
        """Its passes, in the order of its signatures."""
        return tuple(self.signatures)

    def vjp(self, function: Callable[..., Any]) -> Fused:
        """Decorator: the gradients with respect to the inputs."""
        assert isinstance(function, FunctionType)
        self.functions["vjp"] = function
        return self

    def value_and_grad(self, function: Callable[..., Any]) -> Fused:
        """Decorator: the value together with the gradient."""
        assert isinstance(function, FunctionType)
        self.functions["value_and_grad"] = function
        return self


class Table(dict[str, Declaration]):
    """Canonical name -> declaration, in the order of declaration."""

    def elementwise(
        self,
        *,
        aliases: tuple[str, ...] = (),
        formula: str,
        source: str,
        optional: dict[str, float] | None = None,
        choices: dict[str, dict[object, str]] | None = None,
    ) -> Callable[[Callable[..., Any]], Declaration]:
        """Decorator: declare the activation that the decorated dialect function computes.

        Its keyword defaults are the parameters, its docstring is the public documentation, `formula` its
        definition in the words of docs/formulas.py, `source` where that stands. A parameter named in
        `optional` may be None, which stands for the number given there; `choices` maps an option that selects
        among declarations to their names, the default first.
        """

        def declare(function: Callable[..., Any]) -> Declaration:
            assert isinstance(function, FunctionType)
            declaration = Declaration(
                function.__name__,
                function,
                aliases,
                formula,
                source,
                _parameters(function, optional or {}),
                function.__doc__ or "",
                choices or {},
            )
            self[declaration.name] = declaration
            return declaration

        return declare


class FusedTable(dict[str, Fused]):
    """Canonical name -> function of several arrays, in the order of declaration."""

    def fused(
        self, *, source: str, signatures: Mapping[str, Signature]
    ) -> Callable[[Callable[..., Any]], Fused]:
        """Decorator: declare the function whose forward pass the decorated dialect function computes.

        After the inputs come the parameters, with their defaults. Its docstring is the public documentation.
        """

        def declare(function: Callable[..., Any]) -> Fused:
            assert isinstance(function, FunctionType)
            (inputs, _) = signatures["forward"]
            declaration = Fused(
                function.__name__,
                function,
                aliases=(),
                formula="",
                source=source,
                params=_parameters(function, {}, len(inputs)),
                doc=function.__doc__ or "",
                signatures=signatures,
                functions={"forward": function},
            )
            self[declaration.name] = declaration
            return declaration

        return declare


def _parameters(
    function: FunctionType, optional: dict[str, float], first: int = 1
) -> dict[str, Parameter]:
    names = function.__code__.co_varnames[first : function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    shown: list[float | None] = [None] * (len(names) - len(defaults)) + list(defaults)
    return {
        name: Parameter(name, optional.get(name, default), name in optional)
        for name, default in zip(names, shown, strict=True)
    }


# The slots of a row's values: inputs, the maximum, the value that is solved for, sums, and what is derived from them.
MAX, VALUE, SUMS, DERIVED, SLOTS = 2, 3, 4, 6, 16


@dataclass(frozen=True)
class RowPass:
    """One pass of a row function: a dialect function of the elements of a row, and of values that the row has one of.

    `excluded` is what an element comes out as that the mask leaves out.
    """

    function: FunctionType
    inputs: tuple[str, ...]
    row_inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    row_outputs: tuple[str, ...]
    excluded: float


@dataclass(eq=False)
class RowDeclaration:
    """One row function. Its passes are "forward" and, if it has one, "vjp". A leading underscore keeps it private."""

    name: str
    aliases: tuple[str, ...]
    source: str
    params: dict[str, Parameter]
    doc: str
    passes: dict[str, RowPass]

    @property
    def defaults(self) -> tuple[float, ...]:
        """The default of every parameter."""
        return tuple(p.default for p in self.params.values() if p.default is not None)

    def vjp(
        self, *, inputs: tuple[str, ...], row_inputs: tuple[str, ...] = ()
    ) -> Callable[[Callable[..., Any]], RowDeclaration]:
        """Decorator: g times the Jacobian, given the inputs, those of the row and the parameters, in this order."""

        def declare(function: Callable[..., Any]) -> RowDeclaration:
            assert isinstance(function, FunctionType)
            self.passes["vjp"] = RowPass(function, inputs, row_inputs, ("out",), (), 0.0)
            return self

        return declare


class RowTable(dict[str, RowDeclaration]):
    """Canonical name -> declaration, in the order of declaration."""

    def rowwise(
        self,
        *,
        aliases: tuple[str, ...] = (),
        source: str,
        row_inputs: tuple[str, ...] = (),
        outputs: tuple[str, ...] = ("out",),
        row_outputs: tuple[str, ...] = (),
        excluded: float = 0.0,
    ) -> Callable[[Callable[..., Any]], RowDeclaration]:
        """Decorator: declare the row function that the decorated dialect function of x computes.

        After x come the `row_inputs`, then the parameters; it returns the outputs, then the row outputs.
        """

        def declare(function: Callable[..., Any]) -> RowDeclaration:
            assert isinstance(function, FunctionType)
            forward = RowPass(function, ("x",), row_inputs, outputs, row_outputs, excluded)
            params = _parameters(function, {}, 1 + len(row_inputs))
            doc = function.__doc__ or ""
            declaration = RowDeclaration(
                function.__name__, aliases, source, params, doc, {"forward": forward}
            )
            self[declaration.name] = declaration
            return declaration

        return declare
