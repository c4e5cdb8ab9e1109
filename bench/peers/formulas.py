"""The textbook formula of each function, for peers that lack the function.

They are Python expressions of x, the gradient g and the output y. NumPy and JAX evaluate them
unchanged; for numexpr, which lacks `:=` and a float32 maximum, they are rewritten.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

#: The value of every parameter that has no default, in all benchmarks.
REQUIRED = 1.5

_K = 0.7978845608028654  # √(2/π)
_SCALE, _ALPHA = 1.0507009873554805, 1.6732632423543772
_RAMP = "minimum(maximum((x + 1)/2, 0), 1)"

FORWARD = {
    "identity": "x",
    "step": "where(x >= 0, 1.0, 0.0)",
    "hard_tanh": "minimum(maximum(x, -1), 1)",
    "hard_sigmoid": "minimum(maximum(x/6 + 0.5, 0), 1)",
    "relu": "maximum(x, 0)",
    "relu6": "minimum(maximum(x, 0), 6)",
    "relu_squared": "maximum(x, 0)**2",
    "leaky_relu": "maximum(x, 0.01*x)",
    "threshold": "where(x > 1, x, 0)",
    "hard_shrink": "where(abs(x) > 0.5, x, 0)",
    "soft_shrink": "where(x > 0.5, x - 0.5, where(x < -0.5, x + 0.5, 0))",
    "hard_swish": "x*minimum(maximum(x + 3, 0), 6)/6",
    "sparse_plus": "where(x <= -1, 0, where(x < 1, (x + 1)**2/4, x))",
    "sparse_sigmoid": _RAMP,
    "softsign": "x/(1 + abs(x))",
    "squareplus": "(x + sqrt(x*x + 4))/2",
    "exponential": "exp(x)",
    "elu": "where(x > 0, x, expm1(x))",
    "celu": "where(x > 0, x, expm1(x))",
    "selu": f"{_SCALE}*where(x > 0, x, {_ALPHA}*expm1(x))",
    "sigmoid": "1/(1 + exp(-x))",
    "tanh": "tanh(x)",
    "tanh_shrink": "x - tanh(x)",
    "softcap": f"{REQUIRED}*tanh(x/{REQUIRED})",
    "log_sigmoid": "-log1p(exp(-x))",
    "softplus": "log1p(exp(x))",
    "silu": "x/(1 + exp(-x))",
    "quick_gelu": "x/(1 + exp(-1.702*x))",
    "mish": "x*tanh(log1p(exp(x)))",
    "gelu_tanh": f"0.5*x*(1 + tanh({_K}*x*(1 + 0.044715*x*x)))",
    "star_relu": "0.8944*maximum(x, 0)**2 - 0.4472",
    "hard_mish": "0.5*x*minimum(maximum(x + 2, 0), 2)",
    "lisht": "x*tanh(x)",
    "situ": "4*tanh(x/4)/(1 + exp(-x))",
    "xielu": "where(x > 0, 0.8*x*x + 0.5*x, 0.8*(expm1(minimum(x, -1e-6)) - x) + 0.5*x)",
    "sqrt_softplus": "sqrt(log1p(exp(x)))",
    "logcosh": "abs(x) + log1p(exp(-2*abs(x))) - 0.6931471805599453",
    "snake": "x + sin(x)**2",
    "log1p": "log1p(x)",
    "expm1": "expm1(x)",
    "logit": "log(x/(1 - x))",
    "log1mexp": "log1p(-exp(-x))",
    "log_expm1": "log(expm1(x))",
    "entr": "-x*log(x)",
}

VJP = {
    "identity": "g",
    "step": "0*g",
    "hard_tanh": "where(abs(x) < 1, g, 0)",
    "hard_sigmoid": "where(abs(x) < 3, g/6, 0)",
    "relu": "where(x > 0, g, 0)",
    "relu6": "where((x > 0) & (x < 6), g, 0)",
    "relu_squared": "2*g*maximum(x, 0)",
    "leaky_relu": "where(x > 0, g, 0.01*g)",
    "threshold": "where(x > 1, g, 0)",
    "hard_shrink": "where(abs(x) > 0.5, g, 0)",
    "soft_shrink": "where(abs(x) > 0.5, g, 0)",
    "hard_swish": "g*where(x <= -3, 0, where(x < 3, x/3 + 0.5, 1))",
    "sparse_plus": f"g*{_RAMP}",
    "sparse_sigmoid": "where(abs(x) < 1, g/2, 0)",
    "softsign": "g/(1 + abs(x))**2",
    "squareplus": "g*(1 + x/sqrt(x*x + 4))/2",
    "exponential": "g*exp(x)",
    "elu": "where(x > 0, g, g*exp(x))",
    "celu": "where(x > 0, g, g*exp(x))",
    "selu": f"{_SCALE}*where(x > 0, g, {_ALPHA}*g*exp(x))",
    "sigmoid": "(s := 1/(1 + exp(-x)))*(1 - s)*g",
    "tanh": "g*(1 - tanh(x)**2)",
    "tanh_shrink": "g*tanh(x)**2",
    "softcap": f"g*(1 - tanh(x/{REQUIRED})**2)",
    "log_sigmoid": "g/(1 + exp(x))",
    "softplus": "g/(1 + exp(-x))",
    "silu": "(s := 1/(1 + exp(-x)))*(1 + x*(1 - s))*g",
    "quick_gelu": "(s := 1/(1 + exp(-1.702*x)))*(1 + 1.702*x*(1 - s))*g",
    "mish": "g*((t := tanh(log1p(exp(x)))) + x*(1 - t*t)/(1 + exp(-x)))",
    "gelu_tanh": (
        f"0.5*g*(1 + (t := tanh({_K}*x*(1 + 0.044715*x*x))) + x*(1 - t*t)*{_K}*(1 + 0.134145*x*x))"
    ),
    "star_relu": "1.7888*g*maximum(x, 0)",
    "hard_mish": "g*where(x <= -2, 0, where(x < 0, x + 1, 1))",
    "lisht": "g*((t := tanh(x)) + x*(1 - t*t))",
    "situ": "(s := 1/(1 + exp(-x)))*(1 - (t := tanh(x/4))**2 + 4*t*(1 - s))*g",
    "xielu": "g*where(x > 0, 1.6*x + 0.5, 0.8*expm1(minimum(x, -1e-6)) + 0.5)",
    "sqrt_softplus": "g/(1 + exp(-x))/(2*sqrt(log1p(exp(x))))",
    "logcosh": "g*tanh(x)",
    "snake": "g*(1 + sin(2*x))",
    "log1p": "g/(1 + x)",
    "expm1": "g*exp(x)",
    "logit": "g/(x*(1 - x))",
    "log1mexp": "g/expm1(x)",
    "log_expm1": "g/(1 - exp(-x))",
    "entr": "-g*(log(x) + 1)",
}

#: From the output, like PyTorch's kernels; the other functions are compared from the input.
VJP_FROM_OUTPUT = {"exponential": "g*y", "sigmoid": "g*y*(1 - y)", "tanh": "g*(1 - y*y)"}

#: (function, pass) -> expression.
FORMULAS: dict[tuple[str, str], str] = {
    (name, pass_): text
    for pass_, texts in (("forward", FORWARD), ("vjp", VJP), ("vjp_from_output", VJP_FROM_OUTPUT))
    for name, text in texts.items()
}


def only_moves(name: str, pass_: str) -> bool:
    """Tell whether it is memory-bound: comparisons, sums and products only."""
    text = FORMULAS.get((name, pass_))
    if text is None:
        return False
    nodes = list(ast.walk(ast.parse(text)))
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    quotients = [node for node in nodes if isinstance(node, ast.BinOp) and type(node.op) is ast.Div]
    constant = all(isinstance(node.right, ast.Constant) for node in quotients)
    return constant and calls <= {"where", "maximum", "minimum", "abs"}


def compiled(text: str, namespace: Mapping[str, Any]) -> Callable[[Any, Any, Any], Any]:
    """Compile an expression to a function of x, g and y that uses one library's functions."""
    code: CodeType = compile(f"lambda x, g, y: {text}", f"<{text}>", "eval")
    function: Callable[[Any, Any, Any], Any] = eval(code, dict(namespace))
    return function
