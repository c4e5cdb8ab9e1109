"""From declarations to kernels: the traced graph of every (function, pass, type)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import FunctionType

from ..definitions.declare import Declaration, Fused, Signature
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


def trace(
    declaration: Declaration, pass_: str, dtype: DType, defaults: tuple[float, ...] | None = None
) -> Kernel:
    """Trace one kernel of `declaration`, for parameters that are known if `defaults` are given."""
    graph = Graph(dtype)
    tracer = Tracer(graph, {})
    inputs = [graph.input(f"in{k}") for k in range(len(declaration.signatures[pass_][0]))]
    params: list[Node | float] = list(defaults or ())
    for k in range(0 if defaults else len(declaration.params)):
        params.append(param := graph.input(f"p{k}"))
        tracer.low_parts[param] = graph.input(f"p{k}_lo") if dtype == "f32" else graph.absent()

    if isinstance(declaration, Fused):
        results = _trace_fused(tracer, declaration, pass_, [*inputs, *params])
        return Kernel(declaration, pass_, dtype, graph.needed(results), results)

    def value(function: FunctionType) -> Node:
        return tracer.lane(tracer.call(function, inputs[-1], *params))

    def slope(given: str) -> Node:
        if given not in declaration.slopes:
            raise TypeError(f"{declaration.name} declares no derivative from {given}")
        return value(declaration.slopes[given])

    outputs: dict[str, Callable[[], list[Node]]] = {
        "forward": lambda: [value(declaration.forward)],
        "derivative": lambda: [slope("x")],
        "vjp": lambda: [graph.times(inputs[0], slope("x"))],
        "value_and_derivative": lambda: [value(declaration.forward), slope("x")],
        "vjp_from_output": lambda: [graph.times(inputs[0], slope("output"))],
    }
    results = outputs[pass_]()
    return Kernel(declaration, pass_, dtype, graph.needed(results), results)


def _trace_fused(
    tracer: Tracer, declaration: Fused, pass_: str, arguments: list[Node | float]
) -> list[Node]:
    if pass_ not in declaration.functions:
        raise TypeError(f"{declaration.name} declares no {pass_}")
    result = tracer.call(declaration.functions[pass_], *arguments)
    return [tracer.lane(value) for value in (result if isinstance(result, tuple) else (result,))]


def with_plain(kernel: Kernel) -> Kernel:
    """Add the kernel for the default parameters if it saves a tenth of the work.

    A default of 0 gets none: parameters are told from the defaults by ==, which takes -0.0 for 0.0.
    """
    defaults = kernel.declaration.defaults
    if not defaults or 0.0 in defaults:
        return kernel
    plain = trace(kernel.declaration, kernel.pass_, kernel.dtype, defaults)
    return replace(kernel, plain=plain) if plain.work < 0.9 * kernel.work else kernel


def kernels(table: Mapping[str, Declaration]) -> Iterator[Kernel]:
    """Every kernel of the table, always in the same order."""
    for declaration in table.values():
        for pass_ in declaration.passes:
            for dtype in DTYPES:
                yield with_plain(trace(declaration, pass_, dtype))
