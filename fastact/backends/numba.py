"""The numba backend: kernels emitted by the build, compiled when first needed and cached on disk.

Numba itself is imported with the first kernel, not before. A kernel is compiled for parameters that
are all floats and, when asked to, for parameters of which some are arrays. The extension calls it, if
it is there; else Python does, and a parallel launcher hands it slices of large arrays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, cast

import numpy as np

from .. import threads

__all__ = ["describe", "kernel", "name", "row_kernel", "why_unavailable"]

name: Final = "numba"

_KERNELS: Final = f"{__package__}._kernels"
_BITS: Final = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}
# float32 elements from which two threads are clearly faster than one, by cost class. Best times of
# one and of two threads, us: hard_swish 65,536: 7.6, 7.7; 131,072: 14.6, 11.4. elu 16,384: 5.0,
# 6.8; 32,768: 9.0, 8.8. silu 32,768: 23.1, 15.5. mish 8,192: 7.2, 7.6; 16,384: 13.7, 10.6.
_LARGE_FROM: Final = {"move": 1 << 17, "cheap": 1 << 17, "exp": 1 << 15, "heavy": 1 << 14}
# Bytes from which an output is written past the cache
_STREAM_FROM: Final = 1 << 24

# Numba's workqueue layer aborts the process when two threads launch at once.
_launching = threading.Lock()


class _Threads:
    """Why Numba's threads cannot be had, once that has turned out."""

    trouble: str | None = None


_threads = _Threads()


def why_unavailable() -> str | None:
    """Say in one line why the backend cannot work here, or return None if it can."""
    return _why_unavailable()


@cache
def _why_unavailable() -> str | None:
    spec = find_spec(_KERNELS)
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
    """Return the kernel of one pass of one function, for float32 or float64.

    Parameters
    ----------
    name : str
        The canonical name of the function.
    pass_ : str
        "forward", "derivative", "vjp", "value_and_derivative" or "vjp_from_output".
    dtype : numpy.dtype
        float32 or float64.

    Raises
    ------
    KeyError
        If there is no such kernel.
    """
    try:
        module = import_module(f"{_KERNELS}.{name}")
        stem = f"{pass_}_{_BITS[np.dtype(dtype)]}"
        scalar = getattr(module, f"{stem}_scalar")
    except (ModuleNotFoundError, AttributeError, KeyError):
        message = f"the numba backend has no kernel {name}, {pass_}, {dtype}"
        raise KeyError(message) from None
    dtype, arrays = np.dtype(dtype), module.ARRAYS[pass_]
    n_arrays = len(arrays)
    n_params = scalar.__code__.co_argcount - n_arrays
    defaults = module.DEFAULTS if hasattr(module, f"{stem}_plain") else ()

    @cache
    def variant(form: str) -> _Variant:
        function = getattr(module, f"{stem}_{form}")
        kinds = arrays + ("afb" if form == "array" else "f") * n_params
        return _Variant(function, dtype, kinds, module.COST)

    if (extension := _extension()) is not None:
        key = name, pass_, _BITS[dtype]

        def compile(form: str, streaming: bool) -> tuple[int, int]:
            return variant(form).for_c(streaming)

        made = extension.Compiled(key, arrays, n_params, module.COST, defaults, compile)
        return cast(Callable[..., None], made)

    def call(*values: Any) -> None:
        params = values[n_arrays:]
        for value in params:
            if type(value) is not float:
                return variant("array")(*values[:n_arrays], *_triples(params, values[0]))
        return variant("plain" if params and params == defaults else "scalar")(*values)

    return call


@cache
def _extension() -> Any:
    """Return the extension, if it is there: it calls kernels without Python, on threads of its own."""
    try:
        extension = import_module("._native", __package__)
    except ImportError:
        return None
    threads.on_change(extension.set_threads)
    return extension


