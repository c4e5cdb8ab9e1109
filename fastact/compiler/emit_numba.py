"""Emit kernels as Numba source: what each computes, in terms of backends/numba/arithmetic.py, and its loops.

The constants of loops are module-level and typed: a bare Python number would widen float32 to float64, and a constant
made in the body costs a quarter more compile time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite

from ..definitions.declaration import Declaration
from ..definitions.dialect import DType
from .graph import OPERATIONS, Node
from .kernels import Kernel
from .schedule import in_order_of_need

# Kernels that look up are written down in the order of need up to so many nodes, constants included: float64 erfinv on
# AVX2 takes 0.77 of the time, float32 gelu and its vjp 0.93 to 0.98, on AVX-512, too; log_ndtr, the longest, 1.15.
LONGEST_ORDERED = 280
METHODS = {"and": "both", "or": "either", "not": "opposite"}
NUMPY = {"f32": "np.float32", "f64": "np.float64"}
ZERO = {"f32": "ZERO_F32", "f64": "ZERO_F64"}


def number(value: float) -> str:
    return repr(value) if isfinite(value) else f"float({str(value)!r})"


def leaves(nodes: Iterable[Node]) -> list[str]:
    """The names of what a piece is given."""
    return sorted({n.op for n in nodes if n.op not in OPERATIONS and n.op != "constant"})


def piece_function(name: str, nodes: Sequence[Node], outputs: Sequence[Node]) -> Iterator[str]:
    """A function of the operations and of what the nodes are computed from, which returns the outputs."""
    names: dict[Node, str] = {}

    def operand(node: Node) -> str:
        return number(node.value) if node.op == "constant" else names.get(node, node.op)

    yield f"def {name}({', '.join(('o', *leaves(nodes)))}):"
    for node in nodes:
        if node.op in OPERATIONS:
            names[node] = f"v{len(names)}"
            method = METHODS.get(node.op, node.op)
            yield f"    {names[node]} = o.{method}({', '.join(map(operand, node.args))})"
    yield f"    return [{', '.join(map(operand, outputs))}]"


def kernel_functions(kernel: Kernel) -> Iterator[str]:
    """What a kernel computes, and its loops: for scalar parameters and, where there are any, for arrays."""
    stem = f"{kernel.pass_}_{kernel.dtype}"
    yield from piece(kernel, stem)
    yield from loop(kernel, stem, "scalar")
    if kernel.declaration.params:
        yield from loop(kernel, stem, "array")
    if kernel.plain:
        yield from piece(kernel.plain, f"{stem}_plain")
        yield from loop(kernel.plain, stem, "plain")


def piece(kernel: Kernel, name: str) -> Iterator[str]:
    ordered = looks_up(kernel) and len(kernel.nodes) <= LONGEST_ORDERED
    nodes = in_order_of_need(kernel.nodes) if ordered else kernel.nodes
    yield from ("", "", *piece_function(f"{name}_piece", nodes, kernel.outputs))
    blocks = ", in_blocks=True" if looks_up(kernel) else ""
    yield from ("", "", f'{name.upper()} = inlined("{kernel.dtype}", {name}_piece{blocks})')


def looks_up(kernel: Kernel) -> bool:
    return any(node.op == "lookup" for node in kernel.nodes)


def loop(kernel: Kernel, stem: str, kind: str) -> Iterator[str]:
    arrays = kind == "array"
    inputs, outputs = kernel.signature
    params = [
        text
        for k in range(len(kernel.declaration.params))
        for text in ((f"a{k}", f"number{k}", f"is_array{k}") if arrays else (f"number{k}",))
    ]
    yield from ("", "", f"def {stem}_{kind}({', '.join((*inputs, *outputs, *params))}):")
    given = leaves(kernel.nodes)
    yield from (f"    {line}" for line in parameters(kernel, given, arrays))
    element = [*(elements(kernel, given) if arrays else ())]
    element += [f"in{k} = load({name}, i)" for k, name in enumerate(inputs) if f"in{k}" in given]
    blocks = looks_up(kernel)
    values = ", ".join((*given, "place") if blocks else given)
    computed = f"{stem.upper()}{'_PLAIN' if kind == 'plain' else ''}({values})"
    if len(outputs) == 1:
        element.append(f"store({outputs[0]}, i, {computed})")
    else:
        element.append(f"values = {computed}")
        element += [f"store({name}, i, values[{k}])" for k, name in enumerate(outputs)]
    through = in_blocks if blocks else one_by_one
    yield from (f"    {line}" for line in through(f"{inputs[-1]}.size", element, kernel.dtype))
    yield "    independent_loops()"


def one_by_one(size: str, element: Sequence[str], dtype: DType) -> Iterator[str]:
    yield f"for i in range({size}):"
    yield from (f"    {line}" for line in element)


def in_blocks(size: str, element: Sequence[str], dtype: DType) -> Iterator[str]:
    """For look-ups: `place` counts from 0 in each block, in steps of one element or of a vector."""
    step = f"STEP_{dtype.upper()}"
    yield f"whole = {size} - {size} % BLOCK"
    yield "for block in range(0, whole, BLOCK):"
    yield f"    for place in range(0, BLOCK, {step}):"
    yield f"        i = step_at(block + place, {step})"
    yield from (f"        {line}" for line in element)
    yield f"for place in range({size} - whole):"
    yield "    i = whole + place"
    yield from (f"    {line}" for line in element)


def parameters(kernel: Kernel, given: Sequence[str], arrays: bool) -> Iterator[str]:
    for k in range(len(kernel.declaration.params)):
        high, low = (f"s{k}", f"t{k}") if arrays else (f"p{k}", f"p{k}_lo")
        if f"p{k}" in given:
            yield f"{high} = {NUMPY[kernel.dtype]}(number{k})"
        if f"p{k}_lo" in given:
            yield f"{low} = low_part(number{k})"


def elements(kernel: Kernel, given: Sequence[str]) -> Iterator[str]:
    for k in range(len(kernel.declaration.params)):
        if f"p{k}" in given:
            yield f"p{k} = select(is_array{k}, load(a{k}, i), s{k})"
        if f"p{k}_lo" in given:
            yield f"p{k}_lo = select(is_array{k}, {ZERO[kernel.dtype]}, t{k})"


def heading(kernels: Sequence[Kernel]) -> Iterator[str]:
    declaration: Declaration = kernels[0].declaration
    arrays = {
        pass_: "i" * len(inputs) + "o" * len(outputs)
        for pass_, (inputs, outputs) in declaration.signatures.items()
    }
    yield "# Emitted from fastact/definitions/ for arithmetic.py and operations.py."
    yield "import numpy as np"
    yield ""
    yield "from ..arithmetic import inlined"
    yield "from ..operations import independent_loops, load, low_part, select, store"
    if any(map(looks_up, kernels)):
        yield "from ..operations import STEP_F32, STEP_F64, step_at"
        yield "from ..tables import BLOCK"
    yield ""
    yield f'COST = "{kernels[0].cost}"'
    yield f"ARRAYS = {arrays}"
    yield f"DEFAULTS = ({''.join(f'{number(value)}, ' for value in declaration.defaults)})"
    yield from (f"{name} = {NUMPY[dtype]}(0.0)" for dtype, name in ZERO.items())


def module(kernels: Iterable[Kernel]) -> str:
    """The module that holds `kernels`, all of one activation."""
    kernels = list(kernels)
    lines = [*heading(kernels)]
    for kernel in kernels:
        lines += kernel_functions(kernel)
    return "\n".join(lines) + "\n"
