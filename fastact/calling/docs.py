"""Docstrings and signatures of the public functions, built lazily on first access."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .dtypes import FLOAT_NAMES as _NAMES

__all__ = ["ARGUMENTS", "FLOAT_NAMES", "OnInstance", "Text", "document", "signature_of"]

FLOAT_NAMES = f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]}"

#: Argument -> its type and description, unless a function overrides it.
ARGUMENTS = {
    "x": "array_like\n    Real numbers; integers and booleans count as float64.",
    "y": "array_like\n    The output of the function.",
    "g": "array_like\n    The gradient with respect to the output; it broadcasts with x or y.",
    "axis": "int, default {default}\n    The axis.",
    "out": "array or tuple of arrays, optional\n    Where to write the result; may be one of the inputs.",
    "where": "array_like of bool, optional\n    Elements where it is False are not written.",
    "dtype": f"dtype, optional\n    {FLOAT_NAMES}: the dtype to compute in and return.",
    "rng": "int or numpy.random.Generator, optional\n    Seed or generator; None draws unpredictably.",
}
#: Exception -> when it is raised, unless a function overrides it.
_RAISES = {
    "TypeError": "If an array is not of real numbers, or an argument is unknown or has the wrong type.",
    "ValueError": "If shapes do not match, or `out` is read-only or has the wrong shape. Nothing is written.",
}
#: The dtype of a result, for the section Returns.
DTYPE = f"{FLOAT_NAMES} as {{array}} is, float64 for\n    integers and booleans."


class Text:
    """The docstring of one pass, without its signature.

    `arguments` and `raises` override the common descriptions; `arguments` may document one that the signature does
    not name. An exception with an empty text is left out.
    """

    def __init__(
        self,
        summary: str,
        returns: str,
        arguments: Mapping[str, str] = MappingProxyType({}),
        raises: Mapping[str, str] = MappingProxyType({}),
        notes: Sequence[str] = (),
    ) -> None:
        self.summary, self.returns = summary, returns
        self.arguments, self.raises = arguments, raises
        self.notes = notes

    def replaced(self, **changes: Any) -> Text:
        """Return a copy with other attributes."""
        return Text(**{**self.__dict__, **changes})


class OnInstance:
    """A special attribute that is computed for instances and a fixed value for the class."""

    def __init__(self, compute: Callable[[Any], Any], class_value: Any = None) -> None:
        self._compute = compute
        self._class_value = class_value

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is not None:
            return self._compute(instance)
        if self._class_value is None:
            raise AttributeError
        return self._class_value


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a method without self, annotations, ``*more`` and ``**unknown``."""
    _, *shown = inspect.signature(function).parameters.values()
    return inspect.Signature(
        [
            one.replace(annotation=inspect.Parameter.empty)
            for one in shown
            if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        ]
    )


def document(
    qualname: str, signature: inspect.Signature, text: Text, more: Mapping[str, str]
) -> str:
    """Return a docstring in NumPy's style; `more` has further sections, or adds to Notes."""
    raises = {**_RAISES, **text.raises}
    notes = [*text.notes, more.get("Notes", "")]
    sections = {
        "Parameters": "\n".join(_described(signature, text.arguments)),
        "Returns": text.returns,
        "Raises": "\n".join(f"{name}\n    {when}" for name, when in raises.items() if when),
        "See Also": more.get("See Also", ""),
        "Notes": "\n\n".join(note for note in notes if note),
        "References": more.get("References", ""),
        "Examples": more.get("Examples", ""),
    }
    shown = [f"{title}\n{'-' * len(title)}\n{body}" for title, body in sections.items() if body]
    return "\n\n".join([f"{qualname}{signature}", text.summary, *shown])


def _described(signature: inspect.Signature, texts: Mapping[str, str]) -> list[str]:
    parameters = signature.parameters
    names = [*parameters, *(name for name in texts if name not in parameters)]
    found = []
    for name in names:
        default = parameters[name].default if name in parameters else inspect.Parameter.empty
        text = texts.get(name) or ARGUMENTS[name]
        found.append(f"{name} : {text.replace('{default}', repr(default))}")
    return found
