"""The modules of torch.nn, computed by fastact, and their exchange in a model."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.nn.modules import activation, loss

from .functional import FUNCTIONS, MODULES

__all__ = ["CLASSES", "replace"]

_Model = TypeVar("_Model", bound=torch.nn.Module)


def _class(name: str, function: Callable[..., Any]) -> type[Any]:
    """Return a class derived from PyTorch's, with a `forward` that calls a function with the module's attributes."""
    base = getattr(torch.nn, name)
    _, *given = inspect.signature(base.forward).parameters
    made = {*inspect.signature(base.__init__).parameters, "training"}
    if name == "PReLU":
        made.add("weight")
    known = [one for one in inspect.signature(function).parameters if one not in given]
    arguments = ", ".join((*given, *(f"{one}=self.{one}" for one in known if one in made)))
    space: dict[str, Any] = {"function": function}
    exec(f"def forward(self, {', '.join(given)}): return function({arguments})", space)
    doc = f"`torch.nn.{name}`, computed by fastact; takes the same arguments."
    members = {"__module__": "fastact.torch", "__doc__": doc, "forward": space["forward"]}
    return type(name, (base,), members)


class _Softmax2d(torch.nn.Softmax2d):
    """`torch.nn.Softmax2d`, computed by fastact; takes the same arguments."""

    __module__ = "fastact.torch"
    __qualname__ = "Softmax2d"

    def forward(self, input: Any) -> Any:
        """Compute along the channels of (C, H, W) or (N, C, H, W)."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected 3 or 4 dimensions, not {input.dim()}")
        return FUNCTIONS["softmax"](input, -3)


_Softmax2d.__name__ = "Softmax2d"

#: Name in torch.nn -> class.
CLASSES: dict[str, type[Any]] = {
    **{name: _class(name, function) for name, function in MODULES.items()},
    "Softmax2d": _Softmax2d,
}
_EXCHANGED = {getattr(torch.nn, name): cls for name, cls in CLASSES.items()}
_KINDS = tuple(
    one
    for module in (activation, loss)
    for one in vars(module).values()
    if isinstance(one, type) and one.__module__ == module.__name__
)


def replace(model: _Model) -> _Model:
    """Let fastact compute the activations and losses of a model: exchange the class of these modules, in place.

    Parameters
    ----------
    model : torch.nn.Module
        Searched recursively. A module's parameters, buffers, name, hooks and mode stay, since it stays the same object.

    Returns
    -------
    torch.nn.Module
        The model itself.

    Raises
    ------
    TypeError
        If the model is no module.

    Warns
    -----
    UserWarning
        For classes of torch.nn's activations and losses, and classes derived from them, that fastact does not have:
        they are left as they are. So are functions such as ``torch.relu`` in the code of other modules.

    Examples
    --------
    >>> import fastact.torch, torch
    >>> fastact.torch.replace(torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.GELU()))
    Sequential(
      (0): Linear(in_features=4, out_features=2, bias=True)
      (1): GELU(approximate='none')
    )
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"replace(): model is {type(model).__name__}, expected a torch.nn.Module")
    left = set()
    for module in model.modules():
        if (found := _EXCHANGED.get(type(module))) is not None:
            module.__class__ = found
        elif isinstance(module, _KINDS) and type(module) not in CLASSES.values():
            left.add(type(module).__qualname__)
    if left:
        warnings.warn(f"replace(): left as they are: {', '.join(sorted(left))}", stacklevel=2)
    return model
