"""Arrays in users' compiled code: a new array from any layout, and rows along the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.functions.rows import ROW_FUNCTIONS
from njit_cases import compiled, same

RANDOM = np.random.default_rng(3)


def array(dtype: Any, *shape: int) -> Any:
    return (4 * RANDOM.standard_normal(shape)).astype(dtype)


def unaligned(x: Any) -> Any:
    return np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)


LAYOUTS = {
    "C": lambda x: x,
    "F": np.asfortranarray,
    "every other": lambda x: x[..., ::2],
    "backwards": lambda x: x[::-1, ::-1],
    "turned": lambda x: x.swapaxes(0, 1),
    "inner rows": lambda x: x[:, 1:-1],
    "first column": lambda x: x[:, 0],
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape),
    "empty": lambda x: x[:0],
    "no columns": lambda x: x[:, :0],
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "unaligned": unaligned,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str) -> None:
    code = compiled("x", "f(x, 0.3), f.value_and_derivative(x)", f=fa.elu)
    x = LAYOUTS[layout](array("f4", 6, 300))
    value, both = code(x)
    assert same(value, fa.elu(x, 0.3))
    assert same(both, fa.elu.value_and_derivative(x))
    assert value.flags.owndata or value.base is not x.base
    assert value.flags.f_contiguous if layout in ("F", "turned") else value.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["f8", "i8", "u1", "?"])
def test_types(dtype: str) -> None:
    x = array("f4", 3, 5).astype(dtype)
    assert same(compiled("x", "f(x)", f=fa.tanh)(x), fa.tanh(x))


def test_ten_thousand_elements_that_are_gathered() -> None:
    """More than one block, and a last one that is not full."""
    x = array("f8", 2, 5001, 2)[..., 0]
    assert same(compiled("x", "f(x)", f=fa.gelu)(x), fa.gelu(x))


@pytest.mark.parametrize("shapes", [((4, 1, 3), (5, 1)), ((3,), (2, 3)), ((1, 1), (0, 4))], ids=str)
@pytest.mark.parametrize("dtypes", ["ff", "fd", "lf"])
def test_broadcasting(shapes: Any, dtypes: str) -> None:
    g, x = (array(dtype, *shape) for dtype, shape in zip(dtypes, shapes, strict=True))
    assert same(compiled("g, x", "f.vjp(g, x)", f=fa.silu)(g, x), fa.silu.vjp(g, x))


def test_gates() -> None:
    code = compiled("g, a, b", "f(a, b), f.vjp(g, a, b)", f=fa.swiglu)
    g, a, b = array("f4", 2, 1, 5), array("f4", 5), array("f4", 4, 1)
    value, gradients = code(g, a, b)
    assert same(value, fa.swiglu(a, b)) and same(gradients, fa.swiglu.vjp(g, a, b))
    f = [np.asfortranarray(array("f4", 4, 5)) for _ in range(3)]
    value, gradients = code(*f)
    assert same(value, fa.swiglu(*f[1:])) and same(gradients, fa.swiglu.vjp(*f))


def test_numbers_beside_arrays_adapt_to_them() -> None:
    x = array("f4", 3, 4)
    code = compiled("g, x", "f.vjp(g, x), f.vjp(x, g)", f=fa.tanh)
    assert same(code(0.7, x), (fa.tanh.vjp(0.7, x), fa.tanh.vjp(x, 0.7)))


def test_an_array_without_axes_gives_a_number() -> None:
    code = compiled("x", "f(x)", f=fa.mish)
    assert np.float32(code(np.array(1.5, "f4"))) == fa.mish(np.float32(1.5))
    assert code(np.array(2)) == fa.mish(2)


def test_shapes_that_do_not_broadcast() -> None:
    code = compiled("g, x", "f.vjp(g, x)", f=fa.tanh)
    with pytest.raises(
        ValueError, match=r"tanh\.vjp\(\): the shapes of the arrays do not broadcast"
    ):
        code(array("f4", 3), array("f4", 4))


# --- rows -------------------------------------------------------------------------------------------------------------

# Short rows, which are transposed, one in parts, and some of no whole vectors.
SHAPES = (40, 3), (1, 47), (3, 100), (6, 4097), (1, 200_000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dtype"), [("softmax", "f4"), ("log_softmax", "f8"), ("logsumexp", "f4")]
)
def test_rows_have_the_bits_of_the_kernels(name: str, dtype: str) -> None:
    function = ROW_FUNCTIONS[name]
    code = compiled("x, t", "f(x, axis=-1), f(x, temperature=t, axis=-1)", f=function)
    for shape in SHAPES:
        x = array(dtype, *shape)
        with fa.use_backend("numba"):
            wanted = function(x, axis=-1), function(x, axis=-1, temperature=0.7)
        assert same(code(x, 0.7), wanted), shape


@pytest.mark.slow
@pytest.mark.parametrize("name", ["softmin", "logmeanexp", "sparsemax", "entmax15"])
def test_other_row_functions(name: str) -> None:
    function = ROW_FUNCTIONS[name]
    x = array("f8", 4, 60)
    found = compiled("x", "f(x, axis=1)", f=function)(x)
    np.testing.assert_allclose(found, function(x, axis=1), 1e-12)


@pytest.mark.slow
def test_gradients_of_rows() -> None:
    g, y = array("f4", 4, 60), fa.softmax(array("f4", 4, 60))
    with fa.use_backend("numba"):
        wanted = fa.softmax.vjp(g, y, temperature=2.0)
    assert same(compiled("g, y", "f(g, y, temperature=2)", f=fa.softmax.vjp)(g, y), wanted)


@pytest.mark.slow
def test_layouts_and_axes_of_rows() -> None:
    """A row is summed as one of a contiguous array is."""
    code = compiled("x", "f(x), h(x, -1), h(x), f(x, None)", f=fa.softmax, h=fa.logsumexp)
    for layout in "F", "every other", "no columns":
        x = LAYOUTS[layout](array("f4", 6, 100))
        y = np.ascontiguousarray(x)
        with fa.use_backend("numba"):
            wanted = fa.softmax(y), fa.logsumexp(y, -1), fa.logsumexp(y), fa.softmax(y, None)
        soft, each, every, last = code(x)
        assert same((soft, each, np.float32(every), last), wanted), layout


@pytest.mark.slow
def test_integer_rows_are_float64() -> None:
    x = np.arange(12).reshape(3, 4)
    np.testing.assert_allclose(compiled("x", "f(x)", f=fa.softmax)(x), fa.softmax(x), 1e-14)


@pytest.mark.slow
def test_temperatures_are_checked_when_they_are_known() -> None:
    code = compiled("x, t", "f(x, temperature=t)", f=fa.softmax)
    with pytest.raises(ValueError, match=r"softmax\(\): temperature: expected a number between"):
        code(array("f4", 4), 0.0)
    with pytest.raises(ValueError, match=r"softmax\.vjp\(\): the arrays differ in shape"):
        compiled("g, y", "f(g, y)", f=fa.softmax.vjp)(array("f4", 4), array("f4", 5))
