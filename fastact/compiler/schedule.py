"""The order in which a kernel with look-ups is written down, which is that in which C compilers at -O2 leave it."""

from __future__ import annotations

from collections.abc import Sequence

from .graph import OPERATIONS, Node

# Cycles until a result is there, on Zen 4; 1 for the rest.
LATENCY = {"fma": 4, "mul": 3, "add": 3, "sub": 3, "lookup": 4, "div": 11, "sqrt": 15, "scale": 2}
#: Operations that start in one cycle.
WIDTH = 2


def in_order_of_need(nodes: Sequence[Node]) -> list[Node]:
    """`nodes`, a look-up right before its first use, the rest by the longest chain that hangs on each.

    In the order of tracing a polynomial in pieces stands before the exponential that it is multiplied with, and the
    processor sees both at once only in part: float32 gelu takes 0.43 and not 0.45 ns on AVX-512, 0.53 and not 0.57 on
    AVX2. Look-ups ahead of need fill the registers of AVX2: 0.60.
    """
    left = [node for node in nodes if node.op in OPERATIONS]
    chain = _chains(left)
    order = [node for node in nodes if node.op not in OPERATIONS]
    start: dict[Node, float] = dict.fromkeys(order, 0.0)
    now = 0.0

    def missing(node: Node) -> list[Node]:
        return [arg for arg in node.args if arg not in start]

    def at(node: Node) -> float:
        """When its operands are there, look-ups that are made for it left aside."""
        known = (start[arg] + LATENCY.get(arg.op, 1) for arg in node.args if arg in start)
        return max([now, *known])

    def fits(node: Node) -> bool:
        return all(arg.op == "lookup" and not missing(arg) for arg in missing(node))

    while left:
        results = [node for node in left if node.op != "lookup"] or left
        best = min(filter(fits, results), key=lambda node: (at(node), -chain[node]))
        time = at(best)
        for node in (*missing(best), best):
            start[node] = now = max(now, time if node is best else now)
            now += 1 / WIDTH
            order.append(node)
            left.remove(node)
    return order


def _chains(nodes: Sequence[Node]) -> dict[Node, float]:
    """Of each node the cycles from its start to the last result that depends on it."""
    after: dict[Node, float] = dict.fromkeys(nodes, 0.0)
    for node in reversed(nodes):
        after[node] += LATENCY.get(node.op, 1)
        for arg in node.args:
            if arg in after:
                after[arg] = max(after[arg], after[node])
    return after
