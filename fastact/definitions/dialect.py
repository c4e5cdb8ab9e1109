"""The words of the dialect that Python does not have: lane primitives and constants that know their precision.

A dialect function is an ordinary Python function over these, arithmetic, comparisons, conditional expressions,
``abs``, ``max``, ``min`` and other dialect functions. It is never run: the build traces it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Literal

# The table is imported with the package: what only the build needs, and dataclasses, stay out of that.
if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

DType = Literal["f32", "f64"]


def round_to(dtype: DType, value: float) -> float:
    """`value` rounded to `dtype`, overflowing to infinity as IEEE 754 does."""
    if dtype == "f64":
        return value
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


class Primitive:
    """A lane operation with one implementation for each target."""

    def __init__(self, name: str, arity: int, doc: str) -> None:
        self.name, self.arity, self.__doc__ = name, arity, doc

    def __call__(self, *operands: Any) -> Any:
        raise TypeError(
            f"{self.name}() has a meaning only inside a dialect function, which is traced and not run"
        )


fma = Primitive("fma", 3, "a·b + c, rounded once.")
sqrt = Primitive("sqrt", 1, "Correctly rounded square root.")
copysign = Primitive(
    "copysign", 2, "The magnitude of the first operand with the sign of the second."
)
scale = Primitive(
    "scale",
    2,
    "p·2ⁿ for an operand t = n + 1.5·2^mantissa: n is added to the exponent bits of p. With a p of 0, and the "
    "exponent's bias in t, it is 2ⁿ.",
)
leading = Primitive(
    "leading",
    1,
    "The bits of a positive number moved down: the lowest three are the first of its significand below two of its "
    "exponent, so that as an index they count half octaves, modulo eight.",
)
low = Primitive(
    "low", 1, "What a parameter or a constant has beyond its value in the computing type."
)


class Reduction:
    """An operation over a whole row, for the functions of rows.py."""

    def __init__(self, name: str, doc: str) -> None:
        self.name, self.__doc__ = name, doc

    def __call__(self, *operands: Any) -> Any:
        raise TypeError(f"{self.name}() has a meaning only inside a row function, which is traced")


row_max = Reduction("row_max", "The largest value of an expression in the row.")
row_sum = Reduction("row_sum", "The sum of an expression over the row.")
row_sums = Reduction(
    "row_sums",
    "row_sums(rescaled, temperature, *terms): sums of terms that depend on the row's maximum. rescaled(old, new, "
    "*sums, temperature) gives the sums for the maximum `new` from those for `old`: parts of a row can be added. "
    "A second term is 0 or 1: counts are added up plainly, where other sums are compensated.",
)
row_solve = Reduction(
    "row_solve",
    "row_solve(step, start, *operands): what `start` rises to under step(value, *operands), which may use row_sum.",
)


class Absent:
    """The low part of a number that has none."""


absent: Any = Absent()


class PerType:
    """A constant that differs between the computing types, such as the argument at which exp underflows."""

    def __init__(self, f32: Any, f64: Any) -> None:
        self.f32, self.f64 = f32, f64

    def of(self, dtype: DType) -> Any:
        return self.f32 if dtype == "f32" else self.f64


def known(value: Any) -> Any:
    """Whether a value is known when the kernel is traced, as default parameters can be, or is absent."""
    raise TypeError(
        "known() has a meaning only inside a dialect function, which is traced and not run"
    )


class Coefficients:
    """A polynomial's coefficients, constant term first, for each computing type.

    `rest` is what the constant term has beyond its value in that type, where a fit says.
    """

    def __init__(
        self, f32: tuple[float, ...], f64: tuple[float, ...], rest: PerType | None = None
    ) -> None:
        self.f32, self.f64, self.rest = f32, f64, rest

    def of(self, dtype: DType) -> tuple[float, ...]:
        return self.f32 if dtype == "f32" else self.f64


#: As many numbers as one permutation instruction of AVX2 chooses from.
ENTRIES = 8


class Entries:
    """Eight numbers for each computing type, to look one up in."""

    def __init__(self, f32: tuple[float, ...], f64: tuple[float, ...]) -> None:
        self.f32, self.f64 = f32, f64

    def of(self, dtype: DType) -> tuple[float, ...]:
        return self.f32 if dtype == "f32" else self.f64


class Pieces:
    """The coefficients of eight polynomials, for each computing type: of each constant term first."""

    def __init__(self, f32: tuple[tuple[float, ...], ...], f64: tuple[tuple[float, ...], ...]):
        self.f32, self.f64 = f32, f64

    def of(self, dtype: DType) -> list[tuple[float, ...]]:
        """The eight constant terms, the eight coefficients of x, and so on."""
        return list(zip(*(self.f32 if dtype == "f32" else self.f64), strict=True))


class Exact:
    """A real number known to more digits than a double; its value in a computing type, and the rest of it."""

    def __init__(self, number: str | float) -> None:
        self._number = number

    @property
    def number(self) -> Fraction:
        from fractions import Fraction

        return Fraction(self._number)

    def of(self, dtype: DType) -> float:
        return round_to(dtype, float(self.number))

    def rest(self, dtype: DType) -> float:
        from fractions import Fraction

        return round_to(dtype, float(self.number - Fraction(self.of(dtype))))


def per_type(*, f32: Any, f64: Any) -> Any:
    """A constant given for each computing type."""
    return PerType(f32, f64)


def exact(decimal: str) -> Any:
    """A constant given by its decimal digits, as many as are known."""
    return Exact(decimal)


def coefficients(
    *, f32: tuple[str, ...] = (), f64: tuple[str, ...] = (), rest: tuple[str, str] | None = None
) -> Any:
    """Coefficients given as hexadecimal floats, constant term first; `rest` for f32 and f64.

    What float32 and float64 compute in different ways has coefficients for one of them only.
    """
    tables = [tuple(map(float.fromhex, table)) for table in (f32, f64)]
    known = PerType(f32=float.fromhex(rest[0]), f64=float.fromhex(rest[1])) if rest else None
    return Coefficients(f32=tables[0], f64=tables[1], rest=known)


def _turned(table: Sequence[Any], first: int) -> tuple[Any, ...]:
    """`table`, so that its first entry has the index `first`, and the one after the last index 0."""
    return tuple(table[(k - first) % len(table)] for k in range(len(table)))


def entries(*, f32: tuple[str, ...] = (), f64: tuple[str, ...] = (), first: int = 0) -> Any:
    """Eight constants given as hexadecimal floats, for one computing type or both, from the index `first` on."""
    f32_entries, f64_entries = (tuple(map(float.fromhex, _turned(t, first))) for t in (f32, f64))
    return Entries(f32_entries, f64_entries)


def pieces(
    *,
    f32: tuple[tuple[str, ...], ...] = (),
    f64: tuple[tuple[str, ...], ...] = (),
    first: int = 0,
) -> Any:
    """The coefficients of eight polynomials, likewise; of each constant term first."""
    f32_pieces, f64_pieces = (
        tuple(tuple(map(float.fromhex, piece)) for piece in _turned(table, first))
        for table in (f32, f64)
    )
    return Pieces(f32_pieces, f64_pieces)


def lookup(index: Any, table: Any) -> Any:
    """The entry of a table of eight that the lowest three bits of `index` name, whatever its other bits are.

    Such an index is `leading(s)`, or the sum of a number and 1.5·2^mantissa, which ends in the integer nearest to it.
    """
    raise TypeError(
        "lookup() has a meaning only inside a dialect function, which is traced and not run"
    )


def piecewise(x: Any, index: Any, table: Any) -> Any:
    """The polynomial in x that `index` names, by Horner's rule: each coefficient is looked up."""
    raise TypeError(
        "piecewise() has a meaning only inside a dialect function, which is traced and not run"
    )


def polynomial(x: Any, table: Any) -> Any:
    """c₀ + c₁x + c₂x² + … by Horner's rule in fused multiply-adds."""
    raise TypeError(
        "polynomial() has a meaning only inside a dialect function, which is traced and not run"
    )


def polynomial_parts(x: Any, table: Any) -> Any:
    """The same as the sum of a number and a small one, for a table that knows the rest of c₀."""
    raise TypeError(
        "polynomial_parts() has a meaning only inside a dialect function, which is traced and not run"
    )
