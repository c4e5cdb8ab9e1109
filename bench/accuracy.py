"""Measure the worst error of every function, fastact's and its peers', and write it as JSON and as a table.

    python bench/accuracy.py             every function, about a minute

It uses the calls of compare.py. A peer's derivative is its vector-Jacobian product with a gradient
of 1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np
import report
from cases import DTYPES, contender, why_missing
from operands import required
from peers import Arrays

from fastact import get_backend, use_backend
from fastact.accuracy import Worst, measure, samples
from fastact.functions.elementwise import FUNCTIONS

PASSES = ("forward", "derivative")
COUNTS = {"float32": 1 << 20, "float64": 2000}
PEERS = ("torch", "jax")
OWN = "fastact"


def kernel_of(name: str, function: str, pass_: str) -> Callable[..., None] | None:
    """Return fastact's or a peer's function as a kernel for `fastact.accuracy.measure`."""
    if name == OWN:
        compute, options = FUNCTIONS[function].passes[pass_], required(FUNCTIONS[function])
        return lambda x, out, *_: compute(x, out=out, **options)
    library = contender(name)
    maker = library.CALLS.get((function, "forward" if pass_ == "forward" else "vjp"))
    if maker is None:
        return None

    def kernel(x: np.ndarray, out: np.ndarray, *_: float) -> None:
        with library.context():
            native = library.native
            arrays = Arrays(native(x), native(np.ones_like(x)), None, library.target(out))
            out[:] = np.asarray(maker(arrays)())

    return kernel


def finite(x: np.ndarray) -> np.ndarray:
    """Leave out NaN and infinity, where derivatives differ by convention."""
    return x[np.isfinite(x)]


def worst(name: str, function: str, pass_: str, dtype: str, x: np.ndarray) -> Worst | None:
    """Measure one function of one library."""
    kernel = kernel_of(name, function, pass_)
    if kernel is None:
        return None
    own = FUNCTIONS[function]
    chosen, params = own.parameter_list.bind(function, (), required(own))
    return measure(chosen or function, pass_, dtype, kernel, tuple(params.values()), x)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPES), default=DTYPES)
@click.option("--count", type=click.IntRange(1), help="Inputs. [default: 1048576; float64 2000]")
@click.option("--backend", help="The backend of fastact to measure.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=report.ACCURACY,
    show_default="bench/results/accuracy.json",
)
def accuracy(
    names: tuple[str, ...],
    dtypes: tuple[str, ...],
    count: int | None,
    backend: str | None,
    output: Path,
) -> None:
    """Measure the worst error of NAMES (all functions by default) and of the peers' versions."""
    chosen = [name for name in PEERS if why_missing(name) is None]
    for name in PEERS:
        if name not in chosen:
            click.echo(f"without {why_missing(name)}", err=True)
    started = time.perf_counter()
    patterns = {dtype: finite(samples(dtype, count or COUNTS[dtype])) for dtype in dtypes}
    results: dict[str, dict[str, Any]] = {}
    with use_backend(backend or get_backend()):
        described = machine.describe()
        for function in names or FUNCTIONS:
            click.echo(f"{time.perf_counter() - started:5.0f} s  {function}", err=True)
            for pass_ in PASSES:
                for dtype, x in patterns.items():
                    found = {n: worst(n, function, pass_, dtype, x) for n in (OWN, *chosen)}
                    results[f"{function}-{pass_}-{dtype}"] = {
                        n: (float(f"{w.ulp:.4g}"), float(f"{w.over:.4g}"))
                        for n, w in found.items()
                        if w is not None
                    }
    document = {
        "kind": "accuracy",
        "command": " ".join(["python", "bench/accuracy.py", *sys.argv[1:]]),
        "machine": described,
        "versions": {OWN: described["fastact"]} | {n: contender(n).VERSION for n in chosen},
        "passes": PASSES,
        "dtypes": dtypes,
        "counts": {dtype: x.size for dtype, x in patterns.items()},
        "seconds": round(time.perf_counter() - started),
        "results": results,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(machine.dumps(document), encoding="utf-8")
    click.echo(report.write_accuracy(document, output))


if __name__ == "__main__":
    accuracy()
