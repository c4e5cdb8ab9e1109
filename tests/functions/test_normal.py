"""The normal family: SciPy's functions under SciPy's names."""

from __future__ import annotations

import numpy as np
import pytest

import fastact as fa

X = np.concatenate([np.linspace(-6, 6, 601), [-30, -20, 20, 26, np.inf, -np.inf, np.nan, -0.0]])
P = np.concatenate([np.linspace(0, 1, 501), [5e-324, 1e-300, 1e-20, -0.1, 1.1, np.nan, -0.0]])
ARGUMENTS = {
    "erf": X, "erfc": X, "erfcx": X, "ndtr": X, "log_ndtr": X, "erfinv": 2 * P - 1, "ndtri": P,
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_as_scipy(name: str, dtype: str, backend: str) -> None:
    theirs = getattr(pytest.importorskip("scipy.special"), name)
    x = ARGUMENTS[name].astype(dtype)
    with np.errstate(over="ignore"):  # erfcx
        expected = theirs(x.astype(np.float64)).astype(dtype)
    # SciPy's own errors grow with x² in the tails.
    tolerance = {"float32": 2.5e-7, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(fa.get(name)(x), expected, tolerance, np.finfo(dtype).tiny)


def test_tails_to_the_last_subnormal(backend: str) -> None:
    for dtype in (np.float32, np.float64):
        least = np.finfo(dtype).smallest_subnormal
        p = least * np.array([1, 2, 1000], dtype)
        x = fa.ndtri(p)
        # An ulp of x is x² ulp of Φ(x).
        np.testing.assert_allclose(fa.ndtr(x), p, 1e-3, float(least))
        np.testing.assert_allclose(fa.erfc(-x / dtype(2**0.5)) / 2, p, 1e-3, float(least))
        np.testing.assert_allclose(fa.log_ndtr(x), np.log(p.astype(np.float64)), 1e-6)


def test_relations(backend: str) -> None:
    x = np.linspace(-5, 5, 201)
    np.testing.assert_allclose(fa.ndtr(x), fa.erfc(-x / np.sqrt(2)) / 2, 1e-13)
    np.testing.assert_allclose(np.exp(fa.log_ndtr(x)), fa.ndtr(x), 1e-13)
    np.testing.assert_allclose(fa.erfcx(x), np.exp(x * x) * fa.erfc(x), 1e-13)
    np.testing.assert_allclose(fa.ndtri(fa.ndtr(x[x < 1])), x[x < 1], 1e-13, 1e-15)
    np.testing.assert_allclose(fa.erf(fa.erfinv(x / 6)), x / 6, 1e-13)
    assert fa.normal_cdf is fa.ndtr
