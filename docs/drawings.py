"""The pictures that are drawn for the documentation alone: thumbnails, functions of several arrays, errors, speed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from themed import inline

import fastact as fa
from fastact import plotting

BLUE, VERMILION, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#767676"
COLOURS = (BLUE, VERMILION, GREEN)
AXES, GRID = "#59636e", "#d8dee4"
#: All thumbnails show this range, on both axes.
REACH = 4.0
#: The logits of pictures of row functions.
LOGITS = np.array([2.0, 1.0, 0.2, -0.5, -2.0])
Curve = Callable[[Any], Any]


def _axes(figure: Figure, titles: Iterable[str]) -> list[Any]:
    """Return a row of panels in the common style."""
    titles = list(titles)
    panels = figure.subplots(1, len(titles), squeeze=False)[0]
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, loc="left", fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["bottom", "left"]].set_color(AXES)
        axes.tick_params(color=AXES)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
    return list(panels)


def thumbnail(function: Any) -> str:
    """Return a small picture of a function and its derivative, or of what it makes of a row."""
    figure = Figure(figsize=(1.8, 1.35))
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    axes.set_axis_off()
    if shown := curves(function):
        axes.axhline(0, color=GRID, linewidth=0.8)
        axes.axvline(0, color=GRID, linewidth=0.8)
        low, high = _range(function)
        for curve, colour in zip(reversed(shown[0]), (VERMILION, BLUE), strict=True):
            axes.plot(*plotting.graph(curve, low, high), color=colour, linewidth=1.6)
        axes.set_xlim(-REACH, REACH)
        axes.set_ylim(-REACH * 0.75, REACH * 0.75)
    elif function.family == "rows":
        _bars(axes, [_row(function)])
    return inline(figure, f"{function.name}, small", "thumbnail")


def _row(function: Any) -> Any:
    result = np.atleast_1d(function(LOGITS, **({"rng": 0} if "rng" in function.parameters else {})))
    return result


def _bars(axes: Any, series: list[Any]) -> None:
    width = 0.8 / len(series)
    for index, values in enumerate(series):
        at = np.arange(values.size) + width * (index - (len(series) - 1) / 2)
        axes.bar(at, values, width * 0.92, color=COLOURS[index % 3])
    axes.axhline(0, color=AXES, linewidth=0.8)


def curves(function: Any) -> tuple[Any, ...]:
    """Return the value and the derivative of a function along a line, and what the line is."""
    name, family = function.name, function.family
    if "derivative" in function.passes:
        options = plotting.gallery()[name]
        return [partial(function, **options), partial(function.derivative, **options)], "x", ""
    if family in ("gates", "binary"):
        first, second = function.arrays

        usual = 1.0 if family == "gates" else 2.0

        def value(x: Any, other: float = usual) -> Any:
            return function(x, np.full_like(x, other))

        def slope(x: Any, other: float = usual) -> Any:
            return function.vjp(np.ones_like(x), x, np.full_like(x, other))[0]

        return [value, slope], first, second
    if family == "losses":
        return _losses(function)
    if name in ("maxout", "crelu"):
        return _channels(function)
    if name in ("logsumexp", "logmeanexp"):
        return _reductions(function)
    return ()


def _reductions(function: Any) -> tuple[Any, ...]:
    """Return the reduction of the row (x, 0), and its derivative by x."""

    def slope(x: Any) -> Any:
        return function.vjp(np.ones_like(x), _pair(x), axis=-1)[..., 0]

    return [lambda x: function(_pair(x), axis=-1), slope], "x", ""


def _range(function: Any) -> tuple[float, float]:
    """Return where a function is drawn; a probability is between 0 and 1."""
    return (1e-6, 1 - 1e-6) if function.arrays[0] == "p" else (-REACH, REACH)


def _channels(function: Any) -> tuple[Any, ...]:
    """Return the two outputs of crelu, or maxout of x and -x/2 and its derivative by x."""
    if function.name == "crelu":
        return [lambda x, i=i: function(x[..., None])[..., i] for i in (0, 1)], "x", ""

    def pair(x: Any) -> Any:
        return np.stack([x, -x / 2], axis=-1)

    return (
        [
            lambda x: function(pair(x), 2)[..., 0],
            lambda x: function.vjp(np.ones((*x.shape, 1)), pair(x), 2)[..., 0],
        ],
        "x",
        "",
    )


def _pair(x: Any) -> Any:
    return np.stack([x, np.zeros_like(x)], axis=-1)


#: Loss -> the targets that its picture shows; others show 0.
TARGETS = {
    "hinge": (1, -1),
    "squared_hinge": (1, -1),
    "binary_cross_entropy_with_logits": (1, 0, 0.5),
    "binary_cross_entropy": (1, 0, 0.5),
    "sigmoid_focal": (1, 0),
    "kl_div": (0.5, 0.1),
    "poisson_nll": (0, 1, 3),
}


def _losses(function: Any) -> tuple[Any, ...]:
    classes = "ignore_index" in function.parameters

    def evaluate(x: Any, target: float | None, part: int) -> Any:
        target = TARGETS.get(function.name, (0,))[0] if target is None else target
        labels = np.zeros(x.shape, int) if classes else np.full(x.shape, float(target))
        more = [np.ones_like(x)] if len(function.arrays) > 2 else []
        given = _pair(x) if classes else x
        found = function.value_and_grad(given, labels, *more, reduction="none")[part]
        return found[..., 0] if classes and part else found

    return (
        [lambda x, t=None: evaluate(x, t, 0), lambda x, t=None: evaluate(x, t, 1)],
        function.arrays[0],
        "" if classes else "target",
    )


def picture(function: Any) -> str:
    """Return the picture of a function that is not elementwise, or nothing."""
    if function.family == "rows" and function.name not in ("logsumexp", "logmeanexp"):
        return _rows(function)
    if not (shown := curves(function)):
        return ""
    (value, slope), first, second = shown
    others = (1.0, -1.0, 2.0) if function.family == "gates" else (1.0, 0.5, 2.0)
    if function.family == "losses":
        others = TARGETS.get(function.name, (0,)) if second else (None,)
    elif not second:
        others = (None,)
    with rc_context({"font.size": 10}):
        figure = Figure(figsize=(7.6, 3.1), layout="constrained")
        titles = ("value", f"derivative by {first}")
        left, right = _axes(
            figure, ("first half", "second half") if function.name == "crelu" else titles
        )
        low, high = _range(function)
        for other, colour in zip(others, COLOURS, strict=False):
            label = f"{second} = {other:g}" if second else None
            for axes, curve in ((left, value), (right, slope)):
                given = curve if other is None else partial(_with, curve, other)
                axes.plot(*plotting.graph(given, low, high), color=colour, linewidth=2, label=label)
        for axes in (left, right):
            axes.set_xlabel(first)
            bottom, top = axes.get_ylim()
            axes.set_ylim(max(bottom, -6), min(top, 6))
        if second:
            left.legend(frameon=False)
    return inline(figure, f"{function.name}: value and derivative")


def _with(curve: Any, other: float, x: Any) -> Any:
    return curve(x, other)


def _rows(function: Any) -> str:
    """Return the picture of a row, and of what the function makes of it at three temperatures."""
    parameter = next((name for name in ("temperature", "tau") if name in function.parameters), None)
    options = {"rng": 0} if "rng" in function.parameters else {}
    with rc_context({"font.size": 10}):
        figure = Figure(figsize=(7.6, 3.1), layout="constrained")
        left, right = _axes(figure, ("x", f"{function.name}(x)"))
        left.bar(np.arange(LOGITS.size), LOGITS, 0.5, color=GREY)
        left.axhline(0, color=AXES, linewidth=0.8)
        temperatures = (1.0, 0.5, 2.0)
        _bars(
            right, [np.asarray(function(LOGITS, **{parameter: t}, **options)) for t in temperatures]
        )
        for t, colour in zip(temperatures, COLOURS, strict=True):
            right.bar([0], [0], color=colour, label=f"{parameter} = {t:g}")
        right.legend(frameon=False)
        for axes in (left, right):
            axes.grid(visible=False, axis="x")
            axes.set_xticks(np.arange(LOGITS.size), [f"{i}" for i in range(LOGITS.size)])
    return inline(figure, f"{function.name}: a row and its result")


def errors_by_x() -> str:
    """Return the errors of gelu and softplus along x: fastact's, and those of the textbook formulas in float32."""
    half, one, root = np.float32(0.5), np.float32(1), np.float32(2) ** np.float32(0.5)
    formulas = {
        "gelu": ("½x·(1 + erf(x/√2))", lambda x: half * x * (one + fa.erf(x / root))),
        "softplus": ("log(1 + exp x)", lambda x: np.log(one + np.exp(x))),
    }
    with rc_context({"font.size": 10}):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        for axes, (name, (formula, naive)) in zip(
            _axes(figure, formulas), formulas.items(), strict=True
        ):
            x = np.linspace(-14, 6, 400 * 50, dtype=np.float32)
            true = fa.accuracy.truth(name, "forward", x)
            for label, compute, colour in (
                (f"{formula} in float32", naive, VERMILION),
                ("fastact", fa.get(name), BLUE),
            ):
                # The largest error of 50 neighbours: each single one is noise.
                error = fa.accuracy.ulp_error(compute(x), true).reshape(400, 50).max(axis=1)
                axes.plot(x[::50], error, color=colour, label=label)
            axes.axhline(2, color=AXES, linewidth=1)
            axes.set_yscale("log")
            axes.set_ylim(0.1, 1e9)
            axes.set_yticks([0.5, 2, 1e3, 2.0**24], ["0.5", "2", "10³", "no digit\nis right"])
            axes.minorticks_off()
            axes.set_xlabel("x")
            axes.set_ylabel("error, ulp")
            axes.legend(frameon=False, loc="upper right")
    return inline(
        figure, "Error by x of gelu and softplus, and of the textbook formulas in float32"
    )


def speed_by_size(rows: list[tuple[str, list[int], list[float]]]) -> str:
    """Return the geometric means of the ratios of speed, by size: a line each."""
    with rc_context({"font.size": 10}):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        (axes,) = _axes(figure, ("how many times as fast, all functions, geometric mean",))
        for (label, sizes, ratios), style in zip(rows, ("o-", "o--", "D-", "D--"), strict=False):
            colour = BLUE if style[0] == "o" else VERMILION
            axes.plot(sizes, ratios, style, color=colour, label=label, markersize=5)
        axes.axhline(1, color="#000000", linewidth=1.2)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(rows[0][1], [f"{size:,}" for size in rows[0][1]])
        axes.set_yticks([1, 2, 5, 10], ["1×", "2×", "5×", "10×"])
        axes.minorticks_off()
        axes.set_xlabel("float32 elements")
        axes.legend(frameon=False)
    return inline(figure, "Speed beside other libraries by the number of elements")
