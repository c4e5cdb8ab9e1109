"""The ``fastact`` program, but for `apply`."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fastact as fa
from conftest import run_python
from fastact.backends import registry
from fastact.cli import several
from fastact.cli.bench import PLAIN, QUICK
from fastact.cli.program import program
from fastact.functions.elementwise import FUNCTIONS

AVAILABLE = [name for name, state in fa.backends().items() if state == "available"]


@pytest.fixture(autouse=True)
def numpy_backend() -> Any:
    with fa.use_backend("numpy"):
        yield


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, list(arguments), prog_name="fastact")


def lines(*arguments: str) -> list[str]:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def columns(row: str) -> list[str]:
    return re.split(r"\s{2,}", row)


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastact", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment_with(**environment),
    )


def environment_with(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(fa.__file__).parent.parent), **more}


# --- the program ---------------------------------------------------------------------------------


def test_version() -> None:
    assert run("--version").stdout == f"fastact {fa.__version__}\n"
    assert process("-V").stdout == f"fastact {fa.__version__}\n"


def test_without_click() -> None:
    program = "import sys; sys.modules['click'] = None; from fastact.cli.main import main; main()"
    done = run_python(program, "info")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "fastact: the command line needs click and tqdm (pip install click tqdm)\n"
    )


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",)])
def test_help_names_every_command(arguments: tuple[str, ...]) -> None:
    text = "\n".join(lines(*arguments))
    for command in ("info", "list", "apply", "bench", "accuracy", "plot"):
        assert f"\n  {command} " in text


@pytest.mark.parametrize("command", ["info", "list", "apply", "bench", "accuracy", "plot"])
def test_help_of_a_command(command: str) -> None:
    assert lines(command, "--help")[0].startswith(f"Usage: fastact {command}")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("lits",), 2, "No such command 'lits'"),
        (("gelu",), 2, "fastact show gelu"),
        (("show", "nope"), 1, "see fastact list"),
        (("list", "--jason"), 2, "No such option '--jason'"),
        (("bench", "silo"), 1, "'silo'; did you mean 'silu'"),
        (("bench", "relu", "--size=0"), 2, "--size"),
        (("bench", "relu", "--param=alpha=1"), 2, "relu has no parameter 'alpha'"),
        (("bench", "elu", "--dtype=int8"), 2, "'float32', 'float64'"),
        (("accuracy", "softmax", "--param=tau=2"), 2, "softmax has no parameter 'tau'"),
        (("bench", "elu", "--param=alpa=1"), 2, "did you mean 'alpha'"),
        (("accuracy", "elu", "--backend=fortran"), 1, "choose one of auto, cython, numba, numpy"),
        (("accuracy", "elu", "--pass=vjp_from_output"), 2, "--pass"),
    ],
)
def test_one_clear_line(arguments: tuple[str, ...], status: int, words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == status
    assert result.stdout == ""
    assert result.stderr.startswith("fastact: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


@pytest.mark.parametrize("command", ["info", "apply"])
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FASTACT_BACKEND", "fortran", "choose one of auto, cython, numba, numpy"),
        ("FASTACT_NUM_THREADS", "abc", "choose an integer from 1 to 1024"),
    ],
)
def test_wrong_environment(
    command: str, variable: str, value: str, words: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    files = (str(tmp_path / "x.npy"), str(tmp_path / "y.npy"))
    arguments = ("apply", "relu", *files) if command == "apply" else (command,)
    result = process(*arguments, **{variable: value})
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == f"fastact: {variable}='{value}': {words}\n"
    assert not os.path.exists(files[1])


def test_wrong_instruction_set(tmp_path: Path) -> None:
    """It does not keep `auto` from working; `info` shows it and fails."""
    if "cython" not in AVAILABLE:
        pytest.skip("the extension was not built")
    message = "FASTACT_ISA='mmx': choose one of "
    result = process("info", FASTACT_ISA="mmx", FASTACT_BACKEND="")
    assert result.returncode == 1
    assert re.search(f"^  cython +{message}", result.stdout, re.MULTILINE)
    assert re.search(r"^backend +n", result.stdout, re.MULTILINE)  # numba or numpy
    assert result.stderr.startswith(f"fastact: {message}")
    np.save(tmp_path / "x.npy", np.zeros(3))
    files = (str(tmp_path / "x.npy"), str(tmp_path / "y.npy"))
    named = process("apply", "relu", *files, FASTACT_ISA="mmx", FASTACT_BACKEND="cython")
    assert (named.returncode, named.stderr) == (1, result.stderr)


def test_empty_variables_are_unset() -> None:
    names = [f"FASTACT_{name}" for name in ("BACKEND", "NUM_THREADS", "ISA")]
    program = "import fastact as fa; print(fa.get_backend(), fa.get_num_threads(), fa.relu(1.0))"
    plain = {name: value for name, value in os.environ.items() if name not in names}
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=plain | dict.fromkeys(given, "") | {"PYTHONPATH": environment_with()["PYTHONPATH"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for given in ([], names)
    ]
    assert printed[0] == printed[1]
    assert "the smallest of" in process("info", **dict.fromkeys(names, "")).stdout


def test_unexpected_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastact.cli.info.platform", None)
    assert isinstance(run("info").exception, AttributeError)


# --- info and list -------------------------------------------------------------------------------


def test_info() -> None:
    text = "\n".join(lines("info"))
    assert re.search(rf"^fastact +{re.escape(fa.__version__)} ", text, re.M)
    assert re.search(rf"^numpy +{re.escape(np.__version__)}$", text, re.M)
    assert re.search(rf"^threads +{fa.get_num_threads()} \(", text, re.M)
    assert re.search(r"^backend +numpy ", text, re.M)
    for name, state in fa.backends().items():
        assert re.search(rf"^  {name} +{re.escape(state)}$", text, re.M)
        if state == "available":
            with fa.use_backend(name):
                described = registry.active().describe()
            for key, value in described.items():
                assert re.search(rf"^    {re.escape(key)} +{re.escape(value)}$", text, re.M)


def test_info_shows_where_the_threads_come_from() -> None:
    text = process("info", FASTACT_NUM_THREADS="3", FASTACT_BACKEND="numpy").stdout
    assert re.search(r"^threads +3 \(from FASTACT_NUM_THREADS\)$", text, re.M)
    assert re.search(r"^backend +numpy \(FASTACT_BACKEND=numpy\)$", text, re.M)
    assert re.search(r"^  FASTACT_NUM_THREADS +3$", text, re.M)
    text = "\n".join(lines("info"))
    assert re.search(r"^threads +\d+ \(.*affinity \d+, cgroup quota .*OMP_NUM_THREADS", text, re.M)


def test_list() -> None:
    rows = lines("list")
    assert columns(rows[0]) == ["function", "aliases", "parameters"]
    assert [row.split()[0] for row in rows[1:] if row[:2] == "  " and row[2] != " "] == fa.names()
    silu = next(row for row in rows if row.startswith("  silu "))
    assert columns(silu.strip()) == ["silu", "swish", "beta=1"]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_list_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    rows = lines("list")
    assert max(map(len, rows)) == (79 if width == 80 else 98)
    listed = [row.split()[0] for row in rows[1:] if row[:2] == "  " and row[2] != " "]
    assert listed == fa.names()


def test_list_as_json() -> None:
    records = {record["name"]: record for record in json.loads("\n".join(lines("list", "--json")))}
    assert list(records) == fa.names()
    for name, function in FUNCTIONS.items():
        record = records[name]
        assert record["aliases"] == list(function.aliases)
        assert record["passes"] == list(function.passes)
        assert [parameter["name"] for parameter in record["parameters"]] == list(
            function.parameters
        )
    assert records["softcap"]["parameters"] == [{"name": "cap", "required": True}]
    assert records["softplus"]["parameters"][1] == {
        "name": "threshold",
        "required": False,
        "default": None,
    }
    assert "vjp" in records["prelu"]["passes"]


# --- bench and accuracy --------------------------------------------------------------------------


@pytest.mark.parametrize("pass_", ["forward", "vjp", "value_and_derivative", "vjp_from_output"])
def test_bench(pass_: str) -> None:
    rows = lines("bench", "sigmoid", "--size=999", "--repeat=1", f"--pass={pass_}")
    assert rows[0].startswith(f"{pass_}, 999 float32 elements, ")
    measured = [columns(row) for row in rows if row.startswith("sigmoid")]
    expected = [*AVAILABLE, "textbook"] if pass_ == "forward" else AVAILABLE
    assert [row[1] for row in measured] == expected
    for _, _, nanoseconds, millions, gigabytes, _, ulp, *at in measured:
        assert float(nanoseconds) * float(millions) == pytest.approx(1000, rel=0.05)
        arrays = {"forward": 2, "value_and_derivative": 3}.get(pass_, 3)
        assert float(gigabytes) == pytest.approx(
            arrays * 4 / float(nanoseconds), rel=0.01, abs=0.006
        )
        assert (ulp == "-") == (pass_ == "vjp_from_output")
        assert len(at) == (ulp != "-")
    for row in measured:
        if pass_ != "vjp_from_output" and row[1] != "textbook":
            assert float(row[6]) <= 4


def test_bench_says_what_is_missing() -> None:
    rows = lines("bench", "gelu", "--size=9", "--repeat=1", "--pass=vjp_from_output")
    assert rows[-1] == "gelu has no vjp_from_output"
    for name, state in fa.backends().items():
        assert (f"without {name}: {state}" in rows) == (state != "available")


def test_bench_parameters() -> None:
    rows = lines("bench", "elu", "celu", "--param=alpha=0.5", "--size=9", "--repeat=1")
    assert columns(rows[-1])[0] == "celu(alpha=0.5)"


def test_bench_and_accuracy_of_every_family() -> None:
    """A pass of each family, without an error that is none; in JSON the same is numbers."""
    names = (
        "softmax",
        "logsumexp",
        "swiglu",
        "xlogy",
        "mse",
        "cross_entropy",
        "maxout",
        "prelu",
        "crelu",
    )
    for pass_ in ("forward", "vjp"):
        records = json.loads("\n".join(
            lines("bench", *names, "--json", f"--pass={pass_}", "--size=1024", "--repeat=1")
        ))  # fmt: skip
        assert len(records) == len(names) * len(AVAILABLE)
        assert all(one["ns_per_element"] > 0 and one["pass"] == pass_ for one in records)
    rows = lines("accuracy", *names, "--count=2000", "--pass=forward")
    table = [columns(row) for row in rows[2:]]
    assert [row[0].partition("(")[0] for row in table] == list(names)
    for name, _, ulp, *_ in table:
        assert (ulp == "-") == (
            name.partition("(")[0] in ("cross_entropy", "maxout", "prelu", "crelu")
        )
        assert ulp == "-" or float(ulp) <= 0.51
    (one,) = json.loads(
        "\n".join(lines("accuracy", "relu", "--json", "--count=99", "--pass=forward"))
    )
    assert one["function"] == "relu" and one["ulp"] == 0.0


def test_wrong_softmax_is_found() -> None:
    x = np.ones((2, 4), np.float32)
    true = several._rows_truth("softmax", x)
    found = several._worst(x, (1.25 * true).astype(np.float32), true)
    assert found.ulp == pytest.approx(0.0625 / 2**-25, rel=1e-6)


def test_quick_functions_exist() -> None:
    assert set(QUICK) <= set(FUNCTIONS)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_formulas(name: str) -> None:
    x = np.linspace(-5, 5, 101)
    np.testing.assert_allclose(PLAIN[name](x), FUNCTIONS[name](x), rtol=1e-9, atol=1e-9)


def test_accuracy() -> None:
    rows = lines(
        "accuracy",
        "gelu",
        "softcap",
        "--count=2000",
        "--pass=forward",
        "--pass=vjp",
        "--pass=value_and_derivative",
    )
    assert rows[0] == "numpy backend, float32"
    table = [columns(row) for row in rows[2:]]
    passes = ["forward", "vjp", "value_and_derivative"]
    assert [row[:2] for row in table] == [
        [label, pass_] for label in ("gelu", "softcap(cap=1.0)") for pass_ in passes
    ]
    for _, _, ulp, over, at, result, truth in table:
        assert float(ulp) <= 0.51
        assert float(over) == 0
        assert math.isfinite(float(at))
        assert float(result) == pytest.approx(float(truth), rel=1e-6, abs=2e-45)


@pytest.mark.usefixtures("own_backends")
def test_accuracy_of_a_wrong_backend() -> None:
    class Wrong:
        name = "wrong"

        def why_unavailable(self) -> None:
            return None

        def describe(self) -> dict[str, str]:
            return {}

        def kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> Any:
            def negate(x: Any, out: Any) -> None:
                out[:] = np.where(x == 1, 3, np.maximum(x, 0))

            return negate

    fa.register_backend("wrong", Wrong)
    rows = lines("accuracy", "relu", "--count=2000", "--backend=wrong", "--pass=forward")
    row = columns(rows[-1])
    assert row[:2] == ["relu", "forward"]
    assert row[4:] == ["1.0", "3.0", "1.0"]
    assert float(row[2]) == 2 / np.finfo(np.float32).eps


def test_accuracy_needs_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, dtype in (("mpmath", "float64"), ("ml_dtypes", "bfloat16")):
        monkeypatch.setitem(sys.modules, package, None)
        result = run("accuracy", "tanh", f"--dtype={dtype}")
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"--dtype {dtype} needs the package {package}" in result.stderr
        assert result.stderr.count("\n") == 1
    with pytest.raises(ImportError, match="float64 results need the package mpmath"):
        fa.accuracy.worst_error(fa.tanh, dtype="float64")


def test_accuracy_of_float64() -> None:
    pytest.importorskip("mpmath")
    row = columns(lines("accuracy", "tanh", "--count=50", "--dtype=float64")[-1])
    assert row[:2] == ["tanh", "derivative"]
    assert float(row[2]) <= 4
