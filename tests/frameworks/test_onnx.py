"""fastact.onnx: ONNX's own tests of its operators, other versions and dtypes, and operators of ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import fastact as fa

onnx = pytest.importorskip("onnx", reason="fastact.onnx needs the package onnx")
from onnx import TensorProto, helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

import fastact.onnx as fo  # noqa: E402

KNOWN = {one.__name__ for one in fo.OPERATORS if not one.op_domain}


def run(model: Any, *inputs: Any) -> list[Any]:
    evaluator = ReferenceEvaluator(model, new_ops=fo.OPERATORS)
    return evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=True)))


def model_of(
    name: str, kind: int = TensorProto.FLOAT, version: int = 20, domain: str = "", **given: Any
) -> Any:
    """Return a model of one node."""
    x, y = (helper.make_tensor_value_info(one, kind, None) for one in "xy")
    node = helper.make_node(name, ["x"], ["y"], domain=domain, **given)
    opsets = [helper.make_opsetid("", version)]
    opsets += [helper.make_opsetid(domain, 1)] if domain else []
    return helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=opsets)


@pytest.mark.filterwarnings("default")
def test_node_tests_of_onnx() -> None:
    from onnx.backend.test.case.node import collect_testcases

    seen: Counter[str] = Counter()
    for case in collect_testcases(None):
        nodes = case.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in KNOWN:
            continue
        for inputs, outputs in case.data_sets:
            for got, expected in zip(run(case.model, *inputs), outputs, strict=False):
                if not isinstance(expected, np.ndarray):  # of Identity, a sequence or nothing
                    continue
                assert got.dtype == expected.dtype, case.name
                if got.dtype.name == "bfloat16":
                    got, expected = got.astype("f4"), expected.astype("f4")
                np.testing.assert_allclose(got, expected, case.rtol, case.atol, err_msg=case.name)
        seen[nodes[0].op_type] += 1
    assert {*seen} >= KNOWN - {"SwiGLU", "Swish"}, seen  # of version 24 and 28


def test_16_bits() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 is a type of ml_dtypes")
    for kind, dtype in ((TensorProto.FLOAT16, "f2"), (TensorProto.BFLOAT16, ml_dtypes.bfloat16)):
        x = np.linspace(-4, 4, 100).astype(dtype)
        (y,) = run(model_of("Gelu", kind), x)
        assert y.dtype == x.dtype and np.array_equal(y, fa.gelu(x))
        (y,) = run(model_of("Gelu", kind), x[0])
        assert y.shape == () and y == fa.gelu(x[0])


def test_what_fastact_does_not_compute_is_left_to_onnx() -> None:
    (y,) = run(model_of("Relu", TensorProto.INT32), np.array([-2, 3], np.int32))
    assert y.dtype == np.int32 and list(y) == [0, 3]
    x = np.array([-2, 0.2, 3], np.float32)
    (y,) = run(model_of("Clip", version=6, min=-0.5, max=1.0), x)  # later, these are inputs
    np.testing.assert_array_equal(y, np.clip(x, -0.5, 1.0))


def test_operators_of_onnx_runtime() -> None:
    x = np.linspace(-4, 4, 100, dtype=np.float32)
    (y,) = run(model_of("Gelu", domain="com.microsoft"), x)
    np.testing.assert_array_equal(y, fa.gelu(x))
    (y,) = run(model_of("QuickGelu", domain="com.microsoft", alpha=1.5), x)
    np.testing.assert_array_equal(y, fa.silu(x, 1.5))
