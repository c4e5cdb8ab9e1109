"""Plain NumPy in double precision, after :mod:`fastact.reference`: slow, readable, always there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import reference, reference_fused
from ..fused import FUSED
from .registry import Kernel

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
    if hasattr(reference_fused.FUSED.get(name), pass_):
        return _fused_kernel(name, pass_)
    definition = reference.TABLE.get(name)
    lacks = pass_ == "vjp_from_output" and definition and definition.slope_from_output is None
    if definition is None or lacks or pass_ not in _PASSES:
        raise KeyError(f"the numpy backend has no {pass_} of {name!r}")
    arrays, compute = _PASSES[pass_]

    def run(*operands: Any) -> None:
        params = operands[arrays:]
        size = operands[0].size
        with np.errstate(all="ignore"):
            for start in range(0, size, BLOCK):
                part = slice(start, start + BLOCK)
                compute(
                    name,
                    *(array[part] for array in operands[:arrays]),
                    *(value[part] if isinstance(value, np.ndarray) else value for value in params),
                )

    return run


def _fused_kernel(name: str, pass_: str) -> Kernel:
    n_in, n_params = len(FUSED[name].signatures[pass_][0]), len(FUSED[name].params)

    def run(*operands: Any) -> None:
        size = operands[0].size
        for start in range(0, size, BLOCK):
            part = slice(start, start + BLOCK)
            values = [v[part] if isinstance(v, np.ndarray) else v for v in operands]
            results = reference_fused.evaluate(
                name, pass_, *values[:n_in], *values[len(values) - n_params :]
            )
            with np.errstate(all="ignore"):
                for out, result in zip(values[n_in:], results, strict=False):
                    out[:] = result

    return run


def _forward(name: str, x: Array, out: Array, *params: Any) -> None:
    out[:] = reference.evaluate(name, "forward", x, *params)


def _derivative(name: str, x: Array, out: Array, *params: Any) -> None:
    out[:] = reference.evaluate(name, "derivative", x, *params)


def _vjp(name: str, g: Array, x: Array, out: Array, *params: Any) -> None:
    out[:] = _product(g, reference.evaluate(name, "derivative", x, *params))


def _value_and_derivative(name: str, x: Array, out: Array, dout: Array, *params: Any) -> None:
    slope = reference.evaluate(name, "derivative", x, *params)
    out[:] = reference.evaluate(name, "forward", x, *params)
    dout[:] = slope


def _vjp_from_output(name: str, g: Array, y: Array, out: Array, *params: Any) -> None:
    out[:] = _product(g, reference.evaluate(name, "derivative_from_output", y, *params))


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
