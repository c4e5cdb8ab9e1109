"""The loops of the benchmark compute what they name, and their table shows what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench_programs import bench
from fastact.backends.numba import backend

if reason := backend.why_unavailable():
    pytest.skip(reason, allow_module_level=True)


@pytest.mark.filterwarnings("default")
def test_contenders_agree() -> None:
    loops = bench("loops")
    x = np.linspace(-8, 8, 1001, dtype=np.float32)
    for title in loops.LOOPS:
        found = loops.calls(title, x)
        expected = loops.kernels(loops.LOOPS[title][0], x, np.empty_like(x))()
        for name in {*found} - {"njit", "hand", "kernel"}:
            np.testing.assert_allclose(np.asarray(found[name]()), expected, 1e-4, 1e-5)
        for name, text in (("own_functions", 0), ("by_hand", 1)):
            out = np.empty_like(x)
            loops.numba_loop(loops.LOOPS[title][text], getattr(loops, name)(), x, out)()
            np.testing.assert_allclose(out, expected, 1e-4, 1e-5)


def test_program(tmp_path: Path) -> None:
    output = tmp_path / "loops.json"
    arguments = ["--rounds", "1", "--turn", "0.0001", "--size", "1000", "--output"]
    done = CliRunner().invoke(
        bench("loops").loops, [*arguments, str(output)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    document = json.loads(output.read_text())
    assert {*document["results"]} == {*bench("loops").LOOPS}
    assert all(
        {"njit", "hand", "kernel", "activation"} <= {*times}
        for times in document["results"].values()
    )


def test_table() -> None:
    document = {
        "command": "python bench/loops.py",
        "machine": {"processor": "Test", "python": "3.11"},
        "versions": {"numba": "1", "jax": "2"},
        "size": 1000,
        "rounds": 3,
        "results": {
            "gelu": {"njit": 0.5, "kernel": 0.45, "activation": 0.5, "hand": 5.0, "jax": 1.0}
        },
    }
    text = bench("loop_tables").summary(document)
    assert "| gelu | 0.50 | 0.90 | 1.00 | 10.0 | – | 2.0 | – |" in text
    assert "1,000 float32; Numba 1, JAX 2; Python 3.11" in text
