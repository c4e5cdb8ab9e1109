"""From row declarations to kernels: the traced pieces of every (row function, pass, type).

A row kernel has one statistic of the row, then values that are computed from it once a row, then a map over the
elements. Values of the row stand in numbered slots. The pieces are straight lines like any kernel's body, to be
called by a loop that knows how a row lies in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ..definitions.declaration import DERIVED, MAX, SLOTS, SUMS, VALUE, Declaration, DeclaredPass
from ..definitions.dialect import DType
from .graph import OPERATIONS, Graph, Node
from .kernels import DTYPES, arguments
from .trace import DialectError, Tracer

MOST_INPUTS, MOST_SUMS = 2, 2


@dataclass(frozen=True)
class Piece:
    """A straight line from elements ("in0", ...), slots ("row2", ...) and parameters to `outputs`."""

    nodes: list[Node]
    outputs: list[Node]


@dataclass(frozen=True)
class RowKernel:
    """One traced row kernel.

    Attributes
    ----------
    statistic : str
        "none", "sums", "exp_sum" (a maximum, then sums) or "solve" (a maximum, then a value from repeated sums).
    pieces : dict of str to Piece
        "key" (what is maximised), "terms" (what is summed), "moved" (sums for another maximum, from in0 = the old
        one), "prepare" (the first derived slots, of what terms need of the maximum) and "prepared_terms" (the terms
        from these), "start" and "next" (the value solved for), "finish" (the derived slots), "rows" (the row
        outputs), "map" (the outputs), "stored" (the output from in0 = the first term, where nothing else of the
        elements is needed).
    plain : RowKernel or None
        The same for the default parameters.
    """

    declaration: Declaration
    pass_: str
    dtype: DType
    statistic: str
    pieces: dict[str, Piece]
    plain: RowKernel | None = None

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def row_pass(self) -> DeclaredPass:
        return self.declaration.passes[self.pass_]

    @property
    def sums(self) -> int:
        return len(self.pieces["terms"].outputs) if "terms" in self.pieces else 0

    @property
    def derived(self) -> int:
        """How many derived slots it uses, or its plain form does."""
        count = len(self.pieces["finish"].outputs)
        return max(count, self.plain.derived) if self.plain else count


@dataclass
class _Statistic:
    """What the row function asked for while it was traced."""

    key: Node | None = None
    terms: list[Node] = field(default_factory=list)
    moved: list[Node] = field(default_factory=list)
    start: Node | None = None
    next: Node | None = None

    @property
    def name(self) -> str:
        if self.next is not None:
            return "solve"
        return "exp_sum" if self.key is not None else "sums" if self.terms else "none"


class RowTracer(Tracer):
    """Evaluates row functions: a reduction becomes the slot that will hold its result."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph, {})
        self.statistic = _Statistic()

    def slot(self, number: int) -> Node:
        return self.graph.input(f"row{number}")

    def reduce(self, name: str, args: list[Any]) -> Any:
        reduction = getattr(self, name)
        return reduction(*args)

    def row_max(self, key: Any) -> Node:
        if self.statistic.key is not None:
            raise TypeError("a row function has one row_max()")
        self.statistic.key = self.lane(key)
        return self.slot(MAX)

    def row_sum(self, term: Any) -> Node:
        terms, node = self.statistic.terms, self.lane(term)
        if node not in terms:
            terms.append(node)
        if len(terms) > MOST_SUMS:
            raise TypeError(f"a row function has at most {MOST_SUMS} sums")
        return self.slot(SUMS + terms.index(node))

    def row_sums(self, rescaled: Any, temperature: Any, *terms: Any) -> Any:
        sums = tuple(map(self.row_sum, terms))
        result = self.call(rescaled, self.graph.input("in0"), self.slot(MAX), *sums, temperature)
        self.statistic.moved = self.lanes(result)
        return sums if len(sums) > 1 else sums[0]

    def row_solve(self, step: Any, start: Any, *operands: Any) -> Node:
        value = self.slot(VALUE)
        self.statistic.start = self.lane(start)
        self.statistic.next = self.lane(self.call(step, value, *operands))
        return value


def trace(declaration: Declaration, pass_: str, dtype: DType, plain: bool = False) -> RowKernel:
    """Trace one kernel of `declaration`; for its default parameters if `plain`."""
    graph = Graph(dtype)
    tracer = RowTracer(graph)
    row_pass = declaration.passes[pass_]
    elements = [graph.input(f"in{k}") for k in range(len(row_pass.inputs))]
    rows = [tracer.slot(k) for k in range(len(row_pass.row_inputs))]
    params = arguments(tracer, declaration, declaration.defaults if plain else None)
    (function,) = row_pass.functions
    nodes = tracer.lanes(tracer.call(function, *elements, *rows, *params))
    if (wrong := _unsupported(graph, tracer.statistic, declaration, row_pass)) is not None:
        code = function.__code__
        raise DialectError(f"{declaration.name}: {wrong}", code.co_filename, code.co_firstlineno)
    count = len(row_pass.outputs)
    pieces = dict(_pieces(graph, tracer.statistic, nodes[:count], nodes[count:]))
    return RowKernel(declaration, pass_, dtype, tracer.statistic.name, pieces)


