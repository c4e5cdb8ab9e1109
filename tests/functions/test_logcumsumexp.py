"""logcumsumexp: values against 50 digits, the gradient against differences, and the same bits in every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS
from fastact.functions import cumulative_steps
from halves import CHARS, eps

mpmath = pytest.importorskip("mpmath")

RNG = np.random.default_rng(0)
ROWS = {
    "normal": RNG.normal(0, 3, 200),
    "wide": RNG.uniform(-80, 80, 200),
    "rising": np.linspace(-300, 300, 200),
    "falling": np.linspace(300, -300, 200),
    "rising slowly": -5 + np.arange(2000) * 1e-4,
    "sums to 0": np.full(200, -np.log(150)),
    "small": np.array([-0.25, -40, -50, -60]),
    "with -inf": np.r_[-np.inf, -np.inf, RNG.normal(size=9), -np.inf],
}


def truth(x: Any) -> list[Any]:
    context = mpmath.mp.clone()
    context.dps = 50
    total, results = context.mpf(0), []
    for one in x:
        total += context.exp(context.mpf(float(one)))
        results.append(context.log(total) if total else -context.inf)
    return results


@pytest.mark.parametrize("char", CHARS)
def test_values(char: str, backend: str) -> None:
    for name, row in ROWS.items():
        x = row.astype(char)
        result = fa.logcumsumexp(x)
        assert result.dtype == np.dtype(char)
        top = np.maximum.accumulate(np.where(np.isinf(x), 0, np.abs(x.astype(float))))
        for k, (got, expected) in enumerate(zip(result, truth(x), strict=True)):
            if expected == -np.inf:
                assert got == -np.inf
            else:
                unit = max(abs(float(expected)), top[k], np.log(k + 1))
                assert abs(float(got - expected)) <= 2 * eps(char) * unit, (name, k)
        np.testing.assert_array_equal(fa.logcumsumexp(x[::-1], reverse=True)[::-1], result)


def test_blocks_axes_and_masks(backend: str) -> None:
    long = RNG.normal(size=2 * cumulative_steps.BLOCK + 77)
    np.testing.assert_allclose(fa.logcumsumexp(long), np.logaddexp.accumulate(long), rtol=1e-12)
    x, mask = RNG.normal(0, 3, (30, 40, 25)), RNG.random((30, 40, 25)) < 0.7
    for axis in (0, 1, 2):
        for reverse in (False, True):
            flip = (slice(None, None, -1),) * 3 if reverse else (slice(None),) * 3
            counted = np.where(mask, x, -np.inf)[flip]
            expected = np.where(mask, np.logaddexp.accumulate(counted, axis)[flip], -np.inf)
            got = fa.logcumsumexp(x, axis, reverse=reverse, where=mask)
            np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-14)
    whole = np.logaddexp.accumulate(x.ravel())
    np.testing.assert_allclose(fa.logcumsumexp(x, None).ravel(), whole, rtol=1e-12)


def test_gradient(backend: str) -> None:
    x, g = RNG.normal(0, 2, (2, 3, 20))
    mask = RNG.random(x.shape) < 0.8
    for options in ({}, {"reverse": True, "temperature": 0.7, "where": mask}):
        kept = options.get("where", True)
        found = fa.logcumsumexp.vjp(g, x, **options)
        for place in np.ndindex(x.shape):
            h = np.zeros_like(x)
            h[place] = 1e-6
            with np.errstate(invalid="ignore"):
                rise = fa.logcumsumexp(x + h, **options) - fa.logcumsumexp(x - h, **options)
            slope = np.sum(g * rise, where=kept & np.isfinite(rise)) / 2e-6
            np.testing.assert_allclose(found[place], slope, atol=1e-7)


def test_special_rows(backend: str) -> None:
    inf, nan = np.inf, np.nan
    np.testing.assert_array_equal(fa.logcumsumexp([1, inf, 2, nan, 3.0]), [1, inf, inf, nan, nan])
    np.testing.assert_array_equal(fa.logcumsumexp([-inf, -inf]), [-inf, -inf])
    np.testing.assert_array_equal(fa.logcumsumexp([1.0, nan], where=[True, False]), [1, -inf])
    assert fa.logcumsumexp([]).size == 0
    assert np.isnan(fa.logcumsumexp.vjp([1.0, 1.0], [1.0, nan])).all()
    np.testing.assert_array_equal(fa.logcumsumexp.vjp([1.0, 1.0], [-inf, -inf]), [0, 0])
    np.testing.assert_array_equal(fa.logcumsumexp.vjp([1.0, 2.0], [-inf, 5.0]), [0, 2])
    largest = np.finfo(float).max
    np.testing.assert_array_equal(fa.logcumsumexp([-largest, largest]), [-largest, largest])


def test_same_bits() -> None:
    compiled = [name for name in BACKENDS if name != "numpy"]
    results = []
    for name in compiled:
        with fa.use_backend(name):
            x = np.sort(ROWS["wide"])
            forward = [fa.logcumsumexp(row) for row in (x, x[::-1], ROWS["normal"])]
            results.append([*forward, fa.logcumsumexp.vjp(x, ROWS["wide"])])
    for one in results[1:]:
        for a, b in zip(one, results[0], strict=True):
            np.testing.assert_array_equal(a, b)
