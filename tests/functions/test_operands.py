"""Operands in any place and layout, of every family: they share memory with out, they are unaligned or broadcast."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from conftest import BACKENDS
from fastact.calling import broadcast, row_walk, rows, summed
from fastact.functions import (
    binary_cross_entropy,
    channels,
    class_losses,
    elementwise_losses,
    parameter_vjp,
)
from halves import CHARS, eps
from operand_cases import CASES, ROWS, Case
from representatives import looped

Array = npt.NDArray[Any]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Walk the operands in many blocks; how they are walked is the same for every backend, so the fastest will do."""
    monkeypatch.setattr(broadcast, "SCRATCH_BYTES", 1 << 12)
    for module in (row_walk, rows):
        monkeypatch.setattr(module, "SCRATCH_BYTES", 1 << 12)
    monkeypatch.setattr(class_losses, "ROWS", 4)
    monkeypatch.setattr(class_losses, "ELEMENTS", 1 << 9)
    monkeypatch.setattr(parameter_vjp, "SUM_BLOCK", 1 << 8)
    for module in (summed, elementwise_losses, binary_cross_entropy, channels):
        monkeypatch.setattr(module, "BLOCK", 1 << 8)
    with fa.use_backend(BACKENDS[0]):
        yield


def placed(shape: tuple[int, ...], dtype: npt.DTypeLike, memory: Array, start: int) -> Array:
    """Return an array whose memory begins at byte `start`."""
    dtype = np.dtype(dtype)
    stop = start + math.prod(shape) * dtype.itemsize
    return memory[start:stop].view(dtype).reshape(shape)


def cast(operands: dict[str, Array], char: str) -> dict[str, Array]:
    return {k: a.astype(char) if a.dtype.kind == "f" else a for k, a in operands.items()}


def variants(name: str, operand: Array) -> list[Array]:
    """Return the operand, and integers of the same size, and float64."""
    if operand.dtype.kind != "f":
        return [operand]
    integers = operand.astype(f"i{operand.itemsize}")
    classes = name in ("target", "p")  # where integers mean something else, or are out of range
    return [operand, operand.astype("d"), *([] if classes else [integers])]


def starts(out: Array, operand: Array) -> list[int]:
    """Return where an operand may begin, in bytes from the out, to share some memory with it."""
    size = out.itemsize
    found = {0, size, -size, out.nbytes // 2 // size * size, size - operand.nbytes}
    shared = (start for start in sorted(found) if -operand.nbytes < start < out.nbytes)
    return [start for start in shared if start % operand.itemsize == 0]


@pytest.mark.slow
@looped("char", CHARS)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.outs])
def test_an_operand_may_share_memory_with_out(name: str, char: str, small_blocks: None) -> None:
    case = CASES[name]
    operands = cast(case.operands, char)
    for place, shape in enumerate(case.outs):
        for key, given in operands.items():
            for operand in variants(key, given):
                outs = [np.full(other, 7.0, char) for other in case.outs]
                for start in starts(outs[place], operand):
                    for step in (1, -1):
                        first = operand.nbytes + -operand.nbytes % 8
                        memory = np.zeros(2 * first + operand.nbytes + outs[place].nbytes, np.uint8)
                        outs[place] = placed(shape, char, memory, first)
                        alias = placed(operand.shape, operand.dtype, memory, first + start)
                        alias = alias[::step] if alias.ndim else alias
                        assert np.may_share_memory(alias, outs[place])
                        alias[...] = operand
                        check_as_from_copies(case, {**operands, key: alias}, key, tuple(outs))


