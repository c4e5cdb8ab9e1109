from collections.abc import Callable
from typing import Any, TypeVar, final

import numpy as np
import numpy.typing as npt

_Class = TypeVar("_Class", bound=type)

class Caller:
    """Base of the public passes: takes plain arrays to a native kernel without a line of Python."""

    def prepare(
        self, table: Any, chosen: Any, state: Any, n_in: int, n_out: int, defaults: Any
    ) -> None:
        """Set what a call needs: the kernels by backend, the choice of backend, the default parameters."""

    def __call__(self, *args: Any, **options: Any) -> Any: ...

def fast_call(cls: _Class) -> _Class:
    """Decorate a class derived from Caller."""

class Kernel:
    """One pass of one function for one dtype: takes the inputs, the outputs and the parameters."""

    def __call__(self, *args: npt.NDArray[np.floating] | float) -> None: ...
    def summed(self, *args: npt.NDArray[np.floating] | float) -> float:
        """Do the same without an array for the first output, of which the sum is returned."""

    def rows(self, *args: npt.NDArray[np.floating] | float) -> None:
        """Do the same with two-dimensional arrays of one shape, whose rows are contiguous."""

@final
class Compiled(Kernel):
    """A kernel of machine code that is compiled when it is first needed."""

    def __init__(
        self,
        key: tuple[str, str, str],
        arrays: str,
        n_params: int,
        cost: str,
        defaults: tuple[float, ...],
        compile: Callable[[str, bool], tuple[int, int]],
    ) -> None: ...

@final
class RowKernel:
    """One pass of one row function for one dtype.

    Takes the inputs, the row inputs, the output, the row outputs, the mask or None, and the parameters.
    """

    def __call__(self, *args: npt.NDArray[Any] | float | None) -> None: ...
    def columns(self, *args: npt.NDArray[Any] | float | None) -> None:
        """Do the same with arrays (1, axis, inner) that are some columns of wider ones."""

    def in_parts(
        self, length: int, load: Any, store: Any, *args: npt.NDArray[Any] | float | None
    ) -> None:
        """Compute one row, of which the arrays hold parts that `load` puts there and `store` fetches."""

    def contiguous(self, g: Any, x: Any, axis: int, temperature: float, out: Any) -> Any:
        """Compute over plain contiguous arrays of any shape, or return None if they are not."""

def available_isas() -> dict[str, str]:
    """Return the instruction sets that this processor can run, best first, each described."""

def kernels(isa: str) -> dict[tuple[str, str, str], Kernel]:
    """Return the kernels of one instruction set by name, pass and "f32" or "f64"."""

def row_kernels(isa: str) -> dict[tuple[str, str, str], RowKernel]:
    """Return the row kernels of one instruction set by name, pass and "f32" or "f64"."""

def set_threads(threads: int) -> None:
    """Set how many threads a large call may use, including the caller."""

@final
class Environment:
    """The floating-point environment of the kernels, for the body of one ``with`` statement."""

    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...

def share(piece: int, context: int, pieces: int) -> None:
    """Run a job on the thread pool: call the code at an address with the context and the number of each piece.

    The code follows Numba's calling convention.
    """

def convert(source: Any, target: Any) -> bool: ...
def running_maximum(x: Any, carried: Any, maximum: Any, exponents: Any) -> None:
    """Fill the maximum up to each element of each row, and three arrays of exponents."""

def recurrence(factor: Any, carried: Any, terms: Any) -> None:
    """Replace the terms t of each row by s with s[k] = factor[k]*s[k - 1] + t[k]."""
