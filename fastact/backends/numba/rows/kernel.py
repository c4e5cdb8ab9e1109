"""A row kernel as it is called: its forms, and the plans that a thread keeps for the shapes it has met."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from itertools import accumulate
from math import prod
from typing import Any, Final

import numpy as np
from numba import types

from .... import threads
from ...elements import COMPUTED, ELEMENTS
from .. import runtime
from ..llvm import intrinsic
from ..operations import VECTOR_BITS
from . import layout
from .parts import BUFFER_BYTES, LoadedRow
from .phases import Body
from .plan import Plan, address

__all__ = ["fields_of", "phases_of", "row_kernel"]

_PLANS_KEPT: Final = 16
#: How many operands a kernel has of each kind, and what the fields of a plan with their addresses begin with.
_OPERANDS: Final = {"inputs": "x", "row_inputs": "r", "outputs": "y", "row_outputs": "s"}
_PIECES: Final = ("key", "terms", "moved", "start", "next", "finish", "rows", "map", "stored")


def row_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel of one pass of one row function.

    Parameters
    ----------
    name : str
        The canonical name of the function.
    pass_ : str
        "forward" or "vjp".
    dtype : numpy.dtype
        The dtype of its arrays.

    Returns
    -------
    callable
        It takes the inputs and the inputs of the rows, the outputs to fill and those of the rows, a mask or None,
        and every parameter as a `float`. Inputs and outputs are contiguous arrays (outer, axis, inner) of one shape,
        what belongs to the rows (outer, inner), in the dtype that they are computed in. A mask is a bool array
        (outer or 1, axis, inner). It has `columns` and `in_parts`, as the protocol of backends describes them.

    Raises
    ------
    KeyError
        If there is no such kernel.
    """
    try:
        element = ELEMENTS[dtype.name]
        with runtime.compiling():
            module = import_module(f"{runtime.KERNELS}.rows_{name}")
        stem = f"{pass_}_{COMPUTED[element]}"
        about = getattr(module, stem.upper())
    except (ModuleNotFoundError, AttributeError, KeyError):
        message = f"the numba backend has no kernel of rows {name}, {pass_}, {dtype}"
        raise KeyError(message) from None
    return _RowKernel(module, stem, about, dtype, element).caller()


