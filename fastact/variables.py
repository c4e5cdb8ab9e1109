"""The environment variables of this package."""

from __future__ import annotations

import os

__all__ = ["PREFIX", "variable"]

PREFIX = "FASTACT_"


def variable(name: str) -> str | None:
    """Return the value of a variable, or None if it is not set or empty."""
    return os.environ.get(PREFIX + name) or None
