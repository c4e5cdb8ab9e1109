"""Users' own activations in users' own compiled code, and in the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastact as fa
from conftest import IMPORTED
from njit_cases import errors, numba


@fa.activation
def scaled_mish(x, scale=2.0):  # type: ignore[no-untyped-def]
    return fa.mish(scale * x) if x < 3.0 else x


X = np.linspace(-5, 5, 1000)


def test_calls_of_numbers_and_arrays() -> None:
    @numba.njit
    def loop(x, y):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            y[i] = scaled_mish(x[i], scale=1.5) + scaled_mish.derivative(x[i])
        return scaled_mish.value_and_derivative(x)

    out = np.empty_like(X)
    value, slope = loop(X, out)
    np.testing.assert_array_equal(out, scaled_mish(X, 1.5) + scaled_mish.derivative(X))
    np.testing.assert_array_equal(value, scaled_mish(X))
    np.testing.assert_array_equal(slope, scaled_mish.derivative(X))
    with pytest.raises(errors.TypingError, match="scaled_mish"):
        numba.njit(lambda x: scaled_mish(x, other=1.0))(1.0)


OWN = """
import fastact as fa
@fa.activation
def own(x):
    return {text}
"""
USER = """
import numba, numpy as np
from own_module import own
@numba.njit(cache=True)
def total(x):
    s = 0.0
    for v in x:
        s += own(v)
    return s
"""
RUN = """
import time
from fastact import numba_extension
from numba.core import entrypoints
entrypoints.init_all(); numba_extension.init()
from user_module import total, np
from own_module import own
x = np.ones(4)
print(total(x), own(x).sum(), sum(total.stats.cache_hits.values()))
"""


@pytest.mark.slow
def test_another_module_may_change_it(tmp_path: Path) -> None:
    """Cached code of a caller is used as long as the activation is the same, and compiled anew when it is not."""
    (tmp_path / "user_module.py").write_text(USER)
    paths = os.pathsep.join((str(tmp_path), str(IMPORTED), os.environ.get("PYTHONPATH", "")))
    seen = []
    for text in ("x + 1.0", "x + 1.0", "x + 2.0", "x + 2.0"):
        (tmp_path / "own_module.py").write_text(OWN.format(text=text))
        done = subprocess.run(
            [sys.executable, "-c", RUN],
            env={**os.environ, "PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=True,
        )
        seen.append(done.stdout.split())
    assert seen == [
        ["8.0", "8.0", "0"],
        ["8.0", "8.0", "1"],
        ["12.0", "12.0", "0"],
        ["12.0", "12.0", "1"],
    ]
