"""What is compared: which computations, on which data, by whom."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from typing import Any

import numpy as np
import peers
from peers import Arrays, Call, Key, Maker
from peers.formulas import REQUIRED, VJP_FROM_OUTPUT

from fastact import __version__, backends, get_num_threads, use_backend
from fastact.backends.registry import BUILT_IN
from fastact.elementwise import FUNCTIONS, Elementwise

SIZES = (1, 100, 4096, 1 << 18, 1 << 23)
DTYPES = ("float32", "float64")
PASSES = ("forward", "vjp", "vjp_from_output")


@dataclass(frozen=True)
class Case:
    """One computation: a pass of a function on so many numbers of a dtype."""

    function: str
    pass_: str
    dtype: str
    size: int

    def __str__(self) -> str:
        return f"{self.function}-{self.pass_}-{self.dtype}-{self.size}"

    @classmethod
    def parse(cls, text: str) -> Case:
        function, pass_, dtype, size = text.split("-")
        return cls(function, pass_, dtype, int(size))

    @property
    def key(self) -> Key:
        return self.function, self.pass_


def select(
    functions: Iterable[str] = FUNCTIONS,
    passes: Iterable[str] = PASSES,
    dtypes: Iterable[str] = DTYPES,
    sizes: Iterable[int] = SIZES,
) -> list[Case]:
    """Return the cases there are, those with the same data next to each other.

    A product from the output is compared where PyTorch's kernel takes the output.
    """
    functions = list(functions)
    return [
        Case(function, pass_, dtype, size)
        for pass_ in passes
        for dtype in dtypes
        for size in sizes
        for function in functions
        if pass_ != "vjp_from_output" or function in VJP_FROM_OUTPUT
    ]


def required(function: Elementwise) -> dict[str, float]:
    """Return a value for each parameter that has no default."""
    empty = inspect.Parameter.empty
    return {name: REQUIRED for name, value in function.parameters.items() if value is empty}


def buffer(size: int, dtype: str) -> np.ndarray:
    """Return an array that starts at a multiple of 64 bytes, as PyTorch and JAX allocate theirs.

    Small ones own their memory, as arrays do that a program works with: to find out whether two
    views overlap costs fastact 0.2 us.
    """
    if size > 1 << 16:
        raw = np.zeros(size * np.dtype(dtype).itemsize + 64, np.uint8)
        start = -raw.ctypes.data % 64
        return raw[start : start + size * np.dtype(dtype).itemsize].view(dtype)
    rejected = []
    for _ in range(64):
        array = np.zeros(size, dtype)
        if array.ctypes.data % 64 == 0:
            break
        rejected.append(array)  # or it would be handed out again
    return array


def filled(values: np.ndarray, dtype: str) -> np.ndarray:
    array = buffer(values.size, dtype)
    array[:] = values
    return array


@lru_cache(maxsize=1)
def data(dtype: str, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, the gradient and a place for the result. x is normal with a deviation of 3."""
    rng = np.random.default_rng(0)
    x, g = (filled(scale * rng.standard_normal(size), dtype) for scale in (3, 1))
    return x, g, buffer(size, dtype)


@lru_cache(maxsize=len(VJP_FROM_OUTPUT))
def output(function: str, dtype: str, size: int) -> np.ndarray:
    x = data(dtype, size)[0]
    return filled(FUNCTIONS[function](x, **required(FUNCTIONS[function])), dtype)


class Backend:
    """A backend of fastact in the shape of a peer, called as a user calls it."""

    COMPOSED: frozenset[Key] = frozenset()
    VERSION = __version__

    def __init__(self, name: str) -> None:
        self.context = partial(use_backend, name)

    @cached_property
    def CALLS(self) -> Mapping[Key, Maker]:
        return {
            (function.name, pass_): partial(self._prepare, compute, required(function))
            for function in FUNCTIONS.values()
            for pass_, compute in function.passes.items()
            if pass_ in PASSES
        }

    def _prepare(self, compute: Any, parameters: dict[str, float], a: Arrays) -> Call:
        inputs = [getattr(a, name) for name in compute.arrays]
        return partial(compute, *inputs, out=a.out, **parameters)

    def native(self, array: np.ndarray) -> np.ndarray:
        return array

    target = native

    def set_num_threads(self, count: int) -> None:
        """The count that all others are set to is fastact's."""


class ParallelCopy:
    """What no function can be faster than: NumPy's copy, on every processor."""

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
        """It takes the count of fastact."""


COPY = "copy"
#: Everyone who takes part: the backends of fastact, then the peers.
TITLES = {name: f"fastact, {name}" for name in BUILT_IN} | peers.TITLES | {COPY: "parallel copy"}


@cache
def contender(name: str) -> Any:
    """Return a backend, a peer or the copy; all have the members that package `peers` describes."""
    if name == COPY:
        return ParallelCopy()
    return Backend(name) if name in BUILT_IN else peers.load(name)


@cache
def why_missing(name: str) -> str | None:
    """Say in one line why a contender cannot take part here, or return None if it can."""
    if name == COPY:
        return None
    if name in BUILT_IN:
        state = backends()[name]
        return None if state == "available" else f"backend {name}: {state}"
    return peers.why_missing(name)


def prepare(name: str, cases: Iterable[Case]) -> Iterator[tuple[Case, Call]]:
    """Yield what a contender has among cases on the same data, prepared and with its data ready."""
    chosen = [case for case in cases if case.key in contender(name).CALLS]
    if not chosen:
        return
    library = contender(name)
    library.set_num_threads(get_num_threads())
    x, g, out = data(chosen[0].dtype, chosen[0].size)
    shared = Arrays(library.native(x), library.native(g), None, library.target(out))
    for case in chosen:
        arrays = shared
        if case.pass_ == "vjp_from_output":
            arrays = shared._replace(y=library.native(output(case.function, case.dtype, case.size)))
        yield case, library.CALLS[case.key](arrays)
