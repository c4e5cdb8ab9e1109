"""The objects' own docstrings as Sphinx directives: the function, its other names, and its passes as methods."""

from __future__ import annotations

import inspect
import re
from typing import Any

from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import NumpyDocstring

CONFIG = Config(napoleon_use_rtype=False)
#: What a pass repeats of the function's docstring is left out in these sections.
REPEATED = ("Parameters", "Other Parameters", "Raises", "Notes")


def sections(function: Any) -> dict[str, str]:
    """Return the docstring of a function or pass by section; the text in front has the name ""."""
    text = inspect.cleandoc(function.__doc__ or "")
    first, _, rest = text.partition("\n\n")
    text = rest if first.startswith(f"{function.__qualname__}(") else text
    source = getattr(function, "source", None)
    text = re.sub(r"\n*Also known as [^\n]*\.(?=\n|$)", "", text)
    if source:
        text = text.replace(f"Source: {source}.", "")
    parts = re.split(r"^(\S[^\n]*)\n-{3,}\n", text, flags=re.MULTILINE)
    return {
        "": parts[0].strip(),
        **{n: t.strip("\n") for n, t in zip(parts[1::2], parts[2::2], strict=True)},
    }


def entries(text: str) -> list[str]:
    """Return the entries of a section: lines at the margin with the indented ones below."""
    return [one.rstrip() for one in re.split(r"\n(?=\S)", text)]


def directive(function: Any) -> str:
    """Return the documentation of a function in reStructuredText, inside Markdown."""
    own = sections(function)
    lines = [
        ".. py:currentmodule:: fastact",
        "",
        f".. py:function:: {function.name}{inspect.signature(function)}",
        "",
        *_indented(own),
    ]
    if function.aliases:
        first, *others = function.aliases
        lines += ["", f".. py:data:: {first}", *(f"             {name}" for name in others), ""]
        lines += [f"   The same object as :py:func:`{function.name}`."]
    passes = [one for name, one in function.passes.items() if name != "forward"]
    if "parameter_vjp" in vars(function):
        passes.append(function.parameter_vjp)
    for one in passes:
        lines += ["", f".. py:method:: {one.__qualname__}{inspect.signature(one)}", ""]
        lines += _indented(_different(sections(one), own))
    return "````{eval-rst}\n" + "\n".join(lines) + "\n````"


def _different(found: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    """Return the sections of a pass without what the function's say in the same words."""
    result = {}
    for name, text in found.items():
        if name in REPEATED and name in known:
            split = entries if name != "Notes" else lambda whole: whole.split("\n\n")
            kept = [one for one in split(text) if one not in split(known[name])]
            text = ("\n\n" if name == "Notes" else "\n").join(kept)
        if text:
            result[name] = text
    return result


def _indented(parts: dict[str, str]) -> list[str]:
    whole = "\n\n".join(
        f"{name}\n{'-' * len(name)}\n{text}" if name else text for name, text in parts.items()
    ).replace("|", "\\|")
    # reStructuredText sees no markup right after these signs.
    whole = re.sub(r"(?<=[±·^])(?=`[^`])", r"\\ ", whole)
    return [
        f"   {line}" if line else ""
        for line in str(NumpyDocstring(whole, CONFIG, what="function")).splitlines()
    ]
