"""The overloads of a call: which types of arguments give which type of result.

A case maps arguments to types; "!" before a type takes the default away, None leaves the argument out. All other
arguments have the type that their documentation names.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..calling.docs import ARGUMENTS
from .base import Function, Pass

__all__ = ["calls"]

#: Type in a docstring -> annotation.
_TYPES = {
    "array_like": "_Real",
    "array_like of bool": "ArrayLike",
    "array or tuple of arrays": "Any",
    "bool": "bool",
    "dtype": "DTypeLike",
    "float": "float",
    "float or array_like": "_Real",
    "int": "int",
    "int or numpy.random.Generator": "int | np.random.Generator",
    "int or sequence of int": "int | Sequence[int] | NDArray[np.integer[Any]]",
    "int, tuple of int or None": "int | tuple[int, ...] | None",
}
_DOUBLE, _DOUBLES = "np.float64", "NDArray[np.float64]"
_GIVEN = "!_DType[_D]"


class Case(NamedTuple):
    """One overload."""

    result: str
    types: Mapping[str, str | None]


def calls(function: Function, one: Pass) -> list[str]:
    """Return the signature of each overload, without ``def __call__``."""
    signature = inspect.signature(one)
    written = one._text().arguments
    known = {
        name: _annotation(name, str(p.default), written.get(name))
        for name, p in signature.parameters.items()
    }
    return [_rendered(signature, known, case) for case in _cases(function, one, known)]


def _annotation(name: str, default: str, text: str | None) -> str:
    line = (text or ARGUMENTS[name]).partition("\n")[0]
    choices = re.match(r"\{(.*?)\}", line)
    if choices:
        return f"Literal[{choices[1]}]".replace("'", '"')
    kind = re.sub(r", (default|optional).*", "", line)
    found = "Any" if name == "out" else _TYPES.get(kind, "Any")
    optional = default == "None" and "None" not in found and name != "out"
    return f"{found} | None" if optional else found


def _rendered(signature: inspect.Signature, known: Mapping[str, str], case: Case) -> str:
    shown = ["self"]
    kinds = inspect.Parameter
    previous: Any = kinds.POSITIONAL_ONLY
    for name, parameter in signature.parameters.items():
        if case.types.get(name, "") is None:
            continue
        if previous == kinds.POSITIONAL_ONLY != parameter.kind and len(shown) > 1:
            shown.append("/")
        if parameter.kind == kinds.KEYWORD_ONLY != previous:
            shown.append("*")
        type_ = case.types.get(name) or known[name]
        has_default = parameter.default is not kinds.empty and type_[0] != "!"
        default = f" = {parameter.default!r}" if has_default else ""
        shown.append(f"{name}: {type_.lstrip('!')}{default}")
        previous = parameter.kind
    return f"({', '.join(shown)}) -> {case.result}"


def _cases(function: Function, one: Pass, known: Mapping[str, str]) -> Iterator[Case]:
    if one.pass_ == "parameter_vjp":
        yield Case("dict[str, Any]", {})
        return
    made = _BY_FAMILY[function.family](function, one, known)
    plain = {name: "None" for name in ("out", "dtype") if name in known}
    for case in made:
        yield Case(case.result, {**plain, **case.types})


def _scalars(known: Mapping[str, str], arrays: tuple[str, ...]) -> dict[str, str]:
    """Return the types of parameters that are numbers, for parameters that may be arrays."""
    numbers = {"_Real": "float", "_Real | None": "float | None"}
    return {
        name: numbers[type_]
        for name, type_ in known.items()
        if type_ in numbers and name not in arrays
    }


def _open(**more: str | None) -> dict[str, str | None]:
    """Return the types of a call of which nothing is known."""
    found: dict[str, str | None] = {"out": "Any", "dtype": "DTypeLike | None"}
    return {**found, **more}


def _elementwise(function: Function, one: Pass, known: Mapping[str, str]) -> Iterator[Case]:
    for case in _of_arrays(one.arrays, one.nout == 2, _scalars(known, one.arrays)):
        if function.family == "binary" and case.result == _DOUBLE:
            yield Case("NDArray[Any]", {"x": "_Many", "y": "_Scalar"})
        # The gradients of prelu: that by the weight has another shape than x.
        by_weight = function.name == "prelu" and case.result == "tuple[_A, _A]"
        yield Case("tuple[_A, Any]", case.types) if by_weight else case


def _of_arrays(
    arrays: tuple[str, ...], pair: bool, numbers: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Case]:
    """One array, or several that are alike, and one or two results of their type.

    `numbers` are the types of the parameters while they are numbers, which leave the shape of x as it is.
    """

    def result(type_: str) -> str:
        return f"tuple[{type_}, {type_}]" if pair else type_

    every: Any = dict.fromkeys
    if len(arrays) == 1:
        many = every(arrays, "_Many")
        yield Case(result("_A"), {**numbers, **every(arrays, "_A")})
        yield Case(result(_DOUBLE), {**numbers, **every(arrays, "_Scalar")})
        yield Case(result("_S"), {**numbers, **every(arrays, "_S")})
        if numbers:
            yield Case(result("NDArray[_F]"), every(arrays, "_Floats[_F]"))
        yield Case(result(_DOUBLES), every(arrays, "_Whole"))
    else:
        many = {**every(arrays, "_Many | _Scalar"), arrays[-1]: "_Many"}
        yield Case(result("_A"), every(arrays, "_A"))
        if not pair:
            yield Case(_DOUBLE, {**numbers, **every(arrays, "float")})
        yield Case("tuple[Any, Any]" if pair else "NDArray[Any]", many)
    yield Case(result("NDArray[_D]"), {**many, "dtype": _GIVEN})
    out = "!tuple[_O, _O2]" if pair else "!_O | tuple[_O]"
    yield _into(out, **dict.fromkeys(arrays, "_Real"))
    yield Case(result("Any"), _open(**dict.fromkeys(arrays, "_Real")))


def _into(out: str, **types: str | None) -> Case:
    """Return the overload of a call with `out`, whose type is the result's."""
    return Case(out.lstrip("!").removesuffix(" | tuple[_O]"), _open(**{**types, "out": out}))


