"""Shared by the subcommands: function look-up, parsing of parameters, text tables, progress bar."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import click
import numpy as np

from ..functions.base import Function
from ..functions.catalogue import get
from ..messages import suggestion
from .process import cleaned_up_by

PASSES = ("forward", "derivative", "vjp", "value_and_derivative", "vjp_from_output")

pass_option = click.option(
    "--pass", "pass_", type=click.Choice(PASSES), default="forward", show_default=True
)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def echo_json(value: Any) -> None:
    """Print a value as JSON; what is not finite, for which JSON has no number, as text."""
    click.echo(json.dumps(_finite(value), indent=2, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def dtype_named(name: str) -> np.dtype[Any]:
    """Return a floating dtype; bfloat16 is defined by ml_dtypes."""
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise click.UsageError(
                "--dtype bfloat16 needs the package ml_dtypes (pip install ml_dtypes)"
            ) from None
        found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return found
    return np.dtype(name)


def find_function(name: str) -> Function:
    """Return the function of that name, or a user's own that is given as module:name."""
    found = find_callable(name)
    if not isinstance(found, Function):
        raise click.UsageError(
            f"{name} is {type(found).__name__}, expected a function of fastact, "
            "or one that is declared with @fastact.activation"
        )
    return found


def find_callable(name: str) -> Any:
    """Return the function of that name, or anything that is given as module:name."""
    module, colon, attribute = name.partition(":")
    if not colon:
        try:
            return get(name)
        except ValueError as error:
            # get() refers to names(), which is Python.
            text = str(error).replace("fastact.names()", "fastact list")
            raise ValueError(text) from None
    if os.getcwd() not in sys.path:  # as for `python -m fastact`
        sys.path.insert(0, os.getcwd())
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, SyntaxError, ValueError) as error:
        raise click.UsageError(f"{name}: {error}") from None


def find_streamable(name: str) -> Function:
    """Return the elementwise or row function of that name; raise UsageError for any other."""
    function = find_function(name)
    if function.family not in ("elementwise", "rows"):
        raise click.UsageError(
            "fastact apply takes functions of one array, elementwise or along an axis, such as gelu and softmax, "
            f"not {name}: call it from Python"
        )
    return function


def parse_axis(text: str) -> int | tuple[int, ...] | None:
    """Parse an axis: a number, several separated by commas, or none."""
    if text.lower() == "none":
        return None
    try:
        axes = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"--axis {text}: expected a form like 0, -1, 0,1 or none") from None
    return axes if len(axes) > 1 else axes[0]


def parse_params(name: str, known: Mapping[str, Any], texts: Iterable[str]) -> dict[str, Any]:
    """Parse ``name=value`` texts into keyword arguments.

    Parameters
    ----------
    name
        The function's name, for messages.
    known
        Its parameters and their defaults.
    texts
        The texts from the command line.
    """
    values = {}
    for text in texts:
        parameter, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise click.UsageError(f"--param {text}: expected NAME=VALUE")
        if parameter not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            hint = suggestion(parameter, known)
            raise click.UsageError(f"{name} has no parameter {parameter!r}; {takes}{hint}")
        values[parameter] = _parse_value(parameter, value, known[parameter])
    return values


def _parse_value(parameter: str, text: str, default: Any) -> Any:
    # The type of the default says what else is accepted; the function checks choices itself.
    if isinstance(default, (str, bool)) and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if isinstance(default, str):
        return text
    if default is None and text.lower() == "none":
        return None
    try:
        return int(text) if parameter == "rng" else float(text)
    except ValueError:
        raise click.UsageError(f"--param {parameter}: {text!r} is not a number") from None


def pass_of(function: Function, pass_: str) -> Callable[..., Any]:
    """Return the callable of one pass of a function."""
    computes: Callable[..., Any] = function if pass_ == "forward" else getattr(function, pass_)
    return computes


def align(texts: Sequence[str], widths: Sequence[int]) -> str:
    """Return one row of a table; a negative width aligns to the left."""
    return "  ".join(
        text.ljust(-width) if width < 0 else text.rjust(width)
        for text, width in zip(texts, widths, strict=True)
    ).rstrip()


@contextlib.contextmanager
def progress_bar(
    name: str, total: int, wanted: bool | None = None
) -> Iterator[Callable[[int], object]]:
    """Show a bar on stderr if wanted, by default for long runs; yield the function that advances it."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    terminal = sys.stderr.isatty()
    bar = tqdm(
        desc=name,
        total=total,
        unit="",
        unit_scale=total >= 1000,
        leave=False,
        disable=wanted is False,
        # In a log, only runs of more than two seconds are shown, and not ten lines a second.
        delay=0 if terminal or wanted else 2,
        mininterval=0.1 if terminal else 1,
    )
    with bar, cleaned_up_by(bar.close):
        yield bar.update
