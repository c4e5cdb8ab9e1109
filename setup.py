"""The build: emit the kernels from the definitions and compile them once for each instruction set.

FASTACT_NO_EXTENSION=1 skips the extension, FASTACT_BUILD_ISAS=baseline,avx2 restricts its instruction sets.
"""

import importlib
import os
import platform
import re
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
PYX = Path("fastact/backends/cython/_native.pyx")
KERNELS = Path("fastact/backends/numba/_kernels")
STUB = Path("fastact/__init__.pyi")
INCLUDE = Path("fastact/include")

# Never -ffast-math, which sets flush-to-zero for the whole process, and never -march=native: the
# instruction set is chosen at load time.
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
# An entry of csrc/instruction_sets.def: name, processor, compiler flags.
ENTRY = re.compile(r'^INSTRUCTION_SET\((\w+), (\w+), "(.*?)".*?\)$', re.MULTILINE | re.DOTALL)


def machine():
    """Return the target processor family, by its Linux name."""
    target = sysconfig.get_platform().rpartition("-")[2]
    if target == "universal2":
        target = platform.machine()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(target.lower(), target)


def instruction_sets():
    """Return the entries of the instruction sets to compile, best first."""
    entries = ENTRY.finditer((CSRC / "instruction_sets.def").read_text(encoding="utf-8"))
    known = {entry[1]: entry for entry in entries if entry[2] in ("any", machine())}
    chosen = (os.environ.get("FASTACT_BUILD_ISAS") or ",".join(known)).split(",")
    if not set(chosen) <= set(known):
        sys.exit(f"FASTACT_BUILD_ISAS={','.join(chosen)!r}: choose from {', '.join(known)}")
    return [entry for isa, entry in known.items() if isa in chosen]


def emitter():
    """Import the compiler of this source tree, which needs no built file."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module("fastact.compiler.build")


def emit_python(root):
    """Write what is emitted into the package: Numba kernels, headers for C and Cython, and the type stub."""
    emitter().write_numba(root / KERNELS)
    emitter().write_headers(root / INCLUDE)
    write_stub(root / STUB)


def write_stub(path):
    """Write the type stub, from the signatures of the functions."""
    emitter()  # makes the source tree importable
    path.write_text(importlib.import_module("fastact.functions.stub").stub(), encoding="utf-8")


class BuildKernels(build_py):
    """Adds the emitted files: next to the sources for an editable install."""

    def _root(self):
        return ROOT if self.editable_mode else Path(self.build_lib)

    def run(self):
        super().run()
        emit_python(self._root())

    def get_outputs(self, include_bytecode=True):
        root = self._root()
        emitted = [root / STUB, root / "fastact/api.pxd", *(root / KERNELS).glob("*.py")]
        emitted += (root / INCLUDE).rglob("*.h")
        return list({*super().get_outputs(include_bytecode), *map(str, emitted)})


class BuildNative(build_ext):
    """Compiles the kernels with each instruction set's flags; if that fails, builds without the extension."""

    def run(self):
        if self.editable_mode:
            # Not in a temporary folder, so that the next `pip install -e .` compiles only what has changed.
            self.build_temp = f"build/temp.{self.plat_name}-{sys.implementation.cache_tag}"
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
        emitted = Path(self.build_temp) / "kernels"
        emitter().write_c(emitted)
        entries = instruction_sets()
        emitter().write(emitted / "built.def", "\n".join(entry[0] for entry in entries) + "\n")
        command = emitted / "command"  # includes CC and CFLAGS: a change recompiles everything
        emitter().write(command, " ".join(self.compiler.compiler_so))
        headers = [path for path in CSRC.rglob("*.h") if path.parent.name != "lanes"]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            units = [
                pool.submit(
                    self._compile,
                    CSRC / "kernels.c",
                    [CSRC / f"lanes/{isa}.h", *headers, *emitted.glob("kernels*"), command],
                    include_dirs=[str(CSRC), str(emitted)],
                    macros=[("LANES", f'"lanes/{isa}.h"'), ("TABLE", f"fastact_table_{isa}")],
                    extra_postargs=FLAGS + flags.split(),
                    output_dir=f"{self.build_temp}/{isa}",
                )
                for isa, _, flags in (entry.groups() for entry in entries)
            ]
            others = {*CSRC.rglob("*.c")} - {CSRC / "kernels.c"}
            for source in (self._cythonized(ext), *sorted(others)):
                unit = pool.submit(
                    self._compile,
                    source,
                    [*headers, emitted / "built.def", command],
                    include_dirs=[*ext.include_dirs, str(emitted)],
                    extra_postargs=FLAGS,
                    output_dir=self.build_temp,
                )
                units.append(unit)
            ext.extra_objects = [unit.result() for unit in units]
        ext.sources, ext.depends = [], ext.extra_objects
        super().build_extension(ext)

    def _compile(self, source, includes, **options):
        """Compile one file, unless its object is newer than everything it is made from."""
        (target,) = self.compiler.object_filenames([str(source)], output_dir=options["output_dir"])
        if self.force or newer_group([source, *includes, "setup.py"], target):
            self.compiler.compile([str(source)], **options)
        return target

    def _cythonized(self, ext):
        import numpy
        from Cython.Build import cythonize

        ext.include_dirs.append(numpy.get_include())
        (binding,) = cythonize([Extension(ext.name, [str(PYX)])], build_dir=self.build_temp)
        return Path(binding.sources[0])


def extensions():
    """Return the extension, or nothing where it cannot be built."""
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
            extra_link_args=["-pthread"],
            optional=True,
        )
    ]


if sys.platform == "darwin":
    # A universal Python would compile each file for both processors, with the flags of one.
    os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}")

setup(ext_modules=extensions(), cmdclass={"build_ext": BuildNative, "build_py": BuildKernels})
