"""The build: emit the kernels from the definitions and compile them once for each instruction set.

FASTACT_NO_EXTENSION=1 skips the extension, FASTACT_BUILD_ISAS=baseline,avx2 restricts its instruction sets. On Windows
it takes clang-cl, or MinGW's gcc: Microsoft's cl has no C11 atomics and no vector arithmetic.
"""

import importlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import BaseError, CCompilerError, ExecError, PlatformError
from setuptools.modified import newer_group

# Newer versions of pip show ten lines on folders that come before an installed package, which is the purpose here.
warnings.filterwarnings("ignore", "Editable installation")

ROOT = Path(__file__).resolve().parent
CSRC = Path("csrc")
PYX = Path("fastact/backends/cython/_native.pyx")
KERNELS = Path("fastact/backends/numba/_kernels")
# The type stubs, and what writes each.
STUBS = {
    Path("fastact/__init__.pyi"): "fastact.functions.stub",
    Path("fastact/torch/__init__.pyi"): "fastact.functions.stub_torch",
}
INCLUDE = Path("fastact/include")
NOT_BUILT = Path("fastact/backends/cython/not_built.txt")  # why; read by backend.py beside it

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
# Windows keeps the stack at multiples of 16 bytes only, and gcc there spills vectors of 32 and 64 bytes with
# instructions that ask for more (GCC bug 54412). The assembler, of binutils 2.38 or newer, replaces them.
MINGW_FLAGS = ["-Wa,-muse-unaligned-vector-move"]
NO_COMPILER = (
    "clang-cl was not found beside Visual Studio, and no MinGW gcc on the PATH; either builds it"
)
ERROR = re.compile(r"\berror\b|undefined|unrecognized|cannot find", re.IGNORECASE)
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


def clang_cl(cl):
    """Return the path of clang-cl: on the PATH, among the tools of Visual Studio, where its `cl` is, or LLVM's own."""
    tools = cl.parents[5] if len(cl.parents) > 5 else cl.parent
    folders = [tools / "Llvm" / host / "bin" for host in ("x64", "ARM64")]
    folders.append(Path(os.environ.get("PROGRAMFILES", "C:/Program Files")) / "LLVM/bin")
    for path in (None, *map(str, folders)):
        if found := shutil.which("clang-cl", path=path):
            return found
    raise PlatformError(NO_COMPILER)


def is_clang(command):
    """Tell clang from gcc, whatever it is called."""
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return "clang" in version.stdout


def report_errors(compiler):
    """Make the function of a compiler that runs a command name the first error of one that fails."""
    name = "call" if hasattr(compiler, "call") else "spawn"  # setuptools before 84
    plain = getattr(compiler, name)

    def run(command, **options):
        try:
            plain(command, **options)
        except (ExecError, OSError, subprocess.CalledProcessError) as error:
            raise OSError(first_error(command) or str(error)) from error

    setattr(compiler, name, run)


def first_error(command):
    """Run a command that has failed once more, for the line of its output that tells why."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError:
        return None
    lines = (done.stderr + done.stdout).strip().splitlines()
    return next((line for line in lines if ERROR.search(line)), lines[-1] if lines else None)


def emitter():
    """Import the compiler of this source tree, which needs no built file."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return importlib.import_module("fastact.compiler.build")


def emit_python(root):
    """Write what is emitted into the package: Numba kernels, headers for C and Cython, and the type stubs."""
    emitter().write_numba(root / KERNELS)
    emitter().write_headers(root / INCLUDE)
    for path, module in STUBS.items():  # the emitter has made the source tree importable
        (root / path).write_text(importlib.import_module(module).stub(), encoding="utf-8")


class BuildKernels(build_py):
    """Adds the emitted files: next to the sources for an editable install."""

    def _root(self):
        return ROOT if self.editable_mode else Path(self.build_lib)

    def run(self):
        super().run()
        emit_python(self._root())

    def get_outputs(self, include_bytecode=True):
        root = self._root()
        emitted = [root / "fastact/api.pxd", *(root / KERNELS).glob("*.py")]
        emitted += [root / path for path in STUBS]
        emitted += (root / INCLUDE).rglob("*.h")
        return list({*super().get_outputs(include_bytecode), *map(str, emitted)})


