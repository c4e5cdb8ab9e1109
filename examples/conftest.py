"""Fixtures for the tests of the programs: available backends, the pictures' folder, reported lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact.backends.registry import not_built
from pictures import save

ASKED = os.environ.get("FASTACT_BACKEND", "auto")
AVAILABLE = [name for name, state in fa.backends().items() if state == "available"]
Check = Callable[[Any, Any], None]
Saw = Callable[[str], None]
# Lines printed at the end of the run, passed or failed: shares of seeds and errors.
SEEN: dict[str, str] = {}


def right(accuracy: Any) -> float:
    """Return the share of the seeds that are right everywhere."""
    return float((np.asarray(accuracy) == 1.0).mean())


def pytest_configure() -> None:
    if ASKED == "auto" and (message := not_built()):
        raise pytest.UsageError(message)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", type=Path, help="where to keep the pictures, by backend")


@pytest.fixture(params=AVAILABLE if ASKED == "auto" else [ASKED])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on each available backend, or on the one named by FASTACT_BACKEND."""
    with fa.use_backend(request.param):
        yield request.param


@pytest.fixture
def check_picture(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Any, Any], None]:
    """Draw a program's picture; a warning from Matplotlib fails the test."""

    def check(program: Any, learned: Any) -> None:
        folder = request.config.getoption("--pictures") or tmp_path
        path = save(program.draw(learned), program.__name__, folder / fa.get_backend())
        assert path.stat().st_size > 10_000

    return check


@pytest.fixture
def saw(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keep a line for the end of the run."""

    def see(line: str) -> None:
        SEEN[request.node.name] = line

    return see


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if SEEN:
        terminalreporter.section("what the programs showed")
        for name, line in SEEN.items():
            terminalreporter.write_line(f"{name:45s} {line}")
