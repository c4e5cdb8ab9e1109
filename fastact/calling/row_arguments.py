"""The checked arguments of a call along axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from . import arguments, axes, labelled, protocols
from .axes import Shape
from .dtypes import loop_dtype

__all__ = ["RowArguments", "require_numpy"]


class RowArguments:
    """The checked arguments of a call along axes.

    Attributes
    ----------
    label : str
        The pass, for messages.
    arrays : list of ndarray
        The operands without labels.
    optional : dict of str to (ndarray or None)
        The optional operands without labels; None for one that is not given.
    data : ndarray
        The last operand, in which the rows lie.
    shape : tuple of int
        The shape of `data`.
    axes : tuple of int
        The axes that rows lie along, ascending.
    loop : dtype
        The dtype of the result.
    mask : ndarray of bool or None
        Which elements take part; None for all.
    labels, missing
        What `labelled` needs to restore labels and masks of the operands.
    """

    def __init__(
        self,
        label: str,
        operands: Mapping[str, Any],
        axis: Any,
        where: Any,
        out: Any,
        dtype: Any,
        optional: Mapping[str, Any] | None = None,
    ) -> None:
        self.label, self.out = label, out
        given = {name: one for name, one in (optional or {}).items() if one is not None}
        given.update(operands)
        values, self.labels = labelled.plain(label, list(given.values()))
        arrays = list(map(partial(arguments.real_array, label), values, given))
        self.loop = loop_dtype(label, values, arrays, dtype)
        self.arrays = arrays[len(arrays) - len(operands) :]
        self.optional = dict.fromkeys(optional or {}) | dict(zip(given, arrays, strict=True))
        self.data = arrays[-1]
        self.shape: Shape = self.data.shape
        self.axes = axes.checked_axes(label, axis, len(self.shape))
        arguments.check_out(label, (out,), self.loop)
        self.missing = None if self.labels is None else self.labels.combined(self.shape)
        mask = axes.mask_for(label, where, self.shape)
        if self.missing is not None:
            mask = ~self.missing if mask is None else mask & ~self.missing
        self.mask = mask

    def check_out(self, expected: Shape) -> None:
        """Raise if `out` has another shape than the result."""
        if self.out is not None and self.out.shape != expected:
            raise ValueError(f"{self.label}(): out has shape {self.out.shape}, expected {expected}")


def require_numpy(label: str, operands: Sequence[Any], where: Any, options: str) -> None:
    """Raise if an operand is another library's array, which is not taken with these options."""
    given = [value for value in operands if value is not None]
    if protocols.row_library(label, given, where) is not None:
        raise TypeError(f"{label}() takes NumPy arrays only with {options}")
