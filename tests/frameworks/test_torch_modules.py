"""fastact.torch: modules, their exchange in a model, and torch.compile."""

from __future__ import annotations

import ast
import copy
import inspect
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="fastact.torch needs PyTorch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import fastact.torch as ft  # noqa: E402
from fastact.functions.stub_torch import stub  # noqa: E402


def modules() -> list[Any]:
    """Return a module of each class, some with other arguments than the defaults."""
    made = {
        "LeakyReLU": [0.2],
        "GELU": ["tanh"],
        "Softplus": [2.0, 5.0],
        "Threshold": [0.1, -2.0],
        "Softmax": [-1],
        "Softmin": [0],
        "LogSoftmax": [1],
        "PReLU": [8],
        "Hardtanh": [-0.5, 0.7],
        "CrossEntropyLoss": [torch.rand(8)],
        "BCEWithLogitsLoss": [torch.rand(8), None, None, "sum"],
        "KLDivLoss": [None, None, "batchmean"],
        "HuberLoss": ["none", 0.3],
    }
    return [getattr(nn, name)(*made.get(name, ())) for name in ft.CLASSES]


def inputs_of(module: Any) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    name = type(module).__name__
    x = torch.rand(4, 8, generator=generator)
    if not name.endswith("Loss"):
        return [6 * x.reshape(1, 8, 2, 2) - 3] if name == "Softmax2d" else [6 * x - 3]
    if name in ("NLLLoss", "CrossEntropyLoss"):
        return [x, torch.tensor([0, 7, -100, 3])]
    target, var = (torch.rand(4, 8, generator=generator) for _ in range(2))
    return [x, target, var + 0.1] if name == "GaussianNLLLoss" else [x, target]


def test_modules_in_a_model() -> None:
    model = nn.ModuleDict({type(one).__name__: one for one in modules()})
    state, seen = copy.deepcopy(model.state_dict()), []
    hook = model["GELU"].register_forward_hook(lambda *_: seen.append(1))
    expected = {name: one(*inputs_of(one)) for name, one in model.items() if name != "RReLU"}
    model.eval()
    rrelu = model["RReLU"](inputs_of(model["RReLU"])[0])
    torch.testing.assert_close(ft.replace(model)["RReLU"](*inputs_of(model["RReLU"])), rrelu)
    assert ft.replace(model) is model and not model["RReLU"].training
    for name, one in model.items():
        assert type(one) is getattr(ft, name) and isinstance(one, getattr(nn, name))
        assert "fastact" not in repr(one)
        if name in expected:
            found = one(*inputs_of(one))
            torch.testing.assert_close(found, expected[name], rtol=1e-5, atol=1e-6, msg=name)
    assert len(seen) == 2
    hook.remove()
    for name, one in model.state_dict().items():
        assert torch.equal(one, state[name])
    kept = io.BytesIO()
    torch.save(model, kept)
    kept.seek(0)
    assert type(torch.load(kept, weights_only=False)["GELU"]) is ft.GELU


def test_training_of_learned_and_drawn_slopes() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 3)
    prelu, theirs = ft.PReLU(3), nn.PReLU(3)
    for one in (prelu, theirs):
        one(x).square().sum().backward()
    torch.testing.assert_close(prelu.weight.grad, theirs.weight.grad)
    x.requires_grad_()
    y = ft.RReLU(0.2, 0.4)(x)
    slopes = (y / x).detach()
    drawn = slopes[x < 0]
    assert drawn.min() >= 0.2 and drawn.max() <= 0.4 and drawn.std() > 0.03
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.where(x < 0, slopes, 1.0))
    assert torch.equal(ft.RReLU().eval()(x), ft.leaky_relu(x, (1 / 8 + 1 / 3) / 2))


def test_the_compiler_is_not_imported() -> None:
    program = (
        "import sys, torch, torch.nn.functional; before = 'torch._dynamo' in sys.modules; import fastact.torch; "
        "assert ('torch._dynamo' in sys.modules) == before"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=100)


