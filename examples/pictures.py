"""The common style of the pictures, the planes of two inputs, and the programs' command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from tqdm import tqdm

import fastact as fa

# Okabe and Ito's colour-blind-safe colours, without yellow, which is faint on white.
BLACK, ORANGE, SKY, GREEN, BLUE, RED, PINK = COLOURS = (
    "#000000",
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)
GREY = "#8a8a8a"
# On coloured planes: elsewhere the documentation draws black as its text and white as its ground.
INK, CHALK = "#101010", "#fafafa"
# With colours they tell lines apart in grey print, too.
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.5, 1)),
    (0, (6, 1.5, 1.5, 1.5)),
    (0, (10, 3)),
    (0, (1, 3)),
)
SHADES = LinearSegmentedColormap.from_list("blue to orange", [BLUE, "#e6e6e6", ORANGE])

matplotlib.rcParams.update(
    {
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.prop_cycle": matplotlib.cycler(color=[BLUE, ORANGE, GREEN, PINK, SKY, RED, BLACK]),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": "medium",
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
        "figure.titlesize": "large",
        "grid.color": "#e4e4e4",
        "legend.frameon": False,
        "savefig.dpi": 110,
        "svg.fonttype": "none",
        "svg.hashsalt": "fastact",
    }
)

PICTURES = Path(__file__).parent / "pictures"
# The plane of two inputs, a little larger than the unit square with the four corners.
SIDE = np.linspace(-0.5, 1.5, 101)
PLANE = np.stack(np.meshgrid(SIDE, SIDE), axis=-1).reshape(-1, 2)


def progress(steps: Iterable[Any], what: str) -> Iterable[Any]:
    """Show a progress bar for a long run, on a terminal only."""
    return tqdm(steps, what, disable=None, leave=False)


def spread(values: Any) -> str:
    """Say how often each value occurs, in words: `0.25 in 6 of 10 seeds, 0.5 in 4`."""
    found, counts = np.unique(np.asarray(values), return_counts=True)
    shares = [f"{value:.3g} in {count}" for value, count in zip(found, counts, strict=True)]
    shares[0] += f" of {np.size(values)} seeds"
    return ", ".join(shares)


def draw_corners(axes: Any, targets: Any) -> None:
    """Draw the truth table: a corner for each pair of inputs, with its target."""
    for wanted, colour, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
        x, y = CORNERS[np.ravel(targets) == wanted].T
        axes.scatter(x, y, s=70, c=colour, marker=marker, edgecolors=INK, label=f"target {wanted}")
    axes.set(xlabel="first input", aspect="equal", xticks=[0, 1], yticks=[0, 1])
    axes.set(xlim=SIDE[[0, -1]], ylim=SIDE[[0, -1]])
    axes.grid(False)


def draw_plane(axes: Any, values: Any, targets: Any, border: bool = True) -> Any:
    """Draw one output over the plane of inputs, its border at 0.5 and the truth table."""
    heights = np.asarray(values).reshape(len(SIDE), len(SIDE))
    image = axes.imshow(
        heights, cmap=SHADES, vmin=0, vmax=1, alpha=0.8, origin="lower", extent=SIDE[[0, -1, 0, -1]]
    )
    if border and np.ptp(heights) > 0.01:
        axes.contour(SIDE, SIDE, heights, [0.5], colors=INK, linewidths=1)
    draw_corners(axes, targets)
    return image


def draw_surface(axes: Any, values: Any, outputs: Any, targets: Any) -> None:
    """Draw one output over the plane in perspective, and the outputs at the four corners."""
    heights = np.asarray(values).reshape(len(SIDE), len(SIDE))
    # Each cell has the colour of its middle height, so that walls are not striped.
    cells = np.lib.stride_tricks.sliding_window_view(heights, (2, 2))
    middle = (cells.max((2, 3)) + cells.min((2, 3))) / 2
    axes.computed_zorder = False
    axes.plot_surface(*np.meshgrid(SIDE, SIDE), heights, facecolors=SHADES(middle), **SURFACE)
    for wanted, colour, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
        chosen = np.ravel(targets) == wanted
        where = (*CORNERS[chosen].T, np.ravel(outputs)[chosen])
        axes.scatter(*where, c=colour, marker=marker, edgecolors=INK, s=40, depthshade=False)
    axes.set(xlabel="first input", ylabel="second input")
    axes.set(xticks=[0, 1], yticks=[0, 1], zlim=(0, 1), zticks=[0, 0.5, 1])
    axes.view_init(elev=28, azim=-120)
    axes.text2D(0.02, 0.88, "output", transform=axes.transAxes)


SURFACE = {"rcount": 101, "ccount": 101, "antialiased": False, "shade": False, "linewidth": 0}
SURFACE |= {"rasterized": True}  # as vectors, 10,000 cells make 2 MB
CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def save(figure: Figure, name: str, folder: Path, format: str = "png") -> Path:
    """Write the picture, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{format}"
    figure.savefig(path)
    return path


def main(
    learn: Callable[..., Any],
    report: Callable[[Any], str],
    draw: Callable[[Any], Figure],
    **options: Any,
) -> None:
    """Run a program: train, print the results, write the picture.

    Each option, given with its default, becomes one of the command line and an argument of `learn`.
    """
    program = sys.modules["__main__"]
    parser = argparse.ArgumentParser(
        description=program.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=Path, default=PICTURES, help="folder for the picture [%(default)s]"
    )
    parser.add_argument(
        "--format",
        choices=["png", "svg", "pdf"],
        default="png",
        help="of the picture [%(default)s]",
    )
    for name, default in options.items():
        several = isinstance(default, tuple)
        kind = type(default[0] if several else default)
        count = {"nargs": "+"} if several else {}
        parser.add_argument(f"--{name}", type=kind, default=default, help="[%(default)s]", **count)
    arguments = vars(parser.parse_args())
    folder, format = arguments.pop("pictures"), arguments.pop("format")
    result = learn(**arguments)
    print(report(result))
    path = save(draw(result), Path(sys.argv[0]).stem, folder, format)
    print(f"{path} ({fa.get_backend()} backend)")
