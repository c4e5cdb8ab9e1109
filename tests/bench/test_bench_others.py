"""The benchmark of special functions, gates and losses measures what it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench_programs import bench
from fastact.functions.catalogue import PUBLIC


def test_contenders_agree() -> None:
    pytest.importorskip("scipy")
    others = bench("others")
    assert {*others.ONE, *others.TWO} <= {*PUBLIC}
    for title, ours, other in others.special():
        near = 1e-5 if "float32" in title else 1e-11
        found = np.array(ours(), dtype=np.float64)
        np.testing.assert_allclose(found, other(), near, near, err_msg=title)


def test_program(tmp_path: Path) -> None:
    output = tmp_path / "others.md"
    arguments = ["--rounds", "1", "--output", str(output)]
    done = CliRunner().invoke(bench("others").others, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    text = output.read_text(encoding="utf-8")
    assert text.strip() == done.output.strip()
    assert "| erf, float32 |" in text or "SciPy: SciPy is not here" in text
