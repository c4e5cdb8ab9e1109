"""Turn measurements into tables, a chart and the blocks of README.md.

    python bench/report.py                     print the tables of all results, draw the chart
    python bench/report.py RESULT.json         those of one result, with the chart next to the JSON
    python bench/report.py --readme            the same, and write the README's tables
    python bench/report.py --functions         print only the table of functions

RESULT.json was written by compare.py, or by pytest's --benchmark-json.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import chart
import click
import compare
import family_tables
import half_precision
import instruction_set
import loop_tables
import loops
import readme_tables
import speed_tables
from readme import README, write_block
from speed import Speed

COMMAND = "python bench/report.py --readme"
ACCURACY = compare.DEFAULT.with_name("accuracy.json")

LEGEND = (
    "Ratios are the other library's time divided by fastact's, in italics where it has no single kernel "
    "for a function. Backward is the vector-Jacobian product, against PyTorch's backward kernels."
)


def summary(speed: Speed) -> str:
    """Return the README's section on speed."""
    size = speed_tables.usual_size(speed)
    return "\n\n".join(
        [
            speed_tables.conditions(speed),
            LEGEND,
            "All functions, geometric mean and (minimum), by number of elements:",
            speed_tables.by_size(speed),
            f"Each function at {size:,} elements, in ns per element:",
            speed_tables.by_function(speed),
        ]
    )


def full(speed: Speed) -> str:
    """Return the full report: the summary, all misses, and the shares of a copy's speed."""
    found = [*speed.misses(), *half_precision.misses(speed)]
    misses = sorted(found, key=lambda miss: miss.ratio / miss.must)
    listed = "\n".join(f"- {miss}" for miss in misses) or "None."
    if half_precision.is_of(speed):
        title, said = "# Speed of float16 and bfloat16", half_precision.full(speed)
    elif family_tables.has_families(speed):
        title, said = "# Speed of rows, gates and losses", family_tables.summary(speed)
    else:
        title, said = "# Speed", summary(speed)
    parts = [title, said, f"## What it misses: {len(misses)}", listed]
    if speed.copy_time("float32"):
        parts += [
            f"## Share of a parallel copy's speed, {speed.largest:,} float32",
            speed_tables.shares(speed),
        ]
    return "\n\n".join(parts) + "\n"


@click.command()
@click.argument(
    "result",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=False,
)
@click.option("--readme", is_flag=True, help="Write the marked blocks of README.md.")
@click.option("--functions", is_flag=True, help="Print the table of functions and stop.")
@click.option("--chart/--no-chart", "drawn", default=True, help="Draw RESULT.svg.")
@click.option(
    "--readme-path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=README,
    hidden=True,
)
def report(
    result: Path | None, readme: bool, functions: bool, drawn: bool, readme_path: Path
) -> None:
    """Print the tables of RESULT (those in bench/results/), and draw the chart."""
    if functions:
        click.echo(readme_tables.functions())
        return
    if result is None and loops.DEFAULT.exists():
        write_loops(readme_path if readme else None)
    results = [result] if result else [path for path in every_result() if path.exists()]
    if not results:
        raise click.UsageError(
            f"{compare.DEFAULT} does not exist; run python bench/compare.py first"
        )
    for path in results:
        speed = Speed.load(path)
        text = full(speed)
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        click.echo(text, nl=False)
        sixteen = half_precision.is_of(speed)
        shaped = not sixteen and family_tables.has_families(speed)
        picture = path.with_suffix(".svg")
        if drawn and not shaped and not sixteen:
            chart.draw(speed, picture)
        if speed.document.get("isa"):
            continue
        if readme and sixteen:
            write_block(readme_path, "halves", half_precision.summary(speed), COMMAND)
        elif readme and shaped:
            write_block(readme_path, "families", family_tables.summary(speed), COMMAND)
        elif readme:
            write_readme(speed, picture if picture.exists() else None, readme_path)


def every_result() -> list[Path]:
    """Return the files that compare.py writes: the README shows those of no particular instruction set."""
    files = (compare.DEFAULT, compare.FAMILIES, compare.HALVES)
    held = [
        compare.result_file(path, isa) for isa in instruction_set.VARIABLES for path in files[:2]
    ]
    return [*files, *held]


def write_loops(readme_path: Path | None) -> None:
    """Print the table of loops and write it, also into the README if one is given."""
    text = loop_tables.summary(json.loads(loops.DEFAULT.read_text(encoding="utf-8")))
    said = f"# Speed in users' own loops\n\n{text}\n"
    loops.DEFAULT.with_suffix(".md").write_text(said, encoding="utf-8")
    click.echo(said)
    if readme_path is not None:
        write_block(readme_path, "loops", text, COMMAND)


def write_readme(speed: Speed, picture: Path | None, path: Path) -> None:
    """Write the blocks speed and functions, and accuracy if it was measured."""
    content = summary(speed)
    if picture is not None:
        link = Path(os.path.relpath(picture, path.parent)).as_posix()
        content = f"![Speed beside PyTorch's]({link})\n\n{content}"
    write_block(path, "speed", content, COMMAND)
    write_block(path, "functions", readme_tables.functions(), COMMAND)
    if ACCURACY.exists():
        document = json.loads(ACCURACY.read_text(encoding="utf-8"))
        write_block(path, "accuracy", readme_tables.accuracy(document), COMMAND)


if __name__ == "__main__":
    report()
