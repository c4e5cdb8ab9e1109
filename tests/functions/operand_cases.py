"""Every family of callables that takes out, as calls of operands by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import fastact as fa
from conftest import required
from fastact.functions.elementwise import FUNCTIONS
from fastact.functions.gates import GATED
from representatives import KINDS

Array = npt.NDArray[Any]

# Rows that the kernels take where they lie, and more elements than a block with test_operands.py's sizes.
ROWS, COLUMNS = 8, 132


@dataclass
class Case:
    """A call: its operands, the first `count` by position; the shapes of the outs that it takes; what is fixed."""

    function: Callable[..., Any]
    operands: dict[str, Array]
    outs: tuple[tuple[int, ...], ...]
    fixed: dict[str, Any]
    count: int

    @property
    def sums(self) -> bool:
        """Whether sums over many elements have a part in the results."""
        name, _, _ = self.function.__qualname__.partition(".")
        return fa.get(name).family in ("rows", "losses", "parametric")

    def __call__(self, operands: dict[str, Array], outs: tuple[Array, ...]) -> list[Array]:
        """Return copies of everything that the call returns and writes."""
        names = list(operands)
        arrays = [operands[name] for name in names[: self.count]]
        named: dict[str, Any] = {name: operands[name] for name in names[self.count :]}
        if outs:
            named["out"] = outs if len(outs) > 1 else outs[0]
        returned = self.function(*arrays, **named, **self.fixed)
        values = returned if isinstance(returned, tuple) else (returned,)
        return [np.array(value) for value in (*values, *outs)]


def _numbers(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(size=shape)


X, G = _numbers(ROWS, COLUMNS), _numbers(COLUMNS, ROWS).T.copy()
PROBABILITIES, TARGET = 1 / (1 + np.exp(-X)), 1 / (1 + np.exp(-G))
MASK = X > -1
CLASSES = np.random.default_rng(0).integers(0, COLUMNS, ROWS)
CLASS_WEIGHT = np.linspace(0.5, 2.0, COLUMNS)


def _case(function: Any, operands: dict[str, Array], *outs: tuple[int, ...], **fixed: Any) -> Case:
    count = sum(name not in ("where", "weight", "pos_weight") for name in operands)
    return Case(function, operands, outs or (X.shape,), fixed, count)


def _elementwise() -> dict[str, Case]:
    cases = {}
    for name in KINDS:
        function = FUNCTIONS[name]
        values = required(function)
        arrays = {
            parameter: values.get(parameter, 0.0) + np.abs(G) + 1.0
            for parameter in function.parameter_list.params
        }
        for pass_ in function.passes.values():
            label, outs = f"{name} {pass_.pass_}", (X.shape,) * pass_.nout
            inputs = dict(zip(pass_.arrays, (PROBABILITIES, TARGET)[: pass_.nin], strict=True))
            cases[label] = _case(pass_, {**inputs, "where": MASK}, *outs, **values)
            if arrays and pass_.pass_ != "vjp_from_output":
                cases[f"{label}, arrays"] = Case(pass_, {**inputs, **arrays}, outs, {}, pass_.nin)
    return cases


def _slopes() -> dict[str, Case]:
    drawn, last, pair = {"training": True, "rng": 3}, {"axis": -1}, (X.shape, X.shape)
    along, full = {"x": X, "weight": CLASS_WEIGHT}, {"x": X, "weight": G + 2}
    return {
        "prelu": _case(fa.prelu, {**along, "where": MASK}, **last),
        "prelu, full weight": _case(fa.prelu, full),
        "prelu derivative": _case(fa.prelu.derivative, along, **last),
        "prelu value_and_derivative": _case(fa.prelu.value_and_derivative, full, *pair),
        "prelu vjp": _case(fa.prelu.vjp, {"g": G, **along}, X.shape, CLASS_WEIGHT.shape, **last),
        "prelu vjp, full weight": _case(fa.prelu.vjp, {"g": G, **full}, *pair),
        "rrelu": _case(fa.rrelu, {"x": X, "where": MASK}, **drawn),
        "rrelu vjp": _case(fa.rrelu.vjp, {"g": G, "x": X}, **drawn),
        "rrelu value_and_derivative": _case(
            fa.rrelu.value_and_derivative, {"x": X}, *pair, **drawn
        ),
    }


def _pieces_and_gates() -> dict[str, Case]:
    half, low = G[:, : COLUMNS // 2].copy(), G[: ROWS // 2].copy()
    cases = {
        "crelu": _case(fa.crelu, {"x": X}, (ROWS, 2 * COLUMNS)),
        "crelu vjp": _case(fa.crelu.vjp, {"g": _numbers(ROWS, 2 * COLUMNS), "x": X}),
    }
    for axis, g in ((-1, half), (0, low)):
        cases[f"maxout {axis}"] = _case(fa.maxout, {"x": X}, g.shape, pieces=2, axis=axis)
        cases[f"maxout vjp {axis}"] = _case(
            fa.maxout.vjp, {"g": g, "x": X}, X.shape, pieces=2, axis=axis
        )
        for order in ("gate_first", "value_first", "interleaved"):
            options = {"axis": axis, "order": order}
            cases[f"packed {axis} {order}"] = _case(fa.swiglu, {"x": X}, g.shape, **options)
            cases[f"packed vjp {axis} {order}"] = _case(
                fa.swiglu.vjp, {"g": g, "x": X}, X.shape, **options
            )
    for name in ("swiglu", "reglu"):
        inputs = {"gate": X, "value": G, "where": MASK}
        cases[name] = _case(GATED[name], inputs)
        cases[f"{name} vjp"] = _case(
            GATED[name].vjp, {"g": PROBABILITIES, **inputs}, X.shape, X.shape
        )
    return cases


def _rows() -> dict[str, Case]:
    cases = {}
    for axis in (-1, 0):
        for name in ("softmax", "entmax15", "hardmax"):
            function = getattr(fa, name)
            cases[f"{name} {axis}"] = _case(function, {"x": X}, axis=axis)
            cases[f"{name} {axis}, where"] = _case(function, {"x": X, "where": MASK}, axis=axis)
            if hasattr(function, "vjp"):
                inputs = {"g": G, "y": PROBABILITIES, "where": MASK}
                cases[f"{name} vjp {axis}"] = _case(function.vjp, inputs, axis=axis)
        rows = (ROWS,) if axis else (COLUMNS,)
        inputs = {"x": X, "where": MASK}
        cases[f"logsumexp {axis}"] = _case(fa.logsumexp, inputs, rows, axis=axis)
        inputs = {"g": _numbers(*rows), **inputs}
        cases[f"logsumexp vjp {axis}"] = _case(fa.logsumexp.vjp, inputs, axis=axis)
    inputs = {"x": X, "where": MASK}
    cases["logsumexp"] = _case(fa.logsumexp, inputs, (1, 1), keepdims=True)
    cases["gumbel_softmax"] = _case(fa.gumbel_softmax, inputs, rng=5)
    return cases


def _losses() -> dict[str, Case]:
    with_logits, classes = fa.binary_cross_entropy_with_logits, fa.cross_entropy
    indices = {"x": X, "target": CLASSES, "weight": CLASS_WEIGHT}
    arguments: dict[str, tuple[Any, dict[str, Array], dict[str, Any]]] = {
        "logits": (
            with_logits,
            {"x": X, "target": TARGET, "weight": PROBABILITIES, "pos_weight": CLASS_WEIGHT},
            {},
        ),
        "probabilities": (
            fa.binary_cross_entropy,
            {"p": PROBABILITIES, "target": TARGET, "weight": CLASS_WEIGHT},
            {},
        ),
        "indices": (classes, indices, {}),
        "distribution": (classes, {**indices, "target": TARGET}, {}),
        "smoothed": (classes, indices, {"label_smoothing": 0.1}),
    }
    cases = {}
    for name, (loss, operands, fixed) in arguments.items():
        for reduction in ("mean", "sum", "none"):
            g = np.asarray(3.0)
            if reduction == "none":
                g = _numbers(ROWS) if loss is classes else G
            options = {"reduction": reduction, **fixed}
            cases[f"{name} {reduction}"] = Case(loss, operands, (), options, 2)
            cases[f"{name} {reduction} with gradient"] = _case(
                loss.value_and_grad, operands, X.shape, **options
            )
            cases[f"{name} {reduction} vjp"] = _case(
                loss.vjp, {"g": g, **operands}, X.shape, **options
            )
    return cases


#: Name -> call; those without outs are the values of the losses.
CASES = {**_elementwise(), **_slopes(), **_pieces_and_gates(), **_rows(), **_losses()}