def _row(function: Function, one: Pass, known: Mapping[str, str]) -> Iterator[Case]:
    arrays = one.arrays
    if getattr(one, "reduces", False):
        whole = {"axis": "None", "keepdims": "Literal[False]"}
        yield Case("_F", {"x": "_Floats[_F]", **whole})
        yield Case("NDArray[_F]", {"x": "_Floats[_F]", "keepdims": "!Literal[True]"})
        yield Case(_DOUBLE, {"x": "_Whole", **whole})
        yield _into("!_O | tuple[_O]")
        yield Case("Any", _open())
        return
    # With these, gradients by them come with the result.
    second = {name: "None" for name in ("bias", "sink") if name in known and one.pass_ == "vjp"}
    if "by_alpha" in known:
        second = {"by_alpha": "Literal[False]"}
    many: dict[str, str] = {**dict.fromkeys(arrays, "_Many | _Scalar"), arrays[-1]: "_Many"}
    yield Case("_A", {**dict.fromkeys(arrays, "_A"), **second})
    if len(arrays) == 1:
        yield Case(_DOUBLES, {arrays[0]: "_Whole"})
    else:
        yield Case("NDArray[Any]", {**many, **second})
    yield Case("NDArray[_D]", {**many, **second, "dtype": _GIVEN})
    yield _into("!_O | tuple[_O]", **second)
    if "by_alpha" in known:
        yield Case("tuple[Any, Any]", _open(by_alpha="!Literal[True]"))
    yield Case("Any", _open())


def _channel(function: Function, one: Pass, known: Mapping[str, str]) -> Iterator[Case]:
    yield from _row(function, one, known)


