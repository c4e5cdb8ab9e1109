"""fastact.torch: the functions beside PyTorch's, their gradients, layouts and dtypes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fastact.torch needs PyTorch")
from torch.nn import functional as F  # noqa: E402

import fastact as fa  # noqa: E402
import fastact.torch as ft  # noqa: E402
from fastact.torch import tensors  # noqa: E402

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
UNIT = ("logit", "ndtri", "binary_cross_entropy")
POSITIVE = ("log1mexp", "log_expm1", "entr", "log1p", "poisson_nll_loss")


def options_of(name: str) -> dict[str, Any]:
    """Return options other than the defaults, and those without a default."""
    given = {
        "alpha": 1.3,
        "negative_slope": 0.2,
        "beta": 1.7,
        "cap": 2.0,
        "threshold": 0.1,
        "value": -0.5,
        "dim": 1,
        "lambd": 0.3,
        "label_smoothing": 0.1,
        "delta": 0.7,
        "limit": 3.0,
        "approximate": "tanh",
        "log_target": True,
        "full": True,
    }
    return {one: given[one] for one in ft.FUNCTIONS[name].operation.options if one in given}


def tensors_of(name: str, dtype: Any = torch.float64, shape: Any = (4, 6)) -> list[Any]:
    """Return the tensors that a function takes, in its domain; the first has a gradient."""
    generator = torch.Generator().manual_seed(3)

    def drawn(low: float, high: float, *size: int) -> Any:
        return torch.empty(size, dtype=torch.float64).uniform_(low, high, generator=generator)

    bounds = (0.1, 0.9) if name in UNIT else (0.2, 3.0) if name in POSITIVE else (-3.0, 3.0)
    bounds = (-0.9, 0.9) if name == "erfinv" else bounds
    found = [drawn(*bounds, *shape).to(dtype).requires_grad_()]
    for one in ft.FUNCTIONS[name].operation.tensors[1:]:
        if one == "target" and name in ("nll_loss", "cross_entropy"):
            found.append(torch.arange(shape[0]) % shape[1])
        elif one == "weight" and name not in (
            "mse_loss",
            "l1_loss",
            "huber_loss",
        ):  # of each class, channel or element
            found.append(drawn(0.3, 1.0, shape[1]).to(dtype))
        else:
            found.append(drawn(0.1, 0.9, *shape).to(dtype))
    return found


NAMES = [name for name in ft.FUNCTIONS if name != "rrelu"]


def required(name: str) -> dict[str, Any]:
    shown = inspect.signature(ft.FUNCTIONS[name]).parameters
    chosen = options_of(name)
    return {one: value for one, value in chosen.items() if shown[one].default is shown[one].empty}


def call(name: str, tensors: Sequence[Any], options: dict[str, Any], function: Any = None) -> Any:
    """Call a function, or PyTorch's of the same arguments, with its tensors by name."""
    ours = ft.FUNCTIONS[name]
    first, *others = zip(ours.operation.tensors, tensors, strict=True)
    return (function or ours)(first[1], **dict(others), **options)


def test_gradients_of_every_function() -> None:
    for name in NAMES:
        function, tensors = ft.FUNCTIONS[name], tensors_of(name)
        for place in function.operation.kernels.differentiable:
            tensors[place].requires_grad_()
        for options in (required(name), options_of(name)):
            assert torch.autograd.gradcheck(lambda *x, n=name, o=options: call(n, x, o), tensors), (
                name
            )


def theirs(name: str) -> Any:
    """Return PyTorch's function of a name, if it has one."""
    found = [getattr(module, name, None) for module in (F, torch, torch.special)]
    return next((one for one in found if one is not None), None)


@pytest.mark.filterwarnings("ignore:.*(Implicit dimension choice|batchmean):UserWarning")
def test_values_and_gradients_are_those_of_pytorch() -> None:
    compared = 0
    for name in NAMES:
        if (function := theirs(name)) is None:
            continue
        for dtype in DTYPES:
            if dtype.itemsize == 2 and name in (
                "erfcx",
                "log_ndtr",
                "ndtri",
            ):  # which PyTorch refuses
                continue
            near = 32 * torch.finfo(dtype).eps
            given, again = (tensors_of(name, dtype) for _ in range(2))
            dim = {"dim": 1} if "dim" in ft.FUNCTIONS[name].operation.options else {}
            options = {**required(name), **dim}
            ours, other = call(name, given, options), call(name, again, options, function)
            assert ours.dtype is dtype and ours.shape == other.shape, name
            torch.testing.assert_close(ours, other, rtol=near, atol=near, msg=f"{name} {dtype}")
            g = torch.linspace(-1.0, 1.0, ours.numel(), dtype=dtype).reshape(ours.shape)
            (gx,), (expected,) = (
                torch.autograd.grad(one, of[0], g) for one, of in ((ours, given), (other, again))
            )
            near = max(
                near, 1e-8
            )  # the slope of PyTorch's hardsigmoid is float32's 1/6 in float64, too
            torch.testing.assert_close(gx, expected, rtol=near, atol=near, msg=f"{name} {dtype}")
        compared += 1
    assert compared > 40


