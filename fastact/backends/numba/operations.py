"""What the loops of the emitted Numba kernels are written in; arithmetic.py has what they compute with.

Operands must have the same float type, so nothing is ever widened: a mixed call is a typing error
when the kernel is compiled. A loop that reads with `load`, writes with `store` and ends in `independent_loops()` is
compiled to packed instructions, also when the output is the input.

The functions have no Python implementation: they can be called from compiled code only.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.extending import models, register_model

from .arithmetic import VECTOR_TYPES, VECTORS, low_part_of, splat
from .halves import NARROW, WIDEN
from .llvm import INT, DistinctNode, in_group, intrinsic
from .tables import in_vectors

# LLVM prefers 256-bit registers where the processor has 512. Asked for in each kernel, without
# touching any setting of the user's; a processor with narrower registers ignores it. Sapphire
# Rapids, 224-line float32 body: 15.3 ns an element with 256 bits, 9.2 with 512.
VECTOR_BITS: Final = 512
# Two vectors in flight, and four where a chain of fma has latency to be hidden. Four against two, Zen 5:
# 1.17 times as fast where the cost is "heavy", 1.10 where it is "exp"; compiled for AVX2, 1.09. Without
# fma they run out of mask registers (leaky_relu and its derivative: 0.75), and with non-temporal stores
# more lines at once are slower to write (softsign, 2**23 float32: 0.85).
_INTERLEAVE: Final = 2
_INTERLEAVE_CHAIN: Final = 4
_CHAIN: Final = 4  # fma instructions

_FLOATS: Final = {"f32": types.float32, "f64": types.float64}


def _same_float(a: Any, b: Any) -> bool:
    return a in (types.float32, types.float64) and a == b


class Lanes(types.Type):
    """The type of an index at which a vector begins: `load` and `store` take one, or the number of an element."""

    def __init__(self) -> None:
        super().__init__(name="lanes")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, INT)


_LANES: Final = Lanes()
#: How many elements a step of a loop that looks up is: a vector where tables.py wants one.
STEP_F32: Final = VECTORS["f32"].count if in_vectors(32) else 1
STEP_F64: Final = VECTORS["f64"].count if in_vectors(64) else 1


@intrinsic
def step_at(typingctx: Any, first: Any, step: Any) -> Any:
    """Return the index of the vector that begins with an element, or of the element if a step is one."""
    if first not in types.signed_domain or not isinstance(step, types.IntegerLiteral):
        return None
    index = _LANES if step.literal_value > 1 else types.intp
    return index(first, step), lambda context, builder, signature, args: args[0]


@intrinsic
def select(typingctx: Any, mask: Any, a: Any, b: Any) -> Any:
    """Return a where mask holds, else b, without a branch; a may be a vector."""
    if mask != types.boolean or not (_same_float(a, b) or VECTOR_TYPES.get(b) == a):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        mask, first, second = args
        other = second if a == b else splat(builder, second, first.type.count)
        return builder.select(mask, first, other)

    return a(mask, a, b), codegen


@intrinsic
def low_part(typingctx: Any, value: Any) -> Any:
    """Return value - np.float32(value) of a float64 as a float32, or 0 if that rounds to inf or NaN."""
    if value != types.float64:
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return low_part_of(builder, args[0])

    return types.float32(value), codegen


def _place(context: Any, builder: Any, signature: Any, array: Any, index: Any) -> Any:
    """Return the address of an element or of a vector, with no wrap-around of negative indices."""
    kind = signature.args[0]
    view = context.make_array(kind)(context, builder, value=array)
    address = builder.gep(view.data, [index])
    if signature.args[1] != _LANES:
        return address
    vector = ir.VectorType(address.type.pointee, VECTOR_TYPES[_computed(kind)].kind.count)
    return builder.bitcast(address, vector.as_pointer())


class Memory(types.Array):
    """A contiguous 1-D array of an element type: "f32", "f64", or, as integers, "f16" or "bf16".

    To one that is `streamed`, and aligned to a cache line, `store` writes with non-temporal stores. To C it is an array
    like any other. To compute blocks in the cache and to copy them out with non-temporal stores takes 1.4 times as
    long: nothing is read while they are copied.
    """

    def __init__(self, element: str, streamed: bool = False) -> None:
        self.element, self.streamed = element, streamed
        dtype: Any = types.uint16 if element in NARROW else _FLOATS[element]
        super().__init__(dtype, 1, "C", name=f"{'streamed' if streamed else 'array'}({element})")

    @property
    def key(self) -> Any:
        """What tells types apart: both 16-bit ones are arrays of integers."""
        return self.element, self.streamed


register_model(Memory)(models.ArrayModel)


def is_narrow(array: Any) -> bool:
    """Tell whether the elements are of 16 bits, which are computed as float32."""
    return getattr(array, "element", None) in NARROW


def _computed(array: Any) -> Any:
    """Return the type that the elements of an array are computed in."""
    return types.float32 if is_narrow(array) else array.dtype


def _is_contiguous(array: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"


def _item(array: Any) -> int:
    """Return the bytes of an element."""
    return 2 if is_narrow(array) else array.dtype.bitwidth // 8


@intrinsic
def load(typingctx: Any, array: Any, index: Any) -> Any:
    """Return array[index] for a contiguous 1-D array and an index within it, or a vector."""
    if not _is_contiguous(array):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = _place(context, builder, signature, *args)
        value = in_group(builder, builder.load(address, align=_item(array)))
        return WIDEN[array.element](builder, value) if is_narrow(array) else value

    one = _computed(array)
    return (VECTOR_TYPES[one](array, index) if index == _LANES else one(array, types.intp)), codegen


@intrinsic
def store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """Do array[index] = value for a contiguous 1-D array and an index within it, or for a vector."""
    if not _is_contiguous(array) or value not in (_computed(array), VECTOR_TYPES[_computed(array)]):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address, value = _place(context, builder, signature, *args[:2]), args[2]
        if is_narrow(array):
            value = NARROW[array.element](builder, value)
        written = in_group(builder, builder.store(value, address, align=_item(array)))
        if getattr(array, "streamed", False):
            # The alignment of a vector: with that of an element LLVM does not vectorise a non-temporal
            # store. Elements of the remainder loop are stored whatever the alignment says.
            written.align = VECTOR_BITS // 16 if is_narrow(array) else VECTOR_BITS // 8
            hint = builder.module.add_metadata([ir.IntType(32)(1)])
            written.set_metadata("nontemporal", hint)
        return context.get_dummy_value()

    return types.none(array, index if index == _LANES else types.intp, value), codegen


@intrinsic
def independent_loops(typingctx: Any) -> Any:
    """Declare that no pass through the loops above reads what another pass writes.

    To be called after the loops, at the end of a kernel whose only memory accesses are `load` and
    `store` at the loop's index. LLVM then vectorises without a test whether the arrays overlap. An
    output that IS the input would fail that test and take the scalar loop: silu 4.5 ns, not 0.5.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        module, function = builder.module, builder.function
        # llvmlite's list of known attributes has none of the form "name"="value".
        set.add(function.attributes, f'"prefer-vector-width"="{VECTOR_BITS}"')
        # 4,096 zeros: 170 ns, and 210 with the C library's memset.
        set.add(function.attributes, '"no-builtin-memset"')
        group = next(node for node in module.metadata if isinstance(node, DistinctNode))
        one_by_one = ("llvm.loop.vectorize.enable", ir.IntType(1)(0))
        in_flight = ("llvm.loop.interleave.count", ir.IntType(32)(_vectors_in_flight(function)))
        hints = [
            module.add_metadata([ir.MetaDataString(module, name), value])
            for name, value in (
                ("llvm.loop.parallel_accesses", group),
                one_by_one if _has_vectors(function) else in_flight,
            )
        ]
        for branch in _back_edges(function):
            loop = DistinctNode(module)
            loop.operands = (loop, *hints)
            branch.set_metadata("llvm.loop", loop)
        return context.get_dummy_value()

    return types.none(), codegen


