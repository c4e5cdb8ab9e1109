"""What makes several channels of one, by its definition."""

from __future__ import annotations

from .activations import TABLE
from .arithmetic import Mathematics, Number


class CRelu:
    """max(x, 0) and max(-x, 0)."""

    def forward(self, m: Mathematics, x: Number) -> tuple[Number, Number]:
        """Evaluate both."""
        return TABLE["relu"].forward(m, x), TABLE["relu"].forward(m, -x)

    def vjp(
        self, m: Mathematics, g_positive: Number, g_negative: Number, x: Number
    ) -> tuple[Number]:
        """Evaluate the gradient with respect to x."""
        return (m.where(x > 0, g_positive, m.where(x < 0, -g_negative, 0 * x)),)


CHANNELS = {"crelu": CRelu()}
