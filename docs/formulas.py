"""LaTeX of a definition: the function's `formula`, and its derivative by SymPy.

A formula is a Python expression of x, the parameters and these names:

    where(condition, a, b)  clip(v, low, high)  abs  sqrt  exp  log  sin  tanh  cosh  pi
    sigma  softplus  Phi    the logistic function, log(1 + eˣ), the normal cdf
    erf  erfc  erfinv       the error function, 1 less that, and its inverse
    Ne(a, b)                a ≠ b
"""

from __future__ import annotations

import math
from collections.abc import Iterable
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
    sympy.erf: r"\operatorname{erf}(z) = \frac{2}{\sqrt\pi}\int_0^z e^{-t^2}\,dt",
    sympy.erfc: r"\operatorname{erfc}(z) = \frac{2}{\sqrt\pi}\int_z^\infty e^{-t^2}\,dt",
    sympy.erfinv: r"\operatorname{erf}(\operatorname{erfinv}(z)) = z",
}


def where(condition: Any, a: Any, b: Any) -> Any:
    if getattr(condition, "rhs", None) == sympy.oo:  # compared with a bound that is absent
        return b
    others = b.args if isinstance(b, Piecewise) else [(b, True)]
    return Piecewise((a, condition), *others, evaluate=False)


def clip(v: Any, low: Any, high: Any) -> Any:
    if high == sympy.oo:
        return v
    # The bounds belong to the constant pieces, so that the derivative there is 0.
    return where(v <= low, low, where(v >= high, high, v))


WORDS = {word.__name__: word for word in (where, clip, sigma, softplus, Phi)} | {
    name: getattr(sympy, name)
    for name in ("sqrt", "exp", "log", "sin", "tanh", "cosh", "pi", "erf", "erfc", "erfinv", "Ne")
}


def parsed(text: str, parameters: Iterable[str], absent: Iterable[str] = ()) -> Any:
    """Return a formula as a SymPy expression, its terms in the written order; without the bounds that are absent."""
    symbols = {name: sympy.Symbol(name, real=True) for name in parameters}
    symbols.update(dict.fromkeys(absent, sympy.oo))
    with sympy.evaluate(False):
        return sympy.sympify(eval(text, {}, {**WORDS, "abs": sympy.Abs, "x": X, **symbols}))


def definition(function: Any) -> Any:
    """Return the formula of an elementwise function."""
    return parsed(function.formula, function.parameters)


def as_called(function: Any) -> Any:
    """Return the formula without the bounds that calls leave out by default, such as the limit of gelu."""
    absent = [name for name, default in function.parameters.items() if default in (None, math.inf)]
    return parsed(function.formula, function.parameters, absent)


def derivative(function: Any) -> Any:
    """Return the derivative of the formula."""
    return slope(definition(function), X)


def slope(formula: Any, by: Any) -> Any:
    """Return the derivative, piece by piece under the same conditions."""
    if not isinstance(formula, Piecewise):
        return _slope(formula, by)
    pieces: list[tuple[Any, Any]] = []
    for piece, condition in formula.args:
        found = _slope(piece, by)
        if pieces and pieces[-1][0] == found:
            pieces[-1] = found, sympy.Or(pieces[-1][1], condition)
        else:
            pieces.append((found, condition))
    return Piecewise(*pieces, evaluate=False) if len(pieces) > 1 else pieces[0][0]


def _slope(formula: Any, by: Any) -> Any:
    found = sympy.diff(formula.doit(), by)
    # SymPy leaves |v|/v of an absolute value as sign(v).
    found = found.subs(sympy.sign(by), sympy.Abs(by) / by)
    # Factoring shortens some, but not those that it divides by a decimal constant.
    return found if found.has(sympy.Float) else min(found, sympy.factor(found), key=sympy.count_ops)


def meanings(*expressions: Any) -> list[str]:
    """Return the definitions of the names in these expressions, as LaTeX."""
    used = {type(call) for one in expressions for call in one.atoms(sympy.Function)}
    return [meaning for word, meaning in MEANINGS.items() if word in used]


def latex(expression: Any, parameters: Iterable[str]) -> str:
    """Return LaTeX in which parameters keep their names, except Greek letters and single ones."""
    names = {
        sympy.Symbol(name, real=True): r"\mathrm{" + name.replace("_", r"\_") + "}"
        for name in parameters
        if name not in ("alpha", "beta", "gamma", "delta") and len(name) > 1
    }
    text: str = sympy.latex(expression, symbol_names=names, order="none", mul_symbol=r" \, ")
    return text.replace(r"\text{for}\:", r"\text{if }").replace(r"\vee", r"\text{ or }")
