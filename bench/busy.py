"""Time fastact and PyTorch while other processes use every processor, and write the times as a table.

    python bench/busy.py            writes bench/results/busy.md

On a busy machine a call has to wait for processors. Of each call the median of all samples is reported, and what nine
of ten stay below: the best of many, which the other programs report, hides the waiting. Libraries take turns.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import machine
import numpy as np
from case import Case
from cases import TITLES, contender, prepare, why_missing
from readme import table

OUTPUT = Path(__file__).with_name("results") / "busy.md"
CONTENDERS = ("cython", "numba", "torch")
FUNCTIONS = ("relu", "silu")
SIZES = (4096, 1 << 18, 1 << 20, 1 << 23)


@contextlib.contextmanager
def burning(count: int) -> Iterator[None]:
    """Keep so many processors busy with other processes."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def measure(case: Case, names: list[str], rounds: int) -> dict[str, np.ndarray]:
    """Return the times of each contender, one sample a turn, in seconds."""
    calls = {name: call for name in names for _, call in prepare(name, [case])}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            # PyTorch's threads go on spinning after a call.
            time.sleep(0.01)
            with contender(name).context():
                call()
                start = time.perf_counter()
                call()
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: np.array(samples) for name, samples in times.items()}


def shown(seconds: float) -> str:
    return f"{1e6 * seconds:,.0f}" if seconds >= 1e-5 else f"{1e6 * seconds:.1f}"


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=40, show_default=True)
@click.option(
    "--processes",
    type=click.IntRange(0),
    default=os.cpu_count() or 1,
    show_default="one for each processor",
    help="Other processes that keep a processor busy.",
)
@click.option("--size", "sizes", multiple=True, type=click.IntRange(1), default=SIZES)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=OUTPUT, show_default=True
)
def busy(rounds: int, processes: int, sizes: tuple[int, ...], output: Path) -> None:
    """Measure all functions on a busy machine and print the table."""
    about = machine.describe()
    names = [name for name in CONTENDERS if why_missing(name) is None]
    rows = []
    with burning(processes):
        for function in FUNCTIONS:
            for size in sizes:
                found = measure(Case(function, "forward", "float32", (size,)), names, rounds)
                cells = [
                    f"{shown(np.median(times))} / {shown(np.quantile(times, 0.9))}"
                    for times in found.values()
                ]
                rows.append((function, f"{size:,}", *cells))
    text = (
        f"# Speed on a busy machine\n\n"
        f"Median and 90th percentile of {rounds} calls, in microseconds, float32, by `python bench/busy.py`: "
        f"{about['threads']} threads of an {about['processor']}, on which {processes} other processes run.\n\n"
        + table(("", "elements", *(TITLES[name] for name in names)), rows)
    )
    output.write_text(text + "\n", encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    busy()
