"""What mypy and pyright say of a user's program: its mistakes, and the types of its results."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastact as fa

HEAD = """\
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fastact as fa

x: NDArray[np.float32] = np.ones((2, 4), np.float32)
d: NDArray[np.float64] = np.ones((2, 4))
h: NDArray[np.float16] = np.ones((2, 4), np.float16)
i: NDArray[np.int64] = np.arange(2)
"""

MISTAKES = (
    "fa.gelo(x)",
    "fa.leaky_relu(x, alpha=0.1)",
    "fa.softmax(x, dim=1)",
    'fa.softmax(x, axis="rows")',
    "fa.gelu.grad(x)",
    "fa.use_backend(3)",
    "fa.gelu(x=x)",
    "fa.Elementwise",
    'fa.gelu(x, approximate="Tanh")',
    'fa.mse(x, x, reduction="avg")',
    'fa.set_backend("torch")',
    'fa.gelu("abc")',
    "fa.gelu.vjp_from_output(x, x)",
    "fa.step.vjp_from_output(x, x)",
    "fa.softmax.derivative(x)",
    "fa.relu.parameter_vjp(x, x)",
    'fa.glu(x, order="gate")',
    'fa.glu(x, x, order="gate_first")',
    'fa.gelu(["a", "b"])',
    "fa.gelu(1j)",
    "fa.gelu(None)",
    'fa.cross_entropy("abc", i)',
    'fa.get("gelu").vjp_from_output(x, x)',
    "fa.activation(3)",
)

# With PyTorch.
TORCH_HEAD = """
import torch
import fastact.torch as ft

t: torch.Tensor = torch.ones(2, 4)
labels: torch.Tensor = torch.arange(2)
"""
TORCH_MISTAKES = (
    "ft.gelo(t)",
    "ft.gelu(x)",
    'ft.gelu(t, approximate="Tanh")',
    'ft.gelu(t, "tanh")',
    "ft.softmax(t, axis=1)",
    'ft.logsumexp(t, "rows")',
    'ft.mse_loss(t, t, reduction="avg")',
    "ft.swiglu(t, 1.0)",
    "ft.GELU()(x)",
    'ft.LeakyReLU("0.1")',
    "ft.replace(t)",
)
TORCH_TYPES = {
    "ft.gelu(t)": "torch.Tensor",
    "ft.softmax(t, dim=-1, dtype=torch.float64)": "torch.Tensor",
    "ft.logsumexp(t, (0, 1), keepdim=True)": "torch.Tensor",
    "ft.swiglu(t, limit=2.0)": "torch.Tensor",
    "ft.cross_entropy(t, labels, label_smoothing=0.1)": "torch.Tensor",
    'ft.GELU("tanh")(t)': "torch.Tensor",
    "ft.CrossEntropyLoss()(t, labels)": "torch.Tensor",
    "ft.replace(torch.nn.Sequential(ft.ReLU()))": "torch.nn.Sequential",
}

# An expression -> its type.
TYPES = {
    "fa.gelu(x)": "NDArray[np.float32]",
    "fa.gelu(h)": "NDArray[np.float16]",
    "fa.gelu(d)": "NDArray[np.float64]",
    "fa.gelu(i)": "NDArray[np.float64]",
    "fa.gelu([[1, 2], [3, 4.5]])": "NDArray[np.float64]",
    "fa.gelu(range(3))": "NDArray[np.float64]",
    "fa.gelu(1.0)": "np.float64",
    "fa.gelu(np.int8(1))": "np.float64",
    "fa.gelu(np.float32(1))": "np.float32",
    "fa.gelu(x, out=d)": "NDArray[np.float64]",
    "fa.gelu(x, out=(d,))": "NDArray[np.float64]",
    "fa.gelu(x, dtype=np.float16)": "NDArray[np.float16]",
    'fa.gelu(x, "tanh", limit=3, where=x > 0)': "NDArray[np.float32]",
    "fa.leaky_relu(x, [0.1, 0.2, 0.3, 0.4])": "NDArray[np.float32]",
    "fa.swish(x)": "NDArray[np.float32]",
    "fa.elu.derivative(x, alpha=0.5)": "NDArray[np.float32]",
    "fa.elu.vjp(x, x)": "NDArray[np.float32]",
    "fa.elu.vjp_from_output(x, x)": "NDArray[np.float32]",
    "fa.elu.value_and_derivative(x)": "tuple[NDArray[np.float32], NDArray[np.float32]]",
    "fa.elu.value_and_derivative(x, out=(x, d))": "tuple[NDArray[np.float32], NDArray[np.float64]]",
    "fa.elu.parameter_vjp(x, x)": "dict[str, Any]",
    "fa.logaddexp(x, x)": "NDArray[np.float32]",
    "fa.logaddexp.vjp(x, x, x)": "tuple[NDArray[np.float32], NDArray[np.float32]]",
    "fa.prelu.vjp(x, x, 0.1)": "tuple[NDArray[np.float32], Any]",
    "fa.rrelu(x, training=True, rng=1)": "NDArray[np.float32]",
    "fa.softmax(x, axis=(0, 1), temperature=2)": "NDArray[np.float32]",
    "fa.softmax([1, 2])": "NDArray[np.float64]",
    "fa.softmax.vjp(x, x)": "NDArray[np.float32]",
    "fa.softmax.vjp(x, x, bias=x)": "Any",
    "fa.logsumexp(x)": "np.float32",
    "fa.logsumexp(x, axis=0, keepdims=True)": "NDArray[np.float32]",
    "fa.entmax.vjp(x, x, by_alpha=True)": "tuple[Any, Any]",
    "fa.swiglu(x, x)": "NDArray[np.float32]",
    'fa.swiglu(x, axis=0, order="interleaved")': "NDArray[np.float32]",
    "fa.swiglu.vjp(x, x)": "NDArray[np.float32]",
    "fa.swiglu.vjp(x, x, x)": "tuple[NDArray[np.float32], NDArray[np.float32]]",
    "fa.maxout(x, 2)": "NDArray[np.float32]",
    "fa.crelu.vjp(x, x)": "NDArray[np.float32]",
    "fa.cross_entropy(x, [0, 1])": "np.float32",
    'fa.cross_entropy(x, i, reduction="none")': "NDArray[np.float32]",
    "fa.cross_entropy.value_and_grad(x, i)": "tuple[np.float32, NDArray[np.float32]]",
    "fa.cross_entropy.vjp(1.0, x, i)": "NDArray[np.float32]",
    'fa.kl_div(x, x, reduction="batchmean")': "np.float32",
    "fa.mse([1.0], [2.0])": "np.float64",
    'fa.get("silu")(x)': "NDArray[np.float32]",
    "fa.gelu.name": "str",
    "fa.names()": "list[str]",
}

RIGHT = """

