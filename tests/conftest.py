"""What all tests share: every available backend, and the functions of the table by kind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.backends import registry
from fastact.definitions.rows import ROWS
from fastact.functions.elementwise import FUNCTIONS, Elementwise

# In the background of a shell SIGINT is ignored, and would be by every process that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
# Where this fastact was imported from: the sources, or site-packages.
IMPORTED = Path(fa.__file__).parents[1]
BACKENDS = [name for name in registry.BUILT_IN if fa.backends()[name] == "available"]


# For tests that measure memory, or take it away: the address sanitizer needs some of its own.
limits_memory = pytest.mark.skipif(
    sys.platform != "linux" or "ASAN_OPTIONS" in os.environ,
    reason="limits memory as on Linux, and without the address sanitizer",
)


class StrictBackend:
    """The numpy backend behind a check of everything that a kernel may rely on."""

    name = "strict"

    def why_unavailable(self) -> str | None:
        return None

    def describe(self) -> dict[str, str]:
        return {}

    def kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> registry.Kernel:
        assert dtype in (np.float32, np.float64)
        kernel = registry._load("numpy").kernel(name, pass_, dtype)
        parameters = FUNCTIONS[name].parameter_list.params

        def checked(*operands: Any) -> None:
            count = len(operands) - len(parameters)
            inputs = operands[: FUNCTIONS[name].passes[pass_].nin]
            outputs = operands[len(inputs) : count]
            assert len(outputs) == FUNCTIONS[name].passes[pass_].nout
            arrays = [*operands[:count], *(p for p in operands[count:] if type(p) is not float)]
            for array in arrays:
                assert type(array) is np.ndarray
                assert array.ndim == 1
                assert array.size == operands[0].size
                assert array.dtype == dtype
                assert array.flags.c_contiguous
                assert array.flags.aligned
            for out in outputs:
                assert out.flags.writeable
                for array in arrays:
                    same = array.ctypes.data == out.ctypes.data
                    assert array is out or same or not np.may_share_memory(array, out)
            kernel(*operands)

        return checked

    def row_kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> registry.Kernel:
        assert dtype in (np.float32, np.float64)
        kernel = registry._load("numpy").row_kernel(name, pass_, dtype)
        declared = ROWS[name].passes[pass_]
        names = (declared.inputs, declared.row_inputs, declared.outputs, declared.row_outputs)
        counts = [len(part) for part in names]

        def checked(*operands: Any) -> None:
            *arrays, mask, temperature = operands
            assert len(arrays) == sum(counts)
            assert type(temperature) is float
            written = arrays[counts[0] + counts[1] :]
            outer, axis, inner = arrays[0].shape
            for place, array in enumerate(arrays):
                row = counts[0] <= place < counts[0] + counts[1] or place >= sum(counts[:3])
                assert type(array) is np.ndarray
                assert array.shape == ((outer, inner) if row else (outer, axis, inner))
                assert array.dtype == dtype
                assert array.flags.c_contiguous and array.flags.aligned
            if mask is not None:
                assert mask.dtype == np.bool_ and mask.flags.c_contiguous
                assert mask.shape in ((1, axis, inner), (outer, axis, inner))
            for out in written:
                assert out.flags.writeable
                for array in (*arrays, *([] if mask is None else [mask])):
                    same = array.ctypes.data == out.ctypes.data and array.shape == out.shape
                    assert array is out or same or not np.may_share_memory(array, out)
            kernel(*operands)

        return checked


fa.register_backend("strict", StrictBackend)


def required(function: Elementwise, value: float = 1.5) -> dict[str, float]:
    """Return a value for each parameter that has no default."""
    defaults = function.parameter_list.defaults
    return {name: value for name in function.parameters if name not in defaults}


def kinds() -> list[str]:
    """Return one function of each kind: so many parameters, choices or none, and so many passes."""
    found: dict[object, str] = {}
    for function in FUNCTIONS.values():
        numeric = len(function.parameter_list.params)
        key = numeric, len(function.parameters) - numeric, len(function.passes)
        found.setdefault(key, function.name)
    return list(found.values())


@pytest.fixture(autouse=True)
def _backends_restored() -> Iterator[None]:
    """Forget the backends that a test registers, and its choice of one."""
    before = dict(registry.state.factories), dict(registry.state.loaded), registry.state.chosen
    yield
    registry.state.factories, registry.state.loaded, registry.state.chosen = before


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on each backend that is there."""
    with fa.use_backend(request.param):
        yield request.param


@pytest.fixture(
    params=[
        pytest.param((name, backend), id=f"{name}-{backend}")
        for backend in BACKENDS
        # Numba compiles for a second what the others have ready, so it gets one of each kind.
        for name in (kinds() if backend == "numba" else FUNCTIONS)
    ]
)
def everywhere(request: pytest.FixtureRequest) -> Iterator[Elementwise]:
    """Run the test for each function of the table on each backend."""
    name, backend = request.param
    with fa.use_backend(backend):
        yield FUNCTIONS[name]


@pytest.fixture
def strict() -> Iterator[None]:
    """Run the test with every kernel's arguments checked."""
    with fa.use_backend("strict"):
        yield


@pytest.fixture(params=list(FUNCTIONS))
def function(request: pytest.FixtureRequest) -> Elementwise:
    """Run the test for each function of the table."""
    return FUNCTIONS[request.param]


@pytest.fixture(params=kinds())
def kind(request: pytest.FixtureRequest) -> Elementwise:
    """Run the test for one function of each kind."""
    return FUNCTIONS[request.param]


def run_python(
    source: str, *arguments: str, timeout: float = 60, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, warnings being errors."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTACT_")}
    environment |= {"PYTHONPATH": str(IMPORTED), **variables}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", source, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
    )


def check_python(source: str, *arguments: str, timeout: float = 60, **variables: str) -> str:
    """Run a program that must succeed and return what it prints."""
    done = run_python(source, *arguments, timeout=timeout, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pytest_configure(config: pytest.Config) -> None:
    """Stop where nothing was built; keep compiled kernels with pytest's own cache, apart from the user's."""
    if message := registry.not_built():
        raise pytest.UsageError(message)
    if hasattr(config, "cache") and "NUMBA_CACHE_DIR" not in os.environ:
        with suppress(OSError):
            os.environ["NUMBA_CACHE_DIR"] = folder = str(config.cache.mkdir("numba"))
            if "numba" in sys.modules:
                sys.modules["numba"].config.CACHE_DIR = folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that accepts what the emitters write now."""
    parser.addoption("--write-golden", action="store_true", help="accept what the emitters write")


# What was measured -> the worst error and where; printed at the end of every run.
WORST: dict[str, str] = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker process measured to the one that prints it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["worst"] = WORST


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker process measured: of two errors of one name the larger, with which each begins."""
    for label, worst in getattr(node, "workeroutput", {}).get("worst", {}).items():
        WORST[label] = max(worst, WORST.get(label, worst), key=lambda text: float(text.split()[0]))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the worst errors that the tests found, whether they passed or not."""
    if WORST:
        terminalreporter.section("worst errors")
        for label, worst in sorted(WORST.items()):
            terminalreporter.write_line(f"{label:50s} {worst}")
