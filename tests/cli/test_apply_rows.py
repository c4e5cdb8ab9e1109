"""``fastact apply`` along the rows of a file, also where a row is larger than a block."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from apply_runs import fail, save, succeed
from fastact.calling import chunked_softmax
from fastact.cli import npy_stream_rows
from fastact.functions.rows import ROW_FUNCTIONS

X = np.random.default_rng(0).normal(0, 3, (4, 9, 5)).astype("f4")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    with fa.use_backend("numpy"):
        yield tmp_path


def close(expected: Any) -> None:
    result = np.load("y.npy")
    assert result.shape == np.shape(expected)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("block", [7, 60, 1000])
@pytest.mark.parametrize("name", ROW_FUNCTIONS)
def test_every_function(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy_stream_rows, "BLOCK", block)
    function = ROW_FUNCTIONS[name]
    x = save("x.npy", X)
    for axis in (0, 1, -1):
        given = ["--param=rng=3", "--param=hard=true"] if "rng" in function.parameters else []
        succeed(name, "x.npy", "y.npy", f"--axis={axis}", *given)
        if given:
            np.testing.assert_array_equal(np.load("y.npy").sum(axis), 1)
        else:
            close(function(x, axis))
    default = function.parameters["axis"]
    if not given:
        succeed(name, "x.npy", "y.npy", "--param=temperature=2")
        close(function(x, default, temperature=2.0))
    if "vjp" in function.passes and not function.reduces:
        save("g.npy", np.cos(x))
        y = save("p.npy", function(x, 1, **({"rng": 1} if given else {})))
        succeed(name, "p.npy", "y.npy", "--pass=vjp", "--grad=g.npy", "--axis=1")
        close(function.passes["vjp"](np.cos(x), y, 1))


@pytest.mark.parametrize("block", [4, 1000])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("axis", ["0", "1", "0,1", "1,2", "none"])
@pytest.mark.parametrize("name", chunked_softmax.FINISHES)
def test_orders_and_axes(
    name: str, axis: str, order: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy_stream_rows, "BLOCK", block)
    x = save("x.npy", np.asarray(X, order=order))  # type: ignore[call-overload]
    succeed(name, "x.npy", "y.npy", f"--axis={axis}")
    axes = None if axis == "none" else tuple(map(int, axis.split(",")))
    close(ROW_FUNCTIONS[name](x, axes))


@pytest.mark.parametrize("dtype", ["<f2", ">f8", "?"])
@pytest.mark.parametrize("shape", [(0,), (1,), (3, 0), (2, 1, 3)], ids=str)
def test_dtypes_and_shapes(dtype: str, shape: tuple[int, ...]) -> None:
    x = save("x.npy", np.ones(shape, dtype))
    for name in ("softmax", "logsumexp", "hardmax"):
        succeed(name, "x.npy", "y.npy", "--axis=0")
        expected = np.asarray(ROW_FUNCTIONS[name](x, 0))
        np.testing.assert_array_equal(np.load("y.npy"), expected, strict=True)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["softmax", "x.npy", "y.npy", "--axis=3"], 1, "axis 3 is out of bounds"),
        (["softmax", "x.npy", "y.npy", "--axis=0,0"], 1, "repeated axis"),
        (["softmax", "x.npy", "y.npy", "--axis=0,2"], 1, "axes (0, 2) are not adjacent"),
        (["softmax", "x.npy", "y.npy", "--axis=one"], 2, "expected a form like 0, -1, 0,1 or none"),
        (["softmax", "x.npy", "y.npy", "--param=axis=1"], 2, "no parameter 'axis'"),
        (["softmax", "x.npy", "y.npy", "--param=temperature=-1"], 1, "expected a positive"),
        (["softmax", "x.npy", "y.npy", "--pass=derivative"], 2, "softmax has no derivative"),
        (["hardmax", "x.npy", "y.npy", "--pass=vjp", "--grad=x.npy"], 2, "hardmax has no vjp"),
        (["logsumexp", "x.npy", "y.npy", "--pass=vjp", "--grad=x.npy"], 2, "call it from Python"),
        (["relu", "x.npy", "y.npy", "--axis=0"], 2, "--axis is for row functions only"),
        (["softmax", "text.npy", "y.npy"], 1, "<U1"),
    ],
)
def test_one_clear_line(arguments: list[str], status: int, words: str) -> None:
    save("x.npy", X)
    save("text.npy", np.array(["a"]))
    old = save("y.npy", np.arange(3))
    before = sorted(os.listdir())
    assert words in fail(*arguments, status=status)
    assert sorted(os.listdir()) == before
    np.testing.assert_array_equal(np.load("y.npy"), old)
