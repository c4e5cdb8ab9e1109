"""Rows to test with, plain ways to run a row kernel over them, and what the definitions make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from conftest import BACKENDS, keeping, loaded
from fastact.definitions.rows import ROWS
from fastact.reference import rows as reference_rows

Array = npt.NDArray[Any]

ROW_BACKENDS = [name for name in BACKENDS if hasattr(loaded(name), "row_kernel")]
#: Every pass of the table, private ones too.
PASSES = [(name, pass_) for name, row in ROWS.items() for pass_ in row.passes]


def run_kernel(
    backend: str, name: str, pass_: str, inputs: list[Array], rows: list[Array] | None = None,
    mask: Array | None = None, temperature: float = 1.0, first_axis: bool = False,
) -> list[Array]:  # fmt: skip
    """Run a kernel over inputs of shape (rows, n), along the last or the first axis of memory.

    Return the outputs, of shape (rows, n), then the values for each row, of shape (rows,).
    """
    declared = ROWS[name].passes[pass_]
    dtype = inputs[0].dtype
    kernel = keeping(backend).row_kernel(name, pass_, dtype)

    def laid(array: Array) -> Array:
        return np.ascontiguousarray(array.T)[None] if first_axis else array[:, :, None].copy()

    def row(array: Array) -> Array:
        return np.array(array, dtype).reshape((1, -1) if first_axis else (-1, 1))

    outputs = [np.full_like(laid(inputs[0]), 7) for _ in declared.outputs]
    row_outputs = [row(np.full(len(inputs[0]), 7.0)) for _ in declared.row_outputs]
    kernel(
        *map(laid, inputs), *map(row, rows or []), *outputs, *row_outputs,
        None if mask is None else laid(mask), temperature,
    )  # fmt: skip
    plain = [out[0].T if first_axis else out[:, :, 0] for out in outputs]
    return plain + [out.reshape(-1) for out in row_outputs]


def in_rows(array: Array) -> Array:
    """Return (outer, axis, inner) as (rows, axis), or (outer, inner) as (rows, 1)."""
    if array.ndim == 2:
        return array.reshape(-1, 1)
    return array.swapaxes(1, 2).reshape(array.shape[0] * array.shape[2], array.shape[1])


def defined(
    name: str, pass_: str, arrays: list[Array], mask: Array | None = None, temperature: float = 1.0
) -> list[Array]:
    """Return what the definition makes of a kernel's operands, in float64 and the kernel's shapes."""
    outer, axis, inner = arrays[0].shape
    if mask is not None:
        mask = in_rows(np.broadcast_to(mask, arrays[0].shape))
    results = reference_rows.evaluate(
        name, pass_, *map(in_rows, arrays), mask=mask, temperature=temperature
    )
    count = len(ROWS[name].passes[pass_].outputs)
    wide = [a.reshape(outer, inner, axis).swapaxes(1, 2) for a in results[:count]]
    return wide + [a.reshape(outer, inner) for a in results[count:]]


def operands(
    name: str, pass_: str, dtype: Any, shape: tuple[int, int, int], mask: Array | None = None,
    temperature: float = 1.0,
) -> list[Array]:  # fmt: skip
    """Return inputs and values of the rows as a kernel gets them: y is of x, and so are maximum and others."""
    declared, rng = ROWS[name].passes[pass_], np.random.default_rng(shape)
    x = rng.normal(0, 3, shape).astype(dtype)
    arrays = [x if key == "x" else rng.normal(size=shape) for key in declared.inputs]
    # alpha between 1 and 2: from there on gradients are larger than what they are made of.
    excess = rng.uniform(0.05, 0.95, (shape[0], shape[2])).astype(dtype)
    rows = [excess] if "excess" in declared.row_inputs else []
    if declared.inputs[-1] == "y" and x.size < 10_000:
        arrays[-1:] = defined(name, "forward", [x, *rows], mask, temperature)
    elif declared.inputs[-1] == "y":  # that of other rows, which is made faster
        arrays[-1] = np.maximum(rng.random(shape) - 0.3, 0) / (0.3 * shape[1])
        if ROWS[name].passes["forward"].excluded == -np.inf:  # which a logarithm is
            arrays[-1] = np.log(np.maximum(arrays[-1], 1e-30))
    if "rest_of_sum" in declared.row_inputs:
        arrays += defined("_exp_sum", "forward", [x], mask, temperature)
    else:
        arrays += rows or [rng.normal(size=(shape[0], shape[2])) for _ in declared.row_inputs]
    return [array.astype(dtype, order="C") for array in arrays]


def outputs(name: str, pass_: str, dtype: Any, shape: tuple[int, int, int]) -> list[Array]:
    declared = ROWS[name].passes[pass_]
    wide = [np.full(shape, 7, dtype) for _ in declared.outputs]
    return wide + [np.full((shape[0], shape[2]), 7, dtype) for _ in declared.row_outputs]


def run(
    kernel: Any, name: str, pass_: str, arrays: list[Array], mask: Array | None = None,
    temperature: float = 1.0,
) -> list[Array]:  # fmt: skip
    """Run a row kernel over operands of its own shapes."""
    out = outputs(name, pass_, arrays[0].dtype, arrays[0].shape)  # type: ignore[arg-type]
    kernel(*arrays, *out, mask, temperature)
    return out


def parted(
    kernel: Any, name: str, pass_: str, arrays: list[Array], mask: Array | None = None,
    temperature: float = 1.0,
) -> list[Array]:  # fmt: skip
    """Run a row kernel over one row that it gets in parts, and whose result replaces the first input."""
    declared, dtype, n = ROWS[name].passes[pass_], arrays[0].dtype, arrays[0].shape[1]
    shape = 1, 2**18 // dtype.itemsize, 1
    inputs = [np.full(shape, np.nan, dtype) for _ in declared.inputs]
    held = None if mask is None else np.zeros(shape, bool)
    out = outputs(name, pass_, dtype, arrays[0].shape)  # type: ignore[arg-type]
    results = inputs[: len(declared.outputs)]

    def load(begin: int, end: int, at: int) -> None:
        for buffer, array in zip(inputs, arrays, strict=False):
            buffer[:, at : at + end - begin] = array[:, begin:end]
        if held is not None and mask is not None:
            held[:, at : at + end - begin] = mask[:, begin:end]

    def store(begin: int, end: int, at: int) -> None:
        for buffer, array in zip(results, out, strict=False):
            array[:, begin:end] = buffer[:, at : at + end - begin]

    given, found = arrays[len(inputs) :], out[len(results) :]
    kernel.in_parts(n, load, store, *inputs, *given, *results, *found, held, temperature)
    return out


def _shaped(dtype: str, n: int) -> dict[str, Array]:
    """Rows of n elements, by what is hard about them."""
    rng = np.random.default_rng(n)
    info = np.finfo(dtype)
    deep = 100.0 if dtype == "f" else 800.0
    normal = rng.standard_normal(n)
    dominated = np.full(n, -0.9 * deep) + normal
    dominated[n // 2] = 0.0
    return {
        "normal": normal,
        "offset": normal + 1000.3,
        "wide": deep * rng.uniform(-1, 1, n),
        "ramp": np.linspace(0, -deep, n),
        "equal": np.full(n, 0.1),
        "close": 1 + np.arange(n) * float(info.eps),
        "two at the top": np.where(np.arange(n) % max(n - 1, 1) == 0, 3.0, normal - 4),
        "dominated": dominated,
        "huge": np.where(normal > 0, 1e30, -1e30),
        "largest": np.where(normal > 0, float(info.max), -float(info.max)),
        "tiny": normal * float(info.tiny),
        "with -inf": np.where(np.arange(n) % 3 == 1, -np.inf, normal),
    }


LENGTHS = (1, 2, 3, 8, 17, 67)


def hard_rows(dtype: str) -> dict[str, Array]:
    """Return rows of many lengths, by name."""
    return {
        f"{name} {n}": row.astype(dtype) for n in LENGTHS for name, row in _shaped(dtype, n).items()
    }
