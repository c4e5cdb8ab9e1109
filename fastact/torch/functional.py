"""The functions: those of PyTorch, and the others of fastact, each made from its signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..functions.base import Function
from ..functions.pytorch import Declared, declared
from .kernels import ClassLoss, Gate, Kernels, Loss, PRelu, Reduction, Single, Softmax
from .operations import Operation

__all__ = ["FUNCTIONS", "MODULES", "register_operators"]

_SCHEMA = {"str": "str", "bool": "bool", "int": "int", "float": "float", "ints": "int[1]"}
_KINDS: dict[str, type[Kernels]] = {
    "elementwise": Single,
    "parametric": PRelu,
    "rows": Single,
    "gates": Gate,
    "losses": Loss,
}


def _kind(function: Function) -> type[Kernels]:
    if function.family == "losses" and "axis" in function.parameters:
        return ClassLoss
    if function.family == "rows" and "keepdims" in function.parameters:
        return Reduction
    softmax = function.name in ("softmax", "softmin", "log_softmax")
    return Softmax if softmax else _KINDS[function.family]


def _function(one: Declared, kind: type[Kernels] | None = None) -> Callable[..., Any]:
    """Return the function that a signature declares, on the kernels of a function of fastact."""
    types, tensors = one.types, one.tensors
    options = [name for name, type_ in types.items() if type_ in _SCHEMA and name != "inplace"]
    schema = [
        f"{_SCHEMA[types[name]]}{'?' if name in one.optional else ''} {name}" for name in options
    ]
    kernels = (kind or _kind(one.function))(one.function.name, tensors, options)
    operation = Operation(one, kernels, schema)
    given = [f"ints({name})" if types[name] == "ints" else name for name in options]
    inplace = ", inplace" if "inplace" in types else ""
    converted = (
        "    if dtype is not None:\n        input = input.to(dtype)\n" if "dtype" in types else ""
    )
    call = (
        f"operation(({', '.join(tensors)},), ({''.join(name + ', ' for name in given)}){inplace})"
    )
    space: dict[str, Any] = {"operation": operation, "ints": _ints}
    exec(f"def {one.label}{one.signature}:\n{converted}    return {call}", space)
    function: Any = space[one.label]
    function.operation = operation
    return function  # type: ignore[no-any-return]


def _ints(dim: Any) -> tuple[int, ...]:
    return (dim,) if isinstance(dim, int) else tuple(dim)


_slopes = Declared("_leaky_relu_of_slopes(input, slopes)", "leaky_relu")
_of_slopes = _function(_slopes, Kernels)


def _rrelu(
    input: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Any:
    if not training:
        return FUNCTIONS["leaky_relu"](input, (lower + upper) / 2, inplace)
    result = _of_slopes(input, torch.empty_like(input).uniform_(lower, upper))
    return input.copy_(result) if inplace else result


def _named(one: Declared) -> Callable[..., Any]:
    """Return the function of a signature, with its name and text. rrelu draws its slopes."""
    function = _rrelu if one.label == "rrelu" else _function(one)
    function.__module__, function.__doc__ = "fastact.torch", one.document()
    function.__name__ = function.__qualname__ = one.label
    return function


#: Name -> function.
FUNCTIONS: dict[str, Callable[..., Any]] = {one.label: _named(one) for one in declared().values()}
#: Name of a class of torch.nn -> its function.
MODULES: dict[str, Callable[..., Any]] = {
    one.module: FUNCTIONS[one.label] for one in declared().values() if one.module is not None
}


def register_operators() -> None:
    """Register all functions as operators of PyTorch, such as ``torch.ops.fastact.gelu``, which takes 0.2 s.

    A program that ``torch.export.save`` has written finds them only after this call. Compilation needs no call: it
    registers the operators of the functions that it meets.

    Examples
    --------
    >>> import fastact.torch, torch
    >>> fastact.torch.register_operators()
    >>> torch.ops.fastact.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    for function in FUNCTIONS.values():
        if (operation := getattr(function, "operation", None)) is not None:
            _ = operation.operator
    _ = _of_slopes.operation.operator  # type: ignore[attr-defined]  # of rrelu
