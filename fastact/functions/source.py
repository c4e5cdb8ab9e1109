"""Where a function comes from, and its code in C."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

__all__ = ["Source"]


class Source(str):
    """The publication that defines a function; called, the code that computes it.

    ``fastact.gelu.source`` is a text, ``fastact.gelu.source("c")`` a C header.
    """

    _function: Any

    def __new__(cls, text: str, function: Any) -> Source:
        """Make the text, which knows its function."""
        made = super().__new__(cls, text)
        made._function = function
        return made

    def __call__(self, language: str = "c") -> str:
        """Return the code of all passes, for one number at a time, in float and in double.

        Parameters
        ----------
        language : {"c"}
            "c": a header for C11 and C++, which includes nothing of fastact. A function is called
            ``fastact_NAME_f32(x, ...)`` or ``fastact_NAME_derivative_f64(x, ...)``; parameters are double.

        Raises
        ------
        ValueError
            If it is another language.

        Examples
        --------
        >>> import fastact as fa
        >>> "float fastact_tanh_f32(float x)" in fa.tanh.source("c")
        True
        """
        if language != "c":
            raise ValueError(f"source({language!r}): choose 'c'")
        return _in_c(self._function)

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


def _in_c(function: Any) -> str:
    from ..compiler import emit_headers
    from ..compiler.kernels import kernels
    from ..headers import operations

    declaration = replace(function.declaration, name=function.name)
    text = emit_headers.header(kernels({declaration.name: declaration}))
    return text.replace('#include "operations.h"\n', operations())
