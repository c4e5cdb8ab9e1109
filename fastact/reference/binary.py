"""The elementwise functions of two arrays, by their definitions."""

from __future__ import annotations

import math

from .arithmetic import Mathematics, Number

# A quotient beyond may not be a normal number. Both numbers below 1/LARGE are raised first.
LARGE = 1e150
RAISED = 2.0**500


def _log(m: Mathematics, x: Number) -> Number:
    """Return log x, NaN below 0."""
    return m.where(x > 0, m.log(m.where(x > 0, x, 1.0)), m.where(x == 0, -math.inf, math.nan))


def _log1p(m: Mathematics, x: Number) -> Number:
    inside = m.log1p(m.where(x > -1, x, 0.0))
    return m.where(x > -1, inside, m.where(x == -1, -math.inf, math.nan))


def _over(m: Mathematics, x: Number, y: Number) -> Number:
    """Return x/y, infinite for a y of 0."""
    return m.where(y == 0, x * math.inf, x / m.where(y == 0, 1.0, y))


class LogAddExp:
    """log(eˣ + eʸ)."""

    def _distance(self, m: Mathematics, x: Number, y: Number) -> Number:
        """Return -|x - y|, wide."""
        equal = x == y
        return -m.magnitude(m.wide(m.where(equal, 0.0, x)) - m.where(equal, 0.0, y))

    def forward(self, m: Mathematics, x: Number, y: Number) -> tuple[Number]:
        """Evaluate it."""
        return (m.narrow(m.log1p_exp(self._distance(m, x, y)) + m.maximum(x, y)),)

    def vjp(self, m: Mathematics, g: Number, x: Number, y: Number) -> tuple[Number, Number]:
        """Evaluate the gradients, g times the softmax of both."""
        d = self._distance(m, x, y)
        e = m.narrow(m.exp(d))
        small, large = m.times_exp_over(1.0, d, m.wide(e) + 1.0), 1 / (1 + e)
        return g * m.where(x < y, small, large), g * m.where(x < y, large, small)


class XLogY:
    """x·log y, 0 for x = 0."""

    def forward(self, m: Mathematics, x: Number, y: Number) -> tuple[Number]:
        """Evaluate it."""
        return (m.where((x == 0) & (y == y), 0.0, x * _log(m, y)),)

    def vjp(self, m: Mathematics, g: Number, x: Number, y: Number) -> tuple[Number, Number]:
        """Evaluate the gradients; 0 where x·log y is flat along the edge x = 0."""
        dx = m.where((x == 0) & (y <= 0), 0.0, g * _log(m, y))
        return dx, m.where((x == 0) & (y == y), 0.0, g * _over(m, x, y))


class XLog1pY:
    """x·log(1 + y), 0 for x = 0."""

    def forward(self, m: Mathematics, x: Number, y: Number) -> tuple[Number]:
        """Evaluate it."""
        return (m.where((x == 0) & (y == y), 0.0, x * _log1p(m, y)),)

    def vjp(self, m: Mathematics, g: Number, x: Number, y: Number) -> tuple[Number, Number]:
        """Evaluate the gradients, likewise."""
        dx = m.where((x == 0) & (y <= -1), 0.0, g * _log1p(m, y))
        return dx, m.where((x == 0) & (y == y), 0.0, g * _over(m, x, 1 + y))


class RelEntr:
    """x·log(x/y), 0 for x = 0 and y ≥ 0, else infinite."""

    def _log_of_ratio(self, m: Mathematics, x: Number, y: Number) -> Number:
        """Return log(x/y) for positive numbers, wide."""
        raised = m.where((x < 1 / LARGE) & (y < 1 / LARGE), RAISED, 1.0)
        q = m.wide(x * raised) / (y * raised)
        near = (m.narrow(q) < LARGE) & (m.narrow(q) > 1 / LARGE)
        q = m.wide(m.where(near, x * raised, 1.0)) / m.where(near, y * raised, 1.0)
        return m.log(q) + m.where(near, 0.0, m.log(x) - m.log(y))

    def _inside(self, m: Mathematics, x: Number, y: Number) -> tuple[object, Number, Number]:
        inside = (x > 0) & (y > 0) & (x < math.inf) & (y < math.inf)
        return inside, m.where(inside, x, 1.0), m.where(inside, y, 1.0)

    def forward(self, m: Mathematics, x: Number, y: Number) -> tuple[Number]:
        """Evaluate it."""
        inside, p, q = self._inside(m, x, y)
        value = m.narrow(self._log_of_ratio(m, p, q) * p)
        far = m.where((x > 0) & (y > 0), x - y, m.where((x == 0) & (y >= 0), 0.0, math.inf))
        outside = m.where((x == x) & (y == y), far, math.nan)
        return (m.where(inside, value, outside),)

    def vjp(self, m: Mathematics, g: Number, x: Number, y: Number) -> tuple[Number, Number]:
        """Evaluate the gradients, NaN outside of x, y ≥ 0."""
        inside, p, q = self._inside(m, x, y)
        slope = m.narrow(self._log_of_ratio(m, p, q) + 1.0)
        edge = m.where(
            (x > 0) & (y == 0), math.inf, m.where((x == 0) & (y > 0), -math.inf, math.nan)
        )
        outside = m.where((x > 0) & (y > 0), x - y, edge)
        dy = m.where((x >= 0) & (y >= 0), -g * _over(m, x, y), math.nan)
        return g * m.where(inside, slope, outside), dy


BINARY = {
    "logaddexp": LogAddExp(),
    "xlogy": XLogY(),
    "xlog1py": XLog1pY(),
    "rel_entr": RelEntr(),
}
