"""The floating-point environment of kernels that Numba compiled, where they are not called through csrc/.

As in csrc/environment.h: round to nearest, gradual underflow, no traps.
"""

from __future__ import annotations

import platform
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types

from .compile import machine_code
from .llvm import call_llvm, intrinsic

__all__ = ["Environment", "enter"]

_X86: Final = platform.machine().lower() in ("x86_64", "amd64")
_ARM: Final = platform.machine().lower() in ("aarch64", "arm64")
# The control word, without the status flags; a processor that is not known here is taken to be in the default one.
_DEFAULT: Final = 0x1F80 if _X86 else 0
_STATUS: Final = 0x3F if _X86 else 0
_INT: Final = ir.IntType(64)


@intrinsic
def read_control(typingctx: Any) -> Any:
    """Return the control word in force."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _X86:
            word = cgutils.alloca_once(builder, ir.IntType(32))
            place = builder.bitcast(word, ir.IntType(8).as_pointer())
            call_llvm(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), place)
            return builder.zext(builder.load(word), _INT)
        return call_llvm(builder, "llvm.aarch64.get.fpcr", _INT) if _ARM else _INT(0)

    return types.intp(), build


@intrinsic
def write_control(typingctx: Any, control: Any) -> Any:
    """Put a control word in force."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _X86:
            word = cgutils.alloca_once(builder, ir.IntType(32))
            builder.store(builder.trunc(args[0], ir.IntType(32)), word)
            place = builder.bitcast(word, ir.IntType(8).as_pointer())
            call_llvm(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), place)
        elif _ARM:
            call_llvm(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), args[0])
        return context.get_dummy_value()

    return types.none(types.intp), build


def enter_environment():  # type: ignore[no-untyped-def]
    """Put the default environment in force; return the control word that was."""
    given = read_control()
    control = given & ~_STATUS
    if control != _DEFAULT:
        write_control(_DEFAULT)
    return control


def leave_environment(control):  # type: ignore[no-untyped-def]
    """Put a control word in force again."""
    write_control(control)


# With Python's lock: whoever releases it may wait 5 ms for it.
enter, _ = machine_code(enter_environment, (), types.intp, nogil=False)
_leave, _ = machine_code(leave_environment, (types.intp,), nogil=False)


class Environment:
    """The kernels' floating-point environment, for the body of one ``with`` statement."""

    __slots__ = ("_given",)

    def __enter__(self) -> None:
        self._given = enter()

    def __exit__(self, *_: object) -> None:
        if self._given != _DEFAULT:
            _leave(self._given)
