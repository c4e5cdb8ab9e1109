"""Every public function by every name it goes by."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .channels import crelu, maxout
from .cross_entropy import cross_entropy
from .elementwise import FUNCTIONS
from .gates import GATED
from .losses import LOSSES
from .parametric import prelu, rrelu
from .rows import ROW_FUNCTIONS

__all__ = ["PUBLIC", "get", "names"]

_CANONICAL: dict[str, Any] = {
    **FUNCTIONS,
    "prelu": prelu,
    "rrelu": rrelu,
    **ROW_FUNCTIONS,
    **GATED,
    "maxout": maxout,
    "crelu": crelu,
    **{loss.name: loss for loss in (cross_entropy, *LOSSES)},
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


def get(name: str) -> Any:
    """Return a function by its name or one of its aliases.

    Raises
    ------
    ValueError
        If there is none; the message holds the names that come close.
    """
    try:
        return PUBLIC[name]
    except (KeyError, TypeError):  # TypeError: unhashable
        raise ValueError(f"there is no activation {name!r}{_near(name)}") from None


def _near(name: object) -> str:
    from difflib import get_close_matches  # 2 ms that a correct program never pays

    close = get_close_matches(name, PUBLIC) if isinstance(name, str) else []
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else "; see fastact.names()"
