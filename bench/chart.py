"""The chart of each function's speed relative to PyTorch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from speed import Speed, dtypes_in, geometric_mean
from speed_tables import case_of, usual_size

from fastact.functions.elementwise import FUNCTIONS

# Okabe and Ito's colour-blind-safe blue and vermilion, with a marker for each.
STYLES = {"forward": ("#0072B2", "o"), "backward": ("#D55E00", "D")}


def draw(speed: Speed, path: Path) -> None:
    """Write the picture of the ratios to PyTorch."""
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "fastact", "font.size": 9}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        picture(speed).savefig(path, dpi=150, metadata=metadata)


def picture(speed: Speed, peer: str = "torch") -> Any:
    """Return a figure of the ratios to a peer, one line a function, the largest on top."""
    from matplotlib.figure import Figure

    dtype, size = dtypes_in(speed)[0], usual_size(speed)
    points = {name: _points(speed, name, dtype, size, peer) for name in FUNCTIONS}
    order = [name for name in sorted(FUNCTIONS, key=lambda n: _mean(points[n])) if points[name]]
    if not order:
        raise ValueError("PyTorch was not measured, so there is nothing to draw")
    figure = Figure(figsize=(7, 1.2 + 0.2 * len(order)), layout="constrained")
    axes = figure.add_subplot()
    for row, name in enumerate(order):
        ratios = [1, *(ratio for ratio, _ in points[name].values())]
        axes.hlines(row, min(ratios), max(ratios), color="0.85", zorder=1)
        for direction, (ratio, composed) in points[name].items():
            colour, marker = STYLES[direction]
            inside = "white" if composed else colour
            axes.plot(ratio, row, marker, color=colour, markerfacecolor=inside, zorder=3)
    for direction, (colour, marker) in STYLES.items():
        found = [points[name][direction][0] for name in order if direction in points[name]]
        if found:
            label = f"{direction}: {geometric_mean(found):.1f}× on average"
            axes.plot([], [], marker, color=colour, label=label)
    if any(composed for name in order for _, composed in points[name].values()):
        axes.plot([], [], "o", color="0.4", markerfacecolor="white", label="hollow: composed there")
    _dress(axes, order, dtype, size)
    return figure


Points = dict[str, tuple[float, bool]]


def _points(speed: Speed, name: str, dtype: str, size: int, peer: str) -> Points:
    """Return the ratio of each direction, and whether the peer has no single kernel for it."""
    found = {}
    for direction in STYLES:
        case = case_of(speed, name, direction, dtype, size)
        ratio = None if case is None else speed.against(case, peer)
        if case is not None and ratio is not None:
            found[direction] = ratio, speed.is_composed(case, peer)
    return found


def _mean(points: Points) -> float:
    return geometric_mean(ratio for ratio, _ in points.values()) if points else 0.0


def _dress(axes: Any, order: list[str], dtype: str, size: int) -> None:
    axes.axvline(1, color="black", linewidth=1.2)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100) if low < tick < high]
    axes.set_xticks(ticks, ["PyTorch" if tick == 1 else f"{tick}×" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(order)), order)
    axes.set_ylim(-0.8, len(order) - 0.2)
    axes.grid(axis="x", color="0.92", zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"fastact's speed beside PyTorch's: {size:,} {dtype} numbers", loc="left")
    axes.legend(loc="lower right", frameon=True)
