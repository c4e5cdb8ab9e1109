"""The numba backend: kernels emitted by the build, compiled when first needed and cached on disk.

Numba is imported with the first kernel, not before. A kernel is compiled for parameters that are all floats
and, when needed, for parameters of which some are arrays. Where the extension is built, it calls the kernel,
on its threads; elsewhere variant.py does, with the threads of pool.py for large arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Final, cast

import numpy as np

from ..elements import COMPUTED, ELEMENTS
from . import runtime
from .variant import Variant

__all__ = [
    "convert",
    "describe",
    "dtypes",
    "kernel",
    "name",
    "recurrence",
    "row_kernel",
    "running_maximum",
    "why_unavailable",
]

name: Final = "numba"
dtypes: Final = frozenset(ELEMENTS)


def why_unavailable() -> str | None:
    """Say in one line why the backend cannot work here, or return None if it can."""
    return _why_unavailable()


@cache
def _why_unavailable() -> str | None:
    spec = find_spec(runtime.KERNELS)
    if spec is None or spec.origin is None:  # a folder in which only __pycache__ was left
        return "its kernels have not been generated; build the package (pip install -e .) to do so"
    if find_spec("numba") is None:
        return "Numba is not installed (pip install numba)"
    try:
        from numba import config
    except Exception as error:  # a broken installation can raise anything
        return f"Numba does not import: {type(error).__name__}: {error}"
    return "NUMBA_DISABLE_JIT is set" if config.DISABLE_JIT else None


def kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel of one pass of one function, for one of `dtypes`.

    Parameters
    ----------
    name : str
        The canonical name of the function.
    pass_ : str
        "forward", "derivative", "vjp", "value_and_derivative" or "vjp_from_output".
    dtype : numpy.dtype
        The dtype of its arrays.

    Raises
    ------
    KeyError
        If there is no such kernel.
    """
    try:
        element = ELEMENTS[dtype.name]
        with runtime.compiling():
            module = runtime.kernel_module(name, pass_, COMPUTED[element])
        stem = f"{pass_}_{COMPUTED[element]}"
        scalar = getattr(module, f"{stem}_scalar")
    except (ModuleNotFoundError, AttributeError, KeyError):
        message = f"the numba backend has no kernel {name}, {pass_}, {dtype}"
        raise KeyError(message) from None
    arrays = module.ARRAYS[pass_]
    n_arrays = len(arrays)
    n_params = scalar.__code__.co_argcount - n_arrays
    defaults = module.DEFAULTS if hasattr(module, f"{stem}_plain") else ()

    @cache
    def variant(form: str, wide: bool = False) -> Variant:
        function = getattr(module, f"{stem}_{form}")
        kinds = arrays.replace("o", "w", 1) if wide else arrays
        kinds += ("afb" if form == "array" else "f") * n_params
        return Variant(function, element, kinds, module.COST)

    if (extension := runtime.extension()) is not None:
        key = name, pass_, element

        def compile(form: str, streaming: bool, wide: bool) -> tuple[int, int]:
            return variant(form, wide).for_c(streaming)

        made = extension.Compiled(key, arrays, n_params, module.COST, defaults, compile)
        return cast(Callable[..., None], made)

    def call(*values: Any) -> None:
        params = values[n_arrays:]
        for value in params:
            if type(value) is not float:
                return variant("array")(*values[:n_arrays], *_triples(params, values[0]))
        return variant("plain" if params and params == defaults else "scalar")(*values)

    return call


def row_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel of one pass of one row function, for one of `dtypes`."""
    with runtime.compiling():
        from .rows import row_kernel

    return row_kernel(name, pass_, dtype)


def convert(source: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> bool:
    """Copy a contiguous array of a 16-bit dtype to one of float32, or back; return whether it did."""
    if (extension := runtime.extension()) is not None:
        return bool(extension.convert(source, target))
    elements = tuple(ELEMENTS.get(one.dtype.name) for one in (source, target))
    plain = all(
        one.flags.c_contiguous and one.flags.aligned and one.dtype.isnative
        for one in (source, target)
    )
    if not plain or sorted(map(str, elements)) not in (["bf16", "f32"], ["f16", "f32"]):
        return False
    with runtime.environment()():
        _conversion(*elements)(source.reshape(-1), target.reshape(-1))
    return True


def running_maximum(x: Any, carried: Any, maximum: Any, exponents: Any) -> None:
    """Fill the maximum up to each element of each row, and three arrays of exponents."""
    with runtime.environment()():
        _cumulative("running_maximum")(x, carried, maximum, exponents)


def recurrence(factor: Any, carried: Any, terms: Any) -> None:
    """Replace the terms t of each row by s with s[k] = factor[k]·s[k - 1] + t[k]."""
    with runtime.environment()():
        _cumulative("recurrence")(factor, carried, terms)


@cache
def _cumulative(name: str) -> Callable[..., None]:
    with runtime.compiling():
        from .rows import cumulative

    return runtime.machine_code(getattr(cumulative, name), cumulative.ARGUMENTS[name])[0]


@cache
def _conversion(given: str, wanted: str) -> Callable[..., None]:
    with runtime.compiling():
        from .operations import Memory, convert_all

    return runtime.machine_code(convert_all, (Memory(given), Memory(wanted)))[0]


def _triples(params: Sequence[Any], stand_in: Any) -> list[Any]:
    """Return (array, number, whether to use the array) for each parameter, flat."""
    flat: list[Any] = []
    for param in params:
        flat += (param, 0.0, True) if isinstance(param, np.ndarray) else (stand_in, param, False)
    return flat


def describe() -> dict[str, str]:
    """Describe the version, the processor that is compiled for, the threads and the cache."""
    import llvmlite.binding
    import numba

    from .compile import cache_folder

    return {
        "version": numba.__version__,
        "processor": numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
        "threads": "a pool of Python threads"
        if runtime.extension() is None
        else "the pool of the extension",
        "cache": cache_folder(),
    }
