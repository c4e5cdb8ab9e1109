"""The table of functions that make several channels of one; each declared once, next to its vjp.

To add one, write it here and its definition in reference/channels.py.
"""

from __future__ import annotations

from typing import Any

from .declare import Table

CHANNELS = Table(bound={"forward": 0.5, "vjp": 0.5}, required=("forward", "vjp"))


@CHANNELS.declare(
    source="Shang, Sohn, Almeida, Lee 2016, arXiv:1603.05201", outputs=("positive", "negative")
)
def crelu(x: Any) -> Any:
    """max(x, 0) and max(-x, 0), one after the other along an axis. The derivative is 0 at 0."""
    return max(x, 0.0), max(-x, 0.0)


@crelu.vjp(outputs=("dx",))
def crelu_vjp(g_positive: Any, g_negative: Any, x: Any) -> Any:
    return g_positive if x > 0.0 else (-g_negative if x < 0.0 else x * 0.0)
