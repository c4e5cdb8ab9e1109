"""The gradients by parameters: every function with parameters has them, and how far they are from the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS
from fastact import accuracy
from fastact.backends.registry import active
from fastact.definitions.activations import TABLE
from fastact.definitions.declaration import BY
from fastact.functions.elementwise import FUNCTIONS

WITH_PARAMETERS = [name for name, declaration in TABLE.items() if declaration.params]
FACTORS = (1.0, 1.37)


# Whose derivative by a parameter crosses zero again and again, with the size of x in between.
CROSSING = ("snake",)


def near_a_zero(x: np.ndarray, out: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return arguments that are not far out, and errors in ulp of x there, or of a smaller truth near 0."""
    near = np.abs(x) < 1e3
    x, out, true = x[near].astype("f8"), out[near], true[near].astype("f8")
    unit = np.finfo(out.dtype).eps * np.minimum(np.abs(x), x * x)
    unit = np.maximum(unit, float(np.finfo(out.dtype).smallest_subnormal))
    return x, np.abs(out - true) / unit


def values(name: str, factor: float) -> dict[str, float]:
    """Return the defaults, or 2.5 for a parameter without one, times `factor`."""
    given = {p.name: 2.5 if p.default is None else p.default for p in TABLE[name].params.values()}
    return {p: factor * value if np.isfinite(value) else value for p, value in given.items()}


def test_every_parameter_has_its_gradient() -> None:
    for name in WITH_PARAMETERS:
        assert {BY + parameter for parameter in TABLE[name].params} <= {*TABLE[name].passes}, name
    for name, function in FUNCTIONS.items():
        if name not in WITH_PARAMETERS:
            with pytest.raises(
                TypeError, match=f"{name} has no parameter_vjp: it has no parameters"
            ):
                _ = function.parameter_vjp


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_errors(name: str, backend: str) -> None:
    """The derivative by each parameter, element by element."""
    pytest.importorskip("mpmath")
    with fa.use_backend(backend):
        for parameter in TABLE[name].params:
            for dtype, factor in (("float32", 1.0), ("float32", 1.37), ("float64", 1.37)):
                x = accuracy.samples(dtype, 1 << 17 if dtype == "float32" else 300)
                out, params = np.empty_like(x), tuple(values(name, factor).values())
                kernel: Any = FUNCTIONS[name].parameter_vjp.tables[parameter][active()][x.dtype]
                kernel(np.ones_like(x), x, out, *params)
                true = accuracy.truth(name, BY + parameter, x, *params)
                error = accuracy.ulp_error(out, true)
                if name in CROSSING:
                    x, error = near_a_zero(x, out, true)
                worst = int(np.argmax(error))
                assert error[worst] <= TABLE[name].most(BY + parameter), (parameter, x[worst])


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_sums(name: str) -> None:
    """Of the shape that the parameter was given in, and what differences say."""
    rng = np.random.default_rng(3)
    g, x = rng.normal(size=(2, 40, 3, 50))
    function, given, step = FUNCTIONS[name], values(name, 1.2), 1e-6
    found = function.parameter_vjp(g, x, **given)
    assert list(found) == list(given)
    for parameter, value in given.items():
        if np.isfinite(value):
            around = [function(x, **{**given, parameter: value + h}) for h in (step, -step)]
            slope = (g * (around[0] - around[1]) / (2 * step)).sum()
            # Steps at a threshold are no derivative: where one lies in between, it is left out.
            jumps = np.abs(around[0] - around[1]) > 1e-3
            assert jumps.sum() < 3
            if not jumps.any():
                np.testing.assert_allclose(found[parameter], slope, rtol=1e-6, atol=1e-6)
        spread = np.full((3, 1), value)
        rows = function.parameter_vjp(g, x, **{**given, parameter: spread})[parameter]
        assert rows.shape == (3, 1)
        np.testing.assert_allclose(rows.sum(), found[parameter], rtol=1e-9, atol=1e-12)
    single = function.parameter_vjp(g.astype("f4"), x.astype("f4"), **given)
    for parameter, gradient in single.items():
        assert isinstance(gradient, np.float32)
        np.testing.assert_allclose(gradient, found[parameter], rtol=1e-3, atol=1e-2)


def test_operands() -> None:
    g, x = np.ones((4, 5)), np.linspace(-2, 2, 20).reshape(4, 5)
    assert np.isclose(fa.elu.parameter_vjp(g, x)["alpha"], np.expm1(x[x < 0]).sum())
    assert fa.elu.parameter_vjp(1.0, x, [1.0, 2.0, 3.0, 4.0, 5.0])["alpha"].shape == (5,)
    masked = np.ma.MaskedArray(x, mask=x < 0)
    assert fa.elu.parameter_vjp(g, masked)["alpha"] == 0.0
    halves = fa.elu.parameter_vjp(g.astype("f2"), x.astype("f2"))["alpha"]
    assert halves.dtype == np.float16
    empty = fa.silu.parameter_vjp(np.ones(0), np.ones(0))["beta"]
    assert empty == 0.0
    weight = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    assert np.array_equal(
        fa.prelu.parameter_vjp(g, x, weight)["weight"], fa.prelu.vjp(g, x, weight)[1]
    )
    with pytest.raises(ValueError, match=r"elu.parameter_vjp\(\): operands of shape"):
        fa.elu.parameter_vjp(g, np.ones(3))
    with pytest.raises(TypeError, match=r"elu.parameter_vjp\(\) has no parameter 'beta'"):
        fa.elu.parameter_vjp(g, x, beta=1.0)
    with pytest.raises(ValueError, match="outside the domain"):
        fa.softcap.parameter_vjp(g, x, 0.0)
    assert "by name" in fa.elu.parameter_vjp.__doc__.lower()
