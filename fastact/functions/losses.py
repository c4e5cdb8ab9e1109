"""Losses: the value, the gradient, or both in one pass over the data."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from ..backends.environment import silent
from ..backends.registry import within
from ..calling import arguments, axes, docs, labelled
from ..calling.broadcast import regions
from ..calling.dtypes import Array, DType, is_ready, loop_dtype
from ..calling.labelled import Labels
from ..calling.memory import Scratch, scatter, without_overlap
from ..definitions.gates import FUSED
from .base import Function, Pass
from .elementwise import ElementwisePass

__all__ = ["LOSSES", "Loss", "Task", "check_reduction", "loss_dtype"]

# Elements of a block whose losses are kept to be summed. Four float64 operands of it, all of them copies, are 1 MiB.
BLOCK = 1 << 15
# PyTorch's bounds of binary cross entropy: of a logarithm, and of p·(1 - p) below the gradient.
LEAST_LOG = -100.0
LEAST_VARIANCE = 1e-12

_REDUCTIONS = {"mean": True, "sum": True, "none": False}
_ARGUMENTS = {
    "g": "float or array_like\n"
    "    The gradient with respect to the loss: a number, or without a reduction an array of its shape.",
    "weight": "float or array_like, optional\n    What each loss is multiplied by; it broadcasts to the shape of {x}.",
    "reduction": '{"mean", "sum", "none"}, default {default}\n'
    "    The mean over all elements, whatever their weights, or the sum, both added up in float64; or an\n    array.",
    "out": "array, optional\n    Where to write the gradient; may be {x}.",
}
_VALUE = "scalar or ndarray\n    float16, float32 or float64: what {x} and a floating-point target promote to."
_MISSING = (
    "A masked or missing (NA) element takes no part, in the mean's count neither. Arrays that are computed\n"
    "lazily are refused."
)


class Task:
    """The checked arguments of one call of a loss: what is to be computed.

    A derived class computes; the passes check, allocate and reduce.

    Attributes
    ----------
    loop : dtype
        Of the loss and of its gradient.
    shape, loss_shape : tuple of int
        The shape of the gradient, and of the loss without a reduction.
    reduction : {"mean", "sum", "none"}
        What is made of the losses.
    dropped : tuple of int
        The axes of the gradient that the loss does not have.
    """

    loop: DType
    shape: tuple[int, ...]
    reduction: str
    labels: Labels | None
    missing: Array | None = None
    dropped: tuple[int, ...] = ()

    @property
    def loss_shape(self) -> tuple[int, ...]:
        """The shape of the loss without a reduction."""
        return self.shape

    def missing_losses(self) -> Array | None:
        """Return which of the losses are missing."""
        return self.missing

    def count(self) -> float:
        """Return what the sum of all losses is divided by for their mean."""
        raise NotImplementedError

    def keep_from(self, out: Array) -> None:
        """Copy what writing `out` would overwrite before it is read."""
        raise NotImplementedError

    def value(self, loss: Array | None) -> float:
        """Fill `loss` if it is there, else return the sum."""
        raise NotImplementedError

    def value_and_grad(self, loss: Array | None, out: Array, scale: float) -> float:
        """Do the same, and write the gradient times `scale`."""
        raise NotImplementedError

    def vjp(self, g: Array, out: Array, scale: float) -> None:
        """Write g times the gradient times `scale`; `g` is a number or of the shape of the loss."""
        raise NotImplementedError

    def reduced(self, loss: Array | None, total: float, count: float) -> Any:
        """Return the loss as it is given back."""
        if loss is not None:
            return labelled.restored(self.labels, loss, self.missing_losses(), self.dropped)
        with silent():
            value = np.float64(total)
            return (value / count if self.reduction == "mean" else value).astype(self.loop)


class _LossPass(Pass):
    """One pass of a loss that computes its gradient."""

    def __init__(self, loss: Loss, pass_: str) -> None:
        self.arrays = ("g", *loss.arrays) if pass_ == "vjp" else loss.arrays
        self._name(loss.__name__, pass_)
        self._loss = loss
        self._prepare = loss._prepared_as(self.__qualname__)

    def _signature(self) -> inspect.Signature:
        kind = inspect.Parameter
        shown = list(self._loss._signature().parameters.values())
        if "g" in self.arrays:
            shown.insert(0, kind("g", kind.POSITIONAL_OR_KEYWORD))
        return inspect.Signature([*shown, kind("out", kind.KEYWORD_ONLY, default=None)])

    def _task(self, args: tuple[Any, ...], options: dict[str, Any], *g: Any) -> Task:
        if not options.keys() <= self._loss.known:
            self._refuse({name: None for name in options if name not in self._loss.known})
        return self._prepare(*args, g=g, **options)

    def _text(self) -> docs.Text:
        found = self._loss._text()
        x, *_ = self._loss.arrays
        gradient = f"ndarray\n    The gradient with respect to {x}, of its shape."
        if self.pass_ == "vjp":
            summary, returns = (
                f"g times the gradient of {self._loss.name} with respect to {x}.",
                gradient,
            )
        else:
            summary = f"{self._loss.name} and its gradient with respect to {x}, from one pass over the data."
            returns = f"{found.returns}\n{gradient}"
            summary += "\n\nWithout a reduction the gradient is that of the sum."
        texts = {
            name: text
            for name, text in _ARGUMENTS.items()
            if name in ("g", "out") and name in self._signature().parameters
        }
        texts = {name: text.replace("{x}", x) for name, text in texts.items()}
        return found._replace(
            summary=summary, returns=returns, arguments={**found.arguments, **texts}, closing=()
        )


class _ValueAndGrad(_LossPass):
    """The loss and its gradient."""

    nout = 2

    def __call__(self, *args: Any, out: Any = None, **options: Any) -> tuple[Any, Any]:
        """Compute; ``inspect.signature`` shows the arguments."""
        task = self._task(args, options)
        target = arguments.target_for(self.__qualname__, out, task.shape, task.loop)
        task.keep_from(target)
        count = task.count()
        loss = np.empty(task.loss_shape, task.loop) if task.reduction == "none" else None
        total = task.value_and_grad(
            loss, target, _inverse(count) if task.reduction == "mean" else 1.0
        )
        return task.reduced(loss, total, count), _gradient(task, target, out)


class _Vjp(_LossPass):
    """g times the gradient."""

    def __call__(self, *args: Any, out: Any = None, **options: Any) -> Any:
        """Compute; ``inspect.signature`` shows the arguments."""
        if "g" not in options and not args:
            raise TypeError(f"{self.__qualname__}() missing 1 required positional argument: 'g'")
        g, args = (options.pop("g"), args) if "g" in options else (args[0], args[1:])
        task = self._task(args, options, g)
        grad = _check_g(self.__qualname__, g, task)
        target = arguments.target_for(self.__qualname__, out, task.shape, task.loop)
        task.keep_from(target)
        task.vjp(grad, target, _inverse(task.count()) if task.reduction == "mean" else 1.0)
        return _gradient(task, target, out)


def _gradient(task: Task, target: Array, out: Any) -> Any:
    if task.labels is None or out is not None:
        return target
    return task.labels.restored(target, task.missing)


def _inverse(count: float) -> float:
    return 1.0 / count if count else math.inf


class Loss(Function):
    """A loss: the value; ``loss.value_and_grad(x, target)`` gives the gradient for the cost of one, too.

    Parameters
    ----------
    name : str
        Its name.
    doc, notes, texts
        Its documentation: a summary, notes, and its arguments.
    source : str
        Where it is defined.
    prepare : function
        Takes the arguments of a call, and the gradient g as a tuple of one or none, and returns its `Task`.
    """

    family = "losses"
    value_and_grad: _ValueAndGrad
    vjp: _Vjp

    def __init__(
        self,
        name: str,
        doc: str,
        source: str,
        prepare: Callable[..., Task],
        texts: Mapping[str, str],
        notes: Sequence[str],
        raises: Mapping[str, str] | None = None,
    ) -> None:
        assert isinstance(prepare, FunctionType)
        self._function = prepare
        shown = inspect.signature(prepare).parameters
        positional = [one for one in shown.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
        self.arrays = tuple(one.name for one in positional[1:])
        self.known = frozenset(shown) - {"label", "g"}
        self._name(name, "forward")
        self._prepare = self._prepared_as(name)
        self._doc = doc, texts, (*notes, _MISSING), raises or {}
        self._introduce(
            source,
            {"value_and_grad": _ValueAndGrad(self, "value_and_grad"), "vjp": _Vjp(self, "vjp")},
        )

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Compute the loss; ``inspect.signature`` shows the arguments."""
        if not options.keys() <= self.known:
            self._refuse({name: None for name in options if name not in self.known})
        task = self._prepare(*args, **options)
        loss = np.empty(task.loss_shape, task.loop) if task.reduction == "none" else None
        return task.reduced(loss, task.value(loss), task.count())

    def _prepared_as(self, label: str) -> Callable[..., Task]:
        """Return what prepares a call; Python reports missing arguments under the label."""
        function = self._function
        made = FunctionType(
            function.__code__,
            function.__globals__,
            label,
            function.__defaults__,
            function.__closure__,
        )
        made.__kwdefaults__, made.__qualname__ = function.__kwdefaults__, label
        return partial(made, label)

    def _signature(self) -> inspect.Signature:
        _, *shown = inspect.signature(self._function).parameters.values()
        empty = inspect.Parameter.empty
        return inspect.Signature(
            [one.replace(annotation=empty) for one in shown if one.name != "g"]
        )

    def _text(self) -> docs.Text:
        doc, texts, notes, raises = self._doc
        x, *_ = self.arrays
        shown = self._signature().parameters
        common = {
            name: text.replace("{x}", x) for name, text in _ARGUMENTS.items() if name in shown
        }
        returns = _VALUE.replace("{x}", x)
        return docs.Text(doc, returns, {**common, **texts}, raises, notes, self._closing())


