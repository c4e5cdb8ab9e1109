"""Build the module in place: python setup.py build_ext --inplace."""

import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

import fastact

# What lets gcc and clang vectorise the loops, with the fused multiply-add of this machine's processor.
FLAGS = ["-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]

module = Extension(
    "cython_loops",
    ["cython_loops.pyx"],
    include_dirs=[fastact.get_include()],
    extra_compile_args=[] if sys.platform == "win32" else FLAGS,
)
setup(name="cython_loops", ext_modules=cythonize([module]))
