"""Build: emit the kernels from the table, compile one unit for each instruction set, bind them.

FASTACT_NO_EXTENSION=1 skips the extension, FASTACT_BUILD_ISAS=baseline,avx2 restricts its units.
"""

import importlib
import os
import platform
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import BaseError, CCompilerError
from setuptools.modified import newer_group

ROOT = Path(__file__).resolve().parent
CSRC = Path("csrc")
NATIVE = Path("fastact/backends/cython")
PYX = NATIVE / "_native.pyx"
PXI = sorted(NATIVE.glob("*.pxi"))
KERNELS = Path("fastact/backends/numba/_kernels")
STUB = Path("fastact/__init__.pyi")

# Never -ffast-math, which would set flush-to-zero for the whole process, and never -march=native:
# the instruction set is chosen at load.
FLAGS = [
    "-O2",
    "-g0",
    "-std=c11",
    "-fno-fast-math",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fvisibility=hidden",
]
ISA_FLAGS = {
    "x86_64": {"baseline": [], "avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f"]},
    "aarch64": {"baseline": [], "neon": []},
}


def machine():
    """Return the processor family that is built for, under its Linux name."""
    target = sysconfig.get_platform().rpartition("-")[2]
    if target == "universal2":
        target = platform.machine()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(target.lower(), target)


def isa_flags():
    """Return the instruction sets to compile, each with its compiler flags."""
    known = ISA_FLAGS.get(machine(), {"baseline": []})
    chosen = os.environ.get("FASTACT_BUILD_ISAS", ",".join(known)).split(",")
    if not set(chosen) <= set(known):
        sys.exit(f"FASTACT_BUILD_ISAS={','.join(chosen)!r}: choose from {', '.join(known)}")
    return {isa: known[isa] for isa in chosen}


def emitter():
    """Import the compiler of this source tree, which needs nothing that is being built."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module("fastact.compiler.build")


def emit_python(root):
    """Write what the build emits besides C: the Numba kernels and the type stub."""
    emitter().write_numba(root / KERNELS)
    write_stub(root / STUB)


def write_stub(path):
    """Write the type stub, which is made of the signatures of the functions themselves."""
    emitter()  # which has the source tree importable
    path.write_text(importlib.import_module("fastact.functions.stub").stub(), encoding="utf-8")


class BuildKernels(build_py):
    """Adds what is emitted: beside the sources if those are what will be imported."""

    def _root(self):
        return ROOT if self.editable_mode else Path(self.build_lib)

    def run(self):
        super().run()
        emit_python(self._root())

    def get_outputs(self, include_bytecode=True):
        emitted = [self._root() / STUB, *(self._root() / KERNELS).glob("*.py")]
        return list({*super().get_outputs(include_bytecode), *map(str, emitted)})


class BuildNative(build_ext):
    """Compiles each instruction set's unit with its own flags; what cannot be built is left out."""

    def run(self):
        super().run()
        if self.inplace:
            emit_python(ROOT)

    def build_extension(self, ext):
        try:
            self._build_native(ext)
        except (BaseError, CCompilerError, ImportError, OSError) as error:
            print(
                f"fastact: the cython backend was not built; numba and numpy remain ({error})",
                file=sys.stderr,
            )

    def _build_native(self, ext):
        generated = Path(self.build_temp) / "kernels"
        emitter().write_c(generated)
        ext.depends = [str(path) for path in (*CSRC.iterdir(), *generated.iterdir(), PYX, *PXI)]
        if not self.force and not newer_group(ext.depends, self.get_ext_fullpath(ext.name)):
            return
        isas = isa_flags()

        def compile_unit(isa):
            return self.compiler.compile(
                [str(CSRC / f"kernels_{isa}.c")],
                output_dir=self.build_temp,
                include_dirs=[str(CSRC), str(generated)],
                extra_postargs=FLAGS + isas[isa],
            )

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for objects in pool.map(compile_unit, isas):
                ext.extra_objects += objects
        ext.define_macros += [(f"FASTACT_HAVE_{isa.upper()}", "1") for isa in isas]
        ext.sources = [self._cythonized(ext)]
        ext.sources += [str(CSRC / f"{name}.c") for name in ("code", "dispatch", "pool", "rows")]
        super().build_extension(ext)

    def _cythonized(self, ext):
        import numpy
        from Cython.Build import cythonize

        ext.include_dirs.append(numpy.get_include())
        (binding,) = cythonize([Extension(ext.name, [str(PYX)])], build_dir=self.build_temp)
        return binding.sources[0]


def extensions():
    """Return the extension, or nothing where it cannot be."""
    if os.environ.get("FASTACT_NO_EXTENSION", "0") not in ("", "0"):
        return []
    if sys.platform == "win32":
        print("fastact: no cython backend on Windows (no POSIX threads); numba and numpy remain")
        return []
    return [
        Extension(
            "fastact.backends.cython._native",
            [str(PYX)],
            include_dirs=[str(CSRC)],
            libraries=["m"],
            extra_compile_args=FLAGS,
            extra_link_args=["-pthread"],
            optional=True,
        )
    ]


if sys.platform == "darwin":
    # A universal Python would have each unit compiled for both processors, with one's flags.
    os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}")

setup(ext_modules=extensions(), cmdclass={"build_ext": BuildNative, "build_py": BuildKernels})
