"""Time functions in users' own loops: fastact in Numba's @njit, and what else there is, on one processor.

    python bench/loops.py     a minute; writes results/loops.json
    python bench/report.py    its table

Contenders take turns, and the best time of all rounds is reported. Each computes one expression of 262,144
float32 numbers, which stay in the cache: fastact's functions in a loop compiled by Numba; the same loop with the
formula in np.exp and its relatives; fastact's own kernels, one call after the other; the expression as one activation,
made with `fastact.activation`; numexpr, JAX's jit and eager PyTorch.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import loop_tables
import machine
import numpy as np
from peers import why_missing

from own_activations import BY_TITLE

DEFAULT = Path(__file__).with_name("results") / "loops.json"
SIZE = 1 << 18

#: Title -> the expression of one number v in fastact's functions, by hand in Numba, for numexpr, JAX and PyTorch.
LOOPS: dict[str, tuple[str, str, str | None, str, str]] = {
    "exponential": ("exponential(v)", "exp(v)", "exp(x)", "exp(x)", "torch.exp(x)"),
    "sigmoid": (
        "sigmoid(v)",
        "one/(one + exp(-v))",
        "1/(1 + exp(-x))",
        "nn.sigmoid(x)",
        "torch.sigmoid(x)",
    ),
    "gelu": (
        "gelu(v)",
        "half*v*(one + erf(v*root))",
        None,
        "nn.gelu(x, approximate=False)",
        "F.gelu(x)",
    ),
    "mish": (
        "mish(v)",
        "v*tanh(log1p(exp(v)))",
        "x*tanh(log1p(exp(x)))",
        "nn.mish(x)",
        "F.mish(x)",
    ),
    "softplus": (
        "softplus(v)",
        "log1p(exp(v))",
        "log1p(exp(x))",
        "nn.softplus(x)",
        "F.softplus(x)",
    ),
    "σ(x)·tanh x + softplus x": (
        "sigmoid(v)*tanh(v) + softplus(v)",
        "tanh(v)/(one + exp(-v)) + log1p(exp(v))",
        "tanh(x)/(1 + exp(-x)) + log1p(exp(x))",
        "nn.sigmoid(x)*jnp.tanh(x) + nn.softplus(x)",
        "torch.sigmoid(x)*torch.tanh(x) + F.softplus(x)",
    ),
    "4·tanh(x/4)·σ(1.5x)": (
        "four*tanh(quarter*v)*sigmoid(slope*v)",
        "four*tanh(quarter*v)/(one + exp(-slope*v))",
        "4*tanh(x/4)/(1 + exp(-1.5*x))",
        "4*jnp.tanh(x/4)*nn.sigmoid(1.5*x)",
        "4*torch.tanh(x/4)*torch.sigmoid(1.5*x)",
    ),
}

Call = Callable[[], object]


def numba_loop(expression: str, names: dict[str, Any], x: Any, out: Any) -> Call:
    """Return a call of a compiled loop over an expression of v."""
    import numba

    scope = dict(names)
    exec(
        "def loop(x, y):\n    for i in range(x.size):\n"
        f"        v = x[i]\n        y[i] = {expression}\n",
        scope,
    )
    loop = numba.njit(scope["loop"])
    return lambda: loop(x, out)


NUMBERS = {
    "one": 1.0,
    "half": 0.5,
    "root": math.sqrt(0.5),
    "four": 4.0,
    "quarter": 0.25,
    "slope": 1.5,
}


def own_functions() -> dict[str, Any]:
    import fastact

    names = "exponential", "sigmoid", "gelu", "mish", "softplus", "tanh"
    return {**numbers(), **{name: getattr(fastact, name) for name in names}}


def by_hand() -> dict[str, Any]:
    names = {name: getattr(np, name) for name in ("exp", "log1p", "tanh")}
    return {**numbers(), **names, "erf": math.erf}


def numbers() -> dict[str, Any]:
    return {name: np.float32(value) for name, value in NUMBERS.items()}


def kernels(expression: str, x: Any, out: Any) -> Call:
    """Return the same calls of whole arrays; the last result of one function goes into a given array."""
    functions = own_functions()
    if expression.endswith("(v)") and expression[:-3] in functions:
        function = functions[expression[:-3]]
        return lambda: function(x, out=out)
    code = compile(expression, expression, "eval")
    return lambda: eval(code, {**functions, "v": x})


def numexpr_call(expression: str, x: Any, out: Any) -> Call:
    import numexpr

    numexpr.set_num_threads(1)
    return lambda: numexpr.evaluate(expression, {"x": x}, out=out)


def jax_call(expression: str, x: Any, out: Any) -> Call:
    import jax
    from jax import nn
    from jax import numpy as jnp

    function = jax.jit(eval(f"lambda x: {expression}", {"nn": nn, "jnp": jnp, "exp": jnp.exp}))
    operand = jnp.asarray(x)
    return lambda: function(operand).block_until_ready()


def torch_call(expression: str, x: Any, out: Any) -> Call:
    import torch

    torch.set_num_threads(1)
    code = compile(expression, expression, "eval")
    scope = {"torch": torch, "F": torch.nn.functional, "x": torch.from_numpy(x)}

    def call() -> object:
        with torch.inference_mode():
            return eval(code, scope)

    return call


def calls(title: str, x: Any) -> dict[str, Call]:
    """Return the prepared call of each contender that is there."""
    own, hand, numexpr_text, jax_text, torch_text = LOOPS[title]
    out = np.empty_like(x)
    found = {
        "njit": numba_loop(own, own_functions(), x, out),
        "hand": numba_loop(hand, by_hand(), x, out),
        "kernel": kernels(own, x, out),
        "activation": lambda: BY_TITLE[title](x, out=out),
    }
    others = (
        ("numexpr", numexpr_call, numexpr_text),
        ("jax", jax_call, jax_text),
        ("torch", torch_call, torch_text),
    )
    for name, prepare, text in others:
        if text is not None and why_missing(name) is None:
            found[name] = prepare(text, x, out)
    return found


def measure(found: dict[str, Call], rounds: int, turn: float) -> dict[str, float]:
    """Return the best time of each call in seconds."""
    repeats, best = {}, {}
    for name, call in found.items():
        call()  # compile
        start = time.perf_counter()
        call()
        repeats[name] = max(1, int(turn / (time.perf_counter() - start)))
        best[name] = math.inf
    for _ in range(rounds):
        for name, call in found.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            taken = (time.perf_counter() - start) / repeats[name]
            best[name] = min(best[name], taken)
    return best


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=150, show_default=True)
@click.option("--turn", type=float, default=0.004, show_default=True, help="Seconds of one turn.")
@click.option("--size", type=click.IntRange(1), default=SIZE, show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT, show_default=True
)
def loops(rounds: int, turn: float, size: int, output: Path) -> None:
    """Measure all loops and print their table."""
    import fastact

    fastact.set_num_threads(1)
    x = np.random.default_rng(0).normal(0, 3, size).astype(np.float32)
    results = {}
    for title in LOOPS:
        times = measure(calls(title, x), rounds, turn)
        results[title] = {name: seconds / size * 1e9 for name, seconds in times.items()}
    document = {
        "command": "python bench/loops.py",
        "machine": machine.describe(),
        "versions": versions(),
        "size": size,
        "rounds": rounds,
        "results": results,
    }
    output.write_text(machine.dumps(document), encoding="utf-8")
    click.echo(loop_tables.summary(document))


def versions() -> dict[str, str]:
    from importlib.metadata import version

    present = [name for name in ("numexpr", "jax", "torch") if why_missing(name) is None]
    return {name: version(name) for name in ("numba", *present)}


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):  # before any library starts threads
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    loops()
