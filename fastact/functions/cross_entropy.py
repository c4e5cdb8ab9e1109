"""Cross entropy of logits with class indices or distributions: value, gradient, or both in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..calling import arguments, labelled
from ..calling.axes import checked_axis
from ..calling.broadcast import as_slices, regions
from ..calling.dtypes import Array, computing, is_floating, is_ready
from ..calling.fast import KernelTable
from ..calling.memory import Scratch, scatter, without_overlap
from .losses import Loss, Task, check_reduction, loss_dtype

__all__ = ["cross_entropy"]

# Rows of a block: six float64 numbers for each are 768 KiB.
ROWS = 1 << 14
# Elements of a block that NumPy processes or copies: three float64 temporaries are 768 KiB.
ELEMENTS = 1 << 15

_EXP_SUM = KernelTable.of_rows("_exp_sum", "forward")
_WITH_GRADIENT = KernelTable.of_rows("_cross_entropy", "forward")

Index = tuple[Any, ...]


class _Task(Task):
    """The checked arguments of one call.

    Attributes
    ----------
    by_index : bool
        Whether the target holds class indices; otherwise it holds distributions.
    rows_missing : ndarray of bool, optional
        Rows left out because of masked or missing values.
    """

    def __init__(
        self,
        label: str,
        x: Any,
        target: Any,
        axis: int,
        ignored: int,
        smoothing: float,
        weight: Any,
        reduction: str,
        g: tuple[Any, ...],
    ) -> None:
        self.label, self.reduction = label, check_reduction(label, reduction)
        values, self.labels = labelled.plain(label, (*g, target, x))
        *gradients, target, x = values
        given = *gradients, x, target
        self.x, self.target = arguments.real_array(label, x), np.asarray(target)
        self.axis = checked_axis(label, axis, self.x.ndim)
        self.dropped = (self.axis,)
        self.by_index = self.target.dtype.kind in "iu"
        if not self.by_index and not is_floating(self.target.dtype):
            raise TypeError(
                f"{label}() takes class indices or a floating-point distribution as target, "
                f"not dtype {self.target.dtype}"
            )
        others = [arguments.real_array(label, one) for one in gradients]
        self.loop = loss_dtype(label, given, (*others, self.x, self.target))
        self.ignored = arguments.integer(label, "ignore_index", ignored)
        smoothing = arguments.parameter_value(label, "label_smoothing", smoothing)
        self.smoothing = float(smoothing)
        self.shape, self.classes = self.x.shape, int(self.x.shape[self.axis])
        if not 0.0 <= self.smoothing <= 1.0:
            raise ValueError(
                f"{label}(): label_smoothing={self.smoothing}: expected a number in [0, 1]"
            )
        expected = self.loss_shape if self.by_index else self.shape
        if self.target.shape != expected:
            what = "class indices" if self.by_index else "a distribution"
            raise ValueError(
                f"{label}(): target has shape {self.target.shape}, expected {expected}: "
                f"{what} for x of shape {self.shape}"
            )
        if not self.by_index and ignored >= 0:
            raise ValueError(
                f"{label}(): ignore_index={ignored} needs class indices, but target is a distribution"
            )
        self.weight = self._class_weight(weight)
        self.rows_missing: Array | None = None
        if self.labels is not None:
            *_, targets, logits = self.labels.missing
            self._leave_out(logits, targets)
        if self.by_index:
            self._check_indices()

    @property
    def loss_shape(self) -> tuple[int, ...]:
        return self.shape[: self.axis] + self.shape[self.axis + 1 :]

    @property
    def soft(self) -> bool:
        """Whether every class contributes to the loss of a row."""
        return not self.by_index or self.smoothing > 0.0

    def missing_losses(self) -> Array | None:
        return self.rows_missing

    def keep_from(self, out: Array) -> None:
        read = without_overlap((out,), (self.x, self.target, self.weight))
        self.x, self.target, self.weight = read

    def _class_weight(self, weight: Any) -> Array | None:
        if weight is None:
            return None
        (value,), labels = labelled.plain(self.label, (weight,))
        array = arguments.real_array(self.label, value)
        if array.shape != (self.classes,):
            raise ValueError(
                f"{self.label}(): weight has shape {array.shape}, expected ({self.classes},): one value per class"
            )
        with silent():  # a longdouble may overflow float64
            array = array.astype(np.float64)
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
            self.target = np.where(gone, self.ignored, self.target)
            if logits is not None:
                known = (self.target >= 0) & (self.target < self.classes)
                places = np.expand_dims(np.where(known, self.target, 0), self.axis)
                gone |= known & np.take_along_axis(logits, places, self.axis).squeeze(self.axis)
                self.target = np.where(gone, self.ignored, self.target)
        self.rows_missing = gone
        along = np.broadcast_to(np.expand_dims(gone, self.axis), self.shape)
        self.missing = along if logits is None else along | logits
        self.logits_missing = logits

    def _check_indices(self) -> None:
        target = self.target
        if not target.size or (target.min() >= 0 and target.max() < self.classes):
            return
        for region in regions(target.shape, ELEMENTS):
            part = target[region]
            wrong = (part != self.ignored) & ((part < 0) | (part >= self.classes))
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
        total = 0.0
        for region in regions(self.target.shape, ELEMENTS):
            part = self.target[region]
            part = part[part != self.ignored]
            total += part.size if self.weight is None else _sum(self.weight[part])
        return total

    def value(self, loss: Array | None) -> float:
        return self._walk(loss, None, None)

    def value_and_grad(self, loss: Array | None, out: Array, scale: float) -> float:
        return self._walk(loss, out, np.asarray(scale))

    def vjp(self, g: Array, out: Array, scale: float) -> None:
        with silent():
            by = g.astype(np.float64) * scale
        self._walk(None, out, by)

    def _walk(self, loss: Array | None, out: Array | None, scale: Array | None) -> float:
        """Fill `loss` and `out`, the gradient times `scale`, block by block; return the sum of the losses."""
        total, scratch = 0.0, Scratch(self.loop)
        if not self.classes:  # every row is ignored, or its loss is an empty sum
            if loss is not None:
                loss.fill(0.0)
            return total
        with silent():
            for rows, elements in self._blocks(out):
                block = _Block(self, scratch, rows, elements, out, scale)
                losses = block.losses()
                total += float(losses.sum())
                if loss is not None:
                    place = loss[(*rows, ...)]
                    np.copyto(place, losses.reshape(place.shape), casting="unsafe")
        return total

    def _blocks(self, out: Array | None) -> Iterator[tuple[Index, Index]]:
        """Yield blocks of whole rows: the index into arrays with one value for each row, and into x."""
        size, arrays = ROWS, [self.x] if out is None else [self.x, out]
        if self.soft or not all(is_ready(one, computing(self.loop)) for one in arrays):
            size = min(ROWS, max(1, ELEMENTS // self.classes))
        for region in regions(self.loss_shape, size):
            rows = as_slices(region, len(self.loss_shape))
            yield rows, (*rows[: self.axis], slice(None), *rows[self.axis :])


def _sum(weights: Array) -> float:
    with silent():
        return float(weights.sum())


class _Block:
    """A block of rows: logits have shape (outer, classes, inner), values for each row (outer, inner)."""

    def __init__(
        self,
        call: _Task,
        scratch: Scratch,
        rows: Index,
        elements: Index,
        out: Array | None,
        scale: Array | None,
    ) -> None:
        self.call, self.scratch, self.dtype = call, scratch, scratch.dtype
        x = call.x[elements]
        inner = math.prod(x.shape[call.axis + 1 :])
        outer = math.prod(x.shape[: call.axis])
        self.shape, self.row_shape = (outer, call.classes, inner), (outer, inner)
        self.x = scratch.gather(x, "x", self.shape)
        self.out = None if out is None else out[elements]
        self.target = call.target[(*rows, ...) if call.by_index else elements]
        self.missing = None if call.missing is None else call.missing[elements].reshape(self.shape)
        self.rows_missing = (
            None
            if call.rows_missing is None
            else call.rows_missing[(*rows, ...)].reshape(self.row_shape)
        )
        self.scale = np.zeros(())
        if scale is not None:
            self.scale = scale[(*rows, ...)].reshape(self.row_shape) if scale.ndim else scale

    def losses(self) -> Array:
        """Return the losses in float64; write the gradient if requested."""
        return self._soft() if self.call.soft else self._hard()

    def _statistic(self, weight: Array) -> tuple[Array, Array, Array | None]:
        """Return the maximum, the sum of the other exponentials, and weight · scale · softmax."""
        maximum, others = self.scratch.take("statistic", (2, *self.row_shape))
        if self.out is None:
            kernel = _EXP_SUM.kernel(self.call.loop)
            kernel(self.x, maximum, others, None, 1.0)
            return maximum.astype(np.float64), others.astype(np.float64), None
        gradient = self.scratch.destination(self.out, "gradient", self.shape)
        factor = self._scaled(weight).astype(self.dtype)
        kernel = _WITH_GRADIENT.kernel(self.call.loop)
        kernel(self.x, np.ascontiguousarray(factor), gradient, maximum, others, None, 1.0)
        return maximum.astype(np.float64), others.astype(np.float64), gradient

    def _scaled(self, weight: Array) -> Array:
        """Return weight · scale, and 0 for a weight of 0: the scale of an empty mean is infinite."""
        scaled: Array = np.where(weight == 0.0, 0.0, weight * self.scale)
        return scaled

    def _finish(self, gradient: Array, statistic: Array, ignored: Array | None) -> None:
        """Set the gradient of ignored rows with NaN or infinite logits to 0, and store the gradient."""
        assert self.out is not None
        if ignored is not None and (nonfinite := ignored & ~np.isfinite(statistic)).any():
            np.copyto(gradient, 0.0, where=nonfinite[:, None, :])
        if not is_ready(self.out, self.scratch.ready):
            scatter(self.out, gradient, self.call.loop)

    def _indices(self) -> tuple[Array, Array, Array]:
        """Return the classes (0 for ignored rows), which rows are ignored, and the weights (0 for those)."""
        target = self.target.reshape(self.row_shape)
        ignored = target == self.call.ignored
        target = np.where(ignored, 0, target).astype(np.intp)
        if self.call.weight is None:
            return target, ignored, np.where(ignored, 0.0, 1.0)
        return target, ignored, np.where(ignored, 0.0, self.call.weight[target])

    def _hard(self) -> Array:
        target, ignored, weight = self._indices()
        places = target[:, None, :]
        logit = np.take_along_axis(self.x, places, 1)[:, 0, :].astype(np.float64)
        maximum, others, gradient = self._statistic(weight)
        behind = maximum - logit
        losses = weight * (np.log1p(others) + behind + (maximum - maximum))
        if gradient is not None:
            # 1 - p without cancellation: for the largest logit it is the sum of the other probabilities.
            missing = np.where(behind == 0.0, others, 1.0 + others - np.exp(-behind)) / (
                1.0 + others
            )
            slope = 0.0 - self._scaled(weight) * (missing + (maximum - maximum))
            np.put_along_axis(gradient, places, slope[:, None, :].astype(self.dtype), 1)
            self._finish(gradient, maximum + others, ignored)
        return np.where(ignored, 0.0, losses)

    def _soft(self) -> Array:
        if self.out is not None and np.may_share_memory(self.x, self.out):
            self.x = self.x.copy()
        shares, ignored = self._shares()
        whole = shares.sum(1)
        maximum, others, gradient = self._statistic(whole)
        behind = maximum[:, None, :] - self.x
        behind *= shares
        np.copyto(behind, 0.0, where=shares == 0.0)
        losses = whole * (np.log1p(others) + (maximum - maximum)) + behind.sum(1)
        if gradient is not None:
            shares *= self.scale[:, None, :] if self.scale.ndim else self.scale
            if ignored is not None:
                np.copyto(shares, 0.0, where=ignored[:, None, :])
            np.subtract(gradient, shares, out=gradient, casting="unsafe")
            self._finish(gradient, maximum + others, ignored)
        return losses if ignored is None else np.where(ignored, 0.0, losses)

    def _shares(self) -> tuple[Array, Array | None]:
        """Return the factor of each logarithm, and which rows are ignored."""
        call, ignored = self.call, self.rows_missing
        even = call.smoothing / call.classes
        if call.by_index:
            target, ignored, _ = self._indices()
            shares = np.full(self.shape, even)
            places = target[:, None, :]
            right = np.take_along_axis(shares, places, 1) + (1.0 - call.smoothing)
            np.put_along_axis(shares, places, right, 1)
            shares *= ~ignored[:, None, :]
        else:
            shares = self.target.astype(np.float64).reshape(self.shape)
            if call.smoothing:
                shares *= 1.0 - call.smoothing
                shares += even
        if call.weight is not None:
            shares *= call.weight[:, None]
        if self.missing is not None:
            np.copyto(shares, 0.0, where=self.missing)
        return shares, ignored


def _cross_entropy(
    label: str,
    x: Any,
    target: Any,
    *,
    axis: int = -1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    weight: Any = None,
    reduction: str = "mean",
    g: tuple[Any, ...] = (),
) -> Task:
    return _Task(label, x, target, axis, ignore_index, label_smoothing, weight, reduction, g)


cross_entropy = Loss(
    "cross_entropy",
    """The negative log-probability that softmax gives the target class, or its mean over a distribution of classes.

