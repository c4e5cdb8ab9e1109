"""Which backend computes: the variable, the process's choice, a thread's choice, and other packages'."""

from __future__ import annotations

import asyncio
import importlib.metadata
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS, check_python, loaded, run_python
from fastact.backends import protocol, registry
from fastact.functions.elementwise import FUNCTIONS

PRINT = "import fastact as fa; print(fa.get_backend())"


class Fake:
    """A backend that fills outputs with a number, or says that it cannot."""

    def __init__(self, name: str, fill: float = 0.0, reason: str | None = None) -> None:
        self.name = name
        self.fill = fill
        self.reason = reason
        self.bound: list[tuple[str, str, Any]] = []

    def why_unavailable(self) -> str | None:
        return self.reason

    def describe(self) -> dict[str, str]:
        return {}

    def kernel(self, name: str, pass_: str, dtype: Any) -> protocol.Kernel:
        self.bound.append((name, pass_, dtype))
        return lambda x, out, *params: out.fill(self.fill)


pytestmark = pytest.mark.usefixtures("own_backends")


def test_a_replaced_backend_is_forgotten() -> None:
    x = np.ones(3)
    fa.register_backend("again", lambda: Fake("again", 1.0))
    fa.set_backend("again")
    assert fa.relu(x).tolist() == [1.0] * 3
    fa.register_backend("again", lambda: Fake("again", 2.0))
    assert fa.relu(x).tolist() == [2.0] * 3
    kept = [backend.name for backend in fa.relu.kernels]
    assert kept.count("again") == 1


