"""What a backend is, and what its kernels take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np

__all__ = ["Backend", "Kernel", "computed_dtypes", "row_kernel", "within"]

Kernel = Callable[..., object]


class Backend(Protocol):
    """The backend protocol: a hashable module or object with these members.

    A kernel takes one-dimensional, contiguous, aligned arrays in native byte order, all of one
    dtype and size: the inputs, then the outputs to fill, then every parameter of the function, each
    a `float` or an array like the inputs. An output may be the same memory as an input.

    A row kernel takes contiguous, aligned arrays in native byte order, all of one dtype: the inputs,
    of shape (outer, axis, inner); inputs with one value for each row, of shape (outer, inner); the
    outputs to fill, of either shape in the same order; a mask of the elements that take part, of shape
    (outer or 1, axis, inner), or None; and every parameter, a `float`.

    Optional are, each with a slower path where it is missing:

    * of a backend: `row_kernel`, without which it computes everything but rows; `dtypes`, the names of
      the dtypes that it has kernels for, without which these are "float32" and "float64"; and `convert`,
      which copies a contiguous array of float16 or bfloat16 to one of float32, or the other way, and
      returns whether it did. For a backend without kernels for 16-bit dtypes their arrays are converted;
      with such kernels, the arrays with one value for each row are float32. `running_maximum` and
      `recurrence` do what functions/cumulative_steps.py defines for the others.
    * of a kernel: `rows`, which takes the same operands in two dimensions, with contiguous rows at any
      distance; `strided`, which takes them in one dimension, with elements at any distance; and `summed`,
      which takes them without the first output and returns the sum of its elements, as they are computed, in
      float64.

    * of a row kernel: `columns`, which takes the same operands, without a mask, where arrays
      (1, axis, inner) are some columns of wider ones, all of one width; and `in_parts`, which takes the
      length of one row, two functions, and what the kernel takes, where arrays of shape
      (1, 2**18 // the size of a value as it is computed, 1) hold parts of the row: ``load(begin, end, at)``
      puts elements of the row at a place of the inputs and the mask, and ``store`` fetches those of the
      output, which may be the first input. Without it long rows that a kernel cannot take where they are
      are copied.

    Besides the public functions, the names are those of the declarations: losses that are computed
    element by element, and the row functions ``_exp_sum``, ``_softmax_from``, ``_log_softmax_from``
    and ``_cross_entropy``, of which cross entropy and softmax in chunks are made.
    """

    @property
    def name(self) -> str:
        """The name it is registered under."""

    def why_unavailable(self) -> str | None:
        """Return in one line why it cannot work here, or None if it can. Never raises.

        A line that begins with a variable's name, ``FASTACT_...``, is about its value: it is raised as a ValueError.
        """

    def kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
        """Return the kernel of one pass of one function, for float32, float64 or another of `dtypes`."""

    def row_kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
        """Return the row kernel of one pass of one function, for the same dtypes."""

    def describe(self) -> dict[str, str]:
        """Describe what it runs on, such as its instruction set, for ``fastact info``."""


def row_kernel(backend: Backend, name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return a row kernel of a backend, or raise NotImplementedError if it has none."""
    bind = getattr(backend, "row_kernel", None)
    try:
        if bind is not None:
            return cast(Kernel, bind(name, pass_, dtype))
    except KeyError:
        pass
    raise NotImplementedError(
        f"the {backend.name} backend does not compute rows: it has no {name} {pass_} for {dtype}; "
        "choose another with set_backend() or use_backend()"
    )


def computed_dtypes(backend: Backend) -> frozenset[str]:
    """Return the names of the dtypes that a backend has kernels for."""
    return frozenset(getattr(backend, "dtypes", ("float32", "float64")))


def within(dtype: np.dtype[Any], value: Any) -> Any:
    """Return a parameter as the kernels of a dtype see it: out of range is infinite."""
    if isinstance(value, np.ndarray) or abs(value) <= float(np.finfo(dtype).max):
        return value
    with np.errstate(all="ignore"):
        return float(dtype.type(value))
