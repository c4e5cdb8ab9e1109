"""The version, which the build, the cache of compiled kernels and the command line read."""

__version__ = "0.1.0"