class Series:  # as those of pandas
    def __array__(self) -> Any: ...


assert_type(fa.gelu(Series()), Any)
assert_type(fa.softmax(Series()), Any)
assert_type(fa.swiglu(Series(), x), Any)
assert_type(fa.mse(Series(), x), Any)


def general(name: str) -> Any:
    return fa.get(name).derivative(x)


@fa.activation
def mine(x: float, beta: float = 1.0) -> float:
    return x * fa.sigmoid(beta * x)


assert_type(mine(x, beta=2.0), NDArray[np.float32])
assert_type(mine.derivative(x, 2.0), NDArray[np.float32])
assert_type(mine.value_and_derivative(1.0), tuple[np.float64, np.float64])
assert_type(mine.parameter_vjp(x, x)["beta"], Any)


@mine.derivative
def declared(x: float, beta: float = 1.0) -> float:
    return 1.0


assert_type(declared.vjp(x, x), NDArray[np.float32])
before = fa.get_backend()
for backend in fa.backends():
    with fa.use_backend(backend):
        fa.gelu(x)
fa.set_backend(before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_mistakes_are_found_and_types_are_known(checker: str, tmp_path: Path) -> None:
    if find_spec(checker) is None:
        pytest.skip(f"{checker} is not here: it needs the extra `dev`")
    head, mistakes, known = HEAD, MISTAKES, TYPES
    files = ["right.py", "wrong.py", "fastact/__init__.pyi"]
    if find_spec("torch") is not None:
        head, mistakes, known = HEAD + TORCH_HEAD, MISTAKES + TORCH_MISTAKES, TYPES | TORCH_TYPES
        files.append("fastact/torch/__init__.pyi")
    types = [f"assert_type({expression}, {type_})" for expression, type_ in known.items()]
    (tmp_path / "wrong.py").write_text("\n".join([head, *mistakes]), encoding="utf-8")
    (tmp_path / "right.py").write_text("\n".join([head, *types, RIGHT]), encoding="utf-8")
    (tmp_path / "fastact").symlink_to(Path(fa.__file__).parent)
    found = errors(checker, tmp_path, files)
    first = head.count("\n") + 2
    wrong = {line for file, line in found if file == "wrong.py"}
    missed = set(range(first, first + len(mistakes))) - wrong
    assert not [mistakes[line - first] for line in missed]
    assert not {place: message for place, message in found.items() if place[0] != "wrong.py"}


def errors(checker: str, folder: Path, files: list[str]) -> dict[tuple[str, int], str]:
    """Return what the checker finds in the programs and in the stubs: file and line -> message."""
    if checker == "pyright":
        said = run(folder, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *files)
        if not said.startswith("{"):
            pytest.skip(f"pyright does not run here: {said}")
        return {
            (Path(one["file"]).name, one["range"]["start"]["line"] + 1): one["message"]
            for one in json.loads(said)["generalDiagnostics"]
            if one["severity"] == "error"
        }
    said = run(folder, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir=cache",
               "--config-file=", *files)  # fmt: skip
    assert "error: " in said, said
    lines = re.findall(r"^(\S+?):(\d+): error: (.*)$", said, re.MULTILINE)
    return {(Path(file).name, int(line)): message for file, line, message in lines}


def run(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.stdout or done.stderr
