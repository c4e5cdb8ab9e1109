"""The operations of the dialect in LLVM's terms: what emitted pieces are functions of.

The pieces are called while a kernel is compiled and write its code. To let Numba type their operations would take 1 ms
for each, ten times as long as all the rest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import models, register_model

from .llvm import call_llvm, intrinsic
from .tables import chosen, looked_up

_NAMES: Final = {
    **{ir.FloatType(): "f32", ir.DoubleType(): "f64"},
    **{ir.IntType(bits): f"i{bits}" for bits in (8, 16)},
}
_MANTISSA_BITS: Final = {ir.FloatType(): (32, 23), ir.DoubleType(): (64, 52)}
#: What emitted names call the float types.
TYPES: Final = {"f32": types.float32, "f64": types.float64}
KINDS: Final = {"f32": ir.FloatType(), "f64": ir.DoubleType()}

Piece = Callable[..., list[Any]]


def _vector_bytes() -> int:
    """Return two registers of the processor that is compiled for, which is part of the cache's key."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    has = features.split(",")
    return 128 if "+avx512f" in has else 64 if "+avx" in has else 32


#: Bytes of a vector: two registers, so that two are in flight.
VECTOR: Final = _vector_bytes()
VECTORS: Final = {
    "f32": ir.VectorType(ir.FloatType(), VECTOR // 4),
    "f64": ir.VectorType(ir.DoubleType(), VECTOR // 8),
}


class Vector(types.Type):
    """A vector of a float type, as a Numba type: what `load` returns for `lanes`."""

    def __init__(self, dtype: str) -> None:
        self.kind = VECTORS[dtype]
        super().__init__(name=f"vector({dtype})")


class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, fe_type.kind)


register_model(Vector)(_VectorModel)
#: Numba's float types -> those of vectors of them.
VECTOR_TYPES: Final = {types.float32: Vector("f32"), types.float64: Vector("f64")}


def suffix(kind: Any) -> str:
    """Return what the names of LLVM's intrinsics call a type."""
    return f"v{kind.count}{_NAMES[kind.element]}" if is_vector(kind) else _NAMES[kind]


def is_vector(kind: Any) -> bool:
    """Tell a vector from a number."""
    return isinstance(kind, ir.VectorType)


def _llvm(name: str) -> Callable[..., Any]:
    def operation(self: Arithmetic, *operands: Any) -> Any:
        args = map(self.value, operands)
        return call_llvm(self.builder, f"llvm.{name}.{suffix(self.kind)}", self.kind, *args)

    return operation


def _instruction(name: str) -> Callable[..., Any]:
    def operation(self: Arithmetic, *operands: Any) -> Any:
        return getattr(self.builder, name)(*map(self.value, operands))

    return operation


def _comparison(symbol: str) -> Callable[..., Any]:
    def operation(self: Arithmetic, a: Any, b: Any) -> Any:
        compare = self.builder.fcmp_unordered if symbol == "!=" else self.builder.fcmp_ordered
        return compare(symbol, self.value(a), self.value(b))

    return operation


class Arithmetic:
    """The operations of the dialect, on values of one LLVM type and on Python's numbers.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        What writes them.
    kind : llvmlite.ir.Type
        A float type, or a vector of one.
    place : llvmlite.ir.Value, optional
        What tables.py takes for look-ups of single numbers in loops over blocks.
    """

    def __init__(self, builder: Any, kind: Any, place: Any = None) -> None:
        self.builder, self.kind, self._place = builder, kind, place

    def value(self, operand: Any) -> Any:
        """Return a value or a mask as it is, and a number as a value that holds it in every lane."""
        if isinstance(operand, float):
            return self.kind([operand] * self.kind.count if is_vector(self.kind) else operand)
        return operand

    add, sub, mul, div = map(_instruction, ("fadd", "fsub", "fmul", "fdiv"))
    neg, both, either, opposite = map(_instruction, ("fneg", "and_", "or_", "not_"))
    select = _instruction("select")
    abs, sqrt, fma, copysign = map(_llvm, ("fabs", "sqrt", "fma", "copysign"))
    lt, le, gt, ge, eq, ne = map(_comparison, ("<", "<=", ">", ">=", "==", "!="))

    def max(self, a: Any, b: Any) -> Any:
        """Return a if a > b else b, which is one instruction."""
        return self.select(self.gt(a, b), a, b)

    def min(self, a: Any, b: Any) -> Any:
        """Return a if a < b else b."""
        return self.select(self.lt(a, b), a, b)

    def nabs(self, a: Any) -> Any:
        """Return -abs(a)."""
        return self.neg(self.abs(a))

    def scale(self, p: Any, t: Any) -> Any:
        """Return p with the low bits of t added to its exponent, in wrapping integer arithmetic."""
        start, exponent = (self.builder.bitcast(self.value(arg), self.integers()) for arg in (p, t))
        raised = self.builder.shl(exponent, self._shift(0))
        return self.builder.bitcast(self.builder.add(start, raised), self.kind)

    def leading(self, a: Any) -> Any:
        """Return the bits of a, moved down to the first one of the significand."""
        bits = self.builder.bitcast(self.value(a), self.integers())
        return self.builder.bitcast(self.builder.lshr(bits, self._shift(1)), self.kind)

    def lookup(self, index: Any, *values: float) -> Any:
        """Return of eight numbers the one that the lowest three bits of index name."""
        bits = self.builder.bitcast(index, self.integers())
        if is_vector(self.kind):
            return chosen(self.builder, bits, [*values], self.kind.element)
        return looked_up(self.builder, bits, [*values], self.kind, self._place)

    def integers(self) -> Any:
        """Return the type of integers as wide as the floats."""
        bits, _ = _MANTISSA_BITS[self.kind.element if is_vector(self.kind) else self.kind]
        return (
            ir.VectorType(ir.IntType(bits), self.kind.count)
            if is_vector(self.kind)
            else ir.IntType(bits)
        )

    def _shift(self, less: int) -> Any:
        """Return the number of bits of the significand, less some."""
        _, shift = _MANTISSA_BITS[self.kind.element if is_vector(self.kind) else self.kind]
        by: Any = shift - less
        return self.integers()([by] * self.kind.count if is_vector(self.kind) else by)


def splat(builder: Any, number: Any, count: int) -> Any:
    """Return a vector of so many lanes of one number."""
    vector, index = ir.VectorType(number.type, count), ir.IntType(32)
    one = builder.insert_element(vector(ir.Undefined), number, index(0))
    return builder.shuffle_vector(one, one, ir.VectorType(index, count)([0] * count))


def written(
    builder: Any, dtype: str, piece: Piece, leaves: dict[str, Any], place: Any = None
) -> list[Any]:
    """Write an elementwise piece; return its outputs, which are vectors if some of the leaves are.

    Parameters
    ----------
    dtype : str
        "f32" or "f64".
    piece : callable
        A function of an `Arithmetic` and of some of the leaves.
    leaves : dict of str to llvmlite.ir.Value
        Inputs and parameters by the names they have in the piece.
    place : llvmlite.ir.Value, optional
        The place in a block, for look-ups.
    """
    names = piece.__code__.co_varnames[1 : piece.__code__.co_argcount]
    given = [leaves[name] for name in names]
    kind = next((value.type for value in given if is_vector(value.type)), KINDS[dtype])
    if is_vector(kind):
        given = [
            value if is_vector(value.type) else splat(builder, value, kind.count) for value in given
        ]
    operations = Arithmetic(builder, kind, place)
    return [*map(operations.value, piece(operations, *given))]


def inlined(dtype: str, piece: Piece, in_blocks: bool = False) -> Any:
    """Make an elementwise piece an intrinsic of its leaves; it returns the output, or a tuple of several.

    Where some of the leaves are vectors, so are the outputs. One for a loop over blocks takes the place in the block,
    too, and looks up as tables.py tells.
    """
    leaves = piece.__code__.co_varnames[1 : piece.__code__.co_argcount]
    one: Any = TYPES[dtype]
    several = VECTOR_TYPES[one]

    def definition(typingctx: Any, *args: Any) -> Any:
        given = args[: len(leaves)]
        if any(arg not in (one, several) for arg in given):
            return None
        if any(arg not in types.signed_domain for arg in args[len(leaves) :]):
            return None
        element = several if several in given else one
        count = len(piece(_Unwritten(), *leaves))
        returns = element if count == 1 else types.Tuple((element,) * count)

        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            place = values[-1] if in_blocks else None
            outputs = written(builder, dtype, piece, dict(zip(leaves, values, strict=False)), place)
            return outputs[0] if count == 1 else context.make_tuple(builder, returns, outputs)

        return returns(*args), build

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = ("typingctx", *leaves, *(("place",) if in_blocks else ()))
    shown = [inspect.Parameter(name, kind) for name in names]
    definition.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    definition.__name__ = f"{piece.__name__}_inlined"
    return intrinsic(definition)


class _Unwritten:
    """Operations that compute nothing: with them a piece tells how many outputs it has."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *operands: None


def low_part_of(builder: Any, number: Any) -> Any:
    """Write number - float32(number) of a float64 as a float32, or 0 if that rounds to inf or NaN."""
    single, double = ir.FloatType(), ir.DoubleType()
    high = builder.fptrunc(number, single)
    low = builder.fptrunc(builder.fsub(number, builder.fpext(high, double)), single)
    size = Arithmetic(builder, single).abs(high)
    infinite = builder.fcmp_unordered("==", size, single(float("inf")))
    return builder.select(infinite, single(0.0), low)
