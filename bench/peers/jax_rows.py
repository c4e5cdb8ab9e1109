"""Rows, gates and losses in JAX, each compiled by jit as one program."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from . import Arrays, Call, Key, Maker


def _prepared(function: Callable[..., Any], inputs: str, with_axis: bool = True) -> Maker:
    """Compile a function of some operands, which may overwrite the previous result."""
    names = inputs.split()

    def make(a: Arrays) -> Call:
        options = {"axis": a.axis} if with_axis else {}
        data = [getattr(a, name) for name in names]
        compute = partial(function, **options)
        if a.out is None:
            plain = jax.jit(compute)
            return lambda: plain(*data).block_until_ready()
        donating = jax.jit(lambda out, *data: compute(*data), donate_argnums=0, keep_unused=True)

        def call() -> Any:
            result = jax.block_until_ready(donating(a.out.array, *data))
            a.out.array = result[-1] if isinstance(result, tuple) else result
            return result

        return call

    return make


def _softmax_vjp(g: Any, y: Any, axis: int) -> Any:
    t = g * y
    return t - y * t.sum(axis, keepdims=True)


def _log_softmax_vjp(g: Any, y: Any, axis: int) -> Any:
    return g - jnp.exp(y) * g.sum(axis, keepdims=True)


def _gate(activation: Callable[[Any], Any]) -> Callable[..., Any]:
    def compute(x: Any, axis: int) -> Any:
        gate, value = jnp.split(x, 2, axis)
        return activation(gate) * value

    return compute


def _vjp(function: Callable[..., Any]) -> Callable[..., Any]:
    def compute(g: Any, x: Any, axis: int) -> Any:
        return jax.vjp(partial(function, axis=axis), x)[1](g)[0]

    return compute


def _cross_entropy(x: Any, target: Any) -> Any:
    logs = jax.nn.log_softmax(x)
    return -jnp.take_along_axis(logs, target[:, None], 1).mean()


def _bce(x: Any, target: Any) -> Any:
    logs = target * jax.nn.log_sigmoid(x) + (1 - target) * jax.nn.log_sigmoid(-x)
    return -logs.mean()


_GATES = {
    "glu": jax.nn.glu,
    "swiglu": _gate(jax.nn.silu),
    "geglu": _gate(partial(jax.nn.gelu, approximate=False)),
}

CALLS: dict[Key, Maker] = {
    ("softmax", "forward"): _prepared(jax.nn.softmax, "x"),
    ("softmax", "vjp"): _prepared(_softmax_vjp, "g y"),
    ("log_softmax", "forward"): _prepared(jax.nn.log_softmax, "x"),
    ("log_softmax", "vjp"): _prepared(_log_softmax_vjp, "g y"),
    ("logsumexp", "forward"): _prepared(jax.nn.logsumexp, "x"),
    **{(name, "forward"): _prepared(gate, "x") for name, gate in _GATES.items()},
    **{(name, "vjp"): _prepared(_vjp(gate), "g x") for name, gate in _GATES.items()},
    ("cross_entropy", "value_and_grad"): _prepared(
        jax.value_and_grad(_cross_entropy), "x target", with_axis=False
    ),
    ("binary_cross_entropy_with_logits", "forward"): _prepared(_bce, "x target", with_axis=False),
    ("binary_cross_entropy_with_logits", "value_and_grad"): _prepared(
        jax.value_and_grad(_bce), "x target", with_axis=False
    ),
}
