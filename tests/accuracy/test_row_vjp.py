"""Vector-Jacobian products of rows: against 60 digits and against fourth-order differences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from conftest import WORST
from fastact.definitions.rows import ROWS
from fastact.functions.rows import ROW_FUNCTIONS
from fastact.reference import rows as reference_rows
from fastact.reference.rows import exact
from representatives import looped
from row_cases import ROW_BACKENDS, run_kernel

pytest.importorskip("mpmath")

Array = npt.NDArray[Any]
NAMES = [name for name, row in ROWS.items() if "vjp" in row.passes and name[0] != "_"]
# What is added up on the way to each product, in absolute value: rounding is relative to that. Where nothing sharper
# is known, it is relative to the largest gradient of the row.
SHARPER: dict[str, Callable[[Array, Array], Array]] = {
    "softmax": lambda g, y: y * (g + (g * y).sum()),
    "softmin": lambda g, y: y * (g + (g * y).sum()),
    "log_softmax": lambda g, y: g + np.exp(y) * g.sum(),
    "sparsemax": lambda g, y: g + g[y > 0].mean(),
    "entmax15": lambda g, y: np.sqrt(y) * (g + (g * np.sqrt(y)).sum() / np.sqrt(y).sum()),
}


def largest(g: Array, y: Array) -> Array:
    return np.full(g.shape, g.max())


@pytest.fixture(params=ROW_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("char", "fd")
@pytest.mark.parametrize("name", NAMES)
def test_against_60_digits(name: str, char: str) -> None:
    rng = np.random.default_rng(0)
    declared = ROWS[name].passes["vjp"]
    for n in (1, 2, 3, 8, 17, 70):
        for spread, temperature, share in ((1, 1.0, 1.0), (5, 0.37, 1.0), (3, 3.0, 0.6)):
            mask = rng.random(n) < share
            mask[rng.integers(n)] = True
            x, g = rng.normal(0, spread, n), rng.normal(0, 2, n).astype(char)
            (y,) = reference_rows.evaluate(
                name, "forward", x[None], mask=mask[None], temperature=temperature
            )
            if declared.row_inputs:
                inputs, rows = [x.astype(char)], [g[:1]]
            else:
                inputs, rows = [g, y[0].astype(char)], []
            for data in inputs:
                data[~mask] = np.nan
            (truth,) = exact(name, "vjp", *inputs, *map(float, rows[0][:1] if rows else ()),
                             mask=mask, temperature=temperature)  # fmt: skip
            size = np.abs(truth[mask].astype(float))
            if not rows:
                wide = [np.abs(inputs[0][mask].astype(float)), inputs[1][mask].astype(float)]
                size += SHARPER.get(name, largest)(*wide) / temperature
            errors: dict[bytes, float] = {}  # most backends give the same bits
            for backend, first_axis in product(ROW_BACKENDS, (False, True)):
                (result,) = run_kernel(
                    backend, name, "vjp", [data[None] for data in inputs], rows,
                    None if mask.all() else mask[None], temperature, first_axis,
                )  # fmt: skip
                assert (result[0][~mask] == 0).all()
                found = result[0][mask]
                if (key := found.tobytes()) not in errors:
                    pairs = zip(truth[mask], found, strict=True)
                    distance = np.array([float(abs(t - float(r))) for t, r in pairs])
                    errors[key] = float(
                        np.max(distance / np.maximum(size, 1e-30) / np.finfo(char).eps)
                    )
                error = errors[key]
                label = f"vjp of rows {backend} {name} {np.dtype(char)}"
                where = f"{n} elements, {temperature=}, {first_axis=}"
                if error >= float(WORST.get(label, "-1").split()[0]):
                    WORST[label] = f"{error:.2f} eps of the terms, {where}"
                assert error <= ROWS[name].most("vjp"), (backend, where)


@looped("char", "fd")
@looped("name", NAMES)
def test_extreme_temperatures(name: str, char: str, backend: str) -> None:
    """The same as for a temperature of 1, if x and the gradient are as large."""
    info = np.finfo(char)
    declared = ROWS[name].passes["vjp"]
    x, g = np.random.default_rng(3).normal(0, 0.1, (2, 1, 17)).astype(char)
    (y,) = reference_rows.evaluate(name, "forward", x)
    for power in (int(info.maxexp) - 1, int(info.minexp) - 3):
        temperature = 2.0**power
        scaled = [array * info.dtype.type(temperature) for array in (x, g)]
        results = []
        for t, (data, gradient) in ((1.0, (x, g)), (temperature, scaled)):
            if declared.row_inputs:
                inputs, rows = [data], [gradient[:, 0]]
            else:
                inputs, rows = [gradient, y.astype(char)], []
            results.append(run_kernel(backend, name, "vjp", inputs, rows, temperature=t)[0])
        # What is subnormal has lost digits before.
        unit = np.spacing(np.abs(scaled[1]).max()) / temperature
        np.testing.assert_allclose(*results, rtol=4 * info.eps, atol=4 * unit)


@looped("axis", [0, 1, -1, (0, 2), None])
@pytest.mark.parametrize("name", NAMES)
def test_fourth_order_differences(name: str, axis: Any, backend: str) -> None:
    rng = np.random.default_rng(5)
    function = ROW_FUNCTIONS[name]
    x = rng.normal(0, 2, (3, 4, 5))
    direction = rng.normal(size=x.shape)
    for temperature in (1.0, 2.5):
        for mask in (True, rng.random((4, 5)) < 0.7):
            call = partial(function, axis=axis, temperature=temperature, where=mask)
            with fa.use_backend(backend), np.errstate(invalid="ignore"):
                y = call(x)
                slope = _slope(call, x, direction)
                g = np.where(np.isfinite(slope), rng.normal(size=np.shape(y)), 0.0)
                given = x if function.reduces else y
                product = function.vjp(g, given, axis, temperature=temperature, where=mask)
            expected = np.sum(np.where(np.isfinite(slope), g * slope, 0.0))
            found = np.sum(product * direction)
            assert found == pytest.approx(expected, rel=1e-8, abs=1e-8), (temperature, mask)
            assert (product[~np.broadcast_to(mask, x.shape)] == 0).all()


def _slope(call: Callable[[Array], Any], x: Array, direction: Array) -> Any:
    """Return the derivative along a direction, from steps that no element's support changes in."""
    zero = np.equal(call(x), 0)
    for step in (1e-3, 1e-4, 1e-5):
        a, b, c, d = (call(x + place * step * direction) for place in (-2, -1, 1, 2))
        if all((np.equal(y, 0) == zero).all() for y in (a, b, c, d)):
            return (8 * (c - b) - (d - a)) / (12 * step)
    raise AssertionError("the support changes everywhere")


