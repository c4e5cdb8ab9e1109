"""An operation on tensors: eager, with a gradient, or as one opaque operator for torch.compile and torch.export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch

from ..functions.pytorch import Declared
from . import opaque
from .kernels import RAISED, Kernels, Options, reworded
from .tensors import FLOATS, arrays_of, check, is_plain, shares_memory, tensor_of

__all__ = ["Operation"]


class Operation:
    """A function of tensors and options with PyTorch's names.

    Parameters
    ----------
    declared : Declared
        Its signature, with a name that is unique among all.
    kernels : Kernels
        What it computes.
    options : sequence of str
        Its options with their types, as in an operator's schema: "float alpha".
    """

    def __init__(self, declared: Declared, kernels: Kernels, options: Sequence[str]) -> None:
        self.declared, self.kernels = declared, kernels
        self.name, self.tensors = declared.label, declared.tensors
        self._schema = options
        _NAMED[self.name] = self
        self.options = [one.split()[1] for one in options]
        self._constants = [
            place for place in range(len(self.tensors)) if place not in kernels.differentiable
        ]

    def __call__(self, tensors: tuple[Any, ...], options: Options, inplace: bool = False) -> Any:
        """Compute; with `inplace`, into the first of the tensors."""
        if torch.compiler.is_compiling() or not is_plain(tensors):
            return self._opaquely(tensors, options, inplace)
        first = tensors[0]
        if first is None or first.dtype not in FLOATS or len(tensors) > 1:
            self._check(tensors)
        differentiated = torch.is_grad_enabled() and _has_gradient(tensors)
        if differentiated:
            self._check_constants(tensors)
        try:
            if differentiated:
                return _Eager.apply(self, options, inplace, *tensors)
            return self.computed(tensors, options, inplace)
        except RAISED as error:
            raise reworded(error, self.declared) from None
        except RuntimeError:
            if not _is_transformed():
                raise
            raise RuntimeError(
                f"{self.name}() of fastact.torch does not support torch.func (grad, vmap, jvp and so on)"
            ) from None

    def computed(self, tensors: Sequence[Any], options: Options, inplace: bool) -> Any:
        """Compute from tensors in memory, without a gradient."""
        arrays, first = arrays_of(tensors), tensors[0]
        if not inplace:
            return tensor_of(self.kernels.forward(arrays, options), first.dtype)
        if not shares_memory(first):
            return first.copy_(tensor_of(self.kernels.forward(arrays, options), first.dtype))
        self.kernels.forward(arrays, options, arrays[0])
        if not first.is_inference():
            torch.autograd.graph.increment_version(first)
        return first

    def _check(self, tensors: Sequence[Any]) -> None:
        check(self.name, self.tensors, self.declared.optional, tensors)

    def _check_constants(self, tensors: Sequence[Any]) -> None:
        for place in self._constants:
            if tensors[place] is not None and tensors[place].requires_grad:
                raise ValueError(
                    f"{self.name}() has no gradient with respect to {self.tensors[place]}"
                )

    def _opaquely(self, tensors: tuple[Any, ...], options: Options, inplace: bool) -> Any:
        self._check(tensors)
        self._check_constants(tensors)
        operator = getattr(torch.ops.fastact, _registered(self.name))
        result = operator(*tensors, *options)
        return tensors[0].copy_(result) if inplace else result

    @cached_property
    def operator(self) -> Callable[..., Any]:
        """The opaque operator, registered on first use."""
        return opaque.registered(self.declared, self.kernels, self._schema)


def _is_transformed() -> bool:
    """Tell whether a transform of torch.func calls."""
    return bool(getattr(torch._C, "_are_functorch_transforms_active", bool)())


def _has_gradient(tensors: Sequence[Any]) -> bool:
    for one in tensors:  # noqa: SIM110  (any() of a generator takes 0.3 us more)
        if one is not None and one.requires_grad:
            return True
    return False


_NAMED: dict[str, Operation] = {}


def _registered(name: str) -> str:
    """Register an operator on first use, which takes 5 ms; compilers call this instead of tracing it."""
    _NAMED[name].operator  # noqa: B018  (it is cached)
    return name


# All that torch.compiler.assume_constant_result does but import the compiler, which takes four fifths of the
# time of `import fastact.torch`.
_registered._dynamo_marked_constant = True  # type: ignore[attr-defined]


class _Eager(torch.autograd.Function):
    """An operation in a graph of gradients: a call takes less time than that of the operator."""

    @staticmethod
    def forward(
        ctx: Any, operation: Operation, options: Options, inplace: bool, *tensors: Any
    ) -> Any:
        kernels, first = operation.kernels, tensors[0]
        ctx.operation, ctx.options, ctx.count = operation, options, len(tensors)
        ctx.fused = kernels.keeps_gradient(options)
        if ctx.fused:
            value, *gradients = kernels.forward_and_gradients(arrays_of(tensors), options)
            ctx.save_for_backward(first, *(tensor_of(one, first.dtype) for one in gradients))
            return tensor_of(value, first.dtype)
        output = kernels.keeps_output(options, first.itemsize)
        kept = tensors if not inplace or output else (first.clone(), *tensors[1:])
        result = operation.computed(tensors, options, inplace)
        if inplace:
            ctx.mark_dirty(result)
        ctx.save_for_backward(*((result,) if output else kept))
        return result

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        given = ctx.operation, ctx.options, ctx.fused, g, *ctx.saved_tensors
        # With create_graph=True, a second derivative may be asked for.
        gradients = _Gradients.apply(*given) if torch.is_grad_enabled() else _gradients(*given)
        found = [None] * (3 + ctx.count)
        for place, one in zip(ctx.operation.kernels.differentiable, gradients, strict=True):
            found[3 + place] = one
        return tuple(found)


class _Gradients(torch.autograd.Function):
    """The gradients in a graph. PyTorch's once_differentiable forgets that they depend on the saved tensors."""

    @staticmethod
    def forward(ctx: Any, operation: Operation, *given: Any) -> Any:
        ctx.name = operation.name
        return tuple(_gradients(operation, *given))

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise RuntimeError(f"{ctx.name}() of fastact.torch has no second derivative")


def _gradients(operation: Operation, options: Options, fused: bool, g: Any, *kept: Any) -> Any:
    """Return g times the gradients, which with `fused` are kept after the first tensor."""
    if fused:
        return [one * g for one in kept[1:]]
    grad, *arrays = arrays_of((g, *kept))
    found = operation.kernels.gradients(grad, arrays, options)
    return [None if one is None else tensor_of(one, g.dtype) for one in found]
