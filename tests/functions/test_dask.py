"""Row functions of dask arrays: every scheduler, chunks along the row, each chunk loaded twice at most."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from conftest import check_python
from fastact import accuracy
from fastact.calling import chunked_softmax
from fastact.functions.rows import ROW_FUNCTIONS, RowFunction
from fastact.reference.rows import exact
from row_cases import ROW_BACKENDS

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

Array = npt.NDArray[Any]
X = np.random.default_rng(0).normal(0, 4, (6, 23, 5))
AXES: list[Any] = [1, -1, (0, 1), None]
MASK = np.random.default_rng(1).random((23, 5)) < 0.6


@pytest.fixture(autouse=True)
def _synchronous() -> Iterator[None]:
    # A backend chosen for this thread alone would not be that of dask's.
    before = fa.get_backend()
    fa.set_backend(ROW_BACKENDS[0])
    with dask.config.set(scheduler="synchronous"):
        yield
    fa.set_backend(before)


def lazy(array: Array = X, chunks: Any = (2, 7, 5)) -> Any:
    return da.from_array(array, chunks=chunks)


def close(result: Any, expected: Array, bound: float = 4) -> None:
    """Assert that both are the same within so many ulp."""
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    computed = np.asarray(result.compute())
    assert computed.dtype == expected.dtype
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(computed[~finite], expected[~finite])
    np.testing.assert_array_max_ulp(computed[finite], expected[finite], bound)


@pytest.mark.parametrize("masked", [None, "numpy", "dask", "broadcast"])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", chunked_softmax.FINISHES)
def test_chunks_along_the_row(name: str, axis: Any, masked: str | None) -> None:
    function = ROW_FUNCTIONS[name]
    mask: Any = MASK
    given = {"numpy": MASK, "dask": da.from_array(MASK, chunks=(9, 2)), "broadcast": MASK[:, :1]}
    where: Any = True if masked is None else given[masked]
    mask = True if masked is None else MASK[:, :1] if masked == "broadcast" else MASK
    for dtype in ("f4", "f8"):
        x = X.astype(dtype)
        expected = function(x, axis, temperature=1.5, where=mask)
        result = function(lazy(x), axis, temperature=1.5, where=where)
        assert isinstance(result, da.Array)
        if not function.reduces:
            assert result.chunks == lazy().chunks
        # logsumexp may be near 0, the difference of two larger numbers.
        close(result, expected, 16 if function.reduces else 4)
    for temperature in (1e39, 1e-39):
        expected = function(x.astype("f4"), axis, temperature=temperature, where=mask)
        close(function(lazy(x.astype("f4")), axis, temperature=temperature, where=where), expected)
    if function.reduces:
        kept = function(lazy(), axis, keepdims=True)
        assert kept.shape == function(X, axis, keepdims=True).shape == kept.compute().shape


@pytest.mark.parametrize("function", ROW_FUNCTIONS.values(), ids=lambda f: f.name)
def test_one_chunk_along_the_row(function: RowFunction) -> None:
    if "rng" in function.parameters:
        pytest.skip("chunks draw noise of their own")
    for axis in (1, (1, 2)):
        for where in (True, MASK):
            expected = function(X, axis, where=where)
            close(function(lazy(chunks=(2, -1, -1)), axis, where=where), expected, 0)
            if "vjp" in function.passes:
                y = X if function.reduces else expected
                g = np.cos(expected) if function.reduces else np.cos(X)
                wanted = function.vjp(g, y, axis, where=where)
                chunks = (2, -1, -1)
                result = function.vjp(g, lazy(y, chunks), axis, where=where)
                close(result, wanted, 0)
                both = function.vjp(da.from_array(g, chunks=2), lazy(y, chunks), axis, where=where)
                if both.numblocks[1:] == (1, 1):
                    close(both, wanted, 0)
                close(function.vjp(2.0, lazy(y, chunks), axis), function.vjp(2.0, y, axis), 0)


def test_noise_differs_from_chunk_to_chunk() -> None:
    x = da.zeros((4, 6), chunks=(1, 6))
    first = fa.gumbel_softmax(x, rng=3).compute()
    assert len(np.unique(first)) == 24
    np.testing.assert_array_equal(first, fa.gumbel_softmax(x, rng=3).compute())
    np.testing.assert_allclose(first.sum(1), 1)
    assert not np.array_equal(first, fa.gumbel_softmax(x).compute())
    np.testing.assert_array_equal(fa.gumbel_softmax(x, hard=True).compute().sum(1), 1)


def test_others_ask_for_one_chunk() -> None:
    for name, function in ROW_FUNCTIONS.items():
        calls = [function.passes[p] for p in function.passes if p == "vjp"]
        calls += [] if name in chunked_softmax.FINISHES else [function]
        for call in calls:
            with pytest.raises(ValueError, match=r"in one chunk: x = x.rechunk\(\{1: -1\}\)"):
                call(*[lazy()] * call.nin, 1)


def test_chunks_whose_maxima_are_further_apart_than_the_largest_number() -> None:
    largest = np.finfo("d").max
    x = np.array([largest, 0.5 * largest, -0.2 * largest, -largest])
    for name in chunked_softmax.FINISHES:
        expected = getattr(fa, name)(x, 0, temperature=0.9 * largest)
        result = getattr(fa, name)(da.from_array(x, chunks=1), 0, temperature=0.9 * largest)
        np.testing.assert_allclose(result.compute(), expected, rtol=4e-16)


def test_errors_come_at_once() -> None:
    with pytest.raises(np.exceptions.AxisError):
        fa.softmax(lazy(), 3)
    with pytest.raises(TypeError, match="complex128"):
        fa.softmax(lazy().astype(complex))
    with pytest.raises(ValueError, match="where of shape"):
        fa.softmax(lazy(), where=np.ones(4, bool))
    with pytest.raises(TypeError, match="where has dtype int64"):
        fa.softmax(lazy(), where=np.ones(5, int))
    with pytest.raises(ValueError, match="temperature"):
        fa.softmax(lazy(), 1, temperature=0.0)
    with pytest.raises(TypeError, match="out= is not supported"):
        fa.softmax(lazy(), out=np.empty(X.shape))
    frames = pytest.importorskip("dask.dataframe")
    pandas = pytest.importorskip("pandas")
    frame = frames.from_pandas(pandas.DataFrame(X[0]), npartitions=2)
    with pytest.raises(TypeError, match=r"frame\.values"):
        fa.softmax(frame)


def test_degenerate_parts() -> None:
    """Chunks that are -inf throughout, NaN, infinite or masked out, beside chunks that are not."""
    x = np.zeros((8, 12), np.float32)
    x[1, :4] = -np.inf
    x[2] = -np.inf
    x[3, 5] = np.nan
    x[4, 11] = np.inf
    x[5] = np.where(np.arange(12) % 2, 1e30, -1e30)
    mask = np.ones(x.shape, bool)
    mask[6, 4:] = False
    mask[7] = False
    for name, function in ROW_FUNCTIONS.items():
        if name in chunked_softmax.FINISHES:
            for where in (True, mask):
                expected = function(x, 1, where=where)
                for chunks in (4, 1, 5):
                    result = function(lazy(x, (8, chunks)), 1, where=where)
                    np.testing.assert_allclose(result.compute(), expected, rtol=3e-7)


@pytest.mark.parametrize("chunk", [1, 10, 999])
def test_against_60_digits(chunk: int) -> None:
    pytest.importorskip("mpmath")
    rng = np.random.default_rng(2)
    for dtype in (np.float32, np.float64):
        rows = {
            "normal": rng.normal(0, 5, 60),
            "deep": np.linspace(-600, 0, 60),
            "equal": np.ones(60),
        }
        for name in chunked_softmax.FINISHES:
            for case, row in rows.items():
                x = row.astype(dtype)
                (truth,) = exact(name, "forward", x)
                result = np.atleast_1d(ROW_FUNCTIONS[name](lazy(x, chunk), 0).compute())
                error = accuracy.ulp_error(result, np.atleast_1d(truth)).max()
                assert error <= 4, (name, case)


def test_float16_is_rounded_once() -> None:
    x = np.zeros(10**5, np.float16)
    shares = fa.softmax(lazy(x, 10**4), 0).compute()
    assert shares.dtype == np.float16
    assert (shares == np.float16(1e-5)).all()
    assert fa.logsumexp(lazy(x, 10**4), 0).compute() == np.float16(np.log(1e5))
    assert fa.softmax(lazy(x, 10**4), 0, dtype="f").compute().dtype == np.float32


class Counting:
    """An array that counts how often each part is loaded."""

    def __init__(self, array: Array) -> None:
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        self.loads: collections.Counter[str] = collections.Counter()
        self.held = 0
        self.lock = threading.Lock()

    def __getitem__(self, index: Any) -> Array:
        part = self.array[index]
        if part.size:
            with self.lock:
                self.loads[str(index)] += 1
        return part


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
@pytest.mark.parametrize("name", chunked_softmax.FINISHES)
def test_each_chunk_is_loaded_twice_at_most(name: str, scheduler: str) -> None:
    source = Counting(X[0])
    x = da.from_array(source, chunks=(3, 2), asarray=True)
    function = ROW_FUNCTIONS[name]
    result = function(x, 0).compute(scheduler=scheduler)
    np.testing.assert_allclose(result, function(X[0], 0), rtol=1e-13)
    assert len(source.loads) == 24
    assert set(source.loads.values()) == {1 if function.reduces else 2}


def test_names_are_deterministic() -> None:
    for axis in (0, 2):
        for name in chunked_softmax.FINISHES:
            function = ROW_FUNCTIONS[name]
            assert function(lazy(), axis).name == function(lazy(), axis).name
            assert function(lazy(), axis).name != function(lazy(), axis, temperature=2.0).name


def test_inside_xarray() -> None:
    xarray = pytest.importorskip("xarray")
    data = xarray.DataArray(lazy(), dims=("a", "b", "c"), coords={"c": list("vwxyz")})
    result = fa.softmax(data, 1)
    assert isinstance(result.data, da.Array) and list(result.c.values) == list("vwxyz")
    np.testing.assert_allclose(result.values, fa.softmax(X, 1), rtol=1e-13)
    reduced = fa.logsumexp(data, 1)
    assert reduced.dims == ("a", "c")
    np.testing.assert_allclose(reduced.values, fa.logsumexp(X, 1), rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_schedulers(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTACT_BACKEND", ROW_BACKENDS[0])
    for name in chunked_softmax.FINISHES:
        function = ROW_FUNCTIONS[name]
        lazily = function(lazy(), 1, where=MASK)
        computed = lazily.compute(scheduler=scheduler, num_workers=2)
        np.testing.assert_allclose(computed, function(X, 1, where=MASK), rtol=1e-12)


CLUSTER = """
import numpy as np, dask.array as da, fastact as fa

def main():
    from distributed import Client, LocalCluster
    x = np.random.default_rng(0).normal(0, 4, (40, 60))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster):
            for chunks in ((40, 7), (9, 60), (9, 7)):
                lazy = da.from_array(x, chunks=chunks)
                for function in (fa.softmax, fa.log_softmax, fa.logsumexp):
                    result = function(lazy, 1).compute()
                    np.testing.assert_allclose(result, function(x, 1), rtol=1e-12)
    print("same")

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_distributed(tmp_path: Any) -> None:
    pytest.importorskip("distributed")
    # In a file, because the workers import it; its own warnings are not ours.
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "PYTHONPATH": ":".join(sys.path),
            "FASTACT_BACKEND": ROW_BACKENDS[0],
        },
    )
    assert done.returncode == 0, done.stderr
    assert "same" in done.stdout


def test_dask_is_imported_by_nobody_else() -> None:
    print(check_python("import fastact, sys; fastact.softmax; assert 'dask' not in sys.modules"))
