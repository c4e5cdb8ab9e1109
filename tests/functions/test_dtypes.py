"""One rule for dtypes, at every size and in every layout: that of NumPy's ufuncs.

The inputs are cast to the dtype of the loop, which is what they promote to or the `dtype` that is given; the result is
of that dtype and is cast to the dtype of `out`. float16 is computed in float32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from fastact.calling.dtypes import is_floating
from halves import CHARS, promoted
from representatives import looped
from row_cases import ROW_BACKENDS

Array = npt.NDArray[Any]
WIDTH = 56
# Small calls are computed in a copy: 24,576 elements and less. The kernels share out 2**17 and more.
SIZES = [WIDTH * rows for rows in (10, 440, 2350)]
# dtypes of the inputs, then `dtype`, then that of `out`
CASES: list[tuple[Sequence[str], str | None, str | None]] = [
    ("f", "e", "f"),
    ("f", "e", "e"),
    ("f", "e", None),
    ("e", None, "f"),
    ("e", None, "d"),
    ("ef", "e", "f"),
    ("ef", None, "f"),
    ("d", "e", "f"),
    ("d", "f", "d"),
    ("f", None, "e"),
    ("q", "e", "f"),
    ("q", "f", "d"),
]
if "bfloat16" in CHARS:
    BRAIN = ["bfloat16"]
    CASES += [
        (BRAIN, None, None),
        ("f", "bfloat16", "f"),
        (BRAIN, None, "f"),
        ([*BRAIN, "e"], None, None),
        ("f", None, "bfloat16"),
        ("e", "bfloat16", "d"),
    ]


class Family(NamedTuple):
    """A call: the shapes of its inputs, a parameter that is an array, and what it does with `where` and `out`."""

    call: Callable[..., Any]
    shapes: tuple[str, ...] = ("x",)
    parameters: tuple[Array, ...] = ()
    where: bool = True
    in_place: bool = True
    rows: bool = False


def of_rows(call: Callable[..., Any], *shapes: str, **options: Any) -> Family:
    return Family(call, shapes or ("x",), rows=True, **options)


def other_shape(call: Callable[..., Any], *shapes: str, in_place: bool = False) -> Family:
    """A call whose output, or an input, is of another shape than x, and which takes no mask."""
    return Family(call, shapes or ("x",), where=False, in_place=in_place)


SLOPES = np.random.default_rng(9).uniform(-1, 1, WIDTH)

FAMILIES = {
    "gelu": Family(fa.gelu),
    "gelu.derivative": Family(fa.gelu.derivative),
    "gelu.vjp": Family(fa.gelu.vjp, ("x", "x")),
    "gelu.value_and_derivative": Family(fa.gelu.value_and_derivative),
    "sigmoid.vjp_from_output": Family(fa.sigmoid.vjp_from_output, ("x", "x")),
    "leaky_relu.vjp of slopes": Family(fa.leaky_relu.vjp, ("x", "x"), (SLOPES,)),
    "prelu": Family(fa.prelu, ("x",), (SLOPES,)),
    "softmax": of_rows(fa.softmax),
    "softmax of columns": of_rows(lambda x, **o: fa.softmax(x, 0, **o)),
    "softmax.vjp": of_rows(fa.softmax.vjp, "x", "x"),
    "logsumexp": of_rows(lambda x, **o: fa.logsumexp(x, -1, **o), in_place=False),
    "logsumexp.vjp": of_rows(lambda g, x, **o: fa.logsumexp.vjp(g, x, -1, **o), "row", "x"),
    "sparsemax": of_rows(fa.sparsemax),
    "hardmax": of_rows(fa.hardmax),
    "gumbel_softmax": of_rows(lambda x, **o: fa.gumbel_softmax(x, rng=3, **o)),
    "swiglu": Family(fa.swiglu, ("x", "x")),
    "swiglu.vjp": Family(fa.swiglu.vjp, ("x", "x", "x")),
    "swiglu, packed": other_shape(fa.swiglu),
    "swiglu.vjp, packed": other_shape(fa.swiglu.vjp, "half", "x", in_place=True),
    "maxout": other_shape(lambda x, **o: fa.maxout(x, 4, **o)),
    "maxout.vjp": other_shape(
        lambda g, x, **o: fa.maxout.vjp(g, x, 4, **o), "quarter", "x", in_place=True
    ),
    "crelu": other_shape(fa.crelu),
    "crelu.vjp": other_shape(fa.crelu.vjp, "twice", "x", in_place=True),
}


@pytest.fixture(params=ROW_BACKENDS)
def backend(request: pytest.FixtureRequest) -> Any:
    with fa.use_backend(request.param):
        yield request.param


def arrays_of(family: Family, size: int, chars: Sequence[str]) -> list[Array]:
    """Draw the inputs: float32 numbers that float16 rounds, so that maxima become equal."""
    rng, rows = np.random.default_rng(size), size // WIDTH
    columns = {"x": WIDTH, "half": WIDTH // 2, "quarter": WIDTH // 4, "twice": 2 * WIDTH, "row": 0}
    drawn = []
    for shape in family.shapes:
        width = columns[shape]
        values = rng.normal(0, 3, (rows, width) if width else rows).astype(np.float32)
        values[..., ::7] = 1.0 + values[..., ::7] * 1e-5
        drawn.append(np.rint(values * 1000) if chars == "q" else values)
    return [a.astype(chars[k % len(chars)]) for k, a in enumerate(drawn)]


def by_the_rule(family: Family, arrays: list[Array], dtype: str | None, **options: Any) -> Any:
    """Cast, compute from arrays of one dtype as every kernel takes them, and round once."""
    floats = [a.dtype if is_floating(a.dtype) else np.dtype("d") for a in arrays]
    loop = np.dtype(dtype) if dtype else promoted(*floats)
    computed = np.dtype(np.float32) if loop.itemsize == 2 else loop
    with np.errstate(all="ignore"):
        cast = [a.astype(loop).astype(computed) for a in (*arrays, *family.parameters)]
        return [result.astype(loop) for result in as_tuple(family.call(*cast, **options))]


def as_tuple(result: Any) -> tuple[Array, ...]:
    return result if isinstance(result, tuple) else (result,)


def strided(array: Array) -> Array:
    """Return the same elements with room between them."""
    apart = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    apart[..., ::2] = array
    return apart[..., ::2]


def layouts(family: Family, arrays: list[Array], outs: list[Array]) -> Any:
    """Yield the inputs and the outputs, contiguous and not, and an output that is the last input."""
    yield arrays, outs
    yield arrays, [strided(out) for out in outs]
    yield [strided(array) for array in arrays], [out.copy() for out in outs]
    x = arrays[-1]
    if family.in_place and len(outs) == 1 and outs[0].dtype == x.dtype:
        for same in (x.copy(), strided(x)):
            yield [*arrays[:-1], same], [same]


def check(
    family: Family, arrays: list[Array], dtype: str | None, to: str | None, where: Any
) -> None:
    options = {"where": where} if where is not True else {}
    given = {**options, **({} if dtype is None else {"dtype": dtype})}
    expected = by_the_rule(family, arrays, dtype, **(options if family.rows else {}))
    if to is None:
        for inputs in (arrays, [strided(array) for array in arrays]):
            results = as_tuple(family.call(*inputs, *family.parameters, **given))
            for result, wanted in zip(results, expected, strict=True):
                np.testing.assert_array_equal(result, wanted, strict=True)
        return
    for inputs, outs in layouts(family, arrays, [np.full(e.shape, 7, to) for e in expected]):
        wanted = [e.astype(to) for e in expected]
        if where is not True and not family.rows:
            wanted = [np.where(where, w, out) for w, out in zip(wanted, outs, strict=True)]
        out = tuple(outs) if len(outs) > 1 else outs[0]
        family.call(*inputs, *family.parameters, out=out, **given)
        for one, other in zip(outs, wanted, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_results_are_cast_as_ufuncs_cast_them(name: str, backend: str) -> None:
    check_cases(FAMILIES[name], SIZES[0], CASES)


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("name", FAMILIES)
def test_large_results_are_cast_likewise(name: str, size: int) -> None:
    """With the fastest backend alone: what casts does not ask which it is."""
    if name == "softmax of columns":
        size = SIZES[1]  # the sums of longer columns depend on how many of them lie side by side
    with fa.use_backend(ROW_BACKENDS[0]):
        check_cases(FAMILIES[name], size, CASES[::3])


def check_cases(
    family: Family, size: int, cases: list[tuple[Sequence[str], str | None, str | None]]
) -> None:
    for chars, dtype, to in cases:
        arrays = arrays_of(family, size, chars)
        check(family, arrays, dtype, to, True)
        if family.where and (family.rows or to is not None):
            mask = np.random.default_rng(size).random(arrays[-1].shape) < 0.6
            check(family, arrays, dtype, to, mask)


def test_rrelu_is_leaky_relu_of_its_slopes(backend: str) -> None:
    for size in SIZES[:2]:
        (x,) = arrays_of(FAMILIES["gelu"], size, "f")
        slopes = np.random.default_rng(1).uniform(1 / 8, 1 / 3, x.shape)
        out = np.empty_like(x)
        fa.rrelu(x, training=True, rng=1, out=out, dtype="e")
        family = Family(fa.leaky_relu, parameters=(slopes,))
        np.testing.assert_array_equal(out, by_the_rule(family, [x], "e")[0].astype("f"))


@pytest.mark.parametrize(("chars", "dtype"), [("f", "e"), ("ef", None), ("d", "f"), ("e", None)])
def test_gradient_of_a_weight_is_of_the_same_dtype(chars: str, dtype: str | None) -> None:
    """It is a sum in float64 of what has been cast, and cast once itself."""
    arrays = arrays_of(FAMILIES["gelu.vjp"], SIZES[0], chars)
    g, x = (a * np.dtype(a.dtype).type(0.01) for a in arrays)
    weight = np.full(WIDTH, 0.25)
    loop = np.dtype(dtype) if dtype else np.result_type(g, x)
    with np.errstate(all="ignore"):
        wide = [a.astype(loop).astype(float) for a in (g, x)]
    expected = np.where(wide[1] < 0, wide[0] * wide[1], 0.0).sum(0).astype(loop)
    for out in (None, (np.empty(x.shape, "d"), np.empty(WIDTH, "d"))):
        dx, dweight = fa.prelu.vjp(g, x, weight, out=out, dtype=dtype)
        assert dx.dtype == dweight.dtype == (loop if out is None else np.dtype("d"))
        np.testing.assert_array_equal(dweight, expected)
        np.testing.assert_array_equal(dx, dx.astype(loop))


LOSSES = {
    "cross_entropy of labels": (fa.cross_entropy, lambda p: p.argmax(-1)),
    "cross_entropy of a distribution": (fa.cross_entropy, lambda p: p),
    "binary_cross_entropy_with_logits": (fa.binary_cross_entropy_with_logits, lambda p: p),
    "binary_cross_entropy_with_logits of labels": (
        fa.binary_cross_entropy_with_logits,
        lambda p: (p > 0.01).astype(int),
    ),
    "binary_cross_entropy": (fa.binary_cross_entropy, lambda p: p),
    "binary_cross_entropy of labels": (fa.binary_cross_entropy, lambda p: p > 0.01),
}


@pytest.mark.slow
@pytest.mark.parametrize("backend", [ROW_BACKENDS[0], ROW_BACKENDS[-1]], indirect=True)
@looped("chars", ["ee", "ef", "fe", "fd", *([char] * 2 for char in CHARS[3:])])
@looped("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_of_what_logits_and_target_promote_to(
    name: str, reduction: str, chars: Sequence[str], backend: str
) -> None:
    """The loss of float16 is that of float32, rounded once; so is the gradient, whatever `out` is of."""
    function, target_of = LOSSES[name]
    (x,) = arrays_of(FAMILIES["gelu"], SIZES[1], "f")
    with np.errstate(all="ignore"):
        if function is fa.binary_cross_entropy:
            x = np.abs(np.tanh(x))
        x, p = x.astype(chars[0]), np.abs(np.tanh(x[::-1])).astype(chars[1])
        target = target_of(p)
        loop = promoted(x.dtype, target.dtype) if is_floating(target.dtype) else x.dtype
        # That of probabilities is computed in float64, and rounded once from there.
        half = np.dtype("d" if function is fa.binary_cross_entropy else "f")
        work = half if loop.itemsize == 2 else loop
        wide = [a.astype(work) if is_floating(a.dtype) else a for a in (x, target)]
        g = np.ones(np.shape(function(*wide, reduction=reduction)), loop) * loop.type(0.3)
        expected = function.value_and_grad(*wide, reduction=reduction)
        expected = [np.asarray(e).astype(loop) for e in expected]
        product = function.vjp(g.astype(work), *wide, reduction=reduction).astype(loop)
    outs = [np.empty(x.shape, "d"), np.empty(x.shape, "f"), strided(np.empty(x.shape, "f"))]
    outs = [None, *(out for out in outs if np.can_cast(loop, out.dtype, "same_kind"))]
    for inputs in ([x, target], [strided(x), target]):
        value = function(*inputs, reduction=reduction)
        assert value.dtype == loop
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        for out in outs:
            value, gradient = function.value_and_grad(*inputs, reduction=reduction, out=out)
            assert value.dtype == loop
            assert gradient.dtype == (loop if out is None else out.dtype)
            np.testing.assert_array_equal(gradient, expected[1].astype(gradient.dtype))
            gradient = function.vjp(g, *inputs, reduction=reduction, out=out)
            np.testing.assert_array_equal(gradient, product.astype(gradient.dtype))


def test_gradients_of_losses_count() -> None:
    x, target = np.ones((3, 4), np.float32), np.zeros(3, int)
    for function, labels in ((fa.cross_entropy, target), (fa.binary_cross_entropy, x)):
        for g, dtype in ((1.0, "f"), (2, "f"), (np.float16(1), "f"), (np.float64(1), "d")):
            assert function.vjp(g, x, labels).dtype == np.dtype(dtype)
