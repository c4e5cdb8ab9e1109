"""LaTeX of a definition: the function's `formula`, and its derivative by SymPy.

A formula is a Python expression of x, the parameters and these names:

    where(condition, a, b)  clip(v, low, high)  abs  sqrt  exp  log  sin  tanh  cosh  pi
    sigma  softplus  Phi    the logistic function, log(1 + eˣ), the normal cdf
    erf  erfc  erfinv       the error function, 1 less that, and its inverse
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Piecewise

X = sympy.Symbol("x", real=True)


class sigma(sympy.Function):
    def fdiff(self, argindex: int = 1) -> Any:
        return sigma(self.args[0]) * sigma(-self.args[0])


class softplus(sympy.Function):
    def fdiff(self, argindex: int = 1) -> Any:
        return sigma(self.args[0])


class phi(sympy.Function):
    """The normal density, which occurs in derivatives."""


class Phi(sympy.Function):
    def fdiff(self, argindex: int = 1) -> Any:
        return phi(self.args[0])


#: Name in formulas -> its definition.
MEANINGS = {
    sigma: r"\sigma(z) = 1/(1 + e^{-z})",
    softplus: r"\operatorname{softplus}(z) = \log(1 + e^z)",
    Phi: r"\Phi(z) = \int_{-\infty}^z \phi(t)\,dt",
    phi: r"\phi(z) = e^{-z^2/2}/\sqrt{2\pi}",
}


def where(condition: Any, a: Any, b: Any) -> Any:
    others = b.args if isinstance(b, Piecewise) else [(b, True)]
    return Piecewise((a, condition), *others, evaluate=False)


def clip(v: Any, low: Any, high: Any) -> Any:
    # The bounds belong to the constant pieces, so that the derivative there is 0.
    return where(v <= low, low, where(v >= high, high, v))


WORDS = {word.__name__: word for word in (where, clip, sigma, softplus, Phi)} | {
    name: getattr(sympy, name)
    for name in ("sqrt", "exp", "log", "sin", "tanh", "cosh", "pi", "erf", "erfc", "erfinv")
}


def definition(function: Any) -> Any:
    """Return the formula as a SymPy expression, its terms in the written order."""
    symbols = {name: sympy.Symbol(name, real=True) for name in function.parameters}
    with sympy.evaluate(False):
        return sympy.sympify(
            eval(function.formula, {}, {**WORDS, "abs": sympy.Abs, "x": X, **symbols})
        )


def derivative(function: Any) -> Any:
    """Return the derivative of the formula, piece by piece under the same conditions."""
    formula = definition(function)
    if not isinstance(formula, Piecewise):
        return _slope(formula)
    pieces: list[tuple[Any, Any]] = []
    for piece, condition in formula.args:
        slope = _slope(piece)
        if pieces and pieces[-1][0] == slope:
            pieces[-1] = slope, sympy.Or(pieces[-1][1], condition)
        else:
            pieces.append((slope, condition))
    return Piecewise(*pieces, evaluate=False) if len(pieces) > 1 else pieces[0][0]


def _slope(formula: Any) -> Any:
    slope = sympy.diff(formula.doit(), X)
    slope = slope.subs(sympy.sign(X), sympy.Abs(X) / X)
    # Factoring shortens some, but not those that it divides by a decimal constant.
    return slope if slope.has(sympy.Float) else min(slope, sympy.factor(slope), key=sympy.count_ops)


def meanings(*expressions: Any) -> list[str]:
    """Return the definitions of the names in these expressions, as LaTeX."""
    used = {type(call) for one in expressions for call in one.atoms(sympy.Function)}
    return [meaning for word, meaning in MEANINGS.items() if word in used]


def latex(expression: Any, function: Any) -> str:
    """Return LaTeX in which parameters keep their names, except Greek letters."""
    names = {
        sympy.Symbol(name, real=True): r"\mathrm{" + name.replace("_", r"\_") + "}"
        for name in function.parameters
        if name not in ("alpha", "beta")
    }
    text: str = sympy.latex(expression, symbol_names=names, order="none", mul_symbol=r" \, ")
    return text.replace(r"\text{for}\:", r"\text{if }").replace(r"\vee", r"\text{ or }")
