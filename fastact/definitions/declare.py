"""Tables of declarations: the decorator that declares a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import compress, product
from types import FunctionType
from typing import Any

from .declaration import Declaration, DeclaredPass, Parameter
from .domain import Condition


class Table(dict[str, Declaration]):
    """Canonical name -> declaration, in the order of declaration.

    `bound`, `domain` and `required` hold for all functions of the table; a declaration may add to the first two.
    """

    def __init__(
        self,
        bound: Mapping[str, float] | None = None,
        domain: tuple[str, ...] = (),
        required: tuple[str, ...] = ("forward",),
    ) -> None:
        self.bound, self.domain, self.required = dict(bound or {}), domain, required

    def declare(
        self,
        *,
        source: str,
        aliases: tuple[str, ...] = (),
        formula: str = "",
        inputs: tuple[str, ...] = ("x",),
        outputs: tuple[str, ...] = ("out",),
        row_inputs: tuple[str, ...] = (),
        row_outputs: tuple[str, ...] = (),
        excluded: float = 0.0,
        optional: Mapping[str, float] | None = None,
        internal: tuple[str, ...] = (),
        choices: dict[str, dict[object, str]] | None = None,
        bound: Mapping[str, float] | None = None,
        domain: tuple[str, ...] = (),
        order: str = "",
        flags: tuple[str, ...] = (),
        reductions: tuple[str, ...] = (),
        input_domain: tuple[str, ...] = (),
    ) -> Callable[[Callable[..., Any]], Declaration]:
        """Decorator: declare the function whose forward pass the decorated dialect function computes.

        Its arguments are the `inputs`, the `row_inputs` and then the parameters; it returns the outputs, then the row
        outputs. Its docstring is the public documentation, `formula` its definition in the words of docs/formulas.py.
        A parameter named in `optional` may be None, which stands for the number given there. `flags` are options that
        are True or False: the function's last arguments, known when it is traced. Each combination has kernels, those
        of the defaults under the name of the function.
        """
        first = len(inputs) + len(row_inputs)

        def one(name: str, function: FunctionType, values: dict[str, bool]) -> Declaration:
            params = _parameters(function, first, optional or {}, internal, len(flags))
            return Declaration(
                name,
                aliases,
                formula,
                source,
                function.__doc__ or "",
                {p.name: p for p in params},
                choices or {},
                {
                    "forward": DeclaredPass(
                        (function,), inputs, outputs, row_inputs, row_outputs, excluded
                    )
                },
                {**self.bound, **(bound or {})},
                tuple(map(Condition, (*self.domain, *domain))),
                order,
                self.required,
                values,
                reductions=reductions,
                input_domain=tuple(map(Condition, input_domain)),
            )

        def declare(function: Callable[..., Any]) -> Declaration:
            assert isinstance(function, FunctionType)
            defaults = (function.__defaults__ or ())[-len(flags) :] if flags else ()
            variants = {}
            for flipped in product((False, True), repeat=len(flags)):
                values = tuple(value != f for value, f in zip(defaults, flipped, strict=True))
                # Other kernels than those of the defaults are private.
                name = "_".join(("", function.__name__, *compress(flags, flipped)))
                named = name if any(flipped) else function.__name__
                declaration = one(named, function, dict(zip(flags, values, strict=True)))
                self[named] = variants[values] = declaration
                declaration.variants = variants if flags else {}
            return self[function.__name__]

        return declare


def _parameters(
    function: FunctionType,
    first: int,
    optional: Mapping[str, float],
    internal: tuple[str, ...],
    flags: int,
) -> Iterator[Parameter]:
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[first : code.co_argcount - flags]
    defaults = defaults[: len(defaults) - flags]
    shown: list[float | None] = [None] * (len(names) - len(defaults)) + list(defaults)
    for name, default in zip(names, shown, strict=True):
        yield Parameter(name, optional.get(name, default), name in optional, name in internal)
