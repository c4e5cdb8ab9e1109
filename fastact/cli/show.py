"""``fastact show``: all about one function."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import groupby
from textwrap import wrap
from typing import Any

import click

from ..functions.base import call_of
from ..graphs import readable
from .complete import complete_names
from .options import align, echo_json, find_function, json_option
from .records import details, required

_HEADING = re.compile(r"(\w+)\n-+\n")


@click.command(
    short_help="Show formula, parameters, passes, values and names of a function.",
    epilog="Example: fastact show gelu",
)
@click.argument("name", shell_complete=complete_names)
@json_option
def show(name: str, as_json: bool) -> None:
    """Show everything about the function NAME: formula, parameters, passes, special values, error bounds, names.

    NAME is a function, an alias, or an own activation as module:name.
    """
    function = find_function(name)
    known = details(function)
    if as_json:
        echo_json(known)
        return
    width = max(60, min(100, shutil.get_terminal_size((100, 24)).columns))
    click.echo(_page(function, known, width), nl=False)


def _page(function: Any, known: dict[str, Any], width: int) -> str:
    blocks = _sections(known["documentation"])
    lines = [f"{known['name']} ({known['group']})", ""]
    for title, body in _parts(function, known, blocks):
        lines += [title.upper(), *_lines(body, width), ""]
    return "\n".join(lines[:-1]) + "\n"


def _parts(
    function: Any, known: dict[str, Any], blocks: dict[str, str]
) -> Iterator[tuple[str, str | list[str]]]:
    """Yield the titles and the texts of the page, those of tables as lists of lines."""
    yield "Call", known["signature"]
    if known["formula"]:
        yield "Formula", f"f(x) = {readable(known['formula'], function.parameters)}"
    yield "Description", blocks[""]
    for title in ("Parameters", "Returns"):
        yield title, blocks[title]
    calls = known["calls"][1:]
    if hasattr(function, "parameter_vjp"):
        calls = [*calls, call_of(function.parameter_vjp)]
    if calls:
        yield "Passes", calls
    if known["values"]:
        yield "Special values", _values(function, known["values"])
    if known["bounds"]:
        shown = [f"{name:<12} {bound:g} ulp" for name, bound in known["bounds"].items()]
        yield "Largest error, default parameters", shown
    if "Notes" in blocks:
        yield "Notes", blocks["Notes"]
    if known["aliases"]:
        yield "Aliases", ", ".join(known["aliases"])
    if known["elsewhere"]:
        yield "Elsewhere", [f"{library:<13} {text}" for library, text in known["elsewhere"].items()]
    yield "Source", known["source"]


def _sections(documentation: str) -> dict[str, str]:
    """Return the sections of a docstring by title, the summary under none, without signature and source."""
    text = documentation.partition("\n")[2]
    text = re.split(r"\n\n(?=Also known as |Source: |Defined in )", text)[0]
    first, *rest = _HEADING.split(text)
    return {"": first.strip(), **{t: b.strip() for t, b in zip(rest[::2], rest[1::2], strict=True)}}


def _values(function: Any, values: list[dict[str, float]]) -> list[str]:
    widths = (10, 24, 24)
    rows = [("x", "f(x)", "f′(x)")]
    rows += [(f"{v['x']:g}", repr(v["value"]), repr(v["derivative"])) for v in values]
    given = ", ".join(f"{name}={value:g}" for name, value in required(function).items())
    return [*(align(row, widths) for row in rows), *([f"with {given}"] if given else [])]


def _lines(body: str | list[str], width: int) -> Iterator[str]:
    """Yield the lines of a text, indented and filled, or those of a table as they are."""
    if isinstance(body, list):
        yield from (f"    {line}".rstrip() for line in body)
        return
    for k, paragraph in enumerate(body.split("\n\n")):
        if k:
            yield ""
        described = "\n    " in paragraph  # names, each with an indented description
        for below, joined in groupby(paragraph.splitlines(), lambda line: line[:1] == " "):
            given = list(joined)
            inner = " " * (8 if below else 4)
            for text in given if described and not below else [" ".join(map(str.strip, given))]:
                yield from wrap(
                    text,
                    width,
                    initial_indent=inner,
                    subsequent_indent=inner,
                    break_on_hyphens=False,
                )
