"""Look-ups in eight constants: in a vector loop one permutation instruction where the processor has one.

Of a loop that looks up single numbers, LLVM makes a gather, or a load for each element. So a look-up is a call of a
function of two numbers, of which the loop vectoriser knows vector forms: intrinsics of LLVM that are the instruction
itself. Such a form takes all entries as a vector; the function of single numbers makes no use of that argument. (A form
that is not an intrinsic would be called, never inlined: the vectoriser runs last.)

The vector of entries is a load from the table, repeated in memory. In the kernels' own loops element k of a block of
BLOCK elements loads entry k modulo 8. In users' loops, where no block is known, it is a second such call: of a single
number the first entry, of a vector a masked load. Float32 gelu in a user's loop, ns an element on AVX-512 (Zen 4):
0.48, with selects between the entries 1.16, with gathers 3.0; the kernel itself 0.46.

Eight doubles are two registers of AVX2, which permutes four of them as eight floats: no form has such arguments. There
the kernels' own loops are written in vectors, `chosen`, as those in C. In users' loops a look-up is four choices of one
in a pair, and three selects between them. Float64 log1p, log1mexp and entr take 0.95 to 1.07 of C's time by vectors,
1.03 to 1.2 by pairs, 1.7 to 2.4 by loads (Zen 4). Where there are forms, vectors take up to 1.2 times as long.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from llvmlite import binding, ir
from numba.core import cgutils, config
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
# The same for what chooses one of two entries, which are repeated throughout the vector, by the second lowest bit.
_PAIRS: Final = {(64, 4): "llvm.x86.avx.vpermilvar.pd.256"}
_LLVM: Final = binding.llvm_version_info[0]
# Whether the vectoriser knows arguments that are one number in a vector form, too (tried with LLVM 20 and 22). That of
# straight-line code does not: it would replace the look-up without the load of its entries.
_HAS_UNIFORM: Final = _LLVM >= 20 and not config.SLP_VECTORIZE
_TAKES_ALIGNMENT: Final = _LLVM < 22
_ALIGNMENT: Final = 4
# Of single numbers the calls remain; nothing has to be saved for them. In LLVM 14 the callee changes registers all the
# same: xlogy(1, 1) was 2.1e-10 (tests/functions/test_binary.py).
_CONVENTION: Final = "preserve_allcc" if _LLVM >= 20 else "ccc"
_Forms = dict[int, tuple[str, str]]
# What each table is and does: without these the loop that calls it is not vectorised.
_PURE: Final = ("nounwind", "willreturn", "memory(none)" if _LLVM >= 16 else "readnone")


@cache
def lanes(bits: int) -> tuple[int, ...]:
    """Return the widths, in elements, of the registers of the processor that have such a permutation."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if triple.startswith(("aarch64", "arm64")):
        return (128 // bits,)
    has = features.split(",")
    widths = (256, "+avx2"), (512, "+avx512f")
    return tuple(width // bits for width, feature in widths if feature in has)


def in_vectors(bits: int) -> bool:
    """Tell whether the kernels' own loops that look up are to be written in vectors."""
    return any((bits, n) in _PAIRS for n in lanes(bits)) and not any(
        (bits, n) in _FORMS for n in lanes(bits)
    )


def looked_up(builder: Any, index: Any, values: list[float], numbers: Any, place: Any) -> Any:
    """Return the entry that the lowest three bits of an integer name.

    In a loop over blocks, `place` counts the elements of a block; elsewhere it is None.
    """
    width = index.type.width
    forms = {n: _FORMS[width, n] for n in lanes(width) if (width, n) in _FORMS}
    pairs = {n: _PAIRS[width, n] for n in lanes(width) if (width, n) in _PAIRS}
    if not forms and (place is not None or not pairs):
        return loaded(builder, index, values, numbers)
    if place is None and not _HAS_UNIFORM:
        return selected(builder, index, values, numbers)
    if forms:
        return _looked_up(builder, index, values, values, numbers, place, forms)
    # Of a pair the second lowest bit chooses, which is that of twice an integer.
    twice = builder.add(index, index)
    chosen = [
        _looked_up(builder, twice, [a, a, b, b], [a, b], numbers, None, pairs)
        for a, b in zip(values[::2], values[1::2], strict=True)
    ]
    return _by_bits(builder, index, chosen, (2, 4))


def _looked_up(
    builder: Any,
    index: Any,
    values: list[float],
    entries: list[float],
    numbers: Any,
    place: Any,
    forms: dict[int, str],
) -> Any:
    """Return the value at an integer, modulo how many there are, by a call of which the forms take the entries."""
    # Named after its content: linked into one module, equal ones become one.
    name = f"fastact.table.{index.type.width}." + ".".join(map(float.hex, values))
    memory = builder.module.globals.get(f"{name}.entries")
    if memory is None:
        repeated = ir.ArrayType(numbers, BLOCK)(entries * (BLOCK // len(entries)))
        memory = cgutils.global_constant(builder, f"{name}.entries", repeated)
        memory.align = _CACHE_LINE
    if place is None:
        first = builder.gep(memory, [_INT32(0), _INT32(0)], inbounds=True)
        entry = _entry(builder, first, builder.bitcast(index, numbers), [*forms])
    else:
        entry = builder.load(builder.gep(memory, [place.type(0), place], inbounds=True))
        in_group(builder, entry)
    for n, form in forms.items():
        vector = ir.VectorType(numbers, n), ir.VectorType(index.type, n)
        _keep(builder.module, form, vector[0], [*vector])

    def body(inside: Any, _: Any, index: Any) -> Any:
        return loaded(inside, index, values, numbers)

    return _call(
        builder, name, numbers, [entry, index], body, {n: ("vv", f) for n, f in forms.items()}
    )


def _entry(builder: Any, first: Any, index: Any, widths: list[int]) -> Any:
    """Return the first entry, or in a vector all of them, by a call whose vector form is a load with a mask that holds.

    What a masked load gives where the mask does not hold is an argument: here the index, although it is never given. A
    call without it would be moved out of the loop, as it is the same for all elements, and be of a single number. So
    it stays with the look-up, and the two are vectorised together or not at all: they have forms for the same widths.
    """
    one, numbers = ir.IntType(1), index.type
    align = [_INT32(_ALIGNMENT)] if _TAKES_ALIGNMENT else []
    forms = {}
    for n in widths:
        vector, mask = ir.VectorType(numbers, n), ir.VectorType(one, n)
        form = f"llvm.masked.load.v{n}{numbers.intrinsic_name}.p0"
        _keep(builder.module, form, vector, [first.type, *(a.type for a in align), mask, vector])
        forms[n] = "u" * (1 + len(align)) + "vv", form

    def body(inside: Any, first: Any, *_: Any) -> Any:
        return inside.load(first)

    name = f"fastact.entries.{numbers.intrinsic_name}"
    return _call(builder, name, numbers, [first, *align, one(1), index], body, forms)


def _call(builder: Any, name: str, numbers: Any, args: list[Any], body: Any, forms: _Forms) -> Any:
    """Call a function that the vectoriser replaces by one of the forms (number of lanes: kinds of arguments, name)."""
    module = builder.module
    if name not in module.globals:
        one = _function(module, name, numbers, [arg.type for arg in args])
        one.calling_convention = _CONVENTION
        # The vectoriser looks for the call, so it may not be inlined before.
        _add(one, *_PURE, "noinline")
        inside = ir.IRBuilder(one.append_basic_block())
        inside.ret(body(inside, *one.args))
    call = builder.call(module.globals[name], args, cconv=_CONVENTION)
    names = (f"_ZGV_LLVM_N{n}{kinds}_{name}({form})" for n, (kinds, form) in forms.items())
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


def _keep(module: Any, intrinsic_name: str, result: Any, kinds: list[Any]) -> None:
    """Have LLVM keep an intrinsic that nothing calls yet: a function that calls it is declared to be in use."""
    if intrinsic_name in module.globals:
        return
    caller = _function(module, f"fastact.keep.{intrinsic_name}", result, kinds)
    builder = ir.IRBuilder(caller.append_basic_block())
    # An alignment has to be a constant.
    args = [_INT32(_ALIGNMENT) if arg.type == _INT32 else arg for arg in caller.args]
    builder.ret(call_llvm(builder, intrinsic_name, result, *args))
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


def selected(builder: Any, index: Any, values: list[float], numbers: Any) -> Any:
    """Return the entry that an integer names, by seven selects."""
    return _by_bits(builder, index, [numbers(value) for value in values], (1, 2, 4))


def _by_bits(builder: Any, index: Any, chosen: list[Any], bits: tuple[int, ...]) -> Any:
    """Return one of some values by bits of an integer, of which each halves their number."""
    for bit in bits:
        odd = builder.icmp_unsigned("!=", builder.and_(index, index.type(bit)), index.type(0))
        chosen = [builder.select(odd, b, a) for a, b in zip(chosen[::2], chosen[1::2], strict=True)]
    return chosen[0]


def chosen(builder: Any, index: Any, values: list[float], numbers: Any) -> Any:
    """Return the entries that the lowest three bits of each of a vector of integers name."""
    count = index.type.count
    if count in lanes(index.type.element.width):
        return permuted(builder, index, values, numbers)
    if count == 1:
        number = loaded(builder, builder.extract_element(index, _INT32(0)), values, numbers)
        one = ir.VectorType(numbers, 1)
        return builder.insert_element(one(ir.Undefined), number, _INT32(0))
    places = list(range(count))
    halves = (
        builder.shuffle_vector(index, index, ir.VectorType(_INT32, count // 2)(half))
        for half in (places[: count // 2], places[count // 2 :])
    )
    found = [chosen(builder, half, values, numbers) for half in halves]
    return builder.shuffle_vector(*found, ir.VectorType(_INT32, count)(places))


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
