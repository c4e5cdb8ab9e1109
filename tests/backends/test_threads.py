"""How many threads: the default and its limits, the switches, and what a fork does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fastact as fa
from conftest import IMPORTED, check_python, run_python
from fastact import threads

PRINT = "import fastact as fa; print(fa.get_num_threads())"
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture(autouse=True)
def _restored():
    before = fa.get_num_threads()
    yield
    fa.set_num_threads(before)


def test_set_and_get() -> None:
    for count in (1, 3, 1024):
        fa.set_num_threads(count)
        assert fa.get_num_threads() == count


@pytest.mark.parametrize("count", [0, -1, 1025, 10**9])
def test_set_refuses_absurd_numbers(count: int) -> None:
    before = fa.get_num_threads()
    with pytest.raises(ValueError, match="integer from 1 to 1024"):
        fa.set_num_threads(count)
    assert fa.get_num_threads() == before


@pytest.mark.parametrize("count", ["2", 2.0, None, True], ids=repr)
def test_set_takes_integers(count: object) -> None:
    with pytest.raises(TypeError, match="integer"):
        fa.set_num_threads(count)  # type: ignore[arg-type]


def test_subscribers_hear_of_every_change(set_threads: Callable[[int], None]) -> None:
    heard: list[int] = []
    before = fa.get_num_threads()
    threads.on_change(heard.append)
    set_threads(5)
    set_threads(2)
    assert heard == [before, 5, 2]


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1000000000", " ", "1.5", "2,2"])
def test_variable_refuses_what_is_not_a_number_of_threads(value: str) -> None:
    for program in (PRINT, "import fastact as fa; fa.get(fa.names()[0])([1.0])"):
        done = run_python(program, FASTACT_NUM_THREADS=value)
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert (
            last == f"ValueError: FASTACT_NUM_THREADS={value!r}: choose an integer from 1 to 1024"
        )


def test_variable_sets_the_number() -> None:
    assert check_python(PRINT, FASTACT_NUM_THREADS="7", OMP_NUM_THREADS="1") == "7\n"


def test_openmp_variable_is_a_limit() -> None:
    assert check_python(PRINT, OMP_NUM_THREADS="1") == "1\n"
    assert check_python(PRINT, OMP_NUM_THREADS="1,4") == "1\n"
    for value in ("1000", "abc", "", "-3"):
        assert int(check_python(PRINT, OMP_NUM_THREADS=value)) <= (PROCESSORS or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no processor affinity here")
def test_affinity_is_a_limit() -> None:
    program = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); " + PRINT
    assert check_python(program) == "1\n"


def _cgroup(tmp_path: Path, membership: str, files: dict[str, str]) -> int | None:
    (tmp_path / "membership").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return threads.cgroup_limit(str(tmp_path / "mount"), str(tmp_path / "membership"))


V1 = "7:memory:/a\n3:cpu,cpuacct:/docker/abc\n"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "100000 100000"}, 1),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000", "cpu.max": "300000 100000"}, 3),
        ("0::/host/only\n", {"cpu.max": "50000 100000"}, 1),
        (V1, {"cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "250000\n",
              "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n"}, 3),
        (V1, {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        (V1, {"memory/a/cpu.cfs_quota_us": "1"}, None),
        ("garbage", {"cpu.max": "nonsense"}, None),
        ("0::/\n", {"cpu.max": "0 0"}, None),
        ("", {}, None),
    ],
)  # fmt: skip
def test_cgroup_quota(
    tmp_path: Path, membership: str, files: dict[str, str], expected: int | None
) -> None:
    assert _cgroup(tmp_path, membership, files) == expected


def test_cgroup_quota_without_cgroups(tmp_path: Path) -> None:
    assert threads.cgroup_limit(str(tmp_path / "no"), str(tmp_path / "none")) is None


FORK = """
import os, sys
import fastact as fa
from fastact import threads
heard = []
threads.on_change(heard.append)
fa.set_num_threads(4)
child = os.fork()
if child == 0:
    ok = fa.get_num_threads() == 1 and heard[-1] == 1
    fa.set_num_threads(2)
    ok = ok and fa.get_num_threads() == 2 and heard[-1] == 2
    os._exit(0 if ok else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert fa.get_num_threads() == 4
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_child_is_serial_until_it_asks() -> None:
    check_python(FORK, timeout=20)


FORK_UNDER_LOCK = """
import os, threading
import fastact as fa
from fastact import threads
taken, done = threading.Event(), threading.Event()
def hold(count):
    taken.set()
    done.wait()
# Backends are made under the lock of the registry, and subscribers called under that of the threads.
fa.register_backend("held", lambda: threads.on_change(hold))
fa.get_num_threads()
holder = threading.Thread(target=fa.backends)
holder.start()
taken.wait()
child = os.fork()
if child == 0:
    fa.set_num_threads(2)
    fa.set_backend("numpy")
    os._exit(0)
done.set()
holder.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_while_another_thread_holds_the_locks() -> None:
    # From Python 3.12 on, forking a process with threads warns; that is the point here.
    environment = {**os.environ, "PYTHONPATH": str(IMPORTED)}
    subprocess.run([sys.executable, "-c", FORK_UNDER_LOCK], timeout=20, check=True, env=environment)
