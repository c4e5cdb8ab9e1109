"""The names of other libraries, and what they stand for here."""

from __future__ import annotations

import pickle

import numpy as np

import fastact as fa

#: Library -> its names; one that has another name here is followed by that.
NAMES = {
    "Transformers": "gelu gelu_fast:gelu_tanh gelu_new:gelu_tanh gelu_python:gelu gelu_pytorch_tanh:gelu_tanh "
    "gelu_python_tanh:gelu_tanh gelu_accurate:gelu_tanh hardswish:hard_swish leaky_relu linear:identity mish "
    "laplace quick_gelu relu relu2:relu_squared relu6 sigmoid silu sqrtsoftplus:sqrt_softplus swish:silu tanh prelu "
    "xielu",
    "keras.activations": "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu:hard_swish hard_swish "
    "hard_tanh leaky_relu linear:identity log_sigmoid log_softmax mish relu relu6 selu sigmoid silu softmax "
    "soft_shrink softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish:silu tanh tanh_shrink "
    "threshold",
    "torch.nn": "CELU ELU GELU GLU Hardshrink:hard_shrink Hardsigmoid:hard_sigmoid Hardswish:hard_swish "
    "Hardtanh:hard_tanh Identity LeakyReLU:leaky_relu LogSigmoid:log_sigmoid LogSoftmax:log_softmax Mish PReLU "
    "ReLU ReLU6 RReLU SELU SiLU Sigmoid Softmax Softmin Softplus Softshrink:soft_shrink Softsign Tanh "
    "Tanhshrink:tanh_shrink Threshold",
    "jax.nn": "celu elu gelu glu hard_sigmoid hard_silu:hard_swish hard_swish hard_tanh identity leaky_relu "
    "log_sigmoid log_softmax logmeanexp logsumexp mish relu relu6 selu sigmoid silu soft_sign:softsign softmax "
    "softplus sparse_plus sparse_sigmoid squareplus swish:silu tanh",
    "ONNX": "Celu Elu Exp:exponential Gelu HardSigmoid:hard_sigmoid HardSwish:hard_swish Hardmax Identity "
    "LeakyRelu:leaky_relu LogSoftmax:log_softmax Mish PRelu Relu Selu Shrink:hard_shrink Sigmoid Softmax Softplus "
    "ReduceLogSumExp:logsumexp Softsign Swish:silu Tanh ThresholdedRelu:threshold",
}


def test_names_of_other_libraries() -> None:
    found = {}
    for library, names in NAMES.items():
        for pair in names.split():
            name, _, canonical = pair.partition(":")
            found[library, name] = (fa.get(name).name, canonical or name.lower())
    assert {key: pair for key, pair in found.items() if pair[0] != pair[1]} == {}


def test_gelu_fast_is_the_tanh_form() -> None:
    assert fa.gelu_fast is fa.gelu_tanh


def test_gelu_10_binds_the_limit(backend: str) -> None:
    bound = fa.get("GELU-10")
    for one in (bound, pickle.loads(pickle.dumps(bound))):
        x = np.array([-1e300, -20.0, -1.0, 0.0, 1.0, 9.5, 10.0, 10.5, np.inf, np.nan])
        np.testing.assert_array_equal(one(x), np.clip(fa.gelu(x), -10, 10))
        expected = np.where(x > 10, 0.0, fa.gelu.derivative(x))  # at 10 itself x·Φ(x) is less
        np.testing.assert_array_equal(one.derivative(x), expected)
        np.testing.assert_array_equal(one.vjp(x[:8], x[:8]), x[:8] * expected[:8])
        assert one.vjp(np.inf, 11.0) == 0
        np.testing.assert_array_equal(one.value_and_derivative(x), (one(x), expected))


def test_limit_of_gelu(backend: str) -> None:
    x = np.linspace(-4, 4, 1001)
    for form in ("none", False, "tanh", True):
        y, slope = fa.gelu(x, form), fa.gelu.derivative(x, form)
        assert np.abs(y).max() > 3
        for limit in (0.1, 1.5):
            clipped = np.abs(y) > limit
            assert clipped.any()
            np.testing.assert_array_equal(fa.gelu(x, form, limit), np.clip(y, -limit, limit))
            got = fa.gelu.derivative(x, approximate=form, limit=limit)
            np.testing.assert_array_equal(got, np.where(clipped, 0.0, slope))
    np.testing.assert_array_equal(fa.gelu(x, limit=np.inf), fa.gelu(x))
