"""Every public function by its name and aliases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from .base import Function
from .channels import CHANNELS
from .cross_entropy import cross_entropy
from .elementwise import FUNCTIONS
from .elementwise_losses import LOSSES
from .gates import GATED
from .parametric import PARAMETRIC
from .picked_losses import LOSSES as PICKED
from .rows import ROW_FUNCTIONS

__all__ = ["PUBLIC", "get", "names"]

_CANONICAL: dict[str, Function] = {
    **FUNCTIONS,
    **PARAMETRIC,
    **ROW_FUNCTIONS,
    **GATED,
    **CHANNELS,
    "cross_entropy": cross_entropy,
    **PICKED,
    **LOSSES,
}

#: Name or alias -> function.
PUBLIC: Mapping[str, Any] = MappingProxyType(
    {
        **{alias: function for function in _CANONICAL.values() for alias in function.aliases},
        **_CANONICAL,
    }
)


def names() -> list[str]:
    """Return the canonical name of every function, in the order of the documentation."""
    return list(_CANONICAL)


def get(name: str | Callable[..., Any] | None) -> Any:
    """Return a function by its name or one of its aliases.

    Parameters
    ----------
    name : str, callable or None
        Upper and lower case, underscores, hyphens and spaces make no difference: "LeakyReLU" is
        "leaky_relu". None stands for "identity". A callable is returned unchanged.

    Returns
    -------
    callable
        The function.

    Raises
    ------
    ValueError
        If there is no function of that name; the message suggests similar names.

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
        raise ValueError(f"there is no activation {name!r}; see fastact.names()")
    found = PUBLIC.get(name) or _plain_names().get(_plain(name))
    if found is None:
        raise ValueError(f"there is no activation {name!r}{_near(name)}")
    return found


def _plain(name: str) -> str:
    return name.lower().translate({ord(sign): None for sign in "_- "})


@cache
def _plain_names() -> dict[str, Any]:
    return {_plain(name): function for name, function in PUBLIC.items()}


def _near(name: str) -> str:
    from difflib import get_close_matches  # 2 ms, only on error

    close = get_close_matches(name, PUBLIC)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else "; see fastact.names()"
