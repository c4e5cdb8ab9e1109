"""Learn XOR with two layers by hand: the backward pass is a vjp for each activation.

Run it on any backend: FASTACT_BACKEND=numpy python examples/two_layer_network.py
"""

from __future__ import annotations

import numpy as np

import fastact as fa

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
TARGET = np.array([[0], [1], [1], [0]], dtype=np.float32)


def train(steps: int = 2000, rate: float = 0.5, seed: int = 0) -> np.ndarray:
    """Return what the network says of the four inputs after training, shape (4, 1)."""
    rng = np.random.default_rng(seed)
    w1 = rng.normal(size=(2, 8)).astype(np.float32)
    b1 = np.zeros(8, np.float32)
    w2 = rng.normal(size=(8, 1)).astype(np.float32)
    b2 = np.zeros(1, np.float32)
    for _ in range(steps):
        z = X @ w1 + b1
        h = fa.silu(z)
        p = fa.sigmoid(h @ w2 + b2)
        # Mean squared error; back through the sigmoid from its output, through silu from its input.
        g2 = fa.sigmoid.vjp_from_output((p - TARGET) / 2, p)
        g1 = fa.silu.vjp(g2 @ w2.T, z)
        w2 -= rate * h.T @ g2
        b2 -= rate * g2.sum(0)
        w1 -= rate * X.T @ g1
        b1 -= rate * g1.sum(0)
    return p


if __name__ == "__main__":
    print(np.round(train(), 3).ravel(), "on the", fa.get_backend(), "backend; wanted 0 1 1 0")
