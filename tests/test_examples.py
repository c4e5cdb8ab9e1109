"""The examples do what they say."""

from __future__ import annotations

import runpy

import numpy as np

from conftest import ROOT


def test_two_layer_network_learns_xor(backend: str) -> None:
    example = runpy.run_path(str(ROOT / "examples" / "two_layer_network.py"))
    solved = [
        np.abs(example["train"](seed=seed) - example["TARGET"]).max() < 0.2 for seed in range(5)
    ]
    assert sum(solved) >= 4