def _gate(function: Function, one: Pass, known: Mapping[str, str]) -> Iterator[Case]:
    """Gate and value in two arrays, or packed into one, for which there are an axis and an order."""
    numbers = _scalars(known, one.arrays)
    two: dict[str, str | None] = {"axis": None, "order": None, "value": "!_Real"}
    packed: dict[str, str | None] = {"value": "None"}
    if one.pass_ == "vjp":
        apart = {"g": "_Many | _Scalar", "gate": "_Many", "value": "!_Many"}
        yield Case("tuple[_A, _A]", {**two, "g": "_A", "gate": "_A", "value": "!_A"})
        yield Case("_A", {**packed, "g": "_A", "gate": "_A"})
        yield Case("tuple[NDArray[Any], NDArray[Any]]", {**two, **apart})
        yield _into("!tuple[_O, _O2]", **two)
        yield _into("!_O | tuple[_O]", **packed)
        yield Case("tuple[Any, Any]", _open(**two))
    else:
        yield Case("_A", {**two, "gate": "_A", "value": "!_A"})
        yield Case("_A", {**packed, "gate": "_A"})
        yield Case(_DOUBLE, {**two, **numbers, "gate": "float", "value": "!float"})
        yield Case("NDArray[Any]", {**two, "gate": "_Many", "value": "!_Many"})
        yield Case(_DOUBLES, {**packed, "gate": "_Whole"})
        yield _into("!_O | tuple[_O]")
        yield Case("Any", _open(**two))
    yield Case("Any", _open(**packed))


def _loss(function: Function, one: Pass, known: Mapping[str, str]) -> Iterator[Case]:
    """A number, or an array of losses without a reduction, and gradients of the shape of the arrays."""
    x, *others = (name for name in one.arrays if name != "g")
    gradients = len(function.gradients)  # type: ignore[attr-defined]
    arrays = {
        x: "_Floats[_F]",
        **dict.fromkeys(others, "_Floats[_F]"),
        "target": "_Floats[_F] | _Indices",
    }
    doubles = {x: "_Whole", **dict.fromkeys(others, "_Doubles")}
    each = ", ".join(["NDArray[_F]"] * gradients)
    if one.pass_ == "vjp":
        yield Case(each if gradients == 1 else f"tuple[{each}]", arrays)
        yield from [_into("!_O")] if gradients == 1 else []
        yield Case("Any" if gradients == 1 else "tuple[Any, Any]", _open())
        return
    choices = known["reduction"].removeprefix("Literal[").removesuffix("]").split(", ")
    reduced = f"Literal[{', '.join(one for one in choices if 'none' not in one)}]"
    with_gradient = one.pass_ == "value_and_grad"

    def result(value: str, gradient: str) -> str:
        return f"tuple[{', '.join([value, *[gradient] * gradients])}]" if with_gradient else value

    none = '!Literal["none"]'
    yield Case(result("_F", "NDArray[_F]"), {**arrays, "reduction": reduced})
    yield Case(result("NDArray[_F]", "NDArray[_F]"), {**arrays, "reduction": none})
    yield Case(result(_DOUBLE, _DOUBLES), {**doubles, "reduction": reduced})
    yield Case(result(_DOUBLES, _DOUBLES), {**doubles, "reduction": none})
    if with_gradient and gradients == 1:
        yield Case("tuple[Any, _O]", {"out": "!_O"})
    yield Case(result("Any", "Any"), {"out": "Any"})


_BY_FAMILY = {
    "elementwise": _elementwise,
    "parametric": _elementwise,
    "binary": _elementwise,
    "rows": _row,
    "channels": _channel,
    "gates": _gate,
    "losses": _loss,
}


def own_calls(arrays: tuple[str, ...], pair: bool) -> list[str]:
    """Return the signatures of a user's own activation: its parameters have any names."""
    made = []
    for case in _of_arrays(arrays, pair):
        types: dict[str, Any] = {"out": "None", "dtype": "None", **case.types}
        first = ", ".join(f"{name}: {types[name]}" for name in arrays)
        last = ", ".join(
            f"{name}: {types[name].lstrip('!')}" + ("" if types[name][0] == "!" else " = None")
            for name in ("out", "dtype")
        )
        made.append(
            f"(self, {first}, /, *parameters: _Real, {last}, where: ArrayLike = True, **named: _Real) -> {case.result}"
        )
    return made
