"""The common style of the pictures, the decision planes, and the programs' command line."""

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
    }
)

PICTURES = Path(__file__).parent / "pictures"
# The plane of two inputs, a little larger than the unit square with the four corners.
SIDE = np.linspace(-0.5, 1.5, 101)
PLANE = np.stack(np.meshgrid(SIDE, SIDE), axis=-1).reshape(-1, 2)


def progress(steps: Iterable[Any], what: str) -> Iterable[Any]:
    """Show a progress bar for a long run, on a terminal only."""
    return tqdm(steps, what, disable=None, leave=False)


def draw_plane(
    figure: Figure, grid: tuple[int, int], column: int, values: Any, title: str, targets: Any
) -> None:
    """Draw one output over the plane of inputs, from above and in perspective, in one column."""
    rows, columns = grid
    heights = np.asarray(values).reshape(len(SIDE), len(SIDE))
    axes = figure.add_subplot(rows, columns, column + 1)
    axes.contourf(SIDE, SIDE, heights, np.linspace(0, 1, 21), cmap=SHADES, alpha=0.8)
    axes.contour(SIDE, SIDE, heights, [0.5], colors=BLACK, linewidths=1)
    for wanted, colour, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
        x, y = CORNERS[np.ravel(targets) == wanted].T
        axes.scatter(
            x, y, s=70, c=colour, marker=marker, edgecolors=BLACK, label=f"target {wanted}"
        )
    axes.set(title=title, xlabel="first input", aspect="equal", xticks=[0, 1], yticks=[0, 1])
    axes.grid(False)
    if column == 0:
        axes.set_ylabel("second input")
        figure.legend(loc="outside upper right", ncols=2)
    space = figure.add_subplot(rows, columns, columns + column + 1, projection="3d")
    # Each cell has the colour of its middle height, so that walls are not striped.
    cells = np.lib.stride_tricks.sliding_window_view(heights, (2, 2))
    middle = (cells.max((2, 3)) + cells.min((2, 3))) / 2
    space.plot_surface(*np.meshgrid(SIDE, SIDE), heights, facecolors=SHADES(middle), **SURFACE)
    space.set(xlabel="first input", ylabel="second input", zlabel="output")
    space.set(xticks=[0, 1], yticks=[0, 1], zlim=(0, 1), zticks=[0, 0.5, 1])
    space.view_init(elev=28, azim=-120)


SURFACE = {"rcount": 101, "ccount": 101, "antialiased": False, "shade": False, "linewidth": 0}
CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def save(figure: Figure, name: str, folder: Path) -> Path:
    """Write the picture and print its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path)
    return path


def main(
    learn: Callable[[], Any], report: Callable[[Any], str], draw: Callable[[Any], Figure]
) -> None:
    """Run a program: train, print the results, write the picture."""
    program = sys.modules["__main__"]
    parser = argparse.ArgumentParser(
        description=program.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pictures", type=Path, default=PICTURES, help="folder for the picture [%(default)s]"
    )
    folder = parser.parse_args().pictures
    result = learn()
    print(report(result))
    path = save(draw(result), Path(sys.argv[0]).stem, folder)
    print(f"{path} ({fa.get_backend()} backend)")
