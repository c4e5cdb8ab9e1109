"""The option of the benchmarks."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--matrix",
        action="store_true",
        help="every size and dtype, instead of 262,144 elements of float32; select with -k",
    )
