"""Masked, pandas and xarray operands of gates, channels and losses: what is missing takes no part, labels stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa

Array = npt.NDArray[Any]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))
GONE = RNG.random(X.shape) < 0.3
CLASSES = np.array([0, 1, 2, 3, 0, 1])
MASKED = np.ma.masked_array(X, GONE)
ELEMENTWISE = {
    "binary_cross_entropy": 1 / (1 + np.exp(-X)),
    "binary_cross_entropy_with_logits": X,
    "huber": X,
    "kl_div": X,
}
LOSSES = [name for name in fa.names() if fa.get(name).family == "losses"]
OF_CLASSES = [name for name in LOSSES if "ignore_index" in fa.get(name).parameters]


def test_a_masked_logit_of_infinite_loss() -> None:
    logits = np.ma.array([0.5, -1, 1e6], mask=[0, 0, 1])
    assert fa.binary_cross_entropy_with_logits(logits, [1, 0, 0]) == pytest.approx(0.3937, abs=5e-5)


@pytest.mark.parametrize("place", ["x", "target", "weight"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_masked_elements_of_a_loss(name: str, place: str) -> None:
    loss, x, target, weight = (
        fa.get(name),
        ELEMENTWISE[name],
        RNG.random(X.shape),
        RNG.random(X.shape),
    )
    operands = {"x": x, "target": target, "weight": weight}
    poisoned = np.where(GONE, np.nan, operands[place])
    given = {**operands, place: np.ma.masked_array(poisoned, GONE)}
    arrays, options = (given["x"], given["target"]), {"weight": given["weight"]}
    kept = ~GONE
    for reduction in ("mean", "sum"):
        expected, slope = loss.value_and_grad(
            x[kept], target[kept], weight=weight[kept], reduction=reduction
        )
        assert loss(*arrays, **options, reduction=reduction) == pytest.approx(expected, rel=1e-14)
        value, gradient = loss.value_and_grad(*arrays, **options, reduction=reduction)
        assert value == pytest.approx(expected, rel=1e-14)
        assert type(gradient) is np.ma.MaskedArray
        np.testing.assert_array_equal(gradient.mask, GONE)
        np.testing.assert_allclose(gradient.compressed(), slope, rtol=1e-14)
    each = loss(*arrays, **options, reduction="none")
    np.testing.assert_array_equal(each.mask, GONE)
    expected = loss(x[kept], target[kept], weight=weight[kept], reduction="none")
    np.testing.assert_allclose(each.compressed(), expected, rtol=1e-14)


def test_masked_classes() -> None:
    gone = np.array([0, 1, 0, 0, 1, 0], bool)
    target = np.ma.masked_array(np.where(gone, 99, CLASSES), gone)
    expected, slope = fa.cross_entropy.value_and_grad(X[~gone], CLASSES[~gone])
    value, gradient = fa.cross_entropy.value_and_grad(X, target)
    assert value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(gradient[~gone], slope, rtol=1e-14)
    assert gradient.mask[gone].all() and not gradient.mask[~gone].any()
    each = fa.cross_entropy(X, target, reduction="none")
    np.testing.assert_array_equal(each.mask, gone)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_masked_logits_take_no_part_in_their_row(smoothing: float) -> None:
    gone = GONE.copy()
    gone[np.arange(6), CLASSES] = False
    gone[0] = True  # no logit is left
    gone[1, CLASSES[1]] = True  # the right one is not there
    masked = np.ma.masked_array(np.where(gone, np.nan, X), gone)
    value, gradient = fa.cross_entropy.value_and_grad(
        masked, CLASSES, reduction="sum", label_smoothing=smoothing
    )
    expected = 0.0
    for row in range(2, 6):
        left = ~gone[row]
        logs = X[row][left] - np.log(np.exp(X[row][left]).sum())
        own = logs[np.flatnonzero(np.flatnonzero(left) == CLASSES[row])[0]]
        expected -= (1 - smoothing) * own + smoothing / 4 * logs.sum()
    assert value == pytest.approx(expected, rel=1e-12)
    assert gradient.mask[:2].all()
    np.testing.assert_array_equal(gradient.mask[2:], gone[2:])
    assert np.isfinite(gradient.compressed()).all()


def test_masked_distributions() -> None:
    share = RNG.dirichlet(np.ones(4), 6)
    gone = np.zeros(share.shape, bool)
    gone[2], gone[3, 1] = True, True
    masked = np.ma.masked_array(np.where(gone, np.nan, share), gone)
    expected = fa.cross_entropy(X, np.where(gone, 0.0, share), reduction="none")
    each = fa.cross_entropy(X, masked, reduction="none")
    np.testing.assert_array_equal(each.mask, gone.all(1))
    np.testing.assert_allclose(each.compressed(), expected[~gone.all(1)], rtol=1e-14)
    assert fa.cross_entropy(X, masked) == pytest.approx(expected.sum() / 5, rel=1e-14)


def test_masked_class_weights() -> None:
    weight = np.ma.masked_array([1.0, np.nan, 2.0, 3.0], [0, 1, 0, 0])
    kept = CLASSES != 1
    expected = fa.cross_entropy(X[kept], CLASSES[kept], weight=[1.0, 1.0, 2.0, 3.0])
    assert fa.cross_entropy(X, CLASSES, weight=weight) == pytest.approx(expected, rel=1e-14)


def test_masked_channels() -> None:
    largest = fa.maxout(MASKED, 2)
    np.testing.assert_array_equal(largest.mask, GONE[:, ::2] & GONE[:, 1::2])
    filled = np.where(GONE, -np.inf, X)
    np.testing.assert_array_equal(largest.compressed(), fa.maxout(filled, 2)[~largest.mask])
    gradient = fa.maxout.vjp(np.ones((6, 2)), MASKED, 2)
    np.testing.assert_array_equal(gradient.mask, GONE)
    np.testing.assert_array_equal(
        gradient.compressed(), fa.maxout.vjp(np.ones((6, 2)), filled, 2)[~GONE]
    )
    both = fa.crelu(MASKED)
    np.testing.assert_array_equal(both.mask, np.concatenate((GONE, GONE), 1))
    np.testing.assert_array_equal(both.compressed(), fa.crelu(X)[~both.mask])
    g = np.ma.masked_array(np.ones((6, 8)), np.concatenate((GONE, GONE & False), 1))
    for gradient in (fa.crelu.vjp(g, X), fa.crelu.vjp(g.data, MASKED)):
        np.testing.assert_array_equal(gradient.mask, GONE)
        np.testing.assert_array_equal(gradient.compressed(), fa.crelu.vjp(g.data, X)[~GONE])


def test_masked_gates() -> None:
    either = GONE[:, :2] | GONE[:, 2:]
    packed = fa.glu(MASKED)
    np.testing.assert_array_equal(packed.mask, either)
    np.testing.assert_array_equal(packed.compressed(), fa.glu(X)[~either])
    g = np.ones((6, 2))
    for gradient, gone in (
        (fa.glu.vjp(g, MASKED), either),
        (fa.glu.vjp(np.ma.masked_array(g, GONE[:, :2]), X), GONE[:, :2]),
    ):
        twice = np.concatenate((gone, gone), 1)
        np.testing.assert_array_equal(gradient.mask, twice)
        np.testing.assert_array_equal(gradient.compressed(), fa.glu.vjp(g, X)[~twice])


def test_masked_parameters_are_refused() -> None:
    masked = np.ma.masked_array([0.5, 1.0], [0, 1])
    for call in (
        lambda: fa.elu([1.0, 2.0], masked),
        lambda: fa.elu.vjp(1.0, [1.0, 2.0], alpha=masked),
        lambda: fa.prelu([1.0, 2.0], masked, 0),
    ):
        with pytest.raises(TypeError, match="masked array"):
            call()


def test_slopes_of_masked_elements_do_not_add_up() -> None:
    g = np.ones(X.shape)
    dx, dweight = fa.prelu.vjp(g, np.ma.masked_array(np.where(GONE, np.nan, X), GONE), 0.25)
    np.testing.assert_array_equal(dx.mask, GONE)
    assert dweight == pytest.approx(X[~GONE & (X < 0)].sum(), rel=1e-14)


LAZY: dict[str, Callable[[Any], Any]] = {
    "maxout": lambda x: fa.maxout(x, 2),
    "maxout.vjp": lambda x: fa.maxout.vjp(x, x, 2),
    "cross_entropy": lambda x: fa.cross_entropy(x, CLASSES),
    "cross_entropy target": lambda x: fa.cross_entropy(X, x),
    "binary_cross_entropy": lambda x: fa.binary_cross_entropy(x, X > 0),
    "with logits": lambda x: fa.binary_cross_entropy_with_logits.value_and_grad(x, X > 0),
    "weight": lambda x: fa.binary_cross_entropy_with_logits(X, X > 0, weight=x),
    "g": lambda x: fa.binary_cross_entropy_with_logits.vjp(x, X, X > 0, reduction="none"),
    "prelu.vjp": lambda x: fa.prelu.vjp(x, x, 0.25),
}


@pytest.mark.parametrize("call", LAZY)
def test_dask_arrays_are_refused_where_they_would_be_computed_whole(call: str) -> None:
    da = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"does not take arrays of type dask\.Array"):
        LAZY[call](da.from_array(X, chunks=(2, 2)))


def test_labels_of_gates() -> None:
    pandas = pytest.importorskip("pandas")
    series = fa.glu(pandas.Series([1.0, 2.0, 3.0, 4.0], name="n"))
    np.testing.assert_allclose(series, [0.9526, 1.9640], atol=5e-5)
    assert series.name == "n" and list(series.index) == [0, 1]
    frame = pandas.DataFrame(X, list("abcdef"), list("wxyz"))
    halved = fa.swiglu(frame)
    assert list(halved.index) == list("abcdef") and list(halved.columns) == [0, 1]
    np.testing.assert_array_equal(halved, fa.swiglu(X))
    upper = fa.swiglu(frame, axis=0)
    assert list(upper.index) == [0, 1, 2] and list(upper.columns) == list("wxyz")
    gradient = fa.swiglu.vjp(np.ones((6, 2)), frame)
    assert list(gradient.index) == list("abcdef") and list(gradient.columns) == list("wxyz")
    np.testing.assert_array_equal(gradient, fa.swiglu.vjp(np.ones((6, 2)), X))
    nullable = fa.glu(pandas.Series([1, 2, None, 4], dtype="Int64"))
    assert nullable.isna().tolist() == [True, False]


def test_labels_of_xarray_gates() -> None:
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(
        X, {"b": list("wxyz"), "a": list(range(6))}, ("a", "b"), "n", {"unit": "V"}
    )
    halved = fa.swiglu(array)
    assert halved.dims == ("a", "b") and set(halved.coords) == {"a"} and halved.name == "n"
    np.testing.assert_array_equal(halved, fa.swiglu(X))
    gradient = fa.swiglu.vjp(np.ones((6, 2)), array)
    assert set(gradient.coords) == {"a", "b"} and gradient.attrs == {"unit": "V"}
    np.testing.assert_array_equal(gradient, fa.swiglu.vjp(np.ones((6, 2)), X))
    np.testing.assert_array_equal(fa.maxout(array, 2), fa.maxout(X, 2))
    assert set(fa.crelu(array, 0).coords) == {"b"}


def test_labels_of_channels() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, list("abcdef"), list("wxyz"))
    assert list(fa.maxout(frame, 2).index) == list("abcdef")
    assert list(fa.maxout(frame, 2, 0).columns) == list("wxyz")
    assert list(fa.crelu(frame).index) == list("abcdef")
    np.testing.assert_array_equal(fa.crelu(frame), fa.crelu(X))
    for gradient in (fa.maxout.vjp(1.0, frame, 2), fa.crelu.vjp(np.ones((6, 8)), frame)):
        assert list(gradient.index) == list("abcdef") and list(gradient.columns) == list("wxyz")


@pytest.mark.parametrize("name", LOSSES)
def test_labels_of_gradients(name: str) -> None:
    pandas = pytest.importorskip("pandas")
    xarray = pytest.importorskip("xarray")
    loss, x = fa.get(name), ELEMENTWISE.get(name, X)
    target = CLASSES if name in OF_CLASSES else X > 0
    if "var" in loss.arrays:
        pytest.skip("takes a third array")
    frame = pandas.DataFrame(x, list("abcdef"), list("wxyz"))
    expected, slope = loss.value_and_grad(x, target)
    value, gradient = loss.value_and_grad(frame, target)
    assert value == pytest.approx(expected, rel=1e-14)  # summed up in another order
    assert list(gradient.index) == list("abcdef") and list(gradient.columns) == list("wxyz")
    np.testing.assert_array_equal(gradient, slope)
    each = loss(frame, target, reduction="none")
    assert list(each.index) == list("abcdef")
    np.testing.assert_array_equal(each, loss(x, target, reduction="none"))
    array = xarray.DataArray(x, {"b": list("wxyz")}, ("a", "b"))
    assert list(loss.vjp(1.0, array, target).b.values) == list("wxyz")
    each = loss(array, target, reduction="none")
    assert each.dims == (("a",) if name in OF_CLASSES else ("a", "b"))


def test_missing_targets_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    target = pandas.Series([0, 1, None, 3, 0, 1], dtype="Int64")
    kept = [0, 1, 3, 4, 5]
    frame = pandas.DataFrame(X)
    assert fa.cross_entropy(frame, target) == pytest.approx(
        fa.cross_entropy(X[kept], CLASSES[kept]), rel=1e-14
    )


def test_out_is_returned_as_it_is() -> None:
    out = np.empty(X.shape)
    assert fa.binary_cross_entropy_with_logits.value_and_grad(MASKED, X > 0, out=out)[1] is out
    assert (out[GONE] == 0).all()


def test_xarray_operands_of_a_loss_are_aligned() -> None:
    xarray = pytest.importorskip("xarray")
    x = xarray.DataArray([1.0, 2.0, 3.0], {"b": [1, 2, 3]}, "b")
    target = xarray.DataArray([1.0, 0.0, 0.0], {"b": [3, 2, 1]}, "b")
    loss = fa.binary_cross_entropy_with_logits
    assert loss(x, target) == loss(x.values, target.values[::-1])
    square = xarray.DataArray(X[:4], dims=("a", "b"))
    assert loss(square, (square > 0).T) == loss(X[:4], X[:4] > 0)


def test_classes_are_aligned_with_the_rows_of_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, list("abcdef"))
    target = pandas.Series(CLASSES, list("abcdef"))
    assert fa.cross_entropy(frame, target[::-1]) == fa.cross_entropy(frame, target)


def test_a_mask_beside_a_frame_is_not_dropped() -> None:
    pandas = pytest.importorskip("pandas")
    masked, frame = np.ma.masked_array(X, GONE), pandas.DataFrame(X)
    for result in (fa.glu(masked, frame), fa.gelu.vjp(masked, frame), fa.gelu.vjp(frame, masked)):
        np.testing.assert_array_equal(np.isnan(result), GONE)
