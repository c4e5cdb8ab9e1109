"""Look-ups in eight constants: in a vector loop one permutation instruction where the processor has one.

Of a loop that looks up single numbers, LLVM makes a gather, or a load for each element. So a look-up is a call of a
function of two numbers, of which the loop vectoriser knows vector forms: intrinsics of LLVM that are the instruction
itself. Such a form takes all entries as a vector. For that each table is repeated in memory, and element k of a block
of BLOCK elements loads entry k modulo 8; the function of single numbers makes no use of that entry. (A form that is not
an intrinsic would be called, never inlined: the vectoriser runs last.)
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils
from numba.core.registry import cpu_target

from .llvm import call_llvm, in_group

_INT32: Final = ir.IntType(32)
_CACHE_LINE: Final = 64
#: Elements of a block: four vectors of the widest registers. 16, 32, 64: 0.48, 0.49, 0.49 ns an element in float32 gelu
#: on AVX-512, 0.66, 0.61, 0.59 on AVX2.
BLOCK: Final = 64
# (bits of an element, number of lanes) -> the intrinsic that permutes entries by a vector of integers.
_FORMS: Final = {
    (32, 8): "llvm.x86.avx2.permps",
    (32, 16): "llvm.x86.avx512.permvar.sf.512",
    (64, 8): "llvm.x86.avx512.permvar.df.512",
}
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


def looked_up(builder: Any, index: Any, values: list[float], numbers: Any, place: Any) -> Any:
    """Return the entry that the lowest three bits of an integer name.

    In a loop over blocks, `place` counts the elements of a block; elsewhere it is None.
    """
    width = index.type.width
    forms = {n: _FORMS[width, n] for n in lanes(width) if (width, n) in _FORMS}
    if place is None or not forms:
        return loaded(builder, index, values, numbers)
    return _call(builder, index, place, values, numbers, forms)


def _call(
    builder: Any, index: Any, place: Any, values: list[float], numbers: Any, forms: dict[int, str]
) -> Any:
    """Return the entry, by a call that the vectoriser replaces by one of the forms (number of lanes: name)."""
    module, bits = builder.module, index.type
    # Named after its content: linked into one module, equal ones become one.
    name = f"fastact.table.{bits.width}." + ".".join(map(float.hex, values))
    if name not in module.globals:
        one = _function(module, name, numbers, [numbers, bits])
        # The vectoriser looks for the call, so it may not be inlined before.
        _add(one, *_PURE, "noinline")
        inside = ir.IRBuilder(one.append_basic_block())
        inside.ret(loaded(inside, one.args[1], values, numbers))
        repeated = ir.ArrayType(numbers, BLOCK)(values * (BLOCK // len(values)))
        memory = cgutils.global_constant(builder, f"{name}.entries", repeated)
        memory.align = _CACHE_LINE
    for n, form in forms.items():
        _keep(module, form, ir.VectorType(numbers, n), ir.VectorType(bits, n))
    memory = module.globals[f"{name}.entries"]
    entry = builder.load(builder.gep(memory, [place.type(0), place], inbounds=True))
    call = builder.call(module.globals[name], [in_group(builder, entry), index])
    names = (f"_ZGV_LLVM_N{n}vv_{name}({form})" for n, form in forms.items())
    _add(call, *_PURE, f'"vector-function-abi-variant"="{",".join(names)}"')
    return call


def _add(subject: Any, *attributes: str) -> None:
    """Give a function or a call attributes that llvmlite does not know."""
    for attribute in attributes:
        set.add(subject.attributes, attribute)


def _function(module: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    function = ir.Function(module, ir.FunctionType(result, arguments), name)
    function.linkage = "linkonce_odr"
    return function


def _keep(module: Any, intrinsic_name: str, vector: Any, index: Any) -> None:
    """Have LLVM keep an intrinsic that nothing calls yet: a function that calls it is declared to be in use."""
    if intrinsic_name in module.globals:
        return
    caller = _function(module, f"fastact.keep.{intrinsic_name}", vector, [vector, index])
    builder = ir.IRBuilder(caller.append_basic_block())
    builder.ret(call_llvm(builder, intrinsic_name, vector, *caller.args))
    address, name = ir.IntType(8).as_pointer(), "llvm.compiler.used"
    kept = module.globals.get(name)
    functions = [*(kept.initializer.constant if kept else ()), caller.bitcast(address)]
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
    if (bits, n) == (64, 4):
        return _by_pairs(builder, index, values, vector)
    return call_llvm(builder, _FORMS[bits, n], vector, vector(values * (n // 8 or 1)), index)


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