def check_as_from_copies(
    case: Case, operands: dict[str, Array], key: str, outs: tuple[Array, ...]
) -> None:
    expected = case({**operands, key: operands[key].copy()}, tuple(out.copy() for out in outs))
    got = case(operands, outs)
    for result, wanted in zip(got, expected, strict=True):
        assert result.dtype == wanted.dtype
        assert result.tobytes() == wanted.tobytes(), key


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if len(case.outs) == 2])
def test_two_outs_may_not_share_memory(name: str, small_blocks: None) -> None:
    case = CASES[name]
    first, second = (math.prod(shape) for shape in case.outs)
    for start, step in ((0, 1), (0, -1), (1, 1), (first - 1, 1)):
        memory = np.full(8 * (first + second), 7, np.uint8)
        outs = placed(case.outs[0], "d", memory, 0), placed(case.outs[1], "d", memory, 8 * start)
        with pytest.raises(ValueError, match=r"out\[0\] and out\[1\] share memory"):
            case(case.operands, (outs[0], outs[1][::step]))
        assert (memory == 7).all()
    if case.outs[0] == case.outs[1]:  # interleaved arrays share no element
        both = np.full((*case.outs[0], 2), 7.0)
        got = case(case.operands, (both[..., 0], both[..., 1]))
        expected = case(case.operands, tuple(np.full(shape, 7.0) for shape in case.outs))
        for result, wanted in zip(got, expected, strict=True):
            np.testing.assert_array_equal(result, wanted)


# --- layouts ---------------------------------------------------------------------------------------


def unaligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    return np.zeros(math.prod(shape), [("tag", "u1"), ("value", dtype)])["value"].reshape(shape)


def contiguous_unaligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    memory = np.zeros(1 + math.prod(shape) * np.dtype(dtype).itemsize, np.uint8)
    return placed(shape, dtype, memory, 1)


def backwards(array: Array) -> Array:
    return array[(..., *[slice(None, None, -1)] * array.ndim)]


LAYOUTS: dict[str, Callable[[tuple[int, ...], Any], Array]] = {
    "contiguous, unaligned": contiguous_unaligned,
    "record field": unaligned,
    "big-endian": lambda shape, dtype: np.zeros(shape, np.dtype(dtype).newbyteorder(">")),
    "Fortran order": lambda shape, dtype: np.zeros(shape, dtype, order="F"),
    "step 2": lambda shape, dtype: np.zeros((*shape, 2), dtype)[..., 0],
    "reversed": lambda shape, dtype: backwards(np.zeros(shape, dtype)),
    "unaligned, reversed": lambda shape, dtype: backwards(contiguous_unaligned(shape, dtype)),
}


def filled(layout: str, values: Array) -> Array:
    """Return an array of this layout with these values."""
    array = LAYOUTS[layout](values.shape, values.dtype)
    array[...] = values
    return array


# Random numbers are drawn in the order in which the elements lie in memory.
@looped("char", CHARS)
@pytest.mark.parametrize("name", [name for name in CASES if name != "gumbel_softmax"])
def test_operands_and_outs_may_have_any_layout(name: str, char: str, small_blocks: None) -> None:
    case = CASES[name]
    operands = cast(case.operands, char)
    outs = tuple(np.full(shape, 7.0, char) for shape in case.outs)
    expected = case(operands, tuple(out.copy() for out in outs))
    for layout in LAYOUTS:
        laid = {key: filled(layout, operand) for key, operand in operands.items()}
        for key, operand in laid.items():
            operand.flags.writeable = False
            got = case({**operands, key: operand}, tuple(out.copy() for out in outs))
            compare(case, got, expected, f"{layout} {key}")
        got = case(laid, tuple(filled(layout, out) for out in outs))
        compare(case, got, expected, f"{layout} everywhere")


def compare(case: Case, got: list[Array], expected: list[Array], what: str) -> None:
    """Compare bit for bit, except for sums, whose terms may be added in another order."""
    for result, wanted in zip(got, expected, strict=True):
        if case.sums:
            few = 4 * eps(wanted.dtype)
            largest = float(np.max(np.abs(wanted)))
            np.testing.assert_allclose(result, wanted, few, few * largest, err_msg=what)
        else:
            np.testing.assert_array_equal(result, wanted, err_msg=what)


