"""The callable objects: an activation and its passes, each behaving as a NumPy ufunc does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from ..backends.registry import active, chosen_here, state
from ..calling import arguments, broadcast, docs, fast, protocols
from ..calling.caller import Caller, fast_call
from ..definitions.activations import TABLE
from ..definitions.declare import Declaration

__all__ = ["FUNCTIONS", "BoundPass", "Elementwise", "Pass"]

# The short way for so many inputs and outputs
_SHORT_WAYS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 1): fast.one_to_one,
    (2, 1): fast.two_to_one,
    (1, 2): fast.one_to_two,
    (2, 2): partial(fast.from_several, 2),
    (3, 1): partial(fast.from_several, 1),
    (3, 2): partial(fast.from_several, 2),
}
_KERNEL_DTYPES: dict[str, np.dtype[Any]] = {
    "e": np.dtype("f"),
    "f": np.dtype("f"),
    "d": np.dtype("d"),
}


class _Ufunc:
    """What other libraries ask of a ufunc: names, counts, loop types, and no core dimensions."""

    signature: None = None

    def __init__(self, name: str, qualname: str, nin: int, nout: int) -> None:
        self.__module__ = "fastact"
        self.__name__ = name
        self.__qualname__ = qualname
        self.nin = nin
        self.nout = nout
        self.nargs = nin + nout
        self.types = [f"{char * nin}->{char * nout}" for char in "efd"]
        self.ntypes = len(self.types)


@fast_call
class Pass(Caller, _Ufunc):
    """One pass of one activation: the function, its derivative, its vector-Jacobian product.

    Called as a NumPy ufunc is, with the activation's parameters after the arrays, by position or by
    name: ``f(x, alpha, out=None, where=True, dtype=None)``. It takes anything array-like,
    broadcasts it with parameters that are arrays, and leaves arrays of other libraries to their own
    ``__array_ufunc__``.
    """

    __doc__ = docs.OnInstance(docs.document, class_value=__doc__)
    __signature__ = docs.OnInstance(docs.signature)

    def __init__(self, declaration: Declaration, pass_: str) -> None:
        self.arrays, outputs = declaration.signatures[pass_]
        self._short_way = _SHORT_WAYS[len(self.arrays), len(outputs)]
        name = declaration.name
        names = (name, name) if pass_ == "forward" else (f"{name}_{pass_}", f"{name}.{pass_}")
        super().__init__(*names, len(self.arrays), len(outputs))
        self.pass_ = pass_
        self.declaration = declaration
        self.parameter_list = arguments.ParameterList(declaration)
        self.kernels = fast.KernelTable(name, pass_)
        self._defaults = self.parameter_list.complete
        # How many positional arguments a call without parameters has; -1 if it must have some.
        self._short_count = -1 if self._defaults is None else self.nin
        self.prepare(self.kernels, chosen_here, state, self.nin, self.nout, self._defaults)

    def call(self, *args: Any, out: Any = None, **options: Any) -> Any:
        """Compute, as calling the object does; ``inspect.signature`` shows the arguments."""
        if len(args) == self._short_count and not options:
            result = self._short_way(self.kernels, args, out, self._defaults)
            if result is not None:
                return result
        return self._call(args, out, options)

    def bound(
        self, positional: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[Pass, tuple[float, ...]] | None:
        """Return the pass that computes and its parameters, or None if they are not all numbers."""
        try:
            chosen, params = self.parameter_list.bind(self.__qualname__, positional, named)
        except (TypeError, ValueError):  # which the general way raises again
            return None
        values = tuple(params.values())
        target = self if chosen is None else FUNCTIONS[chosen].passes[self.pass_]
        return None if _any_array(values) else (target, values)

    def __repr__(self) -> str:
        return f"<fastact.{self.__qualname__}{inspect.signature(self)}>"

    def __reduce__(self) -> str:
        # A string is what pickle looks up as a global of `__module__`.
        return self.__qualname__

    @property
    def parts(self) -> tuple[Pass, ...]:
        """The passes that compute each output alone."""
        if self.nout == 1:
            return (self,)
        passes = FUNCTIONS[self.declaration.name].passes
        return passes["forward"], passes["derivative"]

    def _call(self, args: Sequence[Any], out: Any, options: dict[str, Any]) -> Any:
        label = self.__qualname__
        where = options.pop("where", True)
        dtype = options.pop("dtype", None)
        data, positional = tuple(args[: self.nin]), args[self.nin :]
        if len(data) < self.nin:
            raise TypeError(f"{label}() takes {' and '.join(self.arrays)} by position")
        chosen, params = self.parameter_list.bind(label, positional, options)
        target = self if chosen is None else FUNCTIONS[chosen].passes[self.pass_]
        values = tuple(params.values())
        parametrised = bool(positional or options)
        if parametrised and where is True and dtype is None and not _any_array(values):
            result = self._short_way(target.kernels, data, out, values)
            if result is not None:
                return result
        outs = arguments.normalize_out(label, out, self.nout)
        asked = protocols.overrides((*data, *values, *outs))
        if asked:
            function, inputs = _as_ufunc(target, data, params if parametrised else {}, dtype)
            kept = {} if where is True else {"where": where}
            return protocols.delegate(asked, function, inputs, outs, kept)
        return self._compute(target, data, values, outs, where, dtype)

    def _compute(
        self,
        target: Pass,
        data: tuple[Any, ...],
        params: tuple[Any, ...],
        outs: tuple[Any, ...],
        where: Any,
        dtype: Any,
    ) -> Any:
        """Do the work for operands that NumPy can read."""
        label = self.__qualname__
        arrays = [arguments.real_array(label, value) for value in data]
        loop = arguments.loop_dtype(label, data, arrays, dtype)
        arguments.check_out(label, outs, loop)
        mask = arguments.check_where(label, where)
        kernel = target.kernels[active()][_KERNEL_DTYPES[loop.char]]
        assert kernel is not None
        targets = [None if out is None else np.asarray(out) for out in outs]
        results = broadcast.compute(kernel, loop, broadcast.Operands(arrays, targets, params, mask))
        dressed = protocols.wrap(self, data, results, outs)
        return dressed[0] if self.nout == 1 else tuple(dressed)


class BoundPass(_Ufunc):
    """A pass with its scalar parameters filled in and its array parameters as further inputs.

    This is what ``__array_ufunc__`` of another library's arrays gets to call: a ufunc takes arrays,
    and a parameter that is an array has to be aligned or cut to chunks together with the data. The
    dtype is filled in too, since dask keeps it to itself.
    """

    def __init__(
        self, function: Pass, scalars: dict[str, float], arrays: tuple[str, ...], dtype: Any
    ) -> None:
        nin = function.nin + len(arrays)
        super().__init__(function.__name__, function.__qualname__, nin, function.nout)
        self._function = function
        self._scalars = scalars
        self._arrays = arrays
        self._dtype = dtype

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute from the data, followed by the array parameters."""
        count = self._function.nin
        arrays = dict(zip(self._arrays, inputs[count:], strict=True))
        options.setdefault("dtype", self._dtype)
        return self._function(*inputs[:count], **self._scalars, **arrays, **options)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._scalars.items())
        return f"<fastact.{self.__qualname__} with {shown or ', '.join(self._arrays)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return BoundPass, (self._function, self._scalars, self._arrays, self._dtype)

    @property
    def parts(self) -> tuple[BoundPass, ...]:
        """The passes that compute each output alone."""
        return tuple(
            BoundPass(part, self._scalars, self._arrays, self._dtype)
            for part in self._function.parts
        )


