"""The operators fastact::gelu and so on, which compilers of PyTorch take as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..functions.pytorch import Declared
from .kernels import RAISED, Kernels, Options, reworded
from .tensors import arrays_of, tensor_of

__all__ = ["registered"]


def registered(declared: Declared, kernels: Kernels, options: Sequence[str]) -> Callable[..., Any]:
    """Return the operator fastact::name of tensors and options, with its gradient.

    Parameters
    ----------
    declared : Declared
        Its signature.
    kernels : Kernels
        What it computes.
    options : sequence of str
        Its options with their types, as in an operator's schema: "float alpha".
    """
    name, count = declared.label, len(declared.tensors)
    types = [f"Tensor{'?' if one in declared.optional else ''} {one}" for one in declared.tensors]

    def forward(*given: Any) -> Any:
        try:
            value = kernels.forward(arrays_of(given[:count]), _hashable(given[count:]))
        except RAISED as error:
            raise reworded(error, declared) from None
        return _settled(tensor_of(value, given[0].dtype), given[0])

    def like(*given: Any) -> Any:
        shapes = [None if one is None else one.shape for one in given[:count]]
        return _like(given[0], kernels.shape(shapes, _hashable(given[count:])))

    schema = f"({', '.join([*types, *options])}) -> Tensor"
    operator: Any = torch.library.custom_op(
        f"fastact::{name}", forward, mutates_args=(), schema=schema
    )
    operator.register_fake(like)
    backward = _backward(name, kernels, types, options)

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.options = _hashable(inputs[count:])
        first = kernels.keeps_output(ctx.options, inputs[0].itemsize)
        ctx.save_for_backward(*((output,) * count if first else inputs[:count]))

    def differentiate(ctx: Any, g: Any) -> tuple[Any, ...]:
        gradients = backward(g, *ctx.saved_tensors, *ctx.options)
        found: list[Any] = [None] * (count + len(options))
        for place, one in zip(kernels.differentiable, gradients, strict=True):
            found[place] = one if ctx.saved_tensors[place] is not None else None
        return tuple(found)

    operator.register_autograd(differentiate, setup_context=keep)
    return operator  # type: ignore[no-any-return]


def _backward(
    name: str, kernels: Kernels, types: Sequence[str], options: Sequence[str]
) -> Callable[..., Any]:
    """Return the operator of the gradients: a list of them, in which that of None is empty."""
    end = 1 + len(types)

    def backward(*given: Any) -> list[Any]:
        g, *arrays = arrays_of(given[:end])
        found = kernels.gradients(g, arrays, _hashable(given[end:]))
        return [
            given[0].new_empty(0)
            if one is None
            else _settled(tensor_of(one, given[0].dtype), model)
            for one, model in zip(found, models(given), strict=True)
        ]

    def models(given: Sequence[Any]) -> list[Any]:
        return [given[1 + place] for place in kernels.differentiable]

    def like(*given: Any) -> list[Any]:
        return [
            given[0].new_empty(0) if one is None else _like(one, one.shape) for one in models(given)
        ]

    operator: Any = torch.library.custom_op(
        f"fastact::{name}_backward",
        backward,
        mutates_args=(),
        schema=f"({', '.join(['Tensor grad', *types, *options])}) -> Tensor[]",
    )
    operator.register_fake(like)
    return operator  # type: ignore[no-any-return]


def _hashable(options: Sequence[Any]) -> Options:
    return tuple(tuple(one) if isinstance(one, list) else one for one in options)


def _like(model: Any, shape: Sequence[int]) -> Any:
    """Return a tensor without content, of the layout that `_settled` gives."""
    same = tuple(shape) == tuple(model.shape)
    return torch.empty_like(model) if same else model.new_empty(shape)


def _settled(result: Any, model: Any) -> Any:
    """Return the result in the memory layout that PyTorch's own operators give it."""
    if result.shape != model.shape or model.is_contiguous():
        return result.contiguous()
    expected = torch.empty_like(model)
    return result if result.stride() == expected.stride() else expected.copy_(result)
