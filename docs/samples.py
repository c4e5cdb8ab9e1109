"""Values and errors of the functions that are not elementwise, computed for their pages."""

from __future__ import annotations

from typing import Any

import numpy as np
from readme import table

import fastact as fa
from fastact.accuracy import ulp_error

COUNT = 100_000
INF, NAN = np.inf, np.nan
#: Pairs of the two arrays of gates and functions of two arrays.
PAIRS = (
    (NAN, 1),
    (-INF, 1),
    (INF, 1),
    (INF, 0),
    (0, INF),
    (0, NAN),
    (-0.0, 1),
    (1, 0),
    (1, -INF),
    (1e300, 1e300),
)
ROWS = ([1000, 0], [-INF, 0], [-INF, -INF], [INF, 0], [INF, INF], [NAN, 0], [5])
#: Outputs and targets of losses.
ENDS = ((NAN, 1), (-INF, 0), (-INF, 1), (INF, 0), (INF, 1), (-1e4, 1), (1e4, 0), (0, 0), (1, 1))


def number(value: float) -> str:
    largest = np.finfo(float).max
    names = {np.inf: "∞", -np.inf: "−∞", largest: "largest finite", -largest: "−largest finite"}
    if np.isnan(value):
        return "NaN"
    if value == 0:
        return "−0" if np.signbit(value) else "0"
    return names.get(float(value)) or f"{value:.6g}".replace("-", "−")


def special(function: Any) -> str:
    """Return the table of special values of a function, or nothing."""
    head, rows = _values(function)
    if not rows:
        return ""
    return f"## Special values\n\n{table(head, rows, len(head))}"


def _values(function: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    name, family = function.name, function.family
    if family in ("gates", "binary"):
        found = [(*pair, float(function(*map(float, pair)))) for pair in PAIRS]
        return (*function.arrays, "result"), [tuple(map(number, row)) for row in found]
    if family == "rows" and name != "gumbel_softmax":
        return ("row", "result"), [(_row(row), _row(function(row, axis=-1))) for row in ROWS]
    if family == "losses" and "ignore_index" not in function.parameters:
        ends = ((0, 0), (0, 1), (1, 0), (1, 1), (NAN, 1)) if function.arrays[0] == "p" else ENDS
        if function.name in ("hinge", "squared_hinge"):
            ends = tuple((x, 2 * t - 1) for x, t in ends)
        more = [1.0] * (len(function.arrays) - 2)
        found = []
        for x, target in ends:
            loss, slope, *_ = function.value_and_grad(float(x), float(target), *more)
            found.append((x, target, loss, slope))
        head = (*function.arrays[:2], "loss", f"gradient by {function.arrays[0]}")
        return head, [tuple(number(float(value)) for value in row) for row in found]
    if name in ("cross_entropy", "softmax_focal"):
        logits = ([0, 0], [1000, 0], [0, 1000], [-INF, 0], [INF, 0], [NAN, 0])
        found = [(_row(x), *function.value_and_grad([x], [0])) for x in logits]
        rows = [(row, number(float(loss)), _row(slope[0])) for row, loss, slope in found]
        return ("logits, target 0", "loss", "gradient"), rows
    return (), []


def _row(values: Any) -> str:
    return ", ".join(number(float(value)) for value in np.atleast_1d(values))


#: Function -> a number: closer to 0 the terms of the result cancel, and its absolute error is bounded.
FLOORS = {"logaddexp": np.float32(0.5)}
FLOORS |= dict.fromkeys(("sparsemax", "entmax15", "entmax"), np.float32(1))


def accuracy(function: Any) -> str:
    """Return the largest errors of a function in float32, against float64, or nothing."""
    x = _arguments(function)
    if not x:
        return ""
    options = {"reduction": "none"} if function.family == "losses" else {}
    worst: list[tuple[str, ...]] = []
    floor = FLOORS.get(function.name)
    below = (
        ""
        if floor is None
        else f" Where the result is below {floor:g}, the unit is that of {floor:g}."
    )
    for title, arrays in x.items():
        result = function(*arrays, **options)
        with fa.use_backend("numpy"):
            wide = [np.asarray(a, np.float64) if a.dtype == np.float32 else a for a in arrays]
            true = function(*wide, **options)
        error = ulp_error(result, true)
        if floor is not None:
            error *= np.minimum(1, np.spacing(np.abs(true).astype(np.float32)) / np.spacing(floor))
        worst.append((title, f"{error.max():.2f}", f"{100 * np.mean(error > 2):.2g} %"))
    return (
        f"## Worst error\n\nOf float32 results, in [units in the last place](../accuracy.md) (ulp) of the float64 "
        f"result, for {COUNT:,} random numbers or more when this page was built.{below}\n\n"
        + table(("input", "largest, ulp", "more than 2 ulp"), worst)
    )


def _arguments(function: Any) -> dict[str, list[Any]]:
    rng = np.random.default_rng(0)

    def normal(*shape: int, scale: float = 1.0) -> Any:
        return (scale * rng.normal(size=shape)).astype(np.float32)

    family, scales = function.family, (1.0, 10.0)
    if family in ("gates", "binary"):
        positive = function.name in ("xlogy", "xlog1py", "rel_entr")
        make = (lambda *s, **o: np.abs(normal(*s, **o))) if positive else normal
        return {
            f"normal, standard deviation {scale:g}": [make(COUNT, scale=scale), make(COUNT)]
            for scale in scales
        }
    if family == "rows" and function.name not in ("gumbel_softmax", "hardmax"):
        return {
            f"rows of {length:,}, standard deviation {scale:g}": [
                normal(COUNT // length, length, scale=scale)
            ]
            for length in (10, 1000)
            for scale in scales
        }
    if family != "losses":
        return {}
    if "ignore_index" in function.parameters:
        labels = rng.integers(0, 10, COUNT // 10)
        logits = {
            f"10 classes, standard deviation {s:g}": normal(COUNT // 10, 10, scale=s)
            for s in scales
        }
        if function.name == "nll":
            logits = {title: fa.log_softmax(values) for title, values in logits.items()}
        return {title: [values, labels] for title, values in logits.items()}
    target = rng.integers(0, 2, COUNT).astype(np.float32)
    more = [np.abs(normal(COUNT)) + np.float32(0.1)] * (len(function.arrays) - 2)
    if function.arrays[0] == "p":
        return {
            "uniform, targets 0 and 1": [
                rng.uniform(0.001, 0.999, COUNT).astype(np.float32),
                target,
            ]
        }
    return {
        f"standard deviation {scale:g}, targets 0 and 1": [
            normal(COUNT, scale=scale),
            target,
            *more,
        ]
        for scale in scales
    }
