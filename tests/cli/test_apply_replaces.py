"""``fastact apply`` leaves its output whole or as it was, and memory free."""

from __future__ import annotations

import errno
import functools
import operator
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from apply_runs import fail, same, samples, save, succeed
from conftest import check_python, limits_memory, run_python
from fastact.cli import npy_stream

resource = pytest.importorskip("resource", reason="the system is not POSIX")


@pytest.fixture(autouse=True)
def numpy_backend() -> Any:
    with fa.use_backend("numpy"):
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_input_that_ends_early(folder: Path) -> None:
    x = save("x.npy", samples("f4", (4, 5)))
    old = save("y.npy", np.arange(3))
    with npy_stream.NpySource("x.npy") as source:
        os.truncate("x.npy", os.path.getsize("x.npy") - 2)
        with pytest.raises(ValueError, match="truncated: 2 bytes of data are missing"):
            npy_stream.stream(fa.get("relu"), [source], Path("y.npy"))
    assert source.size == x.size
    same(np.load("y.npy"), old)
    assert sorted(os.listdir()) == ["x.npy", "y.npy"]


def test_mode_of_the_output(folder: Path) -> None:
    save("x.npy", samples("f4", (3,)))
    mask = os.umask(0o027)
    try:
        succeed("relu", "x.npy", "new.npy")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(os.stat("new.npy").st_mode) == 0o640
    save("old.npy", np.zeros(3))
    os.chmod("old.npy", 0o604)
    succeed("relu", "x.npy", "old.npy")
    assert stat.S_IMODE(os.stat("old.npy").st_mode) == 0o604


def access_while_written(target: str) -> int:
    """Return what anybody may do with the partial file, in all moments together."""
    found = []

    def look(count: int) -> None:
        (partial,) = Path(target).parent.glob("*.partial")
        found.append(stat.S_IMODE(partial.stat().st_mode))

    with npy_stream.NpySource("x.npy") as source:
        npy_stream.stream(fa.get("relu"), [source], Path(target), progress=look)
    return functools.reduce(operator.or_, found)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604, 0o200, 0o666, None], ids=str)
def test_access_to_the_partial_file(mode: int | None, folder: Path) -> None:
    save("x.npy", samples("f4", (3,)))
    if mode is not None:
        save("y.npy", np.zeros(3))
        os.chmod("y.npy", mode)
    before = os.umask(0o027)
    try:
        assert access_while_written("y.npy") & ~(0o640 if mode is None else mode) == 0
    finally:
        os.umask(before)


