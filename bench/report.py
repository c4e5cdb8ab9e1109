"""Turn measurements into tables, charts and the blocks of README.md.

    python bench/report.py                     the tables of all results, RESULT.md, and the charts
    python bench/report.py RESULT.json         those of one result, next to the JSON
    python bench/report.py --readme            those of all, and the README's blocks

RESULT.json was written by compare.py, or by pytest's --benchmark-json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import chart
import click
import compare
import family_tables
import half_precision
import instruction_set
import loop_tables
import loops
import overview
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
    """Return the tables of elementwise functions."""
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


def described(speed: Speed) -> str:
    """Return the tables of one result, for readers."""
    if half_precision.is_of(speed):
        return f"# Speed of float16 and bfloat16\n\n{half_precision.full(speed)}\n"
    if family_tables.has_families(speed):
        return f"# Speed of rows, gates and losses\n\n{family_tables.summary(speed)}\n"
    parts = ["# Speed", summary(speed)]
    if speed.copy_time("float32"):
        parts += [
            f"## Share of a parallel copy's speed, {speed.largest:,} float32",
            speed_tables.shares(speed),
        ]
    return "\n\n".join(parts) + "\n"


def missed(speed: Speed) -> str:
    """Return the comparisons below their targets, for those who work on the kernels."""
    found = [*speed.misses(), *half_precision.misses(speed)]
    misses = sorted(found, key=lambda miss: miss.ratio / miss.must)
    return "\n".join([f"What it misses: {len(misses)}", *(f"- {miss}" for miss in misses)])


@click.command()
@click.argument(
    "result",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=False,
)
@click.option("--readme", is_flag=True, help="Write the marked blocks of README.md.")
@click.option("--chart/--no-chart", "drawn", default=True, help="Draw RESULT.svg.")
@click.option(
    "--readme-path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=README,
    hidden=True,
)
def report(result: Path | None, readme: bool, drawn: bool, readme_path: Path) -> None:
    """Write and print the tables of RESULT (those in bench/results/), and draw the charts."""
    if result is None:
        write_others()
    results = [result] if result else [path for path in every_result() if path.exists()]
    if not results:
        raise click.UsageError(
            f"{compare.DEFAULT} does not exist; run python bench/compare.py first"
        )
    for path in results:
        speed = Speed.load(path)
        text = described(speed)
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        click.echo(f"{text}\n{missed(speed)}")
        if not half_precision.is_of(speed) and not family_tables.has_families(speed):
            if drawn:
                chart.draw(speed, path.with_suffix(".svg"))
            if readme and not speed.document.get("isa"):
                write_readme(speed, path.parent, readme_path)


def every_result() -> list[Path]:
    """Return the files that compare.py writes."""
    files = (compare.DEFAULT, compare.FAMILIES, compare.HALVES)
    held = [
        compare.result_file(path, isa) for isa in instruction_set.VARIABLES for path in files[:2]
    ]
    return [*files, *held]


def write_others() -> None:
    """Write the tables of loops and of errors that were measured."""
    if loops.DEFAULT.exists():
        text = loop_tables.summary(json.loads(loops.DEFAULT.read_text(encoding="utf-8")))
        said = f"# Speed in users' own loops\n\n{text}\n"
        loops.DEFAULT.with_suffix(".md").write_text(said, encoding="utf-8")
        click.echo(said)
    if ACCURACY.exists():
        click.echo(write_accuracy(json.loads(ACCURACY.read_text(encoding="utf-8")), ACCURACY))


def write_accuracy(document: dict[str, Any], path: Path) -> str:
    """Write the table of errors next to their JSON, and return it."""
    text = f"# Errors\n\n{readme_tables.accuracy(document)}\n"
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    return text


def write_readme(speed: Speed, folder: Path, path: Path) -> None:
    """Draw the README's picture into a folder, and write the README's blocks."""
    write_block(path, "functions", readme_tables.functions(), COMMAND)
    errors = json.loads(ACCURACY.read_text(encoding="utf-8"))
    overview.draw(speed, errors, folder)
    write_block(path, "overview", overview.summary(speed, errors), COMMAND)


if __name__ == "__main__":
    report()
