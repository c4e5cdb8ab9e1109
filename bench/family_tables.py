"""The tables of rows, gates and losses."""

from __future__ import annotations

from case import Case
from families import FAMILIES, LAYOUTS, Layout
from peers import TITLES, Key
from readme import table
from speed import Speed, dtypes_in
from speed_tables import conditions, number

PASSES = {"forward": "", "vjp": ", backward", "value_and_grad": ", value and gradient"}
LEGEND = (
    "PyTorch's time divided by fastact's, in italics where PyTorch has no single kernel; then that of "
    "the fastest other library, if it is faster than PyTorch. Shapes are those of the input; the axis is "
    "the last one, or the first where noted. Backward is the vector-Jacobian product, against PyTorch's "
    "backward kernels."
)
HEADS = {"rows": "Rows:", "gates": "Gates, packed:", "losses": "Losses, means:"}


def has_families(speed: Speed) -> bool:
    return any(case.key in LAYOUTS for case in speed.times)


def summary(speed: Speed) -> str:
    """Return the README's section on these families."""
    parts = [conditions(speed), LEGEND]
    for family, head in HEADS.items():
        if any(case.key in FAMILIES[family] for case in speed.times):
            parts += [head, family_table(speed, family)]
    return "\n\n".join(parts)


def family_table(speed: Speed, family: str) -> str:
    """Return the ratios of each pass on each shape."""
    measured = {(case.key, Layout(case.shape, case.axis)) for case in speed.times}
    keys = [key for key in FAMILIES[family] if any(key == k for k, _ in measured)]
    layouts = [
        layout
        for layout in dict.fromkeys(layout for key in keys for layout in FAMILIES[family][key])
        if any((key, layout) in measured for key in keys)
    ]
    lines = [
        (f"{key[0]}{PASSES[key[1]]}", dtype, *(_cell(speed, key, dtype, of) for of in layouts))
        for key in keys
        for dtype in dtypes_in(speed)
        if speed.cases([key[1]], function=key[0], dtype=dtype)
    ]
    return table(("", "", *map(_heading, layouts)), lines, numbers_from=2)


def _heading(layout: Layout) -> str:
    shape = "×".join(f"{length:,}" for length in layout.shape)
    return f"{shape}, first" if layout.axis == "first" else shape


def _cell(speed: Speed, key: Key, dtype: str, layout: Layout) -> str:
    case = Case(*key, dtype, *layout)
    torch, peer = speed.against(case, "torch"), speed.fastest_peer(case)
    if peer is None:
        return "–"
    first = number(torch)
    if torch is not None and speed.is_composed(case):
        first = f"*{first}*"
    return first if peer == "torch" else f"{first} / {number(speed.against(case))} {TITLES[peer]}"
