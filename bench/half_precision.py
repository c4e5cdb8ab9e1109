"""float16 and bfloat16 beside PyTorch's kernels of the same type, and beside float32: cases and tables."""

from __future__ import annotations

from collections.abc import Iterable

import cases
from case import Case
from families import Layout
from peers.formulas import only_moves
from readme import table
from speed import Miss, Speed
from speed_tables import DIRECTIONS, by_function, cases_of, conditions, number, spread

from fastact.functions.elementwise import FUNCTIONS

HALVES = ("float16", "bfloat16")
DTYPES = (*HALVES, "float32")
SIZES = (4096, 1 << 18, 1 << 23)
#: Rows of 128, 1,024 and 131,072, of as many elements in all.
ROWS = tuple(
    Layout((size // length, length))
    for length in (128, 1024, 131072)
    for size in SIZES
    if size >= length
)
ROW_KEYS = [(name, pass_) for name in ("softmax", "log_softmax") for pass_ in ("forward", "vjp")]
#: The contenders: no other library has such kernels.
NAMES = ("cython", "numba", "torch")
#: Of float32's time, at the largest size, for what only moves memory.
MOST_TIME = 0.6


def select(functions: Iterable[str], passes: Iterable[str], dtypes: Iterable[str]) -> list[Case]:
    """Return the selected cases, grouped by their data."""
    functions, passes, dtypes = list(functions), list(passes), list(dtypes)
    elementwise = [name for name in functions if name in FUNCTIONS]
    return cases.select(elementwise, [p for p in passes if p in cases.PASSES], dtypes, SIZES) + [
        Case(name, pass_, dtype, *layout)
        for dtype in dtypes
        for layout in ROWS
        for name, pass_ in ROW_KEYS
        if name in functions and pass_ in passes
    ]


def is_of(speed: Speed) -> bool:
    return any(case.dtype in HALVES for case in speed.times)


def summary(speed: Speed) -> str:
    """Return the README's section."""
    return "\n\n".join(
        [
            conditions(speed),
            "PyTorch's time for arrays of the same type divided by fastact's: all elementwise functions, "
            "geometric mean and (minimum), by number of elements.",
            _by_size(speed),
            "Rows, by shape:",
            _by_shape(speed),
            f"float32's time divided by that of the 16-bit type, {speed.largest:,} elements:",
            _beside_float32(speed),
        ]
    )


def full(speed: Speed) -> str:
    return f"{summary(speed)}\n\nEach function, in ns per element:\n\n{by_function(speed)}"


def _by_size(speed: Speed) -> str:
    rows = [
        (
            f"{direction}, {dtype}",
            *(
                spread(speed.against(c, "torch") for c in cases_of(speed, direction, dtype, size))
                for size in SIZES
            ),
        )
        for direction in DIRECTIONS
        for dtype in HALVES
    ]
    return table(("", *(f"{size:,}" for size in SIZES)), rows)


def _by_shape(speed: Speed) -> str:
    rows = [
        (
            f"{name}{', backward' if pass_ == 'vjp' else ''}",
            dtype,
            *(number(speed.against(Case(name, pass_, dtype, *layout), "torch")) for layout in ROWS),
        )
        for name, pass_ in ROW_KEYS
        for dtype in HALVES
    ]
    heads = ("×".join(f"{n:,}" for n in layout.shape) for layout in ROWS)
    return table(("", "", *heads), rows, numbers_from=2)


def _beside_float32(speed: Speed) -> str:
    chosen = [
        name
        for name in ("identity", "relu", "leaky_relu", "hard_swish", "sigmoid", "silu", "gelu")
        if speed.cases(function=name, size=speed.largest)
    ]
    rows = [
        (dtype, *(number(_gain(speed, name, "forward", dtype)) for name in chosen))
        for dtype in HALVES
    ]
    return table(("", *chosen), rows)


def _gain(speed: Speed, name: str, pass_: str, dtype: str) -> float | None:
    own = [
        speed.times.get(Case(name, pass_, one, (speed.largest,)), {}).get(speed.own)
        for one in ("float32", dtype)
    ]
    return None if None in own else own[0] / own[1]  # type: ignore[operator]


def misses(speed: Speed) -> list[Miss]:
    """Return the functions that only move memory and take more than their share of float32's time."""
    found = []
    for case in speed.times:
        if case.dtype in HALVES and case.size == speed.largest and only_moves(*case.key):
            gain = _gain(speed, case.function, case.pass_, case.dtype)
            if gain is not None and gain < 1 / MOST_TIME:
                found.append(Miss(f"{case} beside float32", gain, 1 / MOST_TIME))
    return found
