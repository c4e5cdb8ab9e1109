"""The generated input of Sphinx: a page for each function, their index, and parts of other pages (parts.py)."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import docstrings
import drawings
import formulas
import numpy as np
import samples
import several
from peers import TITLES
from readme import escaped, table
from readme_tables import FAMILIES, error
from sphinx.util.display import status_iterator
from themed import inline

import fastact as fa
from fastact import plotting

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = ROOT / "bench" / "results"
ACCURACY = json.loads((RESULTS / "accuracy.json").read_text(encoding="utf-8"))
FARTHEST = (np.nan, -np.inf, -np.finfo(float).max, np.finfo(float).max, np.inf)
# The range in which kinks are searched.
NEAR = 8.0
GALLERY = "../gallery"
#: File of `definitions/activations` -> the heading of its functions in the index.
KINDS = {
    "piecewise": "Piecewise polynomials",
    "weighted": "x times a smooth step",
    "exponential": "Exponentials",
    "algebraic": "Roots and quotients",
    "composed": "Compositions",
    "capped": "Compositions",
    "periodic": "Periodic",
    "normal": "The normal distribution",
    "logarithmic": "Logarithms",
}


def write(folder: Path) -> None:
    """Write functions/, gallery/ and measured/."""
    for name in ("functions", "gallery", "measured"):
        (folder / name).mkdir(exist_ok=True)
    drawn = plotting.gallery()
    sources = [*Path(fa.__file__).parent.rglob("*.py"), folder / "themed.py"]
    newest = max(path.stat().st_mtime for path in sources)
    old = [name for name in drawn if time_of(drawing(name)) < newest]
    for name in status_iterator(old, "drawing... ", length=len(old)):
        drawing(name).write_text(_drawn(name), encoding="utf-8")
    names = fa.names()
    for name in status_iterator(names, "writing functions... ", length=len(names)):
        keep(folder / "functions" / f"{name}.md", page(name))
    keep(folder / "functions" / "index.md", index())
    keep(folder / "functions" / "elsewhere.md", elsewhere())
    for path in RESULTS.glob("*.md"):
        keep(folder / "measured" / path.name, path.read_text(encoding="utf-8"))


def drawing(name: str) -> Path:
    """Return the file of the panels of a function."""
    return HERE / "gallery" / f"{name}.svg"


def _drawn(name: str) -> str:
    options = plotting.gallery()[name]
    title = f"{name}: function, derivative, histograms of samples and activations, an image and its activation"
    return inline(plotting.panels(name, **options), title)


def time_of(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def keep(path: Path, text: str) -> None:
    """Write a file unless it has this content, so that Sphinx reads only changed files."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def groups() -> dict[str, list[str]]:
    """Return the names of the functions by heading."""
    found: dict[str, list[str]] = {title: [] for title in KINDS.values()}
    for name in fa.names():
        function = fa.get(name)
        if function.family == "elementwise":
            kind = function.declaration.forward.__module__.rpartition(".")[2]
            title = KINDS.get(kind, kind)
        else:
            title = FAMILIES[function.family]
        found.setdefault(title, []).append(name)
    return {title: members for title, members in found.items() if members}


def index() -> str:
    """Return the index: a small picture of each function, in groups."""
    parts = [
        "# Functions",
        f"In blue the function, in orange its derivative, all from -{drawings.REACH:g} to {drawings.REACH:g}. "
        "Gates are drawn for the value 1, losses for one target, row functions as what they make of the row "
        f"{', '.join(f'{x:g}' for x in drawings.LOGITS)}.",
    ]
    for title, members in groups().items():
        links = "\n".join(
            f'<a href="{name}.html">{drawings.thumbnail(fa.get(name))}{name}</a>'
            for name in members
        )
        parts.append(
            f'## {title}\n\n```{{raw}} html\n<div class="thumbnails">\n{links}\n</div>\n```'
        )
        parts.append("```{toctree}\n:hidden:\n\n" + "\n".join(members) + "\n```")
    return "\n\n".join(parts) + "\n"


