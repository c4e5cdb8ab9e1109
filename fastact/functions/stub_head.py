"""The part of the type stub that does not depend on the functions: what they take, and the functions around them."""

from __future__ import annotations

__all__ = ["HEAD", "TYPES"]

HEAD = '''\
"""{doc}"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from inspect import Signature
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, overload, type_check_only

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

{modules}
from .backends.registry import register_backend as register_backend
from .functions.catalogue import names as names
from .functions.source import Source
from .headers import get_include as get_include
from .threads import get_num_threads as get_num_threads
from .threads import set_num_threads as set_num_threads

__version__: str

_Float: TypeAlias = np.float16 | np.float32 | np.float64
_F = TypeVar("_F", bound=_Float)
_Floats: TypeAlias = np.ndarray[Any, np.dtype[_F]]
# Arrays and scalars that keep their type; np.float64 is a float.
_A = TypeVar("_A", bound=np.ndarray[Any, np.dtype[_Float]])
_S = TypeVar("_S", bound=np.float16 | np.float32)
# What `out` holds.
_O = TypeVar("_O", bound=np.ndarray[Any, Any])
_O2 = TypeVar("_O2", bound=np.ndarray[Any, Any])
_D = TypeVar("_D", bound=np.generic)
_C = TypeVar("_C", bound=Callable[..., Any])
_DType: TypeAlias = type[_D] | np.dtype[_D]

_Scalar: TypeAlias = float | np.integer[Any] | np.bool_
_Indices: TypeAlias = (
    int | Sequence[int] | Sequence[Sequence[int]] | np.ndarray[Any, np.dtype[np.integer[Any] | np.bool_]]
)
# What becomes float64. Lists are nested to a depth, because text is a sequence of text.
_Nested: TypeAlias = Sequence[float | Sequence[float | Sequence[float | Sequence[float]]]]
_Whole: TypeAlias = np.ndarray[Any, np.dtype[np.integer[Any] | np.bool_]] | _Nested
_Doubles: TypeAlias = _Whole | np.ndarray[Any, np.dtype[np.float64]]
_Many: TypeAlias = _Whole | np.ndarray[Any, np.dtype[_Float]]

@type_check_only
class _Array(Protocol):
    def __array__(self) -> Any: ...

@type_check_only
class _Override(Protocol):
    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **options: Any) -> Any: ...

# Arrays of other libraries, too: what they return is Any. A variable that is declared as ArrayLike may be text: pass
# np.asarray of it.
_Real: TypeAlias = (
    _Scalar | _Whole | _Array | _Override | Sequence[_Array] | Sequence[Sequence[_Array]]
)

_Backend: TypeAlias = Literal["auto", "cython", "numba", "numpy"] | _types.BackendName

def backends() -> dict[_types.BackendName, str]:
    """{backends}"""

def get_backend() -> _types.BackendName:
    """{get_backend}"""

def set_backend(name: _Backend) -> None:
    """{set_backend}"""

def use_backend(name: _Backend) -> AbstractContextManager[None]:
    """{use_backend}"""

def activation(function: Callable[..., Any]) -> _types.Activation:
    """{activation}"""
'''

#: What the classes of the functions derive from.
TYPES = '''\
@type_check_only
class BackendName(str): ...

@type_check_only
class Pass:
    """One pass of a function, such as its derivative."""

    __name__: str
    __qualname__: str
    __signature__: Signature
    nin: int
    nout: int
    nargs: int
    ntypes: int
    types: list[str]
    signature: None

@type_check_only
class Function:
    """A function, with its other passes as attributes."""

    name: str
    """The canonical name."""
    aliases: tuple[str, ...]
    """The other names."""
    family: str
    """"elementwise", "parametric", "binary", "rows", "gates", "channels" or "losses"."""
    parameters: Mapping[str, object]
    """Parameter -> default, in order; one without a default is `inspect.Parameter.empty`."""
    formula: str | None
    """The definition in Python."""
    source: Source
    """The publication that defines it; called, the code of all passes in C."""
    passes: Mapping[str, Any]
    """The passes by name; "forward" is the function itself."""

@type_check_only
class AnyPass(Pass):
    def __call__(self, *args: Any, **options: Any) -> Any: ...

@type_check_only
class AnyFunction(AnyPass, Function):
    """A function whose name is not known before the program runs; it may have other passes than are listed here."""

    derivative: _types.AnyPass
    vjp: _types.AnyPass
    value_and_derivative: _types.AnyPass
    vjp_from_output: _types.AnyPass
    parameter_vjp: _types.AnyPass
    value_and_grad: _types.AnyPass

@type_check_only
class Activation(OwnCall, Function):
    """A user's own activation, made by `fastact.activation`."""

    derivative: _types.OwnDerivative
    """The derivative; ``@f.derivative`` declares another one."""
    vjp: _types.OwnVjp
    """The vector-Jacobian product: g times the derivative at x."""
    value_and_derivative: _types.OwnValueAndDerivative
    """The function and its derivative, computed together."""
    parameter_vjp: _types.OwnParameterVjp
    """The gradients by the parameters, by name."""
'''
