"""Benchmarks of the backends and of the peers, for pytest-benchmark.

    pytest bench                                            float32, 262,144 elements
    pytest bench --matrix -k gelu-forward                   every size and dtype of one function
    pytest bench -k "cython or torch" --benchmark-group-by=param:function
    pytest bench --benchmark-json=result.json && python bench/report.py result.json

A benchmark is called function-pass-dtype-size-contender. What is timed are the prepared calls of
compare.py, but one contender at a time: claims are made from its runs, which take turns.
"""

from __future__ import annotations

import time
from typing import Any

import cases
import numpy as np
import pytest
from cases import COPY, TITLES, Case, contender, prepare, why_missing
from peers.formulas import FORMULAS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    matrix = metafunc.config.getoption("--matrix")
    selected = cases.select() if matrix else cases.select(dtypes=["float32"], sizes=[1 << 18])
    metafunc.parametrize(
        ("function", "pass_", "dtype", "size", "contender_name"),
        [
            pytest.param(
                *(case.function, case.pass_, case.dtype, case.size, name),
                id=f"{case}-{name}",
                marks=_marks(name),
            )
            for case in selected
            for name in TITLES
            if _has(name, case)
        ],
    )


def _has(name: str, case: Case) -> bool:
    if why_missing(name) is None:
        return case.key in contender(name).CALLS
    return name != COPY and case.key in FORMULAS


def _marks(name: str) -> list[pytest.MarkDecorator]:
    reason = why_missing(name)
    return [] if reason is None else [pytest.mark.skip(reason=reason)]


@pytest.mark.benchmark(min_rounds=7, max_time=0.1, min_time=1e-4, disable_gc=True)
def test_elementwise(
    benchmark: Any, function: str, pass_: str, dtype: str, size: int, contender_name: str
) -> None:
    case = Case(function, pass_, dtype, size)
    benchmark.group = str(case)
    with contender(contender_name).context():
        ((_, call),) = prepare(contender_name, [case])
        call()
        result = np.asarray(benchmark(call))
    assert result.shape == (size,)
    assert result.dtype == dtype
    if size >= 1 << 14:
        time.sleep(0.05)  # the threads of an OpenMP go on spinning
