"""Description of the machine, and the JSON format of results."""

from __future__ import annotations

import json
import os
import platform
from typing import Any

import numpy as np

from fastact import __version__, get_backend, get_num_threads
from fastact.backends.registry import active


def describe() -> dict[str, Any]:
    """Describe the machine, its load, and fastact's configuration."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "load": None if load is None else round(load, 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fastact": __version__,
        "backend": get_backend(),
        "describe": active().describe(),
        "threads": get_num_threads(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def dumps(document: dict[str, Any]) -> str:
    """Return a document as JSON with one result a line, for readable diffs."""
    lines = [
        f"  {json.dumps(key)}: {_block(value) if key == 'results' else json.dumps(value)}"
        for key, value in document.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _block(results: dict[str, Any]) -> str:
    lines = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in results.items()]
    return "{\n" + ",\n".join(lines) + "\n  }"
