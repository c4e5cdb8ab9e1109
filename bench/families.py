"""Row functions, gates and losses, and the shapes on which they are compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from case import Case
from peers import Key


class Layout(NamedTuple):
    """The shape of the input and the axis of the function."""

    shape: tuple[int, ...]
    axis: str = "last"


#: Rows of 128, 4,096 and 131,072, a million elements in all, along the last and the first axis.
USUAL = (
    Layout((8192, 128)),
    Layout((256, 4096)),
    Layout((8, 131072)),
    Layout((128, 8192), "first"),
    Layout((4096, 256), "first"),
    Layout((131072, 8), "first"),
)
#: A million rows of two, and one row larger than any cache.
EXTREME = (Layout((1_000_000, 2)), Layout((1, 1 << 23)))
#: Gate and value side by side.
PACKED = (Layout((512, 8192)), Layout((8192, 1024)))
BATCHES = USUAL[:2]

FAMILIES: dict[str, dict[Key, tuple[Layout, ...]]] = {
    "rows": {
        ("softmax", "forward"): USUAL + EXTREME,
        ("softmax", "vjp"): USUAL,
        ("log_softmax", "forward"): USUAL,
        ("log_softmax", "vjp"): USUAL,
        ("logsumexp", "forward"): USUAL,
        ("sparsemax", "forward"): USUAL,
        ("entmax15", "forward"): USUAL,
    },
    "gates": {(name, p): PACKED for name in ("glu", "swiglu", "geglu") for p in ("forward", "vjp")},
    "losses": {
        ("cross_entropy", "value_and_grad"): BATCHES,
        ("binary_cross_entropy_with_logits", "forward"): (Layout((1 << 20,), ""),),
        ("binary_cross_entropy_with_logits", "value_and_grad"): (Layout((1 << 20,), ""),),
    },
}
LAYOUTS = {key: layouts for family in FAMILIES.values() for key, layouts in family.items()}
#: Function -> family.
FAMILY = {function: name for name, keys in FAMILIES.items() for function, _ in keys}
#: Functions that reduce each row to one number.
REDUCTIONS = frozenset({"logsumexp"})


def select(
    functions: Iterable[str] = FAMILY,
    passes: Iterable[str] = ("forward", "vjp", "value_and_grad"),
    dtypes: Iterable[str] = ("float32", "float64"),
) -> list[Case]:
    """Return the selected cases, grouped by their data."""
    functions, passes = set(functions), set(passes)
    return [
        Case(*key, dtype, *layout)
        for dtype in dtypes
        for layout in dict.fromkeys(layout for layouts in LAYOUTS.values() for layout in layouts)
        for key, layouts in LAYOUTS.items()
        if layout in layouts and key[0] in functions and key[1] in passes
    ]