def test_an_exported_program_is_loaded_by_another_process(tmp_path: Path) -> None:
    layers = nn.Sequential(ft.GELU(), ft.RReLU(), ft.Softmax(-1)).eval()
    x = torch.ones(2, 3)
    torch.export.save(torch.export.export(layers, (x,)), tmp_path / "program.pt2")
    program = (
        "import sys, torch, fastact.torch; fastact.torch.register_operators(); "
        "print(torch.export.load(sys.argv[1]).module()(torch.ones(2, 3)).sum().item())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "program.pt2")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.stdout and abs(float(done.stdout) - 2.0) < 1e-6, done.stderr


def test_the_stub_has_what_is_there() -> None:
    tree = ast.parse(stub())
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    classes = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
    assert {*functions, *classes} == {*ft.__all__}
    calls = {name: getattr(ft, name) for name in functions}
    nodes = {**functions, **{name: one.body[-1] for name, one in classes.items()}}
    calls |= {name: getattr(ft, name).forward for name in classes}
    for name, node in nodes.items():
        given = node.args
        shown = inspect.signature(calls[name]).parameters
        names = [one.arg for one in (*given.args, *given.kwonlyargs)]
        assert names == [*shown], name
        by_name = [one for one, value in shown.items() if value.kind is value.KEYWORD_ONLY]
        assert by_name == [one.arg for one in given.kwonlyargs], name
        defaults = [*given.defaults, *given.kw_defaults]
        known = [value.default for value in shown.values() if value.default is not value.empty]
        assert [ast.literal_eval(one) for one in defaults if one is not None] == known, name
        assert ast.get_docstring(classes.get(name, node)) == inspect.getdoc(getattr(ft, name)), name


def test_what_is_not_known_is_left_and_named() -> None:
    class Own(nn.ReLU):
        pass

    model = nn.Sequential(Own(), nn.MultiheadAttention(4, 2), nn.Linear(2, 2), nn.ReLU())
    with pytest.raises(TypeError, match="model is int, expected"):
        ft.replace(3)
    with pytest.warns(UserWarning, match=r"left as they are: MultiheadAttention, .*Own"):
        ft.replace(model)
    assert [type(one).__module__.partition(".")[0] for one in model] == [
        __name__,
        "torch",
        "torch",
        "fastact",
    ]


class Everything(nn.Module):
    """Functions and modules of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, 8), ft.GELU(), ft.PReLU(8), ft.LeakyReLU(0.1, True)
        )

    def forward(self, x: Any, target: Any) -> Any:
        x = ft.elu(self.layers(x), alpha=0.7) + ft.softplus(x)
        x = x + ft.softmax(x, -1) + ft.swiglu(x, x) + ft.logsumexp(x, -1, keepdim=True)
        x = x + torch.cat((ft.glu(x), ft.sparsemax(x)[:, :4]), 1)
        return ft.cross_entropy(x, target, label_smoothing=0.1) + ft.mse_loss(x, x.detach() + 1)


@pytest.mark.filterwarnings("default")
def test_compiled() -> None:
    torch.manual_seed(0)
    model, x, target = Everything(), torch.randn(4, 8), torch.tensor([0, 5, 7, 1])
    expected = model(x, target)
    expected.backward()
    gradients = [one.grad for one in model.parameters()]
    model.zero_grad(set_to_none=True)
    found = torch.compile(model, backend="aot_eager", fullgraph=True)(x, target)
    found.backward()
    torch.testing.assert_close(found, expected)
    for one, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(one.grad, gradient)


@pytest.mark.filterwarnings("default")
def test_compiled_by_inductor() -> None:
    x = torch.randn(4, 8, requires_grad=True)
    compiled = torch.compile(lambda x: ft.leaky_relu(2 * ft.gelu(x), 0.2), fullgraph=True)
    try:
        found = compiled(x)
    except torch._inductor.exc.InductorError as error:
        pytest.skip(f"no compiler that works: {error}"[:80])
    expected = F.leaky_relu(2 * F.gelu(x), 0.2)
    torch.testing.assert_close(found, expected)
    (gx,) = torch.autograd.grad(found.sum(), x)
    torch.testing.assert_close(gx, torch.autograd.grad(expected.sum(), x)[0])
