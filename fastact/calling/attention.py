"""Row kernels for logits that are made of x a block of rows at a time, as attention makes them.

The logits are computed in scratch memory, where the row kernel finds them: nothing else has the size of an array. Of a
row that is too long for that memory, parts are.
"""

from __future__ import annotations

import numpy as np

from .. import threads
from ..backends.environment import silent
from ..backends.protocol import Kernel
from . import attention_parts
from .attention_rows import Block, Logits, Rows
from .dtypes import Array
from .memory import scatter

__all__ = ["forward", "unbroadcast", "vjp"]

# Bytes of the logits of a block, for each of at most `MOST` threads. softmax with cap and bias of 16 x 1024 x 1024
# float32, two threads, ns an element with 64, 128 and 256 KiB: 1.5, 1.2 to 3.1, 2.4 (other programs were running);
# PyTorch 16 to 24.
BLOCK_BYTES = 1 << 17
# Bytes of a block of the vjp, over its three buffers, likewise.
VJP_BYTES = 3 << 16
# With more threads, a call would use more than 1 MiB.
MOST = 4


def forward(kernel: Kernel, logits: Logits, x: Array, out: Array) -> None:
    """Compute softmax or log_softmax, whose kernel is given, of the logits."""
    work = Rows(logits, x, BLOCK_BYTES * min(threads.get_num_threads(), MOST))
    target = work.last(out)
    with silent():
        if attention_parts.needed(kernel, work):
            return attention_parts.forward(kernel, work, target)
        for place in work.blocks():
            rows, view = work.logits("z", place)
            into = target[place]
            direct = not work.extra and into.dtype == work.dtype and into.flags.carray
            result = into.reshape(rows.shape) if direct else rows
            kernel(rows, result, work.mask(place), 1.0)
            if not direct:
                scatter(into, view, work.dtype)


def vjp(
    kernels: tuple[Kernel, Kernel],
    logits: Logits,
    operands: tuple[Array, Array, Array],
    out: Array,
    dbias: Array | None,
    dsink: Array | None,
) -> None:
    """Compute the gradients by x, and by bias and sink if there are arrays for them.

    Parameters
    ----------
    kernels : tuple of callable
        The row kernels of the forward pass and of the vjp from its output.
    logits : Logits
        What the logits are made of.
    operands : tuple of ndarray
        g, y and x; x is only looked at if there is a cap or a sink.
    out, dbias, dsink : ndarray
        The gradients: of x's shape; of the shape of the bias, with as many axes as x and filled with 0; of the shape
        of the sink.
    """
    work = Rows(logits, operands[2], VJP_BYTES * min(threads.get_num_threads(), MOST) // 3)
    g, y, target = (work.last(array) for array in (*operands[:2], out))
    sums = None if dbias is None else work.last(dbias)
    last = None if dsink is None else work.last(dsink)
    with silent():
        if all(attention_parts.needed(kernel, work) for kernel in kernels):
            return attention_parts.vjp(kernels, work, (g, y, target), sums, last)
        for place in work.blocks():
            mask = work.mask(place)
            outputs, y_view = work.logits("y", place) if work.extra else work.rows("y", place)
            if work.extra:  # whose last column is what the sink gets
                kernels[0](outputs, outputs, mask, 1.0)
            work.scratch.copy(y_view, y[place])
            rows, view = work.rows("g", place)
            rows[:, work.length :] = 0.0
            work.scratch.copy(view, g[place])
            kernels[1](rows, outputs, rows, mask, 1.0)
            if last is not None:
                last[place] = rows[:, -1].reshape(last[place].shape)
            if sums is not None:
                _add(sums, view, place)
            _by_x(work, rows, view, place)
            scatter(target[place], view, work.dtype)


def _by_x(work: Rows, rows: Array, view: Array, place: Block) -> None:
    """Turn the gradient by the logits into that by x."""
    if work.cap is not None:
        work.uncap(rows, work.divided("y", place)[0], work.mask(place))
    np.divide(view, work.heat(place), out=view)


def _add(sums: Array, view: Array, place: Block) -> None:
    """Add a block to the sums of the places that an element of the bias is added to."""
    whole = (*place[:-1], *[slice(None)] * (sums.ndim - len(place) + 1))
    index = tuple(slice(0, 1) if n == 1 else one for one, n in zip(whole, sums.shape, strict=True))
    part = sums[index]
    axes = tuple(
        axis
        for axis, (few, many) in enumerate(zip(part.shape, view.shape, strict=True))
        if few != many
    )
    part += view.sum(axis=axes, keepdims=True, dtype=np.float64) if axes else view


def unbroadcast(array: Array, shape: tuple[int, ...]) -> Array:
    """Sum an array to a shape that broadcasts to its own."""
    lead = tuple(range(array.ndim - len(shape)))
    summed = array.sum(axis=lead, dtype=np.float64)
    wide = tuple(k for k, n in enumerate(shape) if n == 1)
    result: Array = summed.sum(axis=wide, keepdims=True)
    return result
