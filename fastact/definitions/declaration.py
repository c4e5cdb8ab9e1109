"""What a declaration holds: names, source, passes, parameters, their domain, and error bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from .domain import Condition

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

#: What the name of a pass begins with that is g times the derivative with respect to a parameter.
BY = "by_"

#: What an error bound is multiplied by for parameters other than the defaults, whose rounding in float32 adds to it.
OTHER_PARAMETERS = 1.15

# The slots of a row's values: inputs, the maximum, the value that is solved for, sums, and what is derived from them.
MAX, VALUE, SUMS, DERIVED, SLOTS = 2, 3, 4, 6, 16


@dataclass(frozen=True)
class Parameter:
    """A scalar parameter: its name, and its default unless it is required.

    An `optional` one is shown with the default None, which stands for `default`. An `internal` one is filled in by
    the library: a call does not take it.
    """

    name: str
    default: float | None
    optional: bool = False
    internal: bool = False


@dataclass(frozen=True)
class DeclaredPass:
    """One pass: the dialect functions whose results, one after the other, are its outputs.

    They are given the inputs, then those of which a row has one value, then the parameters. With `times_g` the first
    input is multiplied with the result instead. `excluded` is the output for an element that a row's mask leaves out.
    `domain` is what the parameters of this pass have to fulfil besides those of the function.
    """

    functions: tuple[FunctionType, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    row_inputs: tuple[str, ...] = ()
    row_outputs: tuple[str, ...] = ()
    excluded: float = 0.0
    times_g: bool = False
    domain: tuple[Condition, ...] = ()


@dataclass(eq=False)
class Declaration:
    """One function of the library.

    Attributes
    ----------
    name, aliases
        The canonical name, which its kernels have too, and its other names. A leading underscore keeps it private.
    formula
        The textbook's definition in Python, where the documentation prints one.
    source
        Where it is defined.
    doc
        The public documentation: the docstring of the forward pass.
    params
        Its scalar parameters by name, in order.
    choices
        Option -> {value: name of the declaration that it selects}, the default first.
    passes
        Its passes by name; "forward" is the first.
    bound
        Pass -> largest error in ulp, for the default parameters.
    domain
        What its parameters have to fulfil.
    order
        Of a gate: which half of a packed array is the gate, "gate_first" or "value_first".
    required
        The passes that the compiler asks for whether they are declared or not.
    flags
        Option -> the value that these kernels are for: True and False have kernels of their own.
    variants
        Values of the flags -> declaration, the same for each of them; empty without flags.
    reductions
        Of a loss: reductions besides "mean", "sum" and "none".
    input_domain
        Of a loss: what its inputs after the target have to fulfil.
    """

    name: str
    aliases: tuple[str, ...]
    formula: str
    source: str
    doc: str
    params: dict[str, Parameter]
    choices: dict[str, dict[object, str]]
    passes: dict[str, DeclaredPass]
    bound: Mapping[str, float]
    domain: tuple[Condition, ...]
    order: str
    required: tuple[str, ...] = field(default=("forward",))
    flags: dict[str, bool] = field(default_factory=dict)
    variants: dict[tuple[bool, ...], Declaration] = field(default_factory=dict)
    reductions: tuple[str, ...] = ()
    input_domain: tuple[Condition, ...] = ()

    @property
    def each(self) -> tuple[Declaration, ...]:
        """The declaration for each value of the flags."""
        return tuple(self.variants.values()) or (self,)

    @property
    def forward(self) -> Any:
        """The dialect function of the forward pass; a dialect function calls it by the declaration's name."""
        return self.passes["forward"].functions[0]

    @property
    def signatures(self) -> dict[str, Signature]:
        """Pass -> (names of the inputs, names of the outputs)."""
        return {name: (one.inputs, one.outputs) for name, one in self.passes.items()}

    @property
    def defaults(self) -> tuple[float, ...]:
        """The default of every parameter; empty if there is none, or one is required."""
        values = tuple(p.default for p in self.params.values() if p.default is not None)
        return values if len(values) == len(self.params) else ()

    def declared(self, pass_: str) -> DeclaredPass:
        """Return a pass; a TypeError says that it is missing."""
        if pass_ not in self.passes:
            raise TypeError(f"{self.name} declares no {pass_}")
        return self.passes[pass_]

    def most(self, pass_: str, default_parameters: bool = True) -> float:
        """Return the largest error that a pass may have, in ulp."""
        key = BY if pass_.startswith(BY) else pass_
        return self.bound[key] * (1.0 if default_parameters else OTHER_PARAMETERS)

    def check_domain(self, label: str, values: Mapping[str, Any], pass_: str = "forward") -> None:
        """Raise if parameters, by name, numbers or arrays, lie outside the domain of a pass.

        Raises
        ------
        ValueError
            Such as ``soft_shrink(): lambd=-1.0 is outside the domain lambd >= 0``.
        """
        for condition in (*self.domain, *self.passes[pass_].domain):
            condition.check(label, values)

    def derivative(self, function: Callable[..., Any]) -> Declaration:
        """Decorator: the derivative with respect to x, given x and the parameters; the passes made of it follow."""
        assert isinstance(function, FunctionType)
        self._add("derivative", (function,))
        self._add("vjp", (function,), times_g=True)
        self._add("value_and_derivative", (self.forward, function))
        return self

    def derivative_from_output(
        self, *, domain: tuple[str, ...] = ()
    ) -> Callable[[Callable[..., Any]], Declaration]:
        """Decorator: the derivative, given the output y and the parameters.

        `domain` says for which parameters the output determines it.
        """

        def declare(function: Callable[..., Any]) -> Declaration:
            assert isinstance(function, FunctionType)
            conditions = tuple(map(Condition, domain))
            self._add("vjp_from_output", (function,), times_g=True, domain=conditions)
            return self

        return declare

    def by(self, parameter: str) -> Callable[[Callable[..., Any]], Declaration]:
        """Decorator: the derivative with respect to a parameter, given x and the parameters."""

        def declare(function: Callable[..., Any]) -> Declaration:
            assert isinstance(function, FunctionType) and parameter in self.params
            self._add(BY + parameter, (function,), times_g=True)
            return self

        return declare

    def vjp(self, **facts: tuple[str, ...]) -> Callable[[Callable[..., Any]], Declaration]:
        """Decorator: the gradients with respect to the inputs; see `add`."""
        return self.add("vjp", **facts)

    def add(
        self,
        pass_: str,
        *,
        outputs: tuple[str, ...] = ("out",),
        row_inputs: tuple[str, ...] = (),
    ) -> Callable[[Callable[..., Any]], Declaration]:
        """Decorator: a further pass.

        The dialect function's arguments are its inputs, then the `row_inputs`, then the parameters.
        """

        def declare(function: Callable[..., Any]) -> Declaration:
            assert isinstance(function, FunctionType)
            assert not self.flags
            names = function.__code__.co_varnames[: function.__code__.co_argcount]
            inputs = names[: len(names) - len(self.params) - len(row_inputs)]
            self.passes[pass_] = DeclaredPass((function,), inputs, outputs, row_inputs)
            return self

        return declare

    def gradient(
        self, *, outputs: tuple[str, ...] = ("dx",)
    ) -> Callable[[Callable[..., Any]], Declaration]:
        """Decorator: of a loss, the gradient, given what the forward pass is given; both passes of it follow."""

        def declare(function: Callable[..., Any]) -> Declaration:
            assert isinstance(function, FunctionType)
            for one in self.each:
                inputs, given = one.passes["forward"].inputs, one.passes["forward"].outputs
                both = DeclaredPass((one.forward, function), inputs, (*given, *outputs))
                one.passes["value_and_grad"] = both
                one.passes["vjp"] = DeclaredPass((function,), ("g", *inputs), outputs, times_g=True)
            return self

        return declare

    def _add(self, pass_: str, functions: tuple[FunctionType, ...], **facts: Any) -> None:
        inputs, outputs = SIGNATURES["vjp" if pass_.startswith(BY) else pass_]
        self.passes[pass_] = DeclaredPass(functions, inputs, outputs, **facts)
