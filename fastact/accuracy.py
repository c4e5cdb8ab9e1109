"""Errors of results in units in the last place (ulp).

1 ulp is the distance between adjacent numbers of the result's dtype at the size of the true value;
below the smallest normal number it is the spacing of the subnormals. Samples are spread evenly over
bit patterns, so that every exponent has the same weight and the tails are covered.
float32 results are checked against the float64 definitions in `fastact.reference`, float64 results
against the same definitions in mpmath::

    from fastact import accuracy
    print(accuracy.measure("gelu", "forward", "float32", kernel))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .reference import activations

Array = NDArray[Any]


def ulp_error(
    result: ArrayLike, truth: ArrayLike, dtype: DTypeLike | None = None
) -> NDArray[np.float64]:
    """Return the error of each result in ulp of its true value.

    Parameters
    ----------
    result : array_like
        The computed values, in `dtype`.
    truth : array_like
        float64 values, for results of at most 32 bits; an object array of mpmath numbers, for any.
    dtype : dtype, optional
        The dtype whose ulp is the unit; that of `result` by default.

    Returns
    -------
    ndarray of float64
        The error is 0 for two NaNs, two equal infinities, an infinite result for a finite truth that
        rounds to it, and zeros of any sign. It is infinite if only one of the two is NaN or infinite.
    """
    result, truth = np.asarray(result), np.asarray(truth)
    dtype = np.dtype(result.dtype if dtype is None else dtype)
    if truth.dtype == object:
        rounded, distance = _exact_distance(result, truth, dtype)
    elif dtype == np.float64:
        raise TypeError(
            "the truth for float64 results needs more digits: expected an object array of mpmath numbers"
        )
    else:
        rounded, distance = _distance(result, truth.astype(np.float64), dtype)
    with np.errstate(invalid="ignore"):  # a signalling NaN
        result = result.astype(np.float64)
    same = (result == rounded) | (np.isnan(result) & np.isnan(rounded))
    special = ~(np.isfinite(result) & np.isfinite(rounded))
    # If the truth rounds to infinity and the result is finite, use the ordinary distance.
    special &= ~(np.isfinite(result) & np.isfinite(distance))
    return np.where(special, np.where(same, 0.0, np.inf), distance)


def as_float64(truth: ArrayLike) -> NDArray[np.float64]:
    """Return true values, mpmath numbers or floats, as float64."""
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # NumPy 2.0 warns of what overflows and of NaN
        return np.asarray(truth).astype(np.float64)


def _finfo(dtype: np.dtype[Any]) -> Any:
    if dtype.name == "bfloat16":
        import ml_dtypes  # which defines it

        return ml_dtypes.finfo(dtype)
    return np.finfo(dtype)


def _distance(result: Array, truth: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return the truth rounded to dtype, and the distance of the result from the truth in ulp."""
    info = _finfo(np.dtype(dtype))
    with np.errstate(all="ignore"):
        distance = np.ldexp(np.abs(result - truth), int(info.nmant) - _exponent(truth, info))
        return truth.astype(dtype).astype(np.float64), distance


def _exponent(truth: Array, info: Any) -> Array:
    exponent = np.where(truth == 0, int(info.minexp), np.frexp(truth)[1] - 1)
    return np.clip(exponent, int(info.minexp), int(info.maxexp) - 1)


