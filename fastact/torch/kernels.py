"""What an operation computes on arrays: its value, and its gradients from what a forward pass keeps."""

# ruff: noqa: D102  (methods are documented at Kernels)

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from ..functions.catalogue import PUBLIC
from ..functions.pytorch import ARGUMENTS, Declared, in_its_words

__all__ = [
    "RAISED",
    "ClassLoss",
    "Gate",
    "Kernels",
    "Loss",
    "PRelu",
    "Reduction",
    "Single",
    "Softmax",
    "reworded",
]

# The output determines the derivative exactly, or PyTorch keeps the output, too. Of other functions, the output in 16
# bits is too coarse.
_FROM_OUTPUT = frozenset(("relu", "leaky_relu", "sigmoid", "tanh", "exponential"))

Options: TypeAlias = tuple[Any, ...]
#: What functions raise for wrong arguments.
RAISED = (TypeError, ValueError, IndexError)


class Kernels:
    """The passes of one function.

    Parameters
    ----------
    function : str
        The name of the function in fastact.
    tensors : sequence of str
        The names of its tensors.
    names : sequence of str
        PyTorch's names of its options, in the order in which they are passed.

    Attributes
    ----------
    differentiable : tuple of int
        Which of the tensors have gradients.
    """

    differentiable: tuple[int, ...] = (0,)

    def __init__(self, function: str, tensors: Sequence[str], names: Sequence[str]) -> None:
        self.function = PUBLIC[function]
        self._names = [ARGUMENTS.get(name, name) for name in names]
        self.named: Callable[[Options], dict[str, Any]] = lru_cache(maxsize=64)(self._named)

    def _named(self, options: Options) -> dict[str, Any]:
        return dict(zip(self._names, options, strict=True))

    def keeps_output(self, options: Options, itemsize: int) -> bool:
        """Tell whether the backward pass starts from the output instead of the tensors."""
        return False

    def keeps_gradient(self, options: Options) -> bool:
        """Tell whether the forward pass computes the gradients, too, which need only be multiplied by a number."""
        return False

    def shape(self, shapes: Sequence[Any], options: Options) -> Sequence[int]:
        """Return the shape of the result from those of the tensors."""
        return shapes[0]  # type: ignore[no-any-return]

    def forward(self, arrays: Sequence[Any], options: Options, out: Any = None) -> Any:
        """Compute the value, into `out` if it is given, which only functions of one tensor are asked for."""
        given = {} if out is None else {"out": out}
        return self.function(*arrays, **self.named(options), **given)

    def forward_and_gradients(self, arrays: Sequence[Any], options: Options) -> Sequence[Any]:
        """Compute the value and the gradients."""
        raise NotImplementedError

    def gradients(self, g: Any, kept: Sequence[Any], options: Options) -> Sequence[Any]:
        """Return g times the gradient by each differentiable tensor."""
        return as_tuple(self.function.vjp(g, *kept, **self.named(options)))


class Single(Kernels):
    """A function of one tensor that keeps its shape."""

    def __init__(self, function: str, tensors: Sequence[str], names: Sequence[str]) -> None:
        super().__init__(function, tensors, names)
        passes = self.function.passes
        self._always = passes["vjp"].arrays[-1] == "y"
        self._from_output = passes.get("vjp_from_output")
        self._determined: Callable[[Options], bool] = lru_cache(maxsize=64)(self._is_determined)

    def keeps_output(self, options: Options, itemsize: int) -> bool:
        if self._always or self._from_output is None:
            return bool(self._always)
        return (itemsize > 2 or self.function.name in _FROM_OUTPUT) and self._determined(options)

    def _is_determined(self, options: Options) -> bool:
        nothing = np.empty(0)
        try:
            self._from_output(nothing, nothing, **self.named(options))
        except (TypeError, ValueError):  # not with these parameters
            return False
        return True

    def forward(self, arrays: Sequence[Any], options: Options, out: Any = None) -> Any:
        if not options and out is None:
            return self.function(arrays[0])
        return super().forward(arrays, options, out)

    def gradients(self, g: Any, kept: Sequence[Any], options: Options) -> Sequence[Any]:
        (x,) = kept
        if self._from_output is not None and self.keeps_output(options, x.itemsize):
            return (self._from_output(g, x, **self.named(options)),)
        return super().gradients(g, kept, options)


class Softmax(Single):
    """softmax and its kin, whose dimension may be left out, as in PyTorch."""

    def _named(self, options: Options) -> dict[str, Any]:
        raise NotImplementedError

    def forward(self, arrays: Sequence[Any], options: Options, out: Any = None) -> Any:
        return self.function(arrays[0], implicit(arrays[0].ndim, *options))

    def gradients(self, g: Any, kept: Sequence[Any], options: Options) -> Sequence[Any]:
        return (self.function.vjp(g, kept[0], implicit(kept[0].ndim, *options)),)


def implicit(ndim: int, dim: int | None) -> int:
    """Return the dimension, by PyTorch's rule if none is given."""
    if dim is not None:
        return dim
    return 0 if ndim in (0, 1, 3) else 1


