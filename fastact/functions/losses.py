"""Base classes of the losses: value, gradient, or both in one pass over the data, and reductions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from ..calling import arguments, docs, labelled
from ..calling.dtypes import Array, DType, is_floating, loop_dtype
from ..calling.memory import without_overlap
from .base import Function, Pass, renamed
from .loss_task import Task

__all__ = ["Loss", "check_reduction", "loss_dtype"]

_ARGUMENTS = {
    "g": "float or array_like\n"
    "    The gradient with respect to the loss: a number, or without a reduction an array of its shape.",
    "weight": "float or array_like, optional\n    The factor of each loss; it broadcasts to the shape of {x}.",
    "pos_weight": "float or array_like, optional\n"
    "    The factor of the loss's term for the target 1; it broadcasts to the shape of {x}.",
    "reduction": '{"mean", "sum", "none"}, default {default}\n'
    "    The mean over all elements, not divided by the weights, or the sum, both in float64; or the array\n"
    "    of losses.",
    "out": "array, optional\n    Where to write the gradient; may be {x}.",
}
_VALUE = f"scalar or ndarray\n    {docs.FLOAT_NAMES}, to which {{x}} and a floating-point target promote."
_MISSING = (
    "A masked or missing (NA) element takes no part and is not counted in the mean. Lazily computed arrays\n"
    "are refused."
)


class _LossPass(Pass):
    """One pass of a loss that computes its gradient."""

    def __init__(self, loss: Loss, pass_: str) -> None:
        self.arrays = ("g", *loss.arrays) if pass_ == "vjp" else loss.arrays
        self.nout = len(loss.gradients) + (pass_ == "value_and_grad")
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
        self._loss.check(self, args, options)
        return self._prepare(*args, g=g, **options)

    def _targets(self, out: Any, task: Task) -> tuple[Array, ...]:
        """Return what the gradients are written to, and keep the operands from it."""
        shapes = task.gradient_shapes
        targets: tuple[Array, ...]
        if len(shapes) == 1:
            targets = (arguments.target_for(self.__qualname__, out, *shapes, task.loop),)
        else:
            targets = arguments.targets_for(self.__qualname__, out, shapes, task.loop)
        task.keep_from(targets)
        return targets

    def _text(self) -> docs.Text:
        found = self._loss._text()
        *others, last = self._loss.gradients
        x = f"{', '.join(others)} and {last}" if others else last
        each = [
            f"ndarray\n    The gradient with respect to {one}, of its shape."
            for one in self._loss.gradients
        ]
        gradient = "\n".join(each)
        if self.pass_ == "vjp":
            summary, returns = (
                f"g times the gradient of {self._loss.name} with respect to {x}.",
                gradient,
            )
        else:
            summary = f"{self._loss.name} and its gradient with respect to {x}, in one pass over the data."
            returns = f"{found.returns}\n{gradient}"
            summary += "\n\nWithout a reduction the gradient is that of the sum."
        texts = {
            name: text
            for name, text in _ARGUMENTS.items()
            if name in ("g", "out") and name in self._signature().parameters
        }
        texts = {name: text.replace("{x}", self._loss.arrays[0]) for name, text in texts.items()}
        if others and "out" in texts:
            texts["out"] = "tuple of arrays or None, optional\n    Where to write each gradient."
        return found.replaced(
            summary=summary, returns=returns, arguments={**found.arguments, **texts}
        )


class _ValueAndGrad(_LossPass):
    """The loss and its gradient."""

    def __call__(self, *args: Any, out: Any = None, **options: Any) -> tuple[Any, ...]:
        """Compute; ``inspect.signature`` shows the arguments."""
        task = self._task(args, options)
        targets = self._targets(out, task)
        count = task.count()
        loss = np.empty(task.loss_shape, task.loop) if task.reduction == "none" else None
        total = task.value_and_grad(loss, targets, _scale(task, count))
        return task.reduced(loss, total, count), *_gradients(task, targets, out)


class _Vjp(_LossPass):
    """g times the gradient."""

    def __call__(self, *args: Any, out: Any = None, **options: Any) -> Any:
        """Compute; ``inspect.signature`` shows the arguments."""
        if "g" not in options and not args:
            raise TypeError(f"{self.__qualname__}() missing 1 required positional argument: 'g'")
        g, args = (options.pop("g"), args) if "g" in options else (args[0], args[1:])
        task = self._task(args, options, g)
        grad = _check_g(self.__qualname__, g, task)
        targets = self._targets(out, task)
        (grad,) = without_overlap(targets, (grad,))
        task.vjp(grad, targets, _scale(task, task.count()))
        gradients = _gradients(task, targets, out)
        return gradients[0] if self.nout == 1 else gradients


def _gradients(task: Task, targets: tuple[Array, ...], out: Any) -> tuple[Any, ...]:
    """Return the gradients; those that have the shape of x have its labels, too."""
    if task.labels is None or out is not None:
        return targets
    return tuple(
        task.labels.restored(one, task.missing) if one.shape == task.shape else one
        for one in targets
    )


def _scale(task: Task, count: float) -> float:
    """Return the factor of each loss in the reduced one."""
    if not task.is_mean:
        return 1.0
    return 1.0 / count if count else math.inf


class Loss(Function):
    """A loss; ``loss.value_and_grad(x, target)`` returns value and gradient for the cost of one of them.

    Parameters
    ----------
    name : str
        Its name.
    doc, notes, texts
        Its documentation: a summary, notes, and its arguments.
    source : str
        Its definition.
    prepare : function
        Takes a label, the arguments of a call, and g as a tuple of one or no arrays; returns the `Task`.
    weights : mapping of str to object
        Further keywords of `prepare`, with their defaults.
    others : sequence of str
        Arrays that `prepare` takes after the target, which have gradients as x has.
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
        weights: Mapping[str, object] | None = None,
        others: Sequence[str] = (),
    ) -> None:
        assert isinstance(prepare, FunctionType)
        self._function, self._weights, self._others = prepare, weights or {}, others
        shown = self._signature().parameters
        self.arrays = tuple(
            name for name, one in shown.items() if one.kind is one.POSITIONAL_OR_KEYWORD
        )
        self.known = frozenset(shown)
        self.gradients = (self.arrays[0], *others)
        self._name(name, "forward")
        self._prepare = self._prepared_as(name)
        self._doc = doc, texts, (*notes, _MISSING), raises or {}
        self._introduce(
            source,
            {"value_and_grad": _ValueAndGrad(self, "value_and_grad"), "vjp": _Vjp(self, "vjp")},
        )

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Compute the loss; ``inspect.signature`` shows the arguments."""
        self.check(self, args, options)
        task = self._prepare(*args, **options)
        loss = np.empty(task.loss_shape, task.loop) if task.reduction == "none" else None
        return task.reduced(loss, task.value(loss), task.count())

    def check(self, one: Pass, args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
        """Raise TypeError if a call of a pass has other arguments than the loss."""
        more = max(0, len(args) - len(self.arrays))
        if more or not options.keys() <= self.known:
            one._refuse([name for name in options if name not in self.known], more)

    def _prepared_as(self, label: str) -> Callable[..., Task]:
        """Return `prepare` renamed to the label, under which Python reports missing arguments."""
        return partial(renamed(self._function, label), label)

    def _signature(self) -> inspect.Signature:
        _, *shown = inspect.signature(self._function).parameters.values()
        kind = inspect.Parameter
        kept = [
            one.replace(annotation=kind.empty)
            for one in shown
            if one.name != "g" and one.kind not in (kind.VAR_KEYWORD, kind.VAR_POSITIONAL)
        ]
        weights = [
            kind(name, kind.KEYWORD_ONLY, default=default)
            for name, default in self._weights.items()
        ]
        first = sum(one.kind is kind.POSITIONAL_OR_KEYWORD for one in kept)
        others = [kind(name, kind.POSITIONAL_OR_KEYWORD) for name in self._others]
        return inspect.Signature([*kept[:first], *others, *weights, *kept[first:]])

    def _text(self) -> docs.Text:
        doc, texts, notes, raises = self._doc
        x, *_ = self.arrays
        shown = self._signature().parameters
        common = {
            name: text.replace("{x}", x) for name, text in _ARGUMENTS.items() if name in shown
        }
        returns = _VALUE.replace("{x}", x)
        return docs.Text(doc, returns, {**common, **texts}, raises, notes)


def check_reduction(label: str, reduction: str, further: Sequence[str] = ()) -> str:
    """Return the reduction; raise ValueError if it is none of the three or of the further ones."""
    known = dict.fromkeys(("mean", "sum", "none", *further))
    arguments.choose(label, "reduction", known, reduction)
    return reduction


def loss_dtype(label: str, data: Sequence[Any], arrays: Sequence[Array]) -> DType:
    """Return the dtype of a loss and of its gradient, by NumPy's rules for its operands.

    The target comes last; its integers and booleans are labels, which adapt to the other dtypes like weights.
    """
    if not is_floating(arrays[-1].dtype):
        data, arrays = data[:-1], arrays[:-1]
    return loop_dtype(label, data, arrays)


def _check_g(label: str, g: Any, task: Task) -> Array:
    """Return the gradient with respect to the loss as an array; raise ValueError if its shape is wrong."""
    (value,), _ = labelled.plain(label, (g,))
    array = arguments.real_array(label, value, "g")
    expected = task.loss_shape if task.reduction == "none" else ()
    if array.shape != expected:
        raise ValueError(f"{label}(): g has shape {array.shape}, expected {expected}")
    return array
