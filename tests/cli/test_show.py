"""``fastact show`` and ``list``, completion, and help."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import fastact as fa
from fastact.cli.program import program
from fastact.cli.records import group_of

OWN = """
import fastact
@fastact.activation
def halved(x, by=2.0):
    return x / by
"""


def lines(*arguments: str) -> list[str]:
    result = CliRunner().invoke(program, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_show_every_function() -> None:
    for name in fa.names():
        page = lines("show", name)
        function = fa.get(name)
        assert page[0] == f"{name} ({group_of(function)})"
        text = "\n".join(page)
        assert max(map(len, page)) <= 100, name
        for parameter in function.parameters:
            assert f"\n    {parameter} : " in text, (name, parameter)
        for title in ("CALL", "DESCRIPTION", "PARAMETERS", "SOURCE"):
            assert title in page, (name, title)
        assert ("SPECIAL VALUES" in page) == ("derivative" in function.passes)
        assert ("FORMULA" in page) == bool(function.formula)


def test_show_as_json() -> None:
    known = json.loads("\n".join(lines("show", "swish", "--json")))
    assert known["name"] == "silu"
    assert known["elsewhere"]["PyTorch"] == "torch.nn.functional.silu"
    assert known["bounds"]["forward"] == fa.silu.declaration.bound["forward"]
    for row in known["values"]:
        x = float(row["x"])  # what is not finite is text
        np.testing.assert_equal(float(row["value"]), fa.silu(x))
        np.testing.assert_equal(float(row["derivative"]), fa.silu.derivative(x))


def test_show_an_own_activation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shown_own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    text = "\n".join(lines("show", "shown_own:halved"))
    assert "by : float or array_like, default 2.0" in text
    assert "shown_own.py" in text


def test_list_by_pattern_and_group() -> None:
    def named(*patterns: str) -> set[str]:
        return {one["name"] for one in json.loads("\n".join(lines("list", *patterns, "--json")))}

    assert named("gelu*") == {"gelu", "gelu_tanh"}
    assert named("Swish") == {"silu"}
    assert named("gates") == {name for name in fa.names() if fa.get(name).family == "gates"}
    assert named("piecewise", "losses") > {"relu", "huber"}
    assert max(map(len, lines("list"))) <= 100
    result = CliRunner().invoke(program, ["list", "gellu"], standalone_mode=False)
    assert isinstance(result.exception, click.UsageError)
    assert "did you mean 'gelu'" in result.exception.format_message()


def completed(*arguments: str) -> list[str]:
    *before, last = arguments
    found = ShellComplete(program, {}, "fastact", "_FASTACT_COMPLETE").get_completions(before, last)
    return [one.value for one in found]


def test_completion() -> None:
    assert completed("sh") == ["show"]
    assert {"gelu", "gelu_tanh", "geglu"} <= {*completed("show", "ge")}
    assert "gates" in completed("list", "ga")
    assert completed("bench", "elu", "--param", "al") == ["alpha="]
    assert "cython" in completed("accuracy", "--backend", "cy")


def test_completion_as_the_shell_asks_for_it() -> None:
    for shell in ("bash", "zsh", "fish"):
        environment = {
            "_FASTACT_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": "fastact show leaky",
            "COMP_CWORD": "leaky" if shell == "fish" else "2",
        }
        result = CliRunner().invoke(program, prog_name="fastact", env={**os.environ, **environment})
        assert "leaky_relu" in result.stdout, shell


@pytest.mark.parametrize("command", sorted(program.commands))
def test_help_is_whole_and_has_an_example(command: str) -> None:
    assert f"fastact {command}" in " ".join(lines(command, "--help")[1:])
    (line,) = [row for row in lines("--help") if row.startswith(f"  {command} ")]
    assert not line.endswith("...")


def test_info_as_json() -> None:
    known = json.loads("\n".join(lines("info", "--json")))
    assert known["numpy"] == np.__version__
    assert known["backend/numpy"] == "available"
