"""One element of a kernel as a function of numbers, inlined into the loops of other functions that Numba compiles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils

from . import runtime
from .arithmetic import KINDS, low_part_of, written
from .forms import KernelForm
from .operations import VECTOR_BITS

__all__ = ["Form", "call"]

_NUMBER: Final = ir.DoubleType()


class Form(KernelForm):
    """One form of one elementwise kernel or gate."""

    @property
    def module(self) -> Any:
        """The emitted module."""
        return runtime.kernel_module(self.name, self.pass_, self.dtype)

    @property
    def arrays(self) -> str:
        """An "i" for each input, then an "o" for each output."""
        return str(self.module.ARRAYS[self.pass_])

    @property
    def suffix(self) -> str:
        """What follows the stem in the names of the form for the default parameters, if there is one."""
        return "_plain" if self.plain and hasattr(self.module, f"{self.stem}_plain") else ""

    @property
    def loop(self) -> Any:
        """The emitted loop for parameters that are numbers."""
        return getattr(self.module, f"{self.stem}{self.suffix or '_scalar'}")


def call(
    context: Any, builder: Any, form: Form, inputs: Sequence[Any], numbers: Sequence[Any]
) -> list[Any]:
    """Write a call that LLVM inlines; return the outputs.

    Parameters
    ----------
    inputs : sequence of llvmlite.ir.Value
        Floats of the form's type.
    numbers : sequence of llvmlite.ir.Value
        The parameters, in float64.
    """
    library, name, kind = _compiled(context.codegen(), form, len(numbers))
    context.active_code_library.add_linking_library(library)
    # LLVM prefers vectors of half a register on some processors; the kernels' own loops ask for whole ones, too.
    # llvmlite's list of known attributes has none of the form "name"="value".
    set.add(builder.function.attributes, f'"prefer-vector-width"="{VECTOR_BITS}"')
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    result = builder.call(function, [*inputs, *numbers])
    count = form.arrays.count("o")
    return [result] if count == 1 else [builder.extract_value(result, k) for k in range(count)]


@cache
def _compiled(codegen: Any, form: Form, n_params: int) -> tuple[Any, str, Any]:
    """Return the library of a form's function, its name and its type.

    It has a module of its own, because `fastmath` of the calling function applies to all that is written into that
    function's module, and would break what relies on rounding.
    """
    name = f"fastact_{form.name}_{form.stem}{form.suffix}"
    kind, n_inputs, n_outputs = KINDS[form.dtype], form.arrays.count("i"), form.arrays.count("o")
    returns = kind if n_outputs == 1 else ir.LiteralStructType([kind] * n_outputs)
    signature = ir.FunctionType(returns, [kind] * n_inputs + [_NUMBER] * n_params)
    library = codegen.create_library(name)
    module = library.create_ir_module(name)
    function = ir.Function(module, signature, name)
    function.attributes.add("alwaysinline")
    builder = ir.IRBuilder(function.append_basic_block())
    leaves = {f"in{k}": value for k, value in enumerate(function.args[:n_inputs])}
    for k, number in enumerate(function.args[n_inputs:]):
        single = form.dtype == "f32"
        leaves[f"p{k}"] = builder.fptrunc(number, kind) if single else number
        leaves[f"p{k}_lo"] = low_part_of(builder, number) if single else kind(0.0)
    piece = getattr(form.module, f"{form.stem}{form.suffix}_piece")
    outputs = written(builder, form.dtype, piece, leaves)
    if n_outputs == 1:
        builder.ret(outputs[0])
    else:
        builder.ret(cgutils.make_anonymous_struct(builder, outputs))
    library.add_ir_module(module)
    library.finalize()
    return library, name, signature
