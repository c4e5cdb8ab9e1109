"""The numba backend: kernels emitted by the build, compiled when first needed and cached on disk.

Numba itself is imported with the first kernel, not before. A kernel is compiled for parameters that
are all floats and, when asked to, for parameters of which some are arrays. The extension calls it, if
it is there, on its threads; else Python does, and pool.py has threads for large arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, cast

import numpy as np

from ... import threads
from .fork import compiling

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
# Pieces for each thread that takes part, at most: an output past the cache loses a cache line at the ends of each.
_MOST_PIECES: Final = 8
# Pieces start at multiples of this, so that only the last one has a remainder to do one by one.
_GRAIN: Final = 128


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
        with compiling():
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
        with compiling():
            extension = import_module("...cython._native", __name__)
    except ImportError:
        return None
    threads.on_change(extension.set_threads)
    return extension


@cache
def environment() -> Callable[[], AbstractContextManager[None]]:
    """Return a context with the floating-point environment of kernels, for their calls from Python."""
    if (extension := _extension()) is not None:
        return cast(Callable[[], AbstractContextManager[None]], extension.Environment)
    with compiling():
        from .environment import Environment
    return Environment


@cache
def sharer() -> Callable[[int, int, int, int], None]:
    """Return what does the pieces of a job on several threads, as pool.share does."""
    if (extension := _extension()) is not None:
        return lambda piece, context, pieces, count: extension.share(piece, context, pieces)
    return cast(Callable[[int, int, int, int], None], _pool().share)


@cache
def _pool() -> Any:
    """Return the threads for where the extension is not there."""
    with compiling():
        from . import pool
    return pool


def machine_code(
    function: Callable[..., Any], arguments: Sequence[Any], returns: Any = None
) -> tuple[Callable[..., Any], int]:
    """Compile a function, which returns None or a Numba type.

    Returns what calls it from Python, and its address in Numba's calling convention. The code stays
    where it is as long as the process lives.
    """
    with compiling():
        from numba import types

        from .compile import address, compiled

        result = compiled(function, arguments, returns=returns or types.none)
        return cast(Callable[..., Any], result.entry_point), address(result)


def row_kernel(name: str, pass_: str, dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the kernel of one pass of one row function, for float32 or float64."""
    with compiling():
        from .rows import kernel

    return kernel.row_kernel(name, pass_, dtype)


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
        with compiling():
            from numba import types

            from .operations import Streamed

        element = types.float32 if dtype.itemsize == 4 else types.float64
        array = element[::1]
        types_of = {"i": array, "o": array, "a": array, "f": types.float64, "b": types.boolean}
        signature = tuple(types_of[kind] for kind in kinds)
        streaming = tuple(Streamed(element) if kind == "o" else types_of[kind] for kind in kinds)
        self._serial, self._address = machine_code(function, signature)
        self._streaming = cache(lambda: machine_code(function, streaming)[1])
        self._n_inputs, self._n_arrays = kinds.count("i"), kinds.count("i") + kinds.count("o")
        self._groups = tuple(types.Tuple(group) for group in self._split(signature))
        self._large_from = _LARGE_FROM[cost] * 4 // dtype.itemsize

    def __call__(self, *values: Any) -> None:
        """Compute; the values are the arguments of the function."""
        with environment()():
            if values[0].size < self._large_from or not self._call_large(values):
                self._serial(*values)

    def for_c(self, streaming: bool) -> tuple[int, int]:
        """Return the addresses that the extension asks for: of a fastact_entry and of the code."""
        return _entry(self._groups), self._streaming() if streaming else self._address

    def _split(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
        i, a = self._n_inputs, self._n_arrays
        return values[:i], values[i:a], values[a:]

    def _call_large(self, values: tuple[Any, ...]) -> bool:
        """Run on several threads, past the cache, or both; False if neither is to be done."""
        groups, size = self._split(values), values[0].size
        streaming = self._streaming() if _worth_streaming(*groups[:2]) else 0
        count = threads.get_num_threads()
        if count > 1 and (count := _pool().gather(count)) > 1:
            step = max(self._large_from // 4, -(-size // (_MOST_PIECES * count * _GRAIN)) * _GRAIN)
            pieces = -(-size // step)
            launch, piece = _launcher(self._groups)
            addresses = _pool().SHARE_OUT, _pool().AT, piece, self._address, streaming
            launch(*addresses, *groups, size, step, pieces, count)
        elif streaming:
            _streamer(self._groups)(self._address, streaming, *groups, size)
        return count > 1 or streaming != 0


def _worth_streaming(inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> bool:
    """Tell whether the outputs had better bypass the cache: if large, and not in it as inputs."""
    if outputs[0].nbytes < _STREAM_FROM:
        return False
    read, written = ([array.ctypes.data for array in group] for group in (inputs, outputs))
    return not {*read} & {*written} and len({place % 64 for place in written}) == 1


@cache
def _launcher(groups: tuple[Any, ...]) -> tuple[Callable[..., None], int]:
    """Return what calls kernels of one signature on several threads, and the address of what each does."""
    with compiling():
        from numba import types

        from .launch import launch, piece

    whole = (types.intp, types.intp, *groups, types.intp, types.intp)
    code = machine_code(
        launch, (types.intp, types.intp, types.intp, *whole, types.intp, types.intp)
    )
    job = types.CPointer(types.Tuple(whole))
    return code[0], machine_code(piece, (job, types.intp))[1]


@cache
def _streamer(groups: tuple[Any, ...]) -> Callable[..., None]:
    """Return what streams the results of kernels of one signature, on one thread."""
    with compiling():
        from numba import types

        from .launch import stream

    return machine_code(stream, (types.intp, types.intp, *groups, types.intp))[0]


@cache
def _entry(groups: tuple[Any, ...]) -> int:
    """Return the address of what calls kernels of one signature, given pointers."""
    with compiling():
        from numba import types

        from .launch import enter

    inputs, outputs, params = (types.CPointer(group) for group in groups)
    numbers = types.CPointer(types.float64)
    return machine_code(enter, (types.intp, inputs, outputs, numbers, params, types.intp))[1]


def describe() -> dict[str, str]:
    """Describe the version, the processor that is compiled for, the threads and the cache."""
    import llvmlite.binding
    import numba

    from .compile import cache_folder

    return {
        "version": numba.__version__,
        "processor": numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
        "threads": "a pool of Python threads"
        if _extension() is None
        else "the pool of the extension",
        "cache": cache_folder(),
    }
