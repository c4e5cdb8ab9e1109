"""The subject of ``fastact bench`` and ``fastact accuracy``: one function with its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from ..accuracy import Worst, measure, samples
from ..calling.dtypes import FLOAT_NAMES
from ..functions.elementwise import Elementwise
from .complete import complete_names, complete_params
from .options import dtype_named, find_function, parse_params, pass_of
from .several import Several

Array = npt.NDArray[Any]
Kernel = Callable[..., object]

names_argument = click.argument(
    "names", nargs=-1, metavar="[NAMES]...", shell_complete=complete_names
)
dtype_option = click.option(
    "--dtype", type=click.Choice(FLOAT_NAMES), default="float32", show_default=True
)
param_option = click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    shell_complete=complete_params,
    help="A parameter that all of NAMES take. Required ones are 1 unless given.",
)


def shown(value: float, dtype: str) -> str:
    """Return a number as text with its dtype's digits."""
    return str(dtype_named(dtype).type(value))


class Subject:
    """A function and the keyword arguments it is called with.

    Attributes
    ----------
    label : str
        The function's name and the parameters that differ from their defaults.
    """

    def __init__(self, function: Elementwise, texts: Sequence[str]) -> None:
        options = parse_params(function.name, function.parameters, texts)
        for parameter, default in function.parameters.items():
            if default is inspect.Parameter.empty:
                options.setdefault(parameter, 1.0)
        chosen, values = function.parameter_list.bind(function.name, (), options)
        self.function = function
        self.options = options
        self._declared = chosen or function
        self._values = tuple(values.values())
        given = ", ".join(f"{key}={value}" for key, value in options.items())
        self.label = f"{function.name}({given})" if given else function.name

    def data(self, pass_: str, size: int, dtype: np.dtype[Any]) -> list[Array]:
        """Return the arrays that a pass takes, of `size` elements."""
        rng = np.random.default_rng(0)
        count = self.function.passes[pass_].nin
        return [(3 * rng.standard_normal(size)).astype(dtype) for _ in range(count)]

    def outs(self, pass_: str, data: Sequence[Array]) -> tuple[Array, ...]:
        """Return arrays for the results of a pass."""
        return tuple(np.empty_like(data[0]) for _ in range(self.function.passes[pass_].nout))

    def call(self, pass_: str, *data: Array, out: Any) -> Callable[[], object]:
        """Return a call of a pass with its data bound, as a user would make it."""
        compute, options = pass_of(self.function, pass_), self.options
        return lambda: compute(*data, out=out, **options)

    def worst(self, pass_: str, dtype: str, count: int) -> Worst | None:
        """Measure a pass in the active backend, or return None for the product from the output.

        The vector-Jacobian product is measured with a gradient of 1. The true product from the output is
        not defined: it depends on how the output was rounded.
        """
        compute, options = pass_of(self.function, pass_), self.options
        if pass_ == "vjp_from_output":
            return None
        if pass_ == "value_and_derivative":
            found = [
                self._measure(part, dtype, count, _one_of_two(compute, options, index))
                for index, part in enumerate(("forward", "derivative"))
            ]
            return max(found, key=lambda worst: worst.ulp)
        if pass_ == "vjp":
            return self._measure(
                "derivative",
                dtype,
                count,
                lambda x, out, *_: compute(np.ones_like(x), x, out=out, **options),
            )
        return self._measure(pass_, dtype, count, lambda x, out, *_: compute(x, out=out, **options))

    def worst_of(self, formula: Callable[[Array], Array], dtype: str, count: int) -> Worst:
        """Measure another formula for the same function."""

        def kernel(x: Array, out: Array, *params: float) -> None:
            with np.errstate(all="ignore"):
                out[:] = formula(x)

        return self._measure("forward", dtype, count, kernel)

    def _measure(self, pass_: str, dtype: str, count: int, kernel: Kernel) -> Worst:
        x = samples(dtype_named(dtype), count)
        return measure(self._declared, pass_, x.dtype, kernel, self._values, x)


def subject_of(name: str, texts: Sequence[str]) -> Subject | Several:
    """Return the subject that a function is, with parameters from the command line."""
    function = find_function(name)
    if isinstance(function, Elementwise):
        return Subject(function, texts)
    return Several(function, texts)


def _one_of_two(compute: Kernel, options: dict[str, Any], index: int) -> Kernel:
    def kernel(x: Array, out: Array, *params: float) -> None:
        pair = [out, np.empty_like(out)]
        compute(x, out=tuple(pair if index == 0 else pair[::-1]), **options)

    return kernel
