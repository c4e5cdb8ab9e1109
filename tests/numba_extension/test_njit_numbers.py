"""Numbers in users' compiled code: every function, its passes, its parameters and the types of results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import required
from fastact.functions.elementwise import FUNCTIONS, Elementwise
from fastact.functions.gates import GATED
from njit_cases import compiled, given, points, same, types
from representatives import KINDS, looped

DTYPES = (np.float32, np.float64)


def outside(function: Elementwise) -> dict[str, float]:
    """Return parameters other than the defaults, none of them a float32."""
    shown = {**function.parameters, **required(function)}
    given = {name: shown[name] for name in function.parameter_list.params}
    return {name: 1.1 * value + 0.01 for name, value in given.items() if value is not None}


def chosen(function: Elementwise) -> dict[str, Any]:
    """Return the passes to test: all of one function of each kind, and the value of others."""
    passes = function.passes
    return passes if function.name in KINDS else {"forward": passes["forward"]}


def all_passes(function: Elementwise, parameters: dict[str, Any]) -> str:
    calls = []
    for pass_, one in chosen(function).items():
        name = "f" if pass_ == "forward" else f"f.{pass_}"
        calls.append(f"{name}({', '.join(one.arrays)}{given(parameters)})")
    return f"({', '.join(calls)},)"


def kernel_results(
    function: Elementwise, data: dict[str, Any], parameters: dict[str, Any]
) -> tuple[Any, ...]:
    return tuple(
        one(*(data[name] for name in one.arrays), **parameters) for one in chosen(function).values()
    )


def flat(kind: Any) -> Iterator[Any]:
    """Yield the types of numbers in a tuple type."""
    if isinstance(kind, types.BaseTuple):
        for part in kind:
            yield from flat(part)
    else:
        yield kind


def check(function: Elementwise, parameters: dict[str, Any], dtype: Any) -> None:
    text = all_passes(function, parameters)
    code = compiled("x, g, y", text, f=function)
    x = points(dtype)
    data = {"x": x, "g": x[::-1].copy(), "y": np.abs(x)}
    if "vjp_from_output" in function.passes:
        data["y"] = function(x, **parameters)
    with np.errstate(all="ignore"):
        wanted = kernel_results(function, data, parameters)
    for k in range(x.size):
        found = code(*(dtype(data[name][k]) for name in ("x", "g", "y")))
        for pass_, one, other in zip(chosen(function), found, wanted, strict=True):
            expected = tuple(part[k] for part in other) if isinstance(other, tuple) else other[k]
            values = tuple(map(dtype, one)) if isinstance(one, tuple) else dtype(one)
            assert same(values, expected), (function.name, pass_, x[k])
    (result,) = {*flat(code.nopython_signatures[0].return_type)}
    assert result.name == np.dtype(dtype).name


@pytest.mark.slow
@looped("name", FUNCTIONS)
def test_numbers_have_the_bits_of_the_kernels(name: str) -> None:
    """One type for each function, the other for the next one."""
    dtype = DTYPES[list(FUNCTIONS).index(name) % 2]
    check(FUNCTIONS[name], required(FUNCTIONS[name]), dtype)


@looped("name", [name for name in KINDS if FUNCTIONS[name].parameter_list.params])
def test_numbers_with_other_parameters(name: str) -> None:
    """float32, where the low part of a parameter counts."""
    check(FUNCTIONS[name], outside(FUNCTIONS[name]), np.float32)


@looped("name", GATED)
def test_gates(name: str) -> None:
    gate = GATED[name]
    code = compiled("g, a, b", "f(a, b), f.vjp(g, a, b)", f=gate)
    a, b = points(np.float32), points(np.float32)[::-1]
    g = np.roll(a, 5)
    with np.errstate(all="ignore"):
        value, gradients = gate(a, b), gate.vjp(g, a, b)
    for k in range(a.size):
        found, (first, second) = code(g[k], a[k], b[k])
        assert same(np.float32(found), value[k])
        assert same(np.float32((first, second)), np.array([one[k] for one in gradients]))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        *((kind(3), "float64") for kind in (int, float, bool, np.int8, np.uint64)),
        (np.float32(3), "float32"),
    ],
)
def test_types_of_numbers(value: Any, dtype: str) -> None:
    code = compiled("x", "f(x)", f=fa.sigmoid)
    assert same(np.dtype(dtype).type(code(value)), fa.sigmoid(np.dtype(dtype).type(value)))
    assert code.nopython_signatures[0].return_type.name == dtype


def test_two_numbers_promote() -> None:
    code = compiled("g, x", "f.vjp(g, x)", f=fa.tanh)
    one, two = np.float32(0.1), np.float64(0.3)
    assert code(one, two) == fa.tanh.vjp(one, two)
    assert code(one, 2) == fa.tanh.vjp(one, np.float64(2))
    literal = compiled("x", "f.vjp(2, x)", f=fa.tanh)
    assert np.float32(literal(one)) == fa.tanh.vjp(2, one)
    assert literal.nopython_signatures[0].return_type == types.float32


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("fa.softplus(x, 2)", lambda x: fa.softplus(x, 2.0)),
        ("fa.softplus(x, 2.5, 1.0)", lambda x: fa.softplus(x, 2.5, 1.0)),
        ("fa.softplus(x, threshold=1.0)", lambda x: fa.softplus(x, threshold=1.0)),
        ("fa.softplus(x, threshold=None)", lambda x: fa.softplus(x)),
        ("fa.softplus(x, threshold=p, beta=p)", lambda x: fa.softplus(x, 0.7, 0.7)),
        ("fa.softplus(x, *(p, 1.0))", lambda x: fa.softplus(x, 0.7, 1.0)),
        ("fa.elu(x, p)", lambda x: fa.elu(x, 0.7)),
        ("fa.elu.vjp(x, x, alpha=single)", lambda x: fa.elu.vjp(x, x, np.float32(0.7))),
        ("fa.hard_tanh(x, -3, max_val=p)", lambda x: fa.hard_tanh(x, -3.0, 0.7)),
        ("fa.gelu(x, 'tanh')", lambda x: fa.gelu(x, "tanh")),
        ("fa.gelu(x, approximate='tanh')", lambda x: fa.gelu_tanh(x)),
        ("fa.gelu.derivative(x, approximate=True)", lambda x: fa.gelu_tanh.derivative(x)),
        ("fa.gelu(x, approximate=False)", lambda x: fa.gelu(x)),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_parameters_by_position_and_by_name(call: str, wanted: Any) -> None:
    x = np.float32(-1.3)
    code = compiled("x, p", call, fa=fa, single=np.float32(0.7))
    assert same(np.float32(code(x, 0.7)), wanted(x))


def test_a_parameter_that_changes() -> None:
    """Also the default has the bits of the kernel for other parameters, or those of the default's own."""
    code = compiled("x, beta", "f(x, beta)", f=fa.silu)
    for beta in 1.0, 0.1, -3.0:
        for x in points(np.float32):
            with np.errstate(all="ignore"):
                wanted = fa.silu(x, beta)
            assert same(np.float32(code(x, beta)), wanted)
