"""Emit the package's type stub: every public name, and every function with its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..definitions.declare import Declaration, Parameter, RowDeclaration

HEAD = '''\
"""Emitted from fastact/definitions/: the public names with their types."""

from typing import Any, Protocol

from numpy.typing import ArrayLike, DTypeLike

from .backends.registry import backends as backends
from .backends.registry import get_backend as get_backend
from .backends.registry import register_backend as register_backend
from .backends.registry import set_backend as set_backend
from .backends.registry import use_backend as use_backend
from .functions.cross_entropy import cross_entropy as cross_entropy
from .functions.elementwise import Elementwise
from .functions.gates import Gated
from .functions.catalogue import get as get
from .functions.catalogue import names as names
from .functions.losses import binary_cross_entropy as binary_cross_entropy
from .functions.losses import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from .functions.channels import crelu as crelu
from .functions.channels import maxout as maxout
from .functions.rows import GumbelSoftmax, Hardmax, RowReduction, Rowwise
from .functions.parametric import prelu as prelu
from .functions.parametric import rrelu as rrelu
from .threads import get_num_threads as get_num_threads
from .threads import set_num_threads as set_num_threads

__version__: str
'''
OPTIONS = "*, out: Any = ..., where: ArrayLike = ..., dtype: DTypeLike | None = ..."


def stub(table: Iterable[Declaration], rows: Iterable[RowDeclaration], gates: Iterable[str]) -> str:
    """Return the text of ``__init__.pyi``."""
    lines: list[str] = []
    for declaration in table:
        lines += ["", *_classes(declaration)]
    lines += ["", *(f"{name}: Gated" for name in gates)]
    # Their calls are typed where they are defined: all have the same parameters.
    lines += ["hardmax: Hardmax", "gumbel_softmax: GumbelSoftmax"]
    for row in rows:
        if not row.name.startswith("_"):
            kind = "Rowwise" if row.passes["forward"].outputs else "RowReduction"
            lines += [f"{public}: {kind}" for public in (row.name, *row.aliases)]
    return HEAD + "\n".join(lines) + "\n"


def _classes(declaration: Declaration) -> Iterator[str]:
    name = declaration.name
    for pass_ in declaration.passes[1:]:
        yield f"class _{name}_{pass_}(Protocol):"
        yield f"    {_call(declaration, pass_)}"
        yield ""
    yield f"class _{name}(Elementwise):"
    yield f"    {_call(declaration, 'forward')}"
    for pass_ in declaration.passes[1:]:
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
