"""An emitted elementwise kernel as it is called: on one thread or several, with non-temporal stores or without."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from ... import threads
from ..elements import COMPUTED
from . import runtime

__all__ = ["STREAM_FROM", "Variant"]

# float32 elements from which two threads are clearly faster than one, by cost class. Best times of
# one and of two threads, us: hard_swish 65,536: 7.6, 7.7; 131,072: 14.6, 11.4. elu 16,384: 5.0,
# 6.8; 32,768: 9.0, 8.8. silu 32,768: 23.1, 15.5. mish 8,192: 7.2, 7.6; 16,384: 13.7, 10.6.
_LARGE_FROM: Final = {"move": 1 << 17, "cheap": 1 << 17, "exp": 1 << 15, "heavy": 1 << 14}
# Bytes of an output from which non-temporal stores are used.
STREAM_FROM: Final = 1 << 24
# Pieces for each participating thread, at most: with non-temporal stores each piece has two partial cache lines.
_MOST_PIECES: Final = 8
# Pieces start at multiples of this, so that only the last one has a remainder loop.
_GRAIN: Final = 128


class Variant:
    """One emitted function, compiled for arguments of the given kinds.

    `kinds` has a letter for each argument: "i" for an input array, "o" for an output array, "w" for one of
    the type that is computed in, then of the parameters "a" for an array, "f" for a float, "b" for a bool.
    A call does not go through Numba's dispatcher, which would compile again for a read-only array.
    """

    def __init__(self, function: Callable[..., None], element: str, kinds: str, cost: str) -> None:
        with runtime.compiling():
            from numba import types

            from .operations import Memory

        array, wide = Memory(element), Memory(COMPUTED[element])
        types_of = dict(i=array, o=array, w=wide, a=array, f=types.float64, b=types.boolean)
        signature = tuple(types_of[kind] for kind in kinds)
        types_of["o"] = Memory(element, streamed=True)
        streaming = tuple(types_of[kind] for kind in kinds)
        # A short call keeps Python's lock: if another thread takes it, that may run for 5 ms.
        self._serial, self._address = runtime.machine_code(function, signature, nogil=False)
        self._streaming = cache(lambda: runtime.machine_code(function, streaming)[1])
        self._n_inputs = kinds.count("i")
        self._n_arrays = self._n_inputs + kinds.count("o") + kinds.count("w")
        self._groups = tuple(types.Tuple(group) for group in self._split(signature))
        self._large_from = _LARGE_FROM[cost] // (2 if element == "f64" else 1)

    def __call__(self, *values: Any) -> None:
        """Compute; the values are the arguments of the function."""
        with runtime.environment()():
            if values[0].size < self._large_from:
                self._serial(*values)
            else:
                self._call_large(values)

    def for_c(self, streaming: bool) -> tuple[int, int]:
        """Return the addresses that the extension asks for: of a fastact_entry and of the code."""
        return _entry(self._groups), self._streaming() if streaming else self._address

    def _split(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
        i, a = self._n_inputs, self._n_arrays
        return values[:i], values[i:a], values[a:]

    def _call_large(self, values: tuple[Any, ...]) -> None:
        """Run on one thread or several, with non-temporal stores where they pay."""
        groups, size = self._split(values), values[0].size
        streaming = self._streaming() if _worth_streaming(*groups[:2]) else 0
        pool = runtime.pool()
        count = pool.gather(threads.get_num_threads())
        step = size
        if count > 1:
            step = max(self._large_from // 4, -(-size // (_MOST_PIECES * count * _GRAIN)) * _GRAIN)
        launch, piece = _launcher(self._groups)
        addresses = pool.SHARE_OUT, pool.AT, piece, self._address, streaming
        launch(*addresses, *groups, size, step, -(-size // step), count)


def _worth_streaming(inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> bool:
    """Tell whether to use non-temporal stores: for large outputs that are not also inputs, aligned alike."""
    if outputs[0].nbytes < STREAM_FROM:
        return False
    read, written = ([array.ctypes.data for array in group] for group in (inputs, outputs))
    return not {*read} & {*written} and len({place % 64 for place in written}) == 1


@cache
def _launcher(groups: tuple[Any, ...]) -> tuple[Callable[..., None], int]:
    """Return what calls kernels of one signature on large arrays, and the address of what does a piece."""
    with runtime.compiling():
        from numba import types

        from .launch import launch, piece

    whole = (types.intp, types.intp, *groups, types.intp, types.intp)
    code = runtime.machine_code(
        launch, (types.intp, types.intp, types.intp, *whole, types.intp, types.intp)
    )
    job = types.CPointer(types.Tuple(whole))
    return code[0], runtime.machine_code(piece, (job, types.intp))[1]


@cache
def _entry(groups: tuple[Any, ...]) -> int:
    """Return the address of what calls kernels of one signature, given pointers."""
    with runtime.compiling():
        from numba import types

        from .launch import enter

    inputs, outputs, params = (types.CPointer(group) for group in groups)
    numbers = types.CPointer(types.float64)
    return runtime.machine_code(enter, (types.intp, inputs, outputs, numbers, params, types.intp))[
        1
    ]
