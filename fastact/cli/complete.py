"""Completion of names in the shell: what click asks for when it is told of by ``_FASTACT_COMPLETE``."""

from __future__ import annotations

from typing import Any

__all__ = ["complete_backends", "complete_names", "complete_params", "complete_patterns"]


def complete_names(ctx: Any, param: Any, incomplete: str) -> list[str]:
    """Return names and aliases of functions."""
    from ..functions.catalogue import PUBLIC

    return sorted(name for name in PUBLIC if name.startswith(incomplete))


def complete_patterns(ctx: Any, param: Any, incomplete: str) -> list[str]:
    """Return names of functions, groups and families."""
    from ..functions.catalogue import get, names
    from .records import group_of

    every = [get(name) for name in names()]
    groups = {*map(group_of, every), *(one.family for one in every)}
    found = {*complete_names(ctx, param, incomplete), *groups}
    return sorted(name for name in found if name.startswith(incomplete))


def complete_backends(ctx: Any, param: Any, incomplete: str) -> list[str]:
    """Return names of backends."""
    from ..backends.registry import backends

    return [name for name in backends() if name.startswith(incomplete)]


def complete_params(ctx: Any, param: Any, incomplete: str) -> list[str]:
    """Return parameters of the functions that are named before, each with its equals sign."""
    from ..functions.catalogue import PUBLIC

    # Words that are not parsed yet are among the remaining arguments.
    given = (*(ctx.params.get("names") or ()), ctx.params.get("name"), *ctx.args)
    known = dict.fromkeys(p for name in given if name in PUBLIC for p in PUBLIC[name].parameters)
    return [f"{name}=" for name in known if name.startswith(incomplete)]
