"""The tables of measured speed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from case import Case
from cases import TITLES
from readme import table
from speed import Speed, dtypes_in, geometric_mean

from fastact.functions.elementwise import FUNCTIONS

#: Column -> its passes; the vjp from the output is preferred if it was measured.
DIRECTIONS = {"forward": ("forward",), "backward": ("vjp_from_output", "vjp")}


def usual_size(speed: Speed) -> int:
    """Return the size at which functions are compared: large, but within the cache."""
    sizes = sorted({case.size for case in speed.times})
    return max((size for size in sizes if size <= 1 << 18), default=sizes[0])


def case_of(speed: Speed, function: str, direction: str, dtype: str, size: int) -> Case | None:
    """Return the case of a function's direction, if it was measured."""
    found = (Case(function, pass_, dtype, (size,)) for pass_ in DIRECTIONS[direction])
    return next((case for case in found if case in speed.times), None)


def cases_of(speed: Speed, direction: str, dtype: str, size: int) -> list[Case]:
    found = (case_of(speed, name, direction, dtype, size) for name in FUNCTIONS)
    return [case for case in found if case is not None]


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 2 else f"{value:.1f}" if value < 20 else f"{value:.0f}"


def spread(ratios: Iterable[float | None]) -> str:
    """Return the geometric mean of ratios and, in brackets, the smallest."""
    known = [ratio for ratio in ratios if ratio is not None]
    return f"{number(geometric_mean(known))} ({number(min(known))})" if known else "–"


def by_size(speed: Speed) -> str:
    """Return the ratios of the peers' times to fastact's, by size."""
    sizes = sorted({case.size for case in speed.times})
    rows = []
    opponents: dict[str, str | None] = {"PyTorch": "torch", "the fastest peer": None}
    for direction in DIRECTIONS:
        for dtype in dtypes_in(speed):
            for title, peer in opponents.items():
                cells = [
                    spread(speed.against(c, peer) for c in cases_of(speed, direction, dtype, size))
                    for size in sizes
                ]
                rows.append((f"{direction}, {dtype}", title, *cells))
    return table(("", "against", *(f"{size:,}" for size in sizes)), rows, numbers_from=2)


def by_function(speed: Speed) -> str:
    """Return time and ratios of every function at the usual size."""
    size = usual_size(speed)
    columns: list[tuple[str, Callable[[str], str]]] = []
    for dtype in dtypes_in(speed):
        columns += [
            (f"{dtype}, ns", lambda name, d=dtype: _nanoseconds(speed, name, d, size)),
            ("× PyTorch", lambda name, d=dtype: _ratio(speed, name, "forward", d, size)),
            ("× fastest peer", lambda name, d=dtype: _fastest(speed, name, d, size)),
            ("backward × PyTorch", lambda name, d=dtype: _ratio(speed, name, "backward", d, size)),
        ]
    measured = [name for name in FUNCTIONS if speed.cases(function=name, size=size)]
    rows = [(name, *(cell(name) for _, cell in columns)) for name in measured]
    return table(("function", *(head for head, _ in columns)), rows)


def _nanoseconds(speed: Speed, name: str, dtype: str, size: int) -> str:
    times = speed.times.get(Case(name, "forward", dtype, (size,)), {})
    return f"{1e9 * times[speed.own] / size:.3f}" if speed.own in times else "–"


def _ratio(speed: Speed, name: str, direction: str, dtype: str, size: int) -> str:
    case = case_of(speed, name, direction, dtype, size)
    ratio = None if case is None else speed.against(case, "torch")
    if case is None or ratio is None:
        return "–"
    return f"*{number(ratio)}*" if speed.is_composed(case) else number(ratio)


def _fastest(speed: Speed, name: str, dtype: str, size: int) -> str:
    case = Case(name, "forward", dtype, (size,))
    peer = speed.fastest_peer(case)
    return "–" if peer is None else f"{number(speed.against(case))} {TITLES[peer]}"


def shares(speed: Speed) -> str:
    """Return each function's share of the speed of a parallel copy, at the largest size."""
    known = [(name, share) for name in FUNCTIONS if (share := speed.share(name)) is not None]
    rows = [(name, f"{share:.2f}") for name, share in sorted(known, key=lambda pair: -pair[1])]
    return table(("function", "share"), rows)


def conditions(speed: Speed) -> str:
    """Return a sentence on the conditions of the measurement."""
    document = speed.document
    if "benchmarks" in document:
        return f"Measured by pytest-benchmark on {document['machine_info']['cpu']['brand_raw']}."
    machine, versions = document["machine"], document["versions"]
    against = ", ".join(f"{TITLES[name]} {v}" for name, v in versions.items() if name in _SHOWN)
    held = f"; every library held to {document['isa'].upper()}" if document.get("isa") else ""
    return (
        f"Best of {document['rounds']} rounds taken in turns in one process by "
        f"`{document['command']}`, on {machine['threads']} threads of an {machine['processor']}, "
        f"{_isa(machine)}{TITLES[speed.own]} backend; {against}; "
        f"Python {machine['python']}{held}."
    )


_SHOWN = ("plain", "scipy", "numexpr", "torch", "jax")


def _isa(machine: dict[str, dict[str, str]]) -> str:
    isa = machine["describe"].get("instruction set")
    return f"{isa}, " if isa else ""
