"""The row functions, their passes as calls of one array, and results but for the order of summation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastact.functions.rows import ROW_FUNCTIONS, RowFunction
from halves import eps

Array = npt.NDArray[Any]
X = np.random.default_rng(0).normal(0, 2, (6, 5, 7))
#: Each function that draws nothing
STEADY = [f for f in ROW_FUNCTIONS.values() if "rng" not in f.parameters]
#: One of each kind: an array of x's shape, a number for each row, NumPy's own
KINDS = list({(f.reduces, f.in_order): f for f in reversed(STEADY)}.values())


def passes(function: RowFunction) -> list[Callable[..., Any]]:
    """Every pass as a call of one array, with the gradient made of it."""
    calls: list[Callable[..., Any]] = [function]
    if "vjp" in function.passes:
        calls.append(lambda x, *a, **k: function.vjp(x, x, *a, **k) if not function.reduces
                     else function.vjp(2.0, x, *a, **k))  # fmt: skip
    return calls


def same(result: Any, expected: Any, char: str = "d") -> None:
    """Assert equality but for the order in which a row is added up."""
    assert result.shape == expected.shape
    atol = 20 * eps(char)
    np.testing.assert_allclose(
        np.asarray(result, float), np.asarray(expected, float), rtol=atol, atol=atol
    )