def test_backends_tells_what_is_available_or_why_not() -> None:
    found = fa.backends()
    assert list(found)[:3] == ["cython", "numba", "numpy"]
    assert found["numpy"] == "available"
    fa.register_backend("absent", lambda: Fake("absent", reason="no such machine"))
    fa.register_backend("broken", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    found = fa.backends()
    assert found["absent"] == "no such machine"
    assert found["broken"] == "ZeroDivisionError: division by zero"


def test_by_name_never_falls_back() -> None:
    fa.register_backend("absent", lambda: Fake("absent", reason="no such machine"))
    for choose in (fa.set_backend, lambda name: fa.use_backend(name).__enter__()):
        with pytest.raises(
            ImportError, match="the absent backend is not available: no such machine"
        ):
            choose("absent")
        with pytest.raises(ValueError, match="choose one of auto, cython, numba, numpy"):
            choose("cuda")
    assert fa.get_backend() in BACKENDS


def test_set_backend_holds_for_the_process() -> None:
    fa.set_backend("numpy")
    seen: list[str] = []
    worker = threading.Thread(target=lambda: seen.append(fa.get_backend()))
    worker.start()
    worker.join()
    assert [fa.get_backend(), *seen] == ["numpy", "numpy"]
    fa.set_backend("auto")
    assert fa.get_backend() == BACKENDS[0]


def test_use_backend_holds_for_the_thread() -> None:
    fa.register_backend("fake", lambda: Fake("fake"))
    outside = fa.get_backend()
    seen: list[str] = []
    with fa.use_backend("fake"):
        assert fa.get_backend() == "fake"
        with fa.use_backend("numpy"):
            assert fa.get_backend() == "numpy"
            worker = threading.Thread(target=lambda: seen.append(fa.get_backend()))
            worker.start()
            worker.join()
        fa.set_backend("numpy")
        assert fa.get_backend() == "fake"
    assert fa.get_backend() == "numpy"
    assert seen == [outside]
    with pytest.raises(KeyError), fa.use_backend("fake"):
        raise KeyError
    assert fa.get_backend() == "numpy"


def test_use_backend_holds_for_the_task() -> None:
    fa.register_backend("fake", lambda: Fake("fake"))
    fa.set_backend("numpy")

    async def inside(started: asyncio.Event, seen: asyncio.Event) -> None:
        with fa.use_backend("fake"):
            started.set()
            await seen.wait()
            assert fa.get_backend() == "fake"

    async def main() -> None:
        started, seen = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(inside(started, seen))
        await started.wait()
        assert fa.get_backend() == "numpy"
        seen.set()
        await task

    asyncio.run(main())


def test_use_backend_decorates() -> None:
    fa.register_backend("fake", lambda: Fake("fake"))
    assert fa.use_backend("fake")(fa.get_backend)() == "fake"


def test_kernels_are_bound_once_for_each_backend_and_dtype() -> None:
    fakes = {name: Fake(name, fill) for name, fill in (("one", 1.0), ("two", 2.0))}
    for name, fake in fakes.items():
        fa.register_backend(name, lambda fake=fake: fake)
    function = next(iter(FUNCTIONS.values()))
    for _ in range(3):
        for name, fake in fakes.items():
            with fa.use_backend(name):
                for char in "fd":
                    assert (function(np.zeros(3, char)) == fake.fill).all()
                    assert (function(np.zeros((2, 3), char)[:, ::2]) == fake.fill).all()
                assert function(np.zeros(3, "e")).dtype == np.float16
    for fake in fakes.values():
        assert fake.bound == [(function.name, "forward", np.dtype(char)) for char in "fd"]


def test_registering_again_replaces() -> None:
    function = next(iter(FUNCTIONS.values()))
    for fill in (3.0, 4.0):
        fa.register_backend("again", lambda fill=fill: Fake("again", fill))
        with fa.use_backend("again"):
            assert function(np.zeros(1)) == fill


def test_registration_is_checked() -> None:
    for name in ("auto", *registry.BUILT_IN):
        with pytest.raises(ValueError, match="is taken"):
            fa.register_backend(name, lambda: Fake("x"))
    for bad in ("", None, 3):
        with pytest.raises(TypeError, match="non-empty string"):
            fa.register_backend(bad, lambda: Fake("x"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not callable"):
        fa.register_backend("x", Fake("x"))  # type: ignore[arg-type]


def test_a_backend_without_a_kernel_says_so() -> None:
    for pass_ in ("forward", "vjp_from_output", "nothing"):
        with pytest.raises(KeyError, match=f"numpy backend has no {pass_} of 'nothing'"):
            loaded("numpy").kernel("nothing", pass_, np.dtype("d"))


def test_numpy_backend_has_every_declared_pass() -> None:
    for function in FUNCTIONS.values():
        for pass_ in function.passes:
            loaded("numpy").kernel(function.name, pass_, np.dtype("d"))


@pytest.mark.parametrize("name", BACKENDS)
def test_variable_chooses(name: str) -> None:
    assert check_python(PRINT, FASTACT_BACKEND=name) == f"{name}\n"


def test_variable_is_read_at_first_use() -> None:
    program = (
        "import os, fastact as fa; os.environ['FASTACT_BACKEND'] = 'numpy'; print(fa.get_backend())"
    )
    assert check_python(program) == "numpy\n"


@pytest.mark.parametrize("value", ["cuda", " ", "NumPy", "numpy "])
def test_variable_refuses_what_is_no_backend(value: str) -> None:
    for program in (PRINT, "import fastact as fa; fa.get(fa.names()[0])([1.0])"):
        done = run_python(program, FASTACT_BACKEND=value)
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        expected = (
            f"ValueError: FASTACT_BACKEND={value!r}: choose one of auto, cython, numba, numpy"
        )
        assert last.startswith(expected)


HIDE = "import sys; sys.modules['fastact.backends.cython._native'] = None; "
NO_NUMBA = "import sys; sys.modules['numba'] = None; "


def test_auto_goes_on_where_something_is_missing() -> None:
    assert check_python(HIDE + NO_NUMBA + PRINT) == "numpy\n"
    if "numba" in BACKENDS:
        assert check_python(HIDE + PRINT) == "numba\n"


@pytest.mark.parametrize("name", ["cython", "numba"])
def test_missing_by_name_is_an_import_error(name: str) -> None:
    done = run_python(HIDE + NO_NUMBA + PRINT, FASTACT_BACKEND=name)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: the {name} backend is not available: ")


@pytest.mark.parametrize("error", ["ImportError('x')", "OSError('x')", "SystemError('x')"])
def test_numba_broken_at_import(tmp_path: Path, error: str) -> None:
    (tmp_path / "numba.py").write_text(f"raise {error}")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); " + HIDE
    assert check_python(program + PRINT) == "numpy\n"
    reason = check_python(program + "import fastact as fa; print(fa.backends()['numba'])")
    assert reason.strip() != "available"


def _install(folder: Path, name: str, target: str) -> None:
    """Install a package whose entry points are a backend, and one that would replace NumPy's."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[fastact.backends]\n{name} = {name}:{target}\nnumpy = {name}:hijack\n"
    )
    (folder / f"{name}.py").write_text(
        "def backend():\n"
        f"    return Backend({name!r}, lambda: None)\n"
        "class Backend:\n"
        "    def __init__(self, name, why):\n"
        "        self.name, self.why_unavailable = name, why\n"
    )


def test_entry_points_of_installed_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, "elsewhere", "backend")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert fa.backends()["elsewhere"] == "available"
    fa.set_backend("numpy")
    assert fa.get_backend() == "numpy"
    assert registry.active().kernel.__module__ == "fastact.backends.numpy"
    with fa.use_backend("elsewhere"):
        assert fa.get_backend() == "elsewhere"


def test_entry_point_that_does_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "incomplete", "missing")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert "AttributeError" in fa.backends()["incomplete"]
    with pytest.raises(ImportError, match="incomplete backend is not available"):
        fa.set_backend("incomplete")


def test_import_is_light() -> None:
    program = (
        "import sys, numpy; before = set(sys.modules); import fastact; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = check_python(program).split()
    for module in ("numba", "importlib.metadata", "difflib", "click", "tqdm", "pandas"):
        assert module not in loaded
    assert not [
        m
        for m in loaded
        if m.startswith("fastact.backends.") and not m.endswith((".registry", ".protocol"))
    ]