def check_reduction(label: str, reduction: str) -> str:
    """Return the reduction once it is known to be one of the three."""
    arguments.choose(label, "reduction", _REDUCTIONS, reduction)
    return reduction


def loss_dtype(label: str, data: Sequence[Any], arrays: Sequence[Array]) -> DType:
    """Return the dtype of a loss and of its gradient, by NumPy's rules for its operands.

    The target comes last; integers and booleans are labels in it, and adapt to the others as weights do.
    """
    if arrays[-1].dtype.kind != "f":
        data, arrays = data[:-1], arrays[:-1]
    return loop_dtype(label, data, arrays)


def _check_g(label: str, g: Any, task: Task) -> Array:
    """Return the gradient with respect to the loss as an array, once it is known to fit."""
    (value,), _ = labelled.plain(label, (g,))
    array = arguments.real_array(label, value)
    expected = task.loss_shape if task.reduction == "none" else ()
    if array.shape != expected:
        raise ValueError(f"{label}(): g has shape {array.shape}, expected {expected}")
    return array


class _Elementwise(Task):
    """A loss of which each element is of one element of x and one of the target."""

    def __init__(
        self,
        label: str,
        x_name: str,
        x: Any,
        target: Any,
        weights: Mapping[str, Any],
        reduction: str,
        g: tuple[Any, ...],
    ) -> None:
        self.reduction = check_reduction(label, reduction)
        values, self.labels = labelled.plain(label, (*g, *weights.values(), target, x))
        *others, target, x = values
        given = *others[: len(g)], x, target
        arrays = [arguments.real_array(label, value) for value in given]
        self.loop = loss_dtype(label, given, arrays)
        self.x, self.target = arrays[-2:]
        self.shape = self.x.shape
        if self.target.shape != self.shape:
            raise ValueError(
                f"{label}(): target has shape {self.target.shape}, expected {self.shape}, the shape of {x_name}"
            )
        self.weights = [
            self._matching(label, name, value)
            for name, value in zip(weights, others[len(g) :], strict=True)
        ]
        if self.labels is not None:
            self.missing = self.labels.combined(self.shape)
        if self.missing is not None:
            # 1/2 is a probability, and a logit of a finite loss; its weight is 0.
            self.x = labelled.masked_out(self.x, self.missing, 0.5)
            self.target = labelled.masked_out(self.target, self.missing, 0.5)
            first, *rest = self.weights
            weight = np.where(self.missing, 0.0, first).astype(self.loop)
            self.weights = [
                weight,
                *(
                    labelled.masked_out(w, self.missing, 0.5) if isinstance(w, np.ndarray) else w
                    for w in rest
                ),
            ]

    def _matching(self, label: str, name: str, value: Any) -> Any:
        """Return a weight as a float, or as an array broadcast to the shape: infinite beyond the range of `loop`."""
        if value is None:
            return 1.0
        value = arguments.parameter_value(label, name, value)
        if type(value) is float:
            return within(np.dtype(np.float32), value) if self.loop.itemsize < 8 else value
        with silent():
            array = np.asarray(value).astype(self.loop, copy=False)
            return axes.broadcast(label, name, array, self.shape)

    def count(self) -> float:
        return float(self.x.size - (0 if self.missing is None else np.count_nonzero(self.missing)))

    def keep_from(self, out: Array) -> None:
        self.x, self.target, *self.weights = without_overlap(
            (out,), (self.x, self.target, *self.weights)
        )