def row_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel of one pass of one row function, for float32 or float64."""
    from . import numba_rows

    return numba_rows.row_kernel(name, pass_, dtype)


def _triples(params: Sequence[Any], stand_in: Any) -> list[Any]:
    """Return (array, number, whether it is the array that counts) for each parameter, flat."""
    flat: list[Any] = []
    for param in params:
        flat += (param, 0.0, True) if isinstance(param, np.ndarray) else (stand_in, param, False)
    return flat


class _Variant:
    """One emitted function, compiled for arguments of the given kinds.

    `kinds` has a letter for each argument: "i" for an input array, "o" for an output array, then of the
    parameters "a" for an array, "f" for a float, "b" for a bool. A call goes past Numba's
    dispatcher, which would compile once more for a read-only array.
    """

    def __init__(
        self, function: Callable[..., None], dtype: np.dtype[Any], kinds: str, cost: str
    ) -> None:
        from numba import types

        from .numba_compile import address, compiled
        from .numba_ops import Streamed

        element = types.float32 if dtype.itemsize == 4 else types.float64
        array = element[::1]
        types_of = {"i": array, "o": array, "a": array, "f": types.float64, "b": types.boolean}
        signature = tuple(types_of[kind] for kind in kinds)
        streaming = tuple(Streamed(element) if kind == "o" else types_of[kind] for kind in kinds)
        result = compiled(function, signature)
        self._serial = cast(Callable[..., None], result.entry_point)
        self._address = address(result)
        self._streaming = cache(lambda: address(compiled(function, streaming)))
        self._n_inputs, self._n_arrays = kinds.count("i"), kinds.count("i") + kinds.count("o")
        self._groups = tuple(types.Tuple(group) for group in self._split(signature))
        self._large_from = _LARGE_FROM[cost] * 4 // dtype.itemsize

    def __call__(self, *values: Any) -> None:
        """Compute; the values are the arguments of the function."""
        if values[0].size < self._large_from or not self._call_large(values):
            self._serial(*values)

    def for_c(self, streaming: bool) -> tuple[int, int]:
        """Return the addresses that the extension asks for: of a fastact_entry and of the code."""
        return _entry(self._groups), self._streaming() if streaming else self._address

    def _split(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
        i, a = self._n_inputs, self._n_arrays
        return values[:i], values[i:a], values[a:]

    def _call_large(self, values: tuple[Any, ...]) -> bool:
        """Run on all threads, past the cache, or both; False if neither can be done now."""
        groups, size = self._split(values), values[0].size
        streaming = self._streaming() if _worth_streaming(*groups[:2]) else 0
        chunks = threads.get_num_threads()
        # In a forked child Numba's omp layer kills the process and its workqueue layer waits for
        # threads that are not there.
        if chunks > 1 and not threads.forked() and _launching.acquire(blocking=False):
            try:
                launch = _launcher(self._groups)
                if launch is not None:
                    launch(self._address, streaming, *groups, size, chunks)
                    return True
            finally:
                _launching.release()
        if streaming:
            _streamer(self._groups)(self._address, streaming, *groups, size)
        return streaming != 0


def _worth_streaming(inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> bool:
    """Tell whether the outputs had better bypass the cache: if large, and not in it as inputs."""
    if outputs[0].nbytes < _STREAM_FROM:
        return False
    read, written = ([array.ctypes.data for array in group] for group in (inputs, outputs))
    return not {*read} & {*written} and len({place % 64 for place in written}) == 1


@cache
def _launcher(groups: tuple[Any, ...]) -> Callable[..., None] | None:
    """Return the parallel launcher for kernels of one signature, or None without threads."""
    from numba import types

    from .numba_compile import compiled
    from .numba_launch import launch

    if _threads.trouble:
        return None
    arguments = (types.intp, types.intp, *groups, types.intp, types.intp)
    try:
        return cast(Callable[..., None], compiled(launch, arguments, parallel=True).entry_point)
    except Exception as error:  # the threading layer that the user's settings ask for is not there
        _threads.trouble = next(iter(str(error).splitlines()), type(error).__name__)
        return None


@cache
def _streamer(groups: tuple[Any, ...]) -> Callable[..., None]:
    """Return what streams the results of kernels of one signature, on one thread."""
    from numba import types

    from .numba_compile import compiled
    from .numba_launch import stream

    arguments = (types.intp, types.intp, *groups, types.intp)
    return cast(Callable[..., None], compiled(stream, arguments).entry_point)


@cache
def _entry(groups: tuple[Any, ...]) -> int:
    """Return the address of what calls kernels of one signature, given pointers."""
    from numba import types

    from .numba_compile import address, compiled
    from .numba_launch import enter

    inputs, outputs, params = (types.CPointer(group) for group in groups)
    numbers = types.CPointer(types.float64)
    return address(compiled(enter, (types.intp, inputs, outputs, numbers, params, types.intp)))


def describe() -> dict[str, str]:
    """Describe the version, the processor that is compiled for, the threads and the cache."""
    import llvmlite.binding
    import numba

    from .numba_compile import cache_folder

    return {
        "version": numba.__version__,
        "processor": numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
        "threads": "Numba's" if _extension() is None else "the extension's; for rows Numba's",
        "threading layer": _threading_layer(),
        "cache": cache_folder(),
    }


def _threading_layer() -> str:
    import numba

    if _threads.trouble:
        return f"none: {_threads.trouble}"
    try:
        return str(numba.threading_layer())
    except ValueError:
        return f"{numba.config.THREADING_LAYER}, not started yet"
