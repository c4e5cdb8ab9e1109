"""``fastact apply``: a function over a ``.npy`` file of any size."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from ..backends.registry import get_backend, use_backend
from ..calling.dtypes import FLOAT_NAMES
from ..functions.base import Function
from ..threads import get_num_threads, set_num_threads
from .complete import complete_backends, complete_names, complete_params
from .npy_stream import NpySource, stream
from .npy_stream_rows import stream_rows
from .options import (
    dtype_named,
    find_streamable,
    parse_axis,
    parse_params,
    pass_of,
    pass_option,
    progress_bar,
)


@click.command(
    short_help="Evaluate a function on a .npy file of any size.",
    epilog="Example: fastact apply leaky_relu in.npy out.npy --param negative_slope=0.2",
)
@click.argument("name", shell_complete=complete_names)
@click.argument("source", metavar="IN.npy", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT.npy", type=click.Path(path_type=Path))
@pass_option
@click.option(
    "--grad",
    type=click.Path(path_type=Path),
    metavar="G.npy",
    help="The gradient with respect to the output, in IN.npy's shape, for vjp and vjp_from_output.",
)
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    shell_complete=complete_params,
    help="A parameter of the function, such as alpha=0.5; may be repeated.",
)
@click.option(
    "--axis",
    metavar="AXIS",
    help="For row functions: the axis along which rows lie, several (0,1), or none for all.",
)
@click.option(
    "--dtype",
    type=click.Choice(FLOAT_NAMES),
    help="Compute in this dtype instead of IN.npy's. A file of bfloat16, whose numbers NumPy saves as "
    "two bytes each, needs it.",
)
@click.option(
    "--backend",
    metavar="NAME",
    shell_complete=complete_backends,
    help="Use this backend; see fastact info.",
)
@click.option("--threads", type=click.IntRange(1, 1024), help="How many threads to use.")
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar, or never. The default shows it at once on a terminal, elsewhere "
    "after two seconds.",
)
def apply(
    name: str,
    source: Path,
    target: Path,
    pass_: str,
    grad: Path | None,
    params: tuple[str, ...],
    axis: str | None,
    dtype: str | None,
    backend: str | None,
    threads: int | None,
    progress: bool | None,
) -> None:
    """Evaluate the function NAME on IN.npy and write the result to OUT.npy.

    The files may be larger than memory: they are read and written in blocks. OUT.npy is replaced
    in one step at the end: a run that fails or is stopped leaves it unchanged, and only a killed one
    (SIGKILL) leaves a file OUT.npy.*.partial behind. Fortran order is kept. Shape and dtype are those
    that the Python function returns: integers become float64, big-endian files become native.

    A row function works along --axis. For softmax, softmin, log_softmax and logsumexp a row may be
    larger than memory; for the others a row and those interleaved with it in the file must fit.

    \b
    forward               f(x)                        IN.npy is x
    derivative            f'(x)                       IN.npy is x
    vjp                   g f'(x)                     IN.npy is x, --grad is g
    vjp_from_output       the same, from y = f(x)     IN.npy is y, --grad is g
    value_and_derivative  OUT.npy has shape (2, ...): f(x) is [0], f'(x) is [1]
    """  # noqa: D301 - the backspace keeps click from filling the table
    function = find_streamable(name)
    chosen = None if dtype is None else dtype_named(dtype)
    if function.family == "rows":
        run = _rows(function, pass_, params, chosen, axis)
    else:
        run = _elements(function, pass_, params, chosen, axis)
    paths = _inputs(pass_, source, grad)
    _refuse_input_as_output(paths, target)
    with contextlib.ExitStack() as stack:
        if threads is not None:
            stack.callback(set_num_threads, get_num_threads())
            set_num_threads(threads)
        if backend is not None:
            stack.enter_context(use_backend(backend))
        sources = [stack.enter_context(NpySource(path, chosen)) for path in paths]
        start = time.perf_counter()
        advance = stack.enter_context(progress_bar(function.name, sources[-1].size, progress))
        result = run(sources, target, progress=advance)
        shape = " x ".join(map(str, sources[-1].shape)) or "()"
        click.echo(
            f"{target}: {function.name} {pass_}, {shape} {result}, {get_backend()} backend, "
            f"{time.perf_counter() - start:.2f} s"
        )


def _elements(
    function: Function,
    pass_: str,
    params: tuple[str, ...],
    dtype: np.dtype[Any] | None,
    axis: str | None,
) -> Callable[..., np.dtype[Any]]:
    """Return a function that streams an elementwise function over the files."""
    if axis is not None:
        raise click.UsageError(f"--axis is for row functions only, not for {function.name}")
    options = parse_params(function.name, function.parameters, params)
    return partial(stream, partial(pass_of(function, pass_), dtype=dtype, **options))


def _rows(
    function: Any,  # a RowFunction
    pass_: str,
    params: tuple[str, ...],
    dtype: np.dtype[Any] | None,
    axis: str | None,
) -> Callable[..., np.dtype[Any]]:
    """Return a function that streams a row function over the files."""
    if pass_ not in function.passes:
        raise click.UsageError(f"{function.name} has no {pass_}")
    if pass_ == "vjp" and function.reduces:
        raise click.UsageError(
            f"the vjp of {function.name} does not work on files; call it from Python"
        )
    known = {
        name: default
        for name, default in function.parameters.items()
        if name not in ("axis", "keepdims")
    }
    options = parse_params(function.name, known, params)
    chosen = function.parameters["axis"] if axis is None else parse_axis(axis)
    return partial(
        stream_rows, function.passes[pass_], axis=chosen, options={"dtype": dtype, **options}
    )


def _inputs(pass_: str, source: Path, grad: Path | None) -> list[Path]:
    """Return the input files in the order in which the pass takes them."""
    takes_gradient = pass_ in ("vjp", "vjp_from_output")
    if takes_gradient and grad is None:
        raise click.UsageError(f"--pass {pass_} needs --grad G.npy")
    if grad is not None and not takes_gradient:
        raise click.UsageError(f"--grad is for vjp and vjp_from_output, not for {pass_}")
    return [source] if grad is None else [grad, source]


def _refuse_input_as_output(paths: list[Path], target: Path) -> None:
    for path in paths:
        # A missing file is reported when it is opened.
        with contextlib.suppress(OSError):
            if os.path.samefile(path, target):
                raise click.UsageError(f"{target} is both input and output; choose another output")
