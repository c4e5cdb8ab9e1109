"""Modules of kernels of users' own activations, emitted when they are first needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Final, cast

from ...definitions.declaration import Declaration
from ...definitions.dialect import DType

__all__ = ["KERNELS", "declare", "module", "module_name", "text"]

#: The package of all emitted modules.
KERNELS: Final = f"{__package__}._kernels"

_DECLARED: dict[str, Declaration] = {}
# Name of a module -> its function, pass and type.
_MODULES: dict[str, tuple[str, str, DType]] = {}


def declare(declaration: Declaration) -> None:
    """Make an activation known, by its name, which no other content has."""
    if declaration.name not in _DECLARED:
        _MODULES.update(_names(declaration))
        # Last: another thread that finds it declared asks for its modules at once.
        _DECLARED[declaration.name] = declaration


def _names(declaration: Declaration) -> Iterator[tuple[str, tuple[str, str, DType]]]:
    for pass_ in declaration.passes:
        for dtype in cast(tuple[DType, ...], ("f32", "f64")):
            key = declaration.name, pass_, dtype
            yield _own_name(*key), key


def _own_name(name: str, pass_: str, dtype: str) -> str:
    return f"{KERNELS}.{name}_{pass_}_{dtype}"


def module_name(name: str, pass_: str, dtype: str) -> str:
    """Return the name of the emitted module that has a kernel."""
    return _own_name(name, pass_, dtype) if name in _DECLARED else f"{KERNELS}.{name}"


def module(qualified: str) -> ModuleType | None:
    """Return the module of that name, or None if it is none of a user's own activation."""
    return _made(qualified) if qualified in _MODULES else None


@cache
def text(qualified: str) -> str | None:
    """Return its source, or None."""
    if qualified not in _MODULES:
        return None
    from ...compiler import emit_numba, kernels

    name, pass_, dtype = _MODULES[qualified]
    traced = kernels.trace(_DECLARED[name], pass_, dtype)
    return emit_numba.module([kernels.with_plain(traced)])


@cache
def _made(qualified: str) -> ModuleType:
    source = text(qualified)
    assert source is not None
    made = ModuleType(qualified)
    made.__package__ = KERNELS
    # Only operations and constants of an expression that was read are in it, none of the user's text.
    exec(compile(source, f"<{qualified}>", "exec"), made.__dict__)
    sys.modules[qualified] = made  # where Numba looks for the globals of what it compiles
    return made