# --- dimensions ------------------------------------------------------------------------------------


def spread(name: str, array: Array, ndim: int) -> Array:
    """Put axes of length 1 between rows and columns; a weight for each column stays as it is."""
    if array.ndim == 2:
        return array.reshape(len(array), *[1] * (ndim - 2), -1)
    if array.ndim and name in ("g", "target", "out"):
        return array.reshape(-1, *[1] * (ndim - 2)) if len(array) == ROWS else row(array, ndim)
    return array


def row(array: Array, ndim: int) -> Array:
    return array.reshape(*[1] * (ndim - 2), -1)


@looped("layout", ["record field", "reversed"])
@looped("ndim", [33, 64])
@pytest.mark.parametrize("name", CASES)
def test_operands_may_have_as_many_dimensions_as_numpy_allows(
    name: str, ndim: int, layout: str, small_blocks: None
) -> None:
    case = CASES[name]
    outs = tuple(np.full(shape, 7.0) for shape in case.outs)
    expected = case(case.operands, outs)
    outs = tuple(np.full(shape, 7.0) for shape in case.outs)
    what = ["out", "weight" if name == "prelu vjp" else "out"]
    many = tuple(spread(*pair, ndim) for pair in zip(what, outs, strict=False))
    operands = {key: spread(key, array, ndim) for key, array in case.operands.items()}
    assert max(array.ndim for array in (*operands.values(), *many)) == ndim
    for arrays, targets in (
        (operands, many),
        (
            {key: filled(layout, operand) for key, operand in operands.items()},
            tuple(filled(layout, np.full(out.shape, 7.0)) for out in many),
        ),
    ):
        got = case(arrays, targets)
        squeezed = [a.reshape(b.shape) for a, b in zip(got, expected, strict=True)]
        compare(case, squeezed, expected, layout)


# --- beyond the range of the dtype -----------------------------------------------------------------


@contextmanager
def outside_the_domain() -> Iterator[None]:
    """Accept that a parameter is refused because it is outside its domain."""
    try:
        yield
    except ValueError as error:
        assert "is outside the domain" in str(error)


WIDEST = np.finfo(np.longdouble)
EXTREMES = [1e39, -1e39, 1e300, 1e-46, 1e-320, WIDEST.max, WIDEST.tiny]


@looped("char", "efd")
@pytest.mark.parametrize("name", CASES)
def test_casts_are_silent(name: str, char: str, small_blocks: None) -> None:
    case = CASES[name]
    operands = cast(case.operands, char)
    parameters = list(operands)[case.count :]
    for key, operand in operands.items():
        for value in EXTREMES:
            wide = np.asarray(value).dtype == np.longdouble != np.float64
            if operand.dtype.kind != "f" or key == "p" or (wide and key not in parameters):
                continue
            extreme = operand.astype(np.asarray(value).dtype)
            extreme.reshape(-1)[::3] = value
            outs = tuple(np.full(shape, 7.0, char) for shape in case.outs)
            with np.errstate(all="raise"), outside_the_domain():
                case({**operands, key: extreme}, outs)


@looped("value", [1e39, -1e39, np.inf])
@pytest.mark.parametrize(
    "name",
    [name for name, case in CASES.items() if "arrays" in name or "pos_weight" in case.operands],
)
def test_a_parameter_beyond_float32_is_infinite_as_number_and_as_array(
    name: str, value: float, backend: str
) -> None:
    case = CASES[name]
    outs = tuple(np.full(shape, 7.0, "f") for shape in case.outs)
    operands = cast(case.operands, "f")
    for key in list(operands)[case.count :]:
        results = []
        for given in (value, np.full(operands[key].shape, value), np.copysign(np.inf, value)):
            with outside_the_domain():
                results.append(case({**operands, key: given}, outs))
        assert len(results) in (0, 3)
        for result in results[1:]:
            for number, other in zip(results[0], result, strict=True):
                np.testing.assert_array_equal(number, other)
