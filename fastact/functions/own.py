"""Users' own activations: a Python function of a number becomes an object like the library's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any

from ..backends import own
from ..calling import arguments, fast
from ..compiler.expression import Expression, Pool
from ..compiler.own import declared
from ..definitions.activations import TABLE
from ..definitions.declaration import Declaration
from ..reference import expressions
from .elementwise import FUNCTIONS, Elementwise, ElementwisePass

__all__ = ["Activation", "activation"]


class _OwnPass(ElementwisePass):
    """One pass of a user's own activation."""

    def __init__(self, declaration: Declaration, pass_: str, function: FunctionType) -> None:
        super().__init__(declaration, pass_)
        _name_after(self, function, pass_)

    def _kernels(self, pass_: str) -> fast.KernelTable:
        return _kernels(self.declaration, pass_)


class _OwnDerivative(_OwnPass):
    """The derivative, which as a decorator takes another one in its place."""

    def call(self, *args: Any, **options: Any) -> Any:
        """Compute; or, given a function, use it as the derivative, and return the activation."""
        if len(args) == 1 and not options and isinstance(args[0], FunctionType):
            return self.owner._declare(args[0])
        return super().call(*args, **options)


class Activation(Elementwise):
    """A user's own activation, made by `fastact.activation`; called and used like those of the library.

    ``@f.derivative`` declares a derivative instead of the one that is derived.
    """

    def __init__(self, function: FunctionType) -> None:
        self._function = function
        self._declare(None)

    def _declare(self, slope: FunctionType | None) -> Activation:
        declaration = declared(self._function, slope, _called)
        own.declare(declaration)
        super().__init__(declaration)
        return self

    def _name(self, name: str, pass_: str) -> None:
        super()._name(self._function.__qualname__, pass_)
        _name_after(self, self._function, pass_)

    def _kernels(self, pass_: str) -> fast.KernelTable:
        return _kernels(self.declaration, pass_)

    def _pass(self, pass_: str) -> ElementwisePass:
        kind = _OwnDerivative if pass_ == "derivative" else _OwnPass
        return kind(self.declaration, pass_, self._function)

    def _closing(self) -> Mapping[str, str]:
        return {"Notes": f"Defined in {self.source}."}

    @property
    def reference(self) -> expressions.Definition:
        """The same expression, in 60 digits."""
        return expressions.Definition(self.declaration)

    @property
    def identity(self) -> str:
        """What tells it from others: the content, too, which may be declared anew."""
        return f"{self.__module__}.{self.__qualname__} {self.declaration.name}"


def _name_after(one: ElementwisePass, function: FunctionType, pass_: str) -> None:
    """Name a pass after the function, so that pickle and errors find it."""
    forward = pass_ == "forward"
    one.__module__ = function.__module__
    one.__name__ = function.__name__ if forward else f"{function.__name__}_{pass_}"
    one.__qualname__ = function.__qualname__ if forward else f"{function.__qualname__}.{pass_}"


def _kernels(declaration: Declaration, pass_: str) -> fast.KernelTable:
    return fast.KernelTable(
        lambda backend, dtype: own.kernel(declaration, backend, pass_, dtype), own.dtypes
    )


def activation(function: FunctionType) -> Activation:
    """Make an activation of a Python function: as fast as those of the library, with its derivative derived.

    Parameters
    ----------
    function : function
        Of a number x and at most four parameters; defaults are numbers. Its source is read, not run: assignments to
        names, then ``return``. It may have arithmetic, ``**`` with a constant, comparisons, ``and``, ``or``, ``not``,
        ``a if c else b``, numbers of modules, ``abs``, ``min``, ``max``; ``exp, expm1, log, log1p, sqrt, sin, cos, tan,
        atan, sinh, cosh, tanh, erf, erfc, floor, copysign, pi, e, inf``, by their names in `math`, `numpy` or
        fastact; ``np.where, maximum, minimum, clip, square, reciprocal``, ``pow``; the elementwise functions of
        fastact; and other activations.

    Returns
    -------
    Activation
        Called like `fastact.gelu`, with the same passes and `parameter_vjp`; a decorator ``@f.derivative`` declares
        another derivative.

    Raises
    ------
    SyntaxError
        If the function has something that cannot be computed so; the message has the file, the line, and what to
        write instead.
    TypeError
        If it is not a function of a number and parameters, or its source cannot be found.

    Notes
    -----
    Numba compiles it when it is first called, also while the cython backend is in force; compiled code is kept on disk,
    by content. Without Numba and with the numpy backend it is computed in NumPy. Constants and parameters are rounded
    to the dtype that is computed in, and each operation rounds: `fastact.accuracy.measure` shows the error.

    Examples
    --------
    >>> import fastact as fa
    >>> @fa.activation
    ... def bounded_swish(x, beta=1.5, cap=4.0):
    ...     return cap * fa.tanh(x / cap) * fa.sigmoid(beta * x)
    >>> bounded_swish.derivative(0.0)
    np.float64(0.5)
    """
    if not isinstance(function, FunctionType):
        raise TypeError(
            f"activation() takes a Python function of a number, not {type(function).__name__}"
        )
    return Activation(function)


def _called(
    pool: Pool, called: Any, args: Sequence[Expression], named: Mapping[str, Any]
) -> Expression | None:
    """Read a call of an elementwise function; its parameters may be any numbers."""
    function = FUNCTIONS.get(called) if isinstance(called, str) else called
    if not isinstance(function, Elementwise):
        if isinstance(function, ElementwisePass):
            raise TypeError(
                f"it cannot call {function.__qualname__}(): a derivative is derived; "
                f"declare another one with @NAME.derivative"
            )
        return None
    label, parameters = function.__qualname__, function.parameter_list
    if not args or not isinstance(args[0], Expression):
        raise TypeError(f"{label}() takes a number for x, by position")
    given = parameters.assign(label, args[1:], named, ())
    declaration = function.declaration
    for name, table in parameters.choices.items():
        chosen = given.get(name, parameters.defaults[name])
        chosen = chosen.number if isinstance(chosen, Expression) else chosen
        declaration = TABLE.get(arguments.choose(label, name, table, chosen) or "", declaration)
    values = []
    for name, parameter in declaration.params.items():
        value = given.get(name)
        if value is None:
            if parameter.default is None:
                raise TypeError(f"{label}() is missing its required parameter {name!r}")
            value = pool.constant(parameter.default)
        if not isinstance(value, Expression):
            raise TypeError(f"{label}() takes a number for {name}, not {value!r}")
        values.append(value)
    known = {
        name: value.number
        for name, value in zip(declaration.params, values, strict=True)
        if value.number is not None
    }
    for condition in declaration.domain:
        if all(name in known for name in condition.names):
            condition.check(label, known)
    return pool.call(declaration, "forward", args[0], *values)
