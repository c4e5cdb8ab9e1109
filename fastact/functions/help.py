"""What `help` and a notebook show beside parameters: related functions, examples, the page of the package, pictures."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from html import escape
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..backends.registry import use_backend
from .base import Function
from .catalogue import PUBLIC, get, names

__all__ = ["closing", "groups", "html", "page"]

_TITLES = {
    "parametric": "Rectifiers with a learned or drawn slope",
    "binary": "Functions of two arrays",
    "rows": "Along rows",
    "gates": "Gates",
    "channels": "Across channels",
    "losses": "Losses",
}
# Related functions that are shown at most.
_MOST = 8
# What belongs together across groups.
_ALIKE = (
    ("relu", "leaky_relu", "prelu", "rrelu"),
    ("relu", "maxout", "crelu"),
    ("relu", "reglu"),
    ("gelu", "geglu", "ndtr"),
    ("silu", "swiglu"),
    ("sigmoid", "tanh", "softsign"),
    ("sigmoid", "glu"),
    ("softplus", "squareplus"),
    ("identity", "snake"),
    ("softmax", "sparsemax", "entmax15", "entmax", "gumbel_softmax"),
    ("logaddexp", "logsumexp"),
    ("logcosh", "log_cosh"),
    ("log_softmax", "cross_entropy", "nll"),
    ("log_sigmoid", "binary_cross_entropy_with_logits"),
    ("entr", "xlogy", "rel_entr", "kl_div"),
    ("softmax_focal", "sigmoid_focal"),
)
# Inputs of the example of an elementwise function: the first ones that its domain contains.
_INPUTS = ("[-1.0, 0.0, 2.0]", "[0.25, 0.5, 0.75]", "[0.5, 1.0, 2.0]")
_REQUIRED = {"weight": 0.25}
# Labels of losses whose targets are others than 1 and 0.
_TARGETS = {"hinge": "[1.0, -1.0]", "squared_hinge": "[1.0, -1.0]", "kl_div": "[0.75, 0.25]"}
# Half the width and height of a picture, in units of x, and pixels to a unit.
_REACH, _UNIT = 4.0, 20.0
_BLUE, _VERMILION = "#0072B2", "#D55E00"


@cache
def groups() -> dict[str, list[Function]]:
    """Return all functions by the title of their group, in the order of the documentation."""
    found: dict[str, list[Function]] = {}
    for name in names():
        function = get(name)
        found.setdefault(_title(function), []).append(function)
    return found


def _title(function: Any) -> str:
    """Return the title of a group: of activations, what the docstring of the file says that declares them."""
    if function.family in _TITLES:
        return _TITLES[function.family]
    kind = sys.modules[function.declaration.forward.__module__]
    return re.split(r"[:.,]", kind.__doc__ or kind.__name__.rpartition(".")[2])[0]


def page(introduction: str) -> str:
    """Return the help on the package: the introduction, then a line for each function."""
    parts = [inspect.cleandoc(introduction)]
    for title, functions in groups().items():
        lines = [f"{one.name:<20} {headline(one)}" for one in functions]
        parts.append("\n".join([title, "-" * len(title), *lines]))
    return "\n\n".join(parts) + "\n"


def headline(function: Any) -> str:
    """Return the first sentence of what a function is."""
    return re.split(r"[.;:]\s", function._text().summary)[0].rstrip(".")


def closing(function: Any) -> dict[str, str]:
    """Return the sections that follow the parameters of a function."""
    also = f"Also known as {', '.join(function.aliases)}." if function.aliases else ""
    return {
        "See Also": "\n".join(f"{one.name} : {headline(one)}." for one in _related(function)),
        "Notes": also,
        "References": function.source,
        "Examples": "\n".join([">>> import fastact as fa", *_examples(function)]),
    }


@cache
def _mentions() -> dict[str, set[str]]:
    """Return which functions the summary of each one names."""
    found = {}
    for name in names():
        function = get(name)
        words = {*re.findall(r"`(\w+)`", function._text().summary)} - {*function.parameters}
        found[name] = {PUBLIC[word].name for word in words if word in PUBLIC} - {name}
    return found


def _related(function: Function) -> list[Function]:
    """Return functions that name this one, that it names, that are alike, and its neighbours in its group."""
    mentions, every = _mentions(), names()
    own = function.name
    first = [name for name in every if name in mentions[own] or own in mentions[name]]
    alike = [name for some in _ALIKE if own in some for name in some if name in every]
    group = [one.name for one in groups()[_title(function)]]
    near = sorted(group, key=lambda name: abs(every.index(name) - every.index(own)))
    found = [name for name in dict.fromkeys([*first, *alike, *near]) if name != own][:_MOST]
    return [get(name) for name in sorted(found, key=every.index)]


def _examples(function: Any) -> Iterator[str]:
    """Yield calls and what they return."""
    try:
        for call in _CALLS[function.family](function):
            yield f">>> {call}\n{_evaluated(call)}"
    except Exception:  # the rest of a docstring is shown where a function cannot be computed
        return


def _evaluated(call: str) -> str:
    # NumPy's own settings, whatever the user's are.
    with (
        use_backend("numpy"),
        np.printoptions(precision=8, suppress=False, threshold=1000, linewidth=75),
    ):
        return repr(eval(call, {"fa": SimpleNamespace(**PUBLIC)}))


def _required(function: Any) -> str:
    """Return arguments for the parameters that a call needs."""
    given = _given(function)
    return "".join(f", {name}={value}" for name, value in given.items())


def _given(function: Any) -> dict[str, float]:
    missing = [
        name for name, default in function.parameters.items() if default is inspect.Parameter.empty
    ]
    return {name: _REQUIRED.get(name, 1.0) for name in missing}


def _of_elements(function: Any) -> list[str]:
    name, required = function.name, _required(function)
    calls = [[f"fa.{name}({x}{required})", f"fa.{name}.derivative({x}{required})"] for x in _INPUTS]
    return next(
        (both for both in calls if not re.search("nan|inf", "".join(map(_evaluated, both)))),
        calls[0],
    )


def _of_two(function: Any) -> list[str]:
    return [f"fa.{function.name}([0.5, 1.0], [2.0, 1.0])"]


def _of_rows(function: Any) -> list[str]:
    name = function.name
    drawn = ", rng=0" if "rng" in function.parameters else ""
    call = f"fa.{name}([1.0, 2.0, 4.0]{drawn})"
    calls = [f"round({call}, 8)" if function.reduces else call]
    if "vjp" in function.passes and not drawn:
        calls.append(_vjp_of_rows(function))
    return calls


def _vjp_of_rows(function: Any) -> str:
    *_, last = function.vjp.arrays
    g = "1.0" if function.reduces else "[1.0, 0.0, 0.0]"
    taken = "[1.0, 2.0, 4.0]" if last == "x" else f"fa.{function.name}([1.0, 2.0, 4.0])"
    return f"fa.{function.name}.vjp({g}, {taken})"


def _of_gates(function: Any) -> list[str]:
    name = function.name
    first, second = ("3.0", "1.0") if function.order == "value_first" else ("1.0", "3.0")
    return [f"fa.{name}([1.0], [3.0])", f"fa.{name}([{first}, {second}])"]


def _of_channels(function: Any) -> list[str]:
    pieces = ", 2" if "pieces" in function.parameters else ""
    return [f"fa.{function.name}([1.0, -2.0, 3.0, 5.0]{pieces})"]


def _of_losses(function: Any) -> list[str]:
    _, _, *more = function.arrays
    x = "[0.75, 0.25]" if function.arrays[0] == "p" else "[0.5, -1.0]"
    taken = ", ".join([x, _TARGETS.get(function.name, "[1.0, 0.0]"), *["[1.0, 2.0]"] * len(more)])
    if "ignore_index" in function.parameters:
        taken = "[[2.0, 1.0, 0.0]], [0]"
    name = function.name
    return [f"round(fa.{name}({taken}), 8)", f"fa.{name}.value_and_grad({taken})[1]"]


_CALLS = {
    "elementwise": _of_elements,
    "parametric": _of_elements,
    "binary": _of_two,
    "rows": _of_rows,
    "gates": _of_gates,
    "channels": _of_channels,
    "losses": _of_losses,
}


def html(function: Any) -> str:
    """Return what a notebook shows: the name, the formula, and a picture of a function of numbers."""
    formula = re.sub("`(.*?)`", r"<i>\1</i>", escape(function._text().summary.partition("\n\n")[0]))
    signature = escape(f"{function.__qualname__}{inspect.signature(function)}")
    text = f"<code>{signature}</code><br>{formula}"
    picture = _picture(function) if "derivative" in function.passes else ""
    return f"<div>{text}{picture}</div>"


def _picture(function: Any) -> str:
    """Return the function in blue and its derivative in vermilion, as SVG."""
    x = np.linspace(-_REACH, _REACH, 321)
    given = _given(function)
    with use_backend("numpy"):
        curves = {_VERMILION: function.derivative(x, **given), _BLUE: function(x, **given)}
    size = 2 * _REACH * _UNIT
    middle = size / 2
    axes = f"M0 {middle:g}H{size:g}M{middle:g} 0V{size:g}"
    lines = [f'<path d="{axes}" stroke="currentColor" stroke-opacity=".4"/>']
    lines += [
        f'<path d="{_path(x, y)}" stroke="{colour}" stroke-width="2"/>'
        for colour, y in curves.items()
    ]
    name = escape(function.__name__)
    title = f"{name} and its derivative, from {-_REACH:g} to {_REACH:g}"
    return (
        f'<br><svg xmlns="http://www.w3.org/2000/svg" width="{size:g}" height="{size:g}" fill="none" role="img">'
        f"<title>{title}</title>{''.join(lines)}</svg><br>"
        f'<span style="color:{_BLUE}">{name}</span>, <span style="color:{_VERMILION}">its derivative</span>'
    )


def _path(x: Any, y: Any) -> str:
    """Return the points inside of the picture, with gaps where there are none."""
    shown = np.isfinite(y) & (np.abs(y) <= _REACH)
    before = np.concatenate(([False], shown[:-1]))
    return "".join(
        f"{'L' if joined else 'M'}{(a + _REACH) * _UNIT:.4g} {(_REACH - b) * _UNIT:.4g}"
        for a, b, joined in zip(x[shown], y[shown], before[shown], strict=True)
    )
