"""What the losses of class indices share: their arguments, classes that are left out, blocks of rows."""

# ruff: noqa: D102  (the methods of a task are documented at Task)

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ..backends.environment import silent
from ..calling import arguments, labelled
from ..calling.axes import checked_axis
from ..calling.broadcast import as_slices, regions
from ..calling.dtypes import Array, is_floating
from ..calling.memory import Scratch, without_overlap
from .class_blocks import ELEMENTS, Block, Index, taken
from .loss_task import Task
from .losses import check_reduction, loss_dtype

__all__ = ["ARGUMENTS", "NOTE", "RAISES", "ClassTask"]

# Rows of a block: twelve float64 numbers for each, in softmax_focal, are 576 KiB, and logits that are copied 384.
ROWS = 3 << 11


class ClassTask(Task):
    """The checked arguments of one call.

    Attributes
    ----------
    by_index : bool
        Whether the target holds class indices; otherwise it holds distributions.
    rows_missing : ndarray of bool, optional
        Rows left out because of masked or missing values.
    """

    block: ClassVar[type[Block]]
    takes_distributions: ClassVar[bool] = False

    def __init__(
        self,
        label: str,
        x: Any,
        target: Any,
        g: tuple[Any, ...],
        *,
        axis: int,
        ignore_index: Any,
        weight: Any,
        reduction: str,
        empty: float | None,
    ) -> None:
        self.label, self.reduction = label, check_reduction(label, reduction)
        values, self.labels = labelled.plain(label, (*g, target, x))
        *gradients, target, x = values
        given = *gradients, x, target
        self.x = arguments.real_array(label, x, "x")
        self.target = np.asarray(arguments.as_array(label, "target", target))
        self.axis = checked_axis(label, axis, self.x.ndim)
        self.dropped = (self.axis,)
        self.by_index = self.target.dtype.kind in "iu"
        self._check_kind()
        others = [arguments.real_array(label, one, "g") for one in gradients]
        self.loop = loss_dtype(label, given, (*others, self.x, self.target))
        self.ignored = arguments.integers(label, "ignore_index", ignore_index)
        if empty is not None:
            self.empty = arguments.number(label, "empty", empty)
        self.shape, self.classes = self.x.shape, int(self.x.shape[self.axis])
        self._check_shape()
        self.gradient_shapes = (self.shape,)
        self.weight = None if weight is None else self.of_classes("weight", weight)
        self.rows_missing: Array | None = None
        if self.labels is not None:
            *_, targets, logits = self.labels.missing
            self._leave_out(logits, targets)
        if self.by_index:
            self._check_indices()

    def _check_kind(self) -> None:
        found = self.target.dtype
        if self.takes_distributions and not (self.by_index or is_floating(found)):
            raise TypeError(
                f"{self.label}() takes class indices or a floating-point distribution as target, "
                f"not dtype {found}"
            )
        if not (self.takes_distributions or self.by_index):
            raise TypeError(f"{self.label}() takes class indices as target, not dtype {found}")

    def _check_shape(self) -> None:
        expected = self.loss_shape if self.by_index else self.shape
        if not self.by_index and self.target.shape == self.loss_shape != expected:
            raise ValueError(
                f"{self.label}(): target has the shape {self.target.shape} of class indices, but dtype "
                f"{self.target.dtype}: expected integers, such as target.astype(int)"
            )
        if self.target.shape != expected:
            what = "class indices" if self.by_index else "a distribution"
            raise ValueError(
                f"{self.label}(): target has shape {self.target.shape}, expected {expected}, that of "
                f"{what} for x of shape {self.shape}"
            )
        if not self.by_index and any(one >= 0 for one in self.ignored):
            shown = self.ignored[0] if len(self.ignored) == 1 else self.ignored
            raise ValueError(
                f"{self.label}(): ignore_index={shown} needs class indices, but target is a distribution"
            )

    @property
    def loss_shape(self) -> tuple[int, ...]:
        return self.shape[: self.axis] + self.shape[self.axis + 1 :]

    @property
    def soft(self) -> bool:
        """Whether every class contributes to the loss of a row."""
        return not self.by_index

    def is_ignored(self, target: Array) -> Array:
        """Tell which class indices are among those to ignore."""
        ignored = np.zeros(target.shape, bool)
        for one in self.ignored:
            ignored |= target == one
        return ignored

    def missing_losses(self) -> Array | None:
        return self.rows_missing

    def keep_from(self, outs: tuple[Array, ...]) -> None:
        read = without_overlap(outs, (self.x, self.target, self.weight))
        self.x, self.target, self.weight = read

    def of_classes(self, name: str, given: Any) -> Array:
        """Return an argument that has one number for each class."""
        (value,), labels = labelled.plain(self.label, (given,))
        array = arguments.real_array(self.label, value, name)
        if array.shape != (self.classes,):
            raise ValueError(
                f"{self.label}(): {name} has shape {array.shape}, expected ({self.classes},): one value per class"
            )
        return array if labels is None else labelled.masked_out(array, labels.missing[0])

    def _leave_out(self, logits: Array | None, targets: Array | None) -> None:
        """Leave out masked logits, and rows without any logit, target, or logit of the target."""
        if logits is None and targets is None:
            return
        gone = np.zeros(self.loss_shape, bool)
        if logits is not None:
            gone |= logits.all(self.axis)
            self.x = labelled.masked_out(self.x, logits, -np.inf)
        if targets is not None:
            gone |= targets if self.by_index else targets.all(self.axis)
        if not self.by_index:
            self.target = labelled.masked_out(self.target, targets)
            self.target = labelled.masked_out(self.target, logits)
        else:
            if logits is not None:
                known = (self.target >= 0) & (self.target < self.classes)
                gone |= known & taken(logits, np.where(known, self.target, 0), self.axis)
            self.target = np.where(gone, 0, self.target)
        self.rows_missing = gone
        along = np.broadcast_to(np.expand_dims(gone, self.axis), self.shape)
        self.missing = along if logits is None else along | logits
        self.logits_missing = logits

    def _parts(self) -> Iterator[tuple[Array, Array]]:
        """Yield the targets in blocks, and which of them count."""
        for region in regions(self.target.shape, ELEMENTS):
            part = self.target[region]
            counted = ~self.is_ignored(part)
            if self.rows_missing is not None:
                counted &= ~self.rows_missing[region]
            yield part, counted

    def _check_indices(self) -> None:
        target = self.target
        if not target.size or (target.min() >= 0 and target.max() < self.classes):
            return
        for part, counted in self._parts():
            wrong = counted & ((part < 0) | (part >= self.classes))
            if wrong.any():
                raise IndexError(
                    f"{self.label}(): class {part[wrong].flat[0]} is out of range for {self.classes} classes"
                )

    def count(self) -> float:
        if self.reduction != "mean":
            return 1.0
        if not self.by_index:
            missing = 0 if self.rows_missing is None else np.count_nonzero(self.rows_missing)
            return float(math.prod(self.loss_shape) - missing)
        if self.weight is None:
            return float(sum(np.count_nonzero(counted) for _, counted in self._parts()))
        return sum(_sum(self.weight[part[counted]]) for part, counted in self._parts())

    def value(self, loss: Array | None) -> float:
        return self._walk(loss, None, None)

    def value_and_grad(self, loss: Array | None, outs: tuple[Array, ...], scale: float) -> float:
        return self._walk(loss, outs[0], np.ones(()), scale)

    def vjp(self, g: Array, outs: tuple[Array, ...], scale: float) -> None:
        self._walk(None, outs[0], g, scale)

    def _walk(
        self, loss: Array | None, out: Array | None, g: Array | None, scale: float = 1.0
    ) -> float:
        """Fill `loss` and `out`, the gradient times g and `scale`, block by block; return the sum of the losses."""
        total, scratch = 0.0, Scratch(self.loop)
        if not self.classes:  # every row is ignored, or its loss is an empty sum
            if loss is not None:
                loss.fill(0.0)
            return total
        with silent():
            for rows, elements in self._blocks():
                block = self.block(self, scratch, rows, elements, out, g, scale)
                losses = block.losses()
                total += float(losses.sum())
                if loss is not None:
                    place = loss[(*rows, ...)]
                    np.copyto(place, losses.reshape(place.shape), casting="unsafe")
        return total

    def _blocks(self) -> Iterator[tuple[Index, Index]]:
        """Yield blocks of whole rows, the same for any layout, so that sums are: their index, and that into x."""
        size = min(ROWS, max(1, ELEMENTS // self.classes)) if self.soft else ROWS
        for region in regions(self.loss_shape, size):
            rows = as_slices(region, len(self.loss_shape))
            yield rows, (*rows[: self.axis], slice(None), *rows[self.axis :])


def _sum(weights: Array) -> float:
    with silent():  # a longdouble may overflow float64
        return float(weights.astype(np.float64).sum())


#: Documentation that the losses of class indices share.
ARGUMENTS = {
    "x": "array_like\n    Logits: real numbers; integers and booleans count as float64.",
    "target": "array_like\n    Integers with the shape of x without `axis`: the class of each row.",
    "axis": "int, default {default}\n    The axis of x that holds the classes (in PyTorch, the second).",
    "ignore_index": "int or sequence of int, default {default}\n    Rows of these classes are left out.",
    "weight": "array_like, optional\n    One factor for each class.",
    "reduction": '{"mean", "sum", "none"}, default {default}\n'
    "    The mean is weighted by the class weights and leaves out ignored rows. Sums are in float64.\n"
    '    "none" returns an array.',
    "empty": "float, optional\n    The mean if no row counts, or all that do have a weight of 0. None stands for NaN.",
}
RAISES = {
    "ValueError": "If shapes do not match or a parameter is out of its domain. Nothing is written.",
    "IndexError": "If a class index is out of range. Nothing is written.",
}
NOTE = "The gradient of an ignored row is 0. Sums do not depend on the number of threads."
