"""SciPy: formulas with scipy.special's functions; a single ufunc writes into `out`."""

from __future__ import annotations

from functools import partial

import numpy as np
import scipy
from scipy import special

from . import Arrays, Call, Key, Maker
from .formulas import compiled
from .plain import COMPOSED, context, native, set_num_threads, target

__all__ = ["CALLS", "COMPOSED", "VERSION", "context", "native", "set_num_threads", "target"]

VERSION = scipy.__version__

_DENSITY = "0.3989422804014327*exp(-0.5*x*x)"
_FORMULAS = {
    ("silu", "forward"): "x*expit(x)",
    ("quick_gelu", "forward"): "x*expit(1.702*x)",
    ("softplus", "forward"): "-log_expit(-x)",
    ("gelu", "forward"): "x*ndtr(x)",
    ("sigmoid", "vjp"): "(s := expit(x))*(1 - s)*g",
    ("log_sigmoid", "vjp"): "g*expit(-x)",
    ("softplus", "vjp"): "g*expit(x)",
    ("silu", "vjp"): "(s := expit(x))*(1 + x*(1 - s))*g",
    ("quick_gelu", "vjp"): "(s := expit(1.702*x))*(1 + 1.702*x*(1 - s))*g",
    ("gelu", "vjp"): f"g*(ndtr(x) + x*{_DENSITY})",
}


def _ufunc(name: str) -> Maker:
    function = getattr(special, name)
    return lambda a: partial(function, a.x, a.out)


def _formula(text: str) -> Maker:
    function = compiled(text, vars(np) | vars(special))

    def make(a: Arrays) -> Call:
        return partial(function, a.x, a.g, a.y)

    return make


CALLS: dict[Key, Maker] = {key: _formula(text) for key, text in _FORMULAS.items()}
CALLS |= {
    ("expm1", "forward"): _ufunc("expm1"),
    ("sigmoid", "forward"): _ufunc("expit"),
    ("log_sigmoid", "forward"): _ufunc("log_expit"),
    ("softmax", "forward"): lambda a: partial(special.softmax, a.x, axis=a.axis),
    ("log_softmax", "forward"): lambda a: partial(special.log_softmax, a.x, axis=a.axis),
    ("logsumexp", "forward"): lambda a: partial(special.logsumexp, a.x, axis=a.axis),
}
_NORMAL = ("erf", "erfc", "erfcx", "ndtr", "log_ndtr", "erfinv", "ndtri")
CALLS |= {(name, "forward"): _ufunc(name) for name in _NORMAL}
