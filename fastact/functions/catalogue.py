"""Every public function by its name and aliases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from ..messages import plain, shown, suggestion
from .base import Function
from .binary import BINARY_FUNCTIONS
from .binary_cross_entropy import binary_cross_entropy
from .bound import BoundFunction
from .channels import CHANNELS
from .cross_entropy import cross_entropy
from .elementwise import FUNCTIONS
from .elementwise_losses import LOSSES
from .gates import GATED
from .picked_losses import LOSSES as PICKED
from .prelu import prelu
from .rows import ROW_FUNCTIONS
from .rrelu import rrelu

__all__ = ["PUBLIC", "get", "names"]

_CANONICAL: dict[str, Function] = {
    **FUNCTIONS,
    "prelu": prelu,
    "rrelu": rrelu,
    **BINARY_FUNCTIONS,
    **ROW_FUNCTIONS,
    **GATED,
    **CHANNELS,
    "cross_entropy": cross_entropy,
    **PICKED,
    **LOSSES,
    "binary_cross_entropy": binary_cross_entropy,
}

#: Name or alias -> function.
PUBLIC: Mapping[str, Any] = MappingProxyType(
    {
        **{alias: function for function in _CANONICAL.values() for alias in function.aliases},
        **_CANONICAL,
    }
)


def names() -> list[str]:
    """Return the canonical name of every function, in the order of the documentation.

    Returns
    -------
    list of str
        Without aliases.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.names()[:5]
    ['identity', 'step', 'hard_tanh', 'hard_sigmoid', 'relu']
    """
    return list(_CANONICAL)


def get(name: str | Callable[..., Any] | None) -> Any:
    """Return a function by its name or one of its aliases.

    Parameters
    ----------
    name : str, callable or None
        Upper and lower case, underscores, hyphens and spaces make no difference: "LeakyReLU" is
        "leaky_relu". None stands for "identity", "gelu_10" for `gelu` with ``limit=10``. A callable is
        returned unchanged.

    Returns
    -------
    callable
        The function.

    Raises
    ------
    ValueError
        If there is no function of that name; the message suggests similar names.

    Notes
    -----
    The activations of torch.nn, jax.nn, keras.activations, Transformers' ACT2FN and ONNX's operators are found
    under their names. Defaults are those of PyTorch. Others differ:

    - gelu: jax.nn.gelu is the tanh form unless ``approximate=False``. The names gelu_fast, gelu_new and
      gelu_accurate of Transformers and vLLM are the tanh form too; x·σ(1.702 x) is quick_gelu.
    - leaky_relu: the slope is 0.2 in keras.activations, 0.3 in the layer of Keras 2 and 3.
    - hard_sigmoid: the slope is 0.2 in ONNX and Keras 2.
    - softplus: PyTorch returns x above ``threshold=20``, here nothing is cut off unless a threshold is given.
    - silu, swish: the factor `beta` is alpha in ONNX's Swish.
    - threshold: PyTorch and Keras have no defaults; those here are of ONNX's ThresholdedRelu.
    - prelu: the weight belongs to axis 1 as in PyTorch; in ONNX and Keras it broadcasts from the last axis.
    - relu: Keras' has a slope, a maximum and a threshold, which are leaky_relu, relu6 and threshold here.
    - xielu: its alphas are those that multiply, after the softplus that Transformers' module takes of its own.
    - laplace has the defaults of Transformers, 0.707107 and 0.282095; Mega itself has √½ and √(1/4π).
    - shrink, of ONNX, is hard_shrink; with a bias of `lambd` it is soft_shrink.
    - softmax and its kin: the axis is the last; PyTorch's classes have none, ONNX's before opset 13 axis 1.
    - glu: the second half gates, as in PyTorch, JAX, Keras and MLX; of swiglu, geglu and reglu the first.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.get("ReLU") is fa.relu
    True
    """
    if name is None:
        return PUBLIC["identity"]
    if callable(name):
        return name
    if not isinstance(name, str):
        raise ValueError(
            f"there is no function {shown(name)}: expected a name, see fastact.names()"
        )
    found = PUBLIC.get(name) or _found_names().get(plain(name))
    if found is None:
        hint = suggestion(name, PUBLIC, 3) or "; see fastact.names()"
        raise ValueError(f"there is no function {shown(name)}{hint}")
    return found


@cache
def _found_names() -> dict[str, Any]:
    """Return what other spellings stand for, and names of functions with parameters."""
    bound = {"gelu10": BoundFunction(FUNCTIONS["gelu"], {"limit": 10.0})}
    return bound | {plain(name): function for name, function in PUBLIC.items()}