class _WithLogits(_Elementwise):
    """Binary cross entropy of logits, on kernels of its own."""

    def value(self, loss: Array | None) -> float:
        if loss is None:
            return _summed(
                _LOGITS["forward"], [self.x, self.target], None, (*self.weights, 1.0), self.loop
            )
        _LOGITS["forward"](self.x, self.target, *self.weights, out=loss, dtype=self.loop)
        return 0.0

    def value_and_grad(self, loss: Array | None, out: Array, scale: float) -> float:
        both, params = _LOGITS["value_and_grad"], (*self.weights, scale)
        if loss is None:
            return _summed(both, [self.x, self.target], out, params, self.loop)
        both(self.x, self.target, *params, out=(loss, out), dtype=self.loop)
        return 0.0

    def vjp(self, g: Array, out: Array, scale: float) -> None:
        _LOGITS["vjp"](g, self.x, self.target, *self.weights, scale, out=out, dtype=self.loop)


_LOGITS = {
    pass_: ElementwisePass(FUSED["_bce_with_logits"], pass_)
    for pass_ in FUSED["_bce_with_logits"].passes
}


class _OfProbabilities(_Elementwise):
    """Binary cross entropy of probabilities, in NumPy float64 with every backend."""

    def value(self, loss: Array | None) -> float:
        return self._walk(loss, None, 1.0)

    def value_and_grad(self, loss: Array | None, out: Array, scale: float) -> float:
        return self._walk(loss, out, scale)

    def vjp(self, g: Array, out: Array, scale: float) -> None:
        with silent():
            by = g.astype(np.float64) * scale
        self._walk(None, out, by)

    def _walk(self, loss: Array | None, out: Array | None, scale: Any) -> float:
        """Write losses, or gradients times `scale`, or both, block by block, and return the sum of the losses."""
        total, (weight,) = 0.0, self.weights
        with silent():
            for region in regions(self.shape, BLOCK):
                p, t = self.x[region].astype(np.float64), self.target[region].astype(np.float64)
                w = weight[region] if isinstance(weight, np.ndarray) else weight
                losses = _bernoulli(p, t)
                losses *= w
                total += float(losses.sum())
                if out is not None:
                    by = scale[region] if np.ndim(scale) else scale
                    slope = (p - t) / np.maximum((1.0 - p) * p, LEAST_VARIANCE)
                    np.copyto(out[region], (slope * w * by).astype(self.loop), casting="unsafe")
                if loss is not None:
                    np.copyto(loss[region], losses, casting="unsafe")
        return total


