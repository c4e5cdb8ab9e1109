"""What compiled functions need beyond Numba: intrinsics of LLVM, calls by address, steps of larger functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types

# What Numba leaves untyped.
intrinsic: Final[Callable[[Callable[..., Any]], Any]] = extending.intrinsic


def step_returning(returns: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a function a part of those that call it, compiled with each of them only.

    As a function by itself, a tenth of a second would go into machine code for it that nobody calls.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        def definition(typingctx: Any, *args: Any) -> Any:
            def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                return context.compile_internal(builder, function, signature, values)

            return returns(*args), build

        parameters = [*inspect.signature(function).parameters.values()]
        first = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        definition.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]
        return intrinsic(definition)

    return decorate


INT: Final = ir.IntType(64)


def call_llvm(builder: Any, name: str, result: Any, *args: Any) -> Any:
    """Call a function of LLVM by its full name."""
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def call_compiled(
    context: Any,
    builder: Any,
    address: Any,
    kinds: Sequence[Any],
    args: Sequence[Any],
    returns: Any = types.none,
) -> Any:
    """Call a function that Numba has compiled, by its address; return its result."""
    convention = context.call_conv
    kind = convention.get_function_type(returns, kinds)
    function = builder.inttoptr(address, kind.as_pointer())
    # None of ours can raise, so the status is not looked at.
    _, value = convention.call_function(builder, function, returns, kinds, args)
    return value


def pointer(builder: Any, address: Any, kind: Any) -> Any:
    """Return an address as a pointer to a type."""
    return builder.inttoptr(address, kind.as_pointer())


class DistinctNode(ir.values.MDValue):
    """A metadata node that LLVM does not merge with its equals, as loop and group nodes must be."""

    def __init__(self, module: Any) -> None:
        super().__init__(module, (), name=str(len(module.metadata)))

    def descr(self, buf: list[str]) -> None:
        """Append the node's text to buf."""
        start = len(buf)
        super().descr(buf)
        buf[start] = "distinct " + buf[start]


def in_group(builder: Any, access: Any) -> Any:
    """Mark a memory access as one that `independent_loops` vouches for."""
    module = builder.module
    groups = (node for node in module.metadata if isinstance(node, DistinctNode))
    access.set_metadata("llvm.access.group", next(groups, None) or DistinctNode(module))
    return access
