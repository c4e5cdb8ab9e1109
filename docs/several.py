"""Formulas of the functions that are not elementwise: expressions in the words of formulas.py, or LaTeX.

The expressions are checked against the functions in tests/functions/test_docs.py, and derived by SymPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import formulas
import sympy

#: Function -> expression of its arrays and parameters; a target is t. Losses are those of one element.
EXPRESSIONS = {
    "logaddexp": "log(exp(x) + exp(y))",
    "xlogy": "where(Ne(x, 0), x*log(y), 0)",
    "xlog1py": "where(Ne(x, 0), x*log(1 + y), 0)",
    "rel_entr": "where(x > 0, x*log(x/y), 0)",
    "glu": "sigma(gate)*value",
    "swiglu": "gate*sigma(alpha*gate)*(value + linear_offset)",
    "geglu": "gate*Phi(gate)*value",
    "geglu_tanh": "gate*(1 + tanh(sqrt(2/pi)*(gate + 0.044715*gate**3)))/2*value",
    "geglu_sigmoid": "gate*sigma(1.702*gate)*value",
    "reglu": "where(gate > threshold, gate*value, 0)",
    "situ_glu": "gate_scale*tanh(gate/gate_scale)*sigma(gate)*(linear_scale*tanh(value/linear_scale) + linear_offset)",
    "bilinear": "gate*value",
    "mse": "(x - t)**2",
    "l1": "abs(x - t)",
    "huber": "where(abs(x - t) <= delta, (x - t)**2/2, delta*(abs(x - t) - delta/2))",
    "smooth_l1": "where(abs(x - t) < beta, (x - t)**2/(2*beta), abs(x - t) - beta/2)",
    "log_cosh": "log(cosh(x - t))",
    "hinge": "where(x*t < 1, 1 - x*t, 0)",
    "squared_hinge": "where(x*t < 1, (1 - x*t)**2, 0)",
    "binary_cross_entropy_with_logits": "softplus(x) - t*x",
    "binary_cross_entropy": "-(t*log(p) + (1 - t)*log(1 - p))",
    "kl_div": "where(t > 0, t*(log(t) - x), 0)",
    "poisson_nll": "exp(x) - t*x",
    "gaussian_nll": "(log(var) + (x - t)**2/var)/2",
}
_SOFTMAX = r"\frac{e^{x_i/T}}{\sum_j e^{x_j/T}}"
_SPARSE = r"\quad\text{with the τ for which } \sum_i y_i = 1"
_P = r"\quad\text{with } p = \frac{e^{x_t}}{\sum_j e^{x_j}}"
#: Function -> left and right sides. T is the temperature, g the gradient with respect to the output.
LATEX = {
    "softmax": [
        ("y_i", _SOFTMAX),
        (r"\mathrm{vjp}_i", r"\frac{y_i}{T} \, \left(g_i - \sum_j g_j y_j\right)"),
    ],
    "softmin": [
        ("y_i", _SOFTMAX.replace("{x", "{-x")),
        (r"\mathrm{vjp}_i", r"-\frac{y_i}{T} \, \left(g_i - \sum_j g_j y_j\right)"),
    ],
    "log_softmax": [
        ("y_i", r"\frac{x_i}{T} - \log \sum_j e^{x_j/T}"),
        (r"\mathrm{vjp}_i", r"\frac{1}{T} \, \left(g_i - e^{y_i} \sum_j g_j\right)"),
    ],
    "logsumexp": [
        ("y", r"\log \sum_j e^{x_j/T}"),
        (r"\mathrm{vjp}_i", r"\frac{g}{T} \, e^{x_i/T - y}"),
    ],
    "logmeanexp": [
        ("y", r"\log \left(\frac{1}{n} \sum_{j=1}^n e^{x_j/T}\right)"),
        (r"\mathrm{vjp}_i", r"\frac{g}{T} \, \frac{e^{x_i/T}}{\sum_j e^{x_j/T}}"),
    ],
    "sparsemax": [("y_i", r"\max(x_i/T - \tau, 0)" + _SPARSE)],
    "entmax15": [("y_i", r"\max(x_i/(2T) - \tau, 0)^2" + _SPARSE)],
    "entmax": [("y_i", r"\max((\alpha - 1) \, x_i/T - \tau, 0)^{1/(\alpha - 1)}" + _SPARSE)],
    "hardmax": [("y_i", r"1 \text{ at the first maximum, else } 0")],
    "logcumsumexp": [("y_i", r"\log \sum_{j \le i} e^{x_j/T}")],
    "gumbel_softmax": [
        ("y_i", r"\frac{e^{(x_i + n_i)/\tau}}{\sum_j e^{(x_j + n_j)/\tau}}"),
        ("n_i", r"-\log(-\log u_i) \quad\text{with uniform } u_i \text{ in } (0, 1)"),
    ],
    "maxout": [
        ("y_i", r"\max(x_{ki}, \ldots, x_{ki + k - 1}) \quad\text{with } k = \mathrm{pieces}")
    ],
    "crelu": [("y", r"(\max(x, 0), \ \max(-x, 0))")],
    "cross_entropy": [
        ("L", r"-\log p" + _P + r"\text{ for the class } t"),
        (r"\frac{\partial L}{\partial x_i}", r"\frac{e^{x_i}}{\sum_j e^{x_j}} - [i = t]"),
    ],
    "nll": [("L", "-x_t"), (r"\frac{\partial L}{\partial x_i}", "-[i = t]")],
    "softmax_focal": [("L", r"-\alpha \, (1 - p)^\gamma \, \log p" + _P)],
    "sigmoid_focal": [
        ("L", r"-a \, (1 - p)^\gamma \, \log p"),
        (
            "p",
            r"\sigma(x), \ a = \alpha \text{ for } t = 1; \quad p = \sigma(-x), \ a = 1 - \alpha \text{ for } t = 0",
        ),
    ],
}
#: Its arrays' names in the expressions.
SYMBOLS = {"target": "t"}


def arrays(function: Any) -> list[Any]:
    """Return the symbols of a function's arrays."""
    return [sympy.Symbol(SYMBOLS.get(name, name), real=True) for name in function.arrays]


def definition(function: Any) -> Any:
    """Return the expression of a function in `EXPRESSIONS`."""
    return formulas.parsed(
        EXPRESSIONS[function.name], [*function.arrays, "t", *function.parameters]
    )


def equations(function: Any) -> Iterator[tuple[str, str]]:
    """Yield both sides of the definition of a function and of its derivatives, in LaTeX."""
    if function.name in LATEX:
        yield from LATEX[function.name]
    if function.name not in EXPRESSIONS:
        return
    loss, expression = function.family == "losses", definition(function)
    yield "L" if loss else "f", _latex(expression, function)
    for symbol in arrays(function):
        if symbol.name != "t":
            side = (
                rf"\frac{{\partial {'L' if loss else 'f'}}}{{\partial {_latex(symbol, function)}}}"
            )
            yield side, _latex(formulas.slope(expression, symbol), function)


def _latex(expression: Any, function: Any) -> str:
    return formulas.latex(expression, [*function.parameters, *function.arrays])


def meanings(function: Any) -> list[str]:
    """Return the definitions of the names that the equations use, as LaTeX."""
    if function.name not in EXPRESSIONS:
        return [formulas.MEANINGS[formulas.sigma]] if function.name == "sigmoid_focal" else []
    expression = definition(function)
    slopes = [formulas.slope(expression, s) for s in arrays(function) if s.name != "t"]
    return formulas.meanings(expression, *slopes)
