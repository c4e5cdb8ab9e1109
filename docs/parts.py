"""Generated parts of pages, docs/generated/: properties, the command line, examples, pictures of speed and errors."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import chart
import click
import drawings
import numpy as np
import overview
from case import Case
from pages import ACCURACY, RESULTS, ROOT, keep, time_of, uses
from readme import HOME, table
from speed import Speed, geometric_mean
from speed_tables import cases_of, usual_size
from sphinx.util import logging
from sphinx.util.display import status_iterator
from themed import inline, themed

import fastact as fa
from fastact import plotting
from fastact.cli.program import program
from fastact.functions.pytorch import Declared, declared

#: Files of definitions/activations whose functions are not activations.
SPECIAL = ("normal", "logarithmic")
FAR = 100.0
DTYPE = "float32"
log = logging.getLogger(__name__)


def write(folder: Path) -> None:
    """Write generated/ and the pictures of the examples."""
    generated = folder / "generated"
    generated.mkdir(exist_ok=True)
    speed = Speed.load(RESULTS / "speed.json")
    keep(generated / "properties.md", properties(speed))
    keep(generated / "cli.md", command_line())
    keep(generated / "torch.md", pytorch())
    keep(generated / "examples.md", examples(folder / "gallery"))
    light = overview.picture(speed, ACCURACY, "light")
    alt = "Time and largest error of ten functions"
    keep(generated / "overview.svg", inline(light, alt))
    keep(generated / "speed.svg", inline(chart.picture(speed), "Speed beside PyTorch's"))
    keep(generated / "speed_by_size.svg", drawings.speed_by_size(by_size(speed)))
    keep(generated / "error_by_x.svg", drawings.errors_by_x())


def by_size(speed: Speed) -> list[tuple[str, list[int], list[float]]]:
    """Return the geometric means of the ratios by size: label, sizes, ratios."""
    sizes = sorted({case.size for case in speed.times})
    lines = []
    for direction in ("forward", "backward"):
        for title, peer in (("PyTorch", "torch"), ("the fastest other library", None)):
            cases = [cases_of(speed, direction, DTYPE, size) for size in sizes]
            ratios = [
                [r for c in some if (r := speed.against(c, peer)) is not None] for some in cases
            ]
            lines.append(
                (f"{direction}, {title}", sizes, [geometric_mean(some) for some in ratios])
            )
    return lines


def properties(speed: Speed) -> str:
    """Return the table of the activations' properties."""
    size, rows = usual_size(speed), []

    def time(name: str) -> float | None:
        times = speed.times.get(Case(name, "forward", DTYPE, (size,)), {})
        return times.get(speed.own)

    relu, known = time("relu"), uses()
    for name, options in plotting.gallery().items():
        function = fa.get(name)
        declared = getattr(function, "declaration", None)
        if declared is not None and declared.forward.__module__.endswith(SPECIAL):
            continue
        own = time(name)
        cost = f"{own / relu:.1f}" if own and relu else "–"
        rows.append(
            (f"[{name}](functions/{name}.md)", *computed(name, options), cost, known.get(name, ""))
        )
    head = (
        "function",
        "range",
        "centred",
        "monotone",
        "smooth",
        "saturates",
        "cost",
        "typical use",
    )
    return table(head, rows, len(head)) + "\n"


def computed(name: str, options: dict[str, Any]) -> tuple[str, ...]:
    """Return range, centred, monotone, smooth and saturates of an activation, from its values."""
    function = fa.get(name)
    value, slope = partial(function, **options), partial(function.derivative, **options)
    x = np.concatenate([[-np.inf], np.linspace(-FAR, FAR, 20_001), [np.inf]])
    y = value(x)
    low, high = (_end(np.nanmin(y)), _end(np.nanmax(y)))
    # The midpoints of 10,000 equal parts of a normal distribution.
    normal = fa.ndtri((np.arange(10_000) + 0.5) / 10_000)
    centred = abs(np.mean(value(normal))) < 0.1
    # Neighbouring values of a monotone function may be rounded the wrong way round, by 2 ulp each.
    allowed = 4 * np.spacing(np.abs(y[1:-2]))
    rises = bool(np.all(np.diff(y[1:-1]) >= -allowed))
    jumps = [bool(np.isnan(plotting.graph(one, -8.0, 8.0)[1]).any()) for one in (value, slope)]
    smooth = "no: it jumps" if jumps[0] else "no" if jumps[1] else "yes"
    flat = [side for side, end in (("left", -FAR), ("right", FAR)) if abs(slope(end)) < 1e-3]
    return (
        f"{low} to {high}",
        "yes" if centred else "no",
        "yes" if rises else "no",
        smooth,
        "both sides" if len(flat) == 2 else "".join(flat) or "no",
    )


