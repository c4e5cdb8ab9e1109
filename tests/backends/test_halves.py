"""float16 and bfloat16: every result is the float32 result of the same backend, rounded once."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS, loaded
from fastact.backends.protocol import Backend, computed_dtypes
from fastact.definitions.rows import ROWS
from fastact.functions.elementwise import FUNCTIONS, Elementwise
from halves import HALVES, every, rounded
from native_cases import DECLARED, assert_same_bits, params
from representatives import KINDS, ROW_KINDS, looped

Array = np.ndarray[Any, np.dtype[Any]]
SINGLE = np.dtype(np.float32)
# Numba's kernels load and store all functions' elements alike, and so do further instruction sets.
FEW = ("relu", "leaky_relu", "silu", "glu")
SHAPES = [
    (3, 5, 1), (40, 7, 1), (70, 31, 1), (50, 100, 1), (3, 5000, 1), (2, 70_001, 1), (1, 140_000, 1),
    (2, 30, 3), (1, 5000, 2), (1, 4000, 4), (1, 1, 300), (2, 17, 256), (1, 3000, 40), (1, 9000, 300),
]  # fmt: skip


@pytest.fixture(params=HALVES.values(), ids=str)
def half(request: pytest.FixtureRequest) -> np.dtype[Any]:
    return request.param


@pytest.fixture(autouse=True)
def has_kernels(request: pytest.FixtureRequest) -> None:
    if "subject" in request.fixturenames:
        subject = request.getfixturevalue("subject")
        if "float16" not in computed_dtypes(subject):
            pytest.skip("its arrays of 16 bits are converted")


def mixed(dtype: np.dtype[Any], count: int) -> list[Array]:
    """Return every number, and as often again in other orders."""
    rng, numbers = np.random.default_rng(1), every(dtype)
    return [rng.permutation(numbers) for _ in range(count - 1)] + [numbers]


def check(kernel: Any, single: Any, given: list[Array], n_out: int, values: list[Any]) -> None:
    """Compare with the kernel of float32."""
    out = [np.full_like(given[0], 7) for _ in range(n_out)]
    kernel(*given, *out, *values)
    wide = [np.empty(given[0].shape, SINGLE) for _ in out]
    arrays = [v.astype(SINGLE) if isinstance(v, np.ndarray) else v for v in values]
    single(*(one.astype(SINGLE) for one in given), *wide, *arrays)
    assert_same_bits(out, [rounded(one, given[0].dtype) for one in wide])


@looped("name", DECLARED)
def test_every_number(name: str, half: np.dtype[Any], subject: Backend) -> None:
    if subject.name != "cython" and name not in FEW:
        return
    for pass_, (n_in, n_out) in DECLARED[name].signatures.items():
        kernels = [subject.kernel(name, pass_, dtype) for dtype in (half, SINGLE)]
        defaults = DECLARED[name].defaults
        with np.errstate(all="raise"):
            for values in ([*defaults], params(name)) if name in FEW else (params(name),):
                check(*kernels, mixed(half, len(n_in)), len(n_out), list(values))


@pytest.mark.parametrize("name", FEW)
def test_every_length_and_offset(name: str, half: np.dtype[Any], subject: Backend) -> None:
    kernel = subject.kernel(name, "forward", half)
    count = len(DECLARED[name].signatures["forward"][0])
    given = [
        one.view(half) for one in np.random.default_rng(2).integers(0, 31_000, (count, 700), "u2")
    ]
    whole, out = np.empty(700, half), np.full(700, 7, half)
    kernel(*given, whole, *params(name))
    for size, offset in [*product(range(71), range(16)), (512, 3), (600, 5)]:
        part = slice(offset, offset + size)
        kernel(*(one[part] for one in given), out[part], *params(name))
        wanted = np.full_like(out, 7)
        wanted[part] = whole[part]
        assert out.tobytes() == wanted.tobytes()
        out[part] = 7


@pytest.mark.parametrize("name", FEW)
def test_large_arrays_and_sums(name: str, half: np.dtype[Any], subject: Backend) -> None:
    """On several threads, with non-temporal stores; the sum is of what is computed, not of what is rounded."""
    kernels = [subject.kernel(name, "forward", dtype) for dtype in (half, SINGLE)]
    size = (1 << 23) + 200_003
    count = len(DECLARED[name].signatures["forward"][0])
    given = [np.resize(one[np.abs(one.astype(SINGLE)) < 100], size) for one in mixed(half, count)]
    check(*kernels, given, 1, params(name))
    kernel: Any = kernels[0]
    if hasattr(kernel, "summed"):
        given = [one[:300_007] for one in given]
        wide = [one.astype(SINGLE) for one in given]
        assert kernel.summed(*given, *params(name)) == kernels[1].summed(*wide, *params(name))


def test_parameters_may_be_arrays(half: np.dtype[Any], subject: Backend) -> None:
    for name, size in product(("leaky_relu", "hard_tanh"), (5, 131)):
        kernels = [subject.kernel(name, "vjp", dtype) for dtype in (half, SINGLE)]
        given = [one.astype(half) for one in np.random.default_rng(3).normal(size=(2, size))]
        ramps = [np.linspace(k, k + 1, size).astype(half) for k, _ in enumerate(params(name))]
        check(*kernels, given, 1, [*ramps])
        check(*kernels, given, 1, [0.1, *ramps[1:]])


@pytest.mark.slow
@looped("key", [(n, p) for n, row in ROWS.items() for p in row.passes])
def test_rows(key: tuple[str, str], half: np.dtype[Any], subject: Backend) -> None:
    """What belongs to a row is float32."""
    declared, rng = ROWS[key[0]].passes[key[1]], np.random.default_rng(4)
    if subject.name != "cython" and key[0] not in ("softmax", "logsumexp"):
        return
    kernels = [subject.row_kernel(*key, dtype) for dtype in (half, SINGLE)]
    for shape, masked in product(SHAPES if key in ROW_KINDS else SHAPES[::5], (0, 1, 2)):
        if masked and np.prod(shape) > 100_000:
            continue
        mask = rng.random((shape[0] if masked == 1 else 1, *shape[1:])) < 0.7 if masked else None
        given = [(rng.normal(size=shape) * 3).astype(half) for _ in declared.inputs]
        short = shape[0], shape[2]
        rows = [rng.uniform(3, 9, short).astype(SINGLE) for _ in declared.row_inputs]
        results = []
        for kernel, dtype in zip(kernels, (half, SINGLE), strict=True):
            out = [np.full(shape, 7, dtype) for _ in declared.outputs]
            row_out = [np.full(short, 7, SINGLE) for _ in declared.row_outputs]
            kernel(*(one.astype(dtype) for one in given), *rows, *out, *row_out, mask, 1.5)
            results.append([rounded(one, half) for one in out] + row_out)
        assert_same_bits(*results)


@pytest.mark.parametrize("name", [n for n in BACKENDS if hasattr(loaded(n), "convert")])
def test_conversions(name: str, half: np.dtype[Any]) -> None:
    backend: Any = loaded(name)
    numbers, wide = every(half), np.empty(1 << 16, SINGLE)
    assert backend.convert(numbers, wide)
    assert_same_bits([wide], [numbers.astype(SINGLE)])
    back = np.empty(1 << 16, half)
    assert backend.convert(wide, back)
    assert_same_bits([back], [numbers])
    # Around every number and every middle between two of them.
    bits = numbers.astype(SINGLE).view(np.uint32)[:, None]
    step = 1 << 12 if half == np.float16 else 1 << 15
    near = (bits + np.array([0, 1, 2**32 - 1, step - 1, step, step + 1], np.uint32)).view(SINGLE)
    near = near[np.isfinite(near)]
    found = np.empty(near.size, half)
    assert backend.convert(near, found)
    assert_same_bits([found], [rounded(near, half)])
    assert not backend.convert(wide, np.empty(1 << 16, SINGLE))
    assert not backend.convert(wide[::2], back[: 1 << 15])


@pytest.mark.slow
@looped("name", FUNCTIONS)
def test_functions(name: str, half: np.dtype[Any], backend: str) -> None:
    """Through the calling path, for backends without kernels for these dtypes, too."""
    if backend == "numba" and name not in KINDS:
        return
    function: Elementwise = FUNCTIONS[name]
    x = np.concatenate([every(half)[:: 1 if backend == "numpy" else 97], every(half)[:5]])
    missing = [p for p in function.parameters if p not in function.parameter_list.defaults]
    values = dict.fromkeys(missing, 1.5)
    with np.errstate(all="raise"):
        for pass_ in ("forward", "derivative"):
            call = function.passes[pass_]
            got, wide = call(x, **values), call(x.astype(SINGLE), **values)
            assert got.dtype == half
            assert_same_bits([got], [rounded(wide, half)])
            strided = np.repeat(x, 2)[::2]
            assert_same_bits([call(strided, **values)], [got])


def test_inputs_are_what_their_bits_say(half: np.dtype[Any], backend: str) -> None:
    x = np.array([-0.0, 0.0, np.inf, -np.inf, np.nan], half)
    tiny = np.array([1, 2, 0x8001], np.uint16).view(half)
    with np.errstate(all="raise"):
        assert_same_bits([fa.identity(x)], [x])
        assert_same_bits([fa.relu(tiny)], [np.array([1, 2, 0], np.uint16).view(half)])
        assert fa.relu(tiny, out=tiny) is tiny
        assert_same_bits([fa.elu(x, out=x)], [np.array([-0.0, 0.0, np.inf, -1.0, np.nan], half)])
        huge = np.array([np.finfo(np.float16).max if half == "e" else 3.3e38], half)
        assert np.isinf(fa.leaky_relu(-huge, 2.0)[0])