def _vectors_in_flight(function: Any) -> int:
    code = [instruction for block in function.blocks for instruction in block.instructions]
    calls = (one.callee.name for one in code if isinstance(one, ir.CallInstr))
    chained = sum(name.startswith("llvm.fma.") for name in calls) >= _CHAIN
    streamed = any("nontemporal" in one.metadata for one in code)
    return _INTERLEAVE_CHAIN if chained and not streamed else _INTERLEAVE


def _has_vectors(function: Any) -> bool:
    """Tell whether a loop is written in vectors, and the other one for the elements that remain."""
    code = (instruction for block in function.blocks for instruction in block.instructions)
    return any(isinstance(one.type, ir.VectorType) for one in code)


def _back_edges(function: Any) -> list[Any]:
    """Return the branches that lead to their own or an earlier block."""
    seen: list[Any] = []
    found = []
    for block in function.blocks:
        seen.append(block)
        branch = block.terminator
        if branch is not None and any(target in seen for target in branch.operands):
            found.append(branch)
    if not found:
        raise NotImplementedError("no loop stands before independent_loops()")
    return found


def convert_all(source, target):  # type: ignore[no-untyped-def]
    """Copy an array to one of another element type."""
    for i in range(source.size):
        store(target, i, load(source, i))
    independent_loops()
