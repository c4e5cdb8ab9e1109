"""The pool in C under the thread sanitizer, without Python: callers at once, changed numbers of threads, forks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from native_cases import CSRC, DECLARED, DRIVERS, compile_c

COMPILER = os.environ.get("CC", "gcc").split()[0]
SANITIZE = ("-O1", "-g", "-fsanitize=thread")
# Children of a process with threads start threads, too.
OPTIONS = "halt_on_error=0:die_after_fork=0:exitcode=66"


def works(folder: Path) -> bool:
    """Tell whether the compiler has the sanitizer and this system runs what it makes."""
    if shutil.which(COMPILER) is None:
        return False
    source, program = folder / "empty.c", folder / "empty"
    source.write_text("int main(void) { return 0; }\n")
    made = subprocess.run([COMPILER, *SANITIZE, str(source), "-o", str(program)], check=False)
    return made.returncode == 0 and subprocess.run([program], check=False).returncode == 0


@pytest.mark.slow
def test_thread_pool(tmp_path: Path) -> None:
    if not works(tmp_path):
        pytest.skip(f"{COMPILER} cannot make a program with the thread sanitizer that runs here")
    program = tmp_path / "threads"
    sources = [path for path in sorted(CSRC.rglob("*.c")) if path.name != "dispatch.c"]
    declared = {name: DECLARED[name] for name in ("relu", "mish")}
    compile_c(
        COMPILER,
        "baseline",
        [*sources, DRIVERS / "threads_driver.c"],
        program,
        declared,
        flags=(*SANITIZE, "-pthread"),
    )
    done = subprocess.run(
        [program],
        capture_output=True,
        text=True,
        timeout=170,
        env={**os.environ, "TSAN_OPTIONS": OPTIONS},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 wrong\n", ""), done.stderr[-4000:]
