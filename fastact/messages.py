"""The wording of errors: values shortened, and what a wrong name may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["listed", "meant", "plain", "shortened", "shown", "suggestion"]

# The name of an argument in other libraries -> the names here, of which a function has one: the first is meant.
_ELSEWHERE = {
    "T": ("temperature",),
    "alpha": ("negative_slope", "beta", "threshold"),
    "approx": ("approximate",),
    "class_weight": ("weight",),
    "default_value": ("value",),
    "delta": ("beta",),
    "dim": ("axis",),
    "generator": ("rng",),
    "inplace": ("out",),
    "input": ("x",),
    "keepdim": ("keepdims",),
    "mask": ("where",),
    "num_pieces": ("pieces",),
    "seed": ("rng",),
    "slope": ("negative_slope", "weight"),
    "tau": ("temperature",),
    "temperature": ("tau",),
    "y_true": ("target",),
}
_SEPARATORS = {ord(sign): None for sign in "_- "}


def shown(value: Any) -> str:
    """Return a value as an error shows it: in at most some sixty characters."""
    if not isinstance(value, type) and hasattr(value, "shape") and hasattr(value, "dtype"):
        if value.shape == ():
            return shortened(str(value))
        return f"{type(value).__name__} of shape {shortened(str(value.shape))}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 100:
        # Python itself refuses to write out more than 4,300 digits.
        return f"an integer of {value.bit_length()} bits"
    from reprlib import Repr  # 0.4 ms, only on error

    short = Repr()
    short.maxstring = short.maxother = 40
    return shortened(short.repr(value))


def shortened(text: str) -> str:
    """Return a text in one line of at most sixty characters."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def listed(names: Iterable[str]) -> str:
    """Return names as an enumeration: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def meant(name: object, known: Iterable[object], most: int = 1) -> list[Any]:
    """Return which of the known names a wrong one may stand for, the likeliest first.

    Case and separators make no difference; a part of a name finds it; names of arguments are known in the spelling
    of other libraries.
    """
    if not isinstance(name, str):
        return []
    choices = {plain(one): one for one in known if isinstance(one, str)}
    for other in _ELSEWHERE.get(name, ()):
        if plain(other) in choices:
            return [choices[plain(other)]]
    from difflib import get_close_matches  # 2 ms, only on error

    wrong = plain(name)
    close = [choices[one] for one in get_close_matches(wrong, choices, most, 0.65)]
    if not close and len(wrong) > 3:
        close = [found for one, found in choices.items() if wrong in one][:most]
    return close


def suggestion(name: object, known: Iterable[object], most: int = 1) -> str:
    """Return the end of an error on a wrong name: "; did you mean 'gelu'?", or nothing."""
    close = meant(name, known, most)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def plain(name: str) -> str:
    """Return a name in lower case without separators."""
    return name.lower().translate(_SEPARATORS)
