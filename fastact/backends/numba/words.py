"""Memory of 64-bit words that several threads read and write, and calls of the system, for compiled functions."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba.core import types

from .llvm import call_compiled, call_llvm, intrinsic


def _pointer(builder: Any, pool: Any, index: Any) -> Any:
    words = builder.inttoptr(pool, ir.IntType(64).as_pointer())
    return builder.gep(words, [index])


@intrinsic
def get(typingctx: Any, pool: Any, index: Any) -> Any:
    """Return a word, and see what was written before it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(builder, *args), "seq_cst", 8)

    return types.intp(types.intp, types.intp), build


@intrinsic
def put(typingctx: Any, pool: Any, index: Any, value: Any) -> Any:
    """Set a word, after all that was written before it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[2], _pointer(builder, *args[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.none(types.intp, types.intp, types.intp), build


@intrinsic
def add(typingctx: Any, pool: Any, index: Any, value: Any) -> Any:
    """Add to a word and return what it was."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(builder, *args[:2]), args[2], "seq_cst")

    return types.intp(types.intp, types.intp, types.intp), build


@intrinsic
def replace(typingctx: Any, pool: Any, index: Any, old: Any, new: Any) -> Any:
    """Set a word if it is the old one, and tell whether it was."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = _pointer(builder, *args[:2])
        return builder.extract_value(builder.cmpxchg(word, *args[2:], "seq_cst"), 1)

    return types.boolean(types.intp, types.intp, types.intp, types.intp), build


@intrinsic
def call_piece(typingctx: Any, piece: Any, context_: Any, k: Any) -> Any:
    """Call a compiled function of the job's context and the number of the piece."""
    kinds = (types.intp, types.intp)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        call_compiled(context, builder, args[0], kinds, args[1:])
        return context.get_dummy_value()

    return types.none(types.intp, *kinds), build


@intrinsic
def call_system(typingctx: Any, function: Any, first: Any, second: Any, third: Any) -> Any:
    """Call a function of the system that takes up to three integers or addresses and returns an int.

    It ignores those that it does not take: callers pass the first ones in registers and free the stack.
    """
    kinds = (types.intp,) * 3

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [arg.type for arg in args[1:]])
        result = builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return builder.sext(result, args[0].type)

    return types.intp(types.intp, *kinds), build


@intrinsic
def pause(typingctx: Any) -> Any:
    """Leave the core to its other hardware thread for a moment."""
    machine = platform.machine().lower()

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if machine in ("x86_64", "amd64"):
            call_llvm(builder, "llvm.x86.sse2.pause", ir.VoidType())
        elif machine in ("aarch64", "arm64"):
            call_llvm(builder, "llvm.aarch64.hint", ir.VoidType(), ir.IntType(32)(1))
        return context.get_dummy_value()

    return types.none(), build