def _any_array(values: tuple[Any, ...]) -> bool:
    return any(type(value) is not float for value in values)


def _as_ufunc(
    function: Pass, data: tuple[Any, ...], params: Mapping[str, Any], dtype: Any
) -> tuple[Pass | BoundPass, tuple[Any, ...]]:
    """Return what to call with arrays alone, and those arrays."""
    if not params and dtype is None:
        return function, data
    scalars = {name: value for name, value in params.items() if type(value) is float}
    arrays = {name: value for name, value in params.items() if name not in scalars}
    return BoundPass(function, scalars, tuple(arrays), dtype), (*data, *arrays.values())


class _MissingPass:
    """Stands where an activation lacks a pass, so that calling it explains why."""

    def __init__(self, name: str, pass_: str) -> None:
        self.__module__ = "fastact"
        self.__name__ = f"{name}_{pass_}"
        self.__qualname__ = f"{name}.{pass_}"
        self._message = (
            f"{name} has no {pass_}: its output does not determine its derivative; "
            f"use {name}.vjp(g, x)"
        )

    def __call__(self, *args: Any, **options: Any) -> NoReturn:
        raise TypeError(self._message)

    def __repr__(self) -> str:
        return f"<fastact.{self.__qualname__}: missing>"

    def __reduce__(self) -> str:
        return self.__qualname__


@fast_call
class Elementwise(Pass):
    """An activation: the function itself, with its other passes as attributes.

    Called as a NumPy ufunc is, with its parameters after x, by position or by name:
    ``f(x, alpha, out=None, where=True, dtype=None)``.

    Attributes
    ----------
    name : str
        The canonical name.
    aliases : tuple of str
        Its other names.
    parameters : mapping of str to object
        Parameter -> default, in order; one without a default is `inspect.Parameter.empty`.
    formula : str
        The textbook's definition, in Python, as the documentation prints it.
    source : str
        Where it is defined.
    passes : mapping of str to Pass
        The passes it has, by name; "forward" is the function itself.
    derivative : Pass
        ``f.derivative(x)``: the derivative.
    vjp : Pass
        ``f.vjp(g, x)``: g times the derivative.
    value_and_derivative : Pass
        ``f.value_and_derivative(x)``: both at once.
    vjp_from_output : Pass
        ``f.vjp_from_output(g, y)``: the same product from y = f(x), where y determines it; calling
        it for another function is a TypeError.
    """

    __doc__ = docs.OnInstance(docs.document, class_value=__doc__)

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "forward")
        self.name = declaration.name
        self.aliases = declaration.aliases
        self.formula = declaration.formula
        self.source = declaration.source
        defaults = self.parameter_list.defaults
        self.parameters: Mapping[str, object] = MappingProxyType(
            {
                name: defaults.get(name, inspect.Parameter.empty)
                for name in self.parameter_list.names
            }
        )
        passes: dict[str, Pass] = {"forward": self}
        for pass_ in [*declaration.passes][1:]:
            passes[pass_] = Pass(declaration, pass_)
        self.passes: Mapping[str, Pass] = MappingProxyType(passes)
        self.derivative = passes["derivative"]
        self.vjp = passes["vjp"]
        self.value_and_derivative = passes["value_and_derivative"]
        self.vjp_from_output: Pass | _MissingPass = passes.get("vjp_from_output") or _MissingPass(
            self.name, "vjp_from_output"
        )


#: Canonical name -> activation, in the order of the table.
FUNCTIONS: dict[str, Elementwise] = {
    name: Elementwise(declaration) for name, declaration in TABLE.items()
}
