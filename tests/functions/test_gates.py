"""The gates: errors, layouts, packing, gradients."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS, WORST, loaded
from fastact import accuracy
from fastact.calling import broadcast
from fastact.definitions.tables import CHANNELS, GATES, LOSSES
from fastact.functions.gates import GATED
from fastact.reference import activations as reference
from fastact.reference import several as reference_gates
from native_cases import DTYPES, assert_same_bits

RNG = np.random.default_rng
COUNT = {"float32": 1 << 18, "float64": 1500}


def shuffled(dtype: str, seed: int) -> np.ndarray:
    """Return finite numbers spread over bit patterns, in any order."""
    x = accuracy.samples(dtype, COUNT[dtype])
    x = x[np.isfinite(x)]
    return RNG(seed).permutation(x)


def truths(name: str, pass_: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
    if inputs[0].dtype != np.float64:
        return [np.asarray(value) for value in reference_gates.evaluate(name, pass_, *inputs)]
    rows = [
        reference_gates.exact(name, pass_, *values)
        for values in zip(*(x.tolist() for x in inputs), strict=True)
    ]
    return [np.array(column, dtype=object) for column in zip(*rows, strict=True)]


def promised(name: str, pass_: str, place: int, inputs: list[np.ndarray]) -> np.ndarray:
    """Tell where an error bound is promised: see the gates' docstrings."""
    activation = reference_gates.TABLE[name].activation
    gate = inputs[-2]
    sloped = pass_ == "vjp" and place == 0
    factor = reference.evaluate(
        activation.definition.__name__, "derivative" if sloped else "forward", gate
    )
    info = np.finfo(gate.dtype)
    # A gate that closes: 2^-150 in float32; in float64 that is too little for a double.
    ok = np.abs(factor) >= max(float(info.smallest_subnormal) / 2, 2.0**-1074)
    ok |= np.isin(name, ["reglu", "bilinear"])
    if name == "situ_glu" and pass_ == "vjp" and place == 1:
        slope = reference.evaluate("softcap", "derivative", inputs[2], 25)
        with np.errstate(all="ignore"):
            product = np.abs(inputs[0]) * slope
        ok &= slope >= max(float(info.smallest_subnormal) / 2, 2.0**-1074)
        ok &= (product >= info.smallest_normal) | (product == 0)
    if sloped:
        with np.errstate(all="ignore"):
            product = np.abs(inputs[0] * inputs[2])
        ok &= np.isfinite(product) & ((product >= info.smallest_normal) | (product == 0))
        for zero in accuracy.sign_changes(activation.definition.__name__):
            ok &= ~((np.abs(gate - zero) <= 1) & (np.abs(factor) < 1 / 16))
    return ok


@pytest.mark.parametrize("dtype", COUNT)
@pytest.mark.parametrize("pass_", ["forward", "vjp"])
@pytest.mark.parametrize("name", GATES)
def test_error(name: str, pass_: str, dtype: str) -> None:
    names = GATES[name].signatures[pass_][0]
    inputs = [shuffled(dtype, seed) for seed in range(len(names))]
    outputs = GATED[name](*inputs) if pass_ == "forward" else GATED[name].vjp(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    for place, (got, true) in enumerate(zip(outputs, truths(name, pass_, inputs), strict=True)):
        known = promised(name, pass_, place, inputs)
        assert known.mean() > 0.4
        error = np.where(known, accuracy.ulp_error(got, true), 0.0)
        at = int(np.argmax(error))
        where = ", ".join(repr(float(x[at])) for x in inputs)
        WORST[f"{name} {pass_} {dtype} {place}"] = f"{error[at]:.3f} ulp at {where}"
        assert error[at] <= GATES[name].most(pass_), where


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*GATES, *CHANNELS, *LOSSES])
def test_compiled_backends_give_the_same_bits(name: str, dtype: str) -> None:
    declaration = {**GATES, **CHANNELS, **LOSSES}[name]
    compiled = [loaded(backend) for backend in BACKENDS if backend != "numpy"]
    x = accuracy.bit_patterns(DTYPES[dtype], 1 << 12)
    for pass_, (inputs, outputs) in declaration.signatures.items():
        arrays = [np.roll(x, 77 * k) for k in range(len(inputs))]
        results = []
        for backend in compiled:
            results.append([np.empty_like(x) for _ in outputs])
            params = [p.default for p in declaration.params.values()]
            backend.kernel(name, pass_, DTYPES[dtype])(*arrays, *results[-1], *params)
        for result in results[1:]:
            assert_same_bits(results[0], result)


