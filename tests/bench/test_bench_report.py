"""The benchmarks' prepared calls compute what they name, and the report says what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import fastact as fa
from bench_programs import BENCH, bench
from fastact.functions.elementwise import FUNCTIONS
from fastact.reference import activations as reference

PEERS = ("plain", "scipy", "numexpr", "torch", "jax")


@pytest.fixture(scope="module")
def cases() -> Iterator[ModuleType]:
    yield bench("cases")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*PEERS, "cython", "numpy"])
def test_prepared_calls_compute_what_they_name(cases: ModuleType, name: str, dtype: str) -> None:
    if reason := cases.why_missing(name):
        pytest.skip(reason)
    # From 65,536 elements on JAX writes into the result of the call before.
    for names, size in ((FUNCTIONS, 1), (FUNCTIONS, 1001), (["silu", "tanh"], 1 << 16)):
        with cases.contender(name).context():
            for case, call in cases.prepare(
                name, cases.select(names, dtypes=[dtype], sizes=[size])
            ):
                bind = FUNCTIONS[case.function].parameter_list.bind
                options = bench("operands").required(FUNCTIONS[case.function])
                chosen, params = bind(case.function, (), options)
                pass_ = "forward" if case.pass_ == "forward" else "derivative"
                x, g, *_ = bench("operands").operands(case)
                truth = reference.evaluate(chosen or case.function, pass_, x, *params.values())
                result = np.asarray(call())
                assert result.dtype == dtype
                with np.errstate(over="ignore"):  # erfcx
                    expected = (truth if pass_ == "forward" else g * truth).astype(dtype)
                np.testing.assert_allclose(result, expected, 2e-4, 2e-5, err_msg=str(case))


def test_every_function_has_a_formula_or_a_peer() -> None:
    formulas = bench("peers.formulas")
    torch_text = (BENCH / "peers" / "torch.py").read_text(encoding="utf-8")
    for name in FUNCTIONS:
        assert (name, "forward") in formulas.FORMULAS or f'("{name}", "forward")' in torch_text


def speed_document() -> dict[str, Any]:
    def times(**microseconds: float) -> dict[str, list[float]]:
        return {name: [1e-6 * t, 1.1e-6 * t] for name, t in microseconds.items()}

    return {
        "kind": "speed",
        "command": "python bench/compare.py",
        "machine": {"threads": 2, "processor": "Test", "python": "3.11", "describe": {}},
        "versions": {"cython": "1", "torch": "2", "scipy": "3"},
        "own": "cython",
        "composed": {"torch": ["softsign-forward", "softsign-vjp"]},
        "rounds": 9,
        "results": {
            "identity-forward-float32-8388608": times(cython=11, copy=10),
            "sigmoid-forward-float32-8388608": times(cython=20, torch=30),
            "relu-forward-float32-8388608": times(cython=100, torch=96),
            "sigmoid-forward-float32-1": times(cython=3, scipy=1, torch=2),
            "sigmoid-forward-float32-100": times(cython=20, scipy=90, torch=80, numba=40),
            "sigmoid-vjp_from_output-float32-100": times(cython=10, torch=9, jax=1),
            "relu-forward-float32-100": times(cython=100, torch=96),
            "softsign-forward-float32-100": times(cython=10, torch=30),
            "softsign-vjp-float32-100": times(cython=10, torch=5),
        },
    }


def test_ratios_and_misses() -> None:
    speed_module, case = bench("speed"), bench("case").Case.parse
    speed = speed_module.Speed(speed_document())
    assert speed.against(case("sigmoid-forward-float32-100")) == pytest.approx(4)
    assert speed.fastest_peer(case("sigmoid-forward-float32-100")) == "torch"
    assert speed.against(case("sigmoid-forward-float32-100"), "scipy") == pytest.approx(4.5)
    assert speed.share("sigmoid") == pytest.approx(0.5)
    assert speed_module.geometric_mean([1, 4]) == pytest.approx(2)
    misses = {miss.what: miss.ratio for miss in speed.misses()}
    assert misses == {
        "sigmoid-forward-float32-1 against SciPy": pytest.approx(1 / 3),
        "sigmoid-forward-float32-1 against scipy.special.expit": pytest.approx(1 / 3),
        "sigmoid-vjp_from_output-float32-100 against PyTorch": pytest.approx(0.9),
        "sigmoid-forward-float32-8388608, share of a parallel copy's speed": pytest.approx(0.5),
        "relu-forward-float32-8388608, share of a parallel copy's speed": pytest.approx(0.1),
    }


def test_what_only_moves_memory() -> None:
    only_moves = bench("peers.formulas").only_moves
    assert only_moves("relu", "forward")
    assert only_moves("hard_swish", "vjp")
    assert not only_moves("softsign", "forward")
    assert not only_moves("gelu", "forward")


def test_report_writes_tables_chart_and_readme(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result, readme = tmp_path / "speed.json", tmp_path / "README.md"
    result.write_text(json.dumps(speed_document()), encoding="utf-8")
    blocks = "\n".join(
        f"<!-- {name}:begin -->\nold\n<!-- {name}:end -->" for name in ("overview", "functions")
    )
    readme.write_text(f"# Title\n{blocks}\nlast\n", encoding="utf-8")
    arguments = [str(result), "--readme", "--readme-path", str(readme)]
    done = CliRunner().invoke(bench("report").report, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "| sigmoid | 200.000 | 4.0 | 4.0 PyTorch | 0.90 |" in done.output
    assert "| softsign | 100.000 | *3.0* | 3.0 PyTorch | *0.50* |" in done.output
    assert "What it misses: 5" in done.output
    table = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert done.output.startswith(table)
    assert "misses" not in table
    for picture in ("speed", "overview", "overview-dark"):
        assert (tmp_path / f"{picture}.svg").stat().st_size > 1000
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("# Title\n") and text.endswith("\nlast\n")
    assert "/overview-dark.svg" in text and "`python bench/report.py --readme`" in text
    # sigmoid 4, relu 0.96, softsign 3 times PyTorch
    assert "all functions is 2.3 (at least 0.96) times PyTorch's speed" in text
    assert all(f"`{name}`" in text for name in fa.names())


def test_report_reads_pytest_benchmarks_json() -> None:
    params = {"function": "relu", "pass_": "forward", "dtype": "float32", "size": 100}
    document = {
        "machine_info": {"cpu": {"brand_raw": "Test"}},
        "benchmarks": [
            {"params": params | {"contender_name": name}, "stats": {"min": seconds}}
            for name, seconds in (("numba", 1e-6), ("torch", 3e-6))
        ],
    }
    speed = bench("speed").Speed(document)
    assert speed.own == "numba"
    assert "| relu | 10.000 | 3.0 | 3.0 PyTorch | – |" in bench("report").summary(speed)


def test_a_block_needs_its_markers() -> None:
    replace_block = bench("readme").replace_block
    with pytest.raises(ValueError, match="speed:begin"):
        replace_block("nothing here", "speed", "content", "command")


def test_accuracy_table() -> None:
    document = {
        "versions": {"fastact": "1", "torch": "2"},
        "passes": ["forward", "derivative"],
        "dtypes": ["float32"],
        "counts": {"float32": 1000},
        "results": {
            "gelu-forward-float32": {"fastact": [0.987, 0.0], "torch": [float("inf"), 0.032]},
            "gelu-derivative-float32": {"fastact": [1.5, 0.0]},
        },
    }
    assert "| gelu | 0.99 | ∞ (3.2 %) | 1.50 | – |" in bench("readme_tables").accuracy(document)


def test_accuracy_program(tmp_path: Path) -> None:
    output = tmp_path / "accuracy.json"
    program = bench("accuracy").accuracy
    arguments = ["relu", "--dtype", "float32", "--count", "1000", "--output", str(output)]
    done = CliRunner().invoke(program, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert json.loads(output.read_text())["results"]["relu-forward-float32"]["fastact"] == [0, 0]


def test_compare_program(tmp_path: Path) -> None:
    output = tmp_path / "speed.json"
    arguments = "--function relu --size 100 --dtype float32 --rounds 1 --turn 0.1 --with numpy"
    program = bench("compare").compare
    arguments_list = [*arguments.split(), "--with", "plain", "--output", str(output)]
    done = CliRunner().invoke(program, arguments_list, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    speed = bench("speed").Speed.load(output)
    assert {str(case) for case in speed.times} == {
        "relu-forward-float32-100",
        "relu-vjp-float32-100",
    }
    assert all(set(times) == {"numpy", "plain"} for times in speed.times.values())
