from typing import final

import numpy as np
import numpy.typing as npt

@final
class Kernel:
    """One pass of one function for one dtype: takes the inputs, the outputs and the parameters."""

    def __call__(self, *args: npt.NDArray[np.floating] | float) -> None: ...

def available_isas() -> dict[str, str]:
    """Return the instruction sets that this processor can run, best first, each described."""

def kernels(isa: str) -> dict[tuple[str, str, str], Kernel]:
    """Return the kernels of one instruction set by name, pass and "f32" or "f64"."""

def set_threads(threads: int) -> None:
    """Set how many threads, the caller included, a large call may use."""
