"""Plain NumPy in double precision, after :mod:`fastact.reference`: slow, readable, always there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..definitions.gates import FUSED
from ..reference import activations, gates, rows
from .environment import silent
from .registry import Kernel, within

Array = np.ndarray[Any, np.dtype[Any]]

name = "numpy"

# The longest definitions hold about twenty temporaries at once: 20 * 4096 * 8 bytes are 640 KiB.
BLOCK = 4096


def why_unavailable() -> str | None:
    """Return None: it works wherever NumPy does."""
    return None


def describe() -> dict[str, str]:
    """Describe what it runs on."""
    return {"numpy": np.__version__, "threads": "1"}


def kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return the kernel of one pass of one function; it computes in float64 and rounds once."""
    if hasattr(gates.FUSED.get(name), pass_):
        return _fused_kernel(name, pass_, dtype)
    definition = activations.TABLE.get(name)
    lacks = pass_ == "vjp_from_output" and definition and definition.slope_from_output is None
    if definition is None or lacks or pass_ not in _PASSES:
        raise KeyError(f"the numpy backend has no {pass_} of {name!r}")
    arrays, compute = _PASSES[pass_]

    def run(*operands: Any) -> None:
        params = [within(dtype, value) for value in operands[arrays:]]
        size = operands[0].size
        with silent():
            for start in range(0, size, BLOCK):
                part = slice(start, start + BLOCK)
                compute(
                    name,
                    *(array[part] for array in operands[:arrays]),
                    *(value[part] if isinstance(value, np.ndarray) else value for value in params),
                )

    return run


def _fused_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    n_in, n_params = len(FUSED[name].signatures[pass_][0]), len(FUSED[name].params)

    def run(*operands: Any) -> None:
        operands = tuple(within(dtype, value) for value in operands)
        size = operands[0].size
        with silent():
            for start in range(0, size, BLOCK):
                part = slice(start, start + BLOCK)
                values = [v[part] if isinstance(v, np.ndarray) else v for v in operands]
                results = gates.evaluate(
                    name, pass_, *values[:n_in], *values[len(values) - n_params :]
                )
                for out, result in zip(values[n_in:], results, strict=False):
                    out[:] = result

    return run


def _forward(name: str, x: Array, out: Array, *params: Any) -> None:
    out[:] = activations.evaluate(name, "forward", x, *params)


def _derivative(name: str, x: Array, out: Array, *params: Any) -> None:
    out[:] = activations.evaluate(name, "derivative", x, *params)


def _vjp(name: str, g: Array, x: Array, out: Array, *params: Any) -> None:
    out[:] = _product(g, activations.evaluate(name, "derivative", x, *params))


def _value_and_derivative(name: str, x: Array, out: Array, dout: Array, *params: Any) -> None:
    slope = activations.evaluate(name, "derivative", x, *params)
    out[:] = activations.evaluate(name, "forward", x, *params)
    dout[:] = slope


def _vjp_from_output(name: str, g: Array, y: Array, out: Array, *params: Any) -> None:
    out[:] = _product(g, activations.evaluate(name, "derivative_from_output", y, *params))


def _product(g: Array, slope: Array) -> Array:
    # Where the function is flat nothing flows back, not even from an infinite gradient (0 * inf is
    # NaN).
    return np.where(slope == 0.0, 0.0, g * slope)


# pass -> how many arrays come before the parameters, and what to do with a block of them
_PASSES: dict[str, tuple[int, Callable[..., None]]] = {
    "forward": (2, _forward),
    "derivative": (2, _derivative),
    "vjp": (3, _vjp),
    "value_and_derivative": (3, _value_and_derivative),
    "vjp_from_output": (3, _vjp_from_output),
}


def row_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return the row kernel of one pass of one function; it computes in float64 and rounds once.

    Beyond the block it needs memory for some twenty copies of a row, in float64.
    """
    definition = rows.DEFINITIONS.get((name, pass_))
    if definition is None:
        raise KeyError(f"the numpy backend has no {pass_} of the row function {name!r}")
    counts = definition[:4]
    ends = [sum(counts[: k + 1]) for k in range(4)]

    def run(*operands: Any) -> None:
        inputs, row_inputs, outputs, row_outputs = (
            operands[end - count : end] for count, end in zip(counts, ends, strict=True)
        )
        mask, temperature = operands[ends[3] :]
        shape = (*inputs, *outputs)[0].shape
        selected = None if mask is None else np.broadcast_to(mask, shape)
        with silent():
            for outer, inner in _row_blocks(*shape):
                block, places = (outer, slice(None), inner), (outer, inner)
                results = rows.evaluate(
                    name,
                    pass_,
                    *(_rows_last(array[block]) for array in inputs),
                    *(array[places].reshape(-1, 1) for array in row_inputs),
                    mask=None if selected is None else _rows_last(selected[block]),
                    temperature=temperature,
                )
                targets = [out[block].swapaxes(1, 2) for out in outputs]
                targets += [out[places] for out in row_outputs]
                for target, result in zip(targets, results, strict=True):
                    target[...] = result.reshape(target.shape)

    return run


def _rows_last(block: Array) -> Array:
    outer, axis, inner = block.shape
    return block.swapaxes(1, 2).reshape(outer * inner, axis)


def _row_blocks(outer: int, axis: int, inner: int) -> Iterator[tuple[slice, slice]]:
    """Cut the rows into blocks of about `BLOCK` elements, and yield where they are."""
    rows = max(1, BLOCK // max(axis, 1))
    width = max(1, min(inner, rows))
    depth = max(1, rows // width)
    for first in range(0, outer, depth):
        for second in range(0, inner, width):
            yield slice(first, first + depth), slice(second, second + width)
