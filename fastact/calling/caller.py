"""How a public pass is called: in C if the extension is there, else in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

__all__ = ["Caller", "fast_call"]

_Class = TypeVar("_Class", bound=type)


class PythonCaller:
    """What the extension's Caller is, without its short way for plain arrays: 1 us a call, not 0.2."""

    if TYPE_CHECKING:

        def call(self, *args: Any, **options: Any) -> Any:
            """Compute."""

    def prepare(self, *details: Any) -> None:
        """Take what the extension's Caller wants to know."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Compute; ``inspect.signature`` shows the arguments."""
        return self.call(*args, **options)


def python_call(cls: _Class) -> _Class:
    """Leave the class as it is."""
    return cls


if TYPE_CHECKING:
    Caller: TypeAlias = PythonCaller
    fast_call = python_call
else:
    try:
        from ..backends.cython._native import Caller, fast_call
    except ImportError:
        Caller, fast_call = PythonCaller, python_call
