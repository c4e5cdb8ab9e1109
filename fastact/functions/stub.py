"""The package's type stub: every public name with its types and texts, from the signatures of the functions.

The build writes it; nothing else imports this module.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from textwrap import indent
from typing import Any, TypeAlias

import fastact

from .base import Function, Pass
from .catalogue import get as get_function
from .catalogue import names
from .own import activation
from .stub_calls import calls, own_calls
from .stub_head import HEAD, TYPES

__all__ = ["stub", "text_of"]

Key: TypeAlias = tuple[str, ...]

# How calls that several functions have in common are named: by pass, or by family.
_KINDS = {
    "derivative": "Elementwise",
    "parameter_vjp": "ParameterVjp",
    "value_and_derivative": "ValueAndDerivative",
    "value_and_grad": "ValueAndGrad",
    "vjp": "Vjp",
    "vjp_from_output": "VjpFromOutput",
}
_FAMILIES = {
    "binary": "TwoArrays",
    "channels": "Channels",
    "elementwise": "Elementwise",
    "gates": "Gate",
    "losses": "Loss",
    "parametric": "Elementwise",
    "rows": "Rowwise",
}
# Parameters that most functions of a family have.
_COMMON = ("axis", "order", "reduction", "temperature", "weight")


def stub() -> str:
    """Return the text of ``__init__.pyi``."""
    functions = [get_function(name) for name in names()]
    shared = _shared(functions)
    variables = "\n".join(line for one in functions for line in _variables(one))
    modules = vars(fastact)["_MODULES"]
    public = "\n".join(f'    "{name}",' for name in dir(fastact) if name not in modules)
    types = [TYPES, *_own(functions)]
    types += [line for key, named in shared.items() for line in _class(named[0], key, named[1])]
    types += [line for one in functions for line in _type(one, shared)]
    return "\n".join(
        [
            _head(),
            f"__all__ = [\n{public}\n]",
            "@type_check_only",
            "class _types:",
            indent("\n".join(types), "    "),
            variables,
            *_get(functions),
            "",
        ]
    )


def _head() -> str:
    around = ("backends", "get_backend", "set_backend", "use_backend")
    texts = {name: text_of(getattr(fastact, name).__doc__) for name in around}
    modules = "\n".join(f"from . import {name} as {name}" for name in vars(fastact)["_MODULES"])
    doc = "Emitted by the build from fastact/functions.\n\n" + text_of(fastact.__doc__)
    return HEAD.format(doc=doc, modules=modules, activation=text_of(activation.__doc__), **texts)


def text_of(doc: str | None, margin: str = "    ") -> str:
    """Return a docstring as source text."""
    plain = inspect.cleandoc(doc or "").replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return indent(plain, margin).strip()


def _passes(function: Function) -> dict[str, Pass]:
    found = {name: one for name, one in function.passes.items() if name != "forward"}
    if "parameter_vjp" in vars(function):
        found["parameter_vjp"] = vars(function)["parameter_vjp"]
    return found


def _shared(functions: list[Function]) -> dict[Key, tuple[str, str]]:
    """Return the calls that are different, each with a name for its class and a text."""
    users = defaultdict(list)
    for function in functions:
        for pass_, one in {"forward": function, **_passes(function)}.items():
            users[tuple(calls(function, one))].append((function, pass_, one))
    return {key: (_class_name(found), _of_call(found[0][2])) for key, found in users.items()}


def _class_name(users: list[tuple[Function, str, Pass]]) -> str:
    function, pass_, _ = users[0]
    if all(other is function for other, _, _ in users):
        return _pascal(function.name) + ("Call" if pass_ == "forward" else _pascal(pass_))
    family = _FAMILIES[function.family]
    kind = family if pass_ == "forward" else _KINDS[pass_]
    kind = kind if family in (kind, "Elementwise") else family + kind
    return kind + "".join(_pascal(name) for name in function.parameters if name not in _COMMON)


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _class(name: str, key: Key, text: str) -> Iterator[str]:
    yield f"@type_check_only\nclass {name}(Pass):"
    yield from (f"    {line}" for line in _defined(key, text))


def _defined(key: Key, text: str) -> Iterator[str]:
    """Yield the overloads; editors show the text of the last one for all of them."""
    *others, last = key
    for call in others:
        yield f"@overload\n    def __call__{call}: ..."
    yield from ["@overload"] if others else []
    yield f'def __call__{last}:\n        """{text_of(text, "        ")}"""'


def _type(function: Function, shared: dict[Key, tuple[str, str]]) -> Iterator[str]:
    call, _ = shared[tuple(calls(function, function))]
    yield f"@type_check_only\nclass {_pascal(function.name)}({call}, Function):"
    passes = _passes(function)
    for pass_, one in passes.items():
        yield f"    {pass_}: _types.{shared[tuple(calls(function, one))][0]}"
        yield f'    """{text_of(_summary(one))}"""'
    if not passes:
        yield "    ..."


def _summary(one: Any) -> str:
    """Return the signature of a pass and what it computes."""
    doc = inspect.cleandoc(one.__doc__)
    return doc.partition("\n\nParameters\n")[0]


def _of_call(one: Any) -> str:
    """Return what a pass takes."""
    doc = inspect.cleandoc(one.__doc__).partition("\n\nParameters\n")[2]
    return f"Parameters\n{doc}".partition("\n\nReturns\n")[0]


def _variables(function: Function) -> Iterator[str]:
    kind = f"_types.{_pascal(function.name)}"
    # What it raises and its relatives, `help` tells.
    text = re.sub(r"(Raises|See Also)\n-+\n(.+\n)+\n", "", text_of(function.__doc__, ""))
    yield f'{function.name}: {kind}\n"""{text}"""\n'
    for alias in function.aliases:
        yield f'{alias}: {kind}\n"""`{function.name}` under another name.\n\n{text_of(_summary(function), "")}"""\n'


def _own(functions: list[Any]) -> Iterator[str]:
    """Yield the classes of users' own activations, whose passes take what those of one with a parameter do."""
    like = next(one for one in functions if "parameter_vjp" in vars(one))
    written = "|".join(like.parameters)

    def text(one: Pass) -> str:
        return re.sub(rf"\n({written}) :.*(\n    .*)+", "", _of_call(one))

    once = tuple(own_calls(("x",), pair=False))
    declaring = "(self, slope: Callable[..., float], /) -> _types.Activation"
    gradients = "(self, g: _Real, x: _Real, /, *parameters: _Real, dtype: DTypeLike | None = None, **named: _Real)"
    yield from _class("OwnCall", once, text(like))
    yield from _class("OwnVjp", tuple(own_calls(("g", "x"), pair=False)), text(like.vjp))
    both = tuple(own_calls(("x",), pair=True))
    yield from _class("OwnValueAndDerivative", both, text(like.value_and_derivative))
    yield from _class("OwnDerivative", (declaring, *once), text(like.derivative))
    by_name = f"{gradients} -> dict[str, Any]"
    yield from _class("OwnParameterVjp", (by_name,), text(like.parameter_vjp))


def _get(functions: list[Function]) -> Iterator[str]:
    """Yield `get` for each function, so that an editor completes the names."""
    for function in functions:
        known = ", ".join(f'"{name}"' for name in (function.name, *function.aliases))
        none = " | None" if function.name == "identity" else ""
        kind = f"_types.{_pascal(function.name)}"
        # A name that is not known is for any function: each type here is another one.
        overlap = "# type: ignore[overload-overlap]"
        yield f"@overload\ndef get(name: Literal[{known}]{none}) -> {kind}: ...  {overlap}"
    yield "@overload\ndef get(name: str) -> _types.AnyFunction:"
    yield f'    """{text_of(get_function.__doc__)}"""'
    yield "@overload\ndef get(name: _C) -> _C: ..."