AS_ANOTHER = """
import os, sys, numpy as np
from pathlib import Path
import fastact as fa
from fastact.cli import npy_stream
with npy_stream.NpySource("x.npy") as source:
    fa.relu(np.ones(3))  # with all that has yet to be read from files
    os.setgroups([])
    os.setgid(int(sys.argv[1]))
    os.setuid(int(sys.argv[1]))
    npy_stream.stream(fa.relu, [source], Path("y.npy"))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_owner_and_group(folder: Path) -> None:
    save("x.npy", samples("f4", (3,)))
    save("y.npy", np.zeros(3))
    os.chmod(folder, 0o777)
    os.chown("y.npy", 1234, 1235)
    os.chmod("y.npy", 0o664)
    succeed("relu", "x.npy", "y.npy")
    status = os.stat("y.npy")
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1234, 1235, 0o664)
    # Who may not give a file to that group gives its own group no more than everybody has.
    check_python(AS_ANOTHER, "1234", FASTACT_BACKEND="numpy")
    status = os.stat("y.npy")
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1234, 1234, 0o644)
    old = Path("y.npy").read_bytes()
    done = run_python(AS_ANOTHER, "4321", FASTACT_BACKEND="numpy")
    assert "PermissionError" in done.stderr
    assert Path("y.npy").read_bytes() == old
    assert sorted(os.listdir()) == ["x.npy", "y.npy"]


@pytest.mark.parametrize("linked", [False, True])
def test_read_only_target(linked: bool, folder: Path) -> None:
    save("x.npy", samples("f4", (3,)))
    old = save("old.npy", np.zeros(3))
    os.chmod("old.npy", 0o444)
    if linked:
        os.symlink("old.npy", "y.npy")
    target = "y.npy" if linked else "old.npy"
    before = sorted(os.listdir())
    assert f"{target}: is read-only and will not be replaced" in fail("relu", "x.npy", target)
    assert sorted(os.listdir()) == before
    same(np.load("old.npy"), old)


@pytest.mark.parametrize("first", ["loop.npy", "other.npy"])
def test_loop_of_symbolic_links(first: str, folder: Path) -> None:
    save("x.npy", samples("f4", (3,)))
    os.symlink(first, "loop.npy")
    os.symlink("loop.npy", "other.npy")
    words = f"loop.npy: {os.strerror(errno.ELOOP)}"
    assert words in fail("relu", "x.npy", "loop.npy")
    assert os.readlink("loop.npy") == first
    assert words in fail("relu", "loop.npy", "y.npy")
    assert sorted(os.listdir()) == ["loop.npy", "other.npy", "x.npy"]


def test_symbolic_link_to_a_file(folder: Path) -> None:
    x = save("x.npy", samples("f4", (3,)))
    os.mkdir("there")
    save("there/y.npy", np.zeros(9))
    os.symlink("there/y.npy", "link.npy")
    os.symlink("link.npy", "y.npy")
    succeed("relu", "x.npy", "y.npy")
    assert (os.readlink("y.npy"), os.readlink("link.npy")) == ("link.npy", "there/y.npy")
    same(np.load("there/y.npy"), fa.get("relu")(x))


def test_symbolic_link_into_a_missing_folder(folder: Path) -> None:
    save("x.npy", samples("f4", (3,)))
    os.symlink("nowhere/y.npy", "y.npy")
    assert f"y.npy: {os.strerror(errno.ENOENT)}" in fail("relu", "x.npy", "y.npy")
    assert os.readlink("y.npy") == "nowhere/y.npy"


def test_symbolic_link_stays(folder: Path) -> None:
    x = save("x.npy", samples("f4", (3,)))
    os.mkdir("there")
    Path("y.npy").symlink_to("there/y.npy")
    succeed("relu", "x.npy", "y.npy")
    assert Path("y.npy").is_symlink()
    same(np.load("there/y.npy"), fa.get("relu")(x))


def test_long_names(folder: Path) -> None:
    save("x.npy", samples("f4", (3,)))
    for name in ("y" * 255, "λ" * 127):
        succeed("relu", "x.npy", name)
        assert os.path.exists(name)


@pytest.mark.parametrize("limit", [10, 200, 4096])
def test_full_disk(limit: int, folder: Path) -> None:
    save("x.npy", samples("f4", (4096,)))
    old = save("y.npy", np.arange(3))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        line = fail("relu", "x.npy", "y.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"y.npy: {os.strerror(errno.EFBIG)}" in line
    same(np.load("y.npy"), old)
    assert sorted(os.listdir()) == ["x.npy", "y.npy"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_full_file_system(folder: Path) -> None:
    save("x.npy", samples("f4", (500_000,)))
    os.mkdir("small")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "small"]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        old = save("small/y.npy", np.arange(3))
        assert f"small/y.npy: {os.strerror(errno.ENOSPC)}" in fail("relu", "x.npy", "small/y.npy")
        same(np.load("small/y.npy"), old)
        assert os.listdir("small") == ["y.npy"]
    finally:
        subprocess.run(["umount", "small"], check=True)


# --- as a process --------------------------------------------------------------------------------


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fastact", "apply", "--backend=numpy", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(fa.__file__).parent.parent)}
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 160 MB that takes no space: zeros after its header."""
    path: Path = tmp_path_factory.mktemp("large") / "x.npy"
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (40_000_000,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 160_000_000)
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_stopped_half_way(number: signal.Signals, large: Path, folder: Path) -> None:
    old = save("y.npy", np.arange(3))
    process = start("gelu", str(large), "y.npy", "--progress")
    wait_until(lambda: any(os.path.getsize(path) > 10_000_000 for path in os.listdir()), process)
    process.send_signal(number)
    sent = time.monotonic()
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - sent < 5
    same(np.load("y.npy"), old)
    if number == signal.SIGKILL:
        assert process.returncode == -number
        assert all(name == "y.npy" or name.endswith(".partial") for name in os.listdir())
    else:
        assert process.returncode == 128 + number
        assert errors.endswith(f"fastact: stopped by {number.name}\n")
        assert "Traceback" not in errors
        assert os.listdir() == ["y.npy"]


def wait_until(condition: Any, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


# The peak of the process itself: what wait4 tells counts the parent's memory at the fork, too.
PEAK = """
import sys
from fastact.cli.main import main
try:
    main(sys.argv[1:])
finally:
    with open("/proc/self/status") as status:
        print(*(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


@pytest.mark.slow
@limits_memory
@pytest.mark.parametrize("pass_", ["forward", "value_and_derivative"])
def test_memory_does_not_grow_with_the_file(pass_: str, large: Path, folder: Path) -> None:
    save("small.npy", np.zeros(1, "f4"))
    peaks = []
    for source in ("small.npy", str(large)):
        arguments = [
            "apply",
            "--backend=numpy",
            "identity",
            source,
            "y.npy",
            f"--pass={pass_}",
            "--no-progress",
        ]
        printed = check_python(PEAK, *arguments)
        peaks.append(int(printed.split()[-1]) / 1024)
    print(f"resident: {peaks[0]:.0f} MiB for one element, {peaks[1]:.0f} MiB for 160 MB")
    assert np.load("y.npy", mmap_mode="r").shape[-1] == 40_000_000
    # Two blocks of 4 MiB, for a pair three; a memory map would keep all 160 MB.
    assert peaks[1] - peaks[0] < 40
    assert peaks[1] < 300
