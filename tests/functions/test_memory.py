"""Memory beyond input and output: at most 1 MiB, for every function, pass, layout, dtype and option."""

from __future__ import annotations

import inspect
import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

import fastact as fa
from conftest import BACKENDS, limits_memory
from representatives import KINDS, ROW_KINDS

Array = npt.NDArray[Any]

ALLOWED = 1 << 20
# Of two bytes for each element, 1.1 MiB: more than what is allowed.
SIZE = 589_824

#: Name -> the shape of x, the axis, and a view of an array that is twice as long along its last axis.
LAYOUTS: dict[str, tuple[tuple[int, ...], int, Callable[[Array], Array]]] = {
    "rows": ((SIZE // 512, 512), -1, lambda a: a[:, : a.shape[1] // 2].copy()),
    "first axis": ((512, SIZE // 512), 0, lambda a: a[:, : a.shape[1] // 2].copy()),
    "middle axis": ((6, 64, SIZE // 384), 1, lambda a: a[..., : a.shape[2] // 2].copy()),
    "every second": ((SIZE // 512, 512), -1, lambda a: a[:, ::2]),
    "first axis, every second": ((512, SIZE // 512), 0, lambda a: a[:, ::2]),
    "one row": ((SIZE,), -1, lambda a: a[: a.size // 2].copy()),
    "one row, every second": ((SIZE,), -1, lambda a: a[::2]),
    "four rows along the first axis": ((SIZE // 4, 4), 0, lambda a: a[:, ::2]),
}
#: Name -> the dtypes of x (and what is like it), of g and weights, and of the result.
DTYPES = {
    "single": "fff",
    "half": "eee",
    "mixed": "fdd",
    "to double": "ffd",
}


class Case(NamedTuple):
    """A call; `made` is the layout, and the dtypes."""

    layout: str
    dtypes: str
    options: dict[str, Any]


def _full(case: Case, char: str, low: float = 0.05, high: float = 0.95) -> Array:
    """Return numbers that any function takes, probabilities too, in the case's layout."""
    shape, _, view = LAYOUTS[case.layout]
    wide = np.empty((*shape[:-1], 2 * shape[-1]), char)
    wide[...] = np.linspace(low, high, 2 * shape[-1])
    return view(wide)


def _without_axis(case: Case) -> tuple[int, ...]:
    shape, axis, _ = LAYOUTS[case.layout]
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def _classes(case: Case) -> int:
    shape, axis, _ = LAYOUTS[case.layout]
    return shape[axis]


#: Parameter -> values to call with, each a function of the case: those that change what is computed how.
OPTIONS: dict[str, list[Callable[[Case], Any]]] = {
    "where": [lambda c: _full(c, "f") > 0.3, lambda c: _full(c, "?", 0, 3)],
    "temperature": [lambda c: 1.5, lambda c: np.full(_without_axis(c), 1.5)],
    "tau": [lambda c: 1.5],
    "bias": [lambda c: _full(c, "d"), lambda c: np.ones(1)],
    "sink": [lambda c: 0.5],
    "cap": [lambda c: 5.0],
    "alpha": [lambda c: 1.25],
    "by_alpha": [lambda c: True],
    "reverse": [lambda c: True],
    "hard": [lambda c: True],
    "keepdims": [lambda c: True],
    "training": [lambda c: True],
    "order": [lambda c: "interleaved"],
    "weight": [lambda c: _full(c, DTYPES[c.dtypes][1])],
    "pos_weight": [lambda c: _full(c, DTYPES[c.dtypes][1])],
    "label_smoothing": [lambda c: 0.1],
    "reduction": [lambda c: "none"],
    "target": [lambda c: _full(c, DTYPES[c.dtypes][1])],
    "ignore_index": [lambda c: (0, 1)],
    "var": [lambda c: np.ones(1, "f"), lambda c: np.ones(LAYOUTS[c.layout][0][-1], "f")],
    "negative_slope": [lambda c: _full(c, "d")],
}


def function_of(one: Any) -> Any:
    return fa.get(one.__qualname__.partition(".")[0])


def _operands(one: Any, case: Case) -> tuple[list[Any], dict[str, Any]]:
    """Return the arrays of a pass, by position, and its options."""
    function = function_of(one)
    known = inspect.signature(one).parameters
    data, other, _ = DTYPES[case.dtypes]
    options = dict(case.options)
    if "axis" in known and "order" not in known:
        options["axis"] = LAYOUTS[case.layout][1]
    by_class = "ignore_index" in known
    if by_class and "weight" in options:
        options["weight"] = np.ones(_classes(case), other)
    if function.family == "losses" and "alpha" in options:
        options["alpha"] = 0.5
    if "cap" not in known and isinstance(options.get("temperature"), np.ndarray):
        options["temperature"] = 2.5  # only some take one for each row
    if "rng" in known and "rng" not in options:
        options["rng"] = 3
    if one.__qualname__ in WANTS_X and not {"cap", "sink"}.isdisjoint(options):
        options["x"] = _full(case, data)
    named = {"pieces": 2} if "pieces" in known else {}
    named |= {
        name: options.pop(name, 1.5)
        for name, parameter in known.items()
        if parameter.default is inspect.Parameter.empty and name not in (*one.arrays, *named)
    }
    arrays: list[Any] = []
    for name in one.arrays:
        if name in options:
            arrays.append(options.pop(name))
        elif name == "target" and by_class:
            arrays.append(np.ones(_without_axis(case), np.int64))
        elif name == "value" and "order" in options:  # packed into one array
            options["axis"] = LAYOUTS[case.layout][1]
        elif name == "g":
            arrays.append(None)
        else:
            arrays.append(_full(case, data))
    if None in [one if one is None else 0 for one in arrays]:
        takes = inspect.signature(function).parameters
        forward = {k: v for k, v in options.items() if k in takes and k != "x"}
        result = np.asarray(function(*arrays[1:], **named, **forward))
        same = result.shape == LAYOUTS[case.layout][0]
        arrays[0] = _full(case, other) if same else np.full(result.shape, 0.5, other)
    return arrays, named | options


WANTS_X = ("softmax.vjp", "log_softmax.vjp")


def _outs(results: tuple[Any, ...], case: Case) -> tuple[Any, ...]:
    shape, _, view = LAYOUTS[case.layout]
    char, found = DTYPES[case.dtypes][2], []
    for one in results:
        if one.shape == shape:
            found.append(view(np.full((*shape[:-1], 2 * shape[-1]), 7, char)))
        else:
            found.append(np.full(one.shape, 7, char))
    return tuple(found)


def _resident() -> dict[str, int]:
    """Return the process's resident memory in bytes now and at its peak."""
    with open("/proc/self/status") as lines:
        fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) << 10 for name in ("VmRSS", "VmHWM")}


def measured(call: Callable[[], Any]) -> tuple[Any, int, int]:
    """Return the result, the bytes that were allocated at the peak, and those that became resident."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _resident()["VmRSS"]
    tracemalloc.start()
    result = call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, peak, _resident()["VmHWM"] - before


def _of_results(results: tuple[Any, ...]) -> int:
    return sum(one.nbytes for one in results if isinstance(one, np.ndarray))


def excess(one: Any, case: Case) -> int:
    """Return the bytes that a call takes beyond its input and output, which is given in every second layout."""
    args, options = _operands(one, case)
    result, peak, _ = measured(lambda: one(*args, **options))
    results = tuple(
        map(np.asarray, result.values() if isinstance(result, dict) else _tuple(result))
    )
    beyond = peak - sum(array.nbytes for array in results if array.ndim)
    takes_out = "out" in inspect.signature(one).parameters
    if function_of(one).family == "rows" and isinstance(result, tuple):
        return beyond  # gradients by options, which have no out
    if not takes_out or list(LAYOUTS).index(case.layout) % 2:
        return beyond
    kept = int(one.pass_ == "value_and_grad")  # the value itself
    outs = _outs(results[kept:], case)
    del result
    options["out"] = outs if len(outs) > 1 else outs[0]
    _, peak, resident = measured(lambda: one(*args, **options))
    return max(
        beyond, max(peak, resident) - sum(array.nbytes for array in results[:kept] if array.ndim)
    )


def _tuple(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


#: Numba compiles each kernel first: rows of a few kinds, in one dtype.
COMPILED = {name for name, _ in ROW_KINDS} | {"cross_entropy", "softmax_focal", "gumbel_softmax"}
COMPILED |= {"logcumsumexp", "entmax"}


def passes(backend: str) -> list[Any]:
    """Every pass of every public function; of functions elementwise those of a few kinds."""
    functions = [fa.get(name) for name in fa.names()]
    kept = [one for one in functions if one.family != "elementwise" or one.name in KINDS]
    if backend == "numba":
        kept = [one for one in kept if one.name in COMPILED]
    return [pass_ for one in kept for pass_ in one.passes.values()]


def cases(one: Any, backend: str) -> Iterator[Case]:
    """Every layout, each with one of the dtypes, and every option in one of them."""
    known = inspect.signature(one).parameters
    dtypes = itertools.cycle(DTYPES if backend == "cython" else ["single"])
    layouts = itertools.cycle(("one row, every second", "first axis"))
    for layout in LAYOUTS:
        yield Case(layout, next(dtypes), {})
    for name, values in OPTIONS.items():
        if name not in known or (name == "target" and "label_smoothing" not in known):
            continue
        for make in values:
            layout = next(layouts)
            case = Case(layout, next(dtypes), {})
            yield case._replace(options={name: make(case)})


@pytest.mark.slow
@limits_memory
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "numpy"])
def test_memory_beyond_input_and_output_is_bounded(backend: str) -> None:
    """NumPy, as which the backend of that name computes, has arrays for what lies between."""
    found = {}
    with fa.use_backend(backend):
        for one in passes(backend):
            for case in cases(one, backend):
                # What is imported or compiled at the first call is not counted.
                if excess(one, case) > ALLOWED and (taken := excess(one, case)) > ALLOWED:
                    found[one.__qualname__, case.layout, case.dtypes, *case.options] = taken >> 10
    assert not found, f"KiB: {found}"
