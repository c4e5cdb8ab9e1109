"""Hold fastact and every peer to one instruction set, which they choose when they are loaded."""

from __future__ import annotations

import os
import sys

#: Instruction set -> the variables of fastact, PyTorch, its MKL, JAX and Numba. NumPy names what it is to leave out.
VARIABLES = {
    "avx2": {
        "FASTACT_ISA": "avx2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt",
    },
}


def numpy_beyond() -> str:
    """Return the instruction sets beyond AVX2 that NumPy has code for and this processor has."""
    from numpy._core import _multiarray_umath as umath

    found = [
        name
        for name in umath.__cpu_dispatch__
        if ("AVX512" in name or name == "X86_V4") and umath.__cpu_features__.get(name)
    ]
    return " ".join(found)


def hold(isa: str | None) -> None:
    """Start this process anew with the variables of an instruction set, unless it has them."""
    if isa is None or held() == isa:
        return
    disabled = {"NPY_DISABLE_CPU_FEATURES": numpy_beyond()}
    os.execve(sys.executable, sys.orig_argv, os.environ | VARIABLES[isa] | disabled)


def held() -> str | None:
    """Return the instruction set that all are held to, if they are."""
    isa = os.environ.get("FASTACT_ISA")
    wanted = VARIABLES.get(isa or "", {"": ""})
    return isa if all(os.environ.get(name) == value for name, value in wanted.items()) else None
