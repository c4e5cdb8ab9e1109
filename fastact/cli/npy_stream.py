"""Run an elementwise function over ``.npy`` files larger than memory, a block at a time.

Blocks are read and written with plain file calls, not through a memory map: touched pages of a map
count as resident memory until the kernel reclaims them, so a 3 GB map shows as 3 GB.
"""

from __future__ import annotations

import io
import math
import os
import stat
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .files import replacing, write

Array = npt.NDArray[Any]

# 3 GB of float32 in a tmpfs take 2.5 to 3.2 s with any block of 2**14 to 2**22 elements (2 cores);
# this size keeps all threads busy and memory below 32 MB.
BLOCK = 1 << 20
# NumPy's limit, which it does not export.
MAX_AXES = 64


class NpySource:
    """The elements of a ``.npy`` file, in storage order.

    Parameters
    ----------
    path
        The file. It is never unpickled: Python objects are refused.
    wanted
        The dtype that is asked for. If it is bfloat16, which NumPy saves as elements of two bytes
        without a type, such elements are taken for it.

    Raises
    ------
    ValueError
        If it is not a ``.npy`` file, is damaged or truncated, or holds Python objects.
    """

    path: Path
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    size: int

    def __init__(self, path: str | os.PathLike[str], wanted: np.dtype[Any] | None = None) -> None:
        self.path, self._wanted = Path(path), wanted
        self._file = io.FileIO(self.path)
        try:
            self._read_header()
        except BaseException:
            self._file.close()
            raise

    def _read_header(self) -> None:
        try:
            version = np.lib.format.read_magic(self._file)
            # Versions 2.0 and 3.0 differ only in the encoding of record field names.
            parse = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            # NumPy warns about headers written by Python 2, which are accepted.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.shape, fortran_order, self.dtype = parse(self._file)
        except OSError:
            raise
        # NumPy evaluates the header as Python source: a damaged one may raise nearly anything.
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{self.path}: not a readable .npy file: {reason}") from error
        if self.dtype.hasobject:
            raise ValueError(f"{self.path}: holds pickled Python objects, expected numbers")
        if self.dtype.subdtype is not None:
            raise ValueError(f"{self.path}: holds elements of dtype {self.dtype}, expected numbers")
        if self.dtype == np.dtype("V2"):
            if self._wanted is None or self._wanted.name != "bfloat16":
                raise ValueError(
                    f"{self.path}: holds elements of two bytes without a type; if they are bfloat16, "
                    "say so with --dtype bfloat16"
                )
            self.dtype = self._wanted
        if not _may_exist(self.shape, self.dtype):
            raise ValueError(f"{self.path}: damaged .npy file: its shape {_described(self.shape)}")
        self.size = math.prod(self.shape)
        self.fortran_order = fortran_order and sum(length > 1 for length in self.shape) > 1
        status = os.fstat(self._file.fileno())
        self._data = 0
        if stat.S_ISREG(status.st_mode):
            self._data = self._file.tell()
            self._check_length(status.st_size - self._data)

    def _check_length(self, found: int) -> None:
        promised = self.size * self.dtype.itemsize
        if found < promised:
            raise ValueError(
                f"{self.path}: truncated: {found} bytes of data, expected {promised} from its header"
            )

    def seek(self, place: int) -> None:
        """Seek to the element at this position; a pipe cannot."""
        self._file.seek(self._data + place * self.dtype.itemsize)

    def read_into(self, block: Array) -> None:
        """Fill a contiguous array of any dtype with the next bytes of data."""
        left = block.view(np.uint8).data
        while left:
            count = self._file.readinto(left)
            if not count:
                raise ValueError(f"{self.path}: truncated: {len(left)} bytes of data are missing")
            left = left[count:]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> NpySource:
        """Return the source, to be closed at the end of the ``with`` block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self.close()


def check_alike(sources: Sequence[NpySource]) -> None:
    """Raise ValueError unless all have the same shape and storage order."""
    *others, last = sources
    for other in others:
        if other.shape != last.shape:
            raise ValueError(
                f"{other.path}: shape {other.shape} differs from {last.shape} of {last.path}"
            )
        if other.fortran_order != last.fortran_order:
            orders = ("C", "Fortran")
            raise ValueError(
                f"{other.path}: is in {orders[other.fortran_order]} order and {last.path} in "
                f"{orders[last.fortran_order]} order; save both in the same order"
            )


def _may_exist(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Tell whether NumPy allows this shape: its limits hold even if one axis has length 0."""
    return (
        len(shape) <= MAX_AXES
        and all(type(length) is int and length >= 0 for length in shape)
        and math.prod(filter(None, shape)) * max(1, dtype.itemsize) <= sys.maxsize
    )


