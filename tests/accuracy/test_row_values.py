"""Values of the row functions: against 60 digits, on hard, degenerate, masked and long rows."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from conftest import WORST
from fastact import accuracy
from fastact.definitions.rows import ROWS
from fastact.reference import rows as reference_rows
from fastact.reference.rows import exact
from representatives import looped
from row_cases import PASSES, ROW_BACKENDS, hard_rows, run_kernel

pytest.importorskip("mpmath")

Array = npt.NDArray[Any]
FORWARD = [name for name, pass_ in PASSES if pass_ == "forward"]
PUBLIC = [name for name in FORWARD if not name.startswith("_")]
# What a share of a row is off may depend on the threshold, which all shares have in common.
SPARSE = {name for name in FORWARD if "sparse" in name or "entmax" in name}


@pytest.fixture(params=ROW_BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def measured(result: Array, truth: Array, unit: float) -> Array:
    """Return errors in ulp of the truth, or of `unit` where that is more."""
    error = accuracy.ulp_error(result, truth)
    if not unit:
        return error
    with np.errstate(all="ignore"):
        distance = np.array([abs(float(t - float(r))) for r, t in zip(result, truth, strict=True)])
        return np.fmin(error, distance / float(np.spacing(result.dtype.type(unit))))


def record(label: str, error: Array, where: str) -> float:
    worst = float(np.max(error, initial=0.0))
    if worst >= float(WORST.get(label, "-1").split()[0]):
        WORST[label] = f"{worst:.2f} ulp, {where}"
    return worst


def extra_rows(name: str, x: Array, mask: Array | None, temperature: float) -> list[Array]:
    """Return what else a kernel wants to know of a row: its true statistic, or a scale."""
    wanted = ROWS[name].passes["forward"].row_inputs
    if not wanted:
        return []
    if wanted in (("scale",), ("excess",)):
        return [np.array([0.75], x.dtype)]
    maximum, others = exact("_exp_sum", "forward", x, mask=mask, temperature=temperature)
    return [np.array([float(maximum)], x.dtype), np.array([float(others)], x.dtype)]


def check(name: str, x: Array, mask: Array | None, temperature: float, where: str) -> None:
    """Compare every backend along both axes with one computation of the truth."""
    rows = extra_rows(name, x, mask, temperature)
    numbers = [float(row[0]) for row in rows]
    truths = exact(name, "forward", x, *numbers, mask=mask, temperature=temperature)
    declared = ROWS[name].passes["forward"]
    counts = np.ones(x.shape, bool) if mask is None else mask
    errors: dict[tuple[int, bytes], Array] = {}  # most backends give the same bits
    for backend, first_axis in product(ROW_BACKENDS, (False, True)):
        results = run_kernel(
            backend, name, "forward", [x[None]], rows, None if mask is None else mask[None],
            temperature, first_axis,
        )  # fmt: skip
        for k, (result, truth) in enumerate(zip(results, truths, strict=True)):
            if k < len(declared.outputs):
                assert (result[0][~counts] == declared.excluded).all()
                result, truth = result[0][counts], truth[counts]
                unit = float(max(truth)) if name in SPARSE else 0.0
            else:
                # The maximum and the logarithm of the sum may cancel.
                truth = np.array([truth])
                top, count = abs(float(x[counts].max())), np.count_nonzero(counts)
                unit = max(top / temperature, np.log(count)) if "log" in name else 0.0
            key = k, result.tobytes()
            if key not in errors:
                errors[key] = measured(result, truth, unit)
            worst = record(f"rows {backend} {name} {x.dtype}", errors[key], where)
            assert worst <= ROWS[name].most("forward"), (backend, where, f"{first_axis=}")


each_char = pytest.mark.parametrize("char", "fd")


@each_char
@pytest.mark.parametrize("name", FORWARD)
def test_hard_rows(name: str, char: str) -> None:
    for case, x in hard_rows(char).items():
        if not np.isfinite(x).any():
            continue
        for temperature in (1.0, 0.37):
            where = f"{case}, temperature {temperature}"
            if case.startswith("largest") and "log" in name and temperature != 1.0:
                continue  # x or the difference overflows when it is divided, or before it is
            check(name, x, None, temperature, where)


@each_char
@pytest.mark.parametrize("name", FORWARD)
def test_extreme_temperatures(name: str, char: str) -> None:
    """Of rows as large: neither a difference that overflows nor a subnormal reciprocal costs a digit."""
    info, rows = np.finfo(char), hard_rows(char)
    largest, tiny = float(info.max), float(info.tiny)
    cases = {case: rows[case] for case in ("largest 2", "largest 17", "with -inf 3", "normal 8")}
    cases["between"] = (0.7 * largest * np.array([1, -1, 0.3, -0.6, 0.9, -np.inf])).astype(char)
    # A block of -inf alone comes before the maximum.
    cases["late maximum"] = np.append(np.full(300, -np.inf), largest).astype(char)
    for temperature in (1.5, 3.0, 1e20, largest / 300, largest / 4, largest / 1.01, tiny / 8):
        for case, x in cases.items():
            with np.errstate(over="ignore"):
                overflows = "log" in name and np.isinf(np.abs(x).max() / x.dtype.type(temperature))
            if overflows and np.isfinite(x).all():
                continue  # the result is infinite, too
            where = f"{case}, temperature {temperature}"
            check(name, x, None, temperature, where)


@each_char
@pytest.mark.parametrize("name", FORWARD)
def test_masked_rows(name: str, char: str) -> None:
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 17, 70):
        for share in (0.1, 0.5, 0.9):
            mask = rng.random(n) < share
            mask[rng.integers(n)] = True
            x = rng.normal(0, 5, n).astype(char)
            x[~mask] = rng.choice([np.nan, np.inf, -np.inf, 1e30, 0.0], n)[~mask]
            where = f"{n} elements, {mask.sum()} count"
            check(name, x, mask, 1.0, where)


@pytest.mark.parametrize("name", [n for n in PUBLIC if n not in SPARSE and ROWS[n].passes["forward"].outputs
                                  and ROWS[n].passes["forward"].excluded == 0])  # fmt: skip
def test_many_rows_are_shares_of_one(name: str, backend: str) -> None:
    """In float32, of which the definition in float64 is the truth."""
    for trial, shape in enumerate([(400, 5), (400, 40), (50, 301), (195, 64), (3, 40_000)]):
        for spread, first_axis in product((0.0, 0.1, 1.0, 20.0, 60.0), (False, True)):
            x = np.random.default_rng(trial).normal(spread, spread, shape).astype("f")
            (got,) = run_kernel(backend, name, "forward", [x], first_axis=first_axis)
            (truth,) = reference_rows.evaluate(name, "forward", x)
            error = accuracy.ulp_error(got.reshape(-1), truth.reshape(-1))
            assert record(f"many rows {backend} {name}", error, f"{shape}, {spread=}") <= ROWS[
                name
            ].most("forward")
            assert np.abs(got.astype(float).sum(1) - 1).max() <= 1e-6


@looped("backend, first_axis", product(ROW_BACKENDS, (False, True)))
@looped("char", "fd")
@pytest.mark.parametrize(("name", "pass_"), PASSES)
def test_degenerate_rows_spoil_no_others(
    name: str, pass_: str, char: str, first_axis: bool, backend: str
) -> None:
    declared = ROWS[name].passes[pass_]
    for n in (1, 2, 5, 19, 70):
        good = np.random.default_rng(n).random((9, n)) / n
        bad = good.copy()
        spoilt = [1, 4, 5]
        bad[spoilt, [0, n // 2, n - 1]] = np.nan
        rows = [np.full(9, 0.5)] * len(declared.row_inputs)
        inputs = [[a.astype(char)] * len(declared.inputs) for a in (good, bad)]
        wanted = run_kernel(backend, name, pass_, inputs[0], rows, first_axis=first_axis)
        results = run_kernel(backend, name, pass_, inputs[1], rows, first_axis=first_axis)
        whole = "_from" not in name  # which do not look at the row as a whole
        for result, expected in zip(results, wanted, strict=True):
            kept = np.delete(np.arange(9), spoilt)
            np.testing.assert_array_equal(result[kept], expected[kept])
            if whole:
                assert np.isnan(result[spoilt]).all(), (name, pass_)


@looped("backend, first_axis", product(ROW_BACKENDS, (False, True)))
@looped("char", "fd")
@pytest.mark.parametrize(("name", "pass_"), PASSES)
def test_emptied_rows(name: str, pass_: str, char: str, first_axis: bool, backend: str) -> None:
    declared = ROWS[name].passes[pass_]
    for n in (0, 1, 2, 8, 21):
        for content in (0.0, np.nan, np.inf, -np.inf):
            inputs = [np.full((6, n), content, char)] * len(declared.inputs)
            mask = np.zeros((6, n), bool)
            statistic = "maximum" in declared.row_inputs
            rows = [np.full(6, value) for value in ((-np.inf, -1.0) if statistic else (0.5,))]
            rows = rows[: len(declared.row_inputs)]
            results = run_kernel(backend, name, pass_, inputs, rows, mask, first_axis=first_axis)
            for k, result in enumerate(results):
                if k < len(declared.outputs):
                    assert (result == declared.excluded).all()
                elif declared.row_outputs[k - len(declared.outputs)] == "rest_of_sum":
                    assert (result == -1).all()
                else:
                    assert (result == -np.inf).all()


def special(n: int, *values: float) -> Array:
    row = np.linspace(-2, 2, n)
    row[: len(values)] = values
    return row


@pytest.mark.parametrize("char", "efd")
def test_special_rows(char: str, backend: str) -> None:
    with fa.use_backend(backend), np.errstate(all="raise"):
        for n in (2, 5, 30):
            plus = special(n, np.inf).astype(char)
            nothing = np.full(n, -np.inf, char)
            for name in PUBLIC:
                function = fa.get(name)
                sign = np.asarray(-1 if name == "softmin" else 1, char)
                if not function.reduces:
                    assert np.isnan(function(sign * plus)).all(), name
                    assert np.isnan(function(sign * nothing)).all(), name
                else:
                    assert function(plus) == np.inf
                    assert function(nothing) == -np.inf
                assert np.isnan(function(special(n, np.nan).astype(char))).all()
            big = np.array([1e30 if char != "e" else 6e4, -1e30 if char != "e" else -6e4] * n, char)
            assert float(fa.softmax(big).sum(dtype=float)) == pytest.approx(1, abs=1e-3)


def test_golden_values(backend: str) -> None:
    with fa.use_backend(backend):
        np.testing.assert_allclose(
            fa.softmax([1, 2, 3]), [0.09003057, 0.24472847, 0.66524096], atol=5e-9
        )
        x = [0.11111111111, 0.3, 0.4, 0.18888888889, 0.1]
        assert fa.softmax(x)[1] == pytest.approx(0.21521022006514684, rel=1e-15)
        y = [300, 200, 500, 100, 400]
        assert fa.softmax(y)[1] == pytest.approx(5.148200222412013e-131, rel=1e-14)
        assert np.isfinite(fa.softmax(np.multiply(y, 1e4))).all()
        # Martins, Astudillo 2016, section 2.2: in two dimensions sparsemax is a hard sigmoid.
        np.testing.assert_allclose(fa.sparsemax([[0.6, 0.0], [2, 0]]), [[0.8, 0.2], [1, 0]])
        np.testing.assert_array_equal(fa.hardmax([[1, 3, 3], [2, 1, 0]]), [[0, 1, 0], [1, 0, 0]])


LONG = {
    "equal": np.zeros(1),
    "levels": np.linspace(-20, 0, 37),
    "one above": np.concatenate([[14.0], np.zeros(62)]),
    "wide": np.linspace(-80, 3, 41),
}


@pytest.mark.slow
@looped("case", LONG)
@looped("char", "fd")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("softmax", "sparsemax") else pytest.mark.exhaustive)
        for name in PUBLIC
    ],
)
def test_long_rows(name: str, char: str, case: str, backend: str) -> None:
    """A million elements of a few levels: the truth is one exponential for each level."""
    n = 10**6 if backend != "numpy" else 10**5
    levels = LONG[case].astype(char)
    place = np.arange(n) % len(levels)
    x = levels[place][None]
    results = run_kernel(backend, name, "forward", [x])
    if backend != "numpy":  # which computes every row in the same way
        along = run_kernel(backend, name, "forward", [np.repeat(x, 3, 0)], first_axis=True)
        results += [result[:1] for result in along]
    counts = np.bincount(place)
    wide = reference_rows.evaluate(name, "forward", x)[0] if name in SPARSE else x
    for result in results:
        if name in SPARSE:
            error = np.abs(result[0].astype(float) - wide[0]) / float(
                np.spacing(np.asarray(wide.max(), char))
            )
        else:
            truth = _long_truth(name, levels, counts)
            values = result[0][: len(levels)] if result.ndim == 2 else result[:1]
            if result.ndim == 2:
                np.testing.assert_array_equal(result[0], values[place])
                assert name != "softmax" or abs(float(result[0].sum(dtype=float)) - 1) < 1e-6
            error = measured(values, truth, 0.0)
        label = f"long rows {backend} {name} {np.dtype(char)}"
        assert record(label, error, case) <= ROWS[name].most("forward")


def _long_truth(name: str, levels: Array, counts: Array) -> Array:
    """Return the truth for each level, or for the row, given how often each level is there."""
    from fastact.reference.arithmetic import exact_arithmetic

    context = exact_arithmetic().context
    sign = -1 if name == "softmin" else 1
    z = [context.mpf(sign * float(level)) for level in levels]
    top = max(z)
    weights = [int(c) * context.exp(v - top) for c, v in zip(counts, z, strict=True)]
    total = context.fsum(weights)
    if name in ("softmax", "softmin"):
        return np.array([context.exp(v - top) / total for v in z], dtype=object)
    if name == "log_softmax":
        return np.array([v - top - context.log(total) for v in z], dtype=object)
    count = int(counts.sum()) if name == "logmeanexp" else 1
    return np.array([top + context.log(total / count)], dtype=object)


def test_a_million_equal_halves_are_not_zero(backend: str) -> None:
    with fa.use_backend(backend):
        for shape, axis in (((10**6,), -1), ((2, 10**5), 1), ((10**5, 2), 0), ((10**5, 2), None)):
            shares = fa.softmax(np.zeros(shape, np.float16), axis)
            assert shares.dtype == np.float16
            row = shares.size if axis is None else shape[axis]
            assert (shares == np.float16(1 / row)).all()
        assert fa.logsumexp(np.zeros(10**6, np.float16)) == np.float16(np.log(1e6))


@pytest.mark.parametrize("name", PUBLIC)
def test_float16_is_the_float32_result_rounded_once(name: str, backend: str) -> None:
    function = fa.get(name)
    x = np.random.default_rng(0).normal(0, 3, (40, 57)).astype(np.float16)
    with fa.use_backend(backend):
        for axis in (0, 1, None):
            expected = function(x.astype(np.float32), axis).astype(np.float16)
            np.testing.assert_array_equal(function(x, axis), expected, strict=True)
