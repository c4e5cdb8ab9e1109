"""Time fastact.torch beside PyTorch: functions of tensors, forward, and forward with backward.

    python bench/torch_modules.py     five minutes; prints the tables and writes results/torch.md

The two take turns, with a pause in which the other's threads fall asleep; the best time of all rounds is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np
from peers import why_missing
from readme import table

import fastact as fa

OUTPUT = Path(__file__).with_name("results") / "torch.md"
SHAPES = ((8, 16), (256, 256), (1024, 1024))
# PyTorch's threads go on spinning after their work.
PAUSE = 0.02
# A turn repeats small calls for this long.
TURN = 0.002

Call = Callable[[], object]
#: What is measured -> the name in both libraries, and the options.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("relu", {}),
    "leaky_relu": ("leaky_relu", {}),
    "hardswish": ("hardswish", {}),
    "sigmoid": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "elu": ("elu", {}),
    "softplus": ("softplus", {}),
    "silu": ("silu", {}),
    "mish": ("mish", {}),
    "gelu": ("gelu", {}),
    "gelu, tanh": ("gelu", {"approximate": "tanh"}),
    "softmax, last axis": ("softmax", {"dim": -1}),
    "softmax, first axis": ("softmax", {"dim": 0}),
    "log_softmax, last axis": ("log_softmax", {"dim": -1}),
    "glu": ("glu", {}),
    "cross_entropy": ("cross_entropy", {}),
    "huber_loss": ("huber_loss", {}),
    "binary_cross_entropy_with_logits": ("binary_cross_entropy_with_logits", {}),
}


def calls(
    name: str, options: dict[str, Any], shape: tuple[int, int]
) -> Iterator[tuple[Call, Call]]:
    """Yield the calls of fastact and of PyTorch: forward, then with backward."""
    import torch
    from torch.nn import functional

    import fastact.torch

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator)
    others = []
    if name == "cross_entropy":
        others = [torch.randint(shape[1], shape[:1], generator=generator)]
    elif "target" in fastact.torch.FUNCTIONS[name].operation.tensors:
        others = [torch.rand(shape, generator=generator)]
    ours, theirs = fastact.torch.FUNCTIONS[name], getattr(functional, name, None)
    theirs = theirs or getattr(torch, name)
    leaf = x.clone().requires_grad_()
    g = torch.randn(ours(x, *others, **options).shape, generator=generator)

    def forward(function: Any) -> Call:
        return lambda: function(x, *others, **options)

    def both(function: Any) -> Call:
        return lambda: torch.autograd.grad(function(leaf, *others, **options), leaf, g)

    for made in (forward, both):
        yield made(ours), made(theirs)


def ratio(ours: Call, theirs: Call, rounds: int, pause: float) -> tuple[float, float]:
    """Return the best time of fastact in seconds, and PyTorch's divided by it."""
    best, repeats = [np.inf, np.inf], [1, 1]
    for place, call in enumerate((ours, theirs)):
        call()
        start = time.perf_counter()
        call()
        repeats[place] = max(1, int(TURN / max(time.perf_counter() - start, 1e-6)))
    for _ in range(rounds):
        for place, call in enumerate((ours, theirs)):
            time.sleep(pause)
            call()  # wakes the threads
            start = time.perf_counter()
            for _ in range(repeats[place]):
                call()
            best[place] = min(best[place], (time.perf_counter() - start) / repeats[place])
    return best[0], best[1] / best[0]


def rows(shape: tuple[int, int], rounds: int, counts: Sequence[int]) -> Iterator[tuple[str, ...]]:
    import torch

    found: dict[str, list[str]] = {label: [] for label in CASES}
    for threads in counts:
        torch.set_num_threads(threads)
        fa.set_num_threads(threads)
        for label, (name, options) in CASES.items():
            for ours, theirs in calls(name, options, shape):
                seconds, times = ratio(ours, theirs, rounds, PAUSE if threads > 1 else 0.0)
                found[label] += [f"{1e6 * seconds:.1f}", f"{times:.2f}"]
    for label, cells in found.items():
        yield label, *cells


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True)
@click.option("--threads", type=click.IntRange(1), multiple=True, default=(1, 2), show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=OUTPUT, show_default=True
)
def torch_modules(rounds: int, threads: tuple[int, ...], output: Path) -> None:
    """Measure all functions and print their tables."""
    if reason := why_missing("torch"):
        raise click.ClickException(reason)
    import torch

    about = machine.describe()
    text = [
        "# Speed in PyTorch",
        f"Functions of `fastact.torch` on float32 tensors, the best of {rounds} rounds taken in turns by "
        f"`python bench/torch_modules.py`; an {about['processor']}, {about['backend']} backend, PyTorch "
        f"{torch.__version__}, a load of {about['load']} when it began. "
        "The times are fastact's in microseconds, × is PyTorch's time divided by it: below 1, "
        "PyTorch is faster. Backward is the whole of `torch.autograd.grad`.",
    ]
    head = [""]
    for count in threads:
        for what in ("forward", "with backward"):
            head += [f"{what}, {count} thread{'s' * (count > 1)}, µs", "×"]
    for shape in SHAPES:
        text.append(
            f"## {shape[0]:,} × {shape[1]:,}\n\n{table(tuple(head), list(rows(shape, rounds, threads)))}"
        )
    output.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    click.echo("\n\n".join(text))


if __name__ == "__main__":
    torch_modules()
