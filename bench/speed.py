"""Evaluation of measured times: ratios and missed targets."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from case import Case
from cases import COPY, DTYPES, PASSES, SIZES, TITLES
from peers import TITLES as PEERS
from peers.formulas import only_moves

from fastact.backends.registry import BUILT_IN

#: The least ratio to a peer for memory-bound functions.
MOVING = 0.95
#: The least share of a parallel copy's speed, by function; "moves" is for memory-bound functions.
SHARES = {"moves": 0.9, "sigmoid": 0.6}
#: Numba against the compiled extension, from this size on.
NUMBA, NUMBA_FROM = 0.8, 4096
#: One element of sigmoid against one of SciPy's expit.
ONE_ELEMENT = 1 / 1.2


@dataclass(frozen=True)
class Miss:
    """A comparison below its target."""

    what: str
    ratio: float
    must: float

    def __str__(self) -> str:
        return f"{self.what}: {self.ratio:.2f} × (must be {self.must:.2f})"


class Speed:
    """The times of one run, in seconds: case -> contender -> best.

    Attributes
    ----------
    own : str
        The backend of fastact that is compared with the peers.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.times = dict(_times(document))
        present = {name for times in self.times.values() for name in times}
        own = document.get("own") or next((name for name in BUILT_IN if name in present), None)
        if own is None:
            raise ValueError("no backend of fastact was measured")
        self.own: str = own

    @classmethod
    def load(cls, path: Path) -> Speed:
        """Read the JSON of compare.py, or of pytest-benchmark's --benchmark-json."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def ratio(self, case: Case, name: str) -> float | None:
        """Return how many times as long as fastact a contender takes."""
        times = self.times.get(case, {})
        return times[name] / times[self.own] if name in times and self.own in times else None

    def fastest_peer(self, case: Case) -> str | None:
        """Return the fastest of the other libraries."""
        times = {name: t for name, t in self.times.get(case, {}).items() if name in PEERS}
        return min(times, key=lambda name: times[name], default=None)

    def against(self, case: Case, peer: str | None = None) -> float | None:
        """Return the ratio to one peer, or to the fastest peer."""
        name = peer or self.fastest_peer(case)
        return None if name is None else self.ratio(case, name)

    def is_composed(self, case: Case, peer: str = "torch") -> bool:
        """Tell whether a peer needs several kernels for the case."""
        return "-".join(case.key) in self.document.get("composed", {}).get(peer, ())

    @cached_property
    def largest(self) -> int:
        return max(case.size for case in self.times)

    def copy_time(self, dtype: str) -> float | None:
        """Return the time of the fastest contender's parallel copy at the largest size."""
        times = self.times.get(Case("identity", "forward", dtype, (self.largest,)), {})
        return min(times.values()) if COPY in times else None

    def share(self, function: str, dtype: str = "float32") -> float | None:
        """Return a function's speed as a share of a parallel copy's, at the largest size."""
        copy = self.copy_time(dtype)
        own = self.times.get(Case(function, "forward", dtype, (self.largest,)), {}).get(self.own)
        return None if copy is None or own is None else copy / own

    def cases(self, passes: Iterable[str] = PASSES, **fixed: Any) -> list[Case]:
        """Return the measured cases of some passes with some attributes."""
        return [
            case
            for case in self.times
            if case.pass_ in passes
            and all(getattr(case, name) == value for name, value in fixed.items())
        ]

    def misses(self) -> list[Miss]:
        """Return every comparison below its target."""
        found = [*self._against_peers(), *self._shares(), *self._numba(), *self._one_element()]
        return [miss for miss in found if miss.ratio < miss.must]

    def _against_peers(self) -> Iterator[Miss]:
        for case in self.times:
            # A vjp is compared with PyTorch's backward kernel, a forward pass with the fastest peer.
            peer = self.fastest_peer(case) if case.pass_ == "forward" else "torch"
            ratio = self.against(case, peer)
            if peer is None or ratio is None:
                continue
            if case.pass_ == "vjp" and self.is_composed(case):
                continue
            must = MOVING if only_moves(*case.key) else 1.0
            yield Miss(f"{case} against {TITLES[peer]}", ratio, must)

    def _shares(self) -> Iterator[Miss]:
        if self.largest < max(SIZES):
            return  # copies within the cache say nothing about memory
        for case in self.cases(["forward"], dtype="float32", size=self.largest):
            must = SHARES.get("moves" if only_moves(*case.key) else case.function)
            share = self.share(case.function)
            if must is not None and share is not None:
                yield Miss(f"{case}, share of a parallel copy's speed", share, must)

    def _numba(self) -> Iterator[Miss]:
        for case, times in self.times.items():
            if self.own == "cython" and "numba" in times and case.size >= NUMBA_FROM:
                yield Miss(f"{case}, Numba backend", times["cython"] / times["numba"], NUMBA)

    def _one_element(self) -> Iterator[Miss]:
        for case in self.cases(["forward"], function="sigmoid", size=1):
            ratio = self.against(case, "scipy")
            if ratio is not None:
                yield Miss(f"{case} against scipy.special.expit", ratio, ONE_ELEMENT)


def geometric_mean(values: Iterable[float]) -> float:
    logarithms = [math.log(value) for value in values]
    return math.exp(math.fsum(logarithms) / len(logarithms))


def _times(document: dict[str, Any]) -> Iterator[tuple[Case, dict[str, float]]]:
    if "benchmarks" not in document:
        for text, times in document["results"].items():
            yield Case.parse(text), {name: best for name, (best, _) in times.items()}
        return
    times_of: dict[Case, dict[str, float]] = {}
    for benchmark in document["benchmarks"]:
        params = benchmark["params"]
        names = ("function", "pass_", "dtype", "size")
        case = Case.parse("-".join(str(params[name]) for name in names))
        times_of.setdefault(case, {})[params["contender_name"]] = benchmark["stats"]["min"]
    yield from times_of.items()


def dtypes_in(speed: Speed) -> list[str]:
    return [dtype for dtype in (*DTYPES, "float16", "bfloat16") if speed.cases(dtype=dtype)]
