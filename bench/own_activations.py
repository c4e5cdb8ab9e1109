"""The expressions of loops.py as activations of one's own."""

from __future__ import annotations

from typing import Any

import fastact as fa


@fa.activation
def own_exponential(x):
    return fa.exponential(x)


@fa.activation
def own_sigmoid(x):
    return fa.sigmoid(x)


@fa.activation
def own_gelu(x):
    return fa.gelu(x)


@fa.activation
def own_mish(x):
    return fa.mish(x)


@fa.activation
def own_softplus(x):
    return fa.softplus(x)


@fa.activation
def combined(x):
    return fa.sigmoid(x) * fa.tanh(x) + fa.softplus(x)


@fa.activation
def bounded_swish(x):
    return 4.0 * fa.tanh(0.25 * x) * fa.sigmoid(1.5 * x)


#: Title of the loop -> activation.
BY_TITLE: dict[str, Any] = {
    "exponential": own_exponential,
    "sigmoid": own_sigmoid,
    "gelu": own_gelu,
    "mish": own_mish,
    "softplus": own_softplus,
    "σ(x)·tanh x + softplus x": combined,
    "4·tanh(x/4)·σ(1.5x)": bounded_swish,
}