SPECIAL = [0.0, -0.0, 1.5, -1e30, 1e30, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("name", GATES)
def test_special_values(name: str, backend: str) -> None:
    gate, value = np.meshgrid(np.array(SPECIAL), np.array(SPECIAL))
    with np.errstate(all="raise"):
        got = GATED[name](gate, value)
        dgate, dvalue = GATED[name].vjp(np.ones_like(gate), gate, value)
    assert np.isnan(dvalue[np.isnan(gate)]).all()
    assert np.isnan(dgate[np.isnan(gate)]).all() or name == "bilinear"
    (expected,) = reference_gates.evaluate(name, "forward", gate, value)
    np.testing.assert_allclose(got, expected, rtol=1e-15)


#: What models give the gates, and values between those of float32.
GIVEN = {
    "swiglu": [(1.702, 7, 1), (1, 10, 0), (1.1, 0.3, 0), (0.3, np.inf, 0.1), (1, np.inf, 0)],
    "reglu": [(0.1,), (-0.3,), (0,)],
    "situ_glu": [(1.3, 3, 0), (4, 25, 1)],
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", GIVEN)
def test_parameters(name: str, dtype: str, backend: str) -> None:
    """Against the definitions in float64, silently, and the same from two arrays, packed and interleaved ones."""
    data = RNG(31).normal(0, 6, size=(3, 40, 30))
    data[1, 1, :8], data[2, :8, 0] = SPECIAL, SPECIAL
    with np.errstate(all="ignore"):  # the largest are infinite in float16
        g, gate, value = data.astype(dtype)
    eps = float(np.finfo(dtype).eps)
    parameter_list = GATED[name].parameter_list
    for values in GIVEN[name]:
        given = dict(zip(parameter_list.names, values, strict=True))
        with np.errstate(all="raise"):
            y, gradients = (
                GATED[name](gate, value, *values),
                GATED[name].vjp(g, gate, value, **given),
            )
        wide = [a.astype(np.float64) for a in (g, gate, value)]
        (truth,) = reference_gates.evaluate(name, "forward", *wide[1:], *values)
        truths = reference_gates.evaluate(name, "vjp", *wide, *values)
        for got, true in zip((y, *gradients), (truth, *truths), strict=True):
            with np.errstate(all="ignore"):
                # The parameters cancel in sums with values, and the terms of a derivative at its zeros.
                np.testing.assert_allclose(got, true.astype(dtype), rtol=4 * eps, atol=20 * eps)
        for axis in (0, 1):
            both = np.concatenate([gate, value], axis)
            mixed = np.stack([gate, value], axis + 1).reshape(both.shape)
            for x, order in ((both, "gate_first"), (mixed, "interleaved")):
                options: dict[str, Any] = {"axis": axis, "order": order, **given}
                with np.errstate(all="raise"):
                    assert_same_bits([GATED[name](x, **options)], [y])
                    dx = GATED[name].vjp(g, x, **options)
                    out = GATED[name].vjp(g, x, out=x, **options)
                assert out is x
                assert_same_bits([x], [dx])
                halves = np.split(dx, 2, axis)
                if order == "interleaved":
                    halves = [np.take(dx, range(k, dx.shape[axis], 2), axis) for k in (0, 1)]
                assert_same_bits(map(np.ascontiguousarray, halves), gradients)


@pytest.mark.parametrize(
    "name, chosen", [("tanh", "geglu_tanh"), (True, "geglu_tanh"), ("sigmoid", "geglu_sigmoid")]
)
def test_forms_of_geglu(name: Any, chosen: str) -> None:
    g, gate, value = RNG(32).normal(size=(3, 50))
    packed, other = np.concatenate([gate, value]), GATED[chosen]
    assert_same_bits([fa.geglu(gate, value, approximate=name)], [other(gate, value)])
    assert_same_bits([fa.geglu(packed, approximate=name)], [other(gate, value)])
    assert_same_bits(fa.geglu.vjp(g, gate, value, name), other.vjp(g, gate, value))
    assert_same_bits([fa.geglu.vjp(g, packed, approximate=name)], [other.vjp(g, packed)])


def test_no_gradient_where_a_limit_clips() -> None:
    gate, value = np.array([8.0, -8.0, 8.0, 7.0]), np.array([1.0, -8.0, 8.0, 7.0])
    dgate, dvalue = fa.swiglu.vjp(np.full(4, np.inf), gate, value, limit=7.0)
    assert (dgate == 0).tolist() == [True, False, True, False]
    assert (dvalue == 0).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "options, error",
    [
        ({"alpha": 0.0}, ValueError),
        ({"limit": -1.0}, ValueError),
        ({"beta": 1.0}, TypeError),
        ({"order": "mixed"}, ValueError),
    ],
)
def test_bad_parameters(options: dict[str, Any], error: type[Exception]) -> None:
    x = np.ones(8)
    with pytest.raises(error, match=next(iter(options))):
        fa.swiglu(x, **options)
    np.testing.assert_array_equal(x, 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", GATES)
def test_a_closed_gate_lets_nothing_through(name: str, dtype: str) -> None:
    if name == "bilinear":
        pytest.skip("it is never closed")
    largest = np.finfo(dtype).max
    gate, value = np.full(33, -1e9, dtype), np.full(33, largest, dtype)
    assert not GATED[name](gate, value).any()
    assert not any(gradient.any() for gradient in GATED[name].vjp(np.ones_like(gate), gate, value))


def test_reglu_passes_no_gradient_where_closed() -> None:
    gate, infinite = np.array([-1.0, 0.0, -np.inf]), np.full(3, np.inf)
    for gradient in fa.reglu.vjp(infinite, gate, infinite):
        assert (gradient == 0).all()


@pytest.mark.parametrize("name", GATES)
def test_vjp_against_difference_quotients(name: str, backend: str) -> None:
    rng, h = RNG(3), 1e-3
    g, gate, value = rng.normal(size=(3, 50))
    f = GATED[name]

    def slope(of: Any, x: np.ndarray) -> np.ndarray:
        near, far = of(x + h) - of(x - h), of(x + 2 * h) - of(x - 2 * h)
        return (8 * near - far) / (12 * h)

    dgate, dvalue = f.vjp(g, gate, value)
    away = np.abs(gate) > 3 * h
    expected = g * slope(lambda x: f(x, value), gate)
    np.testing.assert_allclose(dgate[away], expected[away], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(dvalue, g * slope(lambda x: f(gate, x), value), rtol=1e-8)


# --- packed ----------------------------------------------------------------------------------------

SHAPES = [
    ((6, 400), -1),
    ((6, 400), 0),
    ((4, 6, 130), 1),
    ((3, 2, 70, 200), 3),
    ((8,), 0),
    ((2, 0), 1),
]


def halves(x: np.ndarray, axis: int, order: str) -> list[np.ndarray]:
    both = np.split(x, 2, axis)
    return both if order == "gate_first" else both[::-1]


@pytest.mark.parametrize("order", ["gate_first", "value_first"])
@pytest.mark.parametrize("shape, axis", SHAPES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_packed_is_as_two_arrays(
    dtype: str, shape: tuple[int, ...], axis: int, order: str, backend: str
) -> None:
    x = RNG(4).normal(size=shape).astype(dtype)
    gate, value = map(np.ascontiguousarray, halves(x, axis, order))
    g = RNG(5).normal(size=gate.shape).astype(dtype)
    expected = fa.swiglu(gate, value)
    got = fa.swiglu(x, axis=axis, order=order)
    assert got.dtype == x.dtype
    assert_same_bits([got], [expected])
    gradients = fa.swiglu.vjp(g, gate, value)
    dx = fa.swiglu.vjp(g, x, axis=axis, order=order)
    assert dx.dtype == x.dtype
    assert_same_bits(map(np.ascontiguousarray, halves(dx, axis, order)), gradients)
    assert fa.swiglu.vjp(g, x, axis=axis, order=order, out=x) is x
    assert_same_bits([x], [dx])


@pytest.mark.parametrize("name", GATES)
def test_default_order(name: str) -> None:
    x = RNG(6).normal(size=(3, 8))
    gate, value = halves(x, -1, "value_first" if name == "glu" else "gate_first")
    np.testing.assert_array_equal(GATED[name](x), GATED[name](gate, value))


def test_glu_golden() -> None:
    # torch.nn.functional.glu(torch.tensor([1., 2., 3., 4.], dtype=torch.float64))
    np.testing.assert_allclose(
        fa.glu(np.array([1.0, 2.0, 3.0, 4.0])), [0.9525741268224334, 1.964027580075817], rtol=1e-15
    )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_rows_in_place_are_as_rows_copied(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strides of all kinds, with and without the kernels' own walk over rows, at every thread count."""
    before = fa.get_num_threads()
    fa.set_num_threads(count)
    try:
        for rows, length, gap in [(1, 64, 3), (7, 65, 0), (300, 513, 1), (90, 2048, 16)]:
            wide = RNG(7).normal(size=(rows, 2 * length + gap)).astype(np.float32)
            views = wide[:, :length], wide[:, length + gap :]
            slopes = RNG(8).uniform(size=length).astype(np.float32)
            out = np.full_like(wide, 7)
            for f, arrays in [
                (fa.swiglu, views),
                (fa.swiglu, (views[0], views[1][:1])),
                (fa.mish, views[:1]),
                (fa.leaky_relu, (views[0], slopes)),
            ]:
                target = out[:, gap : gap + length]
                f(*arrays, out=target)
                with monkeypatch.context() as patch:
                    patch.setattr(broadcast, "SHORTEST_ROW", 1 << 40)
                    expected = f(*arrays)
                assert_same_bits([np.ascontiguousarray(target)], [expected])
                assert (out[:, :gap] == 7).all()
                assert (out[:, gap + length :] == 7).all()
    finally:
        fa.set_num_threads(before)


def odd_strides(a: np.ndarray) -> np.ndarray:
    """Return a copy of which the axes of length 1 have strides that mean nothing."""
    copy = np.array(a, order="C")
    strides = [24 if n == 1 else step for n, step in zip(copy.shape, copy.strides, strict=True)]
    return np.lib.stride_tricks.as_strided(copy, copy.shape, strides)


PACKED_LAYOUTS = {
    "transposed": lambda a: np.array(a.T, order="C").T,
    "odd strides": odd_strides,
    "Fortran order": np.asfortranarray,
    "reversed": lambda a: np.array(np.flip(a)).copy()[(slice(None, None, -1),) * a.ndim],
    "step 2": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.mark.parametrize("layout", PACKED_LAYOUTS)
@pytest.mark.parametrize(
    "shape, axis", [((5, 2), 1), ((1, 2), 1), ((2, 1), 0), ((2, 5), 0), ((2,), 0), ((1, 2, 1), 1)]
)
def test_packed_in_any_layout(shape: tuple[int, ...], axis: int, layout: str, backend: str) -> None:
    laid, x = PACKED_LAYOUTS[layout], RNG(20).normal(size=shape)
    g = RNG(21).normal(size=tuple(n // 2 if k == axis else n for k, n in enumerate(shape)))
    views = laid(g), laid(x)
    plain_g, plain_x = (np.array(view, order="C") for view in views)
    y, dx = fa.glu(plain_x, axis=axis), fa.glu.vjp(plain_g, plain_x, axis=axis)
    for one, other in [(views[0], views[1]), (views[0], plain_x), (plain_g, views[1])]:
        np.testing.assert_array_equal(fa.glu(other, axis=axis), y)
        np.testing.assert_array_equal(fa.glu.vjp(one, other, axis=axis), dx)
        if layout != "broadcast":
            for out in (laid(np.full(y.shape, 7.0)), np.full(y.shape, 7.0)):
                assert fa.glu(other, axis=axis, out=out) is out
                np.testing.assert_array_equal(out, y)
            for out in (laid(np.full(shape, 7.0)), np.full(shape, 7.0)):
                assert fa.glu.vjp(one, other, axis=axis, out=(out,)) is out
                np.testing.assert_array_equal(out, dx)


@pytest.mark.parametrize("axis, error", [(2, np.exceptions.AxisError), (1, ValueError)])
def test_bad_axis(axis: int, error: type[Exception]) -> None:
    for call in (fa.glu, lambda x, axis: fa.glu.vjp(x, x, axis=axis)):
        with pytest.raises(error):
            call(np.zeros((4, 3)), axis=axis)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: fa.glu(np.zeros(4), order="first"),
            ValueError,
            "choose one of 'gate_first', 'value_first'",
        ),
        (lambda: fa.glu(1.0), np.exceptions.AxisError, "axis"),
        (lambda: fa.glu(), TypeError, "gate and value"),
        (lambda: fa.glu(np.zeros(4), np.zeros(4), axis=0), TypeError, "axis"),
        (lambda: fa.glu(np.zeros(4, complex)), TypeError, "complex128"),
        (lambda: fa.glu(["a", "b"]), TypeError, "<U1"),
        (lambda: fa.glu(np.zeros(4), np.zeros(3)), ValueError, "broadcast"),
        (lambda: fa.glu(np.zeros(4), out=np.zeros(3)), ValueError, "out"),
        (lambda: fa.glu.vjp(np.zeros(3), np.zeros(4)), ValueError, "shape"),
        (lambda: fa.glu.vjp(np.zeros(2), np.zeros(4), out=np.zeros(5)), ValueError, "out"),
    ],
)
def test_one_clear_error(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", GATES)
def test_broadcasts_casts_and_pickles(name: str) -> None:
    f = pickle.loads(pickle.dumps(GATED[name]))
    assert f is GATED[name]
    assert pickle.loads(pickle.dumps(f.vjp)) is f.vjp
    gate, value = RNG(9).normal(size=(5, 1)), RNG(10).normal(size=7).astype(np.float32)
    full = [np.ascontiguousarray(a) for a in np.broadcast_arrays(gate, value.astype(float))]
    np.testing.assert_array_equal(f(gate, value), f(*full))
    assert f([1, 2], [3, 4]).dtype == np.float64
    assert isinstance(f(1.0, 2.0), np.float64)
    assert name in f.__doc__
    assert fa.get(name) is f


def test_dask() -> None:
    da = pytest.importorskip("dask.array")
    x, g = RNG(11).normal(size=(6, 8)), RNG(12).normal(size=(6, 4))
    lazy, lazy_g = da.from_array(x, chunks=(2, 4)), da.from_array(g, chunks=(2, 4))
    np.testing.assert_array_equal(fa.glu(lazy).compute(), fa.glu(x))
    np.testing.assert_array_equal(fa.glu.vjp(lazy_g, lazy).compute(), fa.glu.vjp(g, x))
    np.testing.assert_array_equal(fa.crelu(lazy).compute(), fa.crelu(x))
