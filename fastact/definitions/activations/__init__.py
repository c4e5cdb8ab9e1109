"""Every elementwise activation, declared once, next to its derivative.

To add one, write it into the file of its kind here and its mathematical definition into the file of the same name in
reference/activations/. A declaration is a function of the kernel dialect: straight-line scalar arithmetic on x and the
parameters, over the elementary functions of elementary.py. Its keyword defaults are the public parameters, its
docstring is the public documentation, and `formula` is the textbook's definition, which the documentation prints and
differentiates: Python over x and the parameters in the words of docs/formulas.py.
"""

from __future__ import annotations

# The order of these is that of the documentation.
from . import piecewise, algebraic, exponential, weighted, composed, normal, periodic, logarithmic  # isort: skip
from .table import TABLE

__all__ = [
    "TABLE",
    "algebraic",
    "composed",
    "exponential",
    "logarithmic",
    "normal",
    "periodic",
    "piecewise",
    "weighted",
]
