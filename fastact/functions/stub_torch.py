"""The type stub of fastact.torch, from the same signatures and texts as its functions. PyTorch is not imported."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from .pytorch import Declared, declared
from .stub import text_of

__all__ = ["stub"]

_TYPES = {
    "bool": "bool",
    "dtype": "torch.dtype",
    "float": "float",
    "int": "int",
    "ints": "int | Sequence[int]",
    "tensor": "Tensor",
}
# What modules are called with: tensors that are not attributes of them.
_GIVEN = ("input", "target", "var")
_PACKAGE = Path(__file__).parents[1] / "torch"

_HEAD = '''\
"""{doc}"""

from collections.abc import Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor

__all__ = [
{names}
]

_Model = TypeVar("_Model", bound=torch.nn.Module)

def register_operators() -> None:
    """{register}"""

def replace(model: _Model) -> _Model:
    """{replace}"""
'''


def stub() -> str:
    """Return the text of ``torch/__init__.pyi``."""
    functions = declared()
    modules = {one.module: one for one in functions.values() if one.module is not None}
    modules["Softmax2d"] = functions["softmax"]
    names = ["register_operators", "replace", *sorted({*functions, *modules})]
    head = _HEAD.format(
        doc="Emitted by the build from fastact/functions.\n\n" + _doc_of("__init__.py"),
        names="\n".join(f'    "{name}",' for name in names),
        register=_doc_of("functional.py", "register_operators"),
        replace=_doc_of("modules.py", "replace"),
    )
    parts = [*map(_function, functions.values())]
    parts += [line for name, one in modules.items() for line in _module(name, one)]
    return "\n".join([head, *parts, ""])


def _doc_of(file: str, function: str | None = None) -> str:
    """Return the docstring of a file, or of a function in it, without executing it."""
    tree = ast.parse((_PACKAGE / file).read_text(encoding="utf-8"))
    if function is None:
        return text_of(ast.get_docstring(tree))
    (found,) = (
        one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == function
    )
    return text_of(ast.get_docstring(found))


def _function(one: Declared) -> str:
    shown, keyword = [], False
    for name, parameter in one.signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            shown.append("*")
            keyword = True
        default = (
            "" if parameter.default is inspect.Parameter.empty else f" = {parameter.default!r}"
        )
        shown.append(f"{name}: {_annotation(one, name)}{default}")
    return f'def {one.label}({", ".join(shown)}) -> Tensor:\n    """{text_of(one.document())}"""'


def _annotation(one: Declared, name: str) -> str:
    type_ = one.types[name]
    if type_ == "str":
        return f"Literal{one.choices(name)!r}".replace("'", '"')
    return _TYPES[type_] + (" | None" if name in one.optional else "")


def _module(name: str, one: Declared) -> Iterator[str]:
    """Yield a class: its arguments are inherited; a call of it has types that torch.nn.Module does not have."""
    given = [tensor for tensor in one.tensors if tensor in _GIVEN]
    if name == "PoissonNLLLoss":
        given[0] = "log_input"
    yield f"class {name}(torch.nn.{name}):"
    yield f'    """`torch.nn.{name}`, computed by fastact; takes the same arguments."""'
    yield f"    def __call__(self, {', '.join(f'{tensor}: Tensor' for tensor in given)}) -> Tensor: ..."