def test_gumbel_softmax_vjp_is_that_of_softmax_at_its_output() -> None:
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(2, 3, 7))
    with fa.use_backend("numpy"):
        y = fa.gumbel_softmax(x, tau=0.5, rng=3)
        expected = fa.softmax.vjp(g, y, temperature=0.5)
        np.testing.assert_array_equal(fa.gumbel_softmax.vjp(g, y, tau=0.5), expected)
        hard = fa.gumbel_softmax(x, tau=0.5, rng=3, hard=True)
    np.testing.assert_array_equal(hard.argmax(-1), y.argmax(-1))
    np.testing.assert_array_equal(np.sort(hard, -1)[:, :-1], 0)


def test_a_gradient_of_a_reduction_may_keep_the_reduced_axes(backend: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    with fa.use_backend(backend):
        for axis in (0, 1, 2, (0, 2), None):
            g = fa.logsumexp(x, axis)
            kept = fa.logsumexp(x, axis, keepdims=True)
            expected = kept * fa.softmax(x, axis)
            for given in (g, kept):
                np.testing.assert_allclose(fa.logsumexp.vjp(given, x, axis), expected, rtol=1e-14)
            np.testing.assert_allclose(
                fa.logsumexp.vjp(2.0, x, axis), 2 * fa.softmax(x, axis), rtol=1e-14
            )
