"""The numba backend: its disk cache, its threads, and the code that it compiles."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest

from conftest import BACKENDS
from fastact import threads
from fastact.backends.numba import backend, runtime, variant
from fastact.definitions.activations import TABLE
from fastact.definitions.declaration import SIGNATURES
from representatives import KERNEL_KINDS, KINDS, looped

if (REASON := backend.why_unavailable()) is not None:
    pytest.skip(REASON, allow_module_level=True)

DTYPES = ("float32", "float64")
WITH_PARAMS = [name for name, declaration in TABLE.items() if declaration.params]
KERNELS = [
    f"{name}-{pass_}-{dtype}"
    for name, declaration in TABLE.items()
    for pass_ in declaration.passes
    for dtype in DTYPES
]
# A kernel of each structure, in one dtype or the other.
SOME = [
    f"{name}-{pass_}-{DTYPES[k % 2]}"
    for k, (name, pass_) in enumerate(KERNEL_KINDS)
    if name in TABLE
]

# What the scripts below begin with: `compute` uses serial, array and parallel code of one function,
# `compiled` counts what was compiled and not loaded. Without the extension more is, and from Python.
PRELUDE = f"""
import os, sys, threading
if "WITHOUT_EXTENSION" in os.environ:
    sys.modules["fastact.backends.cython._native"] = None
import numpy as np
from fastact import threads
from fastact.definitions.activations import TABLE
from fastact.backends.numba import backend

NAME = {WITH_PARAMS[0]!r}
PARAMS = [0.5] * len(TABLE[NAME].params)
X = np.linspace(-3.0, 3.0, 1 << 18, dtype=np.float32)

def compute():
    kernel = backend.kernel(NAME, "forward", X.dtype)
    x, out = X[:1000], np.full(1000, -7, np.float32)
    kernel(x, out, *PARAMS)
    filled = out.copy()
    kernel(x, filled, *(np.full_like(x, value) for value in PARAMS))
    assert np.array_equal(out, filled)
    large = np.empty_like(X)
    kernel(X, large, *PARAMS)
    threads.set_num_threads(1)
    serial = np.empty_like(X)
    kernel(X, serial, *PARAMS)
    assert np.array_equal(large, serial)
    assert np.array_equal(large[:1000], out)
    return large

def compiled():
    from numba.core import event
    return event.install_recorder("numba:compile")

threads.set_num_threads(2)
"""
COUNT = """
with compiled() as events:
    compute()