def _exact_distance(result: Array, truth: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    info = _finfo(np.dtype(dtype))
    result, truth = np.broadcast_arrays(result, truth)
    rounded, distance = np.empty(result.shape), np.empty(result.shape)
    for index, true in np.ndenumerate(truth):
        with np.errstate(over="ignore"):
            rounded[index] = dtype.type(float(true))
        context = true.context
        exponent = context.mag(true) - 1 if context.isnormal(true) else int(info.minexp)
        exponent = min(max(exponent, int(info.minexp)), int(info.maxexp) - 1)
        difference = abs(context.mpf(float(result[index])) - true)
        distance[index] = float(context.ldexp(difference, int(info.nmant) - exponent))
    return rounded, distance


def blocks(dtype: DTypeLike, stride: int = 1, size: int = 1 << 20) -> Iterator[Array]:
    """Yield every `stride`-th value of a dtype, by bit pattern, in arrays of up to `size`.

    A stride of 1 yields all values, NaNs included: 4,294,967,296 for float32.
    """
    dtype = np.dtype(dtype)
    integer = np.dtype(f"u{dtype.itemsize}")
    total = 1 << (8 * dtype.itemsize)
    for start in range(0, total, stride * size):
        length = min(size, -(-(total - start) // stride))
        steps = np.arange(length, dtype=np.uint64) * np.uint64(stride) + np.uint64(start)
        yield steps.astype(integer).view(dtype)


def bit_patterns(dtype: DTypeLike, count: int) -> Array:
    """Return about `count` values evenly spaced by bit pattern, and the special values.

    The latter are ±0, ±1, the smallest and largest subnormal, the smallest normal and the largest finite
    numbers of both signs, ±inf and NaN. The same arguments give the same values.
    """
    dtype = np.dtype(dtype)
    total = 1 << (8 * dtype.itemsize)
    stride = max(1, total // count) | 1  # odd, so that the low bits vary
    info = _finfo(np.dtype(dtype))
    positive = np.array(
        [0.0, info.smallest_subnormal, info.smallest_normal, 1.0, info.max, np.inf], dtype=dtype
    )
    positive = np.append(positive, np.nextafter(info.smallest_normal, dtype.type(0)))
    return np.concatenate([positive, -positive, np.array([np.nan], dtype), *blocks(dtype, stride)])


def bends(dtype: DTypeLike, count: int) -> Array:
    """Return about `count` values evenly spaced over ±4, ±40 and ±750, where activations bend and decay.

    Only one evenly spaced bit pattern in a thousand lies there: 2,000 of them missed 3.6 ulp in
    float64 gelu between -38 and -20.
    """
    parts = [np.linspace(-end, end, max(2, count // 3)) for end in (4.0, 40.0, 750.0)]
    return np.concatenate(parts).astype(dtype)


def samples(dtype: DTypeLike, count: int) -> Array:
    """Return about `count` arguments to measure errors at: two thirds `bit_patterns`, one third `bends`."""
    return np.concatenate([bit_patterns(dtype, count - count // 3), bends(dtype, count // 3)])


def around(points: ArrayLike, dtype: DTypeLike, steps: int = 16) -> Array:
    """Return each point and the `steps` adjacent numbers of the dtype on either side."""
    dtype = np.dtype(dtype)
    integer = np.dtype(f"i{dtype.itemsize}")
    lowest = np.iinfo(integer).min  # the pattern of −0.0
    order = np.atleast_1d(np.asarray(points)).astype(dtype).view(integer)
    order = np.where(order < 0, lowest - order, order)  # now ordered like the numbers
    infinity = int(np.array(np.inf, dtype).view(integer))
    near = order[:, None] + np.arange(-steps, steps + 1, dtype=integer)
    near = np.unique(np.clip(near, -infinity, infinity))
    return np.where(near < 0, lowest - near, near).astype(integer).view(dtype)


@lru_cache
def sign_changes(function: Any, *params: float, pass_: str = "derivative") -> tuple[float, ...]:
    """Return the points other than 0 where the derivative of a function, or the function, crosses zero."""
    reference = _reference(function)
    x = np.concatenate([*blocks(np.float64, 1 << 47)])
    x = np.sort(x[np.isfinite(x)])
    sign = np.sign(reference.evaluate(pass_, x, *params))
    x, sign = x[sign != 0], sign[sign != 0]
    at = np.flatnonzero(sign[:-1] * sign[1:] < 0)
    low, high = x[at], x[at + 1]
    for _ in range(60):
        middle = low + (high - low) / 2
        left = np.sign(reference.evaluate(pass_, middle, *params)) == sign[at]
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return tuple(low[np.abs(low) > np.finfo(float).tiny].tolist())


def error_near_zeros(
    error: NDArray[np.float64], truth: Array, x: Array, dtype: DTypeLike, zeros: Sequence[float]
) -> NDArray[np.float64]:
    """Return the errors of a derivative or a function in a fixed unit near its zeros, other than at 0.

    Where it crosses zero, cancellation leaves absolute accuracy only. Within ±1 of such a point, where it is
    below 1/16, the unit is the ulp of the numbers just below 1/16: 2⁻²⁸ for float32.
    """
    info = _finfo(np.dtype(dtype))
    size = np.abs(as_float64(truth))
    near = np.zeros(np.shape(x), dtype=bool)
    for zero in zeros:
        near |= (x >= zero - 1) & (x <= zero + 1)
    near &= size < 1 / 16
    with np.errstate(all="ignore"):
        return np.where(near, np.ldexp(error, np.minimum(_exponent(size, info) + 5, 0)), error)


def _reference(function: Any) -> Any:
    """Return the definition of an activation that is given by its name or itself."""
    return activations.Named(function) if isinstance(function, str) else function.reference


def truth(function: Any, pass_: str, x: Array, *params: Any) -> Array:
    """Return the true values of an activation, or of the one of that name, at x.

    They are float64 for arguments of lower precision, mpmath numbers for float64 arguments and for activations made
    by `fastact.activation`, whose expressions may lose digits in float64. Without mpmath, those raise ImportError.
    """
    reference = _reference(function)
    if x.dtype != np.float64 and not reference.needs_digits:
        values = reference.evaluate(pass_, x, *params)
        return np.broadcast_to(values, np.broadcast_shapes(values.shape, x.shape))
    if find_spec("mpmath") is None:
        raise ImportError(
            f"the true values of {x.dtype} results need the package mpmath (pip install mpmath)"
        )
    columns = np.broadcast_arrays(x, *params)
    values = np.empty(columns[0].shape, dtype=object)
    for index in np.ndindex(values.shape):
        values[index] = reference.exact(pass_, *(float(column[index]) for column in columns))
    return values


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
        few = dtype == np.float64 or _reference(function).needs_digits
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
