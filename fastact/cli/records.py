"""What ``fastact list`` and ``fastact show`` say about a function, as JSON has it."""

from __future__ import annotations

import csv
import inspect
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import click
import numpy as np

from ..functions.base import call_of
from ..functions.catalogue import get, names
from ..messages import suggestion

__all__ = ["details", "elsewhere", "group_of", "record", "required", "selected", "special_values"]

# Where functions of this and of any other library overflow, and where they bend.
_POINTS = (-np.inf, -10.0, -1.0, 0.0, 1.0, 10.0, np.inf)


def group_of(function: Any) -> str:
    """Return the kind of an activation, such as "piecewise", or the family of any other function."""
    if function.family != "elementwise":
        return str(function.family)
    return str(function.declaration.forward.__module__.rpartition(".")[2])


def selected(patterns: tuple[str, ...]) -> list[Any]:
    """Return the functions that patterns such as ``gelu*``, names, aliases, groups or families select."""
    every = [get(name) for name in names()]
    if not patterns:
        return every
    found = set()
    for pattern in patterns:
        text = pattern.lower().replace("-", "_")
        chosen = {
            one.name
            for one in every
            if text in (group_of(one), one.family)
            or any(fnmatchcase(name, text) for name in (one.name, *one.aliases))
        }
        if not chosen:
            known = {*names(), *map(group_of, every), *(one.family for one in every)}
            hint = suggestion(pattern, sorted(known), 3)
            raise click.UsageError(f"{pattern}: no function or group of that name{hint}")
        found |= chosen
    return [one for one in every if one.name in found]


def record(function: Any) -> dict[str, Any]:
    """Return name, family, group, aliases, parameters, passes and source of a function."""
    return {
        "name": function.name,
        "family": function.family,
        "group": group_of(function),
        "aliases": list(function.aliases),
        "parameters": [
            {"name": name, "required": True}
            if default is inspect.Parameter.empty
            else {"name": name, "required": False, "default": default}
            for name, default in function.parameters.items()
        ],
        "passes": list(function.passes),
        "source": str(function.source),
    }


def details(function: Any) -> dict[str, Any]:
    """Return the record of a function with its documentation, values, error bounds and names elsewhere."""
    return {
        **record(function),
        "signature": f"{function.name}{inspect.signature(function)}",
        "calls": list(map(call_of, function.passes.values())),
        "formula": function.formula or None,
        "documentation": inspect.getdoc(function),
        "bounds": _bounds(function),
        "values": special_values(function),
        "elsewhere": elsewhere(function.name),
    }


def _bounds(function: Any) -> dict[str, float]:
    """Return the largest errors with the default parameters in ulp, by pass."""
    if function.family not in ("elementwise", "binary"):
        return {}
    declaration = function.declaration
    return {name: declaration.most(name) for name in function.passes if name in declaration.bound}


def required(function: Any) -> dict[str, float]:
    """Return values for required parameters: 1, and PyTorch's initial weight of prelu."""
    return {
        name: 0.25 if name == "weight" else 1.0
        for name, default in function.parameters.items()
        if default is inspect.Parameter.empty
    }


def special_values(function: Any) -> list[dict[str, float]]:
    """Return x, f(x) and f′(x) for a function that has a derivative."""
    if "derivative" not in function.passes:
        return []
    x, given = np.array(_POINTS), required(function)
    columns = x, function(x, **given), function.derivative(x, **given)
    return [
        dict(zip(("x", "value", "derivative"), map(float, row), strict=True))
        for row in zip(*columns, strict=True)
    ]


@cache
def _table() -> dict[str, dict[str, str]]:
    with files("fastact").joinpath("elsewhere.csv").open("r", encoding="utf-8") as file:
        return {row["function"]: row for row in csv.DictReader(file)}


def elsewhere(name: str) -> dict[str, str]:
    """Return the names of a function in other libraries."""
    known = _table().get(name, {})
    return {library: text for library, text in known.items() if text and library != "function"}
