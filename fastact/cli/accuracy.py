"""``fastact accuracy``: the worst error of each function on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import click

from ..backends.registry import get_backend, use_backend
from ..functions.elementwise import FUNCTIONS
from .complete import complete_backends
from .options import PASSES, align, dtype_named, echo_json, json_option
from .several import Several
from .subject import Subject, dtype_option, names_argument, param_option, shown, subject_of

_WIDTHS = (-24, -20, 9, 9, -23, -23, -23)
# One second for each function in float32; float64 is checked number by number, in 60-digit arithmetic.
_COUNTS = {"float32": 1 << 20, "float64": 2000, "float16": 1 << 16, "bfloat16": 1 << 16}


@click.command(
    short_help="Measure the worst error and where it is.",
    epilog="Example: fastact accuracy gelu --pass forward --dtype float32",
)
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
@click.option(
    "--backend",
    metavar="NAME",
    shell_complete=complete_backends,
    help="Measure this backend; see fastact info.",
)
@click.option(
    "--count",
    type=click.IntRange(1),
    help="How many inputs, evenly spaced by bit pattern. [default: 1048576, for float64 2000]",
)
@json_option
def accuracy(
    names: tuple[str, ...],
    passes: tuple[str, ...],
    dtype: str,
    params: tuple[str, ...],
    backend: str | None,
    count: int | None,
    as_json: bool,
) -> None:
    """Measure the worst error of NAMES (all activations by default), and where it is.

    Errors are in units in the last place of the true value. For a derivative within 1 of a zero, where it
    is below 1/16, the unit is 2^-28 (float32) or 2^-57 (float64). Inputs are spaced evenly by bit
    pattern, so that every magnitude, subnormal numbers included, has the same weight. float64
    needs the package mpmath, bfloat16 the package ml_dtypes.

    Of gates, functions of two arrays, losses and the softmax family the forward pass is measured, with the
    default parameters; the gate or the first array is shown. A dash stands for what is not measured:
    sparse rows, what is random, and logaddexp, whose terms cancel near 0, have no error in ulp;
    prelu, rrelu, maxout, crelu and losses of class indices are not measured here.
    """
    dtype_named(dtype)  # or say that it needs ml_dtypes
    if dtype == "float64" and find_spec("mpmath") is None:
        raise click.UsageError("--dtype float64 needs the package mpmath (pip install mpmath)")
    subjects = [subject_of(name, params) for name in names or FUNCTIONS]
    with use_backend(backend) if backend else contextlib.nullcontext():
        found = _measured(subjects, passes, dtype, count or _COUNTS[dtype])
        if as_json:
            echo_json([{"dtype": dtype, "backend": get_backend(), **one} for one in found])
            return
        click.echo(f"{get_backend()} backend, {dtype}")
        head = ("function", "pass", "worst ulp", "% > 2 ulp", "at", "result", "true value")
        click.echo(align(head, _WIDTHS))
        for one in found:
            click.echo(align(_row(one, dtype), _WIDTHS))


def _measured(
    subjects: Sequence[Subject | Several], passes: Sequence[str], dtype: str, count: int
) -> Iterator[dict[str, Any]]:
    """Yield what is measured of the passes that each subject has."""
    for subject in subjects:
        for pass_ in passes:
            if pass_ in subject.function.passes:
                worst = subject.worst(pass_, dtype, count)
                known = {} if worst is None else asdict(worst)
                yield {"function": subject.label, "pass": pass_, **known}


def _row(one: dict[str, Any], dtype: str) -> tuple[str, ...]:
    if "ulp" not in one:
        return (one["function"], one["pass"], *["-"] * 5)
    numbers = (f"{one['ulp']:.3f}", f"{100 * one['over']:.3g}")
    values = (shown(one["x"], dtype), shown(one["result"], dtype), repr(one["truth"]))
    return (one["function"], one["pass"], *numbers, *values)
