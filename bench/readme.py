"""Markdown tables, and writing them into the marked blocks of README.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
#: The repository: links in the README are absolute, so that they work on an index page too.
HOME = "https://github.com/fastact/fastact/blob/main"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 1) -> str:
    """Return a Markdown table; the columns from `numbers_from` on are aligned to the right."""
    rule = ["---" if column < numbers_from else "---:" for column in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Escape text for a cell of a table."""
    return text.replace("|", "\\|").replace("*", "\\*")


def replace_block(text: str, name: str, content: str, command: str) -> str:
    """Return a document with the text between two markers replaced.

    The markers are ``<!-- name:begin -->`` and ``<!-- name:end -->``; the command that writes the
    block is noted inside.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"expected one {begin} followed by {end}")
    block = f"{begin}\n<!-- Written by `{command}`. -->\n\n{content.strip()}\n\n{end}"
    return pattern.sub(lambda _: block, text)


def write_block(path: Path, name: str, content: str, command: str) -> None:
    """Replace a marked block of a file."""
    text = path.read_text(encoding="utf-8")
    path.write_text(replace_block(text, name, content, command), encoding="utf-8")
