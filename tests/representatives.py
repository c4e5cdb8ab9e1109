"""Which functions stand for all where the generic machinery is tested, and tests that go through cases in a loop.

What a formula decides (errors, special values, the same bits from each backend, documentation) is tested for all
functions. What does not look at the formula (broadcasting, strides, masks, casts, threads) is tested for a few that
have among them every property of a kernel that this machinery looks at, so that more functions take no longer.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from fastact.compiler import kernels, row_kernels
from fastact.definitions.declaration import Declaration
from fastact.definitions.rows import ROWS
from fastact.definitions.tables import ACTIVATIONS, ELEMENTWISE


def covering(tagged: dict[Any, set[Any]]) -> list[Any]:
    """Return a few keys that have among them the tags of all: each time the first of those with most of what lacks."""
    lacking, chosen = set().union(*tagged.values()), []
    while lacking:
        chosen.append(max(tagged, key=lambda key: len(lacking & tagged[key])))
        lacking -= tagged[chosen[-1]]
    return [key for key in tagged if key in chosen]


def tells(declaration: Declaration, pass_: str) -> bool:
    """Whether no output is constant and no operand is ignored, so that a wrong one is seen."""
    kernel = kernels.trace(declaration, pass_, "f32")
    used = {node.op for node in kernel.nodes}
    wanted = {f"in{k}" for k in range(len(declaration.signatures[pass_][0]))}
    wanted |= {f"p{k}" for k in range(len(declaration.params))}
    return wanted <= used and all(node.op != "constant" for node in kernel.outputs)


def structure(declaration: Declaration, pass_: str) -> set[Any]:
    """Return what the loops may depend on: operands, parameters, work, look-ups in tables."""
    kernel = kernels.trace(declaration, pass_, "f32")
    n_in, n_out = map(len, declaration.signatures[pass_])
    tags = {("operands", n_in, n_out, min(len(declaration.params), 3)), ("cost", kernel.cost)}
    return tags | {node.op for node in kernel.nodes if node.op in ("lookup", "p0_lo")}


def row_structure(declaration: Declaration, pass_: str) -> set[Any]:
    """Return what the loops over rows depend on: operands, statistics, what excluded elements become."""
    kernel, one = row_kernels.trace(declaration, pass_, "f32"), declaration.passes[pass_]
    operands = one.inputs, one.row_inputs, one.outputs, one.row_outputs
    return {operands, (kernel.statistic, kernel.sums), ("excluded", one.excluded), *kernel.pieces}


def call_structure(declaration: Declaration) -> set[Any]:
    """Return what a call depends on: parameters, choices, passes, and all that the kernel of the value does."""
    required = [p for p in declaration.params.values() if p.default is None]
    from_output = "vjp_from_output" in declaration.passes
    return {
        (len(declaration.params), from_output), ("required", len(required)),
        ("choices", len(declaration.choices)), ("domain", bool(declaration.domain)),
        ("optional", any(p.optional for p in declaration.params.values())),
        *structure(declaration, "forward"),
    }  # fmt: skip


def passes_of(table: dict[str, Declaration]) -> list[tuple[str, str]]:
    return [(name, pass_) for name, declared in table.items() for pass_ in declared.passes]


#: Activations, by name
KINDS: list[str] = covering({
    name: call_structure(declared) for name, declared in ACTIVATIONS.items()
    if name[0] != "_" and tells(declared, "value_and_derivative")
})  # fmt: skip
#: Elementwise kernels, as (name, pass)
KERNEL_KINDS: list[tuple[str, str]] = covering({
    (name, pass_): structure(ELEMENTWISE[name], pass_) for name, pass_ in passes_of(ELEMENTWISE)
    if tells(ELEMENTWISE[name], pass_)
})  # fmt: skip
#: Row kernels, as (name, pass)
ROW_KINDS: list[tuple[str, str]] = covering(
    {key: row_structure(ROWS[key[0]], key[1]) for key in passes_of(ROWS)}
)


def looped(names: str, values: Iterable[Any]) -> Callable[[Callable[..., None]], Any]:
    """Decorator, called as `pytest.mark.parametrize`: run the test with all values, as one test.

    A failure names its case. Pytest takes 2 ms for a test, which is more than most cases take.
    """
    keys, cases = [name.strip() for name in names.split(",")], list(values)

    def decorate(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            for case in cases:
                given = dict(zip(keys, case if len(keys) > 1 else [case], strict=True))
                try:
                    test(*args, **fixtures, **given)
                except Exception as error:
                    error.add_note(f"in the case {given}")
                    raise

        parameters = inspect.signature(test).parameters
        kept = [one for name, one in parameters.items() if name not in keys]
        run.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
        return run

    return decorate