def test_16_bits_are_float32_rounded_once() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        x = torch.linspace(-5, 5, 300).to(dtype)
        for name in ("gelu", "softsign", "mish", "hardswish"):
            function = ft.FUNCTIONS[name]
            assert torch.equal(function(x), function(x.float()).to(dtype)), name
        y, wide = x.clone().requires_grad_(), x.float().requires_grad_()
        for one in (y, wide):
            ft.silu(one).sum().backward()
        assert torch.equal(y.grad, wide.grad.to(dtype))


def test_bfloat16_without_ml_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.linspace(-5, 5, 300).bfloat16()
    results = []
    for _ in range(2):
        y, z = x.clone().requires_grad_(), x.clone()
        (gy,) = torch.autograd.grad(ft.gelu(y).sum(), y)
        results.append([gy, ft.gelu(y), ft.silu(z, inplace=True), z, ft.mse_loss(y, z)])
        monkeypatch.setattr(tensors, "_BFLOAT16", None)
    for first, second in zip(*results, strict=True):
        assert first.dtype is torch.bfloat16 and torch.equal(first, second)


def test_any_layout() -> None:
    whole = torch.randn(6, 8, 4, 4)
    views = [
        whole.to(memory_format=torch.channels_last),
        whole[::2, 1::3],
        whole.permute(3, 1, 0, 2),
        whole[0, 0, 0, 0],
        whole[:0],
        whole[:, :1].expand(6, 3, 4, 4),
    ]
    for x in views:
        for name in ("gelu", "tanh", "softmax", "glu", "logsumexp"):
            if x.dim() == 0 and name in ("softmax", "glu", "logsumexp"):
                continue
            options = {"dim": -1} if name in ("softmax", "glu", "logsumexp") else {}
            given = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
            plain = x.detach().contiguous().requires_grad_()
            ours, expected = (call(name, [one], options) for one in (given, plain))
            torch.testing.assert_close(ours, expected, rtol=0, atol=0)
            if name in ("gelu", "tanh") and x.numel():
                assert ours.stride() == torch.empty_like(given).stride()
            (gx,) = torch.autograd.grad(ours.sum(), given)  # whose gradient has strides of 0
            (expected,) = torch.autograd.grad(expected.sum(), plain)
            torch.testing.assert_close(gx, expected, rtol=1e-6, atol=1e-6)


def test_in_place() -> None:
    for name in ("relu", "elu", "silu", "mish"):
        function = ft.FUNCTIONS[name]
        for dtype in DTYPES:
            x = torch.linspace(-3, 3, 50, dtype=dtype)
            expected, y = function(x), x.clone()
            version = y._version
            assert function(y, inplace=True) is y and y._version == version + 1
            assert torch.equal(y, expected)
            leaf, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
            inner = leaf * 1.0
            result = function(inner, inplace=True)
            assert result.data_ptr() == inner.data_ptr()
            result.sum().backward()
            function(plain).sum().backward()
            assert torch.equal(leaf.grad, plain.grad)
    with pytest.raises(RuntimeError, match="leaf"):
        ft.relu(torch.ones(3, requires_grad=True), inplace=True)


def test_graphs() -> None:
    x = torch.randn(10, requires_grad=True)
    with torch.no_grad():
        assert ft.gelu(x).grad_fn is None
    with torch.inference_mode():
        assert torch.equal(ft.relu(torch.ones(2), inplace=True), torch.ones(2))
    assert ft.gelu(x.detach()).grad_fn is None and ft.gelu(x).grad_fn is not None
    (gx,) = torch.autograd.grad(ft.gelu(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match=r"gelu.* no second derivative"):
        gx.sum().backward()
    for transform in (torch.vmap, torch.func.grad):
        with pytest.raises(RuntimeError, match=r"^gelu.* does not support torch\.func"):
            transform(lambda x: ft.gelu(x).sum())(torch.ones(3))
    loss = ft.mse_loss(x, torch.ones(10))
    (gx,) = torch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(RuntimeError, match=r"mse_loss.* no second derivative"):
        gx.sum().backward()
    loss = ft.mse_loss(x, torch.ones(10))
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close(x.grad, 2 * 2 * (x.detach() - 1) / 10)


def test_gates_of_one_or_two_tensors() -> None:
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    gate, value = x.chunk(2, -1)
    for name in ("swiglu", "geglu", "reglu", "situ_glu"):
        function = ft.FUNCTIONS[name]
        assert torch.equal(function(x), function(gate, value))
        assert torch.autograd.gradcheck(function, [x])
    np.testing.assert_array_equal(ft.swiglu(x).detach(), fa.swiglu(x.detach().numpy()))


def test_operators_are_registered_as_pytorch_wants_them() -> None:
    for name in ("leaky_relu", "tanh", "softmax", "logsumexp", "prelu", "swiglu", "huber_loss"):
        function = ft.FUNCTIONS[name].operation
        options = {**dict.fromkeys(function.options), **options_of(name)}
        options = {**options, "reduction": "none", "keepdim": False}
        defaults = {
            one: value.default
            for one, value in inspect.signature(ft.FUNCTIONS[name]).parameters.items()
        }
        given = [
            options[one] if options[one] is not None else defaults[one] for one in function.options
        ]
        torch.library.opcheck(function.operator, (*tensors_of(name), *given))
