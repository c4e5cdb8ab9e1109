"""From definitions to C and Numba source, the type stub included: a part of the build."""
