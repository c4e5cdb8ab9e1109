"""``fastact apply`` refuses a header that no array can have, and writes none."""

from __future__ import annotations

import errno
import os
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from apply_runs import fail, same, save, succeed
from conftest import check_python

MOST = 2**63 - 1


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    with fa.use_backend("numpy"):
        yield tmp_path


def write_header(shape: str, descr: str = "'<f4'", order: str = "False", data: bytes = b"") -> None:
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode("latin1")
    Path("x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data)


@pytest.mark.parametrize("function", ["relu", "softmax"])
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("(-1,)", "damaged .npy file: its shape is (-1,)"),
        ("(0, -1)", "damaged .npy file: its shape is (0, -1)"),
        ("(-2, -3)", "damaged .npy file: its shape is (-2, -3)"),
        ("(True, 6)", "damaged .npy file: its shape is (True, 6)"),
        ("(False,)", "damaged .npy file: its shape is (False,)"),
        ("(6.0,)", "not a readable .npy file"),
        ("(6j,)", "not a readable .npy file"),
        ("('6',)", "not a readable .npy file"),
        ("(None,)", "not a readable .npy file"),
        ("((6,),)", "not a readable .npy file"),
        ("[6]", "not a readable .npy file"),
        ("6", "not a readable .npy file"),
        ("(10**2,)", "not a readable .npy file"),
        (f"({10**20}, 0)", f"damaged .npy file: its shape is ({10**20}, 0)"),
        (f"(0, {MOST + 1})", "damaged .npy file: its shape is (0, "),
        (f"({10**10}, {10**10}, 0)", "damaged .npy file: its shape is (1"),
        (f"(0, {MOST})", "damaged .npy file: its shape is (0, "),  # times four bytes
        (f"({2**32}, {2**32})", "damaged .npy file: its shape is (4294967296, "),
        (f"({2**62},)", "damaged .npy file: its shape is (4611686018427387904,)"),
        (f"({10**15},)", "truncated: 24 bytes of data, expected 4000000000000000"),
        (f"({'1, ' * 64}6)", "damaged .npy file: its shape has 65 axes"),
        (f"({'0, ' * 65})", "damaged .npy file: its shape has 65 axes"),
        (f"(0x{'f' * 5000}, 0)", "damaged .npy file: its shape"),
        (f"({'9' * 5000}, 0)", "not a readable .npy file"),
        ("(7,)", "truncated: 24 bytes of data, expected 28"),
    ],
    ids=lambda text: text[:20],
)
def test_shapes(shape: str, words: str, function: str) -> None:
    write_header(shape, data=bytes(24))
    refused(words, function)


@pytest.mark.parametrize("function", ["relu", "softmax"])
@pytest.mark.parametrize(
    ("descr", "words"),
    [
        ("('<f4', (2,))", "x.npy: holds elements of dtype ('<f4', (2,)), expected numbers"),
        ("('<f4', (0,))", "x.npy: holds elements of dtype ('<f4', (0,)), expected numbers"),
        ("'(2,)f4'", "x.npy: holds elements of dtype ('<f4', (2,)), expected numbers"),
        ("[('a', '<f4')]", "[('a', '<f4')]"),
        ("'f4, f4'", "[('f0', '<f4'), ('f1', '<f4')]"),
        ("'|V4'", "|V4"),
        ("'|V0'", "V"),
        ("'<U0'", "<U"),
        ("'|O'", "holds pickled Python objects"),
        ("[('a', '|O')]", "holds pickled Python objects"),
        ("'|S2000000000'", "|S2000000000"),
        ("'<c8'", "complex64"),
        ("'<M8[s]'", "datetime64"),
        ("'<g'", np.dtype("g").name),
        ("'<f3'", "not a readable .npy file"),
        ("'f4\\d'", "not a readable .npy file"),
        ("''", "not a readable .npy file"),
        ("None", "not a readable .npy file"),
        ("4", "not a readable .npy file"),
        ("'<f4' * 2", "not a readable .npy file"),
    ],
    ids=str,
)
def test_dtypes(descr: str, words: str, function: str) -> None:
    write_header("(0,)" if "S2" in descr else "(6,)", descr, data=bytes(96))
    refused(words, function)


def refused(words: str, function: str) -> None:
    source = Path("x.npy").read_bytes()
    old = save("y.npy", np.arange(3))
    assert words in fail(function, "x.npy", "y.npy")
    assert sorted(os.listdir()) == ["x.npy", "y.npy"]
    assert Path("x.npy").read_bytes() == source
    same(np.load("y.npy"), old)


APPLY = """
import itertools, os
import numpy as np
from fastact.cli.program import program
calls = itertools.product(os.listdir(), (["relu"], ["softmax"], ["softmax", "--axis=0"], ["softmax", "--axis=none"]))
for file, options in calls:
    print(file, options, flush=True)  # what does not end is the last line
    program.main(["apply", *options, file, "y.npy"], standalone_mode=False)
    assert np.load("y.npy").shape == np.load(file).shape
    os.unlink("y.npy")
"""


def test_no_elements_take_no_time() -> None:
    shapes = (10**15, 0), (0, 10**15), (10**9, 0, 10**8), (0,) * 64, (MOST // 8, 0)
    for k, (shape, order) in enumerate(product(shapes, ("True", "False"))):
        write_header(str(shape), order=order)
        os.rename("x.npy", f"{k}.npy")
    check_python(APPLY, FASTACT_BACKEND="numpy", timeout=60)


def test_results_of_no_elements() -> None:
    write_header("(5, 0)")
    succeed("logsumexp", "x.npy", "y.npy", "--axis=1")
    same(np.load("y.npy"), np.full(5, -np.inf, "f4"))
    write_header("(0, 2000000)")  # more than a block
    succeed("logsumexp", "x.npy", "y.npy", "--axis=0")
    same(np.load("y.npy"), np.full(2_000_000, -np.inf, "f4"))
    write_header("(0, 10)")
    assert "expected a positive" in fail("softmax", "x.npy", "z.npy", "--param=temperature=-1")


def test_results_that_no_file_has_room_for() -> None:
    write_header(f"({10**15}, 0)")
    assert f"y.npy: {os.strerror(errno.ENOSPC)}" in fail("logsumexp", "x.npy", "y.npy", "--axis=1")
    assert os.listdir() == ["x.npy"]


@pytest.mark.parametrize(
    ("shape", "descr", "pass_"),
    [
        (f"({MOST}, 0)", "'i1'", "forward"),  # float64 takes eight bytes
        (f"({2**59}, 0)", "'<f8'", "value_and_derivative"),  # twice as many
        (f"({'1, ' * 64})", "'i1'", "value_and_derivative"),  # an axis more
    ],
)
def test_results_that_no_array_can_be(shape: str, descr: str, pass_: str) -> None:
    write_header(shape, descr, data=bytes(1))
    line = fail("relu", "x.npy", "y.npy", f"--pass={pass_}")
    assert "y.npy: no array can have the result's shape" in line
    assert os.listdir() == ["x.npy"]


def test_rows_whose_results_no_array_can_be() -> None:
    write_header(f"({MOST}, 0)", "'i1'")
    line = fail("softmax", "x.npy", "y.npy")
    assert "y.npy: no array can have the result's shape" in line
    assert os.listdir() == ["x.npy"]


def test_headers_of_python_2() -> None:
    write_header("(6L, )", data=np.arange(6, dtype="f4").tobytes())
    succeed("relu", "x.npy", "y.npy")
    same(np.load("y.npy"), np.arange(6, dtype="f4"))
