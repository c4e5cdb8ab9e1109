"""``fastact info``: the configuration in use, and why."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import click
import numpy as np

from .._version import __version__
from ..backends.own import describe
from ..backends.registry import active, backends, get_backend, not_built, use_backend
from ..threads import cgroup_limit, get_num_threads
from ..variables import PREFIX, variable
from .options import echo_json, json_option

# Prefixes of fastact's variables and of others that change its choices.
_VARIABLES = (PREFIX, "NUMBA_", "OMP_NUM_THREADS")


@click.command(
    short_help="Show versions, backends and why, threads, environment.",
    epilog="Example: fastact info --json",
)
@json_option
def info(as_json: bool) -> None:
    """Show versions, backends and why, instruction set, threads, cache, environment.

    The exit status is 1 if a variable of fastact's has a wrong value.
    """
    rows = list(_rows())
    if as_json:
        echo_json(dict(_paths(rows)))
    else:
        width = max(len(label) for label, _ in rows)
        for label, value in rows:
            click.echo(f"{label:<{width}}  {value}".rstrip())
    for state in backends().values():
        if state.startswith(PREFIX):
            raise click.ClickException(state)


def _paths(rows: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the rows with their labels after those that they are below, such as backend/cython."""
    above: list[str] = []
    for label, value in rows:
        name = label.lstrip()
        above = [*above[: (len(label) - len(name)) // 2], name]
        yield "/".join(above), value


def _rows() -> Iterator[tuple[str, str]]:
    yield "fastact", f"{__version__} ({os.path.dirname(os.path.dirname(__file__))})"
    yield "python", f"{platform.python_version()} ({platform.platform()})"
    yield "numpy", np.__version__
    yield "threads", f"{get_num_threads()} ({_thread_limits()})"
    chosen = variable("BACKEND")
    asked = f"FASTACT_BACKEND={chosen}" if chosen else "the first of these that is available"
    yield "backend", f"{get_backend()} ({asked})"
    if message := not_built():
        yield "  why", message
    for name, state in backends().items():
        yield f"  {name}", state
        if state == "available":
            with use_backend(name):
                for key, value in active().describe().items():
                    yield f"    {key}", value
    yield "own activations", describe()
    variables = sorted(name for name in os.environ if name.startswith(_VARIABLES))
    yield "environment", "" if variables else "none of FASTACT_*, NUMBA_*, OMP_NUM_THREADS is set"
    for name in variables:
        yield f"  {name}", os.environ[name]


def _thread_limits() -> str:
    """Return where the number of threads comes from."""
    if variable("NUM_THREADS"):
        return "from FASTACT_NUM_THREADS"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, openmp = cgroup_limit(), os.environ.get("OMP_NUM_THREADS", "not set")
    return (
        f"the smallest of processor affinity {cores}, cgroup quota {quota or 'none'}, "
        f"OMP_NUM_THREADS {openmp}"
    )
