"""Base classes of the public functions and their passes: names, parameters, documentation, repr."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from ..calling.docs import OnInstance, Text, document, signature_of
from ..calling.dtypes import FLOATS
from ..calling.parameters import too_many, unknown_argument
from ..messages import listed

__all__ = ["Function", "Pass", "call_of", "named", "renamed"]

_Class = TypeVar("_Class", bound=type)
_INTRODUCED = ("aliases", "formula", "name", "parameters", "passes", "source")
_UFUNC = ("nargs", "nin", "nout", "ntypes", "signature", "types")


def _documented(one: Pass) -> str:
    return document(one.__qualname__, one._signature(), one._text(), one._closing())


class Pass:
    """One pass of a public function, such as its derivative: named, documented, pickled by name.

    A derived class defines `__call__`, whose signature is shown, and `_text`.
    """

    __signature__ = OnInstance(lambda one: one._signature())

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **options: Any) -> Any:
            """Compute."""

    #: A ufunc without core dimensions.
    signature: None = None
    nout: int = 1
    #: The names of its arrays.
    arrays: tuple[str, ...] = ("x",)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__doc__ = OnInstance(_documented, cls.__doc__)  # type: ignore[assignment]

    def _name(self, name: str, pass_: str) -> None:
        forward = pass_ == "forward"
        self.__module__ = "fastact"
        self.__name__ = name if forward else f"{name}_{pass_}"
        self.__qualname__ = name if forward else f"{name}.{pass_}"
        self.pass_ = pass_
        self.nin = len(self.arrays)
        self.nargs = self.nin + self.nout
        self.ntypes = len(FLOATS)

    @property
    def identity(self) -> str:
        """What tells it from every other pass of every function."""
        return f"{self.__module__}.{self.__qualname__}"

    @property
    def types(self) -> list[str]:
        """The loop types, as a ufunc shows them."""
        return [f"{dtype.char * self.nin}->{dtype.char * self.nout}" for dtype in FLOATS]

    def _signature(self) -> inspect.Signature:
        return signature_of(type(self).__call__)

    def _text(self) -> Text:
        raise NotImplementedError

    def _closing(self) -> Mapping[str, str]:
        """Return the sections of the documentation after the parameters."""
        return {}

    def _refuse(self, unknown: Iterable[str], more: int = 0) -> NoReturn:
        """Raise TypeError for arguments that the pass does not take: the first unknown keyword, or positional ones.

        `more` is how many of the latter there are.
        """
        parameters = self._signature().parameters.values()
        positional = [one.name for one in parameters if one.kind is not one.KEYWORD_ONLY]
        unnamed = [one.name for one in parameters if one.kind is one.POSITIONAL_ONLY]
        for name in unknown:
            if name in unnamed:
                raise TypeError(f"{self.__qualname__}() takes {listed(unnamed)} by position")
            known = [one.name for one in parameters if one.kind is not one.POSITIONAL_ONLY]
            raise unknown_argument(self.__qualname__, name, known)
        raise too_many(self.__qualname__, positional, len(positional) + more)

    def __repr__(self) -> str:
        return f"<{self.__module__}.{self.__qualname__}{inspect.signature(self)}>"

    def __reduce__(self) -> str:
        # pickle looks a string up as a global of `__module__`.
        return self.__qualname__

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name[:2] == "__" or name in _UFUNC]


def call_of(pass_: Any) -> str:
    """Return the shortest call of a pass as text: with its arrays and the parameters that have no default."""
    shown = inspect.signature(pass_).parameters.values()
    more = [one.name for one in shown if one.default is one.empty and one.name not in pass_.arrays]
    return f"{pass_.__qualname__}({', '.join((*pass_.arrays, *more))})"


_WHY_MISSING = {
    "vjp_from_output": ": its output does not determine its derivative",
    "parameter_vjp": ": it has no parameters",
    "forward": ": call the function itself",
}


class MissingPass(AttributeError, TypeError):
    """Raised on access to a pass that a function does not have."""


class _Missing:
    """Placeholder for a missing pass, or for another library's name of one; its error lists the passes there are.

    A method `__getattr__` would make each attribute access 40 ns slower.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, function: Any, owner: type) -> Any:
        if function is None:
            return self
        calls = [call_of(one) for pass_, one in function.passes.items() if pass_ != "forward"]
        has = f"it has {listed(calls)}" if calls else "it has no pass but the function itself"
        why = _WHY_MISSING.get(self._name, "")
        raise MissingPass(f"{function.name} has no {self._name}{why}; {has}")


class Function(Pass):
    """A public function: its forward pass, with its other passes as attributes.

    Attributes
    ----------
    name : str
        The canonical name.
    aliases : tuple of str
        Its other names.
    family : str
        "elementwise", "parametric", "binary", "rows", "gates", "channels" or "losses".
    parameters : mapping of str to object
        Parameter -> default, in order; one without a default is `inspect.Parameter.empty`.
    formula : str or None
        The definition in Python, from which the documentation renders it.
    source : str
        The publication that defines it.
    passes : mapping of str to Pass
        The passes it has, by name; "forward" is the function itself.
    """

    family: ClassVar[str]
    name: str
    aliases: tuple[str, ...]
    formula: str | None
    source: str
    passes: Mapping[str, Any]

    if not TYPE_CHECKING:
        derivative, vjp, value_and_derivative = _Missing(), _Missing(), _Missing()
        vjp_from_output, value_and_grad, parameter_vjp = _Missing(), _Missing(), _Missing()
        grad, gradient, backward, jvp = _Missing(), _Missing(), _Missing(), _Missing()
        forward = _Missing()

    def _introduce(
        self,
        source: str,
        passes: Mapping[str, Any],
        aliases: tuple[str, ...] = (),
        formula: str | None = None,
    ) -> None:
        """Set the public attributes."""
        self.name = self.__name__
        self.aliases, self.source, self.formula = aliases, source, formula
        self.passes = MappingProxyType({"forward": self, **passes})
        for name, one in passes.items():
            setattr(self, name, one)

    @cached_property
    def parameters(self) -> Mapping[str, object]:
        """Parameter -> default, from the signature on first access: for all functions that takes 3 ms."""
        others = (*self.arrays, "out", "where", "dtype")
        shown = self._signature().parameters
        return MappingProxyType(
            {name: one.default for name, one in shown.items() if name not in others}
        )

    def _closing(self) -> Mapping[str, str]:
        from .help import closing

        return closing(self)

    def _repr_html_(self) -> str:
        from .help import html

        return html(self)

    def __dir__(self) -> list[str]:
        known = {*_INTRODUCED, "family", *self.passes} - {"forward"}
        return sorted({*super().__dir__(), *known})


def renamed(function: FunctionType, qualname: str) -> FunctionType:
    """Return a copy of a function under another name: Python's error messages on arguments use it."""
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        qualname,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__, copy.__doc__ = function.__kwdefaults__, function.__doc__
    copy.__annotations__, copy.__qualname__ = function.__annotations__, qualname
    return copy


def named(cls: _Class, qualname: str) -> _Class:
    """Return the class with `__call__` renamed: Python's error messages say softmax(), not Rowwise.__call__()."""
    call: Any = cls.__call__
    members = {
        "__call__": renamed(call, qualname),
        "__module__": cls.__module__,
        "__doc__": cls.__dict__.get("__doc__"),
    }
    return type(cls)(cls.__name__, (cls,), members)
