"""The benchmark of fastact.torch compares what computes the same."""

from __future__ import annotations

import pytest

from bench_programs import bench

torch = pytest.importorskip("torch", reason="the benchmark compares with PyTorch")


def test_contenders_agree() -> None:
    program = bench("torch_modules")
    for label, (name, options) in program.CASES.items():
        for ours, theirs in program.calls(name, options, (8, 16)):
            torch.testing.assert_close(ours(), theirs(), msg=label)


def test_table() -> None:
    program = bench("torch_modules")
    before = torch.get_num_threads()
    found = list(program.rows((4, 8), rounds=1, counts=(1,)))
    torch.set_num_threads(before)
    assert [label for label, *_ in found] == [*program.CASES]
    assert all(float(cell) > 0 for _, *cells in found for cell in cells)
