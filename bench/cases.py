"""The compared cases and the contenders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import peers
from case import Case
from families import FAMILY, LAYOUTS
from operands import operands, required
from peers import Arrays, Call, Key, Maker
from peers.formulas import VJP_FROM_OUTPUT

import fastact as fa
from fastact import __version__, backends, get_num_threads, use_backend
from fastact.backends.registry import BUILT_IN
from fastact.functions.elementwise import FUNCTIONS

SIZES = (1, 100, 4096, 1 << 18, 1 << 23)
DTYPES = ("float32", "float64")
PASSES = ("forward", "vjp", "vjp_from_output")


def select(
    functions: Iterable[str] = FUNCTIONS,
    passes: Iterable[str] = PASSES,
    dtypes: Iterable[str] = DTYPES,
    sizes: Iterable[int] = SIZES,
) -> list[Case]:
    """Return the selected cases, grouped by their data.

    The vjp is taken from the output for functions whose PyTorch kernel takes the output.
    """
    functions = list(functions)
    return [
        Case(function, pass_, dtype, (size,))
        for pass_ in passes
        for dtype in dtypes
        for size in sizes
        for function in functions
        if pass_ != "vjp_from_output" or function in VJP_FROM_OUTPUT
    ]


class Backend:
    """A backend of fastact with a peer's interface, called like a user does."""

    COMPOSED: frozenset[Key] = frozenset()
    VERSION = __version__

    def __init__(self, name: str) -> None:
        self.context = partial(use_backend, name)

    @cached_property
    def CALLS(self) -> Mapping[Key, Maker]:
        elementwise = {
            (function.name, pass_): partial(self._prepare, compute, required(function))
            for function in FUNCTIONS.values()
            for pass_, compute in function.passes.items()
            if pass_ in PASSES
        }
        return elementwise | {
            key: partial(_PREPARE[FAMILY[key[0]]], *_function(*key)) for key in LAYOUTS
        }

    def _prepare(self, compute: Any, parameters: dict[str, float], a: Arrays) -> Call:
        inputs = [getattr(a, name) for name in compute.arrays]
        return partial(compute, *inputs, out=a.out, **parameters)

    def native(self, array: np.ndarray) -> np.ndarray:
        return array

    target = native

    def set_num_threads(self, count: int) -> None:
        """Do nothing: the others are set to fastact's count."""


def _function(name: str, pass_: str) -> tuple[Any, bool]:
    """Return the callable of a pass, and whether it is the function itself."""
    forward, function = pass_ == "forward", fa.get(name)
    return function if forward else getattr(function, pass_), forward


def _prepare_rows(compute: Any, forward: bool, a: Arrays) -> Call:
    inputs = (a.x,) if forward else (a.g, a.y)
    return partial(compute, *inputs, axis=a.axis, out=a.out)


def _prepare_gate(compute: Any, forward: bool, a: Arrays) -> Call:
    inputs = (a.x,) if forward else (a.g, a.x)
    return partial(compute, *inputs, axis=a.axis, out=a.out)


def _prepare_loss(compute: Any, forward: bool, a: Arrays) -> Call:
    return partial(compute, a.x, a.target, **({} if forward else {"out": a.out}))


_PREPARE = {"rows": _prepare_rows, "gates": _prepare_gate, "losses": _prepare_loss}


class ParallelCopy:
    """NumPy's copy on every processor, the lower bound of the time of any function."""

    COMPOSED: frozenset[Key] = frozenset()
    VERSION = np.__version__

    def __init__(self) -> None:
        self.CALLS: Mapping[Key, Maker] = {("identity", "forward"): self._prepare}
        self.context = contextlib.nullcontext

    def _prepare(self, a: Arrays) -> Call:
        count = get_num_threads()
        sources, targets = np.array_split(a.x, count), np.array_split(a.out, count)
        pool = ThreadPoolExecutor(count)

        def call() -> np.ndarray:
            for _ in pool.map(np.copyto, targets, sources):
                pass
            result: np.ndarray = a.out
            return result

        return call

    def native(self, array: np.ndarray) -> np.ndarray:
        return array

    target = native

    def set_num_threads(self, count: int) -> None:
        """Do nothing: it uses fastact's count."""


COPY = "copy"
#: All contenders: the backends of fastact, then the peers.
TITLES = {name: f"fastact, {name}" for name in BUILT_IN} | peers.TITLES | {COPY: "parallel copy"}


@cache
def contender(name: str) -> Any:
    """Return a backend, a peer or the copy, all with the interface described in `peers`."""
    if name == COPY:
        return ParallelCopy()
    return Backend(name) if name in BUILT_IN else peers.load(name)


@cache
def why_missing(name: str) -> str | None:
    """Return in one line why a contender cannot take part here, or None if it can."""
    if name == COPY:
        return None
    if name in BUILT_IN:
        state = backends()[name]
        return None if state == "available" else f"backend {name}: {state}"
    return peers.why_missing(name)


def prepare(name: str, cases: Iterable[Case]) -> Iterator[tuple[Case, Call]]:
    """Yield the cases that a contender supports, all on the same data, each with its prepared call."""
    chosen = [case for case in cases if case.key in contender(name).CALLS]
    if not chosen:
        return
    library = contender(name)
    library.set_num_threads(get_num_threads())
    # Arrays shared by several cases are converted once, and kept so that their ids are not reused.
    converted: dict[tuple[int, bool], tuple[np.ndarray, Any]] = {}

    def convert(array: Any, written: bool = False) -> Any:
        if not isinstance(array, np.ndarray):
            return array
        key = id(array), written
        if key not in converted:
            converted[key] = array, (library.target if written else library.native)(array)
        return converted[key][1]

    for case in chosen:
        arrays = operands(case)
        inputs = arrays._replace(out=None)
        shared = Arrays(*map(convert, inputs))._replace(out=convert(arrays.out, written=True))
        yield case, library.CALLS[case.key](shared)
