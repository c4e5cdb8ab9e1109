"""The sum of an elementwise pass' output that is not stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backends.environment import silent
from .broadcast import regions
from .dtypes import Array, DType, is_ready
from .fast import KernelTable
from .memory import Scratch, scatter

__all__ = ["BLOCK", "summed"]

# Elements of a block whose losses are stored and summed: six float64 operands, all copied, are 768 KiB.
BLOCK = 1 << 14


def summed(
    kernels: KernelTable,
    inputs: list[Array],
    outs: Sequence[Array],
    params: tuple[Any, ...],
    loop: DType,
) -> float:
    """Return the sum of the first output of a pass without storing it; write the others to `outs`.

    All arrays have one shape. The sum does not depend on the number of threads.
    """
    kernel, dtype = kernels.direct(loop)
    arrays = [*inputs, *outs, *params]
    if dtype == loop and hasattr(kernel, "summed") and (flat := _flat(arrays, loop)) is not None:
        return float(kernel.summed(*flat))
    # In blocks, sums are of the losses as they are computed, not as they are rounded.
    kernel = kernels.kernel(loop)
    total, scratch, read = 0.0, Scratch(loop), (*inputs, *params)
    with silent():
        for region in regions(inputs[0].shape, BLOCK):
            size = (inputs[0][region].size,)
            given = [
                scratch.gather(one[region], place, size) if isinstance(one, np.ndarray) else one
                for place, one in enumerate(read)
            ]
            losses = scratch.take("loss", size)
            results = [
                scratch.destination(out[region], ("out", k), size) for k, out in enumerate(outs)
            ]
            kernel(*given[: len(inputs)], losses, *results, *given[len(inputs) :])
            for out, result in zip(outs, results, strict=True):
                if not is_ready(out[region], scratch.ready):
                    scatter(out[region], result, loop)
            total += float(np.add.reduce(losses, dtype=np.float64))
    return total


def _flat(arrays: list[Any], loop: DType) -> list[Any] | None:
    """Return the operands in one dimension, numbers as they are, or None if a kernel cannot take one of them."""
    found = []
    for one in arrays:
        if type(one) is not float and not is_ready(one, loop):
            return None
        found.append(one if type(one) is float else one.reshape(-1))
    return found
