"""A page for each function, from its declaration, measurements and computed values; and pictures.

An elementwise function gets all sections; any other public function its docstring, and a picture if it has a
derivative.
"""

from __future__ import annotations

import csv
import inspect
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import formulas
import numpy as np
from matplotlib.figure import Figure
from peers import TITLES
from readme import escaped, table
from readme_tables import error, parameter
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import NumpyDocstring
from sphinx.util.display import status_iterator

import fastact as fa
from fastact import plotting

ROOT = Path(__file__).parents[1]
ACCURACY = json.loads((ROOT / "bench" / "results" / "accuracy.json").read_text(encoding="utf-8"))
FARTHEST = (np.nan, -np.inf, -np.finfo(float).max, np.finfo(float).max, np.inf)
# The range in which kinks are searched, and the range of the small pictures.
NEAR, REACH = 8.0, 4.0
GALLERY = "../gallery"


def write(folder: Path) -> None:
    """Write the generated input of Sphinx: functions/, gallery/, measured/."""
    for name in ("functions", "gallery", "measured"):
        (folder / name).mkdir(exist_ok=True)
    drawn = plotting.gallery()
    newest = max(path.stat().st_mtime for path in Path(fa.__file__).parent.rglob("*.py"))
    old = [name for name in drawn if _time(folder / "gallery" / f"{name}.png") < newest]
    for name in status_iterator(old, "drawing... ", length=len(old)):
        plotting.panels(name, **drawn[name]).savefig(folder / "gallery" / f"{name}.png", dpi=130)
        thumbnail = _thumbnail(fa.get(name), drawn[name])
        thumbnail.savefig(folder / "gallery" / f"{name}.svg", transparent=True)
    for name in fa.names():
        _keep(folder / "functions" / f"{name}.md", page(name))
    _keep(folder / "functions" / "index.md", index(drawn))
    _keep(folder / "functions" / "elsewhere.md", elsewhere())
    for name in ("speed.md", "speed.svg", "families.md", "halves.md", "loops.md", "others.md"):
        _keep(
            folder / "measured" / name,
            (ROOT / "bench" / "results" / name).read_text(encoding="utf-8"),
        )


