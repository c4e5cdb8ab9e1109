"""From declarations to kernels: the traced graph of every (function, pass, type)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from ..definitions.declaration import Declaration, Signature
from ..definitions.dialect import DType
from .graph import OPERATIONS, Graph, Node
from .trace import Tracer

DTYPES: tuple[DType, ...] = ("f32", "f64")

# A division keeps its unit busy for as long as five to eight other operations.
WEIGHT = {"div": 6, "sqrt": 6}
# Upper bounds of the cost classes, in weighted operations; what is above them all is "heavy". The least that has an
# exponential in it, elu in float32, has 17.
CLASSES = (("move", 4), ("cheap", 15), ("exp", 60))


@dataclass(frozen=True)
class Kernel:
    """One traced kernel; `nodes` in the order in which they are to be computed.

    `plain` is the same for the default parameters, where knowing them saves work.
    """

    declaration: Declaration
    pass_: str
    dtype: DType
    nodes: list[Node]
    outputs: list[Node]
    plain: Kernel | None = None

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def signature(self) -> Signature:
        return self.declaration.signatures[self.pass_]

    @property
    def work(self) -> int:
        """Its weighted operations for each element; what depends on parameters alone is done before the loop."""
        varying: set[Node] = set()
        for node in self.nodes:
            if node.op.startswith("in") or varying.intersection(node.args):
                varying.add(node)
        return sum(WEIGHT.get(node.op, 1) for node in varying if node.op in OPERATIONS)

    @property
    def cost(self) -> str:
        work = (self.plain or self).work
        return next((name for name, most in CLASSES if work <= most), "heavy")


def arguments(
    tracer: Tracer, declaration: Declaration, defaults: Sequence[float] | None
) -> list[Node | float]:
    """The parameters of a kernel: its inputs "p0", ... with their low parts, or the defaults where these are known."""
    graph = tracer.graph
    params: list[Node | float] = list(defaults or ())
    for k in range(0 if defaults else len(declaration.params)):
        params.append(param := graph.input(f"p{k}"))
        tracer.low_parts[param] = (
            graph.input(f"p{k}_lo") if graph.dtype == "f32" else graph.absent()
        )
    return params


def trace(
    declaration: Declaration, pass_: str, dtype: DType, defaults: tuple[float, ...] | None = None
) -> Kernel:
    """Trace one kernel of `declaration`, for parameters that are known if `defaults` are given."""
    declared = declaration.declared(pass_)
    graph = Graph(dtype)
    tracer = Tracer(graph, {})
    inputs = [graph.input(f"in{k}") for k in range(len(declared.inputs))]
    params = arguments(tracer, declaration, defaults)
    given = inputs[1:] if declared.times_g else inputs
    results: list[Node] = []
    for function in declared.functions:
        results += tracer.lanes(tracer.call(function, *given, *params, *declaration.flags.values()))
    if declared.times_g:
        results = [graph.times(inputs[0], result) for result in results]
    return Kernel(declaration, pass_, dtype, graph.needed(results), results)


def with_plain(kernel: Kernel) -> Kernel:
    """Add the kernel for the default parameters if it saves a tenth of the work, or a limit that is not given.

    Parameters are told from the defaults by ==, which takes -0.0 for 0.0: a default of 0 gets none unless its sign
    makes no difference.
    """
    defaults = kernel.declaration.defaults
    if not defaults:
        return kernel
    plain = trace(kernel.declaration, kernel.pass_, kernel.dtype, defaults)
    if 0.0 in defaults:
        negated = tuple(value or -0.0 for value in defaults)
        if not alike(plain, trace(kernel.declaration, kernel.pass_, kernel.dtype, negated)):
            return kernel
    least = kernel.work if inf in defaults else 0.9 * kernel.work
    return replace(kernel, plain=plain) if plain.work < least else kernel


def alike(one: Kernel, other: Kernel) -> bool:
    """Tell whether two kernels compute the same."""

    def steps(kernel: Kernel) -> list[tuple[object, ...]]:
        place = {id(node): k for k, node in enumerate(kernel.nodes)}
        inner = [(n.op, n.value.hex(), *(place[id(a)] for a in n.args)) for n in kernel.nodes]
        return [*inner, tuple(place[id(node)] for node in kernel.outputs)]

    return steps(one) == steps(other)


def kernels(table: Mapping[str, Declaration]) -> Iterator[Kernel]:
    """Every kernel of the table, always in the same order."""
    for declaration in table.values():
        for pass_ in dict.fromkeys((*declaration.required, *declaration.passes)):
            for dtype in DTYPES:
                yield with_plain(trace(declaration, pass_, dtype))
