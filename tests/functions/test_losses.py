"""Losses against their definitions in 60 digits, differences, layouts, threads, and what they refuse."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS, WORST, loaded
from fastact import accuracy
from fastact.definitions.losses import LOSSES
from fastact.reference import several as reference_gates
from native_cases import DTYPES
from representatives import looped

mpmath = pytest.importorskip("mpmath")

RNG = np.random.default_rng
WITH_ROWS = [name for name in BACKENDS if hasattr(loaded(name), "row_kernel")]


@pytest.fixture(params=WITH_ROWS)
def rows_backend(request: pytest.FixtureRequest) -> Any:
    with fa.use_backend(request.param):
        yield request.param


# --- binary cross entropy of logits ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_bce_error(dtype: str, target: float) -> None:
    """The loss; and the gradient, away from where a target in between makes it 0."""
    x = accuracy.samples(dtype, {"float32": 1 << 17, "float64": 1500}[dtype])
    x = x[np.isfinite(x)]
    t = np.full_like(x, target)
    outputs = fa.binary_cross_entropy_with_logits.value_and_grad(x, t, reduction="none")
    evaluate = reference_gates.evaluate if dtype == "float32" else exact_columns
    truths = evaluate("binary_cross_entropy_with_logits", "value_and_grad", x, t, 1.0, 1.0, 1.0)
    for what, got, true in zip(("loss", "gradient"), outputs, truths, strict=True):
        error = accuracy.ulp_error(got, true)
        if what == "gradient" and 0 < target < 1:
            error[np.abs(got) < 1 / 16] = 0
        at = int(np.argmax(error))
        WORST[f"bce {what} {dtype} t={target}"] = f"{error[at]:.3f} ulp at {x[at]!r}"
        # Where a target in between makes the gradient small, digits cancel.
        assert error[at] <= (4 if what == "gradient" and 0 < target < 1 else 2)


def exact_columns(name: str, pass_: str, x: np.ndarray, t: np.ndarray, *params: float) -> Any:
    rows = [
        reference_gates.exact(name, pass_, *pair, *params)
        for pair in zip(x.tolist(), t.tolist(), strict=True)
    ]
    return [np.array(column, dtype=object) for column in zip(*rows, strict=True)]


def test_bce_of_large_and_infinite_logits(backend: str) -> None:
    f = fa.binary_cross_entropy_with_logits
    x = np.array([1e30, -1e30, 1e30, -1e30, np.inf, -np.inf, np.inf, np.nan])
    t = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0])
    loss, gradient = f.value_and_grad(x, t, reduction="none")
    np.testing.assert_array_equal(loss, [0, 0, 1e30, 1e30, 0, 0, np.inf, np.nan])
    np.testing.assert_array_equal(gradient, [0, 0, 1, -1, 0, 0, 1, np.nan])


REDUCED = list(itertools.product(["mean", "sum", "none"], [False, True]))


@looped("reduction, weighted", REDUCED)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 40), (2, 3, 20000)])
def test_bce_is_its_definition(
    shape: tuple[int, ...], reduction: str, weighted: bool, backend: str
) -> None:
    rng, f = RNG(0), fa.binary_cross_entropy_with_logits
    x, t = np.asarray(9 * rng.normal(size=shape)), rng.uniform(size=shape)
    weight = rng.uniform(size=shape[-1:]) if weighted else None
    pos = rng.uniform(size=shape[-1:]) if weighted else None
    w, p = (1.0, 1.0) if not weighted else (weight, pos)
    losses = w * (p * t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x))
    s = 1 / (1 + np.exp(-x))
    gradients = w * ((1 - t) * s - p * t * (1 - s))
    check_all(f, (x, t), {"weight": weight, "pos_weight": pos}, losses, gradients, reduction)


def check_all(
    f: Any,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    losses: np.ndarray,
    gradients: np.ndarray,
    reduction: str,
    count: float | None = None,
) -> None:
    """Compare the call, value_and_grad and vjp with what they are to be."""
    options = {**options, "reduction": reduction}
    count = losses.size if count is None else count
    with np.errstate(all="ignore"):
        share = np.float64(1.0) / count if reduction == "mean" else 1.0
        expected = losses if reduction == "none" else np.sum(losses) * share
    close = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(f(*arguments, **options), expected, **close)
    value, gradient = f.value_and_grad(*arguments, **options)
    np.testing.assert_allclose(value, expected, **close)
    np.testing.assert_allclose(gradient, gradients * (share if losses.size else 1.0), **close)
    g = RNG(1).normal(size=losses.shape if reduction == "none" else ())
    got = f.vjp(g, *arguments, **options)
    axis = options.get("axis", -1)
    shaped = g if g.ndim == gradients.ndim or not g.ndim else np.expand_dims(g, axis)
    np.testing.assert_allclose(got, gradients * (share if losses.size else 1.0) * shaped, **close)
    x = arguments[0].copy()
    again, same = f.value_and_grad(x, *arguments[1:], **options, out=x)
    assert same is x
    np.testing.assert_allclose(x, gradient, rtol=1e-14)
    np.testing.assert_array_equal(again, value)
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1])) if x.ndim else None
    if wide is not None and reduction != "none":
        wide[..., ::2] = arguments[0]
        value, strided = f.value_and_grad(wide[..., ::2], *arguments[1:], **options)
        np.testing.assert_allclose(strided, gradient, rtol=1e-12, atol=1e-300)
        np.testing.assert_allclose(value, again, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_results_have_the_dtype_of_x_and_depend_on_no_thread_count(dtype: str) -> None:
    before, results = fa.get_num_threads(), []
    x = RNG(2).normal(size=(400, 500)).astype(dtype)
    hard, classes = RNG(3).integers(0, 2, x.shape), RNG(4).integers(0, 500, 400)
    try:
        for threads in (1, 2, 5):
            fa.set_num_threads(threads)
            results.append(
                [
                    *fa.binary_cross_entropy_with_logits.value_and_grad(x, hard),
                    *fa.cross_entropy.value_and_grad(x, classes),
                ]
            )
    finally:
        fa.set_num_threads(before)
    for result in results:
        assert all(value.dtype == dtype for value in result)
        for value, first in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(value, first)


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "numpy"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_summed_is_the_sum(dtype: str, backend: str) -> None:
    if "cython" not in BACKENDS:
        pytest.skip("only the extension sums in its kernels")
    kernel: Any = loaded(backend).kernel(
        "binary_cross_entropy_with_logits", "value_and_grad", DTYPES[dtype]
    )
    for size in (0, 1, 15, 16, 1000, 70_001, 1 << 20):
        x, t = RNG(size).normal(size=(2, size)).astype(DTYPES[dtype])
        losses, gradient, again = np.empty((3, size), DTYPES[dtype])
        params = [p.default for p in LOSSES["binary_cross_entropy_with_logits"].params.values()]
        kernel(x, t, losses, gradient, *params)
        total = kernel.summed(x, t, again, *params)
        np.testing.assert_array_equal(again, gradient)
        np.testing.assert_allclose(total, losses.sum(dtype=np.float64), rtol=1e-12)


# --- binary cross entropy of probabilities ---------------------------------------------------------


@looped("reduction, weighted", REDUCED)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 20000)])
def test_bce_of_probabilities(shape: tuple[int, ...], reduction: str, weighted: bool) -> None:
    rng = RNG(5)
    p, t = np.asarray(rng.uniform(size=shape)), rng.uniform(size=shape)
    weight = rng.uniform(size=shape[-1:]) if weighted else None
    w = weight if weighted else 1.0
    losses = -w * (t * np.log(p) + (1 - t) * np.log1p(-p))
    gradients = w * (p - t) / (p * (1 - p))
    check_all(fa.binary_cross_entropy, (p, t), {"weight": weight}, losses, gradients, reduction)


def test_bce_of_probabilities_clamps_as_pytorch_does() -> None:
    p, t = np.array([0.0, 1.0, 0.0, 1.0, np.nan]), np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    loss, gradient = fa.binary_cross_entropy.value_and_grad(p, t, reduction="none")
    np.testing.assert_array_equal(loss, [100, 100, 0, 0, np.nan])
    np.testing.assert_array_equal(gradient, [-1e12, 1e12, 0, 0, np.nan])


# --- cross entropy ---------------------------------------------------------------------------------


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    return x - np.logaddexp.reduce(x, axis, keepdims=True)


@looped("reduction, weighted", REDUCED)
@looped("smoothing", [0.0, 0.3])
@looped("kind", ["index", "distribution"])
@pytest.mark.parametrize(
    "shape, axis",
    [((7, 5), -1), ((5, 60), 0), ((3, 5, 4, 2), 1), ((5,), 0), ((9000, 3), 1), ((2, 40000), 1)],
)
def test_cross_entropy_is_its_definition(
    shape: tuple[int, ...],
    axis: int,
    kind: str,
    smoothing: float,
    reduction: str,
    weighted: bool,
    rows_backend: str,
) -> None:
    """The sums that PyTorch's documentation gives."""
    rng, classes, axis = RNG(6), shape[axis], axis % len(shape)
    x = 5 * rng.normal(size=shape)
    weight = rng.uniform(size=classes) if weighted else None
    spread = (1,) * (len(shape) - 1 - axis)
    w = np.ones(classes) if weight is None else weight
    count, options = None, {"axis": axis, "label_smoothing": smoothing, "weight": weight}
    if kind == "index":
        target = rng.integers(0, classes, shape[:axis] + shape[axis + 1 :])
        counted = np.ones(target.shape)
        if target.size > 3:
            counted.flat[1] = counted.flat[3] = 0
            target[counted == 0] = -3
            options["ignore_index"] = -3
        shares = np.expand_dims(target, axis) == np.arange(classes).reshape(-1, *spread)
        count = np.sum(w[target] * counted)
        counted = np.expand_dims(counted, axis)
    else:
        target = shares = rng.dirichlet(np.ones(classes), shape[:axis] + shape[axis + 1 :])
        target = shares = np.moveaxis(shares, -1, axis)
        counted = np.ones(1)
    shares = (shares * (1 - smoothing) + smoothing / classes) * w.reshape(-1, *spread) * counted
    logs = log_softmax(x, axis)
    losses = -(shares * logs).sum(axis)
    gradients = np.exp(logs) * shares.sum(axis, keepdims=True) - shares
    check_all(fa.cross_entropy, (x, target), options, losses, gradients, reduction, count)