class BuildNative(build_ext):
    """Compiles the kernels with each instruction set's flags; if that fails, builds without the extension."""

    failure = None

    def finalize_options(self):
        super().finalize_options()
        if sys.platform == "win32" and self.compiler is None:
            chosen = os.environ.get("CC") or ("clang-cl" if shutil.which("clang-cl") else "gcc")
            if "clang-cl" not in chosen and shutil.which(chosen):
                self.compiler = "mingw32"

    def run(self):
        if self.editable_mode:
            # Not in a temporary folder, so that the next `pip install -e .` compiles only what has changed.
            self.build_temp = f"build/temp.{self.plat_name}-{sys.implementation.cache_tag}"
        super().run()
        if self.inplace:
            emit_python(ROOT)
        for root in {Path(self.build_lib), *([ROOT] if self.inplace else [])}:
            self._report(root / NOT_BUILT)

    def _report(self, path):
        """Leave behind why the extension was not built, for `fastact info`; nothing if it was."""
        path.unlink(missing_ok=True)
        if self.failure:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.failure + "\n", encoding="utf-8")

    def build_extension(self, ext):
        try:
            self._build_native(ext)
        except (BaseError, CCompilerError, ImportError, OSError) as error:
            self.failure = " ".join(str(error).split())
            print(
                "fastact: the cython backend was not built; numba, where it is installed, and numpy remain "
                f"({self.failure})",
                file=sys.stderr,
            )

    def _build_native(self, ext):
        flags = self._prepare_compiler(ext)
        emitted = Path(self.build_temp) / "kernels"
        emitter().write_c(emitted)
        entries = instruction_sets()
        emitter().write(emitted / "built.def", "\n".join(entry[0] for entry in entries) + "\n")
        command = emitted / "command"  # includes CC and CFLAGS: a change recompiles everything
        emitter().write(command, " ".join([*self._compiler_command(), *flags([])]))
        lanes = {CSRC / f"lanes/{entry[1]}.h" for entry in entries}
        headers = sorted({*CSRC.rglob("*.h")} - lanes)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            units = [
                pool.submit(
                    self._compile,
                    CSRC / "kernels.c",
                    [CSRC / f"lanes/{isa}.h", *headers, *emitted.glob("kernels*"), command],
                    include_dirs=[str(CSRC), str(emitted)],
                    macros=[("LANES", f'"lanes/{isa}.h"'), ("TABLE", f"fastact_table_{isa}")],
                    extra_postargs=flags(options.split()),
                    output_dir=f"{self.build_temp}/{isa}",
                )
                for isa, _, options in (entry.groups() for entry in entries)
            ]
            others = {*CSRC.rglob("*.c")} - {CSRC / "kernels.c"}
            for source in (self._cythonized(ext), *sorted(others)):
                unit = pool.submit(
                    self._compile,
                    source,
                    [*headers, emitted / "built.def", command],
                    include_dirs=[*ext.include_dirs, str(emitted)],
                    extra_postargs=flags([]),
                    output_dir=self.build_temp,
                )
                units.append(unit)
            ext.extra_objects = [unit.result() for unit in units]
        ext.sources, ext.depends = [], ext.extra_objects
        super().build_extension(ext)

    def _prepare_compiler(self, ext):
        """Complete compiler and extension for this system; return what makes the flags from those of one file."""
        report_errors(self.compiler)
        if self.compiler.compiler_type == "msvc":
            self.compiler.initialize(self.plat_name)
            self.compiler.cc = clang_cl(Path(self.compiler.cc))
            options = self.compiler.compile_options
            self.compiler.compile_options = [option for option in options if option != "/GL"]
            return lambda more: [f"/clang:{flag}" for flag in FLAGS + more]
        mingw = self.compiler.compiler_type == "mingw32"
        ext.extra_link_args += ["-static-libgcc"] if mingw else ["-pthread"]
        ext.libraries += ["m"]
        if mingw and machine() == "x86_64" and not is_clang(self._compiler_command()[0]):
            return lambda more: FLAGS + MINGW_FLAGS + more
        return lambda more: FLAGS + more

    def _compiler_command(self):
        if self.compiler.compiler_type == "msvc":
            return [self.compiler.cc, *self.compiler.compile_options]
        return self.compiler.compiler_so

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
    return [
        Extension(
            "fastact.backends.cython._native",
            [str(PYX)],
            include_dirs=[str(CSRC)],
            optional=True,
        )
    ]


if sys.platform == "darwin":
    # A universal Python would compile each file for both processors, with the flags of one.
    os.environ.setdefault("ARCHFLAGS", f"-arch {platform.machine()}")

setup(ext_modules=extensions(), cmdclass={"build_ext": BuildNative, "build_py": BuildKernels})
