"""What is compared of rows, gates and losses computes what it names, and the report says what was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench_programs import bench
from fastact.reference import rows as reference_rows
from fastact.reference import several as reference_gates

FAMILIES, CASES, OPERANDS = bench("families"), bench("cases"), bench("operands")
Array = np.ndarray[Any, np.dtype[Any]]
CONTENDERS = ("plain", "scipy", "torch", "jax", "entmax", "cython", "numba", "numpy")
#: Shapes as those compared, but small: both axes, several rows, a gate of two halves.
SMALL = {
    "rows": (((5, 140), "last"), ((140, 5), "first")),
    "gates": (((5, 140), "last"),),
    "losses": (((5, 140), "last"),),
}


def rows(case: Any, a: Any) -> Array:
    """The definitions have one row after the other along the last axis."""
    inputs = (a.x,) if case.pass_ == "forward" else (a.g, a.y)
    last = [np.moveaxis(array, a.axis, -1) for array in inputs]
    (found,) = reference_rows.evaluate(case.function, case.pass_, *last)
    return found.ravel() if found.shape[1] == 1 else np.moveaxis(found, -1, a.axis)


def gates(case: Any, a: Any) -> Array:
    halves = np.split(a.x, 2, a.axis)
    # glu is PyTorch's: the second half is the gate.
    gate, value = halves[::-1] if case.function == "glu" else halves
    given = (gate, value) if case.pass_ == "forward" else (a.g, gate, value)
    found = reference_gates.evaluate(case.function, case.pass_, *given)
    return np.concatenate(found[::-1] if case.function == "glu" else found, a.axis)


def losses(case: Any, a: Any) -> tuple[float, Array]:
    x = a.x.astype(np.float64)
    if case.function == "cross_entropy":
        (logs,) = reference_rows.evaluate("log_softmax", "forward", x)
        rows = np.arange(len(x))
        one_hot = np.zeros(x.shape)
        one_hot[rows, a.target] = 1
        return -logs[rows, a.target].mean(), (np.exp(logs) - one_hot) / len(x)
    given = (x, a.target, 1.0, 1.0, 1.0 / x.size)
    loss, gradient = reference_gates.evaluate(
        "binary_cross_entropy_with_logits", "value_and_grad", *given
    )
    return loss.mean(), gradient


DEFINITIONS: dict[str, Callable[[Any, Any], Any]] = {"rows": rows, "gates": gates}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize("family", SMALL)
def test_prepared_calls_compute_what_they_name(family: str, name: str, dtype: str) -> None:
    if reason := CASES.why_missing(name):
        pytest.skip(reason)
    tolerance = (
        {"rtol": 2e-4, "atol": 2e-6} if dtype == "float32" else {"rtol": 1e-9, "atol": 1e-12}
    )
    for layout in SMALL[family]:
        cases = [CASES.Case(*key, dtype, *layout) for key in FAMILIES.FAMILIES[family]]
        with CASES.contender(name).context():
            for case, call in CASES.prepare(name, cases):
                # The second call finds the result of the first where JAX wrote it.
                call()
                returned, given = call(), OPERANDS.operands(case)
                result = OPERANDS.result_of(returned)
                assert result.dtype == dtype
                assert result.shape == OPERANDS.result_shape(case)
                if family == "losses":
                    loss, expected = losses(case, given)
                    value = np.asarray(returned[0] if isinstance(returned, tuple) else returned)
                    np.testing.assert_allclose(value, loss, **tolerance, err_msg=str(case))
                    if case.pass_ == "forward":
                        continue
                else:
                    expected = DEFINITIONS[family](case, given)
                np.testing.assert_allclose(result, expected, **tolerance, err_msg=str(case))


def test_every_pass_is_there_and_against_torch() -> None:
    """Only the sparse functions have another opponent."""
    for key in FAMILIES.LAYOUTS:
        assert key in CASES.contender("numpy").CALLS
    if CASES.why_missing("torch") is None:
        torch = set(FAMILIES.LAYOUTS) - set(CASES.contender("torch").CALLS)
        assert torch == {("sparsemax", "forward"), ("entmax15", "forward")}


def test_names_of_cases_can_be_read() -> None:
    cases = FAMILIES.select() + CASES.select(["gelu"])
    assert len(set(map(str, cases))) == len(cases)
    assert [CASES.Case.parse(str(case)) for case in cases] == cases


def families_document() -> dict[str, Any]:
    def times(**microseconds: float) -> dict[str, list[float]]:
        return {name: [1e-6 * t, 1.1e-6 * t] for name, t in microseconds.items()}

    return {
        "command": "python bench/compare.py --families",
        "machine": {"threads": 2, "processor": "Test", "python": "3.11", "describe": {}},
        "versions": {"cython": "1", "torch": "2", "jax": "3", "entmax": "4"},
        "own": "cython",
        "composed": {"torch": ["swiglu-forward"]},
        "rounds": 9,
        "results": {
            "softmax-forward-float32-256x4096-last": times(cython=10, torch=30, jax=25, numba=20),
            "softmax-forward-float32-4096x256-first": times(cython=10, torch=30),
            "softmax-vjp-float32-256x4096-last": times(cython=10, torch=9, jax=1),
            "sparsemax-forward-float32-256x4096-last": times(cython=10, entmax=400, plain=900),
            "swiglu-forward-float32-512x8192-last": times(cython=10, torch=15),
        },
    }


def test_report_writes_the_tables_of_families(tmp_path: Path) -> None:
    result = tmp_path / "families.json"
    result.write_text(json.dumps(families_document()), encoding="utf-8")
    done = CliRunner().invoke(bench("report").report, [str(result)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    text = result.with_suffix(".md").read_text(encoding="utf-8")
    for line in (
        "|  |  | 256×4,096 | 4,096×256, first |",
        "| softmax | float32 | 3.0 / 2.5 JAX | 3.0 |",
        "| softmax, backward | float32 | 0.90 / 0.10 JAX | – |",
        "| sparsemax | float32 | – / 40 entmax | – |",
        "| swiglu | float32 | *1.50* |",
    ):
        assert line in text
        assert line in done.output
    assert "- softmax-vjp-float32-256x4096-last against PyTorch: 0.90 ×" in done.output
    assert "last, Numba backend: 0.50 ×" in done.output
    assert "What it misses: 2" in done.output
    assert not (tmp_path / "families.svg").exists()


def test_compare_program(tmp_path: Path) -> None:
    output = tmp_path / "families.json"
    arguments = "--families --function logsumexp --dtype float32 --rounds 1 --turn 0.1 --with numpy"
    program = bench("compare").compare
    done = CliRunner().invoke(program, [*arguments.split(), "--output", str(output)])
    assert done.exit_code == 0, done.output
    speed = bench("speed").Speed.load(output)
    expected = FAMILIES.select(["logsumexp"], dtypes=["float32"])
    assert set(speed.times) == set(expected)
    assert all(set(times) == {"numpy"} for times in speed.times.values())
