"""Every layout in memory: strides, offsets, overlap, axis order, and no memory beyond a block."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastact as fa
from conftest import required
from fastact.calling import broadcast
from fastact.functions.elementwise import FUNCTIONS, Elementwise
from halves import CHARS, promoted
from representatives import looped

Array = npt.NDArray[Any]

# The fixtures only choose the backend, which is the same for every example.
relaxed = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def sample(shape: tuple[int, ...], char: str = "d") -> Array:
    size = int(np.prod(shape))
    return np.random.default_rng(size).uniform(-4, 4, shape).astype(char)


@looped("char", "fd")
def test_every_length_at_every_offset(char: str, kind: Elementwise, backend: str) -> None:
    call = _with(kind, **required(kind))
    whole = sample((90,), char)
    expected = call(whole)
    for length, offset in itertools.product(range(71), range(16)):
        part = slice(offset, offset + length)
        np.testing.assert_array_equal(call(whole[part]), expected[part], strict=True)


def test_every_alignment(kind: Elementwise, backend: str) -> None:
    call = _with(kind, **required(kind))
    whole = sample((40,))
    expected = call(whole)
    for shift in range(16):
        memory = np.zeros(40 * 8 + 16, np.uint8)
        x = memory[shift : shift + 320].view(float)
        x[:] = whole
        np.testing.assert_array_equal(call(x), expected)
        out = np.zeros(336, np.uint8)[shift : shift + 320].view(float)
        assert call(whole, out=out) is out
        np.testing.assert_array_equal(out, expected)


VIEWS: dict[str, Callable[[Array], Array]] = {
    "step 2": lambda a: a[::2],
    "reversed": lambda a: a[::-1],
    "inner step": lambda a: a[..., ::3],
    "inner reversed": lambda a: a[..., ::-2],
    "transposed": lambda a: a.T,
    "fortran": np.asfortranarray,
    "axes swapped": lambda a: a.swapaxes(0, 1),
    "both": lambda a: a.swapaxes(0, 1)[:, ::-2],
    "broadcast": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "broadcast everywhere": lambda a: np.broadcast_to(a[:1, :1, :1], a.shape),
    "read-only": lambda a: _read_only(a.copy()),
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "record field": lambda a: _record(a)["value"],
    "new axes": lambda a: a[None, ::2, None],
}


def _read_only(a: Array) -> Array:
    a.flags.writeable = False
    return a


def _record(a: Array) -> Array:
    # One byte before each value: unaligned, and a stride that is no multiple of the item size.
    record = np.zeros(a.shape, [("tag", "u1"), ("value", a.dtype)])
    record["value"] = a
    return record


@looped("view", list(VIEWS))
@looped("char", CHARS)
def test_views(view: str, char: str, kind: Elementwise, backend: str) -> None:
    x = VIEWS[view](sample((6, 5, 7), char))
    plain = np.ascontiguousarray(x.astype(char))
    parameters = required(kind)
    for pass_ in kind.passes.values():
        if pass_.pass_ == "vjp_from_output":
            continue
        arrays, plains = [x] * pass_.nin, [plain] * pass_.nin
        expected = _tuple(pass_(*plains, **parameters))
        for result, wanted in zip(_tuple(pass_(*arrays, **parameters)), expected, strict=True):
            np.testing.assert_array_equal(result, wanted, strict=True)
        outs = tuple(VIEWS["both"](np.full((12, 14, 12), 9.0)) for _ in expected)
        outs = tuple(out[: x.shape[0], : x.shape[1], : x.shape[-1]] for out in outs)
        if x.ndim == 3:
            pass_(*arrays, out=outs, **parameters)
            for out, wanted in zip(outs, expected, strict=True):
                np.testing.assert_array_equal(out, wanted)


@looped("view", list(VIEWS))
def test_output_has_the_layout_that_a_ufunc_gives_it(
    view: str, kind: Elementwise, strict: None
) -> None:
    x = VIEWS[view](sample((6, 5, 7)))
    result = kind(x, **required(kind))
    product = kind.vjp(x, sample(x.shape), **required(kind))
    for ours, theirs in ((result, np.negative(x)), (product, np.add(x, sample(x.shape)))):
        # The stride of an axis of length one means nothing.
        assert np.squeeze(ours).strides == np.squeeze(theirs).strides


def test_same_layout_is_one_flat_call(kind: Elementwise) -> None:
    calls: list[int] = []

    def kernel(x: Array, out: Array, *params: Any) -> None:
        calls.append(x.size)
        assert np.may_share_memory(x, base)

    base = sample((8, 9, 10))
    for order in itertools.permutations(range(3)):
        calls.clear()
        x = base.transpose(order)
        operands = broadcast.Operands([x], [np.empty_like(x)], (), None)
        broadcast.compute(kernel, x.dtype, x.dtype, operands, "relu")
        assert calls == [720]


def test_memmap(tmp_path: Path, kind: Elementwise, strict: None) -> None:
    path = tmp_path / "x.npy"
    np.save(path, sample((50, 3)))
    x = np.load(path, mmap_mode="r")
    out = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float64, x.shape)
    assert kind(x, out=out, **required(kind)) is out
    expected = kind(np.array(x), **required(kind))
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)
    np.testing.assert_array_equal(kind(x[::2], **required(kind)), expected[::2])


def test_exact_alias(kind: Elementwise, backend: str) -> None:
    parameters = required(kind)
    for char, shape in itertools.product(CHARS, [(40,), (5, 8)]):
        original = sample(shape, char)
        expected = kind(original, **parameters)
        for view in ("C", "F", "step", "reversed"):
            x = original.copy("F" if view == "F" else "C")
            x = np.repeat(x, 2, -1)[..., ::2] if view == "step" else x
            x = x[..., ::-1] if view == "reversed" else x
            wanted = expected[..., ::-1] if view == "reversed" else expected
            assert kind(x, out=x, **parameters) is x
            np.testing.assert_array_equal(x, wanted)
    g, x = sample((40,)), sample((40,))[::-1].copy()
    expected, y, dy = kind.vjp(g, x, **parameters), *kind.value_and_derivative(x, **parameters)
    for target in (0, 1):
        arrays = [g.copy(), x.copy()]
        kind.vjp(*arrays, out=arrays[target], **parameters)
        np.testing.assert_array_equal(arrays[target], expected)
    for target in (0, 1):
        alias = x.copy()
        outs = [np.empty(40), np.empty(40)]
        outs[target] = alias
        results = kind.value_and_derivative(alias, out=tuple(outs), **parameters)
        np.testing.assert_array_equal(results[0], y)
        np.testing.assert_array_equal(results[1], dy)


def spans(size: int) -> st.SearchStrategy[slice]:
    return st.slices(size).filter(lambda s: len(range(size)[s]) > 0)


@relaxed
@given(name=st.sampled_from(list(FUNCTIONS)), data=st.data(), char=st.sampled_from(CHARS))
def test_partial_overlap_is_as_from_a_copy(
    name: str, data: st.DataObject, char: str, strict: None
) -> None:
    function = FUNCTIONS[name]
    size = data.draw(st.integers(1, 60))
    first, second = data.draw(spans(size)), data.draw(spans(size))
    memory = sample((size,), char)
    x, out = memory[first], memory[second]
    count = min(x.size, out.size)
    x, out = x[:count], out[:count]
    expected = function(x.copy(), **required(function))
    mask = data.draw(st.none() | st.lists(st.booleans(), min_size=count, max_size=count))
    if mask is None:
        assert function(x, out=out, **required(function)) is out
    else:
        expected = np.where(mask, expected, out)
        function(x, out=out, where=np.array(mask), **required(function))
    # NumPy takes no NaN of bfloat16 for equal.
    np.testing.assert_array_equal(*(array.astype(np.float64) for array in (out, expected)))


@pytest.mark.parametrize("size", [3, 50_000])
def test_overlap_across_blocks(size: int, kind: Elementwise, strict: None) -> None:
    for source, target in [
        (slice(0, -1), slice(1, None)),
        (slice(1, None), slice(0, -1)),
        (slice(None), slice(None, None, -1)),
    ]:
        memory = sample((size, 3))
        x, out = memory[source], memory[target]
        expected = kind.vjp(x.copy(), x.copy(), **required(kind))
        kind.vjp(x, x, out=out, **required(kind))
        np.testing.assert_array_equal(out, expected)


def test_parameter_and_mask_may_overlap_out(strict: None) -> None:
    for function in FUNCTIONS.values():
        for name in function.parameter_list.params:
            memory = 1 / (np.abs(sample((40,))) + 1)  # in every domain
            x, values, out = sample((30,)), memory[:30], memory[10:]
            expected = function(x, **{**required(function), name: values.copy()})
            function(x, out=out, **{**required(function), name: values})
            np.testing.assert_array_equal(out, expected)
    function = next(iter(FUNCTIONS.values()))
    memory = np.ones(40)
    mask = memory.view(bool)[::8][:40]
    expected = np.where(mask.copy(), 5.0, memory)
    function(np.full(40, 5.0), out=memory, where=mask)
    np.testing.assert_array_equal(memory, expected)


def test_columns_of_one_array_are_two_outputs(kind: Elementwise, strict: None) -> None:
    x, both = sample((30,)), np.empty((30, 2))
    kind.value_and_derivative(x, out=(both[:, 0], both[:, 1]), **required(kind))
    np.testing.assert_array_equal(both.T, kind.value_and_derivative(x, **required(kind)))


@st.composite
def layouts(draw: st.DrawFn, shape: tuple[int, ...]) -> Array:
    """An array that broadcasts to `shape`, with any axis order, steps, byte order and dtype."""
    kept = [draw(st.sampled_from([n, n, n, 1])) for n in shape][draw(st.integers(0, len(shape))) :]
    order = draw(st.permutations(range(len(kept))))
    steps = [draw(st.sampled_from([1, 1, 1, 2, -1, -3])) for _ in kept]
    base = sample(
        tuple(kept[a] * abs(steps[a]) for a in order), draw(st.sampled_from([*CHARS, "l"]))
    )
    if draw(st.booleans()):
        base = base.astype(base.dtype.newbyteorder())
    view = base.transpose(np.argsort(order)) if kept else base
    view = view[tuple(slice(None, None, step) for step in steps)]
    return view[tuple(slice(n) for n in kept)]


@pytest.mark.parametrize("char", CHARS)
def test_a_parameter_that_is_an_array_is_cast_to_the_dtype_of_the_loop(
    char: str, strict: None
) -> None:
    g, x = np.array([0.09454, 1]).astype("e"), np.array([-1.907, -1.612]).astype("e")
    slopes = np.array([2.907103, 2.6120708]).astype(char)
    expected = fa.leaky_relu.vjp(*(a.astype("e").astype("f") for a in (g, x, slopes)))
    np.testing.assert_array_equal(fa.leaky_relu.vjp(g, x, slopes), expected.astype("e"))


@relaxed
@given(data=st.data(), name=st.sampled_from(list(FUNCTIONS)), small_blocks=st.booleans())
def test_any_layouts_broadcast(
    data: st.DataObject, name: str, small_blocks: bool, strict: None
) -> None:
    function = FUNCTIONS[name]
    shape = tuple(data.draw(st.lists(st.integers(1, 5), max_size=4)))
    g, x = data.draw(layouts(shape)), data.draw(layouts(shape))
    parameters: dict[str, Any] = {}
    for place, parameter in enumerate(function.parameter_list.params):
        # In every domain: from 1 to 5, 5 to 9, ..., as some want the later parameter to be no less.
        least = 1 + 4 * place
        values = data.draw(layouts(shape) | st.just(least + 0.5))
        parameters[parameter] = values if type(values) is float else np.abs(values) + least
    whole = np.broadcast_shapes(g.shape, x.shape, *(np.shape(p) for p in parameters.values()))
    kinds = [np.dtype(float) if a.dtype.kind == "i" else a.dtype for a in (g, x)]
    loop = promoted(*(kind.newbyteorder("=") for kind in kinds))
    single = np.dtype(np.float32) if loop.itemsize == 2 else loop
    flat = [_flat(a.astype(loop), whole, single) for a in (g, x)]
    values = {
        n: p if type(p) is float else _flat(p.astype(loop), whole, single)
        for n, p in parameters.items()
    }
    expected = function.vjp(*flat, **values).astype(loop).reshape(whole)
    with pytest.MonkeyPatch.context() as patch:
        if small_blocks:
            patch.setattr(broadcast, "SCRATCH_BYTES", 128)
        result = function.vjp(g, x, **parameters)
    assert result.dtype == expected.dtype
    # NumPy does not take a bfloat16 NaN for one.
    np.testing.assert_array_equal(result.astype(float), expected.astype(float))
    assert result.dtype == loop


def _flat(a: Array, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    return np.array(np.broadcast_to(a, shape), dtype, order="C").reshape(-1)


@given(shape=st.lists(st.integers(0, 6), max_size=4).map(tuple), size=st.integers(1, 40))
def test_regions_cover_everything_once_in_order(shape: tuple[int, ...], size: int) -> None:
    numbered = np.arange(int(np.prod(shape))).reshape(shape)
    pieces = [numbered[region].ravel() for region in broadcast.regions(shape, size)]
    assert all(0 < piece.size <= size for piece in pieces)
    seen = np.concatenate([np.empty(0, int), *pieces])
    np.testing.assert_array_equal(seen, numbered.ravel())


LARGE: dict[str, Callable[[Array], Array]] = {
    "contiguous": lambda a: a,
    "step": lambda a: a.reshape(-1)[::2],
    "reversed": lambda a: a[::-1],
    "transposed": lambda a: a.T,
    "tall": lambda a: a.reshape(-1, 4)[:, ::3],
    "big-endian": lambda a: a.view(a.dtype.newbyteorder(">")),
}


@pytest.mark.slow
@looped("char", CHARS)
@pytest.mark.parametrize("view", list(LARGE))
def test_memory_beyond_input_and_output_is_bounded(view: str, char: str) -> None:
    x = LARGE[view](np.zeros((1 << 10, 1 << 10), char))
    g = np.broadcast_to(np.ones((), char), x.shape)
    out = np.empty(x.shape, char)
    with fa.use_backend("numpy"):
        for count in (0, 1):
            function = next(f for f in FUNCTIONS.values() if len(f.parameter_list.params) == count)
            names = function.parameter_list.params
            parameters = {name: np.full(x.shape[-1:], 2.0) for name in names}
            function.vjp(1.0, x.reshape(-1)[:1], **required(function))
            tracemalloc.start()
            function.vjp(g, x, out=out, **parameters)
            function(x, out=out, where=x[:1] == 0)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 1 << 20


def test_large_contiguous_arrays_are_handed_over_in_parts() -> None:
    sizes: list[int] = []

    class Backend:
        name = "counting"

        def why_unavailable(self) -> None:
            return None

        def describe(self) -> dict[str, str]:
            return {}

        def kernel(self, name: str, pass_: str, dtype: Any) -> Callable[..., None]:
            return lambda x, out, *params: sizes.append(x.size)

    fa.register_backend("counting", Backend)
    x = np.zeros((1 << 24) + 5, np.float32)
    with fa.use_backend("counting"):
        next(iter(FUNCTIONS.values()))(x, out=x)
    assert sizes == [1 << 24, 5]


def _with(function: Any, **parameters: Any) -> Callable[..., Any]:
    return lambda *arrays, **options: function(*arrays, **parameters, **options)


def _tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)
