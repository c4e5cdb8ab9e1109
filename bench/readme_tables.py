"""The list of functions, and the table of measured errors."""

from __future__ import annotations

import inspect
import math
from typing import Any

from peers import TITLES
from readme import table

import fastact as fa

#: Family -> its heading, in the order of the documentation.
FAMILIES = {
    "elementwise": "Elementwise",
    "parametric": "With a learned or random slope",
    "binary": "Of two arrays",
    "rows": "Along an axis",
    "gates": "Gated units",
    "channels": "Of groups of channels",
    "losses": "Losses",
}


def functions() -> str:
    """Return the names of all functions by family, and their passes."""
    lines = [
        f"- **{title}**: {', '.join(_named(f) for f in of(key))}."
        for key, title in FAMILIES.items()
    ]
    from_output = ", ".join(f"`{f.name}`" for f in of() if "vjp_from_output" in f.passes)
    return (
        "\n".join(lines)
        + f"\n\nElementwise functions have `derivative`, `vjp` and `value_and_derivative`; {from_output} have "
        "`vjp_from_output`; those with parameters have `parameter_vjp`. Losses have `value_and_grad` and `vjp`, all "
        "other functions except `hardmax` `vjp`."
    )


def of(family: str | None = None) -> list[Any]:
    """Return the functions of a family, or all."""
    every = map(fa.get, fa.names())
    return [function for function in every if family in (None, function.family)]


def _named(function: Any) -> str:
    also = f" ({', '.join(f'`{alias}`' for alias in function.aliases)})" if function.aliases else ""
    return f"`{function.name}`{also}"


def parameter(name: str, default: object) -> str:
    if default is inspect.Parameter.empty:
        return f"`{name}` (required)"
    return f"`{name}={default:.6g}`" if isinstance(default, float) else f"`{name}={default!r}`"


def accuracy(document: dict[str, Any]) -> str:
    """Return the worst error of each function, fastact's and its peers', a table for each dtype."""
    versions = ", ".join(f"{_title(name)} {v}" for name, v in document["versions"].items())
    counts = " and ".join(f"{count:,} ({dtype})" for dtype, count in document["counts"].items())
    parts = [
        "The largest error in units in the last place (ulp), and in brackets the share of inputs with "
        f"more than 2 ulp; f′ is the derivative. Inputs are finite, two thirds of them evenly "
        f"spaced by bit pattern, one third over ±4, ±40 and ±750: "
        f"{counts}. "
        f"{versions}."
    ]
    parts += [f"**{dtype}**\n\n{_errors(document, dtype)}" for dtype in document["dtypes"]]
    return "\n\n".join(parts)


def _errors(document: dict[str, Any], dtype: str) -> str:
    results: dict[str, dict[str, list[float]]] = document["results"]
    columns = [(pass_, name) for pass_ in document["passes"] for name in document["versions"]]
    head = [("f, " if pass_ == "forward" else "f′, ") + _title(name) for pass_, name in columns]
    functions = dict.fromkeys(text.split("-")[0] for text in results)
    rows = [
        (f, *(error(results.get(f"{f}-{p}-{dtype}", {}).get(name)) for p, name in columns))
        for f in functions
    ]
    return table(("function", *head), rows)


def _title(name: str) -> str:
    return TITLES.get(name, name)


def error(found: list[float] | None) -> str:
    if found is None:
        return "–"
    ulp, over = found
    size = "∞" if math.isinf(ulp) else f"{ulp:.2f}" if ulp < 1000 else f"{ulp:.0e}"
    return f"{size} ({100 * over:.2g} %)" if over else size
