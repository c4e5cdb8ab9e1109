"""From a user's Python function to a declaration, as those of `definitions` are."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from types import FunctionType
from typing import Any, Final

from .._version import __version__
from ..definitions.declaration import BY, SIGNATURES, Declaration, DeclaredPass, Parameter
from ..definitions.domain import Condition
from .differentiate import derivative
from .expression import Called, Expression, Pool, digest, walk
from .lower import Body
from .read import Calls, read, source_of

__all__ = ["declared"]

# What a call takes besides x and the parameters.
_RESERVED: Final = ("dtype", "out", "where")
#: Parameters that a kernel can have: FASTACT_MAX_PARAMS.
MOST_PARAMETERS: Final = 4


def declared(function: FunctionType, slope: FunctionType | None, calls: Calls) -> Declaration:
    """Return the declaration of an activation.

    Parameters
    ----------
    function : function
        Its definition: of a number and of parameters, which may have defaults.
    slope : function or None
        Its derivative, of the same arguments; by default derived.
    calls : callable
        Reads calls of public functions; see `read`.

    Raises
    ------
    TypeError
        If it is no such function.
    DialectError
        A SyntaxError, if it has something that cannot be computed.
    """
    params = _parameters(function)
    pool = Pool()
    x = pool.make("x", value="x")
    leaves = {name: pool.make("parameter", value=name) for name in params}
    name_of_x = next(iter(inspect.signature(function).parameters))
    forward = read(function, pool, {name_of_x: x, **leaves}, calls)
    if slope is None:
        slope_expression = derivative(pool, forward, x)
    else:
        given = list(inspect.signature(slope).parameters)
        if len(given) != len(params) + 1 or given[1:] != list(params):
            raise TypeError(
                f"{function.__name__}.derivative: {slope.__name__}({', '.join(given)}): "
                f"expected the arguments of {function.__name__}({', '.join((name_of_x, *params))})"
            )
        slope_expression = read(slope, pool, {given[0]: x, **leaves}, calls)
    expressions = {"forward": forward, "derivative": slope_expression}
    for name, leaf in leaves.items():
        expressions[BY + name] = derivative(pool, forward, leaf)
    shown = [f"{one.name}={one.default}" for one in params.values()]
    key = digest(*expressions.values(), more=(*shown, __version__))
    tree, file, offset = source_of(function)
    return Declaration(
        name=f"own_{function.__name__}_{key}",
        aliases=(),
        formula="",
        source=f"{file}, line {tree.lineno + offset}",
        doc=function.__doc__ or "",
        params=params,
        choices={},
        passes=_passes(expressions, list(params)),
        bound={},
        domain=_domain(forward),
        order="",
    )


def _parameters(function: FunctionType) -> dict[str, Parameter]:
    kinds = inspect.Parameter
    shown = list(inspect.signature(function).parameters.values())
    label = f"activation({function.__qualname__})"
    plain = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    if not shown or any(one.kind not in plain for one in shown):
        raise TypeError(
            f"{label}: expected a function of x and parameters by position, as in f(x, beta=1.0)"
        )
    params = {}
    for one in shown[1:]:
        default = None if one.default is kinds.empty else one.default
        if one.name in _RESERVED:
            raise TypeError(
                f"{label}: {one.name} cannot be a parameter: every call takes {one.name}="
            )
        if default is not None and (
            isinstance(default, bool) or not isinstance(default, int | float)
        ):
            raise TypeError(f"{label}: {one.name}={default!r}: expected a number as its default")
        params[one.name] = Parameter(one.name, None if default is None else float(default))
    if len(params) > MOST_PARAMETERS:
        raise TypeError(f"{label}: {len(params)} parameters, expected at most {MOST_PARAMETERS}")
    return params


def _passes(expressions: dict[str, Expression], params: Sequence[str]) -> dict[str, DeclaredPass]:
    bodies: dict[str, Any] = {pass_: Body(one, params) for pass_, one in expressions.items()}
    forward, slope = bodies["forward"], bodies["derivative"]
    passes = {
        "forward": DeclaredPass((forward,), *SIGNATURES["forward"]),
        "derivative": DeclaredPass((slope,), *SIGNATURES["derivative"]),
        "vjp": DeclaredPass((slope,), *SIGNATURES["vjp"], times_g=True),
        "value_and_derivative": DeclaredPass((forward, slope), *SIGNATURES["value_and_derivative"]),
    }
    for pass_, body in bodies.items():
        if pass_ not in passes:
            passes[pass_] = DeclaredPass((body,), *SIGNATURES["vjp"], times_g=True)
    return passes


def _domain(forward: Expression) -> tuple[Condition, ...]:
    """Return what the functions that are called ask of the parameters that are handed on to them."""
    called = [one for one in walk(forward) if one.op == "call"]
    texts = [text for one in called for text in _conditions(one)]
    return tuple(map(Condition, dict.fromkeys(texts)))


def _conditions(call: Expression) -> Iterator[str]:
    """Yield the conditions of a call in terms of the parameters, where it is given these and numbers only."""
    called: Called = call.value
    given = dict(zip(called.declaration.params, call.args[1:], strict=True))
    for condition in called.declaration.domain:
        words = {name: _word(given[name]) for name in condition.names}
        if all(words.values()) and any(given[name].op == "parameter" for name in words):
            parts = re.split(r"(\w+)", condition.text)
            yield "".join(words.get(part) or part for part in parts)


def _word(argument: Expression) -> str | None:
    if argument.op == "constant":
        return repr(argument.value)
    return str(argument.value) if argument.op == "parameter" else None
