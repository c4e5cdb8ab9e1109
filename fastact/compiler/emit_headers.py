"""Emit functions of numbers for users' own code: C headers for C and C++, and api.pxd for Cython."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from pathlib import Path
from typing import cast

from ..definitions.declaration import Parameter
from ..definitions.dialect import DType
from . import emit_c
from .emit_numba import leaves
from .kernels import Kernel

TYPES = {"f32": "float", "f64": "double"}


def name_of(kernel: Kernel) -> str:
    """What its function is called."""
    middle = "" if kernel.pass_ == "forward" else f"_{kernel.pass_}"
    return f"fastact_{kernel.name}{middle}_{kernel.dtype}"


def header(kernels: Iterable[Kernel]) -> str:
    """The header of one function, with all its passes."""
    kernels = list(kernels)
    name = kernels[0].name
    lines = ['#include "operations.h"']
    for kernel in kernels:
        lines += ["", *function(kernel)]
    return guarded(name, f"FASTACT_{name.upper()}_H", lines)


def guarded(about: str, guard: str, lines: Iterable[str]) -> str:
    """A header of these lines, which may be included twice."""
    head = (
        f"/* {about}: emitted from fastact/definitions/. */",
        f"#ifndef {guard}",
        f"#define {guard}",
    )
    return "\n".join((*head, "", *lines, "", "#endif")) + "\n"


def function(kernel: Kernel) -> Iterator[str]:
    """One function. It returns its output; of several outputs all are written to addresses.

    Where a limit is not given, as the compiler often knows, it computes the plain form.
    """
    kind, t = TYPES[kernel.dtype], f"fastact_{kernel.dtype}"
    inputs, outputs = kernel.signature
    params = list(kernel.declaration.params)
    single = len(outputs) == 1
    given = [f"{kind} {one}" for one in inputs] + [f"double {one}" for one in params]
    given += [] if single else [f"{kind} *{one}" for one in outputs]
    yield f"static inline {kind if single else 'void'} {name_of(kernel)}({', '.join(given)})"
    yield "{"
    yield f"    const {t}_v in[] = {{{', '.join(inputs)}}};"
    yield f"    {t}_v out_[{len(outputs)}];"
    defaults = kernel.declaration.defaults
    if kernel.plain and inf in defaults:
        are = (
            f"{one} == {emit_c.literal(value)}" for one, value in zip(params, defaults, strict=True)
        )
        yield f"    if ({' && '.join(are)}) {{"
        yield from statements(kernel.plain, single)
        yield "    }"
    used = set(leaves(kernel.nodes))
    for array, suffix, convert in (("p", "", f"({kind})"), ("p_lo", "_lo", f"{t}_low_part")):
        if any(f"p{k}{suffix}" in used for k in range(len(params))):
            values = ", ".join(f"{convert}({one})" for one in params)
            yield f"    const {t}_v {array}[] = {{{values}}};"
    unused = [
        name for k, name in enumerate(params) if f"p{k}" not in used and f"p{k}_lo" not in used
    ]
    yield f"    (void)in{''.join(f', (void){name}' for name in unused)};"
    yield from statements(kernel, single)
    yield "}"


def statements(kernel: Kernel, single: bool) -> Iterator[str]:
    """What computes the outputs, and returns."""
    t = f"fastact_{kernel.dtype}"
    body = emit_c.lines(
        cast(DType, t), kernel.nodes, kernel.outputs, Path(), emit_c.no_leaf, align=False
    )
    for line in body:
        if not line.startswith("#line"):
            yield line.replace("    out[", "    out_[")
    if single:
        yield "    return out_[0];"
    else:
        _, outputs = kernel.signature
        yield from (f"    *{name} = out_[{k}];" for k, name in enumerate(outputs))
        yield "    return;"


def all_headers(names: Iterable[str]) -> str:
    """The header that includes those of all functions."""
    lines = [f'#include "fastact/{name}.h"' for name in names]
    return guarded("All functions", "FASTACT_H_", lines)


def array_headers(kernels: Iterable[Kernel]) -> str:
    """The header of the functions of arrays."""
    lines = ['#include "fastact/arrays.h"']
    for kernel in kernels:
        lines += ["", *array_function(kernel)]
    return guarded("Functions of arrays", "FASTACT_ARRAYS_H_", lines)


def array_arguments(kernel: Kernel, kind: str) -> list[str]:
    inputs, outputs = kernel.signature
    return [f"const {kind} *{one}" for one in inputs] + [f"{kind} *{one}" for one in outputs]


def array_name(kernel: Kernel) -> str:
    return f"{name_of(kernel).removesuffix(f'_{kernel.dtype}')}_array_{kernel.dtype}"


def array_function(kernel: Kernel) -> Iterator[str]:
    """A function of contiguous arrays, which calls the kernel."""
    inputs, outputs = kernel.signature
    params = list(kernel.declaration.params)
    given = [*array_arguments(kernel, TYPES[kernel.dtype]), "Py_ssize_t size"]
    given += [f"double {one}" for one in params]
    yield f"static inline int {array_name(kernel)}({', '.join(given)})"
    yield "{"
    yield "    static const void *volatile kernel_;"
    yield f"    const void *const in_[] = {{{', '.join(inputs)}}};"
    yield f"    void *const out_[] = {{{', '.join(outputs)}}};"
    if params:
        yield f"    const double params_[] = {{{', '.join(params)}}};"
    names = f'"{kernel.name}", "{kernel.pass_}", "{kernel.dtype}"'
    rest = f"in_, out_, {'params_' if params else 'NULL'}, size"
    yield f"    return fastact_call_array(&kernel_, {names}, {rest});"
    yield "}"


def declarations(kernels: Iterable[Kernel]) -> str:
    """api.pxd: for each pass a function of either float type, which calls that of the header."""
    lines = [
        "# Emitted from fastact/definitions/: functions of numbers, inline, without the GIL.",
        "# cython: language_level=3",
        "from cython cimport floating",
    ]
    for kernel in kernels:
        if kernel.dtype == "f32":
            lines += ["", "", *declaration(kernel), "", "", *array_declaration(kernel)]
    return "\n".join(lines) + "\n"


def declaration(kernel: Kernel) -> Iterator[str]:
    """One pass of one function, for both types. A function's defaults are those of its parameters."""
    inputs, outputs = kernel.signature
    params = kernel.declaration.params
    single = len(outputs) == 1
    names = [*inputs, *params, *(() if single else outputs)]
    calls = {}
    yield f'cdef extern from "fastact/{kernel.name}.h" nogil:'
    for dtype, kind in TYPES.items():
        calls[kind] = name_of(kernel).removesuffix(kernel.dtype) + dtype
        given = [f"{kind} {one}" for one in inputs] + [f"double {one}" for one in params]
        given += [] if single else [f"{kind} *{one}" for one in outputs]
        returns = kind if single else "void"
        yield f"    {returns} {calls[kind]}({', '.join(given)}) noexcept"
    given = [f"floating {one}" for one in inputs]
    # Of two outputs the addresses come before the parameters, which may have defaults.
    given += [] if single else [f"floating *{one}" for one in outputs]
    given += with_defaults(params.values())
    own = name_of(kernel).removeprefix("fastact_").removesuffix(f"_{kernel.dtype}")
    call = "return " if single else ""
    yield ""
    yield f"cdef inline {'floating' if single else 'void'} {own}({', '.join(given)}) noexcept nogil:"
    yield "    if floating is float:"
    yield f"        {call}{calls['float']}({', '.join(names)})"
    yield "    else:"
    yield f"        {call}{calls['double']}({', '.join(names)})"