def _time(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _keep(path: Path, text: str) -> None:
    """Write a file unless it has this content, so that Sphinx reads only changed files."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def index(drawn: dict[str, Any]) -> str:
    """Return the gallery: a small picture of each function, and links to functions without one."""
    pictures = [f"[![]({GALLERY}/{name}.svg) {name}]({name}.md)" for name in drawn]
    others = ", ".join(f"[{name}]({name}.md)" for name in fa.names() if name not in drawn)
    return "\n\n".join(
        [
            "# Functions",
            f"In blue the function, in vermilion its derivative, from {-REACH:g} to {REACH:g}.",
            f"````{{container}} thumbnails\n{chr(10).join(text + chr(10) for text in pictures)}````",
            *([f"Not elementwise: {others}."] if others else []),
            "```{toctree}\n:hidden:\n\n" + "\n".join(fa.names()) + "\n```\n",
        ]
    )


def _thumbnail(function: Any, options: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(1.8, 1.3), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.axvline(0, color="0.8", linewidth=0.8)
    for compute, colour in ((function.derivative, plotting.VERMILION), (function, plotting.BLUE)):
        axes.plot(*plotting.graph(partial(compute, **options), -REACH, REACH), color=colour)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -REACH), min(high, REACH))
    axes.set_axis_off()
    return figure


def page(name: str) -> str:
    """Return the page of one public function, in Markdown."""
    function = fa.get(name)
    has_slope = name in plotting.gallery()
    sections = [
        f"# {name}",
        _head(function),
        _formulas(function) if function.formula else "",
        _text(function.declaration.doc) if _is_elementwise(function) else "",
        _picture(name) if has_slope else "",
        _parameters(function) if _is_elementwise(function) else "",
        _special(function) if has_slope else "",
        _accuracy(name) if _is_elementwise(function) else "",
        _elsewhere(name),
        f"## Source\n\n{_linked(function.source)}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _is_elementwise(function: Any) -> bool:
    """Tell whether the function is an elementwise activation, which gets all sections."""
    return bool(function.family == "elementwise")


def _head(function: Any) -> str:
    """Return the names, the signature and, for functions that are not elementwise, the docstring."""
    aliases = ", ".join(f"``{alias}``" for alias in function.aliases)
    lines = [f".. py:function:: fastact.{function.name}{inspect.signature(function)}", ""]
    if not _is_elementwise(function):
        lines += [f"   {line}" for line in _docstring(function).splitlines()]
    if aliases:
        lines += ["", f"Also known as {aliases}."]
    passes = ", ".join(
        f"``{name}({_required(one)})``"
        for name, one in function.passes.items()
        if name != "forward"
    )
    if passes:
        lines += ["", f"Its passes: {passes}."]
    if "parameter_vjp" in vars(function):
        lines += ["", "``parameter_vjp(g, x)`` returns the gradients by its parameters, by name."]
    return "````{eval-rst}\n" + "\n".join(lines) + "\n````"


def _required(function: Any) -> str:
    """Return the required arguments of a call."""
    parameters = inspect.signature(function).parameters.values()
    return ", ".join(p.name for p in parameters if p.default is inspect.Parameter.empty)


def _formulas(function: Any) -> str:
    shown = {"f(x)": formulas.definition(function), "f′(x)": formulas.derivative(function)}
    lines = [
        f"```{{math}}\n{label} = {formulas.latex(expression, function)}\n```"
        for label, expression in shown.items()
    ]
    meanings = ", ".join(f"{{math}}`{text}`" for text in formulas.meanings(*shown.values()))
    return "\n\n".join([*lines, f"with {meanings}."] if meanings else lines)


def _text(doc: str) -> str:
    return inspect.cleandoc(doc).replace("*", "\\*")


def _docstring(function: Any) -> str:
    """Return a docstring in NumPy's style, without the signature and the source, which are shown elsewhere."""
    text = inspect.cleandoc(function.__doc__ or "").replace("|", "\\|")
    first, _, rest = text.partition("\n\n")
    text = rest if first.startswith(f"{function.__name__}(") else text
    text = text.removesuffix(f"Source: {function.source}.")
    return str(NumpyDocstring(text, Config(napoleon_use_rtype=False), what="function"))


def _picture(name: str) -> str:
    options = "".join(f" --param {key}={value}" for key, value in plotting.gallery()[name].items())
    alt = f"{name}: function, derivative, histograms of samples and activations, an image and its activation"
    drawn = f"`fastact plot {name}{options}` draws it." if _is_elementwise(fa.get(name)) else ""
    return f"```{{figure}} {GALLERY}/{name}.png\n:alt: {alt}\n:target: ../_images/{name}.png\n\n{drawn}\n```"


def _parameters(function: Any) -> str:
    rows = [(parameter(*item), _choices(function, item[0])) for item in function.parameters.items()]
    if not rows:
        return ""
    return "## Parameters\n\n" + table(("parameter", "takes"), rows, 2)


def _choices(function: Any, name: str) -> str:
    choices = function.declaration.choices.get(name)
    if choices:
        return ", ".join(f"`{choice!r}`" for choice in choices)
    declared = function.declaration.params[name]
    return "a number, an array, or None" if declared.optional else "a number or an array"


def _special(function: Any) -> str:
    options = plotting.gallery()[function.name]
    kinks = _kinks(function, options)
    below, above = [x for x in kinks if x < 0], [x for x in kinks if x > 0]
    x = np.array([*FARTHEST[:3], *below, -0.0, 0.0, *above, *FARTHEST[3:]])
    rows = zip(x, function(x, **options), function.derivative(x, **options), strict=True)
    given = ", ".join(f"`{key}={value:g}`" for key, value in options.items())
    text = table(("x", "f(x)", "f′(x)"), [tuple(map(_number, row)) for row in rows], 0)
    return f"## Special values\n\n{text}" + (f"\n\nWith {given}." if given else "")


def _kinks(function: Any, options: dict[str, Any]) -> list[float]:
    """Return where the function or its derivative jumps, other than at 0."""
    found = set()
    for compute in (function, function.derivative):
        x, y = plotting.graph(partial(compute, **options), -NEAR, NEAR)
        for gap in np.flatnonzero(np.isnan(y)):
            # The jump may be found a few units in the last place away from the kink.
            found.add(float(f"{x[gap]:.12g}"))
    return sorted(found - {0.0})


def _number(value: float) -> str:
    largest = np.finfo(float).max
    names = {np.inf: "∞", -np.inf: "−∞", largest: "largest finite", -largest: "−largest finite"}
    if np.isnan(value):
        return "NaN"
    if value == 0:
        return "−0" if np.signbit(value) else "0"
    return names.get(float(value)) or f"{value:.6g}".replace("-", "−")


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
        "## Worst error\n\nIn units in the last place (ulp), and in brackets the share of inputs with more than 2 ulp; "
        f"`fastact accuracy {name}` measures it here.\n\n{table(head, rows)}"
    )


def elsewhere() -> str:
    """Return the table of names in other libraries, in Markdown."""
    known = _names_elsewhere()
    libraries = list(next(iter(known.values())))
    rows = [
        (f"[{name}]({name}.md)", *(f"`{names[one]}`" if names[one] else "" for one in libraries))
        for name, names in known.items()
        if any(names.values())
    ]
    said = (
        "What computes the same in other libraries. Arguments are given where their defaults are others: Keras' "
        "`leaky_relu` has the slope 0.2, ONNX' `HardSigmoid` 0.2, PyTorch's `softplus` gives x itself from 20 on, and "
        "`jax.nn.gelu` is the tanh form unless told otherwise. Transformers' names are those of `hidden_act` in a "
        "model's configuration; `fastact.get` takes all of them."
    )
    return f"# Names in other libraries\n\n{said}\n\n{table(('function', *libraries), rows, len(libraries) + 1)}\n"


def _names_elsewhere() -> dict[str, dict[str, str]]:
    with (ROOT / "fastact" / "elsewhere.csv").open(encoding="utf-8", newline="") as file:
        return {row.pop("function"): row for row in csv.DictReader(file)}


def _elsewhere(name: str) -> str:
    known = _names_elsewhere()
    rows = [(library, f"`{text}`") for library, text in known.get(name, {}).items() if text]
    return "## In other libraries\n\n" + table(("library", "name"), rows, 2) if rows else ""


def _linked(source: str) -> str:
    source = escaped(source)
    source = re.sub(r"arXiv:([\d.]*\d)", r"[arXiv:\1](https://arxiv.org/abs/\1)", source)
    return re.sub(r"doi:(10\.[^\s,;]+)", r"[doi:\1](https://doi.org/\1)", source)
