"""Benchmarks of the backends and of the peers, for pytest-benchmark.

    pytest bench                                            float32, 262,144 elements, rows of 4,096
    pytest bench --matrix -k gelu-forward                   every size and dtype of one function
    pytest bench -k "cython or torch" --benchmark-group-by=param:function
    pytest bench --benchmark-json=result.json && python bench/report.py result.json

A benchmark is called function-pass-dtype-size-contender; the size of row functions, gates and losses is a shape
with an axis, as in softmax-forward-float32-256x4096-last-cython. It times the prepared calls of compare.py one
contender at a time; published numbers come from compare.py, whose contenders take turns.
"""

from __future__ import annotations

import time
from typing import Any

import cases
import families
import pytest
from case import Case
from cases import COPY, TITLES, contender, prepare, why_missing
from operands import result_of, result_shape
from peers.formulas import FORMULAS

#: Without --matrix: rows of 4,096 along either axis, one packed array, one batch.
USUAL = (families.USUAL[1], families.USUAL[4], families.PACKED[0])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.config.getoption("--matrix"):
        selected = cases.select() + families.select()
    else:
        selected = cases.select(dtypes=["float32"], sizes=[1 << 18])
        shaped = families.select(dtypes=["float32"])
        selected += [case for case in shaped if (case.shape, case.axis) in USUAL or not case.axis]
    metafunc.parametrize(
        ("function", "pass_", "dtype", "size", "contender_name"),
        [
            pytest.param(
                *(case.function, case.pass_, case.dtype, case.layout, name),
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
    return name != COPY and (case.key in FORMULAS or case.key in families.LAYOUTS)


def _marks(name: str) -> list[pytest.MarkDecorator]:
    reason = why_missing(name)
    return [] if reason is None else [pytest.mark.skip(reason=reason)]


@pytest.mark.benchmark(min_rounds=7, max_time=0.1, min_time=1e-4, disable_gc=True)
def test_speed(
    benchmark: Any, function: str, pass_: str, dtype: str, size: int | str, contender_name: str
) -> None:
    case = Case.parse(f"{function}-{pass_}-{dtype}-{size}")
    benchmark.group = str(case)
    with contender(contender_name).context():
        ((_, call),) = prepare(contender_name, [case])
        call()
        result = result_of(benchmark(call))
    assert result.shape == result_shape(case)
    assert result.dtype == dtype
    if case.size >= 1 << 14:
        time.sleep(0.05)  # OpenMP threads keep spinning
