"""Periodic functions added to x."""

from __future__ import annotations

from typing import Any

from ..dialect import fma, low, per_type
from ..trigonometric import PI, PI_REST, nearest, remainder_by_pi, sin, sine_parts
from ..two_parts import fast_two_sum, remainder, two_fma, two_product
from .table import elementwise

# Above, sin²z is less than half an ulp of z, and ½ serves for it.
LARGE = per_type(f32=2.0**23, f64=2.0**52)
# Above, the rounding error of a product is not small beside π, and is left out.
ROUNDED = per_type(f32=2.0**20, f64=2.0**49)


def phase(x: Any, alpha: Any) -> Any:
    """`alpha`·x and its rounding error."""
    z, z_low = two_product(x, alpha)
    z_low = z_low + x * low(alpha)
    return z, z_low if abs(z) < ROUNDED else 0.0


@elementwise(
    formula="x + sin(alpha*x)**2/alpha",
    source="Liu, Hartwig, Ueda 2020, arXiv:2006.08195",
    domain=("alpha == 0 or 1e-37 <= abs(alpha) <= 1e37",),
)
def snake(x: Any, alpha: float = 1.0) -> Any:
    """x + sin²(`alpha`·x)/`alpha`, and the limit x for an `alpha` of 0. The derivative is 1 + sin(2·`alpha`·x).

    Far out the phase is what a float can say of it: with another `alpha` than 1, above |`alpha`·x| = 2²⁰ (float32) or
    2⁴⁹ (float64) the derivative is that for the rounded product. In float64 its sine is off by up to 2⁻⁵⁷ above 2²⁹.
    """
    z, z_low = phase(x, alpha)
    n = nearest(z)
    # The sign of the sine does not matter.
    high, high_low = two_fma(n, -low(PI), fma(n, -PI, z))
    r, r_low = fast_two_sum(high, fma(n, -PI_REST, z_low))
    y, y_low = sine_parts(r)
    # x may cancel all but a ulp of a large sin²/alpha: what r is rounded by counts, times cos r.
    y_low = fma(r_low + high_low, fma(fma(r * r, 1.0 / 24.0, -0.5), r * r, 1.0), y_low)
    large = abs(z) > LARGE
    square = 0.5 if large else y * y
    square_low = 0.0 if large else fma(y, y, -square) + 2.0 * (y * y_low)
    q = square / alpha
    q_low = remainder(square, square_low, alpha, low(alpha), q) * (1.0 / alpha)
    total = x + q
    return x if alpha == 0.0 else total + q_low


@snake.derivative
def snake_slope(x: Any, alpha: float) -> Any:
    # 1 + sin 2z = 2·sin²(z + π/4), without cancellation.
    z, z_low = phase(x, alpha)
    y, y_low = sine_parts(remainder_by_pi(z, z_low, 0.25))
    line = x if x != x else 1.0
    return line if alpha == 0.0 else 2.0 * fma(y, y, 2.0 * (y * y_low))


@snake.by("alpha")
def snake_by_alpha(x: Any, alpha: float) -> Any:
    """(z·sin 2z - sin² z)/alpha² at z = alpha·x; x² for an `alpha` of 0."""
    z, z_low = phase(x, alpha)
    r = remainder_by_pi(z, z_low, 0.0)
    y = sin(r)
    whole = fma(z, sin(2.0 * r), -(y * y))
    return x * x if alpha == 0.0 else whole / alpha / alpha
