"""Kernels and pool compiled for other systems, and run under an emulator, against what this processor computes.

`python -m pytest -n 0 tests/compiler/test_cross.py -rs` says which tools are missing.
"""

from __future__ import annotations

import os
import platform
import shutil
import struct
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from fastact.backends.cython import backend as cython
from fastact.compiler.kernels import trace
from native_cases import (
    CSRC,
    DECLARED,
    DRIVERS,
    DTYPES,
    KEYS,
    assert_same_bits,
    compile_c,
    inputs,
    instruction_sets,
    outputs,
    params,
    run,
)
from representatives import KERNEL_KINDS, covering

SIZE = 1003  # a tail in every vector width


class System(NamedTuple):
    """A compiler with its options, what runs its programs, and where both are from."""

    compiler: tuple[str, ...]
    emulator: tuple[str, ...]
    packages: str


# Debian's wine64 alone does not put it on the path. For the option of the assembler, see setup.py.
WINE = next(filter(None, map(shutil.which, ("wine", "wine64", "/usr/lib/wine/wine64"))), "wine64")
MINGW = ("x86_64-w64-mingw32-gcc", "-Wa,-muse-unaligned-vector-move")
SYSTEMS = {
    "arm": System(
        ("aarch64-linux-gnu-gcc",),
        ("qemu-aarch64",),
        "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
    ),
    "windows": System(MINGW, (WINE,), "gcc-mingw-w64-x86-64 wine64"),
    "musl": System(("musl-gcc",), (), "musl-tools"),
    "here": System(("gcc",), (), "gcc"),
}


