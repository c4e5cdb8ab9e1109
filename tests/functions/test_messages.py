"""Every kind of wrong call of every public function: one line that names the function and the argument."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from fastact import messages

LONG = np.arange(2000.0).reshape(2, 1000)
X, G = np.array([[0.5, 0.25], [0.75, 0.5]]), np.ones((2, 2))
CLASSES = np.array([0, 1])
BY_CLASS = ("cross_entropy", "nll", "softmax_focal")
REDUCED = ("logsumexp", "logmeanexp")
# Not checked: random generators may be made of many things; a callable or text is the value of no parameter.
WRONG: dict[str, list[Any]] = {
    "axis": [1.5, "rows", 7, (0, 0), [None], 10**400],
    "dtype": ["flaot32", 3, "int8", [1]],
    "out": [3, "out", X.astype(int), np.ones((3, 5))],
    "ignore_index": ["1", 1j, [1j], 1.5, None],
    "where": ["all", 3, LONG],
    "rng": ["seed", 1.5, -1, LONG],
}
NUMBERS: list[Any] = ["1", 1j, [1j], {}, 10**400, [[1.0], [1.0, 2.0]], np.array(["a" * 99] * 9)]
#: Right values for parameters whose default is None: with them a call takes another way than without.
OPTIONS: dict[str, Any] = {
    **{"x": X, "bias": X, "sink": 0.0, "cap": 5.0, "threshold": 20.0, "limit": 10.0},
    **{"weight": np.ones(2), "pos_weight": 1.0, "empty": 0.0},
}
FLAGS: list[Any] = ["yes", 2, 1.5, 1j, LONG]


class OnADevice:
    """An array-like that refuses to be converted, as a tensor with a gradient or of a GPU does."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("not in\nmemory.")


def passes(name: str) -> Iterator[tuple[str, Any, list[Any]]]:
    """Yield every pass as it is written, the callable, and positional arguments that are right."""
    function = fa.get(name)
    every = dict(function.passes)
    if hasattr(function, "parameter_vjp"):
        every["parameter_vjp"] = function.parameter_vjp
    for pass_, one in every.items():
        public = name if pass_ == "forward" else f"{name}.{pass_}"
        args = [G if array == "g" else X for array in one.arrays]
        if name == "crelu" and pass_ == "vjp":
            args[0] = np.ones((2, 4))
        if name == "maxout" and pass_ == "vjp":
            args[0] = np.ones((2, 1))
        if name in REDUCED and pass_ == "vjp":
            args[0] = np.ones(())
        if function.family == "losses":
            args[0] = np.ones(()) if one.arrays[0] == "g" else args[0]
            if name in BY_CLASS:
                args[one.arrays.index("target")] = CLASSES
        yield public, one, args


def required(one: Any) -> dict[str, Any]:
    """Return values for the parameters that have no default."""
    known = {"pieces": 2, "weight": np.full(2, 0.25)}
    return {
        p.name: known.get(p.name, 1.0)
        for p in inspect.signature(one).parameters.values()
        if p.default is p.empty and p.name not in one.arrays
    }


def line_of(public: str, call: Any, *args: Any, **named: Any) -> str:
    """Return the one line of the error that a call must raise."""
    with pytest.raises((TypeError, ValueError)) as caught:
        call(*args, **named)
    line = str(caught.value)
    assert line.startswith((f"{public}()", f"{public}(): ")), line
    assert len(line) <= 230 and "\n" not in line and "__call__" not in line, line
    return line


def wrong_values(one: Any, parameter: inspect.Parameter) -> list[Any]:
    """Return what is no value of a parameter."""
    name, default = parameter.name, parameter.default
    if name in WRONG:
        return WRONG[name]
    if isinstance(default, bool):
        return FLAGS
    if isinstance(default, str):
        return ["no", 7.5, None if name != "order" else 1, LONG]
    return NUMBERS


@pytest.mark.parametrize("name", fa.names())
def test_wrong_calls(name: str) -> None:
    for public, one, args in passes(name):
        named = required(one)
        one(*args, **named)  # what is right but for one argument
        shown = inspect.signature(one).parameters.values()
        line = line_of(public, one, *args, **named, wrong=1)
        assert "no parameter 'wrong'" in line
        positional = [p for p in shown if p.kind is not p.KEYWORD_ONLY]
        line = line_of(public, one, *args, *[1] * (len(positional) + 1 - len(args)))
        assert "positional" in line
        for count in range(len(one.arrays) - (one.arrays[-2:] == ("gate", "value"))):
            line = line_of(public, one, *args[:count])
            assert any(array in line for array in one.arrays)
        options = {p.name: OPTIONS[p.name] for p in shown if p.name in OPTIONS}
        for k, array in enumerate(one.arrays):
            line_of(public, one, *args[:k], None, *args[k + 1 :], **{**options, **named})
            for value in ("1", None, 1j, [1j], {}, [[1.0], [1.0, 2.0]], [10**400]):
                changed = [*args[:k], value, *args[k + 1 :]]
                line = line_of(public, one, *changed, **named)
                assert array in line or value is None, line
        for parameter in shown:
            if parameter.name in one.arrays:
                continue
            # axis and order of a gate are those of gate and value in one array.
            packed = parameter.name in ("axis", "order") and "value" in one.arrays
            given = args[:-1] if packed else args
            for value in wrong_values(one, parameter):
                line = line_of(public, one, *given, **{**named, parameter.name: value})
                assert parameter.name in line, (parameter.name, value, line)


