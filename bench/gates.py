"""Time the gates and the losses and PyTorch's in turns, in one process, and print a table.

    python bench/gates.py            float32, packed and as two arrays, and what they cost per element of the result

A round gives each call one turn, after a pause in which the threads of PyTorch's OpenMP come to rest; the best of all
rounds counts. fastact writes into a given result throughout. PyTorch does where it can (glu); its other gates and all
its gradients are composed of its kernels and allocate, as in a program.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import click
import numpy as np
import torch
from readme import table

import fastact as fa

F, aten = torch.nn.functional, torch.ops.aten
Call = Callable[[], object]
# name, call of fastact, call of PyTorch
Row = tuple[str, Call, Call]

SHAPES = ((512, 4096), (8192, 512), (4, 64))
ACTIVATIONS = {"swiglu": F.silu, "geglu": F.gelu, "reglu": F.relu}
BACKWARD = {"swiglu": aten.silu_backward, "geglu": aten.gelu_backward}


def gates(rows: int, columns: int) -> Iterator[Row]:
    """Yield the gates of an array of this shape, halved."""
    rng, half = np.random.default_rng(0), columns // 2
    x = 2 * rng.standard_normal((rows, columns)).astype(np.float32)
    gate, value = map(np.ascontiguousarray, np.split(x, 2, -1))
    g = rng.standard_normal((rows, half)).astype(np.float32)
    out, dx = np.empty_like(g), np.empty_like(x)
    pair = np.empty_like(g), np.empty_like(g)
    tx, tgate, tvalue, tg, tout = map(torch.from_numpy, (x, gate, value, g, np.empty_like(g)))
    yield "glu, packed", lambda: fa.glu(x, out=out), lambda: aten.glu.out(tx, -1, out=tout)
    yield (
        "glu, packed, gradient",
        lambda: fa.glu.vjp(g, x, out=dx),
        lambda: aten.glu_backward(tg, tx, -1),
    )
    for name, activation in ACTIVATIONS.items():
        f = fa.get(name)
        yield (
            f"{name}, packed",
            lambda f=f: f(x, out=out),
            lambda activation=activation: activation(tx[:, :half]) * tx[:, half:],
        )
        yield (
            name,
            lambda f=f: f(gate, value, out=out),
            lambda activation=activation: activation(tgate) * tvalue,
        )
        if name in BACKWARD:
            yield (
                f"{name}, gradients",
                lambda f=f: f.vjp(g, gate, value, out=pair),
                lambda activation=activation, name=name: (
                    BACKWARD[name](tg * tvalue, tgate),
                    activation(tgate) * tg,
                ),
            )


def losses(rows: int, columns: int) -> Iterator[Row]:
    """Yield value and gradient of the losses of so many rows."""
    rng = np.random.default_rng(1)
    x = 3 * rng.standard_normal((rows, columns)).astype(np.float32)
    t, classes = rng.uniform(size=x.shape).astype(np.float32), rng.integers(0, columns, rows)
    dx, tx = np.empty_like(x), torch.from_numpy(x).requires_grad_()
    tt, tclasses = torch.from_numpy(t), torch.from_numpy(classes)

    def both(loss: Callable[..., torch.Tensor], target: torch.Tensor) -> Call:
        def call() -> object:
            tx.grad = None
            with torch.enable_grad():
                loss(tx, target).backward()
            return tx.grad

        return call

    bce, ce = fa.binary_cross_entropy_with_logits, fa.cross_entropy
    yield (
        "binary cross entropy",
        lambda: bce.value_and_grad(x, t, out=dx),
        both(F.binary_cross_entropy_with_logits, tt),
    )
    yield (
        "cross entropy",
        lambda: ce.value_and_grad(x, classes, out=dx),
        both(F.cross_entropy, tclasses),
    )


def best(calls: list[Call], rounds: int, pause: float) -> list[float]:
    """Return the best time of each, in seconds."""
    times = [float("inf")] * len(calls)
    for number in range(rounds + 1):  # the first one is for warming up
        for place, call in enumerate(calls):
            time.sleep(pause)
            for _ in range(5):
                start = time.perf_counter()
                call()
                taken = time.perf_counter() - start
                times[place] = min(times[place], taken) if number else times[place]
    return times


@click.command()
@click.option("--rounds", default=15, show_default=True)
@click.option("--pause", default=20.0, show_default=True, help="Milliseconds between two calls.")
def main(rounds: int, pause: float) -> None:
    """Compare the gates and the losses with PyTorch's."""
    torch.set_num_threads(fa.get_num_threads())
    found = []
    for shape in SHAPES:
        for name, ours, theirs in (*gates(*shape), *losses(*shape)):
            own, other = best([ours, theirs], rounds, pause / 1e3)
            size = f"{shape[0]:,} × {shape[1]:,}"
            found.append(
                (f"{name}", size, f"{own * 1e6:.1f}", f"{other * 1e6:.1f}", f"{other / own:.2f}")
            )
    print(table(("float32", "shape", "fastact, µs", "PyTorch, µs", "ratio"), found, numbers_from=2))


if __name__ == "__main__":
    with torch.inference_mode(False), torch.no_grad():
        main()
