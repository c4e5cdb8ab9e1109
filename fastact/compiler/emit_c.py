"""Emit kernels as C over the lanes of csrc/lanes/."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..definitions.dialect import DType
from .graph import OPERATIONS, Node
from .kernels import Kernel
from .schedule import in_order_of_need

Leaf = Callable[[Node], str]

# The cost classes whose kernels are emitted for two vectors, too; csrc/elementwise/table.h has the same list.
PAIRED = ("exp", "heavy")

SPECIAL = {"inf": "INFINITY", "-inf": "-INFINITY", "nan": "NAN"}


def literal(value: float) -> str:
    return SPECIAL.get(str(value), value.hex())


def operand(dtype: DType, node: Node, names: dict[Node, str], leaf: Leaf, copy: str = "") -> str:
    """How a later line refers to `node`."""
    if node.op == "constant":
        return f"{dtype}_set({literal(node.value)})"
    if node.op.startswith("in"):
        return f"in{copy}[{node.op[2:]}]"
    if node.op.startswith("p"):
        number, _, low = node.op[1:].partition("_")
        return f"{'p_lo' if low else 'p'}[{number}]"
    return f"{names[node]}{copy}" if node in names else leaf(node)


def lines(
    t: DType,
    nodes: Iterable[Node],
    outputs: Iterable[Node],
    root: Path,
    leaf: Leaf,
    copies: Sequence[str] = ("",),
    align: bool = True,
) -> Iterator[str]:
    """The statements that compute `outputs`, each under the line of Python that it comes from.

    `leaf` names inputs that an elementwise kernel does not have. Each statement stands once for each of the copies,
    which are the endings of the names. Tables are aligned to a vector register where C has that word; C++ does not.
    """
    names: dict[Node, str] = {}
    nodes = list(nodes)
    if any(node.op == "lookup" for node in nodes):
        nodes = in_order_of_need(nodes)
    for node in nodes:
        if node.op not in OPERATIONS:
            continue
        names[node] = f"v{len(names)}"
        yield f'#line {node.line} "{relative(node.file, root)}"'
        kind = node.kind[0] if node.kind == "mask" else "v"
        made = []
        shown = node.args
        if node.op == "lookup":
            shown = node.args[:1]
            values = ", ".join(literal(arg.value) for arg in node.args[1:])
            aligned = f"_Alignas(8 * sizeof({t}_t)) " if align else ""
            made.append(f"static const {aligned}{t}_t {names[node]}_table[] = {{{values}}};")
        for copy in copies:
            args = ", ".join(operand(t, arg, names, leaf, copy) for arg in shown)
            if node.op == "lookup":
                args += f", {names[node]}_table"
            made.append(f"const {t}_{kind} {names[node]}{copy} = {t}_{node.op}({args});")
        yield f"    {' '.join(made)}"
    for copy in copies:
        for k, node in enumerate(outputs):
            yield f"    out{copy}[{k}] = {operand(t, node, names, leaf, copy)};"


def no_leaf(node: Node) -> str:
    raise ValueError(f"{node.op} has no place in an elementwise kernel")


def body(kernel: Kernel, root: Path, suffix: str = "") -> Iterator[str]:
    """The lines of one kernel's function."""
    t = kernel.dtype
    name = f"{kernel.name}_{kernel.pass_}_{t}{suffix}"
    yield f"LANE void {name}(const {t}_v *in, const {t}_v *p, const {t}_v *p_lo, {t}_v *out)"
    yield "{"
    yield "    (void)in, (void)p, (void)p_lo;"
    yield from lines(t, kernel.nodes, kernel.outputs, root, no_leaf)
    yield "}"


def pair(kernel: Kernel, root: Path, suffix: str = "") -> Iterator[str]:
    """The same for two vectors side by side, operation by operation.

    A chain of dependent operations is longer than what the processor looks ahead: two of them take 10 to 20 % less time
    than one after the other (Zen 5; AVX-512 and AVX2, float64 silu, gelu, softplus).
    """
    t = kernel.dtype
    name = f"{kernel.name}_{kernel.pass_}_{t}{suffix}_pair"
    yield f"LANE void {name}(const {t}_v *in_a, const {t}_v *in_b, const {t}_v *p, const {t}_v *p_lo,"
    yield f"{' ' * (11 + len(name))}{t}_v *out_a, {t}_v *out_b)"
    yield "{"
    yield "    (void)in_a, (void)in_b, (void)p, (void)p_lo;"
    yield from lines(t, kernel.nodes, kernel.outputs, root, no_leaf, ("_a", "_b"))
    yield "}"


def relative(file: str, root: Path) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def header(kernels: Iterable[Kernel], root: Path) -> str:
    """kernels.h: the body of every kernel."""
    lines = ["/* Emitted from fastact/definitions/. */"]
    for kernel in kernels:
        if kernel.pass_ == "forward" and kernel.dtype == "f32":
            values = ", ".join(map(literal, kernel.declaration.defaults)) or "NAN"
            lines += ["", f"static const double {kernel.name}_defaults[] = {{{values}}};"]
        for variant, suffix in ((kernel, ""), (kernel.plain, "_plain")):
            if variant is not None:
                lines += ["", *body(variant, root, suffix)]
            if variant is not None and kernel.cost in PAIRED:
                lines += ["", *pair(variant, root, suffix)]
    return "\n".join(lines) + "\n"


def rows(kernels: Iterable[Kernel]) -> str:
    """kernels.def: one row a kernel, which the including file defines."""
    return "".join(
        f"FASTACT_KERNEL({k.name}, {k.pass_}, {k.dtype}, {len(k.signature[0])}, "
        f"{len(k.signature[1])}, {len(k.declaration.params)}, {k.cost}, "
        f"{int(k.plain is not None)})\n"
        for k in kernels
    )
