"""``fastact list``: every function."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from textwrap import wrap
from typing import Any

import click

from .complete import complete_patterns
from .options import align, echo_json, json_option
from .records import record, selected

# Together 99 columns with the gaps: a terminal of 100 does not wrap.
_WIDTHS = (-32, -29, -34)
_HEAD = ("function", "aliases", "parameters")


@click.command(
    "list",
    short_help="List functions with their aliases and parameters.",
    epilog="Example: fastact list 'gelu*' gates",
)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...", shell_complete=complete_patterns)
@json_option
def list_functions(patterns: tuple[str, ...], as_json: bool) -> None:
    """List functions by group, with their aliases and parameters.

    A PATTERN is a name, a pattern such as 'gelu*', a group (piecewise, exponential, ...) or a family
    (elementwise, rows, gates, losses, ...). Without one every function is listed.
    "fastact show NAME" describes one of them.
    """
    records = [record(function) for function in selected(patterns)]
    if as_json:
        echo_json(records)
        return
    click.echo(align(_HEAD, _WIDTHS))
    for group, members in groupby(records, itemgetter("group")):
        click.echo(f"\n{group}")
        for one in members:
            for line in _lines(one):
                click.echo(line)


def _lines(one: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one function."""
    texts = f"  {one['name']}", ", ".join(one["aliases"]), parameters(one)
    columns = [
        wrap(text, -width, drop_whitespace=True)
        for text, width in zip(texts[1:], _WIDTHS[1:], strict=True)
    ]
    columns.insert(0, [texts[0]])
    for row in range(max(map(len, columns))):
        cells = [column[row] if row < len(column) else "" for column in columns]
        yield align(cells, _WIDTHS)


def parameters(one: dict[str, Any]) -> str:
    """Return the parameters of a record with their defaults."""
    return ", ".join(map(_shown, one["parameters"]))


def _shown(parameter: dict[str, Any]) -> str:
    if parameter["required"]:
        return f"{parameter['name']} (required)"
    default = parameter["default"]
    text = f"{default:.6g}" if isinstance(default, float) else str(default)
    return f"{parameter['name']}={text}"
