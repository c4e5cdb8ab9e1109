"""The README's picture: time and worst error of well-known functions, in a light and a dark version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from case import Case
from readme import HOME
from speed import Speed, geometric_mean
from speed_tables import cases_of, number, usual_size

FUNCTIONS = (
    "relu",
    "leaky_relu",
    "elu",
    "sigmoid",
    "silu",
    "tanh",
    "gelu",
    "gelu_tanh",
    "softplus",
    "mish",
)
#: Contender -> its title, a colour of Okabe and Ito's for each theme, and its marker; the first is fastact.
STYLES = {
    "fastact": ("fastact", {"light": "#0072B2", "dark": "#56B4E9"}, "o"),
    "torch": ("PyTorch", {"light": "#D55E00", "dark": "#E69F00"}, "D"),
    "jax": ("JAX", {"light": "#009E73", "dark": "#2FBF9B"}, "s"),
    "plain": ("NumPy", {"light": "#767676", "dark": "#9A9A9A"}, "^"),
}
#: Theme -> colours of text, axes and grid.
THEMES = {
    "light": {"text": "#1f2328", "axes": "#59636e", "grid": "#d8dee4"},
    "dark": {"text": "#f0f6fc", "axes": "#9198a1", "grid": "#3d444d"},
}
DTYPE = "float32"
#: An error of 2²⁴ ulp is as large as the value itself.
NO_DIGIT = 2.0**24


def path_of(folder: Path, theme: str) -> Path:
    return folder / ("overview.svg" if theme == "light" else f"overview-{theme}.svg")


def draw(speed: Speed, errors: dict[str, Any], folder: Path) -> None:
    """Draw the functions that were measured, into overview.svg and overview-dark.svg."""
    from matplotlib import rc_context

    folder.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        with rc_context({"svg.hashsalt": "fastact"}):
            figure = picture(speed, errors, theme)
            figure.savefig(path_of(folder, theme), transparent=True, metadata={"Date": None})


def picture(speed: Speed, errors: dict[str, Any], theme: str) -> Any:
    """Return the picture for a theme, as a Matplotlib figure."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    size, colours = usual_size(speed), THEMES[theme]
    times = [_times(speed, name, size) for name in FUNCTIONS]
    worst = [errors["results"].get(f"{name}-forward-{DTYPE}", {}) for name in FUNCTIONS]
    with rc_context({"font.size": 12}):
        figure = Figure(figsize=(9, 4.3), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.15, 1))
        for name, (title, own, marker) in STYLES.items():
            style = {"marker": marker, "color": own[theme], "linestyle": "", "label": title}
            # PyTorch's and JAX' may lie on each other.
            style |= {"markersize": {"fastact": 9.5, "torch": 8.5}.get(name, 5.5)}
            style |= {"zorder": 5 if name == "fastact" else 4 if name != "torch" else 3}
            left.plot(*_points(times, name), **style)
            right.plot(*_points(worst, name), **style)
        _dress(left, right)
        for axes, title in ((left, "nanoseconds an element"), (right, "largest error, in ulp")):
            axes.set_title(title, loc="left", color=colours["text"])
            _colour(axes, colours)
        figure.legend(
            *left.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=len(STYLES),
            frameon=False,
            labelcolor=colours["text"],
        )
    return figure


def _times(speed: Speed, name: str, size: int) -> dict[str, list[float]]:
    """Return the nanoseconds of an element, in the form of the errors: fastact's under its own name."""
    times = speed.times.get(Case(name, "forward", DTYPE, (size,)), {})
    own = {"fastact": times[speed.own]} if speed.own in times else {}
    return {contender: [1e9 * time / size] for contender, time in {**times, **own}.items()}


def _points(found: list[dict[str, list[float]]], contender: str) -> tuple[list[float], list[int]]:
    rows = [row for row, values in enumerate(found) if contender in values]
    return [min(max(found[row][contender][0], 0.03), NO_DIGIT) for row in rows], rows


def _dress(left: Any, right: Any) -> None:
    left.set_xscale("log")
    low, high = left.get_xlim()
    ticks = [tick for tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if low < tick < high]
    left.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right.set_xscale("symlog", linthresh=1.0, linscale=0.5)
    right.set_xlim(-0.3, NO_DIGIT * 4)
    marks = {0: "0", 2: "2", 100: "100", 1e4: "10⁴", NO_DIGIT: "no digit\nis right"}
    right.set_xticks(list(marks), list(marks.values()))
    right.axvspan(-0.3, 2, alpha=0.12, color="#0072B2", linewidth=0)
    left.set_yticks(range(len(FUNCTIONS)), FUNCTIONS)
    left.set_ylim(len(FUNCTIONS) - 0.4, -0.6)
    for axes in (left, right):
        axes.minorticks_off()


def _colour(axes: Any, colours: dict[str, str]) -> None:
    axes.tick_params(colors=colours["axes"], labelcolor=colours["text"], length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(colours["axes"])
    axes.grid(color=colours["grid"], linewidth=0.8)
    axes.set_axisbelow(True)


def summary(speed: Speed, errors: dict[str, Any], folder: str = "bench/results") -> str:
    """Return the README's block: the picture, its conditions, and the means over all functions."""
    raw = HOME.replace("github.com", "raw.githubusercontent.com").replace("/blob/", "/")
    light, dark = (f"{raw}/{path_of(Path(folder), theme).as_posix()}" for theme in THEMES)
    alt = "Time and largest error of ten functions: fastact, PyTorch, JAX and NumPy"
    picture = (
        f'<picture>\n<source media="(prefers-color-scheme: dark)" srcset="{dark}">\n'
        f'<img alt="{alt}" src="{light}" width="830">\n</picture>'
    )
    size = usual_size(speed)
    machine = speed.document["machine"]
    return (
        f"{picture}\n\nfloat32, {size:,} elements, {machine['threads']} threads of an {machine['processor']} "
        f"([conditions]({HOME}/bench/results/speed.md)). The geometric mean of all functions is "
        f"{_ratio(speed, 'forward', 'torch')} times PyTorch's speed, {_ratio(speed, 'forward', None)} times that of "
        f"the fastest other library for each function; backward {_ratio(speed, 'backward', 'torch')} times PyTorch's. "
        f"[Errors]({HOME}/bench/results/accuracy.md) of all functions: {_worst(errors, 'fastact')}; PyTorch: "
        f"{_worst(errors, 'torch')}. JAX takes subnormal numbers for 0, which counts here."
    )


def _ratio(speed: Speed, direction: str, peer: str | None) -> str:
    """Return the geometric mean of the ratios, and the smallest."""
    cases = cases_of(speed, direction, DTYPE, usual_size(speed))
    ratios = [ratio for case in cases if (ratio := speed.against(case, peer)) is not None]
    return f"{number(geometric_mean(ratios))} (at least {number(min(ratios))})" if ratios else "–"


def _worst(errors: dict[str, Any], library: str) -> str:
    """Return the largest error of a library's functions, and how many exceed 2 ulp."""
    found = [
        values[library][0]
        for key, values in errors["results"].items()
        if key.endswith(f"-forward-{DTYPE}") and library in values
    ]
    over = sum(ulp > 2 for ulp in found)
    if not over:
        return f"at most {max(found, default=0):.2f} ulp"
    return f"more than 2 ulp in {over} of {len(found)}"
