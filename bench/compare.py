"""Time fastact and its peers in turns, in one process, and write the times as JSON.

    python bench/compare.py             every elementwise function, pass, dtype and size
    python bench/compare.py --quick     a few functions
    python bench/compare.py --families  row functions, gates and losses, on fixed shapes
    python bench/compare.py --halves    float16 and bfloat16, beside PyTorch and beside float32
    python bench/compare.py --isa avx2  any of these with every library held to AVX2
    python bench/report.py              tables and a chart of the results

Cases on the same data are measured together. In every round each library has one turn, in which it
computes all of them, followed by a pause: PyTorch's OpenMP threads keep spinning after their work and
would take a processor from the next library. The order rotates from round to round, and the best
sample of all rounds is reported. Before the first round every call runs twice, so that compilation,
loading and thread start are not timed.
"""

from __future__ import annotations

import statistics
import sys
import time
import timeit
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import cases
import click
import families
import half_precision
import instruction_set
import machine
from case import Case
from cases import COPY, DTYPES, PASSES, SIZES, TITLES, contender, prepare, why_missing
from operands import result_of, result_shape
from peers import Call

from fastact.backends.registry import BUILT_IN
from fastact.cli.bench import QUICK
from fastact.functions.elementwise import FUNCTIONS

DEFAULT = Path(__file__).with_name("results") / "speed.json"
FAMILIES = DEFAULT.with_name("families.json")
HALVES = DEFAULT.with_name("halves.json")
# Below this size the libraries run on one thread, and none spins.
PAUSE_FROM = 1 << 14
# Seconds. Reading the clock takes 1/1000 of it; longer samples are often interrupted, and then OpenMP's
# threads wait 8 ms for each other.
SAMPLE = 1e-4
# Processors that other processes may use. With both in use, PyTorch took 50 times its time.
BUSY = 0.3


class Stopwatch:
    """A prepared call and the best time it took in each turn, in seconds."""

    def __init__(self, case: Case, call: Call, turn: float) -> None:
        self.case = case
        self.times: list[float] = []
        result = result_of(call())
        if result.shape != result_shape(case) or result.dtype != case.dtype:
            raise TypeError(f"{case}: the result is {result.dtype} of shape {result.shape}")
        self._timer = timeit.Timer(call)
        # One call may take several times as long as the next, and a turn would then have few samples.
        once = min(self._timer.repeat(5 if case.size < PAUSE_FROM else 3, 1))
        self._loops = max(1, round(SAMPLE / once))
        self._samples = max(1, round(turn / (self._loops * once)))

    def turn(self) -> None:
        """Record the best sample of one turn, or a single call that takes longer."""
        self.times.append(min(self._timer.repeat(self._samples, self._loops)) / self._loops)

    def result(self) -> tuple[float, float]:
        """Return the best time and the median of the turns."""
        return min(self.times), statistics.median(self.times)


