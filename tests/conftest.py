"""What all tests share: every available backend, and the functions of the table by kind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
import strict_backend  # noqa: F401  (registers itself)
from fastact.backends import protocol, registry
from fastact.backends.elements import ELEMENTS
from fastact.functions.elementwise import FUNCTIONS, Elementwise
from representatives import KINDS

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


# Each other instruction set of the extension is a backend of its own to the conformance suite.
ISAS = []
if "cython" in BACKENDS:
    from fastact.backends.cython import _native
    from fastact.backends.cython import backend as cython

    used = cython.describe()["instruction set"].split()[0]
    ISAS = [isa for isa in _native.available_isas() if isa != used]


class InstructionSet:
    """The compiled backend, held to one instruction set."""

    def __init__(self, isa: str) -> None:
        self.name = f"cython-{isa}"
        self.tables = _native.kernels(isa), _native.row_kernels(isa)
        self.dtypes = cython.dtypes

    def why_unavailable(self) -> str | None:
        return None

    def describe(self) -> dict[str, str]:
        return {}

    def kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> protocol.Kernel:
        return self.tables[0][name, pass_, ELEMENTS[dtype.name]]

    def row_kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> protocol.Kernel:
        return self.tables[1][name, pass_, ELEMENTS[dtype.name]]


for isa in ISAS:
    fa.register_backend(f"cython-{isa}", lambda isa=isa: InstructionSet(isa))


def loaded(name: str) -> protocol.Backend:
    """Return a backend itself, from which kernels are to be had."""
    with fa.use_backend(name):
        return registry.active()


class Keeping:
    """A backend of which each kernel is asked once: Numba's would load its code from the disk each time, for 30 ms."""

    def __init__(self, backend: protocol.Backend) -> None:
        self._backend = backend
        self.kernel = cache(backend.kernel)
        if hasattr(backend, "row_kernel"):
            self.row_kernel = cache(backend.row_kernel)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


@cache
def keeping(name: str) -> Any:
    """Return a backend, once for all tests of this process."""
    return Keeping(loaded(name))


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of the conformance suite for every backend, or for those that were asked for."""
    if "subject" in metafunc.fixturenames:
        every = [*BACKENDS, *(f"cython-{isa}" for isa in ISAS), "strict"]
        names = metafunc.config.getoption("--backend") or every
        if unknown := {*names} - {*every, *fa.backends()}:
            raise pytest.UsageError(
                f"no backend {', '.join(unknown)}: choose of {', '.join(fa.backends())}"
            )
        metafunc.parametrize("subject", names, indirect=True)


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> protocol.Backend:
    return keeping(request.param)


@pytest.fixture
def own_backends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget afterwards what the test registers and chooses."""
    for name in ("factories", "loaded"):
        monkeypatch.setattr(registry.state, name, dict(getattr(registry.state, name)))
    # Not what get_backend() says, which may be that of a `with use_backend(...)` around the test.
    monkeypatch.setattr(registry.state, "chosen", registry.state.chosen)
    yield


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """Lend what sets the number of threads, which is put back."""
    before = fa.get_num_threads()
    yield fa.set_num_threads
    fa.set_num_threads(before)


def required(function: Elementwise, value: float = 1.5) -> dict[str, float]:
    """Return a value for each parameter that has no default."""
    defaults = function.parameter_list.defaults
    return {name: value for name in function.parameters if name not in defaults}


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
        for name in (KINDS if backend == "numba" else FUNCTIONS)
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


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Elementwise:
    """Run the test for one function of each kind, see representatives.py."""
    return FUNCTIONS[request.param]


def run_python(
    source: str, *arguments: str, timeout: float = 60, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, warnings being errors."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTACT_")}
    path = os.pathsep.join(filter(None, (str(IMPORTED), os.environ.get("PYTHONPATH"))))
    environment |= {"PYTHONPATH": path, **variables}
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
    """Add the options that choose backends and accept what the emitters write now."""
    parser.addoption("--backend", action="append", help="what to run the conformance suite for")
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
