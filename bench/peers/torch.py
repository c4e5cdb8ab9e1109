"""PyTorch: its kernels with a given `out`, and its backward kernels for the vector-Jacobian products.

Functions with a Python binding are called through it, in half the time of the dispatcher (2.4 against
6.0 us for one element of sigmoid). Backward kernels have none and are called through the dispatcher's
operator, without the checks around it. If an overload with `out` computes elsewhere and copies (relu,
celu, mish, hardswish_backward: up to 8 times the work), a kernel that writes into the result directly
is called, or else the one that allocates. Functions without a kernel are composed of other kernels,
without temporary arrays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from . import Arrays, Call, Key, Maker, torch_rows
from .formulas import REQUIRED

VERSION = torch.__version__

_SCALE, _ALPHA = 1.0507009873554804934, 1.6732632423543772848
_nn = torch._C._nn
_aten = torch.ops.aten


def native(array: np.ndarray) -> torch.Tensor:
    if array.dtype.name == "bfloat16":  # which PyTorch does not take
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


target = native


def context() -> contextlib.AbstractContextManager[object]:
    return torch.inference_mode()


def set_num_threads(count: int) -> None:
    torch.set_num_threads(count)


def _forward(function: Callable[..., Any], *options: Any, **named: Any) -> Maker:
    def make(a: Arrays) -> Call:
        return partial(function, a.x, *options, out=a.out, **named)

    return make


def _backward(name: str, *options: Any, given: str = "x", **named: Any) -> Maker:
    kernel = getattr(_aten, name).grad_input._op

    def make(a: Arrays) -> Call:
        return partial(kernel, a.g, getattr(a, given), *options, grad_input=a.out, **named)

    return make


def _allocating(name: str) -> Maker:
    kernel = getattr(_aten, name).default._op
    return lambda a: partial(kernel, a.g, a.x)


def _composed(compute: Callable[[Arrays], Any]) -> Maker:
    return lambda a: partial(compute, a)


def _elu_backward(alpha: float, scale: float, input_scale: float) -> Maker:
    kernel = _aten.elu_backward.grad_input._op

    def make(a: Arrays) -> Call:
        return partial(kernel, a.g, alpha, scale, input_scale, False, a.x, grad_input=a.out)

    return make


def _leaky_relu_backward(a: Arrays) -> Call:
    kernel = _aten.leaky_relu_backward.grad_input._op
    return partial(kernel, a.g, a.x, 0.01, False, grad_input=a.out)


def _step(a: Arrays) -> Call:
    # 1.5 us against 3.0 for one element, 900 us against 21 for 262,144.
    if a.x.numel() < 100:
        return partial(torch.heaviside, a.x, torch.ones((), dtype=a.x.dtype), out=a.out)
    return partial(torch.ge, a.x, 0, out=a.out)


def _log_sigmoid(a: Arrays) -> Call:
    # Without a given buffer for exp(-|x|) it allocates one at every call.
    kernel, buffer = _aten.log_sigmoid_forward.output._op, torch.empty_like(a.x)

    def call() -> torch.Tensor:
        kernel(a.x, output=a.out, buffer=buffer)
        return a.out

    return call


def _log_sigmoid_backward(a: Arrays) -> Call:
    buffer = torch.exp(-torch.abs(a.x))
    kernel = _aten.log_sigmoid_backward.grad_input._op
    return partial(kernel, a.g, a.x, buffer, grad_input=a.out)


_sigmoid_backward = _aten.sigmoid_backward.grad_input._op
_silu_backward = _aten.silu_backward.grad_input._op
_tanh_backward = _aten.tanh_backward.grad_input._op
_hardtanh_backward = _aten.hardtanh_backward.grad_input._op


def _sigmoid_vjp(a: Arrays) -> Any:
    return _sigmoid_backward(a.g, torch.sigmoid(a.x, out=a.out), grad_input=a.out)


def _tanh_vjp(a: Arrays) -> Any:
    return _tanh_backward(a.g, torch.tanh(a.x, out=a.out), grad_input=a.out)


def _softcap_vjp(a: Arrays) -> Any:
    return _tanh_backward(a.g, torch.div(a.x, REQUIRED, out=a.out).tanh_(), grad_input=a.out)


def _quick_gelu_vjp(a: Arrays) -> Any:
    # The derivative of silu(k·x)/k is silu′(k·x).
    return _silu_backward(a.g, torch.mul(a.x, 1.702, out=a.out), grad_input=a.out)


def _sparse_sigmoid_vjp(a: Arrays) -> Any:
    return _hardtanh_backward(a.g, a.x, -1, 1, grad_input=a.out).mul_(0.5)


def _softsign_vjp(a: Arrays) -> Any:
    root = torch.abs(a.x, out=a.out).add_(1)
    return torch.div(a.g, root.mul_(root), out=a.out)


def _squareplus_vjp(a: Arrays) -> Any:
    root = torch.mul(a.x, a.x, out=a.out).add_(4).rsqrt_()
    return root.mul_(a.x).add_(1).mul_(0.5).mul_(a.g)


def _relu_squared(a: Arrays) -> Any:
    return torch.clamp_min(a.x, 0, out=a.out).mul_(a.out)


def _sparse_plus(a: Arrays) -> Any:
    # max(x, ramp²) with ramp = clip((x + 1)/2, 0, 1); x exceeds it from 1 on.
    ramp = torch.mul(a.x, 0.5, out=a.out).add_(0.5).clamp_(0, 1)
    return torch.maximum(ramp.mul_(ramp), a.x, out=a.out)


COMPOSING: dict[Key, Callable[[Arrays], Any]] = {
    ("laplace", "forward"): lambda a: torch.special.ndtr(
        torch.sub(a.x, 0.707107, out=a.out).mul_(1 / 0.282095), out=a.out
    ),
    ("lisht", "forward"): lambda a: torch.tanh(a.x, out=a.out).mul_(a.x),
    ("snake", "forward"): lambda a: torch.sin(a.x, out=a.out).square_().add_(a.x),
    ("star_relu", "forward"): lambda a: (
        torch.clamp_min(a.x, 0, out=a.out).square_().mul_(0.8944).add_(-0.4472)
    ),
    ("sqrt_softplus", "forward"): lambda a: _nn.softplus(a.x, out=a.out).sqrt_(),
    ("relu_squared", "forward"): _relu_squared,
    ("relu_squared", "vjp"): lambda a: torch.clamp_min(a.x, 0, out=a.out).mul_(a.g).mul_(2),
    ("sparse_plus", "forward"): _sparse_plus,
    ("sparse_plus", "vjp"): lambda a: (
        torch.mul(a.x, 0.5, out=a.out).add_(0.5).clamp_(0, 1).mul_(a.g)
    ),
    ("sparse_sigmoid", "forward"): lambda a: torch.mul(a.x, 0.5, out=a.out).add_(0.5).clamp_(0, 1),
    ("sparse_sigmoid", "vjp"): _sparse_sigmoid_vjp,
    ("softsign", "forward"): lambda a: torch.div(a.x, torch.abs(a.x, out=a.out).add_(1), out=a.out),
    ("softsign", "vjp"): _softsign_vjp,
    ("squareplus", "forward"): lambda a: (
        torch.mul(a.x, a.x, out=a.out).add_(4).sqrt_().add_(a.x).mul_(0.5)
    ),
    ("squareplus", "vjp"): _squareplus_vjp,
    ("exponential", "vjp"): lambda a: torch.exp(a.x, out=a.out).mul_(a.g),
    ("sigmoid", "vjp"): _sigmoid_vjp,
    ("tanh", "vjp"): _tanh_vjp,
    ("tanh_shrink", "forward"): lambda a: torch.sub(a.x, torch.tanh(a.x, out=a.out), out=a.out),
    ("tanh_shrink", "vjp"): lambda a: torch.tanh(a.x, out=a.out).mul_(a.out).mul_(a.g),
    ("softcap", "forward"): lambda a: torch.div(a.x, REQUIRED, out=a.out).tanh_().mul_(REQUIRED),
    ("softcap", "vjp"): _softcap_vjp,
    ("quick_gelu", "forward"): lambda a: torch.mul(a.x, 1.702, out=a.out).sigmoid_().mul_(a.x),
    ("quick_gelu", "vjp"): _quick_gelu_vjp,
}

COMPOSED = frozenset(COMPOSING) | torch_rows.COMPOSED

CALLS: dict[Key, Maker] = {
    **torch_rows.CALLS,
    **{key: _composed(compute) for key, compute in COMPOSING.items()},
    ("identity", "forward"): lambda a: partial(a.out.copy_, a.x),
    ("identity", "vjp"): lambda a: partial(a.out.copy_, a.g),
    ("step", "forward"): _step,
    ("step", "vjp"): lambda a: partial(torch.mul, a.g, 0, out=a.out),
    ("hard_tanh", "forward"): _forward(_nn.hardtanh, -1, 1),
    ("hard_tanh", "vjp"): _backward("hardtanh_backward", -1, 1),
    ("hard_sigmoid", "forward"): _forward(_nn.hardsigmoid),
    ("hard_sigmoid", "vjp"): _backward("hardsigmoid_backward"),
    ("relu", "forward"): _forward(torch.clamp_min, 0),
    ("relu", "vjp"): _backward("threshold_backward", 0),
    ("relu6", "forward"): _forward(_nn.hardtanh, 0, 6),
    ("relu6", "vjp"): _backward("hardtanh_backward", 0, 6),
    ("leaky_relu", "forward"): _forward(_nn.leaky_relu, 0.01),
    ("leaky_relu", "vjp"): _leaky_relu_backward,
    ("threshold", "forward"): _forward(_aten.threshold.out._op, 1, 0),
    ("threshold", "vjp"): _backward("threshold_backward", 1),
    ("hard_shrink", "forward"): _forward(_aten.hardshrink.out._op, 0.5),
    ("hard_shrink", "vjp"): _backward("hardshrink_backward", 0.5),
    ("soft_shrink", "forward"): _forward(_nn.softshrink, 0.5),
    ("soft_shrink", "vjp"): _backward("softshrink_backward", 0.5),
    ("hard_swish", "forward"): _forward(_nn.hardswish),
    ("hard_swish", "vjp"): _allocating("hardswish_backward"),
    ("exponential", "forward"): _forward(torch.exp),
    ("exponential", "vjp_from_output"): lambda a: partial(torch.mul, a.g, a.y, out=a.out),
    ("elu", "forward"): _forward(_nn.elu),
    ("elu", "vjp"): _elu_backward(1, 1, 1),
    ("celu", "forward"): _forward(_nn.elu, 1, 1, 1),
    ("celu", "vjp"): _elu_backward(1, 1, 1),
    ("selu", "forward"): _forward(_nn.elu, _ALPHA, _SCALE, 1),
    ("selu", "vjp"): _elu_backward(_ALPHA, _SCALE, 1),
    ("sigmoid", "forward"): _forward(torch.sigmoid),
    ("sigmoid", "vjp_from_output"): _backward("sigmoid_backward", given="y"),
    ("tanh", "forward"): _forward(torch.tanh),
    ("tanh", "vjp_from_output"): _backward("tanh_backward", given="y"),
    ("log_sigmoid", "forward"): _log_sigmoid,
    ("log_sigmoid", "vjp"): _log_sigmoid_backward,
    ("softplus", "forward"): _forward(_nn.softplus),
    ("softplus", "vjp"): _backward("softplus_backward", 1, 20),
    ("silu", "forward"): _forward(_nn.silu),
    ("silu", "vjp"): _backward("silu_backward"),
    ("mish", "forward"): _forward(_nn.mish),
    ("mish", "vjp"): _allocating("mish_backward"),
    ("gelu", "forward"): _forward(_nn.gelu),
    ("gelu", "vjp"): _backward("gelu_backward"),
    ("gelu_tanh", "forward"): _forward(_nn.gelu, approximate="tanh"),
    ("gelu_tanh", "vjp"): _backward("gelu_backward", approximate="tanh"),
    ("erf", "forward"): _forward(torch.special.erf),
    ("erfc", "forward"): _forward(torch.special.erfc),
    ("erfcx", "forward"): _forward(torch.special.erfcx),
    ("ndtr", "forward"): _forward(torch.special.ndtr),
    ("log_ndtr", "forward"): _forward(torch.special.log_ndtr),
    ("erfinv", "forward"): _forward(torch.special.erfinv),
    ("ndtri", "forward"): _forward(torch.special.ndtri),
    ("log1p", "forward"): _forward(torch.log1p),
    ("expm1", "forward"): _forward(torch.expm1),
    ("logit", "forward"): _forward(torch.special.logit),
    ("entr", "forward"): _forward(torch.special.entr),
}
