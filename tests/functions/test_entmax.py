"""entmax for any alpha: values against 60 digits, gradients against differences, an alpha for each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.reference.rows import exact
from halves import CHARS, eps

pytest.importorskip("mpmath")

RNG = np.random.default_rng(0)
# All of them less 1 are numbers of 16 bits.
ALPHAS = (1 + 2**-13, 1.0625, 1.125, 1.25, 1.75, 2.5)


@pytest.mark.parametrize("char", CHARS)
def test_values(char: str, backend: str) -> None:
    for alpha in ALPHAS:
        for n, spread in ((1, 1.0), (17, 0.0), (30, 1.0)):
            x = RNG.normal(0, spread, n).astype(char)
            result = fa.entmax(x, alpha=alpha)
            assert result.dtype == np.dtype(char)
            (truth,) = exact("_entmax", "forward", x.astype(float), alpha - 1)
            # Beyond alpha = 2 the smallest elements of the support are steep functions of x.
            most = (8 if alpha <= 2 else 100) * float(max(truth)) * eps(char)
            assert max(abs(float(a) - float(b)) for a, b in zip(result, truth, strict=True)) <= most


def test_named_alphas_and_rows(backend: str) -> None:
    x, mask = RNG.normal(0, 2, (3, 4, 50)), RNG.random((3, 4, 50)) < 0.6
    np.testing.assert_array_equal(fa.entmax(x), fa.entmax15(x))
    np.testing.assert_array_equal(fa.entmax(x, alpha=np.full(4, 2.0)), fa.sparsemax(x))
    y = fa.entmax(x, alpha=2)
    np.testing.assert_array_equal(fa.entmax.vjp(x, y, alpha=2.0), fa.sparsemax.vjp(x, y))
    np.testing.assert_allclose(fa.entmax(x, alpha=1 + 1e-9), fa.softmax(x), rtol=1e-6)
    alpha = RNG.uniform(1.05, 3, (3, 1))
    options = {"temperature": 0.7, "where": mask}
    y = fa.entmax(x, alpha=alpha, **options)
    np.testing.assert_allclose(y.sum(-1), 1, atol=1e-14)
    for place in np.ndindex(3, 4):
        one = fa.entmax(x[place], alpha=alpha[place[0], 0], temperature=0.7, where=mask[place])
        np.testing.assert_allclose(y[place], one, atol=1e-15)
    first = fa.entmax(np.moveaxis(x, 2, 0).copy(), 0, alpha=alpha, temperature=0.7,
                      where=np.moveaxis(mask, 2, 0))  # fmt: skip
    np.testing.assert_allclose(np.moveaxis(first, 0, 2), y, atol=1e-14)


def test_gradients(backend: str) -> None:
    x, g = RNG.normal(0, 1, (2, 3, 12))
    mask = RNG.random(x.shape) < 0.8
    for alpha in (1.3, 1.5, 2.0, np.array([1.1, 1.6, 2.3]), np.full((3, 1), 1.25)):
        for options in ({}, {"temperature": 0.6, "where": mask}):

            def loss(x: Any, alpha: Any, options: Any = options) -> Any:
                return np.sum(g * fa.entmax(x, alpha=alpha, **options))

            y = fa.entmax(x, alpha=alpha, **options)
            dx, dalpha = fa.entmax.vjp(g, y, alpha=alpha, by_alpha=True, **options)
            np.testing.assert_array_equal(dx, fa.entmax.vjp(g, y, alpha=alpha, **options))
            assert np.shape(dalpha) == np.shape(alpha)
            for place in np.ndindex(x.shape):
                h = np.zeros_like(x)
                h[place] = 1e-6
                slope = (loss(x + h, alpha) - loss(x - h, alpha)) / 2e-6
                np.testing.assert_allclose(dx[place], slope, atol=1e-5)
            for place in np.ndindex(np.shape(alpha)):
                h = np.zeros(np.shape(alpha))
                h[place] = 1e-6
                slope = (loss(x, alpha + h) - loss(x, alpha - h)) / 2e-6
                np.testing.assert_allclose(np.asarray(dalpha)[place], slope, atol=1e-5)


def test_special_rows(backend: str) -> None:
    inf = np.inf
    for alpha in (1.0625, 1.3, 3.0):
        for row in ([-inf, -inf], [inf, 0.0], [np.nan, 0.0]):
            assert np.isnan(fa.entmax(row, alpha=alpha)).all()
        np.testing.assert_array_equal(fa.entmax([-inf, 1.0], alpha=alpha), [0, 1])
        np.testing.assert_array_equal(fa.entmax([1e308, -1e308], alpha=alpha), [1, 0])
        np.testing.assert_array_equal(fa.entmax([1.0, 2.0], alpha=alpha, where=False), [0, 0])
        np.testing.assert_array_equal(fa.entmax.vjp([5.0, 2.0], [0.0, 1.0], alpha=alpha), [0, 0])
        assert fa.entmax(np.empty((3, 0)), alpha=alpha).shape == (3, 0)
        dx, dalpha = fa.entmax.vjp([], [], alpha=alpha, by_alpha=True)
        assert dx.size == dalpha == 0
    np.testing.assert_allclose(fa.entmax(np.zeros(300), alpha=30.0), 1 / 300, rtol=1e-10)


def test_errors() -> None:
    for wrong, kind in ((1.0, ValueError), (np.inf, ValueError), (np.nan, ValueError),
                        ([1.5, 0.5], ValueError), ("a", TypeError), ([1.2, 1.3, 1.4], ValueError)):  # fmt: skip
        with pytest.raises(kind, match="alpha"):
            fa.entmax(np.ones((2, 4)), alpha=wrong)
