"""Elementwise losses: each loss depends on one element of x and one of the target."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..backends.protocol import within
from ..calling import arguments, axes, labelled
from ..calling.dtypes import Array, computing
from ..calling.memory import without_overlap
from ..calling.summed import BLOCK, summed
from ..definitions.declaration import Declaration
from ..definitions.losses import LOSSES as DECLARED
from .broadcast_gradients import blocks
from .elementwise import ElementwisePass
from .loss_task import Task
from .losses import Loss, check_reduction, loss_dtype

__all__ = ["LOSSES", "ElementwiseTask"]

_FLAG = {True: True, False: False}


class ElementwiseTask(Task):
    """A loss in which each element depends on one element of x and one of the target."""

    def __init__(
        self,
        label: str,
        x_name: str,
        x: Any,
        target: Any,
        weights: Mapping[str, Any],
        reduction: str,
        g: tuple[Any, ...],
        reductions: Sequence[str] = (),
        others: Mapping[str, Any] | None = None,
    ) -> None:
        self.reduction = check_reduction(label, reduction, reductions)
        others = others or {}
        operands = (*weights.values(), *g, *others.values(), target, x)
        values, self.labels = labelled.plain(label, operands)
        *rest, target, x = values
        given = *rest[len(weights) :], x, target
        named = "g", *others, x_name, "target"
        arrays = list(map(partial(arguments.real_array, label), given, named[not g :]))
        self.loop = loss_dtype(label, given, arrays)
        *further, self.x, self.target = arrays[len(g) :]
        self.shape = self.x.shape
        self.gradient_shapes = self.shape, *(array.shape for array in further)
        if self.target.shape != self.shape:
            raise ValueError(
                f"{label}(): target has shape {self.target.shape}, expected {self.shape}, the shape of {x_name}"
            )
        self.weights = [
            self._matching(label, name, value)
            for name, value in zip(weights, rest[: len(weights)], strict=True)
        ]
        self.others = [
            axes.broadcast(label, name, array, self.shape)
            for name, array in zip(others, further, strict=True)
        ]
        if self.labels is not None:
            self.missing = self.labels.combined(self.shape)
        if self.missing is not None:
            # 1/2 is valid as a probability and as a logit: the loss is finite, and its weight is 0.
            self.x = labelled.masked_out(self.x, self.missing, 0.5)
            self.target = labelled.masked_out(self.target, self.missing, 0.5)
            self.others = [self._filled(array) for array in self.others]
            self.weights = [
                np.where(self.missing, 0.0, value).astype(self.loop)
                if name == "weight"
                else self._filled(value)
                for name, value in zip(weights, self.weights, strict=True)
            ]

    def _filled(self, weight: Any) -> Any:
        return labelled.masked_out(weight, self.missing, 0.5) if np.ndim(weight) else weight

    def _matching(self, label: str, name: str, value: Any) -> Any:
        """Return a weight as a float, infinite if it is out of range for `loop`, or broadcast to the shape."""
        if value is None:  # of a parameter that is optional
            return 1.0
        value = arguments.parameter_value(label, name, value)
        if type(value) is float:
            return within(computing(self.loop), value)
        return axes.broadcast(label, name, np.asarray(value), self.shape)

    def count(self) -> float:
        """Return the number of losses that are not missing, or of rows with one."""
        if self.reduction == "batchmean" and self.shape:
            if self.missing is None:
                return float(self.shape[0])
            return float(np.count_nonzero(~self.missing.all(tuple(range(1, self.x.ndim)))))
        return float(self.x.size - (0 if self.missing is None else np.count_nonzero(self.missing)))

    def keep_from(self, outs: tuple[Array, ...]) -> None:
        """Copy each operand that `outs` would overwrite before it is read."""
        given = (self.x, self.target, *self.others, *self.weights)
        self.x, self.target, *rest = without_overlap(outs, given)
        self.others, self.weights = rest[: len(self.others)], rest[len(self.others) :]


class _Declared(ElementwiseTask):
    """A loss that has kernels."""

    def __init__(
        self,
        passes: Mapping[str, ElementwisePass],
        label: str,
        weights: Mapping[str, Any],
        others: Mapping[str, Any],
        operands: tuple[Any, Any],
        reduction: str,
        g: tuple[Any, ...],
    ) -> None:
        declaration = passes["forward"].declaration
        super().__init__(
            label, "x", *operands, weights, reduction, g, declaration.reductions, others
        )
        self._passes = passes
        declaration.check_domain(label, dict(zip(weights, self.weights, strict=True)))
        # A NaN is in no domain, and among data no error.
        least = [float(np.fmin.reduce(one, None, initial=np.inf)) for one in self.others]
        for condition in declaration.input_domain:
            condition.check(label, dict(zip(others, least, strict=True)))

    def value(self, loss: Array | None) -> float:
        inputs, params = [self.x, self.target, *self.others], (*self.weights, 1.0)
        if loss is None:
            return summed(self._passes["forward"].kernels, inputs, [], params, self.loop)
        self._passes["forward"](*inputs, *self.weights, out=loss, dtype=self.loop)
        return 0.0

    def value_and_grad(self, loss: Array | None, outs: tuple[Array, ...], scale: float) -> float:
        both, total = self._passes["value_and_grad"], 0.0
        for place, into in blocks(self.shape, outs, computing(self.loop), BLOCK):
            inputs, weights = self._parts(place)
            if loss is None:
                total += summed(both.kernels, inputs, into, (*weights, scale), self.loop)
            else:
                both(*inputs, *weights, scale, out=(loss[place], *into), dtype=self.loop)
        return total

    def vjp(self, g: Array, outs: tuple[Array, ...], scale: float) -> None:
        for place, into in blocks(self.shape, outs, computing(self.loop), BLOCK):
            inputs, weights = self._parts(place)
            part = g[place] if g.ndim else g
            self._passes["vjp"](part, *inputs, *weights, scale, out=tuple(into), dtype=self.loop)

    def _parts(self, place: tuple[Any, ...]) -> tuple[list[Array], list[Any]]:
        """Return the inputs and the weights of some losses."""
        inputs = [one[place] for one in (self.x, self.target, *self.others)]
        return inputs, [one[place] if isinstance(one, np.ndarray) else one for one in self.weights]


def _declared(declaration: Declaration) -> Loss:
    """Return the loss of a declaration, whose public parameters are its weights and its flags."""
    passes = [
        {pass_: ElementwisePass(one, pass_) for pass_ in one.passes} for one in declaration.each
    ]
    variants = dict(zip(declaration.variants or [()], passes, strict=True))
    weights = {
        name: None if parameter.optional else parameter.default
        for name, parameter in declaration.params.items()
        if not parameter.internal
    }
    if "weight" not in weights:  # masked elements are left out by a weight of 0
        raise TypeError(f"{declaration.name} declares no weight")

    _, _, *others = declaration.passes["forward"].inputs

    def prepare(
        label: str,
        x: Any,
        target: Any,
        *positional: Any,
        reduction: str = "mean",
        g: tuple[Any, ...] = (),
        **given: Any,
    ) -> Task:
        further = _taken(label, others, positional, given)
        flags = tuple(
            arguments.choose(label, name, _FLAG, given.pop(name, default))
            for name, default in declaration.flags.items()
        )
        chosen = {**weights, **given}
        return _Declared(variants[flags], label, chosen, further, (x, target), reduction, g)

    return Loss(
        declaration.name,
        inspect.cleandoc(declaration.doc),
        declaration.source,
        prepare,
        _texts(declaration, weights, others),
        ("Sums do not depend on the number of threads.",),
        weights={**weights, **declaration.flags},
        others=others,
    )


def _taken(
    label: str, names: Sequence[str], positional: Sequence[Any], given: dict[str, Any]
) -> dict[str, Any]:
    """Return the arrays after the target, by position or taken from the keywords."""
    found = dict(zip(names, positional, strict=False))
    for name in names:
        if name in given and name in found:
            raise TypeError(f"{label}() got two values for {name!r}")
        if name not in given and name not in found:
            raise TypeError(f"{label}() missing 1 required positional argument: {name!r}")
        found.setdefault(name, given.pop(name, None))
    return found


def _texts(
    declaration: Declaration, weights: Mapping[str, Any], others: Sequence[str]
) -> dict[str, str]:
    """Return the descriptions of the arguments."""
    texts = {
        "x": "array_like\n    Real numbers; integers and booleans count as float64.",
        "target": "array_like\n    Of the shape of x.",
    }
    for name in (*others, *weights):
        if (default := weights.get(name)) is not None or name in others:
            domain = (*declaration.domain, *declaration.input_domain)
            conditions = [one.text for one in domain if name in one.names]
            must = f"; {' and '.join(conditions)}" if conditions else ""
            shown = "array_like" if name in others else f"float or array_like, default {default!r}"
            texts[name] = f"{shown}\n    It broadcasts to the shape of x{must}."
    for name, default in declaration.flags.items():
        texts[name] = f"bool, default {default!r}\n    Which of the forms above is meant."
    if declaration.reductions:
        more = "".join(f', "{name}"' for name in declaration.reductions)
        texts["reduction"] = (
            f'{{"mean", "sum", "none"{more}}}, default {{default}}\n'
            "    The mean over all elements, not divided by the weights; the sum, divided by the length of the first\n"
            '    axis under "batchmean"; both in float64; or the array of losses.'
        )
    return texts


#: Canonical name -> loss, in the order of the declarations.
LOSSES: dict[str, Loss] = {
    name: _declared(declaration) for name, declaration in DECLARED.items() if name[0] != "_"
}
