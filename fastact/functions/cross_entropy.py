"""Cross entropy of logits with class indices or distributions: the value, the gradient, or both in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..backends.environment import silent
from ..backends.registry import active, row_kernel
from ..calling import arguments
from ..calling.broadcast import as_slices, regions
from ..calling.memory import without_overlap
from .reduction import Loss, as_flat, check_g, check_reduction, is_flat, loss_dtype, reduced

__all__ = ["CrossEntropy", "cross_entropy"]

Array = np.ndarray[Any, np.dtype[Any]]

# Rows of a block: half a dozen float64 numbers of each are 768 KiB.
ROWS = 1 << 14
# Elements of a block that is worked on in NumPy, too, or copied: three float64 temporaries are 768 KiB.
ELEMENTS = 1 << 15


@dataclass
class _Call:
    """What a call has been given, checked."""

    label: str
    x: Array
    target: Array
    axis: int
    loop: np.dtype[Any]
    by_index: bool
    ignored: int
    smoothing: float
    weight: Array | None

    @property
    def classes(self) -> int:
        return int(self.x.shape[self.axis])

    @property
    def rows(self) -> tuple[int, ...]:
        """The shape of a loss for each row."""
        shape: tuple[int, ...] = self.x.shape
        return shape[: self.axis] + shape[self.axis + 1 :]

    def keep_from(self, out: Array) -> None:
        """Copy what writing `out` would overwrite before it is read."""
        read = without_overlap((out,), (self.x, self.target, self.weight))
        self.x, self.target, self.weight = read

    @property
    def soft(self) -> bool:
        """Whether every class has a part in the loss of a row."""
        return not self.by_index or self.smoothing > 0.0


class CrossEntropy(Loss):
    """The negative logarithm of what softmax gives the right class, or its mean over a distribution of classes.

    No probability is formed on the way. All arguments mean what they mean in PyTorch.

    Parameters
    ----------
    x : array_like
        Logits: real numbers; integers and booleans count as float64.
    target : array_like
        Integers of the shape of x without `axis`: the class of each row. Or floating-point numbers of the shape
        of x: a distribution over the classes for each row.
    axis : int, default -1
        The axis of x that the classes lie along (PyTorch: the second).
    ignore_index : int, default -100
        Rows of this class count for nothing.
    label_smoothing : float, default 0.0
        From 0 to 1: the part of the target that is spread evenly over all classes.
    weight : array_like, optional
        One factor for each class.
    reduction : {"mean", "sum", "none"}, default "mean"
        For class indices the mean is weighted by the weights of the classes and leaves out ignored rows; for
        distributions it is over all rows. Sums are in float64. "none" gives an array.

    Returns
    -------
    scalar or ndarray
        float16, float32 or float64: what x and a distribution promote to.

    Raises
    ------
    IndexError
        If a class index is out of range. Nothing is written.

    Notes
    -----
    ``value_and_grad`` returns the loss and its gradient with respect to x; ``vjp(g, x, target)`` g times it. The
    gradient of an ignored row is 0. A class that a distribution gives 0 counts for nothing, also where its
    logit is -inf. Sums do not depend on the number of threads.

    Source: negative log-likelihood of a categorical variable.
    """

    name = "cross_entropy"
    parameters: Mapping[str, object] = {
        "axis": -1,
        "ignore_index": -100,
        "label_smoothing": 0.0,
        "weight": None,
        "reduction": "mean",
    }
    source = "negative log-likelihood of a categorical variable"

    def __call__(
        self,
        x: Any,
        target: Any,
        *,
        axis: int = -1,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        weight: Any = None,
        reduction: str = "mean",
    ) -> Any:
        """Compute the loss."""
        check_reduction(self.name, reduction)
        call = _checked(self.name, x, target, axis, ignore_index, label_smoothing, weight)
        loss = np.empty(call.rows, call.loop) if reduction == "none" else None
        total = _walk(call, loss, None, None)
        return _result(call, loss, total, _count(call, reduction), reduction)

    def value_and_grad(
        self,
        x: Any,
        target: Any,
        *,
        axis: int = -1,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        weight: Any = None,
        reduction: str = "mean",
        out: Any = None,
    ) -> tuple[Any, Any]:
        """Return the loss and its gradient with respect to x, from one pass over the data.

        Parameters
        ----------
        x, target, axis, ignore_index, label_smoothing, weight, reduction
            As in the call. Without a reduction the gradient is that of the sum.
        out : array, optional
            Where to write the gradient; may be x.
        """
        label = f"{self.name}.value_and_grad"
        check_reduction(label, reduction)
        call = _checked(label, x, target, axis, ignore_index, label_smoothing, weight)
        out = arguments.target_for(label, out, call.x.shape, call.loop)
        call.keep_from(out)
        loss = np.empty(call.rows, call.loop) if reduction == "none" else None
        count = _count(call, reduction)
        total = _walk(call, loss, out, _inverse(count))
        return _result(call, loss, total, count, reduction), out

    def vjp(
        self,
        g: Any,
        x: Any,
        target: Any,
        *,
        axis: int = -1,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        weight: Any = None,
        reduction: str = "mean",
        out: Any = None,
    ) -> Any:
        """Return the gradient with respect to x, given that with respect to the loss.

        Parameters
        ----------
        g : float or array_like
            A number, or without a reduction an array with one for each row.
        x, target, axis, ignore_index, label_smoothing, weight, reduction
            As in the call.
        out : array, optional
            Where to write it; may be x.
        """
        label = f"{self.name}.vjp"
        check_reduction(label, reduction)
        call = _checked(label, x, target, axis, ignore_index, label_smoothing, weight, g)
        g = check_g(label, g, call.rows, reduction)
        out = arguments.target_for(label, out, call.x.shape, call.loop)
        call.keep_from(out)
        with silent():
            scale = g.astype(np.float64) * _inverse(_count(call, reduction))
        _walk(call, None, out, scale)
        return out


# --- arguments -------------------------------------------------------------------------------------


def _checked(
    label: str, x: Any, target: Any, axis: int, ignored: int, smoothing: float, weight: Any, *g: Any
) -> _Call:
    given = *g, x, target
    x, target = arguments.real_array(label, x), np.asarray(target)
    axis = normalize_axis_index(axis, x.ndim)
    if target.dtype.kind not in "iuf":
        raise TypeError(
            f"{label}() takes class indices or a floating-point distribution as target, "
            f"not dtype {target.dtype}"
        )
    gradients = [arguments.real_array(label, one) for one in g] if g else ()
    loop = loss_dtype(label, given, (*gradients, x, target))
    smoothing, by_index = float(smoothing), target.dtype.kind in "iu"
    if not 0.0 <= smoothing <= 1.0:
        raise ValueError(f"{label}(): label_smoothing={smoothing} is not between 0 and 1")
    call = _Call(label, x, target, axis, loop, by_index, int(ignored), smoothing, None)
    expected = call.rows if by_index else x.shape
    if target.shape != expected:
        what = "class indices" if by_index else "a distribution"
        raise ValueError(
            f"{label}(): {what} for x of shape {x.shape} are of shape {expected}, not {target.shape}"
        )
    if not by_index and ignored >= 0:
        raise ValueError(f"{label}(): a distribution has no class to ignore")
    call.weight = _class_weight(call, weight)
    if by_index:
        _check_indices(call)
    return call


def _class_weight(call: _Call, weight: Any) -> Array | None:
    if weight is None:
        return None
    weight = arguments.real_array(call.label, weight)
    if weight.shape != (call.classes,):
        raise ValueError(
            f"{call.label}(): weight is of shape {weight.shape}, one for each class is ({call.classes},)"
        )
    if weight.dtype.itemsize > 8:  # a longdouble may be beyond float64
        with silent():
            weight = weight.astype(np.float64)
    return np.asarray(weight, dtype=np.float64)


def _check_indices(call: _Call) -> None:
    target = call.target
    if not target.size or (target.min() >= 0 and target.max() < call.classes):
        return
    for region in regions(target.shape, ELEMENTS):
        part = target[region]
        wrong = (part != call.ignored) & ((part < 0) | (part >= call.classes))
        if wrong.any():
            raise IndexError(
                f"{call.label}(): class {part[wrong].flat[0]} is not one of the {call.classes}"
            )


def _count(call: _Call, reduction: str) -> float:
    """Return what the sum of all losses is divided by."""
    if reduction != "mean":
        return 1.0
    if not call.by_index:
        return float(math.prod(call.rows))
    total = 0.0
    for region in regions(call.target.shape, ELEMENTS):
        part = call.target[region]
        part = part[part != call.ignored]
        total += part.size if call.weight is None else _sum(call.weight[part])
    return total


def _sum(weights: Array) -> float:
    with silent():
        return float(weights.sum())


def _inverse(count: float) -> Array:
    with silent():
        return np.asarray(1.0 / np.float64(count))


def _result(call: _Call, loss: Array | None, total: float, count: float, reduction: str) -> Any:
    if loss is not None:
        return loss if loss.ndim else loss[()]
    return reduced(total, count, reduction, call.loop)


# --- the work --------------------------------------------------------------------------------------


def _walk(call: _Call, loss: Array | None, out: Array | None, scale: Array | None) -> float:
    """Fill `loss` and `out`, the gradient times `scale`, block by block; return the sum of the losses."""
    total = 0.0
    if not call.classes:  # every row is ignored, or its loss a sum over nothing
        if loss is not None:
            loss.fill(0.0)
        return total
    with silent():
        for rows, elements in _blocks(call, out):
            block = _Block(call, rows, elements, out, scale)
            losses = block.losses()
            total += float(losses.sum())
            if loss is not None:
                place = loss[(*rows, ...)]
                np.copyto(place, losses.reshape(place.shape), casting="unsafe")
    return total


def _blocks(call: _Call, out: Array | None) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Yield the indices of whole rows: of what there is one of a row, and of the elements."""
    size = ROWS
    if call.soft or not all(_ready(a, call.loop) for a in (call.x, out) if a is not None):
        size = min(ROWS, max(1, ELEMENTS // call.classes))
    for region in regions(call.rows, size):
        rows = as_slices(region, len(call.rows))
        yield rows, (*rows[: call.axis], slice(None), *rows[call.axis :])


def _work_dtype(loop: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64 if loop.itemsize == 8 else np.float32)


def _ready(array: Array, loop: np.dtype[Any]) -> bool:
    """Tell whether a kernel may have the array itself; what is to be rounded to float16 is copied."""
    return loop.itemsize > 2 and is_flat(array, loop)


class _Block:
    """Some rows: their logits as an array (outer, classes, inner), what there is one of a row as (outer, inner)."""

    def __init__(
        self,
        call: _Call,
        rows: tuple[Any, ...],
        elements: tuple[Any, ...],
        out: Array | None,
        scale: Array | None,
    ) -> None:
        self.call = call
        x = call.x[elements]
        inner = math.prod(x.shape[call.axis + 1 :])
        outer = math.prod(x.shape[: call.axis])
        self.dtype = _work_dtype(call.loop)
        self.shape, self.row_shape = (outer, call.classes, inner), (outer, inner)
        x = x.astype(call.loop, copy=False)  # to float16 first, as for every function
        self.x = as_flat(x, self.dtype).reshape(self.shape)
        self.out = None if out is None else out[elements]
        self.target = call.target[(*rows, ...) if call.by_index else elements]
        self.scale = np.zeros(())
        if scale is not None:
            self.scale = scale[(*rows, ...)].reshape(self.row_shape) if scale.ndim else scale

    def losses(self) -> Array:
        """Return the losses in float64; write the gradient, if it is asked for."""
        return self._soft() if self.call.soft else self._hard()

    def _statistic(self, share: Array) -> tuple[Array, Array, Array | None]:
        """Return the maximum and the other exponentials, and share · scale · softmax."""
        maximum, others = np.empty((2, *self.row_shape), self.dtype)
        if self.out is None:
            kernel = row_kernel(active(), "_exp_sum", "forward", self.dtype)
            kernel(self.x, maximum, others, None, 1.0)
            return maximum.astype(np.float64), others.astype(np.float64), None
        gradient = self._place()
        factor = self._scaled(share).astype(self.dtype)
        kernel = row_kernel(active(), "_cross_entropy", "forward", self.dtype)
        kernel(self.x, np.ascontiguousarray(factor), gradient, maximum, others, None, 1.0)
        return maximum.astype(np.float64), others.astype(np.float64), gradient

    def _scaled(self, share: Array) -> Array:
        """Return share · scale, 0 for a share of 0: the mean over nothing has an infinite scale."""
        scaled: Array = np.where(share == 0.0, 0.0, share * self.scale)
        return scaled

    def _place(self) -> Array:
        """Return where the kernel writes the gradient: where it belongs, if that is contiguous memory."""
        assert self.out is not None
        if _ready(self.out, self.call.loop):
            place: Array = self.out.reshape(self.shape)
            return place
        return np.empty(self.shape, self.dtype)

    def _finish(self, gradient: Array, statistic: Array, ignored: Array | None) -> None:
        """Clear what NaN and infinity have left in ignored rows, and write the gradient where it belongs."""
        assert self.out is not None
        if ignored is not None and (spoiled := ignored & ~np.isfinite(statistic)).any():
            np.copyto(gradient, 0.0, where=spoiled[:, None, :])
        if not np.may_share_memory(gradient, self.out):
            gradient = gradient.astype(self.call.loop, copy=False)
            np.copyto(self.out, gradient.reshape(self.out.shape), casting="unsafe")

    def _indices(self) -> tuple[Array, Array, Array]:
        """Return the classes, 0 for ignored rows; which those are; the weights, 0 for ignored rows."""
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
            # 1 - p without cancellation: of the largest logit it is what the others have.
            missing = np.where(behind == 0.0, others, 1.0 + others - np.exp(-behind)) / (
                1.0 + others
            )
            own = 0.0 - self._scaled(weight) * (missing + (maximum - maximum))
            np.put_along_axis(gradient, places, own[:, None, :].astype(self.dtype), 1)
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
        """Return what each logarithm is multiplied by, and which rows are ignored."""
        call, ignored = self.call, None
        even = call.smoothing / call.classes
        if call.by_index:
            target, ignored, _ = self._indices()
            shares = np.full(self.shape, even)
            places = target[:, None, :]
            own = np.take_along_axis(shares, places, 1) + (1.0 - call.smoothing)
            np.put_along_axis(shares, places, own, 1)
            shares *= ~ignored[:, None, :]
        else:
            shares = self.target.astype(np.float64).reshape(self.shape)
            if call.smoothing:
                shares *= 1.0 - call.smoothing
                shares += even
        if call.weight is not None:
            shares *= call.weight[:, None]
        return shares, ignored


cross_entropy = CrossEntropy()