def _end(value: float) -> str:
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{round(value, 3) + 0.0:g}".replace("-", "−")


def pytorch() -> str:
    """Return the table of the functions of fastact.torch."""
    rows = [
        (f"`{one.label}{one.signature}`", f"`{one.module}`" if one.module else "", _page(one))
        for one in declared().values()
    ]
    rows.append(("", "`Softmax2d`", _page(declared()["softmax"])))
    return table(("function of `fastact.torch`", "module", "computes"), rows, 3) + "\n"


def _page(one: Declared) -> str:
    return f"[{one.function.name}](../functions/{one.function.name}.md)"


def command_line() -> str:
    """Return the help of every command, as click shows it."""
    context = click.Context(program, info_name="fastact", **program.context_settings)
    parts = [_help(program, context)]
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context)
        parts.append(f"## fastact {name}\n\n{_help(command, own)}")
    return "\n\n".join(parts) + "\n"


def _help(command: click.Command, context: click.Context) -> str:
    context.terminal_width = 90
    context.max_content_width = 90
    return f"```text\n{command.get_help(context)}\n```"


def examples(gallery: Path) -> str:
    """Run the examples whose pictures are older than the sources, and return what the page shows."""
    folder = ROOT / "examples"
    newest = max(path.stat().st_mtime for path in folder.glob("*.py"))
    programs = [path for path in sorted(folder.glob("*.py")) if _is_program(path)]
    # The order is that of the table, in which each program has a row.
    readme = (folder / "README.md").read_text(encoding="utf-8").partition("\n## The programs\n")[2]
    programs.sort(key=lambda path: (found := readme.find(path.name)) + (found < 0) * len(readme))
    old = [path for path in programs if time_of(_picture(gallery, path)) < newest]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(partial(_run, gallery), old)
        for path, said in status_iterator(
            zip(old, runs, strict=True), "running examples... ", length=len(old)
        ):
            # Only what the program needs may be missing, such as scikit-learn's pictures of digits.
            if said and "ModuleNotFoundError" not in said:
                log.warning("%s failed: %s", path.name, said.strip().splitlines()[-1])
    return "\n\n".join(_example(path, _picture(gallery, path)) for path in programs) + "\n"


def _run(gallery: Path, path: Path) -> str:
    """Run an example, and return what it says if it fails."""
    paths = os.pathsep.join([str(Path(fa.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(path), "--pictures", str(gallery), "--format", "svg"],
        env={**os.environ, "PYTHONPATH": paths, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    return done.stderr or "it failed" if done.returncode else ""


def _is_program(path: Path) -> bool:
    return '__name__ == "__main__"' in path.read_text(encoding="utf-8")


def _picture(gallery: Path, path: Path) -> Path:
    return gallery / f"{path.stem}.svg"


def _example(path: Path, picture: Path) -> str:
    said = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").replace(
        "*", "\\*"
    )
    parts = [f"## {path.stem.replace('_', ' ').capitalize()}", said]
    if picture.exists():
        drawn = themed(picture.read_text(encoding="utf-8"), f"what {path.name} draws")
        parts.append(f"```{{raw}} html\n{drawn}\n```")
    source = f"```{{literalinclude}} ../examples/{path.name}\n:language: python\n```"
    opening = f"```{{raw}} html\n<details><summary>{path.name}</summary>\n```"
    closing = "```{raw} html\n</details>\n```"
    parts += [opening, source, closing, f"[On GitHub]({HOME}/examples/{path.name})"]
    return "\n\n".join(parts)
