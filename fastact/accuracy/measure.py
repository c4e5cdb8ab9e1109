"""The largest error of a kernel or of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..calling.arguments import real_array
from ..calling.dtypes import loop_dtype
from ..messages import shown
from .samples import samples
from .truth import error_near_zeros, reference_of, sign_changes, truth
from .ulp import ulp_error

__all__ = ["Worst", "measure", "worst_error"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Worst:
    """The largest error found, and its location."""

    ulp: float
    x: float
    result: float
    truth: float
    over: float
    count: int

    def __str__(self) -> str:
        return (
            f"{self.ulp:.3f} ulp at {self.x!r} ({self.x.hex()}): {self.result!r} for "
            f"{self.truth!r}; {100 * self.over:.3g} % of {self.count} over 2 ulp"
        )


def measure(
    function: Any,
    pass_: str,
    dtype: DTypeLike,
    kernel: Callable[..., Any],
    params: Sequence[Any] = (),
    x: Iterable[Array] | Array | None = None,
) -> Worst:
    """Measure the largest error of a kernel.

    Parameters
    ----------
    function : str or elementwise function
        The canonical name of an activation, or an activation itself.
    pass_ : {"forward", "derivative"}
        The pass that the kernel computes.
    dtype : dtype
        A floating dtype; float64 needs mpmath and takes about 0.1 ms for each argument.
    kernel : callable
        Called as ``kernel(x, out, *params)`` with one-dimensional arrays of `dtype`.
    params : sequence
        Numbers, or arrays of the shape of `x`.
    x : array or iterable of arrays, optional
        The arguments, as one array or array by array, such as `blocks`. By default 4 million `samples`
        for float32 and 4,000 for float64 and for an activation made by `fastact.activation`.

    Returns
    -------
    Worst
        The largest error, of the errors of `error_near_zeros`.
    """
    dtype = np.dtype(dtype)
    if x is None:
        few = dtype == np.float64 or reference_of(function).needs_digits
        x = samples(dtype, 4000 if few else 1 << 22)
    if isinstance(x, np.ndarray):
        x = np.split(x, range(1 << 18, x.size, 1 << 18)) if not _has_arrays(params) else [x]
    zeros: tuple[float, ...] = ()
    if not _has_arrays(params):
        zeros = sign_changes(function, *(float(p) for p in params), pass_=pass_)
    return _merged(
        [_measured(function, pass_, part, kernel, params, zeros) for part in x if part.size]
    )


def worst_error(
    function: Any,
    pass_: str = "forward",
    dtype: DTypeLike = "float32",
    x: Array | None = None,
    **parameters: Any,
) -> Worst:
    """Measure the largest error of an elementwise function as it is called, in the backend in force.

    Parameters
    ----------
    function : elementwise function
        One of the library, or one made by `fastact.activation`: the truth about that is its expression in 60 digits.
    pass_ : {"forward", "derivative"}, default "forward"
        What is measured.
    dtype : dtype, default float32
        A floating dtype.
    x : array, optional
        The arguments, of that dtype; by default `samples`, as for `measure`.
    **parameters
        Numbers, as in a call.

    Returns
    -------
    Worst
        As of `measure`.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.accuracy.worst_error(fa.tanh, dtype="float64").ulp < 2
    True
    """
    if getattr(function, "family", None) != "elementwise":
        raise TypeError(
            f"worst_error() takes an elementwise function, such as fastact.gelu, not {shown(function)}"
        )
    if pass_ not in ("forward", "derivative"):
        raise ValueError(
            f"worst_error(): pass_={shown(pass_)}: choose one of 'forward', 'derivative'"
        )
    dtype = loop_dtype("worst_error", (), (), dtype)
    if x is not None:
        x = real_array("worst_error", x, "x").astype(dtype, copy=False).ravel()
    chosen, values = function.parameter_list.bind(function.__qualname__, (), parameters)
    compute = function.passes[pass_]
    return measure(
        chosen or function,
        pass_,
        dtype,
        lambda x, out, *_: compute(x, out=out, **parameters),
        tuple(values.values()),
        x,
    )


def _has_arrays(params: Sequence[Any]) -> bool:
    return any(np.ndim(p) for p in params)


def _measured(
    function: Any,
    pass_: str,
    x: Array,
    kernel: Callable[..., Any],
    params: Sequence[Any],
    zeros: tuple[float, ...],
) -> Worst:
    result = np.empty_like(x)
    kernel(x, result, *params)
    true = truth(function, pass_, x, *params)
    error = ulp_error(result, true)
    if zeros:
        error = error_near_zeros(error, true, x, x.dtype, zeros)
    at = int(np.argmax(error))
    over = float(np.count_nonzero(error > 2)) / x.size
    return Worst(float(error[at]), float(x[at]), float(result[at]), float(true[at]), over, x.size)


def _merged(parts: Sequence[Worst]) -> Worst:
    if not parts:
        raise ValueError("measure(): x is empty, expected at least one argument")
    worst = max(parts, key=lambda part: part.ulp)
    count = sum(part.count for part in parts)
    over = sum(part.over * part.count for part in parts) / count
    return Worst(worst.ulp, worst.x, worst.result, worst.truth, over, count)
