"""The numba backend's row kernels: calls within calls, memory, and the code that is compiled."""

from __future__ import annotations

import importlib
import itertools
import re
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.backends.numba import backend
from representatives import ROW_KINDS
from row_cases import operands, parted, run

if (REASON := backend.why_unavailable()) is not None:
    pytest.skip(REASON, allow_module_level=True)

from fastact.backends.numba.rows import kernel as row_kernels
from fastact.backends.numba.rows import plan as row_plans

Array = Any
# Along rows, across rows, and parts of rows of both kinds
SHAPES = [(70, 101, 1), (2, 50, 33), (2, 70_001, 1), (1, 3_000, 35)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("key", ["softmax-forward", "logsumexp-vjp", "log_softmax-forward"])
def test_a_call_in_the_middle_of_another(
    key: str,
    shape: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
    set_threads: Callable[[int], None],
) -> None:
    """A signal's handler may call for the same shape, or set the number of threads, whenever Python runs."""
    set_threads(2)
    name, pass_ = key.split("-")
    kernel = backend.row_kernel(name, pass_, np.dtype("f4"))
    mask = np.random.default_rng(5).random(shape) < 0.7
    mask[:, [0, -1]] = True
    masks = [mask, mask[:, ::-1].copy()]
    given = [operands(name, pass_, np.dtype("f4"), shape, mask) for mask in masks]
    for array in given[1]:
        array *= 0.5
    wanted = [run(kernel, name, pass_, *case) for case in zip(given, masks, strict=True)]
    address, inside = row_plans.address, [False]
    kept: list[list[Array]] = []  # what was freed must not be written to

    def interrupted(array: Array) -> int:
        place = address(array)
        if not inside[0]:
            inside[0] = True
            set_threads(fa.get_num_threads() % 3 + 1)
            kept.append(run(kernel, name, pass_, given[1], masks[1]))
            inside[0] = False
        return place

    for module in (row_kernels, row_plans):
        monkeypatch.setattr(module, "address", interrupted)
    for _ in range(4):
        for got, want in zip(run(kernel, name, pass_, given[0], masks[0]), wanted[0], strict=True):
            assert np.array_equal(got, want)
    assert kept
    for results in kept:
        for got, want in zip(results, wanted[1], strict=True):
            assert np.array_equal(got, want)


@pytest.mark.parametrize(("name", "pass_"), ROW_KINDS, ids=map("-".join, ROW_KINDS))
def test_a_row_whose_parts_are_longer_than_the_buffers(
    name: str, pass_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of 2**24 elements and more are: the same bits as of a row in memory."""
    monkeypatch.setattr(row_plans, "_MOST_PARTS", 2)
    for dtype, n in (("f4", 300_003), ("f8", 131_072)):
        kernel = backend.row_kernel(name, pass_, np.dtype(dtype))
        mask = np.random.default_rng(1).random((1, n, 1)) < 0.7
        arrays = operands(name, pass_, np.dtype(dtype), (1, n, 1), mask)
        for given in (None, 1.0), (mask, 1.3):
            expected = run(kernel, name, pass_, arrays, *given)
            for got, want in zip(
                parted(kernel, name, pass_, arrays, *given), expected, strict=True
            ):
                np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    "shape", [(1, 1024, 4096), (500, 3000, 1), (1, 1 << 22, 1), (1, 250, 9999)]
)
def test_memory_with_any_number_of_threads(
    shape: tuple[int, ...], set_threads: Callable[[int], None]
) -> None:
    """At most 1 MiB, also where a shape was seen first with another number."""
    kernel = backend.row_kernel("softmax", "vjp", np.dtype(np.float32))
    g, y = np.random.default_rng(0).random((2, *shape), np.float32)
    out, want = np.empty_like(g), np.empty_like(g)
    for count in (2, 1024, 64, 5, 1):
        set_threads(count)
        kernel(g, y, want if count == 2 else out, None, 1.0)
        tracemalloc.start()
        kernel(g, y, out, None, 1.0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak <= 1 << 20, count
        assert np.array_equal(out, want)


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_lanes_without_a_row_do_not_count(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of 1.5 in every lane that memory left there raise the value for ever: 4,096 rounds, 500 times the time."""
    aligned, memories = row_plans.aligned, []

    def filled(size: int) -> tuple[Array, int]:
        memory, start = aligned(size)
        floats = memory[: len(memory) // 4 * 4].view(np.float32)
        floats[:] = 1.5
        memories.append(memory[start - row_plans.address(memory) :])
        return memory, start

    monkeypatch.setattr(row_plans, "aligned", filled)
    kernel = backend.row_kernel(name, "forward", np.dtype(np.float32))
    x = np.random.default_rng(0).normal(size=(1, 100, 1)).astype(np.float32)
    kernel(x, np.empty_like(x), None, 1.0)
    (memory,) = memories
    job = memory[: row_plans.layout.JOB.itemsize].view(row_plans.layout.JOB)[0]
    assert 2 <= job["rounds"] <= 20


def test_a_kernel_that_is_not_there() -> None:
    for key in (("no_such", "forward", "f4"), ("softmax", "back", "f4"), ("softmax", "vjp", "i2")):
        with pytest.raises(KeyError, match="the numba backend has no kernel"):
            backend.row_kernel(key[0], key[1], np.dtype(key[2]))


# --- what is compiled ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "suffix",
    [
        "_plain",
        "_masked",
        pytest.param("", marks=pytest.mark.exhaustive),
        pytest.param("_plain_masked", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize(
    "key", ["softmax-forward", "softmax-vjp", "logsumexp-forward", "entmax15-forward"]
)
def test_arithmetic_is_on_vectors(key: str, suffix: str) -> None:
    """Scalar arithmetic is left with the parameter and its low part alone."""
    from numba import types

    from fastact.backends.numba import compile as numba_compile

    name, pass_ = key.split("-")
    module = importlib.import_module(f"fastact.backends.numba._kernels.rows_{name}")
    masked = suffix.endswith("_masked")
    kinds = (("f32", "float"), ("f64", "double"))
    for (bits, element), along in itertools.product(kinds, (True, False)):
        stem = f"{pass_}_{bits}{suffix.removesuffix('_masked')}"
        about = getattr(module, f"{pass_}_{bits}".upper())
        function = row_kernels.phases_of(module, stem, about, bits, masked, along)
        dispatcher = numba_compile.dispatcher(function)
        arguments = (types.intp, types.intp)
        dispatcher.compile(types.intp(*arguments))
        code = dispatcher.overloads[arguments].library.get_llvm_str()
        assert re.search(rf"= fmul <\d+ x {element}>", code)
        assert re.search(rf"store <\d+ x {element}>", code)
        scalar = re.findall(r"= f(?:add|sub|mul|div) (?:float|double)", code)
        assert len(scalar) <= (0 if "plain" in suffix else 2), scalar
        assembly = dispatcher.overloads[arguments].library.get_asm_str()
        packed, single = (
            len(re.findall(rf"v?(?:add|mul|sub|max){s}[sd]\b", assembly)) for s in "ps"
        )
        assert packed > 8 * single, (packed, single)
