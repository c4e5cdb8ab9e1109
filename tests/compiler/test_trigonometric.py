"""Sine and cosine of the dialect, in compiled loops."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastact import accuracy
from fastact.compiler import emit_numba
from fastact.compiler.kernels import kernels
from fastact.definitions import trigonometric
from fastact.definitions.declare import Table

numba = pytest.importorskip("numba")
mpmath = pytest.importorskip("mpmath")

# The two float32 numbers for which |x - n·π/2| is least: 1.6e-9 and 2.0e-9.
NEAR_F32 = (16367173 * 2.0**72, 10741887 * 2.0**11)
# And a double: Muller et al., Handbook of Floating-Point Arithmetic, 2018, section 10.1.
NEAR_F64 = 6381956970095103 * 2.0**797


@pytest.fixture(scope="module", params=["sin", "cos"])
def compiled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Callable[..., Any]]]:
    """Return a name, and dtype -> a loop that was emitted for that function."""
    name: str = request.param
    table = Table()
    table.declare(source="")(getattr(trigonometric, name))
    path: Path = tmp_path_factory.mktemp("emitted") / f"{name}.py"
    path.write_text(emit_numba.module(kernels(table)), encoding="utf-8")
    # Relative imports are those of the emitted package.
    spec = importlib.util.spec_from_file_location(f"fastact.backends.numba._kernels.{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    options = numba.njit(error_model="numpy", nogil=True, boundscheck=False)
    return name, {d: options(getattr(module, f"forward_{d}_scalar")) for d in ("f32", "f64")}


def values(loop: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    loop(x, out)
    return out


def test_float32(compiled: tuple[str, dict[str, Callable[..., Any]]]) -> None:
    """Every 1,021st number and the hardest against float64, whose argument is the same."""
    name, loops = compiled
    x = np.concatenate([*accuracy.blocks("float32", 1021), np.array(NEAR_F32, "float32")])
    with np.errstate(invalid="ignore"):
        truth = getattr(np, name)(x.astype(np.float64))
    error = accuracy.ulp_error(values(loops["f32"], x), truth)
    worst = int(np.argmax(error))
    print(name, error[worst], x[worst])
    assert error[worst] <= 2.0, x[worst]


def test_float64(compiled: tuple[str, dict[str, Callable[..., Any]]]) -> None:
    """By bit patterns: 2 ulp below 2^29, and above 2^-57 more; the doubles next to multiples of π/2, too."""
    name, loops = compiled
    context = mpmath.MPContext()
    context.prec = 1400
    rng = np.random.default_rng(5)
    near = [float(n * context.pi / 2) for n in (*range(1, 60), *rng.integers(1, 2**28, 60))]
    x = np.array([*np.exp(rng.uniform(-40, 709, 2000)), *near, NEAR_F64, np.finfo(float).max])
    for one, got in zip(x.tolist(), values(loops["f64"], x).tolist(), strict=True):
        truth = getattr(context, name)(context.mpf(one))
        most = 2 * math.ulp(float(truth)) + (2.0**-57 if one > 2.0**29 else 0.0)
        assert abs(got - truth) <= most, one


def test_special_values(compiled: tuple[str, dict[str, Callable[..., Any]]]) -> None:
    name, loops = compiled
    for dtype, loop in zip((np.float32, np.float64), loops.values(), strict=True):
        tiny = np.finfo(dtype).smallest_subnormal
        x = np.array([0.0, -0.0, tiny, -tiny, np.inf, -np.inf, np.nan], dtype)
        expected = [*(x[:4] if name == "sin" else [1.0] * 4), np.nan, np.nan, np.nan]
        found = values(loop, x)
        np.testing.assert_array_equal(found, np.array(expected, dtype))
        assert np.signbit(found[:4]).tolist() == np.signbit(expected[:4]).tolist()