def _bernoulli(p: Array, t: Array) -> Array:
    """-t·log p - (1 - t)·log(1 - p), overwriting nothing."""
    losses = np.maximum(np.log1p(-p), LEAST_LOG)
    losses *= t - 1.0
    losses -= t * np.maximum(np.log(p), LEAST_LOG)
    return losses


def _summed(
    function: ElementwisePass,
    inputs: list[Array],
    out: Array | None,
    params: tuple[Any, ...],
    loop: DType,
) -> float:
    """Return the sum of the first output of `function`, which is not stored; a second one goes to `out`.

    All arrays are of one shape. The sum does not depend on the number of threads.
    """
    kernel = function.kernels.kernel(loop)
    arrays = [*inputs, *([] if out is None else [out]), *params]
    ready = all(is_ready(one, loop) for one in arrays if isinstance(one, np.ndarray))
    if ready and hasattr(kernel, "summed"):
        flat = (one.reshape(-1) if isinstance(one, np.ndarray) else one for one in arrays)
        return float(kernel.summed(*flat))
    total, scratch, read = 0.0, Scratch(loop), (*inputs, *params)
    with silent():
        for region in regions(inputs[0].shape, BLOCK):
            size = (inputs[0][region].size,)
            given = [
                scratch.gather(one[region], place, size) if isinstance(one, np.ndarray) else one
                for place, one in enumerate(read)
            ]
            results = [scratch.take("loss", size)]
            if out is not None:
                results.append(scratch.destination(out[region], "gradient", size))
            kernel(*given[: len(inputs)], *results, *given[len(inputs) :])
            if out is not None and not is_ready(out[region], loop):
                scatter(out[region], results[1], loop)
            total += float(np.add.reduce(results[0], dtype=np.float64))
    return total


