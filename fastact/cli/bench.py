"""``fastact bench``: speed and error of each backend and of plain NumPy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from importlib.util import find_spec
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from ..accuracy import Worst
from ..backends.registry import backends, use_backend
from ..functions.elementwise import FUNCTIONS
from ..threads import get_num_threads
from .options import PASSES, align, dtype_named, echo_json, json_option
from .several import Several
from .subject import Subject, dtype_option, names_argument, param_option, shown, subject_of

Array = npt.NDArray[Any]
Context = AbstractContextManager[object]

QUICK = ("relu", "sigmoid", "tanh", "silu", "gelu", "gelu_tanh", "softplus", "mish")

# The formulas written by hand, where NumPy has the functions for them.
PLAIN: dict[str, Callable[[Array], Array]] = {
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "exponential": np.exp,
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "quick_gelu": lambda x: x / (1 + np.exp(-1.702 * x)),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
}

# The name of their row: they are no backend.
_PLAIN = "textbook"
_silence = partial(np.errstate, all="ignore")

_WIDTHS = (-24, -13, 10, 12, 8, 10, 10, -24)
_HEAD = (
    "function",
    "backend",
    "ns/element",
    "M elements/s",
    "GB/s",
    "x textbook",
    "worst ulp",
    "at",
)
_COUNTS = {"float32": 1 << 17, "float64": 300, "float16": 1 << 16, "bfloat16": 1 << 16}


@click.command(
    short_help="Measure speed and error on every available backend.",
    epilog="Example: fastact bench gelu softmax swiglu --dtype float32 --size 1000000",
)
@names_argument
@click.option("--quick", is_flag=True, help="A few functions, smaller arrays: within a minute.")
@click.option("--size", type=click.IntRange(1), help="Elements. [default: 1048576, quick 262144]")
@click.option(
    "--pass",
    "pass_",
    type=click.Choice((*PASSES, "value_and_grad")),
    default="forward",
    show_default=True,
)
@dtype_option
@param_option
@click.option(
    "--repeat", type=click.IntRange(1), default=9, show_default=True, help="Take the best of these."
)
@json_option
def bench(
    names: tuple[str, ...],
    quick: bool,
    size: int | None,
    pass_: str,
    dtype: str,
    params: tuple[str, ...],
    repeat: int,
    as_json: bool,
) -> None:
    """Measure NAMES (all activations by default) on every available backend.

    All backends write into the same array, are warmed up and take turns; the best time is shown.
    "textbook" is the formula written in NumPy, for the forward pass. GB/s counts each input and output
    once. Errors are over inputs spaced evenly by bit pattern.

    Row functions are measured with rows of 512 elements, losses with their mean; without an error where
    it is not defined in ulp, and for parameters other than the defaults.
    """
    subjects = [subject_of(name, params) for name in names or (QUICK if quick else FUNCTIONS)]
    size = size or (1 << 18 if quick else 1 << 20)
    found = backends()
    usable = [name for name, state in found.items() if state == "available"]
    setting = {"pass": pass_, "elements": size, "dtype": dtype, "threads": get_num_threads()}
    if as_json:
        able = [subject for subject in subjects if pass_ in subject.function.passes]
        measured = (_measured(subject, pass_, size, dtype, repeat, usable) for subject in able)
        echo_json([{**setting, **one} for rows in measured for one in rows])
        return
    click.echo(f"{pass_}, {size} {dtype} elements, {get_num_threads()} threads")
    for name, state in found.items():
        if name not in usable:
            click.echo(f"without {name}: {state}")
    click.echo(align(_HEAD, _WIDTHS))
    for subject in subjects:
        if pass_ not in subject.function.passes:
            click.echo(f"{subject.label} has no {pass_}")
            continue
        for one in _measured(subject, pass_, size, dtype, repeat, usable):
            click.echo(align(_row(one), _WIDTHS))


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    ratio, ulp = one["times_numpy"], one["worst_ulp"]
    return (
        one["function"],
        one["backend"],
        f"{one['ns_per_element']:.3f}",
        f"{1e3 / one['ns_per_element']:.1f}",
        f"{one['gb_per_s']:.2f}",
        "-" if ratio is None else f"{ratio:.2f}",
        "-" if ulp is None else f"{ulp:.2f}",
        one["at"],
    )


class Contender:
    """One implementation and its best time in seconds.

    `within` makes the context of a call; entering it is not timed.
    """

    def __init__(self, call: Callable[[], object], within: Callable[[], Context]) -> None:
        self._call = call
        self._within = within
        self._loops = 1
        self.best = math.inf
        # The first call may compile; the next ones determine how many fill a millisecond.
        self.turn()
        self.best = math.inf
        for _ in range(4):  # a single one may be disturbed by another process
            self.turn()
        self._loops = max(1, round(1e-3 / self.best))

    def turn(self) -> None:
        """Take one measurement."""
        with self._within():
            self._call()  # not timed: the previous contender changed the caches
            start = time.perf_counter()
            for _ in range(self._loops):
                self._call()
            self.best = min(self.best, (time.perf_counter() - start) / self._loops)


def _measured(
    subject: Subject | Several, pass_: str, size: int, dtype: str, repeat: int, usable: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield what is measured of a pass on each backend, and of the formula in NumPy."""
    data = subject.data(pass_, size, dtype_named(dtype))
    outs = subject.outs(pass_, data)
    call = subject.call(pass_, *data, out=outs if len(outs) > 1 else outs[0] if outs else None)
    size = max(array.size for array in data)
    contenders = {name: Contender(call, partial(use_backend, name)) for name in usable}
    plain = PLAIN.get(subject.label) if pass_ == "forward" else None
    if plain is not None:
        contenders[_PLAIN] = Contender(partial(plain, data[0]), _silence)
    for _ in range(repeat):
        for contender in contenders.values():
            contender.turn()
    moved = sum(array.nbytes for array in (*data, *outs))
    for name, best in ((name, contender.best) for name, contender in contenders.items()):
        ulp, at = _error(name, subject, pass_, dtype, plain)
        yield {
            "function": subject.label,
            "backend": name,
            "ns_per_element": 1e9 * best / size,
            "gb_per_s": moved / best / 1e9,
            "times_numpy": None if plain is None else contenders[_PLAIN].best / best,
            "worst_ulp": ulp,
            "at": at,
        }


def _error(
    name: str,
    subject: Subject | Several,
    pass_: str,
    dtype: str,
    plain: Callable[[Array], Array] | None,
) -> tuple[float | None, str]:
    """Return the worst error and where it is, or why it is not known."""
    if dtype == "float64" and find_spec("mpmath") is None:
        return None, "needs mpmath"
    if name == _PLAIN and plain is not None and isinstance(subject, Subject):
        found: Worst | None = subject.worst_of(plain, dtype, _COUNTS[dtype])
    else:
        with use_backend(name):
            found = subject.worst(pass_, dtype, _COUNTS[dtype])
    return (None, "") if found is None else (found.ulp, shown(found.x, dtype))
