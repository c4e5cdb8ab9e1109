"""The row functions of the numba backend; :func:`row_kernel` is the one door.

layout.py has the words: tiles, steps, slots, tasks and parts. kernel.py is what is called, plan.py decides how a shape
is computed, tasks.py runs the phases that phases.py makes of the emitted pieces, in terms of the vectors of vectors.py.
"""

from .kernel import row_kernel

__all__ = ["row_kernel"]
