"""``fastact list``: every function."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from textwrap import wrap
from typing import Any

import click

from .complete import complete_patterns
from .options import align, echo_json, json_option
from .records import record, selected

# Together 99 and 79 columns with the gaps: a terminal of 100 or 80 does not wrap.
_WIDTHS, _NARROW = (-32, -29, -34), (-22, -25, -28)
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
    widths = _NARROW if shutil.get_terminal_size((100, 24)).columns < 99 else _WIDTHS
    click.echo(align(_HEAD, widths))
    for group, members in groupby(records, itemgetter("group")):
        click.echo(f"\n{group}")
        for one in members:
            for line in _lines(one, widths):
                click.echo(line)


def _lines(one: dict[str, Any], widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of one function; a name that is longer than its column has a line of its own."""
    texts = f"  {one['name']}", ", ".join(one["aliases"]), parameters(one)
    columns = [
        wrap(text, -width, drop_whitespace=True)
        for text, width in zip(texts[1:], widths[1:], strict=True)
    ]
    name = texts[0]
    if len(name) > -widths[0] and any(columns):
        yield name
        name = ""
    columns.insert(0, [name])
    for row in range(max(map(len, columns))):
        cells = [column[row] if row < len(column) else "" for column in columns]
        yield align(cells, widths)


def parameters(one: dict[str, Any]) -> str:
    """Return the parameters of a record with their defaults."""
    return ", ".join(map(_shown, one["parameters"]))


def _shown(parameter: dict[str, Any]) -> str:
    if parameter["required"]:
        return f"{parameter['name']} (required)"
    default = parameter["default"]
    text = f"{default:.6g}" if isinstance(default, float) else str(default)
    return f"{parameter['name']}={text}"
