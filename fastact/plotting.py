"""Pictures of activations, as Matplotlib figures.

::

    from fastact import plotting

    plotting.panels("gelu").savefig("gelu.png")
    plotting.compare("relu", "silu", "gelu")

A notebook displays a returned figure. matplotlib and pillow come with the extra `plot`.
"""

from __future__ import annotations

import inspect
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .curves import Activation, Array, Curve, Drawn, drawn_as, labels_of
from .functions.catalogue import get, names
from .graphs import asymptotes, domain, graph, jumps, kinks
from .messages import shown

try:
    from matplotlib import rc_context
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    from .images import REACH_OF_IMAGE, ImageFile, grey, spread
except ImportError as error:
    raise ImportError(
        f'pictures need matplotlib and pillow: pip install "fastact[plot]" ({error})'
    ) from error

__all__ = ["compare", "gallery", "panels"]

# The range for one function, beyond relu6's kink at 6, the farthest with default parameters; for several,
# where they differ most.
REACH, REACH_OF_SEVERAL = 7.0, 4.0
SAMPLES, BINS = 1000, 40
# More curves are drawn in a larger chart.
MOST_IN_SMALL = 6

# Okabe and Ito's colour-blind-safe colours, without yellow, which is faint on white. With four dash
# patterns, visible in grey print too, they distinguish 28 curves.
BLUE, VERMILION = "#0072B2", "#D55E00"
COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
# White at 0; the blue is darker than the vermilion, so that grey print, too, tells the signs apart.
DIVERGING = LinearSegmentedColormap.from_list("diverging", ["#003a5c", "#ffffff", VERMILION])
STYLE = {"font.size": 10, "axes.titlesize": 10, "axes.grid": False, "figure.dpi": 100}


class Picture(Figure):
    """A figure that a notebook displays without pyplot, which would keep every figure alive."""

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        self.savefig(data, format="png")
        return data.getvalue()


def panels(
    function: Activation,
    *,
    image: ImageFile | None = None,
    xlim: tuple[float, float] | None = None,
    **parameters: Any,
) -> Figure:
    """Draw one function in six panels.

    They show the function and its derivative, with kinks and asymptotes; a thousand evenly spaced samples
    around 0 and how their activations are distributed; an image and its activation, in the same colours. Of a
    function such as erfinv, which has values between two numbers only, samples and image lie between them.

    Parameters
    ----------
    function : str or callable
        The name of a function, or the function itself, or any callable that takes an array and returns one of its
        shape. Of a function of several numbers one is varied, as `fastact.one_number.of_one_number` says.
    image : path or file, optional
        Any image that Pillow reads; by default Matplotlib's portrait of Grace Hopper. Its grey values are
        spread evenly from -3 to 3, so that half of its pixels are negative.
    xlim : tuple of two floats, optional
        The range of the curves; by default from -7 to 7, or where the function has values if that is less.
    **parameters
        Parameters of the activation.

    Returns
    -------
    matplotlib.figure.Figure
        A figure that pyplot knows nothing of: save it, or let the notebook show it.
    """
    drawn = Drawn(function, parameters)
    low, high = domain(drawn.value, REACH)
    is_bounded = high < REACH
    x = low + (high - low) * (np.arange(SAMPLES) + 0.5) / SAMPLES
    pixels, image_title = spread(grey(image)), "an image, half of it below 0"
    if is_bounded:
        pixels = low + (high - low) * (pixels / (2 * REACH_OF_IMAGE) + 0.5)
        image_title = f"an image, spread from {low:g} to {high:g}"
    margin = 0.05 * (high - low) if is_bounded else 0.0
    # A panel is about 2.8 inches wide; without this a wide image left a hole above it.
    image_height = min(max(2.8 * pixels.shape[0] / pixels.shape[1], 0.6), 3.4)
    with rc_context(STYLE):
        figure = Picture(figsize=(7, 5.6 + image_height), layout="constrained")
        figure.suptitle(drawn.title, fontsize=11)
        grid = figure.add_gridspec(4, 2, height_ratios=(2.1, 2.1, image_height, 0.1))
        rows = np.array(
            [[figure.add_subplot(grid[row, side]) for side in (0, 1)] for row in range(3)]
        )
        limits = _limits(xlim, low - margin, high + margin)
        _draw_curve(rows[0, 0], drawn.value, limits, color=BLUE)
        _draw_curve(rows[0, 1], drawn.slope, limits, color=VERMILION)
        _frame(rows[0, 0], "the function", "f(x)", limits)
        _frame(rows[0, 1], "its derivative", "f′(x)", limits)
        _mark(rows[0, 0], rows[0, 1], drawn, limits)
        _draw_histogram(rows[1, 0], x, "0.5")
        _draw_histogram(rows[1, 1], drawn.value(x), BLUE)
        _label(rows[1, 0], f"{SAMPLES:,} evenly spaced samples", "x", "samples in a bin")
        _label(rows[1, 1], "their activations", "f(x)", "samples in a bin")
        _draw_image(rows[2, 0], pixels, image_title)
        activated = _draw_image(rows[2, 1], drawn.value(pixels), "the image activated")
        bar = figure.colorbar(
            activated,
            cax=figure.add_subplot(grid[3, :]),
            orientation="horizontal",
            label="x and f(x)",
            extend="both",
        )
        bar.outline.set_visible(False)
    return figure


