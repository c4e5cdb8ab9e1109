"""Every activation and its derivative, written by hand from the mathematical definition.

Nothing here is shared with the kernels: these definitions are what the kernels are checked against.
Each takes an arithmetic `m` first (see `arithmetic`) and is evaluated in NumPy float64, where it is
the `numpy` backend and the truth for float32, or in mpmath with 60 digits, where it is the truth
for float64. They are therefore in the form that is accurate in float64; where that form is not the
textbook one, a comment derives it.

To add an activation, write its definition and its derivative, one below the other, into the file of
its kind.
"""

from . import algebraic, composed, exponential, logarithmic, normal, periodic, piecewise, weighted
from .table import TABLE, Named, Reference, evaluate, exact

__all__ = [
    "TABLE",
    "Named",
    "Reference",
    "algebraic",
    "composed",
    "evaluate",
    "exact",
    "exponential",
    "logarithmic",
    "normal",
    "periodic",
    "piecewise",
    "weighted",
]