def array_declaration(kernel: Kernel) -> Iterator[str]:
    """The function of arrays of one pass, for both types."""
    inputs, outputs = kernel.signature
    params = kernel.declaration.params
    names = [*inputs, *outputs, "size", *params]
    yield 'cdef extern from "fastact_arrays.h" nogil:'
    for dtype, kind in TYPES.items():
        given = [
            *array_arguments(kernel, kind),
            "Py_ssize_t size",
            *(f"double {p}" for p in params),
        ]
        name = array_name(kernel).removesuffix(kernel.dtype) + dtype
        yield f"    int {name}({', '.join(given)}) except -1"
    own = array_name(kernel).removeprefix("fastact_").removesuffix(f"_{kernel.dtype}")
    given = [*array_arguments(kernel, "floating"), "Py_ssize_t size"]
    given += with_defaults(params.values())
    yield ""
    yield f"cdef inline int {own}({', '.join(given)}) except -1 nogil:"
    for head, dtype in (("if floating is float:", "f32"), ("else:", "f64")):
        name = array_name(kernel).removesuffix(kernel.dtype) + dtype
        yield f"    {head}"
        yield f"        return {name}({', '.join(names)})"


def with_defaults(params: Iterable[Parameter]) -> list[str]:
    """The parameters of a function; those before one without a default have none."""
    shown: list[str] = []
    optional = True
    for one in reversed(list(params)):
        default = default_of(one) if optional else ""
        optional = bool(default)
        shown.insert(0, f"double {one.name}{default}")
    return shown


def default_of(parameter: Parameter) -> str:
    """A default as Cython writes it; it compiles no negative number as that of an inline function of two types."""
    value = parameter.default
    if value is None or value < 0:
        return ""
    return "=1e400" if value == inf else f"={value!r}"
