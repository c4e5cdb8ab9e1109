"""Errors of results in units in the last place (ulp).

1 ulp is the distance between adjacent numbers of the result's dtype at the size of the true value;
below the smallest normal number it is the spacing of the subnormals. Samples are spread evenly over
bit patterns, so that every exponent has the same weight and the tails are covered.
float32 results are checked against the float64 definitions in `fastact.reference`, float64 results
against the same definitions in mpmath::

    from fastact import accuracy
    print(accuracy.measure("gelu", "forward", "float32", kernel))
"""

from .measure import Worst, measure, worst_error
from .samples import around, bends, bit_patterns, blocks, samples
from .truth import error_near_zeros, sign_changes, truth
from .ulp import as_float64, ulp_error

__all__ = [
    "Worst",
    "around",
    "as_float64",
    "bends",
    "bit_patterns",
    "blocks",
    "error_near_zeros",
    "measure",
    "samples",
    "sign_changes",
    "truth",
    "ulp_error",
    "worst_error",
]
