"""``fastact accuracy``: the worst error of each function on this machine."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec

import click

from ..backends.registry import get_backend, use_backend
from ..functions.elementwise import FUNCTIONS
from .options import PASSES, align, dtype_named
from .subject import Subject, dtype_option, names_argument, param_option, shown

_WIDTHS = (-24, -20, 9, 9, -23, -23, -23)
# One second for each function in float32; float64 is checked number by number, in 60-digit arithmetic.
_COUNTS = {"float32": 1 << 20, "float64": 2000, "float16": 1 << 16, "bfloat16": 1 << 16}


@click.command()
@names_argument
@click.option(
    "--pass",
    "passes",
    type=click.Choice(PASSES[:4]),
    multiple=True,
    default=("forward", "derivative"),
    show_default=True,
)
@dtype_option
@param_option
@click.option("--backend", metavar="NAME", help="Measure this backend; see fastact info.")
@click.option(
    "--count",
    type=click.IntRange(1),
    help="How many inputs, evenly spaced by bit pattern. [default: 1048576, for float64 2000]",
)
def accuracy(
    names: tuple[str, ...],
    passes: tuple[str, ...],
    dtype: str,
    params: tuple[str, ...],
    backend: str | None,
    count: int | None,
) -> None:
    """Measure the worst error of NAMES (all functions by default), and where it is.

    Errors are in units in the last place of the true value. For a derivative within 1 of a zero, where it
    is below 1/16, the unit is 2^-28 (float32) or 2^-57 (float64). Inputs are spaced evenly by bit
    pattern, so that every magnitude, subnormal numbers included, has the same weight. float64
    needs the package mpmath, bfloat16 the package ml_dtypes.
    """
    dtype_named(dtype)  # or say that it needs ml_dtypes
    if dtype == "float64" and find_spec("mpmath") is None:
        raise click.UsageError("--dtype float64 needs the package mpmath (pip install mpmath)")
    subjects = [Subject(name, params) for name in names or FUNCTIONS]
    with use_backend(backend) if backend else contextlib.nullcontext():
        click.echo(f"{get_backend()} backend, {dtype}")
        head = ("function", "pass", "worst ulp", "% > 2 ulp", "at", "result", "true value")
        click.echo(align(head, _WIDTHS))
        for subject in subjects:
            for pass_ in passes:
                found = subject.worst(pass_, dtype, count or _COUNTS[dtype])
                if found is not None:
                    numbers = (f"{found.ulp:.3f}", f"{100 * found.over:.3g}")
                    values = (shown(found.x, dtype), shown(found.result, dtype), repr(found.truth))
                    click.echo(align((subject.label, pass_, *numbers, *values), _WIDTHS))
