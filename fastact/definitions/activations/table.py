"""The table of activations, and what several of them are made of."""

from __future__ import annotations

from typing import Any

from ..declaration import BY
from ..declare import Table
from ..dialect import low

TABLE = Table(
    bound={"forward": 2.0, "derivative": 4.0, BY: 16.0}, required=("forward", "derivative")
)
elementwise = TABLE.declare


def above(x: Any, t: Any) -> Any:
    """x > t, also where t is not a number of the computing type."""
    return x > t or (x == t and low(t) < 0.0)


def inside(mask: Any, x: Any, slope: Any) -> Any:
    """`slope` where the mask holds, else 0, but NaN where x is."""
    return slope if mask else (x if x != x else 0.0)
