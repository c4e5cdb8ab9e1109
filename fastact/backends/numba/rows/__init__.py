"""Row kernels of the Numba backend."""
