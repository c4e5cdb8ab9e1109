"""Plain NumPy in double precision, from :mod:`fastact.reference`: slow, readable, always available."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..definitions.declaration import BY
from ..definitions.tables import ELEMENTWISE
from ..reference import activations, rows, several
from .environment import silent
from .protocol import Kernel, within

Array = np.ndarray[Any, np.dtype[Any]]

name = "numpy"

# The longest definitions hold about twenty temporaries at once: 20 * 4096 * 8 bytes are 640 KiB.
BLOCK = 4096


def why_unavailable() -> str | None:
    """Return None: it is always available."""
    return None


def describe() -> dict[str, str]:
    """Describe what it runs on."""
    return {"numpy": np.__version__, "threads": "1"}


def kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return the kernel of one pass of one function; it computes in float64 and rounds once."""
    if name not in ELEMENTWISE or pass_ not in ELEMENTWISE[name].passes:
        raise KeyError(f"the numpy backend has no {pass_} of {name!r}")
    declared = ELEMENTWISE[name].passes[pass_]
    n_in, n_arrays = len(declared.inputs), len(declared.inputs) + len(declared.outputs)
    compute = _several(pass_)
    if name in activations.TABLE:
        compute = _by(pass_) if pass_.startswith(BY) else _PASSES[pass_]

    def run(*operands: Any) -> None:
        with silent():
            params = [parameter(dtype, value) for value in operands[n_arrays:]]
            inputs = [*operands[:n_in], *params]
            for start in range(0, operands[0].size, BLOCK):
                part = slice(start, start + BLOCK)
                values = (v[part] if isinstance(v, np.ndarray) else v for v in inputs)
                results = compute(name, *values)
                for out, result in zip(operands[n_in:n_arrays], results, strict=True):
                    out[part] = result

    return run


def parameter(dtype: np.dtype[Any], value: Any) -> Any:
    """Return a number as the compiled kernels see it: in float32 as the sum of a high and a low part.

    From 1e-30 on the low part holds all further digits that matter; below, it would be subnormal.
    """
    if dtype == np.float32 and not isinstance(value, np.ndarray) and abs(value) < 1e-30:
        high = np.float32(value)
        return float(high) + float(np.float32(value - float(high)))
    return within(dtype, value)


def _several(pass_: str) -> Callable[..., tuple[Array, ...]]:
    return lambda name, *values: several.evaluate(name, pass_, *values)


def _forward(name: str, x: Array, *params: Any) -> tuple[Array]:
    return (activations.evaluate(name, "forward", x, *params),)


def _derivative(name: str, x: Array, *params: Any) -> tuple[Array]:
    return (activations.evaluate(name, "derivative", x, *params),)


def _vjp(name: str, g: Array, x: Array, *params: Any) -> tuple[Array]:
    return (_product(g, *_derivative(name, x, *params)),)


def _value_and_derivative(name: str, x: Array, *params: Any) -> tuple[Array, Array]:
    return *_forward(name, x, *params), *_derivative(name, x, *params)


def _vjp_from_output(name: str, g: Array, y: Array, *params: Any) -> tuple[Array]:
    return (_product(g, activations.evaluate(name, "derivative_from_output", y, *params)),)


def _product(g: Array, slope: Array) -> Array:
    # Where the slope is 0 the product is 0, even for an infinite g (0 * inf is NaN).
    return np.where(slope == 0.0, 0.0, g * slope)


_PASSES: dict[str, Callable[..., tuple[Array, ...]]] = {
    "forward": _forward,
    "derivative": _derivative,
    "vjp": _vjp,
    "value_and_derivative": _value_and_derivative,
    "vjp_from_output": _vjp_from_output,
}


def _by(pass_: str) -> Callable[..., tuple[Array, ...]]:
    """Return the product of g and the derivative by a parameter."""
    return lambda name, g, x, *params: (_product(g, activations.evaluate(name, pass_, x, *params)),)


def row_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return the row kernel of one pass of one function; it computes in float64 and rounds once.

    It needs memory for about twenty float64 copies of a block, or of a row if that is longer.
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
    """Cut the rows into blocks of about `BLOCK` elements, and yield their slices."""
    rows = max(1, BLOCK // max(axis, 1))
    width = max(1, min(inner, rows))
    depth = max(1, rows // width)
    for first in range(0, outer, depth):
        for second in range(0, inner, width):
            yield slice(first, first + depth), slice(second, second + width)