print(len(events.buffer))
"""

WITHOUT_EXTENSION = {"WITHOUT_EXTENSION": "1"}
BOTH = pytest.mark.parametrize(
    "variables", [{}, WITHOUT_EXTENSION], ids=["extension", "no extension"]
)


def kinds_of(name: str, pass_: str, dtype: str, kind: str) -> tuple[FunctionType, list[object]]:
    """Return an emitted function and the Numba types of its arguments."""
    from numba import types

    module = importlib.import_module(f"fastact.backends.numba._kernels.{name}")
    function = getattr(module, f"{pass_}_f{dtype[-2:]}_{kind}")
    array = getattr(types, dtype)[::1]
    params = [types.float64] if kind == "scalar" else [array, types.float64, types.boolean]
    return function, [array] * len(module.ARRAYS[pass_]) + params * len(TABLE[name].params)


def run_in(folder: Path, script: str, **variables: str) -> str:
    """Run a script on the package that lies in `folder`, and return what it prints."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
    environment = {**inherited, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["NUMBA_CACHE_DIR"] = str(folder / "cache")
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + script],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def copy_package(folder: Path) -> Path:
    source = Path(threads.__file__).parent
    shutil.copytree(source, folder / "fastact", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the package whose cache a first process has filled."""
    folder = copy_package(tmp_path_factory.mktemp("filled"))
    for variables in [{}, WITHOUT_EXTENSION] if "cython" in BACKENDS else [{}]:
        assert int(run_in(folder, COUNT, **variables)) > 0
    return folder


def cache_files(folder: Path) -> Iterator[Path]:
    yield from folder.rglob("*.nbc")


@pytest.mark.slow
@BOTH
def test_a_second_process_does_not_compile(variables: dict[str, str], filled: Path) -> None:
    assert int(run_in(filled, COUNT, **variables)) == 0


@pytest.mark.slow
def test_an_edited_kernel_is_compiled_again(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "edited")
    for module in (tmp_path / "edited/fastact/backends/numba/_kernels").glob("*.py"):
        module.write_text(module.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert int(run_in(tmp_path / "edited", COUNT)) > 0


def test_no_folder_can_be_written(tmp_path: Path) -> None:
    folder = copy_package(tmp_path)
    script = "compute(); print(backend.describe()['cache'])"
    nowhere = os.path.join(os.devnull, "nowhere")
    homes = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), nowhere)
    printed = run_in(folder, script, NUMBA_CACHE_DIR="", **homes)
    assert printed.startswith("none: ")
    assert not list(cache_files(tmp_path))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) // 2],
    "garbage": lambda data: bytes(range(256)) * 4,
    "overwritten": lambda data: data[:3000] + bytes(2000) + data[5000:],
}


@pytest.mark.slow
def test_damaged_cache_files_are_replaced(filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "damaged")
    files = list(cache_files(tmp_path / "damaged"))
    assert len(files) >= len(DAMAGES)
    for path, damage in zip(files, cycle(DAMAGES.values()), strict=False):
        path.write_bytes(damage(path.read_bytes()))
    assert int(run_in(tmp_path / "damaged", COUNT, **WITHOUT_EXTENSION)) > 0
    assert int(run_in(tmp_path / "damaged", COUNT, **WITHOUT_EXTENSION)) == 0


@pytest.mark.slow
@BOTH
def test_processes_fill_a_cold_cache_at_once(variables: dict[str, str], tmp_path: Path) -> None:
    folder = copy_package(tmp_path)
    cold = {"NUMBA_CACHE_DIR": str(folder / "cache")}
    environment = {**os.environ, "PYTHONPATH": str(folder), **cold, **variables}
    command = [sys.executable, "-c", PRELUDE + "compute()"]
    running = [
        subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in running:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error.decode()


def test_numba_is_imported_with_the_first_kernel(filled: Path) -> None:
    assert run_in(filled, "print('numba' in sys.modules)") == "False"


@pytest.mark.parametrize(
    ("stub", "said"),
    [(None, "not installed"), ("raise OSError('no LLVM here')", "no LLVM here")],
    ids=["missing", "broken"],
)
def test_numba_cannot_be_imported(stub: str | None, said: str, tmp_path: Path) -> None:
    folder = copy_package(tmp_path)
    script = "print(backend.why_unavailable())"
    if stub is None:
        script = f"sys.modules['numba'] = None\n{script}"
    else:
        (folder / "numba.py").write_text(stub)
    assert said in run_in(folder, script)


def test_kernels_were_not_emitted(tmp_path: Path) -> None:
    folder = copy_package(tmp_path)
    shutil.rmtree(folder / "fastact/backends/numba/_kernels")
    assert "not been generated" in run_in(folder, "print(backend.why_unavailable())")


def test_numba_is_switched_off(filled: Path) -> None:
    printed = run_in(filled, "print(backend.why_unavailable())", NUMBA_DISABLE_JIT="1")
    assert "NUMBA_DISABLE_JIT" in printed


@pytest.mark.parametrize(
    "key",
    [("no_such", "forward", "f4"), (WITH_PARAMS[0], "back", "f4"), (WITH_PARAMS[0], "vjp", "i2")],
)
def test_a_kernel_that_is_not_there(key: tuple[str, str, str]) -> None:
    with pytest.raises(KeyError, match="the numba backend has no kernel"):
        backend.kernel(key[0], key[1], np.dtype(key[2]))


# --- large arrays without the extension --------------------------------------------------------------


@pytest.fixture
def without_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "extension", lambda: None)


@pytest.mark.usefixtures("without_extension")
def test_the_pool_is_busy(set_threads: Callable[[int], None]) -> None:
    from fastact.backends.numba import pool as numba_pool

    set_threads(2)
    kernel = backend.kernel(WITH_PARAMS[0], "forward", np.dtype(np.float32))
    x = np.linspace(-3, 3, 1 << 18, dtype=np.float32)
    params = [0.5] * len(TABLE[WITH_PARAMS[0]].params)
    outs, words = np.zeros((2, x.size), np.float32), numba_pool.WORDS
    kernel(x, outs[0], *params)
    before = words[numba_pool.STATE]
    words[numba_pool.BUSY] = 1
    kernel(x, outs[1], *params)
    words[numba_pool.BUSY] = 0
    assert np.array_equal(outs[0], outs[1])
    assert words[numba_pool.STATE] == before != 0


@pytest.mark.usefixtures("without_extension")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("pass_", ["vjp", "value_and_derivative"])
def test_results_past_the_cache(
    pass_: str, count: int, monkeypatch: pytest.MonkeyPatch, set_threads: Callable[[int], None]
) -> None:
    set_threads(count)
    kernel = backend.kernel(WITH_PARAMS[0], pass_, np.dtype(np.float32))
    params = [0.5] * len(TABLE[WITH_PARAMS[0]].params)
    memory = np.random.default_rng(3).normal(size=(3, 160_000)).astype(np.float32)
    n_outputs = len(SIGNATURES[pass_][1])
    # Outputs that start anywhere in a cache line, alike or not, and end anywhere in one.
    for offset, other, size in [
        (0, 0, 131_072),
        (3, 3, 140_001),
        (17, 17, 133_333),
        (1, 2, 131_080),
    ]:
        results = []
        for stream_from in (0, 1 << 40):
            monkeypatch.setattr(variant, "STREAM_FROM", stream_from)
            arrays = [array[offset : offset + size] for array in memory[: 3 - n_outputs]]
            buffers = np.full((n_outputs, memory.shape[1]), 7, np.float32)
            starts = (offset, other)[:n_outputs]
            outputs = [
                buffer[start : start + size] for buffer, start in zip(buffers, starts, strict=True)
            ]
            kernel(*arrays, *outputs, *params)
            results.append(buffers)
        assert np.array_equal(*results)
        assert (results[0][0][offset + size :] == 7).all()
        assert (results[0][0][:offset] == 7).all()


# --- what is compiled ------------------------------------------------------------------------------


def optimised(name: str, pass_: str, dtype: str, kind: str, streaming: bool = False) -> str:
    """Return the LLVM code of one emitted function, compiled afresh."""
    from fastact.backends.numba import compile as numba_compile
    from fastact.backends.numba import operations as numba_ops

    function, arguments = kinds_of(name, pass_, dtype, kind)
    if streaming:
        n_inputs, n_outputs = map(len, SIGNATURES[pass_])
        outputs = slice(n_inputs, n_inputs + n_outputs)
        element = {"float32": "f32", "float64": "f64"}[dtype]
        arguments[outputs] = [numba_ops.Memory(element, streamed=True)] * n_outputs
    dispatcher = numba_compile.dispatcher(function)
    dispatcher.compile(tuple(arguments))
    return dispatcher.overloads[tuple(arguments)].library.get_llvm_str()


def assert_packed(key: str, kind: str) -> None:
    name, pass_, dtype = key.split("-")
    code = optimised(name, pass_, dtype, kind)
    element = {"float32": "float", "float64": "double"}[dtype]
    assert re.search(rf"store <\d+ x {element}>", code), f"{key}: no packed store"
    assert "vector.memcheck" not in code, f"{key}: tests whether its arrays overlap"
    if dtype == "float32":
        assert not re.search(r"<\d+ x double>", code), f"{key}: widens to float64"


@pytest.mark.parametrize("key", SOME)
def test_kernels_are_packed(key: str) -> None:
    assert_packed(key, "scalar")


@pytest.mark.parametrize("pass_", ["vjp", "value_and_derivative"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_past_the_cache_are_packed(pass_: str, dtype: str) -> None:
    code = optimised(WITH_PARAMS[0], pass_, dtype, "scalar", streaming=True)
    stores = re.findall(r"store <.*", code)
    assert stores and all("!nontemporal" in store for store in stores)


@pytest.mark.exhaustive
@pytest.mark.parametrize("key", KERNELS)
def test_every_kernel_is_packed(key: str) -> None:
    assert_packed(key, "scalar")
    if TABLE[key.split("-")[0]].params:
        assert_packed(key, "array")


@looped("name", [name for name in KINDS if TABLE[name].params])
def test_array_parameters_agree_with_floats(name: str) -> None:
    kernel = backend.kernel(name, "forward", np.dtype(np.float32))
    x = np.linspace(-9, 9, 333, dtype=np.float32)
    # Not a float32: the low part of a float must survive beside a parameter that is an array.
    floats = [0.1] + [0.75] * (len(TABLE[name].params) - 1)
    want, got = np.empty_like(x), np.empty_like(x)
    kernel(x, want, *floats)
    kernel(x, got, floats[0], *(np.full_like(x, value) for value in floats[1:]))
    assert np.array_equal(got, want, equal_nan=True)
    single = float(np.float32(0.1))
    kernel(x, want, single, *floats[1:])
    kernel(x, got, *(np.full_like(x, value) for value in floats))
    assert np.array_equal(got, want, equal_nan=True)