def need(system: str, isa: str) -> System:
    """Return a system whose programs can be made and run here, or skip the test."""
    found = SYSTEMS[system]
    for tool in (found.compiler[0], *found.emulator[:1]):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing (Debian: {found.packages})")
    processor, flags = instruction_sets()[isa]
    if not found.emulator or found.emulator == (WINE,):  # which run on this processor
        features = set(Path("/proc/cpuinfo").read_text(encoding="ascii").split())
        needed = {flag.removeprefix("-m") for flag in flags}
        if processor not in ("any", platform.machine()) or not needed <= features:
            pytest.skip(f"this processor does not run {isa}")
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return variables for the emulators: wine keeps its files in a folder of ours."""
    prefix = tmp_path_factory.mktemp("wine")
    return {**os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all"}


def output(
    system: System, program: Path, sent: bytes, environment: dict[str, str], *arguments: str
) -> bytes:
    done = subprocess.run(
        [*system.emulator, str(program), *arguments],
        input=sent,
        capture_output=True,
        env=environment,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def parameter_arrays(name: str, dtype: str) -> list[np.ndarray]:
    return [np.full(SIZE, value, DTYPES[dtype]) for value in params(name)]


def request_bytes(name: str, pass_: str, dtype: str, as_arrays: bool) -> bytes:
    """Lay out what kernel_driver.c reads."""
    scalars = [*params(name), 0.0, 0.0, 0.0, 0.0][:4]
    head = struct.pack(
        "64s32s8sqq4d", name.encode(), pass_.encode(), dtype.encode(), SIZE, as_arrays, *scalars
    )
    arrays = [
        *inputs(name, pass_, dtype, SIZE),
        *(parameter_arrays(name, dtype) if as_arrays else []),
    ]
    return head + b"".join(array.tobytes() for array in arrays)


def requests(names: list[str]) -> Iterator[tuple[str, str, str, bool]]:
    for name, pass_, dtype in KEYS:
        if name in names:
            yield name, pass_, dtype, False
            if params(name):
                yield name, pass_, dtype, True


def results(
    system: System, isa: str, names: list[str], folder: Path, environment: dict[str, str]
) -> dict[tuple[str, str, str, bool], list]:
    """Return what the kernels give for every request, from one run of the emulator."""
    program, wanted = folder / "kernels.exe", list(requests(names))
    sources = [CSRC / "kernels.c", DRIVERS / "kernel_driver.c"]
    compile_c(system.compiler, isa, sources, program, {name: DECLARED[name] for name in names})
    sent = b"".join(request_bytes(*request) for request in wanted)
    received = output(system, program, sent, environment)
    found, position = {}, 0
    for request in wanted:
        found[request] = outputs(*request[:3], SIZE)
        for array in found[request]:
            array[:] = np.frombuffer(received, array.dtype, SIZE, position)
            position += array.nbytes
    assert position == len(received)
    return found


def chosen(loops: bool) -> list[str]:
    """Return functions whose kernels have every operation in each dtype, and one for each structure of the loops."""
    operations = {
        key: {(node.op, key[2]) for node in trace(DECLARED[key[0]], *key[1:]).nodes} for key in KEYS
    }
    kept = {key[0] for key in (*covering(operations), *(KERNEL_KINDS if loops else ()))}
    return [name for name in DECLARED if name in kept]


@pytest.mark.slow
@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["some", "all"]
)
@pytest.mark.parametrize(
    "system, isa",
    [
        ("arm", "neon"),
        ("windows", "avx2"),
        ("windows", "avx512"),
        ("windows", "baseline"),
        ("musl", "baseline"),
    ],
)
def test_same_bits(
    system: str, isa: str, every: bool, tmp_path: Path, environment: dict[str, str]
) -> None:
    """One test for all functions: the compilation takes much longer than all comparisons."""
    tools = need(system, isa)
    if reason := cython.why_unavailable():
        pytest.skip(reason)
    # Every structure of the loops on two systems only: without them the others take a third of the time.
    names = list(DECLARED) if every else chosen(loops=isa in ("neon", "avx2"))
    got = results(tools, isa, names, tmp_path, environment)
    for (name, pass_, dtype, as_arrays), found in got.items():
        kernel, x = cython.kernel(name, pass_, DTYPES[dtype]), inputs(name, pass_, dtype, SIZE)
        values = parameter_arrays(name, dtype) if as_arrays else params(name)
        try:
            assert_same_bits(found, run(kernel, name, pass_, x, *values))
        except AssertionError as error:
            error.add_note(f"{name} {pass_} {dtype} {as_arrays=}")
            raise


@pytest.mark.slow
@pytest.mark.parametrize("system", ["arm", "windows", "musl"])
def test_pool(system: str, tmp_path: Path, environment: dict[str, str]) -> None:
    tools, program = need(system, "baseline"), tmp_path / "pool.exe"
    compile_c(tools.compiler, "baseline", [DRIVERS / "pool_driver.c"], program)
    assert output(tools, program, b"", environment).split() == b"4 participants, 0 wrong".split()


def triples(dtype: type[np.floating]) -> np.ndarray:
    """Return arguments of fma: anything, and sums that nearly cancel, are ties, overflow or underflow."""
    random, count = np.random.default_rng(5), 1500
    kind = np.finfo(dtype)
    bits = np.dtype(f"u{kind.bits // 8}")
    a, b, c = random.integers(0, np.iinfo(bits).max, (3, count), bits, endpoint=True).view(dtype)
    few = random.integers(-(2**20), 2**20, (3, count)).astype(dtype)  # ties are common
    tiny = np.ldexp(few, kind.minexp // 2 - random.integers(0, 40, count)).astype(dtype)
    shift = np.ldexp(dtype(1), random.integers(-kind.nmant - 4, kind.nmant + 4, count)).astype(
        dtype
    )
    with np.errstate(all="ignore"):
        groups = [
            (a, b, c),
            (a, b, -a * b),
            (a, b, a * b * shift),
            (few[0], few[1], few[2] * shift),
            (few[0] * (1 + kind.eps), few[1] * (1 - kind.eps), -few[0] * few[1]),
            (tiny[0], tiny[1], (few[2] * kind.smallest_subnormal).astype(dtype)),
            (tiny[0], tiny[1], few[2] * 0),
            (few[0] / 2**20 * kind.max, few[1] / 2**18, few[2] / 2**20 * kind.max),
        ]
    special = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, kind.max, kind.tiny], dtype)
    grid = np.stack(np.meshgrid(special, special, special), axis=-1).reshape(-1, 3)
    return np.concatenate([*(np.stack(group, axis=1) for group in groups), grid]).astype(dtype)


def nearest(number: Fraction, kind: np.finfo) -> float:
    """Round a number that is not 0 to the nearest of a type, ties to even."""
    size = abs(number)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= size < Fraction(2) ** exponent
    last = Fraction(2) ** (max(exponent, int(kind.minexp)) - kind.nmant)
    rounded = round(size / last) * last
    rounded = float(rounded) if rounded <= Fraction(float(kind.max)) else float("inf")
    return rounded if number > 0 else -rounded


def exact_fma(a: float, b: float, c: float, kind: np.finfo) -> float:
    if not all(map(np.isfinite, (a, b, c))):
        # The product of two finite numbers does not overflow; its sign alone may matter.
        return c if np.isfinite(a) and np.isfinite(b) else a * b + c
    total = Fraction(a) * Fraction(b) + Fraction(c)
    if total != 0:
        return nearest(total, kind)
    return -0.0 if np.signbit(c) and np.signbit(a) != np.signbit(b) and a * b == 0 else 0.0


@pytest.mark.slow
@pytest.mark.parametrize("system", ["here", "windows", "musl"])
def test_fma(system: str, tmp_path: Path, environment: dict[str, str]) -> None:
    """fma and fmaf of csrc/lanes/fma.h, which Windows and musl take, against rational arithmetic."""
    tools, program = need(system, "baseline"), tmp_path / "fma.exe"
    own = (*tools.compiler, "-DFASTACT_OWN_FMA") if system == "here" else tools.compiler
    compile_c(own, "baseline", [DRIVERS / "fma_driver.c"], program)
    for dtype, arguments in ((np.float64, []), (np.float32, ["float32"])):
        given, kind = triples(dtype), np.finfo(dtype)
        got = np.frombuffer(output(tools, program, given.tobytes(), environment, *arguments), dtype)
        with np.errstate(all="ignore"):
            expected = [exact_fma(*three, kind) for three in given.tolist()]
        assert_same_bits([got], [np.array(expected, dtype)])
