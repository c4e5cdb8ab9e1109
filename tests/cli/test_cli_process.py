"""The ``fastact`` program as a process: signals at any moment, streams that are closed or full."""

from __future__ import annotations

import errno
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import IMPORTED, run_python

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and streams")

FASTACT = [sys.executable, "-m", "fastact"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(IMPORTED), "FASTACT_BACKEND": "numpy"}

PLOTS = bool(importlib.util.find_spec("matplotlib") and importlib.util.find_spec("PIL"))
COMMANDS = [
    "--version",
    "info",
    "list",
    "accuracy relu --count=9",
    "bench relu --size=9 --repeat=1",
    "apply relu x.npy y.npy",
    "apply softmax x.npy y.npy --progress",
    *["plot relu -o y.png"] * PLOTS,
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.linspace(-4, 4, 99))


def shell(command: str, redirections: str) -> subprocess.CompletedProcess[str]:
    words = ["sh", "-c", f'"$@" {redirections}', "sh", *FASTACT, *command.split()]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, env=ENVIRONMENT)


def check_output(command: str) -> None:
    if command.startswith("apply"):
        name = command.split()[1]
        np.testing.assert_array_equal(np.load("y.npy"), fa.get(name)(np.load("x.npy")))
    if command.startswith("plot"):
        assert Path("y.png").read_bytes().startswith(b"\x89PNG")


# --- streams -------------------------------------------------------------------------------------


# Each command without an output, and other streams closed for those that print, or open files.
CLOSED = [
    *((command, ">&-") for command in COMMANDS),
    *((command, "2>&-") for command in COMMANDS if "list" in command or "progress" in command),
    *((command, "<&-") for command in COMMANDS if "apply" in command or "plot" in command),
    *((command, "<&- >&- 2>&-") for command in COMMANDS if "npy" in command or "list" in command),
]


@pytest.mark.parametrize(("command", "redirections"), CLOSED)
def test_closed_streams(command: str, redirections: str) -> None:
    with fa.use_backend("numpy"):
        done = shell(command, redirections)
        assert done.returncode == 0, done
        assert ("progress" in command and "2>" not in redirections) or not done.stderr
        if ">&-" not in redirections or redirections == "2>&-":
            assert done.stdout
        check_output(command)


def test_closed_streams_leave_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "PYTHONDEVMODE", "1")
    done = shell("list", "<&- >&-")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("redirections", ["2>&-", ">&-", "<&- >&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("apply relu nothing.npy y.npy --progress", 1),
        ("apply relu x.npy nowhere/y.npy --progress", 1),
        ("apply relu x.npy", 2),
        ("bench silo", 1),
        ("lits", 2),
    ],
)
def test_errors_with_closed_streams(command: str, status: int, redirections: str) -> None:
    done = shell(command, redirections)
    assert done.returncode == status
    assert bool(done.stderr) == (redirections == ">&-")
    assert os.listdir() == ["x.npy"]


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("command", COMMANDS)
def test_full_streams(command: str) -> None:
    with fa.use_backend("numpy"):
        assert shell(command, "2>/dev/full").returncode == 0
        check_output(command)
    done = shell(command, ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.endswith(f"fastact: {os.strerror(errno.ENOSPC)}\n")
    assert "Traceback" not in done.stderr


def test_closed_pipe() -> None:
    done = subprocess.run(
        f"{sys.executable} -m fastact list | head -1",
        shell=True,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
    )
    assert done.stdout.startswith("function")
    assert done.stderr == ""


# --- signals -------------------------------------------------------------------------------------


def test_interrupted() -> None:
    running = subprocess.Popen(
        [*FASTACT, "bench", "gelu", "--repeat=100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 130
    assert errors == "fastact: stopped by SIGINT\n"


AT_AN_IMPORT = """
import os, sys
from fastact.cli.main import main
def look(event, details):
    if event == "import" and details[0] == sys.argv[1]:
        os.kill(os.getpid(), 2)
sys.addaudithook(look)
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    "module",
    [
        "click",
        "numpy",
        "numpy._core._multiarray_umath",
        "fastact.cli.program",
        "fastact.functions.elementwise",
        "numpy.random",
        "tqdm",
    ],
)
def test_interrupted_at_an_import(module: str) -> None:
    command = "apply", "gumbel_softmax", "x.npy", "y.npy"
    done = run_python(AT_AN_IMPORT, module, *command, FASTACT_BACKEND="numpy")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "fastact: stopped by SIGINT\n"
    assert os.listdir() == ["x.npy"]


@pytest.mark.parametrize("module", ["fastact.cli.process", "signal"])
def test_interrupted_at_the_first_imports(module: str) -> None:
    done = run_python(AT_AN_IMPORT, module, "info", FASTACT_BACKEND="numpy")
    assert (done.returncode, done.stdout, done.stderr) in [
        (130, "", ""),
        (130, "", "fastact: stopped by SIGINT\n"),
    ]


def test_the_first_imports_are_few() -> None:
    program = """
import sys
before = {*sys.modules}
import fastact.cli.main
print(*sorted({*sys.modules} - before - {"__future__"}))  # an editable install has imported that before
"""
    assert run_python(program).stdout.split() == [
        "fastact",
        "fastact._version",
        "fastact.backends",
        "fastact.cli",
        "fastact.cli.main",
    ]


@pytest.mark.parametrize("delay", [0, 0.002, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8])
def test_interrupted_after_a_while(delay: float) -> None:
    # Python tells on stderr what it has imported: before the program's first line it is not to blame.
    running = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "fastact", "list"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert running.stderr is not None
    while "fastact.cli.process" not in running.stderr.readline():
        assert running.poll() is None
    time.sleep(delay)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=20)
    assert "Traceback" not in errors
    assert "KeyboardInterrupt" not in errors
    # At its very end Python gives the signal back to the system, which kills.
    assert running.returncode in (0, 130, -signal.SIGINT)


ON_A_SIGNAL = """
import os, signal, sys, time
from fastact.cli import process
"""


def test_second_signal_does_not_cut_the_cleaning_up_short() -> None:
    program = """
calls = []
def cleanup():
    calls.append(None)
    if len(calls) == 1:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    os.write(1, b"clean")
process.end_at_signals()
with process.cleaned_up_by(cleanup):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
"""
    done = run_python(ON_A_SIGNAL + program)
    assert (done.returncode, done.stdout) == (143, "clean")
    assert done.stderr == "fastact: stopped by SIGTERM\n"


def test_nothing_swallows_a_signal() -> None:
    program = """
process.end_at_signals()
class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(5)
try:
    Finalized()
except BaseException:
    pass
os.write(1, b"alive")
"""
    done = run_python(ON_A_SIGNAL + program)
    assert (done.returncode, done.stdout) == (129, "")
    assert done.stderr == "fastact: stopped by SIGHUP\n"


def test_ignored_signals_stay_ignored() -> None:
    program = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
process.end_at_signals()
os.kill(os.getpid(), signal.SIGHUP)
os.write(1, b"alive")
"""
    done = run_python(ON_A_SIGNAL + program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive", "")