def _with_logits(
    label: str,
    x: Any,
    target: Any,
    *,
    weight: Any = None,
    pos_weight: Any = None,
    reduction: str = "mean",
    g: tuple[Any, ...] = (),
) -> Task:
    weights = {"weight": weight, "pos_weight": pos_weight}
    return _WithLogits(label, "x", x, target, weights, reduction, g)


def _of_probabilities(
    label: str,
    p: Any,
    target: Any,
    *,
    weight: Any = None,
    reduction: str = "mean",
    g: tuple[Any, ...] = (),
) -> Task:
    task = _OfProbabilities(label, "p", p, target, {"weight": weight}, reduction, g)
    if task.x.size and (np.fmin.reduce(task.x, None) < 0 or np.fmax.reduce(task.x, None) > 1):
        raise ValueError(f"{label}(): p must lie in [0, 1]")
    return task


_TARGET = "array_like\n    Of the shape of {x}: 0, 1, False, True or anything in between."

#: Canonical name -> loss, in the order of the documentation.
LOSSES: dict[str, Loss] = {
    "binary_cross_entropy_with_logits": Loss(
        "binary_cross_entropy_with_logits",
        """-log σ(x) for the target 1, -log σ(-x) for the target 0, and in between for targets in between.

No probability is formed: the loss is ``pos_weight * t * softplus(-x) + (1 - t) * softplus(x)``.""",
        FUSED["_bce_with_logits"].source,
        _with_logits,
        {
            "x": "array_like\n    Logits: real numbers; integers and booleans count as float64.",
            "target": _TARGET.format(x="x"),
            "pos_weight": "float or array_like, optional\n    What the part of the target 1 is multiplied by; it"
            " broadcasts to the shape of x.",
        },
        (
            "The loss of an infinite logit on the right side is 0, its gradient too (PyTorch: NaN). Sums do not\n"
            "depend on the number of threads.",
        ),
    ),
    "binary_cross_entropy": Loss(
        "binary_cross_entropy",
        """-log p for the target 1, -log(1 - p) for the target 0, and in between for targets in between.

If you have logits, use `binary_cross_entropy_with_logits` instead: a probability near 1 has lost most of the
digits that its loss and its gradient need.""",
        FUSED["_bce_with_logits"].source,
        _of_probabilities,
        {"p": "array_like\n    Probabilities.", "target": _TARGET.format(x="p")},
        (
            "As in PyTorch, a logarithm counts as -100 at least, so that p = 0 costs 100 and not infinity, and the\n"
            "gradient is (p - t)/max(p·(1 - p), 1e-12). It is computed in NumPy float64 with every backend.",
        ),
        {"ValueError": "If shapes do not fit or p is outside [0, 1]. Nothing is written."},
    ),
}
