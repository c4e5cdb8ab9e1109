"""Rows, gates and losses in PyTorch: its kernels with a given `out`, and its backward kernels.

swiglu and geglu, which have no kernel, are composed of other kernels. So is cross entropy with its
gradient: log_softmax, nll_loss and their backward kernels, as autograd runs them, without autograd's
overhead. The gradient of binary cross entropy is (σ(x) - t)/n.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from . import Arrays, Call, Key, Maker

_nn = torch._C._nn
_aten = torch.ops.aten
_MEAN = 1


def _forward(function: Callable[..., Any]) -> Maker:
    return lambda a: partial(function, a.x, a.axis, out=a.out)


def _backward(name: str, result: str) -> Maker:
    kernel = getattr(_aten, name).out._op

    def make(a: Arrays) -> Call:
        return partial(kernel, a.g, a.y, a.axis, a.x.dtype, **{result: a.out})

    return make


def _glu_backward(a: Arrays) -> Call:
    return partial(_aten.glu_backward.grad_input._op, a.g, a.x, a.axis, grad_input=a.out)


def _gated(function: Callable[..., Any]) -> Maker:
    def make(a: Arrays) -> Call:
        gate, value = a.x.chunk(2, a.axis)

        def call() -> torch.Tensor:
            result: torch.Tensor = function(gate, out=a.out)
            return result.mul_(value)

        return call

    return make


def _gated_backward(function: Callable[..., Any], name: str) -> Maker:
    kernel = getattr(_aten, name).grad_input._op

    def make(a: Arrays) -> Call:
        gate, value = a.x.chunk(2, a.axis)
        of_gate, of_value = a.out.chunk(2, a.axis)

        def call() -> torch.Tensor:
            # g times the value is stored temporarily in the array for the gradient of the value.
            kernel(torch.mul(a.g, value, out=of_value), gate, grad_input=of_gate)
            function(gate, out=of_value).mul_(a.g)
            out: torch.Tensor = a.out
            return out

        return call

    return make


def _cross_entropy(a: Arrays) -> Call:
    forward, backward = _aten.nll_loss_forward.output._op, _aten.nll_loss_backward.grad_input._op
    softmax_backward = _aten._log_softmax_backward_data.out._op
    logs, slopes = torch.empty_like(a.x), torch.empty_like(a.x)
    loss, total = torch.empty((), dtype=a.x.dtype), torch.empty((), dtype=a.x.dtype)
    one, rest = torch.ones((), dtype=a.x.dtype), (a.target, None, _MEAN, -100)

    def call() -> tuple[torch.Tensor, torch.Tensor]:
        _aten._log_softmax.out._op(a.x, 1, False, out=logs)
        forward(logs, *rest, output=loss, total_weight=total)
        backward(one, logs, *rest, total, grad_input=slopes)
        softmax_backward(slopes, logs, 1, a.x.dtype, out=a.out)
        return loss, a.out

    return call


def _bce(a: Arrays) -> Call:
    return partial(torch.binary_cross_entropy_with_logits, a.x, a.target, None, None, _MEAN)


def _bce_both(a: Arrays) -> Call:
    value, share = _bce(a), 1 / a.x.numel()

    def call() -> tuple[torch.Tensor, torch.Tensor]:
        gradient = torch.sigmoid(a.x, out=a.out).sub_(a.target).mul_(share)
        return value(), gradient

    return call


CALLS: dict[Key, Maker] = {
    ("softmax", "forward"): _forward(torch.softmax),
    ("softmax", "vjp"): _backward("_softmax_backward_data", "grad_input"),
    ("log_softmax", "forward"): _forward(torch.log_softmax),
    ("log_softmax", "vjp"): _backward("_log_softmax_backward_data", "out"),
    ("logsumexp", "forward"): _forward(torch.logsumexp),
    ("glu", "forward"): _forward(_nn.glu),
    ("glu", "vjp"): _glu_backward,
    ("swiglu", "forward"): _gated(_nn.silu),
    ("swiglu", "vjp"): _gated_backward(_nn.silu, "silu_backward"),
    ("geglu", "forward"): _gated(_nn.gelu),
    ("geglu", "vjp"): _gated_backward(_nn.gelu, "gelu_backward"),
    ("cross_entropy", "value_and_grad"): _cross_entropy,
    ("binary_cross_entropy_with_logits", "forward"): _bce,
    ("binary_cross_entropy_with_logits", "value_and_grad"): _bce_both,
}
COMPOSED = frozenset(
    key for key in CALLS if key[0] in ("swiglu", "geglu") or key[1] == "value_and_grad"
)
