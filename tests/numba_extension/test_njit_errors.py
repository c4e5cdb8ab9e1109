"""Calls that compiled code cannot make: one clear line each."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import fastact as fa
from njit_cases import compiled, errors

WRONG = {
    "fa.gelu()": "gelu() takes x by position",
    "fa.gelu.vjp(x)": "gelu.vjp() takes g and x by position",
    "fa.gelu(x, beta=2.0)": "gelu() has no parameter 'beta': it takes approximate",
    "fa.softplus(x, betta=2.0)": "did you mean 'beta'?",
    "fa.softplus(x, 1.0, beta=2.0)": "softplus() got two values for 'beta'",
    "fa.relu(x, 1.0)": "relu() got too many positional arguments, 1 after its arrays: it takes none",
    "fa.softplus(x, 1.0, 2.0, 3.0)": "it takes beta and threshold",
    "fa.leaky_relu.vjp(x, x, slope=2.0)": "it takes negative_slope",
    "fa.elu(x, alpha=x)": None,
    "fa.elu(x, alpha=array)": "elu() takes a number for alpha in compiled code, not an array of float64",
    "fa.elu(x, alpha='a')": "elu() takes a number for alpha in compiled code, not unicode_type",
    "fa.elu(x, alpha=None)": "elu() takes a number for alpha in compiled code, not none",
    "fa.gelu(x, out=array)": "gelu() takes no out in compiled code",
    "fa.gelu(x, approximate='no')": "approximate='no': choose one of 'none', False, 'tanh', True",
    "fa.gelu(x, approximate=word)": None,
    "fa.gelu(x, approximate=words[int(x)])": "approximate has type unicode_type: write one of 'none'",
    "fa.gelu('a')": "takes a real number or an array of them for x in compiled code, not unicode_type",
    "fa.gelu(1j)": "not complex128",
    "fa.gelu(half)": "not an array of float16",
    "fa.gelu([x])": "not list(float64)<iv=None>",
    "fa.soft_shrink(x, lambd=-1.0)": "soft_shrink(): lambd=-1.0 is outside the domain lambd >= 0",
    "fa.soft_shrink(x, -1)": "soft_shrink(): lambd=-1.0 is outside the domain lambd >= 0",
    "fa.soft_shrink(x, minus)": "soft_shrink(): lambd=-2.0 is outside the domain lambd >= 0",
    "fa.hard_tanh(array, 1.5)": "hard_tanh(): min_val=1.5, max_val=1.0 is outside the domain",
    "fa.leaky_relu.vjp_from_output(x, x, -1.0)": "is outside the domain",
    "fa.relu.vjp_from_outputs(x, x)": "has no attribute 'vjp_from_outputs'",
    "fa.gelu.vjp_from_output(x, x)": "gelu has no vjp_from_output: its output does not determine its derivative",
    "fa.gelu.name": "gelu.name is not available in compiled code",
    "fa.swiglu(array)": "swiglu() takes gate and value by position",
    "fa.swiglu(array, axis=0)": "swiglu() takes no axis in compiled code",
    "fa.prelu(x, 0.1)": "prelu() is not available in compiled code",
    "fa.cross_entropy(array, array)": "cross_entropy() is not available in compiled code",
    "fa.softmax(x)": "softmax() takes an array of real numbers for x, not float64",
    "fa.softmax(array, axis=1)": "softmax(): axis=1: write -1, for the last axis, or None",
    "fa.softmax(array, axis=int(x))": "softmax(): axis=int64: write -1",
    "fa.softmax(array, -1, 2.0)": "softmax() takes 2 positional arguments, not 3",
    "fa.softmax(array, temprature=2.0)": "did you mean 'temperature'?",
    "fa.softmax(array, where=array)": "softmax() takes no where in compiled code",
    "fa.softmax(array, temperature=-1.0)": "softmax(): temperature=-1.0: expected a number between",
    "fa.hardmax(array)": "hardmax() is not available in compiled code",
    "fa.logsumexp.vjp(array, array)": "logsumexp.vjp() is not available in compiled code",
}
NAMES = {
    "fa": fa,
    "array": np.zeros(3),
    "half": np.zeros(3, np.float16),
    "minus": -2.0,
    "word": "tanh",
    "words": ("tanh", "none"),
}


@pytest.mark.parametrize("call", WRONG)
def test_wrong_calls(call: str) -> None:
    code = compiled("x", call, **NAMES)
    if WRONG[call] is None:
        code(1.5)
        return
    with pytest.raises(errors.TypingError) as raised:
        code(1.5)
    lines = [line for line in str(raised.value).splitlines() if WRONG[call] in line]
    assert len(lines) == 1, raised.value


def test_functions_go_in_and_out() -> None:
    code = compiled("f", "f")
    assert code(fa.gelu) is fa.gelu
    assert code(fa.gelu.vjp) is fa.gelu.vjp


def test_types_of_functions_are_pickled_by_name() -> None:
    from fastact.numba_extension.kinds import PassType

    kind: Any = PassType(fa.gelu.vjp)
    copy = pickle.loads(pickle.dumps(kind))
    assert copy == kind and copy.pass_ is fa.gelu.vjp
    assert fa.__version__ in kind.name
    assert PassType(fa.gelu) != kind
