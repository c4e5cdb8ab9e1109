"""The types that Numba gives to the functions and their passes. A pass is known when it is compiled for."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import errors
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, box, models, register_model, typeof_impl, unbox

from .._version import __version__
from ..functions.base import Function, Pass

__all__ = ["PassType"]


class PassType(types.Callable, types.Opaque):
    """The type of one pass of one function; it has one value.

    The version is part of its name and so of the cache's key of whatever takes a function as an argument.
    """

    def __init__(self, pass_: Pass) -> None:
        self.pass_ = pass_
        super().__init__(f"{pass_.identity} {__version__}")

    @property
    def key(self) -> str:
        """What tells it from other types."""
        return str(self.name)

    def get_call_type(self, context: Any, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        """Return the signature of a call with arguments of the given types."""
        # Not before they are needed: most of this package's import. What lowering.py registers is found from then on.
        from . import calls, lowering  # noqa: F401

        return calls.signature(self, args, kws)

    def get_call_signatures(self) -> tuple[list[Any], bool]:
        """Return the signatures that are known beforehand: none."""
        return [], True

    def get_impl_key(self, sig: Any) -> type[PassType]:
        """Return the key of the code, which is one for all."""
        return PassType


register_model(PassType)(models.OpaqueModel)


@typeof_impl.register(Pass)
def typeof_pass(value: Pass, context: Any) -> PassType:
    """Return the type of a pass."""
    return PassType(value)


@unbox(PassType)
def unbox_pass(kind: PassType, value: Any, api: Any) -> Any:
    """Take a pass as an argument: the type says it all."""
    return NativeValue(api.context.get_dummy_value())


@box(PassType)
def box_pass(kind: PassType, value: Any, api: Any) -> Any:
    """Return a pass to Python."""
    return api.pyapi.unserialize(api.pyapi.serialize_object(kind.pass_))


@infer_getattr
class PassAttributes(AttributeTemplate):
    """The passes of a function as its attributes."""

    key = PassType

    def generic_resolve(self, kind: PassType, attribute: str) -> PassType | None:
        """Return the type of a pass; None for what Numba looks for in any type."""
        if attribute.startswith("__"):
            return None
        function = kind.pass_
        try:
            found = getattr(function, attribute)
        except AttributeError as error:
            raise errors.TypingError(str(error)) from None
        if not isinstance(function, Function) or found not in function.passes.values():
            raise errors.TypingError(
                f"{function.__qualname__}.{attribute} is not available in compiled code"
            )
        return PassType(found)


@lower_getattr_generic(PassType)
def get_pass(context: Any, builder: Any, kind: PassType, value: Any, attribute: str) -> Any:
    """Write the access to an attribute, of which nothing is left."""
    return context.get_dummy_value()