def compare(
    *functions: Activation | tuple[Activation, dict[str, Any]],
    xlim: tuple[float, float] | None = None,
) -> Figure:
    """Draw several activations in one chart, and their derivatives in a second one next to it.

    Parameters
    ----------
    *functions : str, callable or tuple
        Functions or their names, or pairs of one and a dictionary of its parameters.
    xlim : tuple of two floats, optional
        The range of x; by default from -4 to 4.

    Returns
    -------
    matplotlib.figure.Figure
        A figure that pyplot knows nothing of: save it, or let the notebook show it.
    """
    if not functions:
        raise ValueError("compare() needs at least one activation")
    drawn = list({one.label: one for one in map(drawn_as, functions)}.values())
    limits = _limits(xlim, -REACH_OF_SEVERAL, REACH_OF_SEVERAL)
    tallest = max(map(abs, limits))
    labels = labels_of(drawn, limits)
    width, height = (9.0, 4.2) if len(drawn) <= MOST_IN_SMALL else (12.0, 5.6)
    columns = _legend_columns(labels, width)
    with rc_context(STYLE):
        legend_rows = -(-len(drawn) // columns)
        figure = Picture(figsize=(width, height + 0.22 * legend_rows), layout="constrained")
        left, right = figure.subplots(1, 2)
        for index, (one, label) in enumerate(zip(drawn, labels, strict=True)):
            style = {
                "color": COLOURS[index % len(COLOURS)],
                "linestyle": DASHES[index % len(DASHES)],
                "linewidth": 1.8,
                # Through the gaps of a dashed line one sees a whole line that it coincides with.
                "zorder": 2 + 0.1 * (index % len(DASHES)),
            }
            _draw_curve(left, one.value, limits, label=label, **style)
            _draw_curve(right, one.slope, limits, **style)
        # Cut those that grow faster than x, such as exponential: they would flatten the others.
        _frame(left, "functions", "f(x)", limits, tallest)
        _frame(right, "derivatives", "f′(x)", limits, tallest)
        figure.legend(loc="outside lower center", ncols=columns, handlelength=3.5, frameon=False)
    return figure


def gallery() -> dict[str, dict[str, Any]]:
    """Return every elementwise function and its required parameters.

    These are 1, except the weight of prelu: 0.25, PyTorch's initial value.
    """
    return {
        name: {
            parameter: 0.25 if parameter == "weight" else 1.0
            for parameter, default in get(name).parameters.items()
            if default is inspect.Parameter.empty
        }
        for name in names()
        if "derivative" in get(name).passes
    }


def _legend_columns(labels: Sequence[str], width: float) -> int:
    # The figure has 100 dpi; a legend entry takes about 7 dots a letter, plus 95.
    return max(1, min(6, len(labels), int((100 * width - 20) / (95 + 7 * max(map(len, labels))))))


def _limits(xlim: tuple[float, float] | None, low: float, high: float) -> tuple[float, float]:
    """Return the range of x; raise ValueError if it is none."""
    try:
        low, high = (low, high) if xlim is None else map(float, xlim)
    except (TypeError, ValueError):
        raise TypeError(f"xlim={shown(xlim)}: expected two numbers") from None
    if not -1e100 < low < high < 1e100:
        raise ValueError(
            f"xlim=({low:g}, {high:g}): expected two finite numbers, the lower one first"
        )
    return low, high


def _draw_curve(axes: Any, function: Curve, limits: tuple[float, float], **style: Any) -> None:
    axes.plot(*graph(function, *limits), **{"linewidth": 2, **style})


def _frame(
    axes: Any, title: str, y: str, limits: tuple[float, float], tallest: float = math.inf
) -> None:
    """Set the limits of a panel to its curves, at most ±`tallest`."""
    drawn = np.concatenate([line.get_ydata() for line in axes.lines])
    low, high = np.nanmin(drawn, initial=np.inf), np.nanmax(drawn, initial=-np.inf)
    low, high = max(min(low, 0.0), -tallest), min(max(high, 0.0), tallest)
    margin = 0.08 * (high - low or 1.0)
    axes.set_xlim(*limits)
    axes.set_ylim(low - margin, high + margin)
    axes.grid(color="0.9")
    for draw in (axes.axhline, axes.axvline):
        draw(0, color="0.6", linewidth=0.8, zorder=1)
    _label(axes, title, "x", y)


def _draw_histogram(axes: Any, values: Array, colour: str) -> None:
    finite = values[np.isfinite(values)]
    counts, edges = np.histogram(finite, bins=BINS)
    axes.stairs(counts, edges, fill=True, color=colour)  # one patch; hist() makes forty
    if not finite.size:
        axes.text(0.5, 0.5, "none is finite", ha="center", transform=axes.transAxes)


def _mark(axes: Any, slopes: Any, drawn: Drawn, limits: tuple[float, float]) -> None:
    """Mark the kinks of the function drawn in `axes`, and its asymptotes; its derivative is drawn in `slopes`."""
    ends, bends = (jumps(*panel.lines[0].get_data()) for panel in (axes, slopes))
    x = kinks(drawn.value, bends)
    if x.size:
        axes.plot(
            x, drawn.value(x), "o", color=BLUE, markerfacecolor="white", markersize=5, label="kink"
        )
    reach = max(map(abs, limits))
    lines = asymptotes(drawn.value, drawn.slope, reach, np.concatenate([ends, bends]))
    low, high = axes.get_ylim()
    for index, (side, rise, base) in enumerate(lines):
        across = np.array([0.0, side * reach])
        style = {"color": "0.35", "linestyle": ":", "linewidth": 1.5, "zorder": 3}
        axes.plot(across, rise * across + base, label="" if index else "asymptote", **style)
        low, high = min(low, base), max(high, base)
    axes.set_ylim(low, high)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", fontsize=8, frameon=False)


def _draw_image(axes: Any, pixels: Array, title: str) -> Any:
    axes.set_title(title)
    axes.set_axis_off()
    return axes.imshow(pixels, cmap=DIVERGING, vmin=-REACH_OF_IMAGE, vmax=REACH_OF_IMAGE)


def _label(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
