"""Running ``fastact apply`` in this process, for the tests of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from fastact.cli.program import program


def apply(*arguments: object) -> Result:
    return CliRunner().invoke(program, ["apply", *map(str, arguments)])


def succeed(*arguments: object) -> None:
    result = apply(*arguments)
    assert result.exit_code == 0, result.output


def fail(*arguments: object, status: int = 1) -> str:
    """Return the one line that a failing run says."""
    result = apply(*arguments)
    assert result.exit_code == status
    assert result.stdout == ""
    assert result.stderr.startswith("fastact: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def save(path: str, array: Any) -> np.ndarray[Any, Any]:
    data: np.ndarray[Any, Any] = np.asarray(array)
    np.save(path, data)
    return data


def same(actual: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    np.testing.assert_array_equal(actual, expected)


def samples(dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(0)
    return (4 * rng.standard_normal(shape)).astype(np.float64).astype(dtype, casting="unsafe")
