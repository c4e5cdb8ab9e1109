"""Elementwise functions of two arrays: errors, special values, gradients in the shapes of the arrays."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact import accuracy
from fastact.definitions.binary import BINARY
from fastact.functions.binary import BINARY_FUNCTIONS
from fastact.reference import several

INF, NAN = math.inf, math.nan


def operands(name: str, dtype: Any, count: int) -> tuple[np.ndarray, ...]:
    """Return g, x and y: of all sizes, near 1, and such that the result is near 0."""
    rng, info = np.random.default_rng(3), np.finfo(dtype)
    low, high = np.log(float(info.smallest_subnormal)), np.log(float(info.max))
    near = 1 + rng.standard_normal(count) * 1e-4
    if name == "logaddexp":
        x = np.concatenate([rng.uniform(-100, 100, count), rng.uniform(-3, 3, 2 * count)])
        y = np.concatenate([rng.uniform(-100, 100, count), rng.uniform(-3, 3, 2 * count)])
    else:
        x = np.concatenate([rng.uniform(0, 2, count), np.exp(rng.uniform(low, high, 2 * count))])
        y = np.exp(rng.uniform(low, high, 3 * count))
        y[:count] = near if name != "xlog1py" else near - 1
        y[count : 2 * count] = x[count : 2 * count] * near
    return tuple(a.astype(dtype) for a in (rng.uniform(0.5, 2, 3 * count), x, y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_error(name: str, dtype: str, backend: str) -> None:
    if backend == "numpy" and dtype == "float64":
        pytest.skip("the reference itself, whose terms have an error each")
    g, x, y = operands(name, np.dtype(dtype), 20000 if dtype == "float32" else 300)
    exact = several.evaluate if dtype == "float32" else _exact
    with np.errstate(all="raise"):
        found = {"forward": (fa.get(name)(x, y),), "vjp": fa.get(name).vjp(g, x, y)}
    (value,) = exact(name, "forward", x, y)
    error = accuracy.ulp_error(found["forward"][0], value)
    if name == "logaddexp":
        size = np.abs(accuracy.as_float64(value))
        half = np.spacing(np.array(0.5, dtype))
        near = (size < 0.5) & (np.maximum(x, y) < 0)
        error = np.where(near, error * np.spacing(size.astype(dtype)) / half, error)
    print(name, dtype, error.max())
    assert error.max() <= BINARY[name].most("forward")

    info = np.finfo(dtype)
    for got, true in zip(found["vjp"], exact(name, "vjp", g, x, y), strict=True):
        size = np.abs(accuracy.as_float64(true))
        sound = (size > 2 * info.smallest_normal) & (size < info.max / 4) & (size / g > 2.0**-4)
        error = accuracy.ulp_error(got, true)[sound]
        print(name, dtype, error.max())
        assert error.max() <= BINARY[name].most("vjp")


def _exact(name: str, pass_: str, *inputs: np.ndarray) -> list[np.ndarray]:
    rows = [
        several.exact(name, pass_, *values)
        for values in zip(*map(np.ndarray.tolist, inputs), strict=True)
    ]
    return [np.array(column, dtype=object) for column in zip(*rows, strict=True)]


# As NumPy and SciPy define them: the function, x, y and the result.
SPECIAL = [
    ("logaddexp", INF, INF, INF),
    ("logaddexp", -INF, -INF, -INF),
    ("logaddexp", INF, -INF, INF),
    ("logaddexp", -INF, 3.0, 3.0),
    ("logaddexp", NAN, INF, NAN),
    ("logaddexp", 1.0, NAN, NAN),
    ("xlogy", 0.0, 0.0, 0.0),
    ("xlogy", 0.0, -1.0, 0.0),
    ("xlogy", 0.0, INF, 0.0),
    ("xlogy", 0.0, NAN, NAN),
    ("xlogy", 2.0, 0.0, -INF),
    ("xlogy", 2.0, -1.0, NAN),
    ("xlogy", INF, INF, INF),
    ("xlog1py", 0.0, -1.0, 0.0),
    ("xlog1py", 0.0, -2.0, 0.0),
    ("xlog1py", 0.0, NAN, NAN),
    ("xlog1py", 2.0, -1.0, -INF),
    ("xlog1py", 2.0, -2.0, NAN),
    ("xlog1py", INF, INF, INF),
    ("rel_entr", 0.0, 0.0, 0.0),
    ("rel_entr", 0.0, 1.0, 0.0),
    ("rel_entr", 1.0, 0.0, INF),
    ("rel_entr", -1.0, 1.0, INF),
    ("rel_entr", 1.0, -1.0, INF),
    ("rel_entr", 0.0, NAN, NAN),
    ("rel_entr", NAN, 1.0, NAN),
    ("rel_entr", INF, 2.0, INF),
    ("rel_entr", 2.0, INF, -INF),
]
GRADIENTS = [
    ("logaddexp", INF, INF, (0.5, 0.5)),
    ("logaddexp", -INF, -INF, (0.5, 0.5)),
    ("logaddexp", INF, 0.0, (1.0, 0.0)),
    ("xlogy", 0.0, 0.0, (0.0, 0.0)),
    ("xlogy", 0.0, math.e, (1.0, 0.0)),
    ("xlogy", 2.0, 0.0, (-INF, INF)),
    ("xlog1py", 0.0, -1.0, (0.0, 0.0)),
    ("xlog1py", 2.0, -1.0, (-INF, INF)),
    ("rel_entr", 0.0, 1.0, (-INF, 0.0)),
    ("rel_entr", 1.0, 0.0, (INF, -INF)),
    ("rel_entr", -1.0, 1.0, (NAN, NAN)),
    ("rel_entr", 2.0, 2.0, (1.0, -1.0)),
]


def test_special_values(backend: str) -> None:
    for dtype in (np.float32, np.float64):
        for name, x, y, expected in SPECIAL:
            got = fa.get(name)(dtype(x), dtype(y))
            np.testing.assert_equal(float(got), expected, f"{name}({x}, {y})")
        for name, x, y, gradients in GRADIENTS:
            got = fa.get(name).vjp(dtype(1), dtype(x), dtype(y))
            np.testing.assert_allclose(
                got, gradients, rtol=1e-6, err_msg=f"{name}.vjp(1, {x}, {y})"
            )


def test_gradients_have_the_shapes_of_the_arrays(backend: str) -> None:
    rng = np.random.default_rng(4)
    for f in BINARY_FUNCTIONS.values():
        g, x, y = (rng.uniform(0.5, 2, shape) for shape in ((4, 5, 3), (5, 1), (4, 1, 3)))
        whole = f.vjp(g, *(np.ascontiguousarray(np.broadcast_to(a, g.shape)) for a in (x, y)))
        dx, dy = f.vjp(g, x, y)
        np.testing.assert_allclose(dx, whole[0].sum((0, 2)).reshape(5, 1), rtol=1e-14)
        np.testing.assert_allclose(dy, whole[1].sum(1, keepdims=True), rtol=1e-14)
        outs = np.empty((5, 1)), np.empty((4, 1, 3))
        assert f.vjp(g, x, y, out=outs)[1] is outs[1]
        np.testing.assert_array_equal(outs[0], dx)
        chosen = rng.uniform(size=g.shape) < 0.5
        dx, _ = f.vjp(g, x, y, where=chosen)
        np.testing.assert_allclose(dx, np.where(chosen, whole[0], 0).sum((0, 2)).reshape(5, 1))
        dx, dy = f.vjp(g.astype("e"), 2.0, y.astype("e"))
        assert dx.dtype == dy.dtype == np.float16
        assert (np.shape(dx), dy.shape) == ((), y.shape)


def test_calls() -> None:
    f = fa.logaddexp
    assert f(0, 0) == pytest.approx(math.log(2))
    out = np.zeros(3, "f")
    assert f(np.ones(3, "f"), np.float32(1), out=out, where=[True, False, True]) is out
    assert out.tolist() == [out[0], 0, out[0]]
    assert pickle.loads(pickle.dumps(f)) is f
    assert pickle.loads(pickle.dumps(f.vjp)) is f.vjp
    with pytest.raises(ValueError, match=r"out\[0\] has shape \(3,\), expected \(1,\)"):
        f.vjp(np.ones(3), np.ones(1), np.ones(3), out=(np.ones(3), np.ones(3)))
    with pytest.raises(TypeError, match="takes x and y by position"):
        f(np.ones(3))
    with pytest.raises(AttributeError, match=r"it has logaddexp.vjp\(g, x, y\)"):
        _ = f.derivative
