"""The kernel dialect: scalar Python functions traced to graphs, and emitted as C lanes and as Numba source."""
