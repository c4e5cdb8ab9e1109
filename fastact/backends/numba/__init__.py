"""The backend that Numba compiles when it is first used."""