It is computed from the logits without forming probabilities. Arguments have PyTorch's meaning.""",
    "negative log-likelihood of a categorical variable",
    _cross_entropy,
    {
        "x": "array_like\n    Logits: real numbers; integers and booleans count as float64.",
        "target": "array_like\n    Integers with the shape of x without `axis`: the class of each row. Or floating-\n"
        "    point numbers with the shape of x: a distribution over the classes for each row.",
        "axis": "int, default {default}\n    The axis of x that holds the classes (in PyTorch, the second).",
        "ignore_index": "int, default {default}\n    Rows of this class are left out.",
        "label_smoothing": "float, default {default}\n"
        "    From 0 to 1: the part of the target that is spread evenly over all classes.",
        "weight": "array_like, optional\n    One factor for each class.",
        "reduction": '{"mean", "sum", "none"}, default {default}\n'
        "    For class indices the mean is weighted by the class weights and leaves out ignored rows;\n"
        '    for distributions it is over all rows. Sums are in float64. "none" returns an array.',
    },
    (
        "The gradient of an ignored row is 0. A class of probability 0 in the target contributes nothing, even if its\n"
        "logit is -inf. Sums do not depend on the number of threads.",
    ),
    {
        "ValueError": "If shapes do not match, label_smoothing is outside [0, 1], or a distribution is given with an\n"
        "    ignore_index. Nothing is written.",
        "IndexError": "If a class index is out of range. Nothing is written.",
    },
)
