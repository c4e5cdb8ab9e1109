"""Look-ups in eight constants: in a vector loop one permutation instruction.

LLVM makes a gather, or a load for each element, of what looks up one number. So each table is a function of one index
that has vector forms, written with the permutation itself: the loop vectoriser calls these, and they are inlined.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target

from .llvm import call_llvm, intrinsic

_MANTISSA_BITS: Final = {types.float32: 23, types.float64: 52}
_INT32: Final = ir.IntType(32)
# What each table is and does: without these the loop that calls it is not vectorised.
_PURE: Final = ("nounwind", "willreturn", "memory(none)")


@cache
def lanes(bits: int) -> tuple[int, ...]:
    """Return the widths, in elements, of the registers of the processor that have such a permutation."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if triple.startswith(("aarch64", "arm64")):
        return (128 // bits,)
    has = features.split(",")
    widths = (256, "+avx2"), (512, "+avx512f")
    return tuple(width // bits for width, feature in widths if feature in has)


@intrinsic
def leading(typingctx: Any, a: Any) -> Any:
    """Return the bits of a, moved down to the first one of the significand."""
    if a not in _MANTISSA_BITS:
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        integer = ir.IntType(signature.return_type.bitwidth)
        shift = integer(_MANTISSA_BITS[signature.return_type] - 1)
        return builder.bitcast(builder.lshr(builder.bitcast(args[0], integer), shift), args[0].type)

    return a(a), codegen


def table(element: Any, values: Sequence[float]) -> Any:
    """Return the look-up in eight numbers of a NumPy float type, a function for compiled code."""
    double = element().itemsize == 8
    kind = types.float64 if double else types.float32

    @intrinsic
    def look_up(typingctx: Any, index: Any) -> Any:
        """Return the number that the lowest three bits of index name."""
        if index != kind:
            return None

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            numbers = ir.DoubleType() if double else ir.FloatType()
            bits = ir.IntType(signature.return_type.bitwidth)
            function, forms = _functions(builder.module, numbers, bits, [float(v) for v in values])
            call = builder.call(function, [builder.bitcast(args[0], bits)])
            _add(call, *_PURE)
            if forms:
                names = (f"_ZGV_LLVM_N{n}v_{function.name}({form})" for n, form in forms)
                _add(call, f'"vector-function-abi-variant"="{",".join(names)}"')
            return call

        return index(index), codegen

    return look_up


def _add(subject: Any, *attributes: str) -> None:
    """Give a function or a call attributes that llvmlite does not know."""
    for attribute in attributes:
        set.add(subject.attributes, attribute)


def _functions(
    module: Any, numbers: Any, bits: Any, values: list[float]
) -> tuple[Any, list[tuple[int, str]]]:
    """Return the function of one index and (number of lanes, name) of each vector form, made where they are not."""
    # Named after their content: linked into one module, equal ones become one.
    name = f"fastact.table.{bits.width}." + ".".join(map(float.hex, values))
    forms = [(n, f"{name}.{n}") for n in lanes(bits.width)]
    if name not in module.globals:
        one = _function(module, name, numbers, bits)
        # The vectoriser looks for the call, so it may not be inlined before.
        _add(one, *_PURE, "noinline" if forms else "alwaysinline")
        builder = ir.IRBuilder(one.append_basic_block())
        builder.ret(loaded(builder, one.args[0], values, numbers))
        for n, form in forms:
            vector = _function(module, form, ir.VectorType(numbers, n), ir.VectorType(bits, n))
            _add(vector, *_PURE, "alwaysinline")
            builder = ir.IRBuilder(vector.append_basic_block())
            builder.ret(permuted(builder, vector.args[0], values, numbers))
            _keep(module, vector)
    return module.globals[name], forms


def _function(module: Any, name: str, result: Any, argument: Any) -> Any:
    function = ir.Function(module, ir.FunctionType(result, [argument]), name)
    function.linkage = "linkonce_odr"
    return function


def _keep(module: Any, function: Any) -> None:
    """Have LLVM keep a function that nothing calls yet."""
    address = ir.IntType(8).as_pointer()
    name = "llvm.compiler.used"
    kept = module.globals.get(name)
    functions = [*(kept.initializer.constant if kept else ()), function.bitcast(address)]
    kind = ir.ArrayType(address, len(functions))
    if kept is None:
        kept = ir.GlobalVariable(module, kind, name)
        kept.linkage, kept.section = "appending", "llvm.metadata"
    kept.value_type, kept.type, kept.initializer = kind, kind.as_pointer(), kind(functions)


def loaded(builder: Any, index: Any, values: list[float], numbers: Any) -> Any:
    """Return the entry that an integer names."""
    kind = ir.ArrayType(numbers, len(values))
    entries = cgutils.global_constant(builder, "fastact.entries", kind(values))
    place = builder.and_(index, index.type(len(values) - 1))
    entry = builder.load(builder.gep(entries, [index.type(0), place], inbounds=True))
    entry.set_metadata("invariant.load", builder.module.add_metadata([]))
    return entry


def permuted(builder: Any, index: Any, values: list[float], numbers: Any) -> Any:
    """Return the entries that a vector of integers names, where `lanes` has its width."""
    n, bits = index.type.count, index.type.element.width
    vector = ir.VectorType(numbers, n)
    if n * bits == 128:
        return _by_bytes(builder, index, values, vector)
    if n * bits == 512:
        name = f"llvm.x86.avx512.permvar.{'sf' if bits == 32 else 'df'}.512"
        return call_llvm(builder, name, vector, vector(values * (n // 8)), index)
    if bits == 32:
        return call_llvm(builder, "llvm.x86.avx2.permps", vector, vector(values), index)
    return _by_pairs(builder, index, values, vector)


def _by_bytes(builder: Any, index: Any, values: list[float], vector: Any) -> Any:
    """NEON: the bytes of entry i are 4i to 4i + 3 of two registers, or 8i to 8i + 7 of four."""
    n, size = index.type.count, index.type.element.width // 8
    byte = ir.VectorType(ir.IntType(8), 16)
    first = int.from_bytes(bytes(range(size)), "little")
    each = int.from_bytes(bytes([size] * size), "little")
    place = builder.and_(index, index.type([7] * n))
    place = builder.add(builder.mul(place, index.type([each] * n)), index.type([first] * n))
    entries = [builder.bitcast(vector(values[k : k + n]), byte) for k in range(0, len(values), n)]
    name = f"llvm.aarch64.neon.tbl{len(entries)}.v16i8"
    return builder.bitcast(
        call_llvm(builder, name, byte, *entries, builder.bitcast(place, byte)), vector
    )


def _by_pairs(builder: Any, index: Any, values: list[float], vector: Any) -> Any:
    """AVX2: four doubles at a time, as pairs of floats 2i and 2i + 1, from the half that bit 2 names."""
    pairs, floats = ir.VectorType(_INT32, 8), ir.VectorType(ir.FloatType(), 8)
    words = builder.bitcast(index, pairs)
    words = builder.shuffle_vector(words, words, pairs([0, 0, 2, 2, 4, 4, 6, 6]))
    words = builder.or_(builder.shl(words, pairs([1] * 8)), pairs([0, 1] * 4))

    def half(entries: list[float]) -> Any:
        four = builder.bitcast(vector(entries), floats)
        found = call_llvm(builder, "llvm.x86.avx2.permps", floats, four, words)
        return builder.bitcast(found, vector)

    upper = builder.and_(index, index.type([4] * 4))
    in_upper = builder.icmp_unsigned("!=", upper, index.type([0] * 4))
    return builder.select(in_upper, half(values[4:]), half(values[:4]))
