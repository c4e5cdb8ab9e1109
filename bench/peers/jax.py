"""JAX: its functions compiled by jit, and their vector-Jacobian products each as one program."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import special

from . import Arrays, Call, Key, Maker, jax_rows
from .formulas import FORWARD, compiled

VERSION = jax.__version__
COMPOSED: frozenset[Key] = frozenset()

jax.config.update("jax_enable_x64", True)

# Reusing the previous result costs 9 us and saves the page faults of a new array: 22 us instead of 13
# for one element, 20 ms instead of 49 for 8,388,608.
DONATE_FROM = 1 << 16

#: Function -> its counterpart in jax.nn or jax.numpy.
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "hard_tanh": jax.nn.hard_tanh,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "leaky_relu": jax.nn.leaky_relu,
    "hard_swish": jax.nn.hard_swish,
    "sparse_plus": jax.nn.sparse_plus,
    "sparse_sigmoid": jax.nn.sparse_sigmoid,
    "softsign": jax.nn.soft_sign,
    "squareplus": jax.nn.squareplus,
    "exponential": jnp.exp,
    "elu": jax.nn.elu,
    "celu": jax.nn.celu,
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "log_sigmoid": jax.nn.log_sigmoid,
    "softplus": jax.nn.softplus,
    "silu": jax.nn.silu,
    "mish": jax.nn.mish,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": partial(jax.nn.gelu, approximate=True),
    "erf": special.erf,
    "erfc": special.erfc,
    "ndtr": special.ndtr,
    "log_ndtr": special.log_ndtr,
    "erfinv": special.erfinv,
    "ndtri": special.ndtri,
    # Their formulas would not copy, or would return the wrong type.
    "identity": jnp.copy,
    "step": lambda x: (x >= 0).astype(x.dtype),
}


class Target:
    """The array that the next call may overwrite."""

    def __init__(self, array: jax.Array) -> None:
        self.array = array


def native(array: np.ndarray) -> jax.Array:
    return jnp.array(array)


def target(array: np.ndarray) -> Target:
    return Target(jnp.zeros(array.shape, array.dtype))


def context() -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext()


def set_num_threads(count: int) -> None:
    """Do nothing: XLA always uses the processors of the process's affinity."""


def _prepared(function: Callable[..., Any], inputs: tuple[str, ...]) -> Maker:
    plain = jax.jit(function)
    donating = jax.jit(lambda out, *data: function(*data), donate_argnums=0, keep_unused=True)

    def make(a: Arrays) -> Call:
        data = [getattr(a, name) for name in inputs]
        if a.x.size < DONATE_FROM:
            return lambda: plain(*data).block_until_ready()

        def call() -> jax.Array:
            result: jax.Array = donating(a.out.array, *data).block_until_ready()
            a.out.array = result
            return result

        return call

    return make


def _vjp(function: Callable[[Any], Any], g: Any, x: Any) -> Any:
    return jax.vjp(function, x)[1](g)[0]


def _formula(text: str) -> Callable[[Any], Any]:
    function = compiled(text, vars(jnp))
    return lambda x: function(x, None, None)


CALLS: dict[Key, Maker] = dict(jax_rows.CALLS)
for _name, _function in ({n: _formula(text) for n, text in FORWARD.items()} | _FUNCTIONS).items():
    CALLS[_name, "forward"] = _prepared(_function, ("x",))
    CALLS[_name, "vjp"] = _prepared(partial(_vjp, _function), ("g", "x"))