def test_cross_entropy_keeps_its_digits(rows_backend: str) -> None:
    """Of a sure and right answer the loss and the gradient are small, and not rounded to 0."""
    loss, gradient = fa.cross_entropy.value_and_grad([[40.0, 0.0], [0.0, 800.0]], [0, 0])
    small = np.exp(-40.0)
    np.testing.assert_allclose(loss, 400, rtol=1e-15)
    np.testing.assert_allclose(gradient[0], [-small / 2, small / 2], rtol=1e-14)
    np.testing.assert_array_equal(gradient[1], [-0.5, 0.5])


def test_cross_entropy_of_degenerate_rows(rows_backend: str) -> None:
    x = np.array(
        [[np.nan, 0, 0], [np.inf, 0, 0], [-np.inf] * 3, [0, -np.inf, -np.inf], [0, 0, -np.inf]]
    )
    loss, gradient = fa.cross_entropy.value_and_grad(x, [0, 1, 2, 0, 2], reduction="none")
    np.testing.assert_array_equal(loss, [np.nan, np.nan, np.nan, 0, np.inf])
    np.testing.assert_array_equal(np.isnan(gradient).all(1), [True] * 3 + [False] * 2)
    np.testing.assert_array_equal(gradient[3:], [[0, 0, 0], [0.5, 0.5, -1]])
    loss, gradient = fa.cross_entropy.value_and_grad(x[:3], [-100] * 3, reduction="sum")
    assert loss == 0
    assert not gradient.any()
    loss, gradient = fa.cross_entropy.value_and_grad(x[3:], [-100] * 2)
    assert np.isnan(loss)
    assert not gradient.any()
    assert fa.cross_entropy([[0.0, -np.inf]], [[1.0, 0.0]]) == 0
    assert np.isnan(fa.cross_entropy(np.zeros((0, 3)), np.zeros(0, int)))
    assert fa.cross_entropy(np.zeros((0, 3)), np.zeros(0, int), reduction="sum") == 0


