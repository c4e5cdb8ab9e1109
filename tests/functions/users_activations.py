"""Activations of the tests' own, declared where a user would: in a module."""

from __future__ import annotations

import math
from math import exp

import numpy as np

import fastact as fa

HALF = 0.5


@fa.activation
def bounded_swish(x, beta=1.5, cap=4.0):
    """cap·tanh(x/cap)·σ(βx)."""
    return cap * math.tanh(x / cap) * fa.sigmoid(beta * x) if x > -30.0 else 0.0 * x


@fa.activation
def everything(x, a=0.7):
    """What the language has, in one function."""
    y = np.maximum(x, -3) ** 3 + abs(x) ** HALF + math.sqrt(x * x + 1) / (1 + math.fabs(x)) ** 1.5
    y += math.floor(x) * a if (x > 1 and not x > 2) or x < -4 else np.clip(x, -1, a)
    z: float = min(y, 5.0, 2 * x) - math.pi
    pair = z * exp(-x * x) + fa.gelu(x, approximate="tanh") / math.cosh(x) - np.arctan(x)
    pair -= bounded_swish(x, beta=a) * np.square(x) + np.where(x <= a, a, x) + fa.exp(-(x**2))
    return (
        pair
        + fa.elu(x, alpha=a) * math.sinh(x / 10)
        + fa.softcap(x, cap=3 * a)
        - math.copysign(a, x)
    )


@fa.activation
def transcendental(x):
    """The other functions, where they are defined."""
    a = abs(x) + 0.5
    y = math.log(a) + np.log1p(a) * math.expm1(-a) + a ** (1 / 3) - a**-2.3 + x**17 * 1e-12
    return (
        y + math.sin(3 * x) * math.cos(x) + math.tan(x / 8) + math.atan(x) * math.e - math.exp(-a)
    )


@fa.activation
def parametrised(x):
    """Functions with parameters that are not the defaults, and a choice by position."""
    y = fa.silu(x, 2.0) + fa.softplus(x, beta=1.3) + fa.elu(x, 0.7) + fa.celu(x, alpha=0.6)
    y += fa.gelu(x, "tanh", 1.5) + fa.gelu(x, limit=0.1) + fa.squareplus(x, 2.0) + fa.situ(x, 3.0)
    return (
        y + fa.leaky_relu(x, 0.2) + fa.hard_sigmoid(x, 0.2) + fa.snake(x, 0.5) + fa.softcap(x, 3.0)
    )


@fa.activation
def plain_silu(x):
    return x * fa.sigmoid(x)


@fa.activation
def required(x, cap):
    """A parameter without a default, whose domain is that of softcap."""
    return fa.softcap(x, cap)


@fa.activation
def rounded(x, steps=4.0):
    """A staircase with the slope of a line."""
    return math.floor(steps * x + 0.5) / steps


@rounded.derivative
def rounded(x, steps):
    return 1.0
