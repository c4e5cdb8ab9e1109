"""ONNX's own tests of its operators, run on fastact through a small adapter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastact as fa

onnx = pytest.importorskip("onnx", reason="the tests of the operators come with the package onnx")

Outputs = tuple[Any, ...]


def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    bounds = (-np.inf if low is None else low, np.inf if high is None else high)
    # With bounds that cross, ONNX gives the upper one.
    return fa.hard_tanh(x, min(map(float, bounds)), float(bounds[1]))


def shrink(x: Any, lambd: float = 0.5, bias: float = 0.0) -> Any:
    return fa.soft_shrink(x, lambd) if bias else fa.hard_shrink(x, lambd)


def selu(x: Any, **given: float) -> Any:
    return given["gamma"] * fa.elu(x, given["alpha"]) if given else fa.selu(x)


def log_sum_exp(x: Any, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
    if axes is None or not np.size(axes):
        return x if noop_with_empty_axes else fa.logsumexp(x, axis=None, keepdims=bool(keepdims))
    return fa.logsumexp(x, axis=tuple(map(int, axes)), keepdims=bool(keepdims))


def cross_entropy(x: Any, target: Any, weight: Any = None, **given: Any) -> Outputs:
    """Softmax cross entropy, and the logarithms of the probabilities."""
    loss = fa.cross_entropy(x, target, axis=1, weight=weight, **options(given))
    return loss, fa.log_softmax(x, axis=1)


def nll(x: Any, target: Any, weight: Any = None, **given: Any) -> Any:
    return fa.nll(x, target, axis=1, weight=weight, **options(given))


def options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a loss; there is no ignored class unless one is given."""
    reduction = given.get("reduction", b"mean")
    reduction = reduction.decode() if isinstance(reduction, bytes) else reduction
    return {"reduction": reduction, "ignore_index": given.get("ignore_index", -100)}


def gelu(x: Any, approximate: bytes = b"none") -> Any:
    return fa.gelu(x, approximate=approximate.decode())


OPERATORS: dict[str, Callable[..., Any]] = {
    "Celu": lambda x, alpha=1.0: fa.celu(x, alpha),
    "Clip": clip,
    "Elu": lambda x, alpha=1.0: fa.elu(x, alpha),
    "Erf": fa.erf,
    "Exp": fa.exponential,
    "Gelu": gelu,
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: fa.hard_sigmoid(x, alpha, beta),
    "HardSwish": fa.hard_swish,
    "Hardmax": lambda x, axis=-1: fa.hardmax(x, axis=axis),
    "Identity": fa.identity,
    "LeakyRelu": lambda x, alpha=0.01: fa.leaky_relu(x, alpha),
    "LogSoftmax": lambda x, axis=-1: fa.log_softmax(x, axis=axis),
    "Mish": fa.mish,
    "NegativeLogLikelihoodLoss": nll,
    "PRelu": lambda x, slope: fa.leaky_relu(x, slope),
    "ReduceLogSumExp": log_sum_exp,
    "Relu": fa.relu,
    "Selu": selu,
    "Shrink": shrink,
    "Sigmoid": fa.sigmoid,
    "Softmax": lambda x, axis=-1: fa.softmax(x, axis=axis),
    "SoftmaxCrossEntropyLoss": cross_entropy,
    "Softplus": fa.softplus,
    "Softsign": fa.softsign,
    "SwiGLU": lambda gate, value, alpha=1.0: fa.swiglu(gate, value, alpha=alpha),
    "Swish": lambda x, alpha=1.0: fa.silu(x, alpha),
    "Tanh": fa.tanh,
    "ThresholdedRelu": lambda x, alpha=1.0: fa.threshold(x, alpha),
}


def cases() -> list[Any]:
    """Return the tests of single operators that are here, with arrays of floating-point numbers."""
    from onnx.backend.test.case.node import collect_testcases

    return [
        case
        for case in collect_testcases(None)
        if len(case.model.graph.node) == 1
        and case.model.graph.node[0].op_type in OPERATORS
        and np.asarray(case.data_sets[0][0][0]).dtype.kind == "f"
    ]


@pytest.mark.filterwarnings("default")
def test_node_tests_of_onnx() -> None:
    seen: Counter[str] = Counter()
    for case in cases():
        (node,) = case.model.graph.node
        given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        for inputs, outputs in case.data_sets:
            values = iter(inputs)
            operands = [next(values) if name else None for name in node.input]
            found = OPERATORS[node.op_type](*operands, **given)
            found = found if isinstance(found, tuple) else (found,)
            for got, expected in zip(found, outputs, strict=False):
                np.testing.assert_allclose(
                    got, expected, case.rtol, case.atol, err_msg=f"{case.name} {given}"
                )
        seen[node.op_type] += 1
    assert {*seen} >= {*OPERATORS} - {"SwiGLU", "Swish"}, seen  # of opset 24 and 28