def test_suggestions() -> None:
    for call, meant in (
        (lambda: fa.gelo, "'gelu'"),
        (lambda: fa.LeakyReLU, "'leaky_relu'"),
        (lambda: fa.set_backends, "'set_backend'"),
        (lambda: fa.get("GELUU"), "'gelu'"),
        (lambda: fa.get("leaky_rlu"), "'leaky_relu'"),
        (lambda: fa.leaky_relu(X, alpha=0.2), "'negative_slope'"),
        (lambda: fa.gumbel_softmax(X, temperature=2.0), "'tau'"),
        (lambda: fa.gelu(X, approximate="Tanh"), "'tanh'"),
        (lambda: fa.relu(X, dtype="Float_32"), "'float32'"),
        (lambda: fa.set_backend("nump"), "'numpy'"),
        (lambda: fa.use_backend("nump"), "'numpy'"),
        (lambda: fa.mse(X, X, reduction="means"), "'mean'"),
    ):
        with pytest.raises((AttributeError, TypeError, ValueError)) as caught:
            call()
        assert str(caught.value).endswith(f"did you mean {meant}?") or meant in str(caught.value)
        assert "did you mean" in str(caught.value)
    assert messages.suggestion("qqqq", fa.names()) == ""


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="Python suggests names of imports from 3.12 on"
)
@pytest.mark.parametrize("line", ["import fastact; fastact.gelo", "from fastact import gelo"])
def test_the_interpreter_suggests_once(line: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", line], check=False, capture_output=True, text=True,
        cwd=Path(fa.__file__).parents[1],
    )  # fmt: skip
    assert found.stderr.lower().count("did you mean") == 1, found.stderr
    assert "'gelu'?" in found.stderr


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fa.cross_entropy(X, [0.0, 1.0]), "expected integers, such as target.astype"),
        (lambda: fa.binary_cross_entropy([[0.2], [1.3]], [[0], [1]]), r"p\[1, 0\]=1.3 is outside"),
        (lambda: fa.binary_cross_entropy([1.3], [1]), "binary_cross_entropy_with_logits"),
        (lambda: fa.gelu.grad, r"gelu.derivative\(x\), gelu.vjp\(g, x\) and"),
        (lambda: fa.hardmax.vjp, "hardmax has no vjp"),
        (lambda: fa.prelu.grad, r"prelu.derivative\(x, weight\), prelu.vjp\(g, x, weight\) and"),
        (lambda: fa.swiglu.grad, r"swiglu.vjp\(g, gate, value\)"),
        (lambda: fa.gelu.vjp(X), r"takes g and x by position, not 1 argument$"),
        (lambda: fa.relu.forward, "call the function itself"),
        (lambda: fa.gelu(LONG, LONG), r"approximate=ndarray of shape \(2, 1000\): choose"),
        (lambda: fa.prelu(X, "a"), r"prelu\(\) takes a number .* for weight, not 'a'"),
        (lambda: fa.prelu("a", 0.1), r"prelu\(\) takes real numbers"),
        (lambda: fa.prelu.derivative(X, np.ones(5)), r"prelu.derivative\(\): weight has 5"),
        (lambda: fa.elu(X, 10**400), "an integer of 1329 bits: expected a number in the range"),
        (lambda: fa.elu(X, out=np.ones(3)), r"elu\(\): operands of shape \(2, 2\)"),
        (
            lambda: fa.relu(OnADevice()),
            r"^relu\(\): x of type OnADevice is not .* array: not in memory$",
        ),
        (lambda: fa.elu(X, OnADevice()), r"^elu\(\): alpha of type OnADevice is not converted"),
        (lambda: fa.mse(X, OnADevice()), r"^mse\(\): target of type OnADevice is not converted"),
        (
            lambda: fa.accuracy.worst_error("gelu"),
            "an elementwise function, such as .*, not 'gelu'",
        ),
        (lambda: fa.accuracy.worst_error(fa.softmax), "not <fastact.softmax"),
        (lambda: fa.accuracy.worst_error(fa.gelu, "vjp"), "pass_='vjp': choose one of 'forward'"),
        (lambda: fa.accuracy.worst_error(fa.gelu, dtype=int), "the floating dtypes are float16"),
        (lambda: fa.accuracy.worst_error(fa.gelu, x="a"), "takes real numbers, .* as x"),
        (lambda: fa.softmax(X, 0, 1), "at most 2 positional arguments, x and axis, not 3"),
    ],
)
def test_what_errors_say(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((AttributeError, TypeError, ValueError), match=message):
        call()


def test_a_target_outside_of_its_range_is_taken_as_pytorch_does() -> None:
    # 2 log(1 + exp(-x)) - log(1 + exp(x)) of x = 1
    expected = 2 * np.log1p(np.exp(-1.0)) - np.log1p(np.exp(1.0))
    np.testing.assert_allclose(fa.binary_cross_entropy_with_logits([1.0], [2.0]), expected)


def test_use_backend_decorates_too() -> None:
    @fa.use_backend("numpy")
    def name() -> str:
        return fa.get_backend()

    assert name() == name() == "numpy"
    assert fa.get_backend() != "numpy"
