"""The disk cache of Numba's code: where it lies, what is told apart, and what is not trusted."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastact.backends.numba import backend

if (REASON := backend.why_unavailable()) is not None:
    pytest.skip(REASON, allow_module_level=True)

from test_numba_backend import WITHOUT_EXTENSION, cache_files, copy_package, run_in

# Two functions of one signature, and how much was compiled and not loaded.
COUNT = """
from fastact.backends import numpy as plain
with compiled() as events:
    for name in ("sigmoid", "tanh"):
        out = np.empty_like(X[:1000])
        backend.kernel(name, "forward", X.dtype)(X[:1000], out)
        expected = np.empty_like(out)
        plain.kernel(name, "forward", X.dtype)(X[:1000], expected)
        np.testing.assert_allclose(out, expected, rtol=1e-6)
print(len(events.buffer))
"""
FOLDER = "\nprint(backend.describe()['cache'])"
needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no POSIX owners here")


def user_folders(home: Path) -> dict[str, str]:
    """Return the variables that say where a user's cache folder is, on any platform."""
    names = ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")
    return {"NUMBA_CACHE_DIR": "", **dict.fromkeys(names, str(home))}


def files_of(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the package and a cache that a first process has filled."""
    folder = copy_package(tmp_path_factory.mktemp("ready"))
    assert int(run_in(folder, COUNT, **WITHOUT_EXTENSION)) > 0
    return folder


@pytest.fixture
def copied(ready: Path, tmp_path: Path) -> Path:
    """Return a copy of that folder, to be spoilt."""
    shutil.copytree(ready, tmp_path / "copied")
    return tmp_path / "copied"


def compiled_in(folder: Path, **variables: str) -> int:
    return int(run_in(folder, COUNT, **WITHOUT_EXTENSION, **variables))


# --- where it lies ---------------------------------------------------------------------------------


def test_nothing_is_written_into_the_package(tmp_path: Path) -> None:
    folder, home = copy_package(tmp_path / "site"), tmp_path / "home"
    before = files_of(folder)
    assert compiled_in(folder, **user_folders(home)) > 0
    assert files_of(folder) == before
    assert set(cache_files(home))
    assert compiled_in(folder, **user_folders(home)) == 0


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG folders are Linux's")
@pytest.mark.parametrize(
    ("given", "expected"),
    [("{home}/elsewhere", "elsewhere/fastact"), ("", ".cache/fastact"), ("not/absolute", ".cache/fastact")],
    ids=["set", "empty", "relative"],
)  # fmt: skip
def test_folder_of_the_user(given: str, expected: str, ready: Path, tmp_path: Path) -> None:
    given = given.format(home=tmp_path)
    variables = user_folders(tmp_path) | {"XDG_CACHE_HOME": given}
    assert run_in(ready, FOLDER, **variables) == str(tmp_path / expected)


@pytest.mark.slow
def test_numbas_variable_is_respected(ready: Path, tmp_path: Path) -> None:
    variables = user_folders(tmp_path / "home") | {"NUMBA_CACHE_DIR": str(tmp_path / "given")}
    assert Path(run_in(ready, FOLDER, **variables)).is_relative_to(tmp_path / "given")
    assert compiled_in(ready, **variables) > 0
    assert set(cache_files(tmp_path / "given"))
    assert not (tmp_path / "home").exists()


# --- what is told apart ----------------------------------------------------------------------------


@pytest.mark.slow
def test_files_of_two_functions_change_places(copied: Path) -> None:
    """Each file is whole and has its digest, but it is another function's."""
    files = sorted(cache_files(copied))
    contents = [path.read_bytes() for path in files]
    assert len(files) > 1
    for path, content in zip(files, contents[1:] + contents[:1], strict=True):
        path.write_bytes(content)
    assert compiled_in(copied) > 0
    assert compiled_in(copied) == 0


@pytest.mark.slow
@pytest.mark.parametrize("edited", ["_kernels/*.py", "operations.py"])
def test_two_clones_share_a_folder(edited: str, copied: Path, tmp_path: Path) -> None:
    """An edit of what is compiled, or of what goes into it, is never answered by the other's code."""
    other = copy_package(tmp_path / "other")
    shared = {"NUMBA_CACHE_DIR": str(copied / "cache")}
    assert compiled_in(other, **shared) == 0
    for module in (other / "fastact/backends/numba").glob(edited):
        module.write_text(module.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert compiled_in(other, **shared) > 0
    assert compiled_in(other, **shared) == compiled_in(copied, **shared) == 0


@pytest.mark.slow
def test_parallel_and_serial_are_told_apart(ready: Path, tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(
        "from numba import prange\n"
        "def count(out):\n"
        "    for i in prange(out.size):\n"
        "        out[i] = i\n"
    )
    script = f"""
sys.path.append({str(tmp_path)!r})
from counting import count
from numba import njit, types
from fastact.backends.numba.cache import DiskCache
for parallel in (False, True):
    dispatcher = njit(parallel=parallel)(count)
    dispatcher._cache = DiskCache(count, dispatcher.targetoptions)
    with compiled() as events:
        dispatcher.compile(types.none(types.float64[::1]))
    print(len(events.buffer) > 0)
"""
    cold = {"NUMBA_CACHE_DIR": str(tmp_path / "cold")}
    assert run_in(ready, script, **cold).split() == ["True", "True"]
    assert run_in(ready, script, **cold).split() == ["False", "False"]


@pytest.mark.slow
def test_settings_that_change_the_code_are_told_apart(copied: Path) -> None:
    assert compiled_in(copied, NUMBA_BOUNDSCHECK="1") > 0
    assert compiled_in(copied) == 0


# --- what is not trusted ---------------------------------------------------------------------------


def folders_of(folder: Path) -> Iterator[Path]:
    yield from (path for path in (folder / "cache").rglob("*") if path.is_dir())


@needs_owners
def test_folder_is_private(ready: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in folders_of(ready)} == {0o700}
    assert not any(path.stat().st_mode & 0o077 for path in cache_files(ready))


@needs_owners
def test_folder_that_others_can_write_is_not_used(copied: Path) -> None:
    before = files_of(copied / "cache")
    for path in folders_of(copied):
        path.chmod(0o777)
    assert compiled_in(copied) > 0
    assert files_of(copied / "cache") == before
    assert run_in(copied, FOLDER).startswith("none: ")


@needs_owners
def test_folder_of_another_user_is_not_used(copied: Path) -> None:
    script = f"os.geteuid = lambda: {os.geteuid() + 1}\n"
    before = files_of(copied / "cache")
    assert int(run_in(copied, script + COUNT, **WITHOUT_EXTENSION)) > 0
    assert files_of(copied / "cache") == before
    assert "belongs to another user" in run_in(copied, script + FOLDER)


@needs_owners
def test_file_that_others_can_write_is_not_used(copied: Path) -> None:
    for path in cache_files(copied):
        path.chmod(0o666)
    assert compiled_in(copied) > 0
    assert compiled_in(copied) == 0


# --- what is thrown away ---------------------------------------------------------------------------


def test_what_nobody_used_for_a_month_is_removed(copied: Path) -> None:
    now, day = time.time(), 86400
    files = sorted(cache_files(copied))
    abandoned = files[0].with_name("abandoned.nbc")
    abandoned.write_bytes(b"")
    os.utime(abandoned, (now - 31 * day,) * 2)
    for path in files:
        os.utime(path, (now - 29 * day,) * 2)
    assert compiled_in(copied) == 0
    assert abandoned.exists()  # nothing was written
    assert all(path.stat().st_mtime > now - day for path in files)
    files[0].unlink()
    assert compiled_in(copied) > 0
    assert not abandoned.exists()
    assert sorted(cache_files(copied)) == files
