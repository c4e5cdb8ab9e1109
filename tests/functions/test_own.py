"""Users' own activations: objects like the library's, on every backend."""

from __future__ import annotations

import inspect
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastact as fa
from conftest import BACKENDS, IMPORTED, check_python
from fastact.accuracy import worst_error
from users_activations import (
    bounded_swish,
    everything,
    parametrised,
    plain_silu,
    required,
    rounded,
    transcendental,
)

X = np.linspace(-8.0, 8.0, 1001)[np.abs(np.linspace(-8.0, 8.0, 1001) % 1.0) > 1e-3]
H = 1e-6


def central(f: Callable[[float], Any]) -> Any:
    return (f(H) - f(-H)) / (2 * H)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "function", [bounded_swish, everything, transcendental], ids=lambda f: f.name
)
def test_values_and_derivatives(function: Any, backend: str) -> None:
    """Against the same function in Python, and against differences."""
    with fa.use_backend(backend):
        if function is bounded_swish:
            expected = 4.0 * np.tanh(X / 4.0) / (1 + np.exp(-1.5 * X))
            np.testing.assert_allclose(function(X), expected, rtol=1e-14)
        slope = function.derivative(X)
        np.testing.assert_allclose(slope, central(lambda h: function(X + h)), rtol=1e-7, atol=1e-7)
        value, again = function.value_and_derivative(X)
        assert np.array_equal(value, function(X)) and np.array_equal(again, slope)
        np.testing.assert_array_equal(function.vjp(X, X), X * slope)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_values_are_those_of_python(backend: str) -> None:
    """Each against the function's own text, run with numbers by Python."""
    sources = inspect.getsource(sys.modules["users_activations"]).split("@fa.activation")
    for number, function in enumerate((everything, transcendental), 2):
        scope = {**vars(sys.modules["users_activations"])}
        exec(sources[number], scope)
        expected = [scope[function.name](float(x)) for x in X]
        with fa.use_backend(backend):
            np.testing.assert_allclose(function(X), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_with_parameters_are_those_of_the_library(backend: str) -> None:
    y = fa.silu(X, 2.0) + fa.softplus(X, beta=1.3) + fa.elu(X, 0.7) + fa.celu(X, alpha=0.6)
    y += fa.gelu(X, "tanh", 1.5) + fa.gelu(X, limit=0.1) + fa.squareplus(X, 2.0) + fa.situ(X, 3.0)
    y += fa.leaky_relu(X, 0.2) + fa.hard_sigmoid(X, 0.2) + fa.snake(X, 0.5) + fa.softcap(X, 3.0)
    with fa.use_backend(backend):
        np.testing.assert_allclose(parametrised(X), y, rtol=1e-13, atol=1e-13)
        slope = central(lambda h: parametrised(X + h))
        smooth = np.abs(np.abs(slope - parametrised.derivative(X))) < 1e-6
        assert smooth.sum() > X.size - 9  # gelu meets its limits in between


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_by_parameters(backend: str) -> None:
    rng = np.random.default_rng(1)
    g, x = rng.normal(size=(2, 3, 40))
    beta = rng.uniform(0.5, 2.0, (3, 1))
    with fa.use_backend(backend):
        found = bounded_swish.parameter_vjp(g, x, beta=beta)
        assert list(found) == ["beta", "cap"] and found["beta"].shape == (3, 1)
        assert isinstance(found["cap"], np.float64)
        by_beta = central(lambda h: g * bounded_swish(x, beta=beta + h)).sum(1, keepdims=True)
        np.testing.assert_allclose(found["beta"], by_beta, rtol=1e-6)
        by_cap = central(lambda h: g * bounded_swish(x, beta=beta, cap=4.0 + h)).sum()
        np.testing.assert_allclose(found["cap"], by_cap, rtol=1e-6)


def test_dtypes_out_where_and_layouts() -> None:
    for dtype in ("float16", "float32", "float64"):
        x = X.astype(dtype)
        assert bounded_swish(x).dtype == dtype
    np.testing.assert_array_equal(
        bounded_swish(X.astype("f2")), bounded_swish(X.astype("f2").astype("f4")).astype("f2")
    )
    out = np.full(X.size, 7.0)
    assert bounded_swish(X, out=out, where=X > 0) is out
    assert (out[X <= 0] == 7.0).all() and np.array_equal(out[X > 0], bounded_swish(X[X > 0]))
    assert np.array_equal(bounded_swish(X[::3]), bounded_swish(X)[::3])
    betas = np.linspace(1.0, 2.0, X.size)
    assert bounded_swish(X, betas)[5] == bounded_swish(X[5], betas[5])
    assert isinstance(bounded_swish(1), np.float64)


def test_it_is_an_object_like_the_others() -> None:
    assert bounded_swish.name == "bounded_swish" and bounded_swish.parameters == {
        "beta": 1.5,
        "cap": 4.0,
    }
    assert "cap·tanh(x/cap)·σ(βx)." in bounded_swish.__doc__
    assert repr(bounded_swish).startswith(
        "<users_activations.bounded_swish(x, /, beta=1.5, cap=4.0, *"
    )
    assert pickle.loads(pickle.dumps(bounded_swish)) is bounded_swish
    assert pickle.loads(pickle.dumps(bounded_swish.vjp)) is bounded_swish.vjp
    assert fa.get(bounded_swish) is bounded_swish
    assert "users_activations.py, line" in bounded_swish.source
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(X)
    assert isinstance(bounded_swish(series), pandas.Series)


def test_derivative_of_ones_own() -> None:
    assert np.array_equal(rounded(X), np.floor(4 * X + 0.5) / 4)
    assert (rounded.derivative(X) == 1.0).all() and np.array_equal(rounded.vjp(X, X), X)
    with pytest.raises(TypeError, match=r"expected the arguments of bounded_swish\(x, beta, cap\)"):

        @bounded_swish.derivative
        def wrong(x: float, beta: float) -> float:
            return 1.0


def test_domains_are_those_of_what_is_called() -> None:
    with pytest.raises(
        ValueError, match=r"required\(\): cap=0.0 is outside the domain 1e-37 <= abs\(cap\)"
    ):
        required(X, 0.0)
    with pytest.raises(TypeError, match="missing its required parameter 'cap'"):
        required(X)
    assert np.array_equal(required(X, 3.0), fa.softcap(X, 3.0))


@pytest.mark.skipif("cython" not in BACKENDS, reason="the extension is not there")
def test_the_bits_of_the_library() -> None:
    """The same expression through the same steps; silu itself has fewer roundings."""
    x = np.random.default_rng(2).normal(size=10_000).astype("f4")
    np.testing.assert_array_equal(plain_silu(x), x * fa.sigmoid(x))


def test_errors_are_those_of_the_expression() -> None:
    pytest.importorskip("mpmath")
    worst = worst_error(plain_silu, dtype="float64", x=np.linspace(-700, 700, 999))
    assert worst.ulp < 3 and worst.count == 999
    # Farther down σ is subnormal, and loses digits, before it is multiplied.
    assert worst_error(plain_silu, dtype="float64").ulp > 100
    assert worst_error(plain_silu, "derivative", x=np.linspace(-80, 80, 999, dtype="f4")).ulp < 16
    assert worst_error(everything, dtype="float64", a=0.5, x=np.linspace(-3, 3, 99)).ulp > 0.5


def test_a_second_declaration_is_another_function() -> None:
    first = plain_silu

    @fa.activation
    def plain_silu_again(x: float) -> float:
        return x * fa.tanh(x)

    plain_silu_again.__qualname__ = "plain_silu"
    assert first(1.0) != plain_silu_again(1.0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX compiler")
def test_source_in_c(tmp_path: Path) -> None:
    """Compiled on its own, it gives the kernel's bits."""
    compiler = next((c for c in ("gcc", "cc", "clang") if _works(c)), None)
    if compiler is None or "cython" not in BACKENDS:
        pytest.skip("no C compiler, or no extension to compare with")
    for function in (bounded_swish, everything, fa.gelu):
        (tmp_path / "f.h").write_text(function.source("c"))
        name = function.name
        defaults = (one.default for one in function.declaration.params.values())
        given = "".join(f", {value}" for value in defaults).replace("inf", "INFINITY")
        (tmp_path / "f.c").write_text(
            f'#include "f.h"\n#include <stdio.h>\nint main(void) {{ double x; while (scanf("%lf", &x) == 1)'
            f'printf("%a %a\\n", (double)fastact_{name}_f32((float)x{given}), '
            f"fastact_{name}_derivative_f64(x{given})); }}"
        )
        command = [
            compiler,
            "-O2",
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            "f",
            "f.c",
            "-lm",
        ]
        subprocess.run(command, cwd=tmp_path, check=True)
        text = "\n".join(map(repr, map(float, X)))
        run = subprocess.run(
            ["./f"], cwd=tmp_path, input=text, capture_output=True, text=True, check=True
        )
        values = np.array([[*map(float.fromhex, line.split())] for line in run.stdout.splitlines()])
        np.testing.assert_array_equal(values[:, 0], function(X.astype("f4")))
        np.testing.assert_array_equal(values[:, 1], function.derivative(X))
    with pytest.raises(ValueError, match="choose 'c'"):
        fa.gelu.source("rust")


def _works(compiler: str) -> bool:
    try:
        return (
            subprocess.run([compiler, "--version"], capture_output=True, check=False).returncode
            == 0
        )
    except OSError:
        return False


REFUSED = {
    "x[0]": "x has no elements",
    "x % 2": r"write x - y\*floor\(x/y\)",
    "print(x)": r"it cannot call print\(\)",
    "x if x else 1": "write a comparison, as in `x > 0`",
    "(x > 1)": "write `1.0 if x > 1 else 0.0`",
    "'a'": "'a' is not a number",
    "math.gamma(x)": r"it cannot call math.gamma\(\)",
    "x**x": r"write exp\(x \* log\(x\)\)",
    "fa.sigmoid.derivative(x)": "expected a function of math, numpy or fastact",
    "fa.softmax(x)": r"it cannot call fa.softmax\(\)",
    "unknown": "there is no unknown here",
    "fa.elu(x, beta=2)": r"elu\(\) has no parameter 'beta': it takes alpha",
    "fa.softcap(x)": "missing its required parameter 'cap'",
    "fa.hard_tanh(x, 3.0, 1.0)": "outside the domain min_val <= max_val",
    "[x]": "expected arithmetic, comparisons and calls",
    "math.tanh(x, 2)": "too many positional arguments",
    "x.real": "x is a number, which has no attributes",
    "np.clip(x, 1)": r"np.clip\(\) takes 3 arguments, 2 given",
    "math.nothing(x)": "has no attribute 'nothing'",
}


def test_what_cannot_be_computed_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    for number, (expression, message) in enumerate(REFUSED.items()):
        name = f"refused_{number}"
        text = "import math\nimport numpy as np\nimport fastact as fa\n@fa.activation\n"
        text += f"def f(x, p=1.0):\n    return {expression}\n"
        (tmp_path / f"{name}.py").write_text(text)
        with pytest.raises(SyntaxError, match=message) as caught:
            __import__(name)
        assert str(caught.value).startswith(f"{tmp_path / name}.py:6: f(): "), expression
        assert caught.value.lineno == 6


def test_what_is_no_function_of_a_number() -> None:
    cases: list[tuple[Any, str]] = [
        (fa.gelu, "takes a Python function of a number, not Elementwise"),
        (lambda x: x, "cannot be read"),
        (_keyword_only, "a function of x and parameters by position"),
        (_reserved, "out cannot be a parameter"),
        (_text_default, "mode='up': expected a number"),
        (_five, "5 parameters, expected at most 4"),
    ]
    for function, message in cases:
        with pytest.raises(TypeError, match=message):
            fa.activation(function)


def _keyword_only(x, *, a=1.0):  # type: ignore[no-untyped-def]
    return x


def _reserved(x, out=1.0):  # type: ignore[no-untyped-def]
    return x


def _text_default(x, mode="up"):  # type: ignore[no-untyped-def]
    return x


def _five(x, a, b, c, d, e):  # type: ignore[no-untyped-def]
    return x


def test_nan_and_infinity_go_through() -> None:
    special = np.array([math.nan, math.inf, -math.inf])
    for backend in BACKENDS:
        with fa.use_backend(backend):
            found = bounded_swish(special)
            assert (
                math.isnan(found[0]) and found[1] == 4.0 and math.isnan(found[2])
            )  # 0·inf, as written
            assert fa.activation(_relu)(special)[1] == math.inf


def _relu(x):  # type: ignore[no-untyped-def]
    return max(0.0, x)


def test_without_numba_it_is_computed_in_numpy() -> None:
    program = """
import sys
sys.modules["numba"] = None
import numpy as np
from users_activations import bounded_swish
from fastact.backends import own
x = np.linspace(-3, 3, 10_000)
expected = 4 * np.tanh(x / 4) / (1 + np.exp(-1.5 * x))
assert np.allclose(bounded_swish(x), expected, rtol=1e-14)
assert np.allclose(bounded_swish.vjp(x.astype("f4"), x.astype("f4")), x * bounded_swish.derivative(x), 1e-4, 1e-5)
print(own.describe())
"""
    paths = os.pathsep.join((str(Path(__file__).parent), str(IMPORTED)))
    said = check_python(program, PYTHONPATH=paths, FASTACT_BACKEND="auto")
    assert said.startswith("computed in NumPy: Numba is not installed")


def test_a_declaration_at_the_same_time_in_another_thread() -> None:
    """Whatever another thread does in the middle of one, a declared activation has its modules."""
    from fastact.backends.numba import own

    class Interrupted:
        name, began = "interrupted", False

        @property
        def passes(self) -> Any:
            if not self.began:
                self.began = True
                own.declare(self)  # type: ignore[arg-type]
                found.append(own.text(own.module_name(self.name, "forward", "f32")))
            return bounded_swish.declaration.passes

        def __getattr__(self, name: str) -> Any:
            return getattr(bounded_swish.declaration, name)

    found: list[str | None] = []
    own.declare(Interrupted())  # type: ignore[arg-type]
    assert found[0] is not None and "def forward_f32_scalar" in found[0]