def _unsupported(
    graph: Graph, statistic: _Statistic, declaration: Declaration, row_pass: DeclaredPass
) -> str | None:
    """Say what the loops over rows cannot compute: they would read values that are not there."""
    if list(declaration.params) != ["temperature"]:
        return "a row function has one parameter, its temperature"
    if statistic.key is None:
        return None
    if len(row_pass.inputs) > 1:
        return "row_max() is for functions of one input"
    if any(node.op.startswith("row") for node in graph.needed([statistic.key])):
        return "row_max() goes over an expression of the element without other values of the row"
    if statistic.next is None:
        if not statistic.terms:
            return "row_max() stands beside row_sum(), row_sums() or row_solve()"
        of_maximum = any(node.op == f"row{MAX}" for node in graph.needed(statistic.terms))
        if of_maximum and not statistic.moved:
            return "sums of terms that depend on the maximum are row_sums()"
    return None


def _pieces(
    graph: Graph, statistic: _Statistic, outputs: list[Node], row_outputs: list[Node]
) -> Iterator[tuple[str, Piece]]:
    def piece(nodes: list[Node]) -> Piece:
        return Piece(graph.needed(nodes), nodes)

    if statistic.key is not None:
        yield "key", piece([statistic.key])
    if statistic.terms:
        yield "terms", piece(statistic.terms)
    if statistic.moved:
        yield "moved", piece(statistic.moved)
    if statistic.start is not None and statistic.next is not None:
        yield "start", piece([statistic.start])
        yield "next", piece([statistic.next])
    prepared = _frontier(graph, statistic.terms) if statistic.name == "exp_sum" else []
    derived = prepared + [node for node in _frontier(graph, outputs) if node not in prepared]
    if len(derived) > SLOTS - DERIVED:
        raise TypeError(f"a row function derives at most {SLOTS - DERIVED} values of the row")
    yield "finish", piece(derived)
    yield "rows", piece(row_outputs)
    slots = {node: graph.input(f"row{DERIVED + k}") for k, node in enumerate(derived)}
    if prepared:
        yield "prepare", piece(prepared)
        yield "prepared_terms", piece(substitute(graph, statistic.terms, slots))
    yield "map", piece(substitute(graph, outputs, slots))
    if statistic.name == "exp_sum" and len(outputs) == 1:
        term = graph.input("stored")
        result = substitute(graph, outputs, {**slots, statistic.terms[0]: term})
        if not any(node.op == "in0" for node in graph.needed(result)):
            yield "stored", piece(substitute(graph, result, {term: graph.input("in0")}))


def _elementwise(graph: Graph) -> set[Node]:
    """The nodes that depend on the elements."""
    found: set[Node] = set()
    for node in graph.nodes:
        if node.op.startswith("in") or any(arg in found for arg in node.args):
            found.add(node)
    return found


def _frontier(graph: Graph, outputs: list[Node]) -> list[Node]:
    """The operations on values of the row alone whose results the elements of `outputs` need."""
    elementwise = _elementwise(graph)
    needed = graph.needed(outputs)
    users = [arg for node in needed if node in elementwise for arg in node.args] + outputs
    wanted = {node for node in users if node.op in OPERATIONS and node not in elementwise}
    on_row = {node for node in wanted if any(n.op.startswith("row") for n in graph.needed([node]))}
    return [node for node in needed if node in on_row]


def substitute(graph: Graph, outputs: list[Node], given: dict[Node, Node]) -> list[Node]:
    """`outputs` computed from what stands for the given nodes."""
    made = dict(given)
    for node in graph.needed(outputs):
        if node not in made:
            args = tuple(made[arg] for arg in node.args)
            same = all(new is old for new, old in zip(args, node.args, strict=True))
            made[node] = node if same else graph.apply(node.op, *args)
    return [made[node] for node in outputs]


def row_kernels(table: dict[str, Declaration]) -> Iterator[RowKernel]:
    """Every row kernel of the table, always in the same order."""
    for declaration in table.values():
        for pass_ in declaration.passes:
            for dtype in DTYPES:
                kernel = trace(declaration, pass_, dtype)
                yield replace(kernel, plain=trace(declaration, pass_, dtype, plain=True))