@pytest.mark.parametrize("shape, axis", [((3, 0), -1), ((0, 3), 0), ((2, 0, 4), 1), ((0,), 0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_no_classes(
    shape: tuple[int, ...], axis: int, smoothing: float, rows_backend: str
) -> None:
    """A sum over nothing is 0, and so is the loss of a row that is ignored; no class is a right one."""
    x, f = np.zeros(shape), fa.cross_entropy
    ignored = np.full(np.delete(shape, axis), -100)
    for target, mean in ((ignored, np.nan), (x, 0.0)):
        options = {"axis": axis, "label_smoothing": smoothing, "weight": np.zeros(0)}
        for reduction, expected in (
            ("none", np.zeros(ignored.shape)),
            ("sum", 0.0),
            ("mean", mean),
        ):
            options["reduction"] = reduction
            np.testing.assert_array_equal(f(x, target, **options), expected)
            loss, gradient = f.value_and_grad(x, target, **options)
            np.testing.assert_array_equal(loss, expected)
            g = np.ones(np.shape(expected))
            assert gradient.shape == f.vjp(g, x, target, **options).shape == shape
    if ignored.size:
        ignored.flat[-1] = 0
        with pytest.raises(IndexError, match="class 0 is out of range for 0 classes"):
            f(x, ignored, axis=axis, label_smoothing=smoothing)


def test_out_of_range_classes_are_refused_before_anything_is_written() -> None:
    x, out = np.zeros((70_000, 3)), np.full((70_000, 3), 7.0)
    for wrong in (3, -1, 2**40):
        target = np.zeros(70_000, np.int64)
        target[69_999] = wrong
        for call in (
            fa.cross_entropy.value_and_grad,
            lambda *a, **k: fa.cross_entropy.vjp(1.0, *a, **k),
        ):
            with pytest.raises(IndexError, match=f"class {wrong} is out of range for 3"):
                call(x, target, out=out)
    assert (out == 7).all()


X = np.zeros((2, 3))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: fa.cross_entropy(X, [0]), ValueError, "shape"),
        (lambda: fa.cross_entropy(X, [0, 1], axis=2), np.exceptions.AxisError, "axis"),
        (lambda: fa.cross_entropy(X, [True, False]), TypeError, "bool"),
        (lambda: fa.cross_entropy(X, X, ignore_index=1), ValueError, "ignore"),
        (lambda: fa.cross_entropy(X, [0, 1], label_smoothing=2), ValueError, "label_smoothing"),
        (lambda: fa.cross_entropy(X, [0, 1], weight=[1.0]), ValueError, "weight"),
        (
            lambda: fa.cross_entropy(X, [0, 1], reduction="all"),
            ValueError,
            "choose one of 'mean', 'sum', 'none'",
        ),
        (lambda: fa.cross_entropy(X.astype(complex), [0, 1]), TypeError, "complex"),
        (lambda: fa.cross_entropy.value_and_grad(X, [0, 1], out=np.zeros(3)), ValueError, "out"),
        (lambda: fa.cross_entropy.vjp([1.0, 2.0], X, [0, 1]), ValueError, "g has shape"),
        (lambda: fa.binary_cross_entropy_with_logits(X, X[0]), ValueError, "shape"),
        (lambda: fa.binary_cross_entropy_with_logits(X, X, weight="a"), TypeError, "weight"),
        (lambda: fa.binary_cross_entropy_with_logits(X, X, weight=[1, 2]), ValueError, "weight"),
        (lambda: fa.binary_cross_entropy_with_logits(X, X, reduction=0), ValueError, "reduction"),
        (lambda: fa.binary_cross_entropy(X - 0.1, X), ValueError, r"outside \[0, 1\]"),
        (lambda: fa.binary_cross_entropy(X + 1.1, X), ValueError, r"outside \[0, 1\]"),
        (lambda: fa.binary_cross_entropy(X, X.astype("M8[s]")), TypeError, "datetime"),
    ],
)
def test_one_clear_error(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "name", ["cross_entropy", "binary_cross_entropy", "binary_cross_entropy_with_logits"]
)
def test_public(name: str) -> None:
    f = fa.get(name)
    assert pickle.loads(pickle.dumps(f)) is f
    assert name in fa.names()
    assert name in fa.__all__
