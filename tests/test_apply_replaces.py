"""``fastact apply`` leaves its output whole or as it was, and memory free."""

from __future__ import annotations

import errno
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
from conftest import check_python
from fastact import streaming

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
    with streaming.NpySource("x.npy") as source:
        os.truncate("x.npy", os.path.getsize("x.npy") - 2)
        with pytest.raises(ValueError, match="cut short: it ended 2 bytes too early"):
            streaming.stream(fa.get("relu"), [source], Path("y.npy"))
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
from fastact.cli import main
try:
    main(sys.argv[1:])
finally:
    with open("/proc/self/status") as status:
        print(*(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
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