class Reduction(Kernels):
    """A function of one tensor that reduces dimensions."""

    def _named(self, options: Options) -> dict[str, Any]:
        named = super()._named(options)
        axes = named["axis"]
        return {**named, "axis": axes if isinstance(axes, int) else tuple(axes)}

    def shape(self, shapes: Sequence[Any], options: Options) -> Sequence[int]:
        named, (shape,) = self.named(options), shapes
        axes = named["axis"]
        axes = {one % len(shape) for one in ((axes,) if isinstance(axes, int) else axes)}
        sizes = [None if axis in axes else size for axis, size in enumerate(shape)]
        if named["keepdims"]:
            return [1 if size is None else size for size in sizes]
        return [size for size in sizes if size is not None]

    def gradients(self, g: Any, kept: Sequence[Any], options: Options) -> Sequence[Any]:
        named = dict(self.named(options))
        if named.pop("keepdims"):
            g = g.reshape(self.shape([one.shape for one in kept], (*options[:1], False)))
        return (self.function.vjp(g, *kept, **named),)


class Gate(Kernels):
    """A gate, of two tensors of one shape or of one that holds both."""

    def __init__(self, function: str, tensors: Sequence[str], names: Sequence[str]) -> None:
        super().__init__(function, tensors, names)
        self.differentiable = tuple(range(len(tensors)))

    def shape(self, shapes: Sequence[Any], options: Options) -> Sequence[int]:
        shape, *value = shapes
        if any(one is not None for one in value):
            return shape  # type: ignore[no-any-return]
        axis = self.named(options)["axis"] % len(shape)
        return [*shape[:axis], shape[axis] // 2, *shape[axis + 1 :]]

    def _given(self, arrays: Sequence[Any], options: Options) -> tuple[list[Any], dict[str, Any]]:
        given, named = [one for one in arrays if one is not None], dict(self.named(options))
        if len(given) > 1:
            del named["axis"]
        return given, named

    def forward(self, arrays: Sequence[Any], options: Options, out: Any = None) -> Any:
        given, named = self._given(arrays, options)
        return self.function(*given, **named)

    def gradients(self, g: Any, kept: Sequence[Any], options: Options) -> Sequence[Any]:
        given, named = self._given(kept, options)
        found = as_tuple(self.function.vjp(g, *given, **named))
        return (*found, *[None] * (len(kept) - len(given)))


class PRelu(Kernels):
    """A rectifier with a weight for each channel, which has a gradient, too."""

    differentiable = (0, 1)


class Loss(Kernels):
    """An elementwise loss. With a reduction, one pass over the data computes the gradient, too."""

    def __init__(self, function: str, tensors: Sequence[str], names: Sequence[str]) -> None:
        super().__init__(function, tensors, names)
        arrays = self.function.arrays
        self._count, self._weights = len(arrays), tensors[len(arrays) :]
        self.differentiable = tuple(
            place for place, name in enumerate(arrays) if name in self.function.gradients
        )

    def shape(self, shapes: Sequence[Any], options: Options) -> Sequence[int]:
        return shapes[0] if self.named(options)["reduction"] == "none" else ()

    def keeps_gradient(self, options: Options) -> bool:
        return bool(self.named(options)["reduction"] != "none")

    def _given(self, arrays: Sequence[Any], options: Options) -> dict[str, Any]:
        weights = dict(zip(self._weights, arrays[self._count :], strict=True))
        return {**self.named(options), **weights}

    def forward(self, arrays: Sequence[Any], options: Options, out: Any = None) -> Any:
        return self.function(*arrays[: self._count], **self._given(arrays, options))

    def forward_and_gradients(self, arrays: Sequence[Any], options: Options) -> Sequence[Any]:
        given = self._given(arrays, options)
        return self.function.value_and_grad(*arrays[: self._count], **given)  # type: ignore[no-any-return]

    def gradients(self, g: Any, kept: Sequence[Any], options: Options) -> Sequence[Any]:
        given = self._given(kept, options)
        return as_tuple(self.function.vjp(g, *kept[: self._count], **given))


class ClassLoss(Loss):
    """A loss of classes, along dimension 1 as in PyTorch."""

    def shape(self, shapes: Sequence[Any], options: Options) -> Sequence[int]:
        if self.named(options)["reduction"] != "none":
            return ()
        shape = shapes[0]
        return shape[:1] + shape[2:] if len(shape) > 1 else ()

    def _given(self, arrays: Sequence[Any], options: Options) -> dict[str, Any]:
        return {**super()._given(arrays, options), "axis": min(1, arrays[0].ndim - 1)}


def as_tuple(found: Any) -> Sequence[Any]:
    """Return gradients as a tuple, also if there is one only."""
    return found if type(found) is tuple else (found,)


def reworded(error: Exception, declared: Declared) -> Exception:
    """Return an error of fastact in the words of PyTorch, and with the names that were called."""
    return type(error)(in_its_words(str(error), declared))
