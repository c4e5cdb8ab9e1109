"""Activations: callable objects that behave like NumPy ufuncs, with their derivatives as attributes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..backends.registry import chosen_here, state
from ..calling import arguments, broadcast, docs, fast, protocols
from ..calling.dtypes import loop_dtype
from ..calling.fast import Caller, fast_call
from ..calling.parameters import ParameterList, too_few
from ..definitions.activations import TABLE
from ..definitions.declaration import BY, Declaration
from ..definitions.domain import Condition
from ..reference import activations
from .base import Function, Pass
from .bound import as_ufunc
from .parameter_vjp import ParameterVjp
from .source import Source

__all__ = ["FUNCTIONS", "Elementwise", "ElementwisePass"]

_SUMMARIES = {
    "derivative": "The derivative of {name} with respect to x, at x.",
    "vjp": "The vector-Jacobian product: g times the derivative of {name} at x.\n\n"
    "Where the derivative is 0 the product is 0, even for an infinite or NaN g.",
    "value_and_derivative": "{name} and its derivative at x, computed together.",
    "vjp_from_output": "The vector-Jacobian product from the output y = {name}(x) instead of x.",
}
_RETURNS = {
    1: f"ndarray or scalar\n    Of the broadcast shape; {docs.DTYPE.format(array='x')}",
    2: "tuple of two ndarrays or scalars\n    The value and the derivative, of the broadcast shape; "
    f"{docs.DTYPE.format(array='x')}",
}
_ERRORS = {
    "forward": "At most {bound:g} ulp from the true value with the default parameters, {others:.2g} with others, in\n"
    "float32 and float64; a 16-bit result is the float32 result rounded once.",
    "derivative": "At most {bound:g} ulp from the true value with the default parameters, {others:.2g} with others,\n"
    "in float32 and float64. Within 1 of a zero of the derivative, where it is below 1/16, the unit is 2^-28\n"
    "(float32) or 2^-57 (float64) instead.",
}


@fast_call
class ElementwisePass(Pass, Caller):
    """One elementwise pass of one declaration.

    Called like a NumPy ufunc, with the parameters after the arrays, by position or by name:
    ``f(x, alpha, out=None, where=True, dtype=None)``. It takes anything array-like, broadcasts it
    with array parameters, and delegates arrays of other libraries to their ``__array_ufunc__``.
    """

    #: The function that it is a pass of.
    owner: Any

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        fast_call(cls)  # the vectorcall slot is not inherited

    def __init__(self, declaration: Declaration, pass_: str) -> None:
        one = declaration.passes[pass_]
        self.arrays, self.nout = one.inputs, len(one.outputs)
        self._name(declaration.name, pass_)
        self.declaration = declaration
        self.parameter_list = ParameterList(declaration, pass_)
        self.kernels = self._kernels(pass_)
        self._defaults = self.parameter_list.complete
        # Positional arguments of a call without parameters; -1 if a parameter is required.
        self._short_count = -1 if self._defaults is None else self.nin
        self.prepare(self.kernels, chosen_here, state, self.nin, self.nout, self._defaults)

    def _kernels(self, pass_: str) -> fast.KernelTable:
        return fast.KernelTable.elementwise(self.declaration.name, pass_)

    def call(self, *args: Any, out: Any = None, **options: Any) -> Any:
        """Compute, like a call of the object; ``inspect.signature`` shows the arguments."""
        if len(args) == self._short_count and not options:
            assert self._defaults is not None
            result = fast.flat(self.kernels, args, out, self.nout, self._defaults)
            if result is not None:
                return result
        return self._call(args, out, options)

    def bound(
        self, positional: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[ElementwisePass, tuple[float, ...]] | None:
        """Return the pass to compute and its parameters, or None if they are not all numbers."""
        try:
            chosen, params = self.parameter_list.bind(self.__qualname__, positional, named)
        except (TypeError, ValueError):  # the general path raises it again
            return None
        values = tuple(params.values())
        return None if _any_array(values) else (self._chosen(chosen), values)

    @property
    def parts(self) -> tuple[Any, ...]:
        """The passes that compute each output separately."""
        if self.nout == 1:
            return (self,)
        return self.owner.passes["forward"], self.owner.passes["derivative"]

    def _signature(self) -> inspect.Signature:
        kind = inspect.Parameter
        shown = [kind(name, kind.POSITIONAL_ONLY) for name in self.arrays]
        defaults = self.parameter_list.defaults
        for name in self.parameter_list.names:
            default = defaults.get(name, kind.empty)
            shown.append(kind(name, kind.POSITIONAL_OR_KEYWORD, default=default))
        for name, value in (("out", None), ("where", True), ("dtype", None)):
            shown.append(kind(name, kind.KEYWORD_ONLY, default=value))
        return inspect.Signature(shown)

    def _text(self) -> docs.Text:
        forward = self.pass_ == "forward"
        summary = inspect.cleandoc(self.declaration.doc) if forward else _SUMMARIES[self.pass_]
        notes = []
        if self.pass_ in _ERRORS and self.pass_ in self.declaration.bound:
            bound, others = (self.declaration.most(self.pass_, plain) for plain in (True, False))
            notes.append(_ERRORS[self.pass_].format(bound=bound, others=others))
        return docs.Text(
            summary if forward else summary.format(name=self.owner.__qualname__),
            _RETURNS[self.nout],
            self._parameter_texts(),
            notes=[*notes, *self._domain_notes()],
        )

    def _parameter_texts(self) -> dict[str, str]:
        texts = {}
        for name in self.parameter_list.names:
            known = ", default {default}" if name in self.parameter_list.defaults else ""
            choices = self.declaration.choices.get(name)
            if choices:
                texts[name] = (
                    f"{{{', '.join(map(repr, choices))}}}{known}\n    Which form is computed."
                )
                continue
            what = "A number, or an array that broadcasts with the others"
            what += "; None leaves it out." if self.declaration.params[name].optional else "."
            domain = [one.text for one in self._domain() if one.names == (name,)]
            lines = [what, *(f"It must satisfy {text}." for text in domain)]
            texts[name] = "\n    ".join([f"float or array_like{known}", *lines])
        return texts

    def _domain(self) -> tuple[Condition, ...]:
        return (*self.declaration.domain, *self.declaration.passes[self.pass_].domain)

    def _domain_notes(self) -> list[str]:
        """Return the conditions on several parameters together."""
        conditions = " and ".join(one.text for one in self._domain() if len(one.names) > 1)
        return [f"The parameters must satisfy {conditions}."] if conditions else []

    def _chosen(self, name: str | None) -> ElementwisePass:
        """Return the pass of the declaration that a choice selects."""
        if name is None:
            return self
        found: ElementwisePass = FUNCTIONS[name].passes[self.pass_]
        return found

    def _call(self, args: Sequence[Any], out: Any, options: dict[str, Any]) -> Any:
        label = self.__qualname__
        where = options.pop("where", True)
        dtype = options.pop("dtype", None)
        data, positional = tuple(args[: self.nin]), args[self.nin :]
        if len(data) < self.nin:
            raise too_few(label, self.arrays, len(data))
        chosen, params = self.parameter_list.bind(label, positional, options)
        target = self._chosen(chosen)
        values = tuple(params.values())
        parametrised = bool(positional or options)
        if parametrised and where is True and dtype is None and not _any_array(values):
            result = fast.flat(target.kernels, data, out, self.nout, values)
            if result is not None:
                return result
        outs = arguments.normalize_out(label, out, self.nout)
        asked = protocols.overrides((*data, *values, *outs))
        if asked:
            function, inputs = as_ufunc(target, data, params if parametrised else {}, dtype)
            kept = {} if where is True else {"where": where}
            lazy = parametrised and any(protocols.comes_from(one, "dask") for one in asked)
            known = arguments.lazy_dtype(label, data, dtype) if lazy else None
            return protocols.delegate(asked, function, inputs, outs, kept, known)
        return self._compute(target, data, values, outs, where, dtype)

    def _compute(
        self,
        target: ElementwisePass,
        data: tuple[Any, ...],
        params: tuple[Any, ...],
        outs: tuple[Any, ...],
        where: Any,
        dtype: Any,
    ) -> Any:
        """Compute from operands that NumPy can read."""
        label = self.__qualname__
        arrays = list(map(partial(arguments.real_array, label), data, self.arrays))
        loop = loop_dtype(label, data, arrays, dtype)
        arguments.check_out(label, outs, loop)
        mask = arguments.check_where(label, where)
        targets = [None if out is None else np.asarray(out) for out in outs]
        operands = broadcast.Operands(arrays, targets, params, mask)
        results = broadcast.compute(*target.kernels.direct(loop), loop, operands, label)
        wrapped = protocols.wrap(self, data, results, outs)
        return wrapped[0] if self.nout == 1 else tuple(wrapped)


def _any_array(values: tuple[Any, ...]) -> bool:
    return any(type(value) is not float for value in values)


class Elementwise(ElementwisePass, Function):
    """An activation: the function itself, with its other passes as attributes.

    Called like a NumPy ufunc, with its parameters after x, by position or by name:
    ``f(x, alpha, out=None, where=True, dtype=None)``. ``f.derivative(x)`` is its derivative,
    ``f.vjp(g, x)`` g times the derivative, ``f.value_and_derivative(x)`` the value and the derivative;
    ``f.vjp_from_output(g, y)`` is the product from y = f(x), for functions whose y determines it;
    ``f.parameter_vjp(g, x)`` has the gradients with respect to the parameters.
    """

    family = "elementwise"
    derivative: ElementwisePass
    vjp: ElementwisePass
    value_and_derivative: ElementwisePass
    vjp_from_output: ElementwisePass
    parameter_vjp: ParameterVjp

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration, "forward")
        self._add_passes()

    def _add_passes(self) -> None:
        declaration = self.declaration
        others = {
            pass_: self._pass(pass_)
            for pass_ in declaration.passes
            if pass_ != "forward" and not pass_.startswith(BY)
        }
        source = Source(declaration.source, self)
        self._introduce(source, others, declaration.aliases, declaration.formula)
        for one in self.passes.values():
            one.owner = self
        if any(pass_.startswith(BY) for pass_ in declaration.passes):
            self.parameter_vjp = ParameterVjp(self)

    @property
    def reference(self) -> Any:
        """The definition that results are compared with, for `fastact.accuracy`."""
        return activations.Named(self.declaration.name)

    def _pass(self, pass_: str) -> ElementwisePass:
        return ElementwisePass(self.declaration, pass_)


#: Canonical name -> activation, in the order of the table.
FUNCTIONS: dict[str, Elementwise] = {
    name: Elementwise(declaration) for name, declaration in TABLE.items()
}
