"""``fastact list``: every function."""

from __future__ import annotations

import inspect
import json
from typing import Any

import click

from ..functions.catalogue import get, names
from .options import align


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_functions(as_json: bool) -> None:
    """List every function with its aliases, parameters and passes."""
    functions = [get(name) for name in names()]
    if as_json:
        click.echo(json.dumps([_record(function) for function in functions], indent=2))
        return
    rows = [("function", "aliases", "parameters", "passes"), *map(_row, map(_record, functions))]
    widths = [-max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo(align(row, widths))


def _row(record: dict[str, Any]) -> tuple[str, str, str, str]:
    parameters = ", ".join(_shown(parameter) for parameter in record["parameters"])
    return record["name"], ", ".join(record["aliases"]), parameters, ", ".join(record["passes"])


def _record(function: Any) -> dict[str, Any]:
    return {
        "name": function.name,
        "aliases": list(function.aliases),
        "parameters": [
            {"name": name, "required": True}
            if default is inspect.Parameter.empty
            else {"name": name, "required": False, "default": default}
            for name, default in function.parameters.items()
        ],
        "passes": list(function.passes),
        "source": function.source,
    }


def _shown(parameter: dict[str, Any]) -> str:
    if parameter["required"]:
        return f"{parameter['name']} (required)"
    default = parameter["default"]
    text = f"{default:.6g}" if isinstance(default, float) else str(default)
    return f"{parameter['name']}={text}"