def _described(shape: tuple[int, ...]) -> str:
    if len(shape) > MAX_AXES:
        return f"has {len(shape)} axes"
    try:
        return f"is {shape}"
    except ValueError:  # more digits than Python converts to text
        return "has a length of thousands of digits"


def header(
    target: Path, dtype: np.dtype[Any], fortran_order: bool, shape: tuple[int, ...]
) -> bytes:
    """Return the header of a ``.npy`` file; raise ValueError if no array can have this shape."""
    if not _may_exist(shape, dtype):
        raise ValueError(
            f"{target}: no array can have the result's shape {shape} and dtype {dtype}"
        )
    text = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        text,
        {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": fortran_order,
            "shape": shape,
        },
    )
    return text.getvalue()


def as_bytes(array: Array) -> memoryview:
    """Return the memory of a contiguous array that is not empty; bfloat16 has no buffers of its own."""
    return array.reshape(-1).view(np.uint8).data


def stream(
    evaluate: Callable[..., Any],
    sources: Sequence[NpySource],
    target: Path,
    progress: Callable[[int], object] = lambda count: None,
) -> np.dtype[Any]:
    """Evaluate a function on `sources` block by block and replace `target` by the result.

    Parameters
    ----------
    evaluate
        Elementwise; called as ``evaluate(*blocks, out=...)`` with one-dimensional blocks. If it
        returns a pair, the output has shape ``(2, *shape)``.
    sources
        The inputs, all of one shape.
    target
        The output file, in the storage order of the inputs.
    progress
        Called with the number of elements done since the last call.

    Returns
    -------
    numpy.dtype
        The dtype of the output.
    """
    check_alike(sources)
    shape, fortran_order, size = sources[0].shape, sources[0].fortran_order, sources[0].size
    # A call with empty arrays gives the dtype and the number of results.
    probe = evaluate(*(np.empty(0, source.dtype) for source in sources))
    results = len(probe) if isinstance(probe, tuple) else 1
    dtype: np.dtype[Any] = (probe[0] if isinstance(probe, tuple) else probe).dtype
    blocks = [np.empty(min(BLOCK, size), source.dtype) for source in sources]
    # The two results of a pair alternate in Fortran order and follow one another in C order.
    interleaved = fortran_order and results > 1
    stored = np.empty((min(BLOCK, size), results), dtype)
    rows = stored.T if interleaved else stored.reshape(results, -1)
    out_shape = (results, *shape) if results > 1 else shape
    head = header(target, dtype, fortran_order, out_shape)
    with replacing(target) as file:
        write(file, memoryview(head), target)
        for start in range(0, size, BLOCK):
            count = min(BLOCK, size - start)
            for source, block in zip(sources, blocks, strict=True):
                source.read_into(block[:count])
            parts = tuple(row[:count] for row in rows)
            evaluate(*(block[:count] for block in blocks), out=parts if results > 1 else parts[0])
            if interleaved:
                write(file, as_bytes(stored[:count]), target)
            else:
                for index, part in enumerate(parts):
                    file.seek(len(head) + (index * size + start) * dtype.itemsize)
                    write(file, as_bytes(part), target)
            progress(count)
    return dtype
