"""Time what compare.py has no case for: special functions, gates with parameters, attention's softmax, losses.

    python bench/others.py     two minutes; prints the tables and writes results/others.md

Contenders take turns, and the best time of all rounds is reported. Special functions are compared with SciPy
(logaddexp with NumPy), on 262,144 elements; gates and softmax with eager PyTorch's composition, on 512 × 2,048;
losses with PyTorch's forward and backward, on means of 10⁶ elements.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np
from peers import why_missing
from readme import table

import fastact as fa

OUTPUT = Path(__file__).with_name("results") / "others.md"
SPECIAL, LOSS, GATE = 1 << 18, 10**6, (512, 2048)
Call = Callable[[], object]
#: (what is measured, fastact's call, the other's call)
Pair = tuple[str, Call, Call]

# Where a function is not for all numbers.
RANGES = {
    "erfinv": (-0.999, 0.999),
    "ndtri": (0.001, 0.999),
    "logit": (0.01, 0.99),
    "entr": (0.01, 9.0),
    "log1p": (-0.9, 9.0),
}
ONE = [
    "erf",
    "erfc",
    "erfcx",
    "ndtr",
    "log_ndtr",
    "erfinv",
    "ndtri",
    "log1p",
    "expm1",
    "logit",
    "entr",
]
TWO = ["xlogy", "xlog1py", "rel_entr", "logaddexp"]


def special() -> Iterator[Pair]:
    from scipy import special as scipy

    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        for name in (*ONE, *TWO):
            bounds = RANGES.get(name, (0.1, 5.0) if name in TWO else (-5.0, 5.0))
            arrays = [rng.uniform(*bounds, SPECIAL).astype(dtype) for _ in range(1 + (name in TWO))]
            out, function = np.empty_like(arrays[0]), getattr(fa, name)
            other = np.logaddexp if name == "logaddexp" else getattr(scipy, name)
            yield (
                f"{name}, {dtype}",
                lambda f=function, a=arrays, o=out: f(*a, out=o),
                lambda f=other, a=arrays, o=out: f(*a, out=o),
            )


def gates() -> Iterator[Pair]:
    import torch
    from torch.nn import functional as nn

    rng = np.random.default_rng(1)
    gate, value, g = (rng.normal(0, 2, GATE).astype("f4") for _ in range(3))
    packed = np.stack((gate, value), -1).reshape(GATE[0], -1)
    t_gate, t_value, t_packed, t_g = map(torch.from_numpy, (gate, value, packed, g))

    def gpt_oss(a: Any, b: Any) -> Any:
        a, b = a.clamp(max=7.0), b.clamp(-7.0, 7.0)
        return a * torch.sigmoid(1.702 * a) * (b + 1.0)

    given = {"alpha": 1.702, "limit": 7.0, "linear_offset": 1.0}
    forms: dict[str, tuple[Callable[..., Any], dict[str, Any], Callable[..., Any]]] = {
        "swiglu": (fa.swiglu, {}, lambda a, b: nn.silu(a) * b),
        "swiglu of gpt-oss": (fa.swiglu, given, gpt_oss),
        "geglu, tanh": (
            fa.geglu,
            {"approximate": "tanh"},
            lambda a, b: nn.gelu(a, approximate="tanh") * b,
        ),
        "reglu": (fa.reglu, {}, lambda a, b: torch.relu(a) * b),
        "situ_glu": (
            fa.situ_glu,
            {},
            lambda a, b: 4 * torch.tanh(a / 4) * torch.sigmoid(a) * 25 * torch.tanh(b / 25),
        ),
    }
    for name, (function, options, composed) in forms.items():

        def forward(c: Any = composed) -> Any:
            with torch.inference_mode():
                return c(t_gate, t_value)

        def backward(c: Any = composed) -> Any:
            a, b = t_gate.requires_grad_(), t_value.requires_grad_()
            return torch.autograd.grad(c(a, b), (a, b), t_g)

        yield name, lambda f=function, o=options: f(gate, value, **o), forward
        yield (
            f"{name}, gradients",
            lambda f=function, o=options: f.vjp(g, gate, value, **o),
            backward,
        )

    def unpacked() -> Any:
        with torch.inference_mode():
            return gpt_oss(t_packed[:, ::2], t_packed[:, 1::2])

    yield (
        "swiglu of gpt-oss, interleaved",
        lambda: fa.swiglu(packed, order="interleaved", **given),
        unpacked,
    )
    bias = rng.normal(size=GATE).astype("f4")
    t_bias = torch.from_numpy(bias)

    def attention() -> Any:
        with torch.inference_mode():
            return torch.softmax(50.0 * torch.tanh(t_gate / 50.0) + t_bias, -1)

    yield "softmax with cap and bias", lambda: fa.softmax(gate, cap=50.0, bias=bias), attention


def losses() -> Iterator[Pair]:
    import torch
    from torch.nn import functional as nn

    rng = np.random.default_rng(2)
    x, t = (rng.normal(0, 1, LOSS).astype("f4") for _ in range(2))
    share = rng.uniform(0.1, 0.9, LOSS).astype("f4")
    log = np.log(rng.uniform(0.1, 0.9, LOSS)).astype("f4")
    var = rng.uniform(0.5, 2.0, LOSS).astype("f4")
    forms: dict[str, tuple[Any, tuple[Any, ...], Callable[..., Any]]] = {
        "mse": (fa.mse, (x, t), nn.mse_loss),
        "l1": (fa.l1, (x, t), nn.l1_loss),
        "huber": (fa.huber, (x, t), nn.huber_loss),
        "smooth_l1": (fa.smooth_l1, (x, t), nn.smooth_l1_loss),
        "kl_div": (fa.kl_div, (log, share), lambda a, b: nn.kl_div(a, b, reduction="batchmean")),
        "poisson_nll": (fa.poisson_nll, (x, share), nn.poisson_nll_loss),
        "gaussian_nll": (fa.gaussian_nll, (x, t, var), nn.gaussian_nll_loss),
        "binary_cross_entropy_with_logits": (
            fa.binary_cross_entropy_with_logits,
            (x, share),
            nn.binary_cross_entropy_with_logits,
        ),
    }
    for name, (function, arrays, other) in forms.items():
        first, *rest = map(torch.from_numpy, arrays)

        def both(c: Any = other, a: Any = first, b: Any = rest) -> Any:
            a.requires_grad_()
            loss = c(a, *b)
            return loss, torch.autograd.grad(loss, a)

        yield f"{name}, mean and gradient", lambda f=function, a=arrays: f.value_and_grad(*a), both


GROUPS = {"Special functions, SciPy": special, "Gates, PyTorch": gates, "Losses, PyTorch": losses}
NEEDS = {"Special functions, SciPy": "scipy"}


def best(pair: Pair, rounds: int) -> tuple[float, float]:
    """Return the best time of either call in seconds."""
    _, ours, others = pair
    found = [np.inf, np.inf]
    ours(), others()
    for _ in range(rounds):
        for k, call in enumerate((ours, others)):
            start = time.perf_counter()
            call()
            found[k] = min(found[k], time.perf_counter() - start)
    return found[0], found[1]


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=60, show_default=True)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=OUTPUT, show_default=True
)
def others(rounds: int, output: Path) -> None:
    """Measure all pairs and print their tables."""
    about = machine.describe()
    text = [
        "# Speed of special functions, gates and losses",
        f"The other library's time divided by fastact's, the best of {rounds} rounds taken in turns by "
        f"`python bench/others.py`; {about['threads']} threads of an {about['processor']}, {about['backend']} backend.",
    ]
    for title, pairs in GROUPS.items():
        if reason := why_missing(NEEDS.get(title, "torch")):
            text.append(f"{title}: {reason}.")
            continue
        rows = []
        for pair in pairs():
            ours, other = best(pair, rounds)
            rows.append((pair[0], f"{1e6 * ours:.0f}", f"{other / ours:.2f}"))
        text.append(f"## {title}\n\n{table(('', 'fastact, us', 'ratio'), rows)}")
    output.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    click.echo("\n\n".join(text))


if __name__ == "__main__":
    others()
