"""Emit the package's type stub: every public name, and every function with its parameters."""

from __future__ import annotations

from collections.abc import Iterator

from ..definitions.declare import Declaration, Parameter
from ..definitions.tables import ACTIVATIONS, CHANNELS, GATES, LOSSES, ROWS

HEAD = '''\
"""Emitted from fastact/definitions/: the public names with their types."""

from typing import Any, Protocol

from numpy.typing import ArrayLike, DTypeLike

'''
#: Where the public objects stand that no declaration makes: module -> names.
OBJECTS = {
    ".backends.registry": (
        "backends",
        "get_backend",
        "register_backend",
        "set_backend",
        "use_backend",
    ),
    ".functions.catalogue": ("get", "names"),
    ".functions.channels": ("maxout",),
    ".functions.cross_entropy": ("cross_entropy",),
    ".functions.losses": ("binary_cross_entropy",),
    ".functions.parametric": ("prelu", "rrelu"),
    ".threads": ("get_num_threads", "set_num_threads"),
}
#: Classes with the types of calls: of the functions that declarations make, and of `UNDECLARED`.
CLASSES = {
    ".functions.channels": ("CRelu",),
    ".functions.elementwise": ("Elementwise",),
    ".functions.gates": ("Gated",),
    ".functions.losses": ("BinaryCrossEntropyWithLogits",),
    ".functions.rows": ("GumbelSoftmax", "Hardmax", "RowReduction", "Rowwise"),
}
UNDECLARED = {"hardmax": "Hardmax", "gumbel_softmax": "GumbelSoftmax"}
OPTIONS = "*, out: Any = ..., where: ArrayLike = ..., dtype: DTypeLike | None = ..."


def stub() -> str:
    """Return the text of ``__init__.pyi``."""
    imports = [
        f"from {module} import {', '.join(f'{name} as {name}' for name in names)}"
        for module, names in OBJECTS.items()
    ]
    imports += [f"from {module} import {', '.join(names)}" for module, names in CLASSES.items()]
    lines = ["", "__version__: str"]
    for declaration in ACTIVATIONS.values():
        lines += ["", *_classes(declaration)]
    typed = {**UNDECLARED}
    for declaration, kind in _kinds():
        typed.update(dict.fromkeys((declaration.name, *declaration.aliases), kind))
    lines += ["", *(f"{name}: {kind}" for name, kind in typed.items())]
    return HEAD + "\n".join((*sorted(imports), *lines)) + "\n"


def _kinds() -> Iterator[tuple[Declaration, str]]:
    """The public declarations whose calls are typed by a class, and that class."""
    for table, kind in (
        (GATES, "Gated"),
        (CHANNELS, "CRelu"),
        (LOSSES, "BinaryCrossEntropyWithLogits"),
    ):
        yield from ((declaration, kind) for declaration in table.values())
    for row in ROWS.values():
        if not row.name.startswith("_"):
            yield row, "Rowwise" if row.passes["forward"].outputs else "RowReduction"


def _classes(declaration: Declaration) -> Iterator[str]:
    name = declaration.name
    for pass_ in [*declaration.passes][1:]:
        yield f"class _{name}_{pass_}(Protocol):"
        yield f"    {_call(declaration, pass_)}"
        yield ""
    yield f"class _{name}(Elementwise):"
    yield f"    {_call(declaration, 'forward')}"
    for pass_ in [*declaration.passes][1:]:
        yield f"    {pass_}: _{name}_{pass_}  # type: ignore[assignment]"
    yield ""
    yield from (f"{public}: _{name}" for public in (name, *declaration.aliases))


def _call(declaration: Declaration, pass_: str) -> str:
    inputs, outputs = declaration.signatures[pass_]
    arrays = ", ".join(f"{array}: ArrayLike" for array in inputs)
    parameters = "".join(f"{_parameter(parameter)}, " for parameter in declaration.params.values())
    choices = "".join(f"{name}: bool | str = ..., " for name in declaration.choices)
    result = "Any" if len(outputs) == 1 else "tuple[Any, Any]"
    return f"def __call__(self, {arrays}, /, {parameters}{choices}{OPTIONS}) -> {result}: ..."


def _parameter(parameter: Parameter) -> str:
    kind = "ArrayLike | None" if parameter.optional else "ArrayLike"
    default = "" if parameter.default is None else " = ..."
    return f"{parameter.name}: {kind}{default}"
