"""The package entmax: sparsemax and 1.5-entmax of PyTorch tensors, by partial sorting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import entmax

from . import Arrays, Call, Key, Maker
from .torch import context, native, set_num_threads, target

__all__ = ["CALLS", "COMPOSED", "VERSION", "context", "native", "set_num_threads", "target"]

VERSION = version("entmax")
COMPOSED: frozenset[Key] = frozenset()

# It sorts the K largest of each row, and more where these do not suffice. Without a K it sorts all,
# which takes 3 to 30 times as long on the data compared here.
K = 32


def _prepared(function: Callable[..., Any]) -> Maker:
    def make(a: Arrays) -> Call:
        k = K if a.x.shape[a.axis] > K else None
        return partial(function, a.x, a.axis, k)

    return make


CALLS: dict[Key, Maker] = {
    ("sparsemax", "forward"): _prepared(entmax.sparsemax),
    ("entmax15", "forward"): _prepared(entmax.entmax15),
}
