"""NumPy: the formula written by hand; a single ufunc, or clip, writes into `out`."""

from __future__ import annotations

import contextlib
from functools import partial

import numpy as np

from . import Arrays, Call, Key, Maker, plain_rows
from .formulas import FORMULAS, compiled

VERSION = np.__version__
COMPOSED: frozenset[Key] = frozenset()


def native(array: np.ndarray) -> np.ndarray:
    return array


target = native


def context() -> contextlib.AbstractContextManager[object]:
    return np.errstate(all="ignore")


def set_num_threads(count: int) -> None:
    """NumPy's ufuncs run on one thread."""


def formula(text: str) -> Maker:
    function = compiled(text, vars(np))

    def make(a: Arrays) -> Call:
        return partial(function, a.x, a.g, a.y)

    return make


def _step(a: Arrays) -> Call:
    # 0.6 us against 1.4 for one element, 2300 us against 120 for 262,144.
    if a.x.size < 100:
        return partial(np.heaviside, a.x, 1, a.out)
    return partial(np.greater_equal, a.x, 0, out=a.out)


CALLS: dict[Key, Maker] = {key: formula(text) for key, text in FORMULAS.items()}
CALLS |= plain_rows.CALLS
CALLS |= {
    ("identity", "forward"): lambda a: partial(_copy, a.x, a.out),
    ("identity", "vjp"): lambda a: partial(_copy, a.g, a.out),
    ("step", "forward"): _step,
    ("step", "vjp"): lambda a: partial(np.multiply, a.g, 0, a.out),
    ("relu", "forward"): lambda a: partial(np.maximum, a.x, 0, out=a.out),
    ("relu6", "forward"): lambda a: partial(np.clip, a.x, 0, 6, a.out),
    ("hard_tanh", "forward"): lambda a: partial(np.clip, a.x, -1, 1, a.out),
    ("exponential", "forward"): lambda a: partial(np.exp, a.x, a.out),
    ("exponential", "vjp_from_output"): lambda a: partial(np.multiply, a.g, a.y, a.out),
    ("tanh", "forward"): lambda a: partial(np.tanh, a.x, a.out),
}


def _copy(source: np.ndarray, out: np.ndarray) -> np.ndarray:
    np.copyto(out, source)
    return out
