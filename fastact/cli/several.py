"""Subjects of ``fastact bench`` and ``fastact accuracy`` that are functions of several numbers: rows, gates, losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..accuracy import Worst, samples, ulp_error
from ..definitions.binary import BINARY
from ..definitions.gates import GATES
from ..definitions.losses import LOSSES
from ..functions.base import Function
from ..reference import rows, several
from .options import dtype_named, parse_params, pass_of

Array = npt.NDArray[Any]

# The length of a row.
ROW = 512
_DECLARED = {**BINARY, **GATES, **LOSSES}
# Near the threshold of a row, or where it crosses 0, only absolute accuracy is left.
_NEAR_ZERO = ("sparsemax", "entmax15", "logaddexp")
_OF_CLASSES = ("cross_entropy", "nll", "softmax_focal")


class Several:
    """A function of several numbers and the keyword arguments it is called with."""

    def __init__(self, function: Function, texts: Sequence[str]) -> None:
        self.function = function
        without = ("axis", "keepdims", "order", "reduction", "rng")
        known = {name: d for name, d in function.parameters.items() if name not in without}
        self.options = parse_params(function.name, known, texts)
        if "pieces" in known:
            self.options["pieces"] = int(self.options.get("pieces", 2))
        for name, default in known.items():
            if default is inspect.Parameter.empty:
                self.options.setdefault(name, 0.25 if name == "weight" else 1.0)
        given = ", ".join(f"{key}={value}" for key, value in self.options.items())
        self.label = f"{function.name}({given})" if given else function.name

    def data(self, pass_: str, size: int, dtype: np.dtype[Any]) -> list[Array]:
        """Return the arrays that a pass takes, of `size` elements, rounded to whole rows."""
        rng = np.random.default_rng(0)
        shape = (-(-size // ROW), ROW) if size >= ROW else (1, size + size % 2)
        arrays = [
            self._operand(name, (3 * rng.standard_normal(shape)).astype(dtype), rng)
            for name in self.function.arrays
        ]
        if pass_ != "vjp":
            return arrays
        y = np.asarray(self._call(self.function, arrays))
        takes = self.function.passes["vjp"].arrays
        if takes[1:] == ("y",):
            arrays = [y]
        return [np.ones(y.shape, dtype), *arrays]

    def _operand(self, name: str, x: Array, rng: np.random.Generator) -> Array:
        if self.function.name in _OF_CLASSES and name == "target":
            return np.asarray(rng.integers(0, x.shape[-1], x.shape[0]))
        if name in ("target", "var", "p") or self.function.name == "rel_entr":
            size = np.abs(x)
            return np.asarray(size / (1 + size))  # valid as a probability, a rate and a variance
        return x

    def outs(self, pass_: str, data: Sequence[Array]) -> tuple[Array, ...]:
        """Return arrays like the results; none if the result is one number, or not written to an array."""
        if self.function.family == "losses":
            return ()
        result = self._call(pass_of(self.function, pass_), data)
        return tuple(map(np.empty_like, result if isinstance(result, tuple) else (result,)))

    def call(self, pass_: str, *data: Array, out: Any) -> Callable[[], object]:
        """Return a call of a pass with its data bound, as a user would make it."""
        compute, options = pass_of(self.function, pass_), dict(self.options)
        if out is not None:
            options["out"] = out
        return lambda: compute(*data, **options)

    def _call(self, compute: Callable[..., Any], data: Sequence[Array]) -> Any:
        return compute(*data, **self.options)

    def worst(self, pass_: str, dtype: str, count: int) -> Worst | None:
        """Measure the forward pass with the default parameters; return None for anything else."""
        name, kind = self.function.name, dtype_named(dtype)
        if pass_ != "forward" or self.options or name in _NEAR_ZERO:
            return None
        if (name, "forward") in rows.DEFINITIONS:
            (x,) = self.data(pass_, count, kind)
            truths = _rows_truth(name, x)
            return _worst(x, np.asarray(self.function(x, axis=-1)), truths)
        if name not in several.TABLE or self.function.family == "channels":
            return None
        return self._elementwise(count, kind)

    def _elementwise(self, count: int, dtype: np.dtype[Any]) -> Worst:
        x, rng = samples(dtype, count), np.random.default_rng(0)
        data = [x, *(rng.permutation(x) for _ in self.function.arrays[1:])]
        options: dict[str, Any] = {}
        if self.function.family == "losses":
            options["reduction"] = "none"
            with np.errstate(all="ignore"):
                data = [x, *(self._operand(name, one, rng) for name, one in
                             zip(self.function.arrays[1:], data[1:], strict=True))]  # fmt: skip
        params = _DECLARED[self.function.name].defaults
        with np.errstate(all="ignore"):
            data = [np.where(np.isfinite(one), one, dtype.type(1)) for one in data]
        if dtype == np.float64:
            columns = zip(*(one.tolist() for one in data), strict=True)
            truth = np.array(
                [several.exact(self.function.name, "forward", *c, *params)[0] for c in columns],
                object,
            )
        else:
            truth = several.evaluate(self.function.name, "forward", *data, *params)[0]
        result = np.asarray(self.function(*data, **options))
        if self.function.family == "gates":  # where the activation underflows, the product is 0
            kept = np.flatnonzero(self.function(data[0], 1.0) != 0)
            x, result, truth = x[kept], result[kept], truth[kept]
        return _worst(x, result, truth)


def _rows_truth(name: str, x: Array) -> Array:
    if x.dtype != np.float64:
        return np.asarray(rows.evaluate(name, "forward", x)[0])
    found = [rows.exact(name, "forward", row.tolist())[0] for row in x]
    return np.array(found, dtype=object)


def _worst(x: Array, result: Array, truth: Array) -> Worst:
    truth = truth.reshape(result.shape)
    error = ulp_error(result, truth)
    at = int(np.argmax(error))
    # Of a row that is reduced, its first element.
    shown = x.reshape(result.size, -1)[at, 0]
    over = float(np.count_nonzero(error > 2)) / error.size
    return Worst(
        float(error.flat[at]),
        float(shown),
        float(result.flat[at]),
        float(truth.flat[at]),
        over,
        error.size,
    )