def phases_of(
    module: Any, stem: str, about: dict[str, Any], stored: str, masked: bool, along: bool
) -> Callable[..., int]:
    """Return a kernel as Numba compiles it: a function of a phase and the address of a job.

    Parameters
    ----------
    module : module
        The emitted module with its pieces.
    stem : str
        What the names of the pieces begin with, such as "forward_f32".
    about : dict
        What the module says of the kernel.
    stored : str
        What the type of the elements in memory is called.
    masked : bool
        Whether there is a mask.
    along : bool
        Whether the layout is ALONG. One kernel for all layouts took 1.5 times as long for rows of 128 (logsumexp).
    """
    named = {name: getattr(module, f"{stem}_{name}", None) for name in _PIECES}
    pieces = {name: piece for name, piece in named.items() if piece is not None}

    @intrinsic
    def body(typingctx: Any, phase: Any, job: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            # llvmlite's list of known attributes has none of the form "name"="value".
            set.add(builder.function.attributes, f'"prefer-vector-width"="{VECTOR_BITS}"')
            phase, job = args
            return Body(builder, about, stored, masked, along, pieces, job).build(phase)

        return types.intp(types.intp, types.intp), build

    def run_phase(phase, job):  # type: ignore[no-untyped-def]
        return body(phase, job)

    # The disk cache knows it by these names.
    run_phase.__module__ = module.__name__
    suffixes = ("_masked" if masked else "") + ("_along" if along else "")
    run_phase.__qualname__ = f"{stem}_{stored}{suffixes}"
    return run_phase


def fields_of(module: Any, stem: str, about: dict[str, Any], item: int) -> dict[str, int]:
    """Return the fields of a plan that depend on the kernel alone, for elements of so many bytes."""
    return {
        **{name: about[name] for name in _OPERANDS},
        "item": item,
        "value": max(item, 4),
        "first_step": layout.FIRST_STEPS[about["statistic"]],
        "solves": int(about["statistic"] == "solve"),
        "fuses": int(about["statistic"] == "sums" and about["outputs"] > about["row_outputs"] == 0),
        # Terms are stored where the results will be, which have no room for them if they are of 16 bits.
        "storing": int(hasattr(module, f"{stem}_stored") and item > 2),
    }


class _Plans(threading.local):
    """A kernel's plans that are not in use: a thread has its own. They are half of what a small call costs."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Any, ...], Plan] = {}


class _RowKernel:
    """One kernel in its forms: for given or default parameters, with or without a mask, ALONG or not."""

    def __init__(
        self, module: Any, stem: str, about: dict[str, Any], dtype: np.dtype[Any], stored: str
    ) -> None:
        self._module, self._stem, self._about, self._dtype = module, stem, about, dtype
        self._stored = stored
        self._fields = fields_of(module, stem, about, dtype.itemsize)
        # Where the inputs, the row inputs, the outputs and the row outputs end among the arguments.
        self._ends = tuple(accumulate(about[name] for name in _OPERANDS))
        # The fields of a plan with the addresses of the arguments; there is one output.
        self._names = [
            name if name == "y" else f"{name}{k}"
            for kind, name in _OPERANDS.items()
            for k in range(about[kind])
        ]
        self._plans = _Plans()
        self._compiled: dict[tuple[bool, bool, bool], tuple[Callable[..., int], int]] = {}

    def caller(self) -> Callable[..., None]:
        """Return a function of the arguments alone, with those for columns and for rows in parts."""
        inputs, row_inputs, outputs, mask_at = self._ends
        environment = runtime.environment()
        plans, defaults = self._plans, self._module.DEFAULTS
        has_rows = mask_at > outputs or row_inputs > inputs

        def call(*values: Any, width: int = 0) -> None:
            x, mask, params = values[0], values[mask_at], values[mask_at + 1 :]
            key = x.shape, params == defaults, None if mask is None else mask.shape[0], width
            # Taken out while in use: a signal handler or a finaliser may call for the same shape meanwhile.
            plan = plans.kept.pop(key, None)
            if plan is None or (plan.large and plan.thread_count != threads.get_num_threads()):
                plan = self._new_plan(key)
                if plan is None:
                    return self._without_elements(call, values)
            if mask is not None:
                plan.fields["m"] = address(mask)
            if has_rows:
                for k in range(inputs, row_inputs):
                    plan.fields[f"r{k - inputs}"] = address(values[k])
                for k in range(outputs, mask_at):
                    plan.fields[f"s{k - outputs}"] = address(values[k])
            arrays = x, values[inputs - 1], values[row_inputs] if outputs > row_inputs else x
            with environment():
                plan.run(arrays, params[0] if params else 0.0)
            plans.kept[key] = plan

        def columns(*values: Any) -> None:
            call(*values, width=self._width(values))

        call.columns = columns  # type: ignore[attr-defined]
        call.in_parts = self._run_in_parts  # type: ignore[attr-defined]
        return call

    def _new_plan(self, key: tuple[Any, ...]) -> Plan | None:
        """Plan for a shape, for default parameters or not, for a mask of some length; None without elements."""
        shape, plain, mask, width = key
        if not prod(shape):
            return None
        if len(self._plans.kept) >= _PLANS_KEPT:
            self._plans.kept.clear()
        masked = mask is not None
        fields = {**self._fields, "masked": int(masked)}

        def form(along: bool) -> int:
            return self._kernel(plain, masked, along)[1]

        return Plan(fields, form, shape, (mask or 0) > 1, width)

    def _kernel(self, plain: bool, masked: bool, along: bool) -> tuple[Callable[..., int], int]:
        """Return a form of the kernel, and its address."""
        form = plain, masked, along
        if form not in self._compiled:
            stem = f"{self._stem}_plain" if plain else self._stem
            function = phases_of(self._module, stem, self._about, self._stored, masked, along)
            code = runtime.machine_code(function, (types.intp, types.intp), returns=types.intp)
            self._compiled[form] = code
        return self._compiled[form]

    def _width(self, values: tuple[Any, ...]) -> int:
        """Return how many elements lie between those of one row of the columns."""
        inputs, row_inputs, outputs, mask_at = self._ends
        arrays = *values[:inputs], *values[row_inputs:outputs]
        (outer, _, inner), (_, step, item) = arrays[0].shape, arrays[0].strides
        alike = {(one.shape, one.strides[1:]) for one in arrays} == {
            (arrays[0].shape, (step, item))
        }
        width = int(step // self._dtype.itemsize)
        if not alike or outer != 1 or values[mask_at] is not None or width < inner:
            raise ValueError(
                "columns: arrays (1, axis, inner) of one width are expected, and no mask"
            )
        return width

    def _run_in_parts(self, length: int, load: Any, store: Any, *values: Any) -> None:
        """Compute one row of so many elements, of which the arrays hold parts."""
        mask, params = values[self._ends[-1]], values[self._ends[-1] + 1 :]
        shape = 1, BUFFER_BYTES // self._fields["value"], 1
        if values[0].shape != shape or length < shape[1]:
            raise ValueError(
                f"in_parts: arrays of shape {shape} are expected, not {values[0].shape}, and a row of "
                f"{shape[1]} or more elements, not {length}"
            )
        code, at = self._kernel(params == self._module.DEFAULTS, mask is not None, along=False)
        fields = {**self._fields, "kernel": at, "masked": int(mask is not None)}
        addresses = {name: address(one) for name, one in zip(self._names, values, strict=False)}
        if mask is not None:
            addresses["m"] = address(mask)
        LoadedRow(fields, code, length, addresses, params[0] if params else 0.0).run(load, store)

    def _without_elements(self, call: Callable[..., None], values: tuple[Any, ...]) -> None:
        """Give the outputs of rows without elements, as for rows of which the mask leaves nothing."""
        inputs, row_inputs, outputs, mask_at = self._ends
        rows = values[outputs:mask_at]
        if not rows or not rows[0].size:
            return
        outer, inner = rows[0].shape
        element = np.zeros((outer, 1, inner), self._dtype)
        elements = [element] * inputs, [element] * (outputs - row_inputs)
        mask = np.zeros((1, 1, inner), np.bool_)
        given = values[inputs:row_inputs]
        call(*elements[0], *given, *elements[1], *rows, mask, *values[mask_at + 1 :])