def page(name: str) -> str:
    """Return the page of one public function, in Markdown."""
    function = fa.get(name)
    has_slope = name in plotting.gallery()
    sections = [
        f"# {name}",
        _use(name),
        _equations(function),
        _picture(function),
        docstrings.directive(function),
        _special(function) if has_slope else samples.special(function),
        _accuracy(name) if function.family == "elementwise" else samples.accuracy(function),
        _elsewhere(name),
        f"## Source\n\n{_linked(function.source)}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _rows_of(name: str) -> dict[str, dict[str, str]]:
    with (ROOT / name).open(encoding="utf-8", newline="") as file:
        return {row.pop("function"): row for row in csv.DictReader(file)}


def uses() -> dict[str, str]:
    """Return what functions are typically used for."""
    return {name: row["use"] for name, row in _rows_of("docs/uses.csv").items()}


def _use(name: str) -> str:
    use = uses().get(name)
    return f"*Typical use*: {use}." if use else ""


def _equations(function: Any) -> str:
    if function.formula:
        value = formulas.as_called(function)
        found = (value, formulas.slope(value, formulas.X))
        sides = [("f(x)", found[0]), ("f′(x)", found[1])]
        shown = [(left, formulas.latex(right, function.parameters)) for left, right in sides]
        meanings = formulas.meanings(*found)
    else:
        shown, meanings = list(several.equations(function)), several.meanings(function)
    lines = [f"```{{math}}\n{left} = {right}\n```" for left, right in shown]
    said = ", ".join(f"{{math}}`{text}`" for text in meanings)
    if function.family == "losses" and lines:
        lines.append("The loss L of one element, before weights and `reduction`; t is the target.")
    return "\n\n".join([*lines, f"with {said}."] if said else lines)


def _picture(function: Any) -> str:
    name = function.name
    if name not in plotting.gallery():
        drawn = drawings.picture(function)
        return f"```{{raw}} html\n{drawn}\n```" if drawn else ""
    options = "".join(f" --param {key}={value}" for key, value in plotting.gallery()[name].items())
    said = f"`fastact plot {name}{options}` draws it." if function.family == "elementwise" else ""
    return f"```{{raw}} html\n:file: {GALLERY}/{name}.svg\n```\n\n{said}".rstrip()


def _special(function: Any) -> str:
    options = plotting.gallery()[function.name]
    kinks = _kinks(function, options)
    below, above = [x for x in kinks if x < 0], [x for x in kinks if x > 0]
    x = np.array([*FARTHEST[:3], *below, -0.0, 0.0, *above, *FARTHEST[3:]])
    rows = zip(x, function(x, **options), function.derivative(x, **options), strict=True)
    given = ", ".join(f"`{key}={value:g}`" for key, value in options.items())
    text = table(("x", "f(x)", "f′(x)"), [tuple(map(samples.number, row)) for row in rows], 0)
    return f"## Special values\n\n{text}" + (f"\n\nWith {given}." if given else "")


def _kinks(function: Any, options: dict[str, Any]) -> list[float]:
    """Return where the function or its derivative jumps, other than at 0."""
    found = set()
    for compute in (function, function.derivative):
        x, y = plotting.graph(partial(compute, **options), -NEAR, NEAR)
        for gap in np.flatnonzero(np.isnan(y)):
            # The jump may be found a few units in the last place away from the kink.
            found.add(float(f"{x[gap]:.12g}"))
    return sorted(kink for kink in found if abs(kink) > 1e-12)


def _accuracy(name: str) -> str:
    libraries, rows = ACCURACY["versions"], []
    for dtype in ACCURACY["dtypes"]:
        for pass_ in ACCURACY["passes"]:
            found = ACCURACY["results"].get(f"{name}-{pass_}-{dtype}")
            if found is not None:
                label = f"{'f' if pass_ == 'forward' else 'f′'}, {dtype}"
                rows.append((label, *(error(found.get(library)) for library in libraries)))
    if not rows:
        return f"## Worst error\n\nNot measured yet; `fastact accuracy {name}` measures it here."
    head = (
        "",
        *(f"{TITLES.get(library, library)} {version}" for library, version in libraries.items()),
    )
    return (
        "## Worst error\n\nIn [units in the last place](../accuracy.md) (ulp), and in brackets the share of inputs "
        f"with more than 2 ulp; `fastact accuracy {name}` measures it here.\n\n{table(head, rows)}"
    )


def elsewhere() -> str:
    """Return the table of names in other libraries, in Markdown."""
    known = _rows_of("fastact/elsewhere.csv")
    libraries = list(next(iter(known.values())))
    rows = [
        (f"[{name}]({name}.md)", *(f"`{names[one]}`" if names[one] else "" for one in libraries))
        for name, names in known.items()
        if any(names.values())
    ]
    said = (
        "What computes the same in other libraries. Arguments are given where their defaults are others. Transformers' "
        "names are those of `hidden_act` in a model's configuration; `fastact.get` takes all of them."
    )
    differing = table(("call", "its default", "here"), _differing(), 3)
    return (
        f"# Names in other libraries\n\n## Defaults that differ\n\n{differing}\n\n## All names\n\n{said}\n\n"
        f"{table(('function', *libraries), rows, len(libraries) + 1)}\n"
    )


def _differing(name: str | None = None) -> list[tuple[str, ...]]:
    """Return the rows of defaults.csv, of one function or of all."""
    with (ROOT / "docs" / "defaults.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if name in (None, row["function"])]
    return [(f"`{row['call']}`", row["default"], f"`{row['here']}`") for row in rows]


def _elsewhere(name: str) -> str:
    known: Mapping[str, str] = _rows_of("fastact/elsewhere.csv").get(name, {})
    rows = [(library, f"`{text}`") for library, text in known.items() if text]
    parts = [table(("library", "name"), rows, 2)] if rows else []
    if differing := _differing(name):
        parts += ["Defaults differ:", table(("call", "its default", "here"), differing, 3)]
    return "\n\n".join(["## In other libraries", *parts]) if parts else ""


def _linked(source: str) -> str:
    source = escaped(source)
    source = re.sub(r"arXiv:([\d.]*\d)", r"[arXiv:\1](https://arxiv.org/abs/\1)", source)
    return re.sub(r"doi:(10\.[^\s,;]+)", r"[doi:\1](https://doi.org/\1)", source)
