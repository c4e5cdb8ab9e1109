"""A third party's backend: the NumPy one behind a check of everything that a kernel may rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastact as fa
from fastact.backends import numpy as plain
from fastact.definitions.tables import ELEMENTWISE, ROWS


class StrictBackend:
    name = "strict"

    def why_unavailable(self) -> str | None:
        return None

    def describe(self) -> dict[str, str]:
        return {}

    def kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> Callable[..., None]:
        kernel = plain.kernel(name, pass_, dtype)
        n_in, n_out = map(len, ELEMENTWISE[name].signatures[pass_])

        def checked(*operands: Any) -> None:
            arrays, params = operands[: n_in + n_out], operands[n_in + n_out :]
            assert len(params) == len(ELEMENTWISE[name].params)
            arrays += tuple(p for p in params if type(p) is not float)
            for array in arrays:
                check(array, (operands[0].size,), dtype)
            check_outputs(operands[n_in : n_in + n_out], arrays)
            kernel(*operands)

        return checked

    def row_kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> Callable[..., None]:
        kernel = plain.row_kernel(name, pass_, dtype)
        declared = ROWS[name].passes[pass_]
        inputs = ["wide"] * len(declared.inputs) + ["row"] * len(declared.row_inputs)
        kinds = inputs + ["wide"] * len(declared.outputs) + ["row"] * len(declared.row_outputs)

        def checked(*operands: Any) -> None:
            *arrays, mask, temperature = operands
            assert type(temperature) is float
            outer, axis, inner = arrays[0].shape
            for array, kind in zip(arrays, kinds, strict=True):
                check(array, (outer, inner) if kind == "row" else (outer, axis, inner), dtype)
            if mask is not None:
                assert mask.shape in ((1, axis, inner), (outer, axis, inner))
                check(mask, mask.shape, np.dtype(np.bool_))
            check_outputs(arrays[len(inputs) :], [*arrays, *([] if mask is None else [mask])])
            kernel(*operands)

        return checked


def check(array: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    assert type(array) is np.ndarray
    assert array.shape == shape
    assert array.dtype == dtype in (np.bool_, np.float32, np.float64)
    assert array.flags.c_contiguous and array.flags.aligned


def check_outputs(outputs: Any, arrays: Any) -> None:
    """Assert that each output may be written and overlaps nothing, or is all of another array."""
    for out in outputs:
        assert out.flags.writeable
        for array in arrays:
            same = array.ctypes.data == out.ctypes.data and array.shape == out.shape
            assert array is out or same or not np.may_share_memory(array, out)


fa.register_backend("strict", StrictBackend)