def measure(
    group: list[Case], names: list[str], rounds: int, turn: float, pause: float
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return the times of each contender for each of the cases, all on the same data."""
    watches: dict[str, list[Stopwatch]] = {}
    for name in names:
        with contender(name).context():
            watches[name] = list(_watches(name, group, turn))
    present = [name for name in names if watches[name]]
    if not present:
        return {}
    for number in range(rounds):
        start = number % len(present)
        for name in present[start:] + present[:start]:
            if group[0].size >= PAUSE_FROM:
                time.sleep(pause)
            with contender(name).context():
                for watch in watches[name]:
                    watch.turn()
    results: dict[str, dict[str, tuple[float, float]]] = {str(case): {} for case in group}
    for name in present:
        for watch in watches[name]:
            results[str(watch.case)][name] = watch.result()
    return results


def _watches(name: str, group: list[Case], turn: float) -> Iterator[Stopwatch]:
    """Yield the calls of a contender; PyTorch lacks some kernels of 16-bit types."""
    for case, call in prepare(name, group):
        try:
            yield Stopwatch(case, call, turn)
        except (RuntimeError, NotImplementedError) as error:
            if case.dtype not in half_precision.HALVES or name in BUILT_IN:
                raise
            click.echo(f"without {TITLES[name]} in {case}: {error}".splitlines()[0], err=True)


@click.command()
@click.option("--quick", is_flag=True, help="A few functions, float32: about 2 minutes.")
@click.option(
    "--families",
    "shaped",
    is_flag=True,
    help="Row functions, gates and losses instead of elementwise functions, on fixed shapes; "
    "--size is ignored.",
)
@click.option(
    "--halves",
    "sixteen",
    is_flag=True,
    help="float16 and bfloat16 beside PyTorch's and float32; --size is ignored.",
)
@click.option(
    "--function",
    "functions",
    multiple=True,
    type=click.Choice([*FUNCTIONS, *families.FAMILY]),
)
@click.option(
    "--pass",
    "passes",
    multiple=True,
    type=click.Choice([*PASSES, "value_and_grad"]),
    default=[*PASSES, "value_and_grad"],
)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    type=click.Choice([*DTYPES, *half_precision.HALVES]),
    help="[default: float32 and float64, quick float32, with --halves the 16-bit ones and float32]",
)
@click.option(
    "--isa",
    type=click.Choice(list(instruction_set.VARIABLES)),
    help="Hold every library to this instruction set. [default: the best that each finds]",
)
@click.option("--size", "sizes", multiple=True, type=click.IntRange(1), default=SIZES)
@click.option(
    "--with",
    "names",
    multiple=True,
    type=click.Choice(list(TITLES)),
    help="The contenders. [default: the compiled backends and every installed peer]",
)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option(
    "--turn", default=2.0, show_default=True, help="Milliseconds that small cases are repeated for."
)
@click.option(
    "--pause", default=50.0, show_default=True, help="Milliseconds between two libraries."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="[default: bench/results/speed.json, of the others families.json and halves.json; with --isa avx2 "
    "speed-avx2.json and so on]",
)
def compare(
    quick: bool,
    shaped: bool,
    sixteen: bool,
    functions: tuple[str, ...],
    passes: tuple[str, ...],
    dtypes: tuple[str, ...],
    isa: str | None,
    sizes: tuple[int, ...],
    names: tuple[str, ...],
    rounds: int,
    turn: float,
    pause: float,
    output: Path | None,
) -> None:
    """Compare the speed of fastact with that of its peers; `report.py` makes tables of it."""
    instruction_set.hold(isa)
    asked = names or (
        half_precision.NAMES if sixteen else [name for name in TITLES if name != "numpy"]
    )
    missing = {name: reason for name in asked if (reason := why_missing(name))}
    for reason in missing.values():
        click.echo(f"without {reason}", err=True)
    chosen = [name for name in asked if name not in missing]
    if not chosen:
        raise click.UsageError("no contender is available")
    dtypes = dtypes or (half_precision.DTYPES if sixteen else DTYPES[:1] if quick else DTYPES)
    started = time.perf_counter()
    described = machine.describe()
    if (described["load"] or 0) > BUSY:
        click.echo(
            f"this machine is busy (load {described['load']}): results are unreliable", err=True
        )
    results = {}
    if sixteen:
        every = (*FUNCTIONS, *dict.fromkeys(name for name, _ in half_precision.ROW_KEYS))
        selected = half_precision.select(functions or every, passes, dtypes)
    elif shaped:
        selected = families.select(functions or families.FAMILY, passes, dtypes)
    else:
        wanted = functions or (("identity", *QUICK) if quick else tuple(FUNCTIONS))
        selected = cases.select(wanted, [p for p in passes if p in PASSES], dtypes, sizes)
    for title, group in groupby(selected, same_data):
        click.echo(f"{time.perf_counter() - started:5.0f} s  {title}", err=True)
        results |= measure(list(group), chosen, rounds, turn / 1e3, pause / 1e3)
    document = {
        "kind": "speed",
        "command": " ".join(["python", "bench/compare.py", *sys.argv[1:]]),
        "machine": described,
        "isa": instruction_set.held(),
        "versions": {name: contender(name).VERSION for name in chosen},
        "missing": missing,
        "own": next((name for name in chosen if name in BUILT_IN), None),
        "composed": composed(chosen),
        "rounds": rounds,
        "seconds": round(time.perf_counter() - started),
        "results": {case: shortened(times) for case, times in results.items()},
    }
    output = output or result_file(HALVES if sixteen else FAMILIES if shaped else DEFAULT, isa)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(machine.dumps(document), encoding="utf-8")
    click.echo(f"{document['seconds']} s; wrote {output}", err=True)


def result_file(path: Path, isa: str | None) -> Path:
    """Return the name of a result for which every library was held to an instruction set."""
    return path if isa is None else path.with_stem(f"{path.stem}-{isa}")


def same_data(case: Case) -> str:
    """Return the key by which cases are measured together."""
    if case.function in families.FAMILY:
        return f"{case.dtype} {case.shape} {case.axis}"
    return f"{case.pass_} {case.dtype} {case.size}"


def composed(names: Iterable[str]) -> dict[str, list[str]]:
    return {name: sorted(map("-".join, contender(name).COMPOSED)) for name in names if name != COPY}


def shortened(times: dict[str, tuple[float, float]]) -> dict[str, list[float]]:
    return {name: [float(f"{t:.4g}") for t in pair] for name, pair in times.items()}


if __name__ == "__main__":
    compare()
