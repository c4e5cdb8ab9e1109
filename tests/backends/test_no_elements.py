"""Calls on arrays without elements end at once, whatever their other lengths are."""

from __future__ import annotations

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS, check_python

PROGRAM = """
import ast, itertools, sys
import numpy as np
import fastact as fa
from fastact.functions.elementwise import FUNCTIONS
from fastact.functions.gates import GATED
from fastact.functions.rows import ROW_FUNCTIONS

single = next(f for f in FUNCTIONS.values() if not f.parameters)

def check(label, call, expected):
    print(label, flush=True)  # what does not end is the last line
    try:
        result = call()
    except MemoryError:
        assert expected is None, label
        return
    for one in result if type(result) is tuple else (result,):
        assert expected is not None and one.shape == expected, (label, one.shape)

for shape in map(ast.literal_eval, sys.argv[1:]):
    axes = range(len(shape))
    x, half = np.empty(shape, "f4"), np.empty(shape, "f2", order="F")
    for array in (x, half, x[..., ::2], x.T):
        check("elementwise", lambda: single(array), array.shape)
        check("vjp", lambda: single.vjp(1.0, array), array.shape)
        check("prelu", lambda: fa.prelu(array, 0.2), array.shape)
    for name, gate in GATED.items():
        check(name, lambda: gate(x, x), shape)
        check(name + ".vjp", lambda: gate.vjp(x, x[...], x), shape)
    for (name, f), axis, array in itertools.product(ROW_FUNCTIONS.items(), axes, (x, half)):
        rest = tuple(n for k, n in enumerate(shape) if k != axis)
        rows = None if 0 not in rest else rest
        check(f"{name} {axis}", lambda: f(array, axis), rows if f.reduces else shape)
        if "vjp" in f.passes:
            g = 1.0 if f.reduces else array
            check(f"{name}.vjp {axis}", lambda: f.passes["vjp"](g, array, axis), shape)
        if not f.reduces:
            check(f"{name} out {axis}", lambda: f(array, axis, out=array), shape)
            check(f"{name} mask {axis}", lambda: f(array, axis, where=np.True_), shape)
    for axis in axes:
        wide = tuple(2 * n if k == axis else n for k, n in enumerate(shape))
        check(f"crelu {axis}", lambda: fa.crelu(x, axis), wide)
        pieces = shape[axis] or 1
        short = tuple(n // pieces if k == axis else n for k, n in enumerate(shape))
        check(f"maxout {axis}", lambda: fa.maxout(x, pieces, axis), short)
        check(f"maxout.vjp {axis}", lambda: fa.maxout.vjp(1.0, x, pieces, axis), shape)
        for reduction in ("mean", "sum"):
            loss = lambda: fa.cross_entropy.value_and_grad(x, x, axis=axis, reduction=reduction)[1]
            check(f"cross_entropy {axis} {reduction}", loss, shape)
    for loss in (fa.binary_cross_entropy, fa.binary_cross_entropy_with_logits):
        check(loss.name, lambda: loss.value_and_grad(x, x)[1], shape)
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_elements_take_no_time(backend: str) -> None:
    shapes = (10**15, 0), (0, 10**15), (10**9, 0, 10**9)
    check_python(PROGRAM, *map(str, shapes), FASTACT_BACKEND=backend, timeout=60)


def test_cross_entropy_without_classes(backend: str) -> None:
    nothing = np.empty((3, 0))
    for reduction in ("mean", "sum", "none"):  # a distribution over no classes: a sum over nothing
        assert np.all(fa.cross_entropy(nothing, nothing, reduction=reduction) == 0)
    ignored = np.full(3, -100)
    assert np.array_equal(fa.cross_entropy(nothing, ignored, reduction="none"), np.zeros(3))
    assert fa.cross_entropy(nothing, ignored, reduction="sum", label_smoothing=0.5) == 0
    assert np.isnan(fa.cross_entropy(nothing, ignored))
    with pytest.raises(IndexError, match="class 0 is out of range for 0"):
        fa.cross_entropy(nothing, np.zeros(3, int))
    none = np.empty((0, 0))
    assert fa.cross_entropy(none, none, reduction="sum") == 0
