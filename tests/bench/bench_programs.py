"""The programs of bench/, which is a folder of programs and not a package."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from conftest import ROOT

BENCH = ROOT / "bench"


def bench(name: str) -> ModuleType:
    """Import a module of bench/."""
    sys.path.insert(0, str(BENCH))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(BENCH))
